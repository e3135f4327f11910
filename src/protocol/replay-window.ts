/** How many counters back a late envelope is still told from a repeated one (docs/protocol.md, "Envelope"). */
export const REPLAY_WINDOW = 1_024;

const WORDS = REPLAY_WINDOW / 32;

/** Which of the last 1,024 counters were seen: each is admitted once. Counters are integers from 0 up to 2^48. */
export class ReplayWindow {
  /** The highest counter that was recorded; -1 before the first. */
  highest = -1;
  /** Bit `counter mod 1,024`: whether it was seen. */
  readonly #seen = new Int32Array(WORDS);

  /** Whether this counter is new, and not older than the window. */
  admits(counter: number): boolean {
    if (counter > this.highest) return true;
    return counter > this.highest - REPLAY_WINDOW && !this.#has(counter);
  }

  /** Notes a counter that was admitted. Separate, as a tag has to be verified in between. */
  record(counter: number): void {
    if (counter > this.highest) {
      this.#clear(counter);
      this.highest = counter;
    }
    const bit = counter % REPLAY_WINDOW;
    this.#seen[bit >>> 5] = (this.#seen[bit >>> 5] as number) | (1 << (bit & 31));
  }

  /** How many counters from `from` to `to` were not seen; those that have left the window count as seen. */
  missingBetween(from: number, to: number): number {
    let missing = 0;
    const first = Math.max(from, this.highest - REPLAY_WINDOW + 1, 0);
    for (let counter = first; counter <= to; counter++) if (!this.#has(counter)) missing++;
    return missing;
  }

  #has(counter: number): boolean {
    const bit = counter % REPLAY_WINDOW;
    return ((this.#seen[bit >>> 5] as number) & (1 << (bit & 31))) !== 0;
  }

  /** Makes the places of all counters above the highest, up to this one, unseen. */
  #clear(counter: number): void {
    if (counter - this.highest >= REPLAY_WINDOW) {
      this.#seen.fill(0);
      return;
    }
    for (let next = this.highest + 1; next <= counter; next++) {
      const bit = next % REPLAY_WINDOW;
      this.#seen[bit >>> 5] = (this.#seen[bit >>> 5] as number) & ~(1 << (bit & 31));
    }
  }
}
