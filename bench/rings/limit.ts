import { execFile, execFileSync } from "node:child_process";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import type { BenchContext } from "../harness.js";
import type { Latency } from "./link.js";
import type { Placement } from "./placed-end.js";
import type { Subject } from "./subject.js";

const LIMITS = [
  ["the C limit: spinning", "spin"],
  ["the C limit: sleeping", "sleep"],
] as const;
export const SPINNING_LIMIT = LIMITS[0][0];
export const SLEEPING_LIMIT = LIMITS[1][0];

const CPUS = ["0", "1"];

/** bench/limit/ring.c, compiled into this folder; undefined (and a note) where that cannot be. */
export function compileLimit(context: BenchContext, folder: string): string | undefined {
  const program = join(folder, "ring");
  const source = join(context.root, "bench/limit/ring.c");
  try {
    execFileSync("cc", ["-O3", "-march=native", "-pthread", source, "-o", program], { stdio: "pipe" });
    return program;
  } catch (error) {
    rmSync(program, { force: true });
    const [said] = String((error as { stderr?: unknown }).stderr || (error as Error).message).split("\n");
    context.note(`the C limit was skipped: ${said}`);
    return undefined;
  }
}

/** The same work in C, each end pinned to a core: a process for each measurement. */
export function limitSubjects(program: string, placement: Placement): Subject[] {
  return LIMITS.map(([name, wait]) => {
    const run = async <Result>(what: string, count: number, batch: number): Promise<Result> => {
      const args = [what, placement, wait, String(count), String(batch), ...CPUS];
      const { stdout } = await promisify(execFile)(program, args, { timeout: 60_000 });
      return JSON.parse(stdout) as Result;
    };
    return {
      name,
      async throughput(count, batch) {
        return (await run<{ readonly ns: number }>("throughput", count, batch)).ns;
      },
      latency: (count) => run<Latency>("latency", count, 1),
      async stop() {},
    };
  });
}
