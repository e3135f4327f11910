import { AlphaPulseError } from "../protocol/errors.js";
import { CLOSED_WORD, CONSUMER_PLACE, type RingKind } from "./layout.js";
import type { RingMemory } from "./memory.js";
import { Nap, SLEEP_MS_MAX } from "./nap.js";
import { checkTimeout, type RecordHandler, RingEnd, type RingEndOptions } from "./ring-end.js";
import { type WaitStrategy, waitStrategyFor } from "./wait-strategy.js";

/** How a reading end is made. */
export interface ReaderOptions extends RingEndOptions {
  /** What {@link RingReader.wait} does while there is nothing; default {@link waitStrategyFor} this machine. */
  readonly wait?: WaitStrategy;
}

/** What the reading ends of all rings share. */
export abstract class RingReader extends RingEnd {
  readonly #strategy: WaitStrategy;
  readonly #sleepMsMax: number;
  readonly #nap: Nap;
  #isPolling = false;
  /** What the word of {@link RingReader.arm} holds while there is nothing. */
  protected sleepValue = 0;

  /** @throws AlphaPulseError BAD_RING, or RING_IN_USE where a consumer that lives has the ring */
  constructor(
    memory: SharedArrayBuffer | RingMemory,
    kind: RingKind,
    { wait = waitStrategyFor(), ...options }: ReaderOptions,
    sleepMsMax: number = SLEEP_MS_MAX,
  ) {
    super(memory, kind);
    this.#strategy = wait;
    this.#sleepMsMax = sleepMsMax;
    this.#nap = new Nap(this.memory, this.words, sleepMsMax);
    if (kind !== "broadcast") this.takePlace(CONSUMER_PLACE, "consumer", options);
  }

  /**
   * Hands over up to `limit` records, oldest first. A handler that throws has consumed its record.
   * @returns how many there were
   * @throws AlphaPulseError BAD_RECORD where the memory was damaged; REENTERED from within a handler; RING_CLOSED where this
   * end gave its place away; BAD_OPTION where the limit is no number of records
   */
  poll(handler: RecordHandler, limit: number): number {
    if (this.#isPolling || this.isGone || !(limit >= 0)) throw this.#refusal(limit);
    this.#isPolling = true;
    try {
      return this.consume(handler, limit);
    } finally {
      this.#isPolling = false;
    }
  }

  protected abstract consume(handler: RecordHandler, limit: number): number;

  /** Whether there is something to poll. */
  abstract get hasRecords(): boolean;

  /** Bytes since the ring was made, up to the first record that was not handed over. */
  abstract get position(): bigint;

  /**
   * Blocks this thread until there is something to poll, as its wait strategy does it.
   * @returns false where the ring was closed and is empty, or the time is up
   */
  wait(timeoutMs = Number.POSITIVE_INFINITY): boolean {
    checkTimeout(timeoutMs);
    return this.#strategy.wait(this, timeoutMs);
  }

  /** Sleeps until there may be something to poll, at most so long; returns at once where there is, or the ring is closed. */
  sleep(timeoutMs: number): void {
    const word = this.#armed();
    if (word >= 0) this.memory.sleep(this.words, word, this.sleepValue, Math.min(timeoutMs, this.#sleepMsMax));
  }

  /** Resolves once there is something to poll, or the ring was closed. For event loops: nothing blocks. */
  async ready(): Promise<void> {
    for (;;) {
      const word = this.#armed();
      if (word < 0) return;
      await this.#nap.until(word, this.sleepValue);
      if (this.isGone || this.words.length === 0 || this.hasRecords) return;
    }
  }

  /** Sets the sleeper's bit in the word that the next record changes. Returns the word's index, or -1 where it came already. */
  protected abstract arm(): number;

  /** Wakes this thread's own promises: nothing more will come. */
  override vacate(): void {
    super.vacate();
    this.#nap.end();
  }

  #refusal(limit: number): AlphaPulseError {
    if (this.isGone)
      return new AlphaPulseError("RING_CLOSED", "this end gave its place away, or was closed: make a new one");
    if (this.#isPolling)
      return new AlphaPulseError("REENTERED", "a handler polls its own ring: poll after it has returned");
    return new AlphaPulseError("BAD_OPTION", `a poll hands over a number of records, not ${limit}`);
  }

  #armed(): number {
    if (this.isGone || this.words.length === 0) return -1; // the memory was closed under it
    const word = this.arm();
    return word < 0 || Atomics.load(this.words, CLOSED_WORD) === 1 ? -1 : word;
  }
}
