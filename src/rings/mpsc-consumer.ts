import { AlphaPulseError } from "../protocol/errors.js";
import {
  bytesOf,
  CLAIMED,
  FREED_WORD,
  freeWord,
  placeOf,
  RECORD,
  RECORD_HEADER_BYTES,
  RECORD_SLEEPER,
  STATE_MASK,
  slackOf,
  TAIL_WORD,
} from "./layout.js";
import type { RingMemory } from "./memory.js";
import { unclaim } from "./mpsc-producer.js";
import { SLEEP_MS_MAX } from "./nap.js";
import { type ReaderOptions, RingReader } from "./reader.js";
import { isRecord, RECORDS_INDEX, type RecordHandler } from "./ring-end.js";
import { Head } from "./room.js";

/** How the consumer of an MPSC ring is made. */
export interface MpscConsumerOptions extends ReaderOptions {
  /** How long a claim may stand before the consumer asks whether its producer lives; default 20 ms. */
  readonly claimMsMax?: number;
}

const CLAIM_MS_MAX_DEFAULT = 20;
/** Up to here a loop is quicker than the platform's fill. */
const LOOP_WORDS_MAX = 64;

/** The consumer of a lossless ring with up to 128 producers. */
export class MpscConsumer extends RingReader {
  readonly #claimMsMax: number;
  readonly #freed: Head;
  readonly #capacityBits: number;
  #head: number;
  /** The claim that stands before what is to be read, and since when; 0 where none does. */
  #standing = 0;
  #standingSince = 0;
  #abandoned = 0;

  /** @throws AlphaPulseError BAD_RING, or RING_IN_USE where a consumer that lives has the ring */
  constructor(memory: SharedArrayBuffer | RingMemory, options: MpscConsumerOptions = {}) {
    const claimMsMax = options.claimMsMax ?? CLAIM_MS_MAX_DEFAULT;
    if (!(claimMsMax >= 0)) {
      throw new AlphaPulseError("BAD_OPTION", `claimMsMax is a number of milliseconds, not ${claimMsMax}`);
    }
    super(memory, "mpsc", options, Math.min(Math.max(claimMsMax, 1), SLEEP_MS_MAX));
    this.#claimMsMax = claimMsMax;
    this.#capacityBits = 31 - Math.clz32(this.capacity);
    this.#freed = new Head(this.memory, this.words, this.capacity);
    this.#head = this.#freed.low;
    try {
      this.#finishFreeing();
    } catch (error) {
      this.dropPlace();
      throw error;
    }
  }

  /** Claims of producers that died before they committed: nothing was published in them. */
  get abandonedClaims(): number {
    return this.#abandoned;
  }

  override get position(): bigint {
    return this.#freed.positionOf(this.#head);
  }

  override get hasRecords(): boolean {
    const word = Atomics.load(this.words, this.#index());
    if ((word & STATE_MASK) === CLAIMED) this.#watch(word);
    return (word & STATE_MASK) >= RECORD;
  }

  protected override consume(handler: RecordHandler, limit: number): number {
    let count = 0;
    try {
      // Up to a whole lap: what comes then is what was there before, until it is freed.
      while (count < limit && ((this.#head - this.#freed.low) | 0) < this.capacity) {
        const word = Atomics.load(this.words, this.#index());
        if ((word & STATE_MASK) < RECORD) {
          if ((word & STATE_MASK) === CLAIMED && count === 0) this.#watch(word);
          break;
        }
        if (this.#next(word, handler)) count++;
      }
    } finally {
      if (this.#head !== this.#freed.low) this.#free();
    }
    return count;
  }

  protected override arm(): number {
    const index = this.#index();
    for (;;) {
      const word = Atomics.load(this.words, index);
      if ((word & STATE_MASK) >= RECORD) return -1;
      if ((word & STATE_MASK) === CLAIMED) this.#watch(word);
      this.sleepValue = word | RECORD_SLEEPER;
      if (Atomics.compareExchange(this.words, index, word, this.sleepValue) === word) return index;
    }
  }

  #index(): number {
    return RECORDS_INDEX + ((this.#head & this.mask) >> 2);
  }

  /** Goes past one record or padding; whether it was a record. */
  #next(word: number, handler: RecordHandler): boolean {
    const { buffer } = this;
    const at = this.#head & this.mask;
    const second = buffer.view.getInt32(at + 4, true);
    const bytes = bytesOf(word);
    const available = Math.min(this.capacity - ((this.#head - this.#freed.low) | 0), this.capacity - at);
    if (!isRecord(word, second, available)) throw this.corrupt(this.position);
    this.#head = (this.#head + bytes) | 0;
    if ((word & STATE_MASK) !== RECORD) return false;
    handler(buffer, at + RECORD_HEADER_BYTES, bytes - RECORD_HEADER_BYTES - slackOf(second));
    return true;
  }

  /** A claim stands where the next record is to be. If it does for long, its producer may be dead. */
  #watch(word: number): void {
    const claim = word & ~RECORD_SLEEPER;
    const now = performance.now();
    if (this.#standing !== claim) {
      this.#standing = claim;
      this.#standingSince = now;
    } else if (now - this.#standingSince >= this.#claimMsMax) {
      this.#standingSince = now;
      if (!this.memory.isOccupied(placeOf(word)) && unclaim(this.memory, this.words, this.#index(), word))
        this.#abandoned++;
    }
  }

  /** Makes what was consumed free for the next lap, and gives it back. */
  #free(): void {
    const from = this.#freed.low;
    this.#standing = 0;
    this.#helpTail();
    Atomics.store(this.words, FREED_WORD, this.#head);
    this.#fill(from, (this.#head - from) | 0);
    this.#freed.move(this.#head);
  }

  /**
   * A producer may be late to move TAIL behind what it claimed. No word may be of the next lap while TAIL stands before it:
   * another producer would take it for one of this lap.
   */
  #helpTail(): void {
    for (;;) {
      const tail = Atomics.load(this.words, TAIL_WORD);
      if (((tail - this.#head) | 0) >= 0) return;
      Atomics.compareExchange(this.words, TAIL_WORD, tail, this.#head);
    }
  }

  #fill(from: number, bytes: number): void {
    const at = from & this.mask;
    const toEnd = Math.min(bytes, this.capacity - at);
    const lap = this.#lapOf(from) + 1;
    fillWords(this.words, RECORDS_INDEX + (at >> 2), toEnd >> 2, freeWord(lap));
    if (bytes > toEnd) fillWords(this.words, RECORDS_INDEX, (bytes - toEnd) >> 2, freeWord(lap + 1));
  }

  /** The lap of a position, modulo 2^29. */
  #lapOf(low: number): number {
    return (this.#freed.highOf(low) << (32 - this.#capacityBits)) | (low >>> this.#capacityBits);
  }

  /** Ends what a consumer that died had begun: records that it had consumed, and not yet given back. */
  #finishFreeing(): void {
    const until = Atomics.load(this.words, FREED_WORD);
    if (until === this.#head) return;
    if ((until - this.#head) >>> 0 > this.capacity) throw this.corrupt(this.position);
    this.#head = until;
    this.#free();
  }
}

function fillWords(words: Int32Array, from: number, count: number, value: number): void {
  if (count > LOOP_WORDS_MAX) words.fill(value, from, from + count);
  else for (let i = from; i < from + count; i++) words[i] = value;
}
