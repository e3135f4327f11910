import { cpus, totalmem } from "node:os";
import { fileURLToPath } from "node:url";
import { Bench } from "tinybench";

/** One measured figure. `suite` is added by the harness: a row of the JSON file has all six fields and no other. */
export interface Row {
  /** What is measured: rows of one name and unit are compared with each other. */
  readonly name: string;
  /** Who did it: "alphapulse" or "alphapulse: how", or the peer's package name. */
  readonly subject: string;
  readonly value: number;
  readonly unit: string;
  readonly better: "lower" | "higher";
}

export interface SuiteRow extends Row {
  readonly suite: string;
}

/** Does `batch` operations and returns something made of their results, so that none of them can be left out. */
export type Subject = (batch: number) => number;

export interface Comparison {
  readonly name: string;
  /** Operations per call of a subject: enough to be far above the timer's resolution. */
  readonly batch: number;
  readonly subjects: Readonly<Record<string, Subject>>;
}

/** What a suite is given. A suite is a file of bench/suites/ that exports `run(context: BenchContext): Promise<void>`. */
export interface BenchContext {
  /** A short run that shows that the suite works; its figures mean little. */
  readonly quick: boolean;
  /** The project's folder, with a trailing slash. */
  readonly root: string;
  /** Adds a figure that the suite measured itself. */
  report(row: Row): void;
  /** Prints a line beside the figures: what was skipped, which implementation was loaded. */
  note(line: string): void;
  /** A package of bench/package.json, or undefined (and a note) when it is not installed. */
  peer<Module>(name: string): Promise<Module | undefined>;
  /** Measures subjects in turns (A B C A B C …) and reports the median of the rounds, in ns an operation. */
  compare(comparison: Comparison): void;
}

const ROUNDS = { full: 7, quick: 2 };
const TASK_MS = { full: 150, quick: 10 };
const WARMUP_MS = { full: 150, quick: 10 };

let sink = 0;

/** What all subjects returned, to be printed: then no loop is dead code. */
export function consumed(): number {
  return sink;
}

export function machine(): string {
  const [cpu] = cpus();
  const memory = `${Math.round(totalmem() / 2 ** 30)} GiB`;
  return `${cpu?.model.trim() ?? "unknown cpu"}, ${cpus().length} cores, ${memory}, ${process.platform} ${process.arch}, node ${process.version}`;
}

export function median(values: readonly number[]): number {
  if (values.length === 0) throw new RangeError("the median of no values");
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** A context that hands each row to `report` and each line to `note`. */
export function createContext(quick: boolean, report: (row: Row) => void, note: (line: string) => void): BenchContext {
  const root = fileURLToPath(new URL("../../", import.meta.url)); // from build/bench/
  const absent = new Set<string>();
  return {
    quick,
    root,
    report,
    note,
    async peer<Module>(name: string): Promise<Module | undefined> {
      try {
        const peers: { load(name: string): Promise<Module> } = await import(
          `${new URL("../../bench/peers.mjs", import.meta.url)}`
        );
        return await peers.load(name);
      } catch (error) {
        if (!absent.has(name)) note(`${name} is not installed (npm ci --prefix bench), skipped: ${firstLine(error)}`);
        absent.add(name);
        return undefined;
      }
    },
    compare(comparison) {
      for (const row of compare(comparison, quick)) report(row);
    },
  };
}

function compare({ name, batch, subjects }: Comparison, quick: boolean): Row[] {
  const mode = quick ? "quick" : "full";
  const rounds = new Map<string, number[]>(Object.keys(subjects).map((subject) => [subject, []]));
  for (let round = 0; round < ROUNDS[mode]; round++) {
    for (const [subject, work] of Object.entries(subjects)) {
      const bench = new Bench({
        time: TASK_MS[mode],
        iterations: 4,
        warmup: round === 0,
        warmupTime: WARMUP_MS[mode],
        warmupIterations: 4,
        throws: true,
      });
      bench.add(subject, () => {
        sink += work(batch) % 1_000_003;
      });
      const result = bench.runSync()[0]?.result;
      if (result?.state !== "completed") throw new Error(`${name}: ${subject} did not complete`);
      rounds.get(subject)!.push((result.latency.p50 * 1e6) / batch);
    }
  }
  return [...rounds].map(([subject, values]) => ({
    name,
    subject,
    value: median(values),
    unit: "ns",
    better: "lower",
  }));
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split("\n", 1)[0] ?? "";
}
