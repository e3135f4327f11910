/** Beyond this a clock's microseconds are no exact numbers. */
const MS_MAX = Number.MAX_SAFE_INTEGER / 1_000;

/**
 * A clock of ms that never goes back, whatever the one that it reads does: where that one goes back, this one stands and
 * goes on from there. What is no time at all, such as NaN, is not read.
 */
export class SteadyClock {
  readonly #nowMs: () => number;
  #read = 0;
  /** How far the clock that is read went back so far. */
  #backMs = 0;
  #latest = 0;

  constructor(nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs;
  }

  now(): number {
    const now = this.#nowMs();
    if (Number.isFinite(now) && Math.abs(now) <= MS_MAX) {
      if (now < this.#read) this.#backMs += this.#read - now;
      this.#read = now;
      this.#latest = Math.max(this.#latest, now + this.#backMs); // the sum is rounded
    }
    return this.#latest;
  }
}
