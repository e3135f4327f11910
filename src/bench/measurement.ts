import type { LatencySummary } from "./histogram.js";

/** What was measured of one subject. */
export interface Measurement {
  readonly subject: string;
  /** Time an operation, in ns: the median of the rounds. Short garbage collections during a round are part of it. */
  readonly ns: number;
  /**
   * The rounds in their order, in ns an operation: each the mean of its samples of at least 0.5 ms, without those that took more
   * than three times their median, as they do when another program interrupts.
   */
  readonly roundsNs: readonly number[];
  /** `ns` by that of the fastest subject: 1 for the fastest. */
  readonly ratio: number;
  /** Undefined where the option `latency` is false. */
  readonly latency: LatencySummary | undefined;
  /** Bytes allocated an operation, see the docs on benchmarks. Undefined where the option `allocation` is false. */
  readonly allocatedBytes: number | undefined;
}
