import { createHistogram } from "node:perf_hooks";

/** How long operations took, in ns. */
export interface LatencySummary {
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
  /**
   * Operations that were timed together and of which each sample is the mean: 1 where an operation takes more than 2 µs.
   * Reading the clock takes some 50 ns, so faster ones cannot be timed singly, and what hits one of them is spread
   * over its group.
   */
  readonly operationsPerSample: number;
  readonly sampleCount: number;
}

/** A histogram of latencies, of three significant figures, in constant memory. */
export class LatencyHistogram {
  readonly #histogram = createHistogram({ figures: 3 });
  readonly #operationsPerSample: number;

  /** @param operationsPerSample operations that each recorded time is made of */
  constructor(operationsPerSample = 1) {
    this.#operationsPerSample = operationsPerSample;
  }

  /** Records the time that one sample took: one operation, or as many as the constructor was told. */
  record(ns: number): void {
    this.#histogram.record(Math.max(1, Math.round(ns))); // it knows no 0
  }

  /** The latency, in ns an operation, that `percent` of all samples did not pass; 0 of an empty histogram. */
  percentile(percent: number): number {
    return this.#each(this.#histogram.percentile(percent));
  }

  /** What was recorded so far. */
  summary(): LatencySummary {
    return {
      p50: this.percentile(50),
      p99: this.percentile(99),
      p999: this.percentile(99.9),
      max: this.#each(this.#histogram.max),
      operationsPerSample: this.#operationsPerSample,
      sampleCount: this.#histogram.count,
    };
  }

  #each(ns: number): number {
    return this.#histogram.count === 0 ? 0 : ns / this.#operationsPerSample;
  }
}
