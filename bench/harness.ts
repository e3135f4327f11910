import { fileURLToPath } from "node:url";
import { type BenchRow, type CompareOptions, type Comparison, compare, type Subject } from "alphapulse/bench";

/** A row as a suite reports it: the harness adds the suite. */
export type Row = Omit<BenchRow, "suite">;

/** What is compared: the subjects of alphapulse/bench, and how they are measured. */
export interface ComparisonRequest extends Pick<CompareOptions, "batch" | "latency" | "allocation"> {
  readonly name: string;
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
  /**
   * Measures subjects in turns (A B C A B C …) and reports the median of the rounds, in ns an operation. Latencies and
   * allocation only where asked for. One comparison after the other, also where the suite does not wait.
   */
  compare(comparison: ComparisonRequest): Promise<Comparison>;
}

const QUICK = { rounds: 2, roundMs: 10, warmupMs: 10 };

/** A context that hands each row to `report` and each line to `note`; `done` resolves when all comparisons have ended. */
export function createContext(
  quick: boolean,
  report: (row: Row) => void,
  note: (line: string) => void,
): { readonly context: BenchContext; done(): Promise<void> } {
  const root = fileURLToPath(new URL("../../", import.meta.url)); // from build/bench/
  const absent = new Set<string>();
  let last: Promise<unknown> = Promise.resolve();
  const context: BenchContext = {
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
    compare({ name, subjects, latency = false, allocation = false, ...rest }) {
      const options = { ...rest, latency, allocation, ...(quick ? QUICK : {}), print: () => {} };
      const comparing = last.then(async () => {
        const comparison = await compare(name, subjects, options);
        for (const row of comparison.rows) report(row);
        return comparison;
      });
      last = comparing;
      return comparing;
    },
  };
  return {
    context,
    async done() {
      await last;
    },
  };
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split("\n", 1)[0] ?? "";
}
