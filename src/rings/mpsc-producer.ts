import { AlphaPulseError } from "../protocol/errors.js";
import { copyBytes, type MessageBuffer } from "../protocol/message-buffer.js";
import {
  bytesOf,
  CLAIMED,
  CLOSED_WORD,
  FREE,
  FREED_WORD,
  HEAD_WORD,
  ordinalWord,
  PADDING,
  PRODUCER_COUNT_MAX,
  placeOf,
  RECORD,
  RECORD_HEADER_BYTES,
  RECORD_SLEEPER,
  recordBytes,
  recordWord,
  STATE_MASK,
  TAIL_WORD,
} from "./layout.js";
import type { RingMemory } from "./memory.js";
import { type OfferResult, RECORDS_INDEX, RingEnd } from "./ring-end.js";
import { Room } from "./room.js";

/**
 * One of up to 128 producers of a lossless ring with one consumer.
 *
 * A claim is one compareExchange of the record's first word, which says whose it is and how long: there is no moment at
 * which room is taken and nobody knows by whom. Whoever finds TAIL behind a claim helps it on.
 */
export class MpscProducer extends RingEnd {
  readonly #room: Room;
  readonly #place: number;
  /** The index of the claimed record's first word, or -1. */
  #claimed = -1;
  #claimedBytes = 0;
  #records = 0;
  #refusal: OfferResult = "sent";

  /** @throws AlphaPulseError BAD_RING, or RING_IN_USE where 128 producers that live have the ring */
  constructor(memory: SharedArrayBuffer | RingMemory) {
    super(memory, "mpsc");
    this.#room = new Room(this.memory, this.words, this.capacity);
    this.#place = this.#takeAnyPlace();
    try {
      this.#settle();
    } catch (error) {
      this.dropPlace();
      throw error;
    }
  }

  /** Which of the ring's places it has: what {@link RingMemory.vacate} takes once its thread is gone. */
  get place(): number {
    return this.#place;
  }

  /** Why the last {@link MpscProducer.tryClaim} gave nothing. */
  get refusal(): OfferResult {
    return this.#refusal;
  }

  /** Copies a record into the ring and publishes it. Never blocks or allocates. */
  offer(source: MessageBuffer, offset: number, byteLength: number): OfferResult {
    const at = this.tryClaim(byteLength);
    if (at < 0) return this.#refusal;
    try {
      this.checkSource(source, offset, byteLength);
      copyBytes(source, offset, byteLength, this.buffer, at);
    } catch (error) {
      this.abort();
      throw error;
    }
    return this.commit();
  }

