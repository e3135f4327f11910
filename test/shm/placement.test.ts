import { mkdirSync, writeFileSync } from "node:fs";
import { cpus, totalmem } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { affinity, numaTopology, pinThread, readTopology } from "../../src/shm/placement.js";
import { codeOf, hasNative, messageFrom, startWorker, useDirectory } from "./processes.js";

const directory = useDirectory();

describe.skipIf(!hasNative)("placement of threads", () => {
  test("pins the thread that asks, and no other", async () => {
    const before = affinity();
    const worker = startWorker(
      directory(),
      `pinThread([${before.at(-1)}]); parentPort.postMessage(affinity()); setInterval(() => {}, 1_000);`,
    );
    expect(await messageFrom(worker)).toEqual([before.at(-1)]);
    expect(affinity()).toEqual(before);
    pinThread([before[0] as number]);
    expect(affinity()).toEqual([before[0]]);
    pinThread(before);
    expect(affinity()).toEqual(before);
  });

  test("refuses what is no CPU of this process", () => {
    const before = affinity();
    for (const list of [[], [before[0], 4095], [4095], [4096], [-1], [0.5], [2 ** 40], ["0"], "0"]) {
      expect(codeOf(() => pinThread(list as number[]))).toBe("BAD_OPTION");
    }
    expect(affinity()).toEqual(before);
  });
});

describe("NUMA nodes", () => {
  test.skipIf(process.platform !== "linux")("of this machine have its CPUs and its memory", () => {
    const nodes = numaTopology();
    expect(nodes.flatMap((node) => node.cpus)).toEqual(expect.arrayContaining([0]));
    for (const { node, memoryBytes, distances } of nodes) {
      expect(memoryBytes).toBeLessThanOrEqual(2 * totalmem());
      expect(distances.get(node)).toBe(10);
      expect(distances.size).toBe(nodes.length);
    }
  });

  test("are read with their CPUs, memory and distances, by number", () => {
    const nodes = { 0: ["0-2,8\n", "10 21 17"], 1: ["3\n", "21 10 20"], 10: ["\n", "17 20 10"] };
    for (const [node, [cpulist = "", distance = ""]] of Object.entries(nodes)) {
      const folder = join(directory(), `node${node}`);
      mkdirSync(folder);
      writeFileSync(join(folder, "cpulist"), cpulist);
      writeFileSync(join(folder, "distance"), distance);
      writeFileSync(join(folder, "meminfo"), `Node ${node} MemTotal:       ${1024 * (Number(node) + 1)} kB\n`);
    }
    mkdirSync(join(directory(), "power"));
    const distances = (...values: number[]) => new Map([0, 1, 10].map((node, index) => [node, values[index]]));
    expect(readTopology(directory())).toEqual([
      { node: 0, cpus: [0, 1, 2, 8], memoryBytes: 2 ** 20, distances: distances(10, 21, 17) },
      { node: 1, cpus: [3], memoryBytes: 2 ** 21, distances: distances(21, 10, 20) },
      { node: 10, cpus: [], memoryBytes: 11 * 2 ** 20, distances: distances(17, 20, 10) },
    ]);
  });

  test("are one, with all CPUs, where the system tells of none", () => {
    const [node, ...others] = readTopology(join(directory(), "nothing"));
    expect(others).toEqual([]);
    expect(node?.cpus).toHaveLength(cpus().length);
    expect(node?.distances.get(0)).toBe(10);
  });
});
