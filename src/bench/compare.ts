import { setImmediate } from "node:timers/promises";
import { AlphaPulseError } from "../protocol/errors.js";
import { AllocationMeter } from "./allocation.js";
import { LatencyHistogram } from "./histogram.js";
import { type Subject, SubjectLoop } from "./loop.js";
import type { Measurement } from "./measurement.js";
import { type BenchRow, median } from "./rows.js";
import { tableOf } from "./table.js";

/** How {@link compare} measures. */
export interface CompareOptions {
  /** The suite in the rows of results; default `bench`. */
  readonly suite?: string;
  /** Rounds, in each of which every subject has its turn; default 7. */
  readonly rounds?: number;
  /** How long a turn lasts; default 150 ms. */
  readonly roundMs?: number;
  /** How long each subject runs before the first round; default 150 ms. */
  readonly warmupMs?: number;
  /** Subjects that loop themselves are given this number, and do so many operations a call. Default: one a call. */
  readonly batch?: number;
  /** Whether latencies are recorded as well; default true. */
  readonly latency?: boolean;
  /** Whether allocation is measured as well; default true. */
  readonly allocation?: boolean;
  /** What gets the table, line by line; default standard output. */
  readonly print?: (line: string) => void;
  /** The clock, in ms; default `performance.now`. A test can give its own. */
  readonly now?: () => number;
}

/** What {@link compare} found out. */
export interface Comparison {
  readonly name: string;
  /** In the order of the subjects. */
  readonly measurements: readonly Measurement[];
  /** The same figures by the contract of results files, see {@link BenchRow}. */
  readonly rows: readonly BenchRow[];
}

const DEFAULTS = { rounds: 7, roundMs: 150, warmupMs: 150 };
/** Of a sample: long enough that reading the clock does not count, and a short garbage collection is no outlier. */
const SAMPLE_MS_MIN = 0.5;
/** A sample that takes so many times as long as the median was interrupted by other programs. */
const INTERRUPTED = 3;
const CALLS_MAX = 1 << 22;
const SAMPLE_NS_MIN = 2_000;
/** Of a turn, the part in which single latencies are recorded. */
const LATENCY_SHARE = 0.25;

interface Turn {
  readonly loop: SubjectLoop;
  readonly calls: number;
  readonly roundsNs: number[];
  readonly histogram: LatencyHistogram;
  readonly callsPerSample: number;
  readonly meter: AllocationMeter;
}

/**
 * Measures subjects beside each other, in turns (A B C A B C …), so that what else the machine does hits all of them
 * alike, and prints a table. A subject's figure is the median of its rounds.
 *
 * ```ts
 * await compare("encode a trade", { alphapulse: () => TradeTLV.encode(trade), JSON: () => JSON.stringify(plain) });
 * ```
 * @param subjects by name; each does one operation a call and returns something made of it
 * @throws AlphaPulseError BAD_SUBJECT, SUBJECT_FAILED, BAD_OPTION, or MISSING_PEER where tinybench is not installed
 */
export async function compare(
  name: string,
  subjects: Readonly<Record<string, Subject>>,
  options: CompareOptions = {},
): Promise<Comparison> {
  const { suite = "bench", latency = true, allocation = true, now = () => performance.now() } = options;
  const rounds = checked("rounds", options.rounds ?? DEFAULTS.rounds, 1);
  const roundMs = checked("roundMs", options.roundMs ?? DEFAULTS.roundMs, 0);
  const warmupMs = checked("warmupMs", options.warmupMs ?? DEFAULTS.warmupMs, 0);
  const batch = options.batch === undefined ? undefined : checked("batch", options.batch, 1);
  const entries = Object.entries(subjects);
  if (entries.length === 0) throw new AlphaPulseError("BAD_SUBJECT", `comparison "${name}" has no subjects`);
  const time = await timer(roundMs, now);

  const turns = entries
    .map(([subject, work]) => new SubjectLoop(name, subject, work, batch))
    .map((loop) => prepare(loop, warmupMs, now));
  for (let round = 0; round < rounds; round++) {
    for (const turn of turns) {
      turn.roundsNs.push(time(turn));
      if (latency) recordLatencies(turn, roundMs * LATENCY_SHARE, now);
      if (allocation) turn.meter.round();
      await setImmediate(); // a program that measures can still be stopped
    }
  }
  const fastest = Math.min(...turns.map(({ roundsNs }) => median(roundsNs)));
  const measurements = turns.map(({ loop, roundsNs, histogram, meter }): Measurement => {
    const ns = median(roundsNs);
    return {
      subject: loop.name,
      ns,
      roundsNs,
      ratio: ns / fastest,
      latency: latency ? histogram.summary() : undefined,
      allocatedBytes: allocation ? meter.result() : undefined,
    };
  });
  const print = options.print ?? ((line: string) => process.stdout.write(`${line}\n`));
  for (const line of tableOf(name, measurements)) print(line);
  return { name, measurements, rows: rowsOf(suite, name, measurements) };
}

