import { readdirSync, readFileSync } from "node:fs";
import { cpus as allCpus, totalmem } from "node:os";
import { join } from "node:path";
import { AlphaPulseError } from "../protocol/errors.js";
import { native, requireLinux } from "./native.js";

/**
 * Lets the calling thread run on these CPUs only. Threads that it starts from then on begin with the same; other threads
 * of the process stay where they are.
 *
 * @throws AlphaPulseError BAD_OPTION where there is no such CPU, or the system does not give it to this process;
 * UNSUPPORTED, NATIVE_MISSING
 */
export function pinThread(cpus: readonly number[]): void {
  const { pinThread: pin } = native();
  if (!Array.isArray(cpus) || cpus.length === 0 || !cpus.every((cpu) => Number.isInteger(cpu) && cpu >= 0)) {
    throw new AlphaPulseError("BAD_OPTION", `a thread is pinned to one or more numbers of CPUs, not to [${cpus}]`);
  }
  const before = affinity();
  try {
    pin(cpus);
  } catch (cause) {
    throw new AlphaPulseError("BAD_OPTION", `this process has none of the CPUs ${cpus.join(", ")}`, { cause });
  }
  const missing = cpus.filter((cpu) => !affinity().includes(cpu)); // the system leaves them out without a word
  if (missing.length === 0) return;
  pin(before);
  throw new AlphaPulseError("BAD_OPTION", `this process does not have the CPUs ${missing.join(", ")}`);
}

/** The CPUs that the calling thread may run on, in order. @throws AlphaPulseError UNSUPPORTED, NATIVE_MISSING */
export function affinity(): number[] {
  return native().affinity();
}

/** Lets another thread have this core, if one waits for it: what `spinThenYield` takes. @throws AlphaPulseError UNSUPPORTED, NATIVE_MISSING */
export function yieldCore(): void {
  native().yieldCore();
}

/** CPUs with memory of their own. */
export interface NumaNode {
  readonly node: number;
  readonly cpus: readonly number[];
  readonly memoryBytes: number;
  /** How far the memory of a node is from these CPUs, by its number: 10 is the node itself, 20 takes twice as long. */
  readonly distances: ReadonlyMap<number, number>;
}

/** Which CPUs and which memory are near each other, by number; one node where the system tells of none. @throws AlphaPulseError UNSUPPORTED */
export function numaTopology(): NumaNode[] {
  requireLinux("NUMA nodes");
  return readTopology("/sys/devices/system/node");
}

/** The same from a folder of this shape. */
export function readTopology(folder: string): NumaNode[] {
  const numbers = nodesIn(folder);
  if (numbers.length === 0) {
    const cpus = allCpus().map((_, cpu) => cpu);
    return [{ node: 0, cpus, memoryBytes: totalmem(), distances: new Map([[0, 10]]) }];
  }
  return numbers.map((node) => {
    const read = (file: string): string => readFileSync(join(folder, `node${node}`, file), "utf8").trim();
    const distances = read("distance").split(/\s+/).map(Number);
    return {
      node,
      cpus: cpusOf(read("cpulist")),
      memoryBytes: Number(/MemTotal:\s*(\d+) kB/.exec(read("meminfo"))?.[1] ?? 0) * 1024,
      distances: new Map(numbers.map((other, index) => [other, distances[index] as number])),
    };
  });
}

function nodesIn(folder: string): number[] {
  try {
    const numbers = readdirSync(folder).flatMap((name) => /^node(\d+)$/.exec(name)?.[1] ?? []);
    return numbers.map(Number).sort((a, b) => a - b);
  } catch {
    return [];
  }
}

/** `0-2,8` as the kernel writes it. */
function cpusOf(list: string): number[] {
  return list.split(",").flatMap((range) => {
    if (range === "") return []; // memory without CPUs
    const [first = 0, last = first] = range.split("-").map(Number);
    return Array.from({ length: last - first + 1 }, (_, index) => first + index);
  });
}
