import { RING_HEADER_BYTES } from "../../../src/rings/layout.js";
import { SharedMemory } from "../../../src/shm/shared-memory.js";

/** Ends have numbers: 0 to 2 are producers, from here on they are readers. */
export const READER = 3;
const ENDS_MAX = 6;

/** A producer's life, from its start to its end, has a number. */
export const LIVES_MAX = 1_024;

// Words, counted from the first one that a ring would keep its records in.
const STOP = 0;
const ABANDONED = 1;
const CHOSEN = 2;
const UP = 8;
const HALTED = UP + ENDS_MAX;
const READ = HALTED + ENDS_MAX;
const LOST = READ + ENDS_MAX;
const SNAPSHOTS = 64;
const SNAPSHOT_WORDS = 2 + 2 * READER;
const CURRENT = SNAPSHOTS + 2 * SNAPSHOT_WORDS;
const COMMITTED = 128;

/** How far a consumer is: of each producer the life and the number of the record that must come next. */
export type Progress = [life: number, next: number][];

/**
 * What the ends of a ring note for those that come after them, in memory that outlives each: a store is there, whenever
 * its process is killed after it.
 */
export class Journal {
  readonly #memory: SharedMemory;
  readonly #words: Int32Array;

  constructor(memory: SharedMemory) {
    this.#memory = memory;
    this.#words = new Int32Array(memory.buffer, RING_HEADER_BYTES);
  }

  static create(directory: string): Journal {
    return new Journal(SharedMemory.create("journal", "spsc", { directory, capacityBytes: 1 << 14 }));
  }

  static open(directory: string): Journal {
    return new Journal(SharedMemory.open("journal", "spsc", { directory }));
  }

  close(): void {
    this.#memory.close();
  }

  /** Asks the producers to end. */
  stop(): void {
    Atomics.store(this.#words, STOP, 1);
  }

  get isStopped(): boolean {
    return Atomics.load(this.#words, STOP) === 1;
  }

  /** Which life of an end has taken its place last, or 0. */
  upOf(end: number): number {
    return Atomics.load(this.#words, UP + end);
  }

  isUp(end: number, life: number): void {
    Atomics.store(this.#words, UP + end, life);
  }

  /** Which life of a producer stands between its claim and its commit, for ever. */
  haltedOf(end: number): number {
    return Atomics.load(this.#words, HALTED + end);
  }

  isHalted(end: number, life: number): void {
    Atomics.store(this.#words, HALTED + end, life);
  }

  /** Records that were handed over to a reader in all its lives. */
  readOf(end: number): number {
    return Atomics.load(this.#words, READ + end);
  }

  countRead(end: number): void {
    Atomics.add(this.#words, READ + end, 1);
  }

  lostOf(end: number): number {
    return Atomics.load(this.#words, LOST + end);
  }

  countLost(end: number, records: number): void {
    Atomics.add(this.#words, LOST + end, records);
  }

  get abandoned(): number {
    return Atomics.load(this.#words, ABANDONED);
  }

  countAbandoned(claims: number): void {
    Atomics.add(this.#words, ABANDONED, claims);
  }

  /** Records that this life of a producer committed; one more may have been, without being noted. */
  committedOf(end: number, life: number): number {
    return Atomics.load(this.#words, COMMITTED + end * LIVES_MAX + life);
  }

  isCommitted(end: number, life: number, records: number): void {
    Atomics.store(this.#words, COMMITTED + end * LIVES_MAX + life, records);
  }

  /** Notes where a poll ended. Whoever is killed meanwhile leaves the last one. */
  storeProgress(position: bigint, progress: Progress): void {
    const spare = 1 - (Atomics.load(this.#words, CHOSEN) & 1);
    this.#store(spare, position, progress);
    Atomics.store(this.#words, CHOSEN, spare);
  }

  /** Where the consumer is within a poll: the same without a position, written record by record. */
  storeCurrent(end: number, [life, next]: Progress[number]): void {
    Atomics.store(this.#words, CURRENT + 2 * end, life);
    Atomics.store(this.#words, CURRENT + 1 + 2 * end, next);
  }

  /** Where the consumer stands whose position is this: at the end of the last poll that was noted, or of one more. */
  progressAt(position: bigint): Progress {
    const slot = Atomics.load(this.#words, CHOSEN) & 1;
    const at = SNAPSHOTS + slot * SNAPSHOT_WORDS;
    const noted = (BigInt(this.#words[at + 1] as number) << 32n) | BigInt((this.#words[at] as number) >>> 0);
    const from = noted === position ? at + 2 : CURRENT;
    return Array.from({ length: READER }, (_, end) => {
      return [this.#words[from + 2 * end] as number, this.#words[from + 1 + 2 * end] as number];
    });
  }

  #store(slot: number, position: bigint, progress: Progress): void {
    const at = SNAPSHOTS + slot * SNAPSHOT_WORDS;
    Atomics.store(this.#words, at, Number(BigInt.asIntN(32, position)));
    Atomics.store(this.#words, at + 1, Number(BigInt.asIntN(32, position >> 32n)));
    for (const [end, [life, next]] of progress.entries()) {
      Atomics.store(this.#words, at + 2 + 2 * end, life);
      Atomics.store(this.#words, at + 3 + 2 * end, next);
    }
  }
}
