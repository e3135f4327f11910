import type { GapReason } from "../tlvs/codes.js";

/** A run of sequences of one source and incarnation that a subscriber will not get. */
export interface Loss {
  readonly source: number;
  readonly from: number;
  readonly to: number;
  readonly reason: (typeof GapReason)[keyof typeof GapReason];
}

const COUNTER_LIMIT = 2 ** 40;

/**
 * What one subscriber lost and was not told yet. What falls out of a log is contiguous, so one run per source and
 * incarnation is exact: from the first lost message to the last. Unsequenced ones are a run from 0 to 0.
 */
export class Losses {
  readonly #runs = new Map<string, { source: number; from: number; to: number }>();
  #count = 0;

  /** How many messages were lost, ever. */
  get count(): number {
    return this.#count;
  }

  /** Whether there is something to tell. */
  get isEmpty(): boolean {
    return this.#runs.size === 0;
  }

  /** Notes one lost message. */
  add(source: number, sequence: number): void {
    this.#count++;
    const known = Number.isNaN(sequence) ? 0 : sequence;
    this.extend(source, known, known);
  }

  /** Notes that nobody will be told any more of these, which had not come to the relay either. They are not counted. */
  extend(source: number, from: number, to: number): void {
    const key = `${source}:${Math.floor(from / COUNTER_LIMIT)}:${from === 0}`;
    const run = this.#runs.get(key);
    if (run === undefined) {
      this.#runs.set(key, { source, from, to });
      return;
    }
    run.from = Math.min(run.from, from);
    run.to = Math.max(run.to, to);
  }

  /** Each run, once: what was taken is the taker's to tell. */
  take(reason: Loss["reason"]): readonly Loss[] {
    const runs = [...this.#runs.values()].map((run) => ({ ...run, reason }));
    this.#runs.clear();
    return runs;
  }
}
