import { allocateBuffer, type MessageBuffer } from "../protocol/message-buffer.js";
import {
  bytesOf,
  INTENT_WORD,
  LATEST_WORD,
  ordinalOf,
  PADDING,
  RECORD,
  RECORD_HEADER_BYTES,
  RECORDS_WORD,
  SLEEPER,
  STATE_MASK,
  slackOf,
  TAIL_WORD,
} from "./layout.js";
import type { RingMemory } from "./memory.js";
import { joined, loadCount, loadPosition, repair } from "./position.js";
import { type ReaderOptions, RingReader } from "./reader.js";
import { isRecord, RECORDS_INDEX, type RecordHandler, type RingEndOptions } from "./ring-end.js";
import { SingleProducer } from "./single-producer.js";

/** The producer of a ring that any number of readers read, each at its own pace. It never waits for them. */
export class BroadcastProducer extends SingleProducer {
  /** Up to where readers know that memory may be overwritten: a little ahead, so that not every record has to say it. */
  #intent: number;
  #intentHigh: number;
  readonly #aheadBytes: number;

  /** @throws AlphaPulseError BAD_RING, or RING_IN_USE where a producer that lives has the ring */
  constructor(memory: SharedArrayBuffer | RingMemory, options: RingEndOptions = {}) {
    super(memory, "broadcast", options);
    repair(this.words, INTENT_WORD);
    this.#intent = this.words[INTENT_WORD] as number;
    this.#intentHigh = this.words[INTENT_WORD + 1] as number;
    this.#aheadBytes = this.capacity / 16;
  }