  /**
   * Room for a record, to be written in place and then committed or aborted: an offset in {@link RingEnd.buffer}, or -1
   * and {@link MpscProducer.refusal} says why. The consumer waits for it: be quick. A record that was claimed before
   * and not committed is aborted.
   */
  tryClaim(byteLength: number): number {
    if (this.#claimed >= 0) this.abort();
    if (!(byteLength >= 0 && byteLength <= this.recordBytesMax) || (byteLength | 0) !== byteLength) {
      this.#refusal = this.refuseSize(byteLength);
      return -1;
    }
    const needed = recordBytes(byteLength);
    for (;;) {
      const tail = Atomics.load(this.words, TAIL_WORD);
      const at = tail & this.mask;
      const padding = at + needed > this.capacity ? this.capacity - at : 0;
      if (!this.#hasRoom(tail, padding + needed)) return -1;
      const index = RECORDS_INDEX + (at >> 2);
      if (
        !this.#claim(tail, index, padding > 0 ? recordWord(PADDING, padding) : recordWord(CLAIMED, needed, this.#place))
      )
        continue;
      if (padding > 0) continue;
      this.words[index + 1] = ordinalWord(this.#records, needed - RECORD_HEADER_BYTES - byteLength);
      this.#claimed = index;
      this.#claimedBytes = needed;
      return at + RECORD_HEADER_BYTES;
    }
  }

  /** Publishes what was claimed. Where the ring was closed meanwhile it is dropped, and where nothing was claimed it says why. */
  commit(): OfferResult {
    if (this.#claimed < 0) return this.#refusal;
    const isClosed = this.words[CLOSED_WORD] === 1;
    if (!isClosed) this.#records = (this.#records + 1) | 0;
    this.#finish(isClosed ? PADDING : RECORD);
    return isClosed ? "closed" : "sent";
  }

  /** Drops what was claimed: its room is padding. */
  abort(): void {
    if (this.#claimed >= 0) this.#finish(PADDING);
  }

  /** Bytes of the ring that were published and not yet consumed. */
  get pendingBytes(): number {
    return this.#room.pendingBytes;
  }

  /** Whether a consumer that lives has the ring: asks the system where it is between processes. */
  get hasConsumer(): boolean {
    return this.#room.hasConsumer;
  }

  /** Blocks until half of the ring is free or it was closed; false where the time is up first. */
  waitForRoom(timeoutMs = Number.POSITIVE_INFINITY): boolean {
    return this.#room.wait(timeoutMs);
  }

  /** Resolves once half of the ring is free, or it was closed. */
  room(): Promise<void> {
    return this.#room.ready();
  }

  /** Aborts what is claimed, and gives the place to another producer. The ring stays open for the others. */
  override vacate(): void {
    this.abort();
    super.vacate();
  }

  /** Whether so many bytes from TAIL may be claimed. Also a promise that the word at TAIL is of this lap. */
  #hasRoom(tail: number, needed: number): boolean {
    if (this.words[CLOSED_WORD] === 1 || this.isGone) {
      this.#refusal = "closed";
      return false;
    }
    // Not as it was last seen: while this producer did nothing, the others may have gone round 2^32 bytes.
    const head = Atomics.load(this.words, HEAD_WORD) & ~7;
    if (((tail - head) | 0) + needed <= this.capacity) return true;
    this.#refusal = "backPressured";
    return false;
  }

  /** Puts a word where a record at TAIL begins, and moves TAIL behind it. False where another producer was first. */
  #claim(tail: number, index: number, word: number): boolean {
    const { words } = this;
    const free = Atomics.load(words, index);
    // What was read is of this position only if TAIL is still there.
    if (Atomics.load(words, TAIL_WORD) !== tail) return false;
    if ((free & STATE_MASK) !== FREE) {
      if (bytesOf(free) === 0) throw this.corrupt(BigInt(tail >>> 0));
      Atomics.compareExchange(words, TAIL_WORD, tail, (tail + bytesOf(free)) | 0);
      return false;
    }
    const sleeper = free & RECORD_SLEEPER;
    if (Atomics.compareExchange(words, index, free, word | sleeper) !== free) return false;
    Atomics.compareExchange(words, TAIL_WORD, tail, (tail + bytesOf(word)) | 0);
    if (sleeper !== 0 && (word & STATE_MASK) === PADDING) this.memory.wake(words, index);
    return true;
  }

  #finish(state: number): void {
    const index = this.#claimed;
    this.#claimed = -1;
    const was = Atomics.exchange(this.words, index, recordWord(state, this.#claimedBytes, this.#place));
    if ((was & RECORD_SLEEPER) !== 0) this.memory.wake(this.words, index);
  }

  #takeAnyPlace(): number {
    for (let place = 0; place < PRODUCER_COUNT_MAX; place++) if (this.tryPlace(place)) return place;
    throw new AlphaPulseError("RING_IN_USE", `this ring has its ${PRODUCER_COUNT_MAX} producers: stop one of them`);
  }

  /** Makes padding of what one that died at this place had claimed: from now on nobody could tell it from a claim of this one. */
  #settle(): void {
    const { words } = this;
    let position = Atomics.load(words, HEAD_WORD) & ~7;
    for (;;) {
      const index = RECORDS_INDEX + ((position & this.mask) >> 2);
      const word = Atomics.load(words, index);
      const head = Atomics.load(words, HEAD_WORD) & ~7;
      if (((position - head) | 0) < 0) {
        position = head; // the consumer was here meanwhile
        continue;
      }
      if (((position - head) | 0) >= this.capacity) return;
      if ((word & STATE_MASK) === FREE) {
        const freed = Atomics.load(words, FREED_WORD);
        if (((freed - position) | 0) <= 0) return;
        position = freed; // the consumer is giving it back, or died over that
        continue;
      }
      if (bytesOf(word) === 0) throw this.corrupt(BigInt(position >>> 0));
      const isMine = (word & STATE_MASK) === CLAIMED && placeOf(word) === this.#place;
      if (isMine && !unclaim(this.memory, words, index, word)) continue; // the consumer set its bit meanwhile
      position = (position + bytesOf(word)) | 0;
    }
  }
}

/** Makes padding of a claim whose producer died, and wakes a consumer that sleeps. */
export function unclaim(memory: RingMemory, words: Int32Array, index: number, word: number): boolean {
  if (Atomics.compareExchange(words, index, word, recordWord(PADDING, bytesOf(word))) !== word) return false;
  if ((word & RECORD_SLEEPER) !== 0) memory.wake(words, index);
  return true;
}
