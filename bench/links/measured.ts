/** Half round trips, in ns. */
export interface Latency {
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
}

/** What is told of latencies, and how it is called. */
export const PERCENTILES = [
  ["p50", "p50"],
  ["p99", "p99"],
  ["p999", "p99.9"],
] as const;

/** How long sending and receiving took, by the clock that all threads and processes share, in ns. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** Does something, and says when. */
export async function spanOf(work: () => void | Promise<void>): Promise<Span> {
  const start = sharedNs();
  await work();
  return { start, end: sharedNs() };
}

/** The time on the clock that all threads and processes share, in ns. */
export function sharedNs(): number {
  return Number(process.hrtime.bigint());
}

/** Of round trips, in ns. */
export function latencyOf(roundTrips: Float64Array): Latency {
  const sorted = roundTrips.sort();
  const at = (share: number): number => sorted[Math.floor(sorted.length * share)]! / 2;
  return { p50: at(0.5), p99: at(0.99), p999: at(0.999) };
}

/** What reading the clock costs, in ns. */
export function clockNs(): number {
  const reads = 100_000;
  const start = performance.now();
  let last = start;
  for (let i = 0; i < reads; i++) last = performance.now();
  return ((last - start) * 1e6) / reads;
}

/** A sequence that is not the next one: the link lost, doubled or tore a message. */
export function outOfSequence(expected: number, found: number): Error {
  return new Error(`message ${expected} is ${found}`);
}
