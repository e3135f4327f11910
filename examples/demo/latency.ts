import { createHistogram } from "node:perf_hooks";

const NS_PER_US = 1_000;

/** Latencies in microseconds. */
export interface LatencySummary {
  readonly count: number;
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

/** Collects latencies in bounded memory: a histogram of three significant digits. */
export class LatencyLog {
  readonly #histogram = createHistogram({ figures: 3 });

  /** Takes one, in ns; what cannot be (clocks of two processes may differ by a little) counts as 1. */
  record(ns: number): void {
    this.#histogram.record(Math.max(1, Math.round(ns)));
  }

  summary(): LatencySummary {
    const histogram = this.#histogram;
    if (histogram.count === 0) return { count: 0, p50: 0, p99: 0, p999: 0, max: 0 };
    const us = (percentile: number): number => histogram.percentile(percentile) / NS_PER_US;
    return { count: histogram.count, p50: us(50), p99: us(99), p999: us(99.9), max: histogram.max / NS_PER_US };
  }
}
