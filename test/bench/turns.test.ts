import { expect, test } from "vitest";
import type { BenchContext } from "../../bench/harness.js";
import { measureInTurns, settle } from "../../bench/links/turns.js";

function noted(): { context: BenchContext; notes: string[] } {
  const notes: string[] = [];
  return { context: { note: (line: string) => notes.push(line) } as unknown as BenchContext, notes };
}

function subject(name: string, log: string[]): { name: string; stop(): Promise<void> } {
  return { name, stop: async () => void log.push(`${name} stops`) };
}

test("what is compared lies close together: each measure of all subjects before the next one, round by round", async () => {
  const log: string[] = [];
  const measured = await measureInTurns(noted().context, [subject("A", log), subject("B", log)], {
    rounds: 2,
    warmUp: async ({ name }) => void log.push(`${name}0`),
    measures: [async ({ name }) => void log.push(`${name}1`), async ({ name }) => void log.push(`${name}2`)],
  });
  const round = ["A1", "B1", "A2", "B2"];
  expect(log).toEqual(["A0", "B0", ...round, ...round, "A stops", "B stops"]);
  expect(measured.map(({ name }) => name)).toEqual(["A", "B"]);
});

test.each(["warm-up", "round"])(
  "a subject that fails in its %s is noted, stopped and left out; the others go on",
  async (when) => {
    const log: string[] = [];
    const { context, notes } = noted();
    const failing = (name: string): void => {
      if (name === "A") throw new Error("no answer");
      log.push(name);
    };
    const measured = await measureInTurns(context, [subject("A", log), subject("B", log)], {
      rounds: 2,
      warmUp: async ({ name }) => (when === "warm-up" ? failing(name) : undefined),
      measures: [async ({ name }) => (when === "round" ? failing(name) : void log.push(name))],
    });
    expect(measured.map(({ name }) => name)).toEqual(["B"]);
    expect(notes).toEqual(["A failed, and is left out: no answer"]);
    expect(log.filter((line) => line === "A stops")).toHaveLength(1);
    expect(log.slice(-3)).toEqual(["B", "B", "B stops"]);
  },
);

test("a count is settled on what a long enough run takes, within its bounds", async () => {
  const runs: number[] = [];
  const nsPerOperation = 1_000;
  const bounds = { ms: 10, warmUpMs: 40, countMin: 64, countMax: 1_000_000 };
  const run = async (count: number): Promise<number> => {
    runs.push(count);
    return nsPerOperation;
  };
  expect(await settle(run, bounds)).toBe(10_000);
  expect(runs).toEqual([64, 256, 1_024, 4_096, 16_384, 16_384]); // the first that takes a quarter of the warm-up
  expect(await settle(run, { ...bounds, countMax: 5_000 })).toBe(5_000);
  expect(await settle(run, { ...bounds, ms: 0.001 })).toBe(64);
});

test("a run that was held up does not settle a count", async () => {
  let runs = 0;
  const run = async (): Promise<number> => (++runs === 1 ? 1e9 : 1_000);
  expect(await settle(run, { ms: 10, warmUpMs: 40, countMin: 64, countMax: 1_000_000 })).toBe(10_000);
});
