// `alphapulse/bench`: how one's own code is measured beside ours, the way `npm run bench` does it. Needs tinybench.

export { type CompareOptions, type Comparison, compare } from "./bench/compare.js";
export { LatencyHistogram, type LatencySummary } from "./bench/histogram.js";
export { consumed, type Subject } from "./bench/loop.js";
export type { Measurement } from "./bench/measurement.js";
export { type BenchRow, median, writeRows } from "./bench/rows.js";
export { machine } from "./bench/table.js";
