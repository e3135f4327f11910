import type { ReplayWindow } from "../protocol/replay-window.js";

/** A counter is missing once so many later ones came: until then it may only be late. */
const LATER_COUNT = 32;

/** Tells from the counters of envelopes which did not come. Those that come after they were told as missing still pass. */
export class EnvelopeLosses {
  readonly #window: ReplayWindow;
  /** All up to here came, or were told as missing. */
  #settled = -1;
  /** The highest at the last {@link EnvelopeLosses.settle}. */
  #mark = -1;

  constructor(window: ReplayWindow) {
    this.#window = window;
  }

  /** Whether some are missing and may be late: {@link EnvelopeLosses.settle} is to be called. */
  get isWaiting(): boolean {
    return this.#window.highest > this.#settled;
  }

  /** Records a counter that the window admits. @returns how many are found missing now */
  record(counter: number): number {
    const window = this.#window;
    if (counter === this.#settled + 1 && counter === window.highest + 1) {
      window.record(counter);
      this.#settled = counter;
      return 0;
    }
    const limit = counter - LATER_COUNT;
    let missing = 0;
    if (limit > this.#settled) {
      const { highest } = window;
      missing = window.missingBetween(this.#settled + 1, Math.min(limit, highest)) + Math.max(0, limit - highest);
      this.#settled = limit;
    }
    window.record(counter);
    this.#skipSeen();
    return missing;
  }

  /** Time has passed: what was missing when this was last called is missing for good. @returns how many are */
  settle(): number {
    const window = this.#window;
    const missing = this.#mark > this.#settled ? window.missingBetween(this.#settled + 1, this.#mark) : 0;
    this.#settled = Math.max(this.#settled, this.#mark);
    this.#mark = window.highest;
    this.#skipSeen();
    return missing;
  }

  #skipSeen(): void {
    const window = this.#window;
    while (this.#settled < window.highest && window.missingBetween(this.#settled + 1, this.#settled + 1) === 0) {
      this.#settled++;
    }
  }
}