  protected hasRoom(end: number): boolean {
    if (((this.#intent - end) | 0) < 0) this.#announce((end + this.#aheadBytes) | 0);
    return true;
  }

  #announce(intent: number): void {
    const { words } = this;
    const isCarry = intent >>> 0 < this.#intent >>> 0;
    this.#intent = intent;
    if (isCarry) Atomics.store(words, INTENT_WORD + 1, ++this.#intentHigh);
    Atomics.store(words, INTENT_WORD, intent); // before any byte behind the last intent is written
    if (isCarry) Atomics.store(words, INTENT_WORD + 2, this.#intentHigh);
  }
}

/** What a reader of a broadcast ring lost because it was slower than the producer for a whole ring. */
export interface Loss {
  /** Records that were published and not handed over. */
  readonly records: bigint;
  /** Bytes of the ring that it passed over: those records with their headers, and padding. */
  readonly bytes: bigint;
}

/** How a reader of a broadcast ring is made. */
export interface BroadcastReaderOptions extends Omit<ReaderOptions, "takeOver"> {
  /** Told of each loss, before the first record after it. */
  lost(loss: Loss): void;
}

/** Bytes that are copied out of the ring at once. */
const CHUNK_BYTES = 4_096;
/** A producer that overtakes a reader more often than this is left alone until the next poll. */
const REFILLS_MAX = 4;
const LANDINGS_MAX = 1_000;
/** A reader that joins a small ring of a quick producer tries for some tenths of a second. */
const JOINS_MAX = 100;

/**
 * One of any number of readers of a broadcast ring. It begins with what is published next, and hands over copies: what
 * lies in the ring may be overwritten at any time.
 */
export class BroadcastReader extends RingReader {
  #lost: (loss: Loss) => void;
  #lostRecords = 0n;
  #lostBytes = 0n;
  /** Where the next record to hand over begins. */
  #position = 0;
  #positionHigh = 0;
  /** How many records there were before it. */
  #records = 0;
  #recordsHigh = 0;
  /** Bytes of the ring from #position on that were copied, and checked after. */
  #copy: MessageBuffer;
  #copyWords: Int32Array;
  #copied = 0;
  #given = 0;

  /** @throws AlphaPulseError BAD_RING */
  constructor(memory: SharedArrayBuffer | RingMemory, { lost, ...options }: BroadcastReaderOptions) {
    super(memory, "broadcast", options);
    this.#lost = skip; // nothing is lost before it begins
    this.#copy = allocateBuffer(Math.min(CHUNK_BYTES, this.capacity));
    this.#copyWords = new Int32Array(this.#copy.bytes.buffer);
    this.#join();
    this.#lost = lost;
    this.#lostRecords = 0n;
    this.#lostBytes = 0n;
  }

  /** All records that were lost so far. */
  get lostRecords(): bigint {
    return this.#lostRecords;
  }

  /** All bytes of the ring that were lost so far. */
  get lostBytes(): bigint {
    return this.#lostBytes;
  }

  override get position(): bigint {
    return joined(this.#positionHigh, this.#position);
  }

  override get hasRecords(): boolean {
    return this.#given < this.#copied || this.#bytesTo(TAIL_WORD) > 0;
  }

  protected override consume(handler: RecordHandler, limit: number): number {
    let count = 0;
    while (count < limit) {
      if (this.#given === this.#copied && !this.#refill(RECORD_HEADER_BYTES)) break;
      if (this.#next(handler)) count++;
    }
    return count;
  }

  /** Ends this reader: it waits for nothing more. The ring stays open for its producer and the other readers. */
  override close(): void {
    this.vacate();
  }

  protected override arm(): number {
    if (this.hasRecords) return -1;
    const tail = this.#position;
    this.sleepValue = tail | SLEEPER;
    const was = Atomics.compareExchange(this.words, TAIL_WORD, tail, tail | SLEEPER);
    return was === tail || was === this.sleepValue ? TAIL_WORD : -1;
  }

  /** Goes past one copied record or padding; whether it was a record. */
  #next(handler: RecordHandler): boolean {
    const { view } = this.#copy;
    const at = this.#given;
    const word = view.getInt32(at, true);
    const bytes = bytesOf(word);
    if (bytes > this.#copied - at) {
      this.#refill(bytes); // copied from its beginning, or lost
      return false;
    }
    const second = view.getInt32(at + 4, true);
    if (!isRecord(word, second, bytes)) throw this.corrupt(this.position);
    this.#given = at + bytes;
    this.#goOn(bytes);
    if ((word & STATE_MASK) !== RECORD) return false;
    this.#records = (this.#records + 1) | 0;
    if (this.#records === 0) this.#recordsHigh++;
    handler(this.#copy, at + RECORD_HEADER_BYTES, bytes - RECORD_HEADER_BYTES - slackOf(second));
    return true;
  }

  /** Copies what comes next, at least so much; false where nothing was published. What was overwritten meanwhile is lost. */
  #refill(bytesLeast: number): boolean {
    let least = bytesLeast;
    this.#given = 0;
    this.#copied = 0;
    for (let tries = 0; tries < REFILLS_MAX; tries++) {
      const lag = this.#bytesTo(TAIL_WORD);
      if (lag === 0) return false;
      const at = this.#position & this.mask;
      const available = Math.min(lag, this.capacity - at);
      if (lag <= this.capacity) {
        if (least > available) throw this.corrupt(this.position);
        const count = Math.min(available, this.#room(least));
        copyWords(this.words, RECORDS_INDEX + (at >> 2), this.#copyWords, count >> 2);
        if (!this.#isOverwritten()) {
          this.#copied = count;
          return true;
        }
      }
      least = RECORD_HEADER_BYTES;
      this.#overrun();
    }
    return false;
  }

  /** Bytes that may be copied at once: enough for a record of so many. */
  #room(bytes: number): number {
    if (bytes > this.#copy.bytes.byteLength) {
      this.#copy = allocateBuffer(bytes);
      this.#copyWords = new Int32Array(this.#copy.bytes.buffer);
    }
    return this.#copy.bytes.byteLength;
  }

  /** Whether the producer has meanwhile announced to write where the copy came from. */
  #isOverwritten(): boolean {
    return this.#bytesTo(INTENT_WORD) > this.capacity;
  }

  /** Bytes from here to a position that the producer moves. Where it is further than the capacity, it does not matter how far. */
  #bytesTo(index: number): number {
    const low = Atomics.load(this.words, index) & ~7;
    // The first high word is stored before a low word that carried: while it is ours, so is the low word.
    if (this.words[index + 1] === this.#positionHigh) return (low - this.#position) >>> 0;
    const bytes = loadPosition(this.words, index) - this.position;
    return bytes > BigInt(this.capacity) ? this.capacity + 1 : Number(bytes);
  }

  #goOn(bytes: number): void {
    const next = (this.#position + bytes) | 0;
    if (next >>> 0 < this.#position >>> 0) this.#positionHigh = (this.#positionHigh + 1) | 0;
    this.#position = next;
  }

  /** Goes to the last record that was published, and tells what lay between. */
  #overrun(): void {
    const position = this.position;
    const records = joined(this.#recordsHigh, this.#records);
    if (!this.#land()) return;
    if (this.position <= position) throw this.corrupt(position);
    const loss = { records: joined(this.#recordsHigh, this.#records) - records, bytes: this.position - position };
    this.#lostRecords += loss.records;
    this.#lostBytes += loss.bytes;
    this.#lost(loss);
  }

  /** Goes to the last record that was published. False where none stays for long enough to be read. */
  #land(): boolean {
    for (let tries = 0; tries < LANDINGS_MAX; tries++) {
      const count = loadCount(this.words, RECORDS_WORD);
      const latest = loadPosition(this.words, LATEST_WORD);
      const index = RECORDS_INDEX + ((Number(BigInt.asIntN(32, latest)) & this.mask) >> 2);
      const word = this.words[index] as number;
      const second = this.words[index + 1] as number;
      if (loadPosition(this.words, INTENT_WORD) - latest > BigInt(this.capacity)) continue;
      if (!isRecord(word, second, this.capacity)) throw this.corrupt(latest);
      // The record's ordinal in full: the one next to the count. Padding is there only before the very first record.
      const isPadding = (word & STATE_MASK) === PADDING;
      this.#goTo(latest, isPadding ? 0n : count + BigInt.asIntN(29, BigInt(ordinalOf(second)) - count));
      return true;
    }
    return false;
  }

  /** Begins behind what was published so far. */
  #join(): void {
    // LATEST first: it is stored after TAIL, so that it is the same only where nothing was ever published.
    const latest = loadPosition(this.words, LATEST_WORD);
    const tail = loadPosition(this.words, TAIL_WORD);
    this.#goTo(tail, 0n);
    if (latest === tail) return;
    for (let tries = 0; !this.#land(); tries++) if (tries === JOINS_MAX) throw this.corrupt(tail);
    if (tail - this.position > BigInt(this.capacity)) throw this.corrupt(tail);
    for (let position = -1n; this.position < tail; ) {
      if (this.position <= position) throw this.corrupt(position);
      position = this.position;
      this.consume(skip, 1);
    }
  }

  #goTo(position: bigint, records: bigint): void {
    this.#position = Number(BigInt.asIntN(32, position));
    this.#positionHigh = Number(BigInt.asIntN(32, position >> 32n));
    this.#records = Number(BigInt.asIntN(32, records));
    this.#recordsHigh = Number(BigInt.asIntN(32, records >> 32n));
  }
}

function skip(): void {}

function copyWords(from: Int32Array, index: number, to: Int32Array, count: number): void {
  for (let i = 0; i < count; i++) to[i] = from[index + i] as number;
}
