import { copyBytes, type MessageBuffer } from "../protocol/message-buffer.js";
import {
  bytesOf,
  CLOSED_WORD,
  countOf,
  LATEST_WORD,
  ordinalOf,
  ordinalWord,
  PADDING,
  PRODUCER_PLACE,
  RECORD,
  RECORD_HEADER_BYTES,
  RECORDS_WORD,
  type RingKind,
  recordBytes,
  recordWord,
  SLEEPER,
  STATE_MASK,
  TAIL_WORD,
} from "./layout.js";
import type { RingMemory } from "./memory.js";
import { advance, joined, loadPosition, repair } from "./position.js";
import { badSource, isRecord, type OfferResult, RingEnd, type RingEndOptions } from "./ring-end.js";

/** Up to here a copy is worth no call. */
const SHORT_BYTES_MAX = 160;

/**
 * The producer of a ring that has only one. Records are written behind TAIL, where nobody reads, and published by moving
 * it; so a producer that dies leaves nothing half-written behind.
 */
export abstract class SingleProducer extends RingEnd {
  /** Positions are kept in 32 bits: they wrap, and differences stay exact. */
  protected tail: number;
  #published: number;
  #publishedHigh: number;
  /** The last record that was written, and how many there were. */
  #latest: number;
  #records: number;
  #claimedBytes = -1;
  #refusal: OfferResult = "sent";
  readonly #stagedBytesMax: number;

  /** @throws AlphaPulseError BAD_RING, or RING_IN_USE where a producer that lives has the ring */
  constructor(memory: SharedArrayBuffer | RingMemory, kind: RingKind, options: RingEndOptions) {
    super(memory, kind);
    this.takePlace(PRODUCER_PLACE, "producer", options);
    const { words } = this;
    this.tail = (words[TAIL_WORD] as number) & ~7;
    this.#latest = (words[LATEST_WORD] as number) & ~7;
    this.#records = words[RECORDS_WORD] as number;
    this.#stagedBytesMax = this.capacity / 4;
    try {
      this.#recover();
    } catch (error) {
      this.dropPlace();
      throw error;
    }
    this.#published = this.tail;
    this.#publishedHigh = words[TAIL_WORD + 1] as number;
    this.memory.wake(words, TAIL_WORD); // a producer that died may have published, and not woken
  }

