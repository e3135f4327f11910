import type { Clock } from "../protocol/clock.js";

/** The time stamps of one source, control and data alike: they never go back (docs/protocol.md, "Sequences"). */
export class Stamps {
  readonly #clock: Clock;
  #lastUs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whole microseconds since the Unix epoch. */
  nextUs(): number {
    const us = this.#clock.nowUs();
    if (us > this.#lastUs) this.#lastUs = us;
    return this.#lastUs;
  }

  /** For Pings: nanoseconds, not held to what was stamped before. */
  nowNs(): bigint {
    return this.#clock.nowNs();
  }
}
