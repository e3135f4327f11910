import { CLOSED_WORD, CONSUMER_PLACE, type RingKind } from "./layout.js";
import type { RingMemory } from "./memory.js";
import { Nap, SLEEP_MS_MAX } from "./nap.js";
import { type RecordHandler, RingEnd, type RingEndOptions } from "./ring-end.js";
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
   * @throws AlphaPulseError BAD_RECORD where the memory was damaged
   */
  abstract poll(handler: RecordHandler, limit: number): number;

  /** Whether there is something to poll. */
  abstract get hasRecords(): boolean;

  /** Bytes since the ring was made, up to the first record that was not handed over. */
  abstract get position(): bigint;

  /**
   * Blocks this thread until there is something to poll, as its wait strategy does it.
   * @returns false where the ring was closed and is empty, or the time is up
   */
  wait(timeoutMs = Number.POSITIVE_INFINITY): boolean {
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
      if (this.hasRecords) return;
    }
  }

  /** Sets the sleeper's bit in the word that the next record changes. Returns the word's index, or -1 where it came already. */
  protected abstract arm(): number;

  #armed(): number {
    const word = this.arm();
    return word < 0 || Atomics.load(this.words, CLOSED_WORD) === 1 ? -1 : word;
  }
}