  /** Bytes since the ring was made, up to the end of what was published. */
  get position(): bigint {
    return joined(this.#publishedHigh, this.#published);
  }

  /** Why the last {@link SingleProducer.tryClaim} gave nothing. */
  get refusal(): OfferResult {
    return this.#refusal;
  }

  /**
   * Copies a record into the ring and publishes it. Never blocks or allocates. A record is contiguous: one that would
   * cross the end of the memory begins at its start, and padding fills the end.
   */
  offer(source: MessageBuffer, offset: number, byteLength: number): OfferResult {
    const result = this.stage(source, offset, byteLength);
    if (result === "sent") this.publish();
    return result;
  }

  /** The same without publishing: for several records at once. What is refused publishes what was staged before it. */
  stage(source: MessageBuffer, offset: number, byteLength: number): OfferResult {
    const at = this.#reserve(byteLength);
    if (at < 0) return this.#refusal;
    if ((offset | 0) !== offset || byteLength > SHORT_BYTES_MAX) {
      this.checkSource(source, offset, byteLength);
      copyBytes(source, offset, byteLength, this.buffer, at + RECORD_HEADER_BYTES);
    } else this.#copyShort(source.view, offset, byteLength, at + RECORD_HEADER_BYTES);
    this.#append(at, byteLength);
    return "sent";
  }

  /** Publishes what was staged, and wakes a reader that sleeps. */
  publish(): void {
    const { words, tail } = this;
    const before = this.#published;
    if (tail === before) return;
    this.#published = tail;
    const isCarry = tail >>> 0 < before >>> 0;
    if (isCarry) Atomics.store(words, TAIL_WORD + 1, ++this.#publishedHigh);
    const was = Atomics.exchange(words, TAIL_WORD, tail);
    if (isCarry) Atomics.store(words, TAIL_WORD + 2, this.#publishedHigh);
    advance(words, LATEST_WORD, this.#latest);
    advance(words, RECORDS_WORD, this.#records);
    if ((was & SLEEPER) !== 0) this.memory.wake(words, TAIL_WORD);
  }

  /**
   * Room for a record, to be written in place and then committed: an offset in {@link RingEnd.buffer}, or -1 and
   * {@link SingleProducer.refusal} says why. A record that was claimed before and not committed is dropped.
   */
  tryClaim(byteLength: number): number {
    const at = this.#reserve(byteLength);
    if (at < 0) return -1;
    this.#claimedBytes = byteLength;
    return at + RECORD_HEADER_BYTES;
  }

  /** Publishes what was claimed. Where the ring was closed meanwhile it is dropped, and where nothing was claimed it says why. */
  commit(): OfferResult {
    const byteLength = this.#claimedBytes;
    if (byteLength < 0) return this.#refusal;
    this.#claimedBytes = -1;
    if (this.words[CLOSED_WORD] === 1) return "closed";
    this.#append(this.#start(recordBytes(byteLength)), byteLength);
    this.publish();
    return "sent";
  }

  /** Drops what was claimed. It takes no room. */
  abort(): void {
    this.#claimedBytes = -1;
  }

  /** Publishes what was staged, and closes the ring for all. */
  override close(): void {
    if (!this.isGone) this.publish();
    super.close();
  }

  /** Publishes what was staged, and gives the place to the next producer. The ring stays open. */
  override vacate(): void {
    if (!this.isGone) this.publish();
    super.vacate();
  }

  /** Whether everything up to this position may be written. */
  protected abstract hasRoom(end: number): boolean;

  /**
   * What {@link copyBytes} does for few bytes, written out where it is needed: the compiler inlines only so much, and
   * this is the half of an offer.
   */
  #copyShort(from: DataView, offset: number, byteLength: number, at: number): void {
    if (offset < 0 || offset + byteLength > from.byteLength) throw badSource(offset, byteLength, from.byteLength);
    const to = this.buffer.view;
    const end = offset + byteLength;
    let read = offset;
    let write = at;
    for (; read <= end - 8; read += 8, write += 8) {
      const low = from.getInt32(read, true);
      const high = from.getInt32(read + 4, true);
      to.setInt32(write, low, true); // two reads before two writes: a fifth faster than in turns
      to.setInt32(write + 4, high, true);
    }
    for (; read <= end - 4; read += 4, write += 4) to.setInt32(write, from.getInt32(read, true), true);
    for (; read < end; read++, write++) to.setUint8(write, from.getUint8(read));
  }

  /** The offset of a new record, or -1. */
  #reserve(byteLength: number): number {
    this.#claimedBytes = -1;
    if ((byteLength | 0) !== byteLength || byteLength < 0 || byteLength > this.recordBytesMax) {
      this.#refusal = this.refuseSize(byteLength);
      return -1;
    }
    if (this.words[CLOSED_WORD] === 1 || this.isGone) return this.#refuse("closed");
    const { tail } = this;
    const at = tail & this.mask;
    const needed = recordBytes(byteLength);
    const fits = at + needed <= this.capacity;
    const end = (fits ? tail + needed : tail - at + this.capacity + needed) | 0;
    if (!this.hasRoom(end)) return this.#refuse("backPressured");
    return fits ? at : 0;
  }

  #refuse(result: OfferResult): number {
    if (!this.isGone) this.publish();
    this.#refusal = result;
    return -1;
  }

  /** Where a record of so many bytes begins: here, or at the start of the memory where it does not fit. */
  #start(needed: number): number {
    const at = this.tail & this.mask;
    return at + needed > this.capacity ? 0 : at;
  }

  #append(start: number, byteLength: number): void {
    const { view } = this.buffer;
    const at = this.tail & this.mask;
    const begin = start === at ? this.tail : this.#pad(at);
    const needed = recordBytes(byteLength);
    view.setInt32(start, recordWord(RECORD, needed), true);
    view.setInt32(start + 4, ordinalWord(this.#records, needed - RECORD_HEADER_BYTES - byteLength), true);
    this.#claimedBytes = -1;
    this.#latest = begin;
    this.tail = (begin + needed) | 0;
    this.#records = (this.#records + 1) | 0;
    if (((this.tail - this.#published) | 0) > this.#stagedBytesMax) this.publish();
  }

  /** Fills the memory up to its end. Returns the position of its start. */
  #pad(at: number): number {
    const bytes = this.capacity - at;
    this.buffer.view.setInt32(at, recordWord(PADDING, bytes), true);
    return (this.tail + bytes) | 0;
  }

  /** Goes on from what a producer that died left: it may have published records that it had not counted yet. */
  #recover(): void {
    const { words, tail } = this;
    for (const word of [TAIL_WORD, LATEST_WORD, RECORDS_WORD]) repair(words, word);
    if (loadPosition(words, LATEST_WORD) === loadPosition(words, TAIL_WORD)) return; // nothing was ever published
    for (let position = this.#latest, next = position; next !== tail; position = next) {
      const at = position & this.mask;
      const word = this.buffer.view.getInt32(at, true);
      const second = this.buffer.view.getInt32(at + 4, true);
      if (!isRecord(word, second, Math.min((tail - position) | 0, this.capacity - at)))
        throw this.corrupt(loadPosition(words, LATEST_WORD));
      next = (position + bytesOf(word)) | 0;
      if ((word & STATE_MASK) !== RECORD) continue;
      this.#latest = position;
      this.#records = countOf(ordinalOf(second) + 1, this.#records);
    }
    advance(words, LATEST_WORD, this.#latest);
    advance(words, RECORDS_WORD, this.#records);
  }
}
