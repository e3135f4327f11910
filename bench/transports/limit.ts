import { runLimit } from "../links/compile.js";
import { CORES } from "../links/cores.js";
import type { Latency } from "../links/measured.js";
import type { TransportName } from "./link.js";
import type { Subject } from "./subject.js";

/** The same work in C, each end pinned to a core: a process for each measurement. For loops that are hot, it spins. */
export function limitSubject(name: string, program: string, transport: TransportName): Subject {
  const run = <Result>(what: string, wait: "sleep" | "spin", count: number): Promise<Result> =>
    runLimit(program, [what, transport, wait, count, ...CORES]);
  return {
    name,
    hasLatency: true,
    async throughput(count) {
      const { ns } = await run<{ readonly ns: number }>("throughput", "sleep", count);
      return { ns, received: count, sentPerSecond: 1e9 / ns };
    },
    latency: (count, loops) => run<Latency>("latency", loops === "hot" ? "spin" : "sleep", count),
    async stop() {},
  };
}