/** Warms a subject up and finds out how many calls are worth timing. */
function prepare(loop: SubjectLoop, warmupMs: number, now: () => number): Turn {
  const end = now() + warmupMs;
  let calls = 1;
  let ms = 0;
  do {
    const start = now();
    loop.run(calls);
    ms = now() - start;
    if (ms < SAMPLE_MS_MIN && calls < CALLS_MAX) calls *= 2;
  } while (now() < end || (ms < SAMPLE_MS_MIN && calls < CALLS_MAX));
  const callNs = (ms * 1e6) / calls;
  const callsPerSample = callNs > 0 ? Math.ceil(Math.min(SAMPLE_NS_MIN / callNs, calls)) : calls;
  const histogram = new LatencyHistogram(callsPerSample * loop.operationsPerCall);
  return { loop, calls, roundsNs: [], histogram, callsPerSample, meter: new AllocationMeter(loop) };
}

/** What gives the figure of a turn, in ns an operation, by tinybench. */
async function timer(roundMs: number, now: () => number): Promise<(turn: Turn) => number> {
  const { Bench } = await import("tinybench").catch((cause) => {
    throw new AlphaPulseError("MISSING_PEER", "alphapulse/bench needs tinybench: npm install -D tinybench", { cause });
  });
  return ({ loop, calls }) => {
    const bench = new Bench({
      time: roundMs,
      iterations: 2,
      warmup: false,
      throws: true,
      retainSamples: true,
      now,
    });
    bench.add(loop.name, () => loop.run(calls));
    const result = bench.runSync()[0]?.result;
    if (result?.state !== "completed") throw new AlphaPulseError("SUBJECT_FAILED", `"${loop.name}" did not complete`);
    return (undisturbedMean(result.latency.samples ?? []) * 1e6) / (calls * loop.operationsPerCall);
  };
}

function undisturbedMean(samples: readonly number[]): number {
  const limit = median(samples) * INTERRUPTED;
  const kept = samples.filter((ms) => ms <= limit);
  return kept.reduce((sum, ms) => sum + ms, 0) / kept.length;
}

function recordLatencies({ loop, callsPerSample, histogram }: Turn, ms: number, now: () => number): void {
  const end = now() + ms;
  let start = now();
  do {
    loop.run(callsPerSample);
    const stop = now();
    histogram.record((stop - start) * 1e6);
    start = stop;
  } while (start < end);
}

function rowsOf(suite: string, name: string, measurements: readonly Measurement[]): BenchRow[] {
  const rows: BenchRow[] = [];
  const add = (what: string, subject: string, value: number, unit: string): void => {
    rows.push({ suite, name: what, subject, value, unit, better: "lower" });
  };
  for (const { subject, ns } of measurements) add(name, subject, ns, "ns");
  for (const { subject, latency } of measurements) {
    if (latency === undefined) continue;
    add(`${name}: p50`, subject, latency.p50, "ns");
    add(`${name}: p99`, subject, latency.p99, "ns");
    add(`${name}: p99.9`, subject, latency.p999, "ns");
  }
  for (const { subject, allocatedBytes: bytes } of measurements) {
    if (bytes !== undefined) add(`${name}: allocated`, subject, bytes, "bytes");
  }
  return rows;
}

function checked(option: string, value: number, least: number): number {
  if (Number.isFinite(value) && value >= least && (Number.isInteger(value) || option.endsWith("Ms"))) return value;
  throw new AlphaPulseError("BAD_OPTION", `compare: ${option} ${String(value)} is not a number of at least ${least}`);
}
