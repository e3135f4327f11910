/** A clock of ms that never goes back, whatever the one that it reads does. */
export class SteadyClock {
  readonly #nowMs: () => number;
  #latest = 0;

  constructor(nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs;
    this.#latest = nowMs();
  }

  now(): number {
    const now = this.#nowMs();
    if (now > this.#latest) this.#latest = now;
    return this.#latest;
  }
}
