import { runLimit } from "../links/compile.js";
import type { Latency } from "../links/measured.js";
import type { Placement } from "../links/placed-end.js";
import type { Subject } from "./subject.js";

const LIMITS = [
  ["the C limit: spinning", "spin"],
  ["the C limit: sleeping", "sleep"],
] as const;
export const SPINNING_LIMIT = LIMITS[0][0];
export const SLEEPING_LIMIT = LIMITS[1][0];

const CPUS = [0, 1];

/** The same work in C, each end pinned to a core: a process for each measurement. */
export function limitSubjects(program: string, placement: Placement): Subject[] {
  return LIMITS.map(([name, wait]) => {
    const run = <Result>(what: string, count: number, batch: number): Promise<Result> =>
      runLimit(program, [what, placement, wait, count, batch, ...CPUS]);
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
