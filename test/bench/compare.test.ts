import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, describe, expect, test } from "vitest";
import {
  type CompareOptions,
  compare,
  consumed,
  type Measurement,
  machine,
  type Subject,
  writeRows,
} from "../../src/bench.js";
import { AlphaPulseError } from "../../src/protocol/errors.js";

/** A clock that stands until a subject moves it: what a subject costs is then known exactly. */
function costing(ns: Readonly<Record<string, (operation: number) => number>>) {
  let nowMs = 0;
  const subjects: Record<string, Subject> = {};
  const turns: string[] = [];
  for (const [name, cost] of Object.entries(ns)) {
    subjects[name] = (operation) => {
      nowMs += cost(operation) / 1e6;
      if (turns.at(-1) !== name) turns.push(name);
      return operation;
    };
  }
  return { subjects, turns, now: () => nowMs };
}

const FAST: CompareOptions = { rounds: 3, roundMs: 5, warmupMs: 0.1, allocation: false, print: () => {} };

/** The error that a comparison ends with. */
async function failureOf(subjects: Record<string, Subject>, options = FAST): Promise<AlphaPulseError> {
  const error = await compare("made up", subjects, options).catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(AlphaPulseError);
  return error as AlphaPulseError;
}

describe("compare", () => {
  test("gives each subject's time an operation, and its ratio to the fastest", async () => {
    const { subjects, now } = costing({ slow: () => 3_000, fast: () => 1_000, slower: () => 4_500 });
    const { measurements } = await compare("costs", subjects, { ...FAST, now });
    expect(measurements.map(({ subject }) => subject)).toEqual(["slow", "fast", "slower"]);
    expect(measurements.map(({ ns }) => Math.round(ns))).toEqual([3_000, 1_000, 4_500]);
    expect(measurements.map(({ ratio }) => Number(ratio.toFixed(6)))).toEqual([3, 1, 4.5]);
  });

  test("measures in turns: A B C A B C", async () => {
    const { subjects, turns, now } = costing({ a: () => 1_000, b: () => 2_000, c: () => 3_000 });
    await compare("turns", subjects, { ...FAST, now });
    expect(turns.join("")).toBe("abc".repeat(1 + 1 + 3)); // the first look at each, the warm-up, three rounds
  });

  test("takes the median of the rounds, so that one disturbed round does not count", async () => {
    let operations = 0;
    const { subjects, now } = costing({ a: () => (operations++ > 11_500 ? 50_000 : 1_000) });
    const { measurements } = await compare("disturbed", subjects, { ...FAST, latency: false, now });
    const { ns, roundsNs } = measurements[0] as Measurement;
    expect(roundsNs).toHaveLength(3);
    expect(Math.max(...roundsNs)).toBeGreaterThan(2_000);
    expect(Math.round(ns)).toBe(Math.round(roundsNs.toSorted((a, b) => a - b)[1] as number));
    expect(Math.round(ns)).toBe(1_000);
  });

  test("leaves out samples that took three times as long as usual, but not those that took twice as long", async () => {
    const costOfSample = (nth: number): number => (nth % 10 === 9 ? 4_000 : nth % 10 === 5 ? 2_000 : 1_000);
    let operations = 0;
    const { subjects, now } = costing({ a: () => costOfSample(Math.floor(operations++ / 512)) });
    const options = { ...FAST, rounds: 1, roundMs: 200, latency: false, now };
    const { measurements } = await compare("interrupted", subjects, options);
    expect(measurements[0]?.ns).toBeGreaterThan(1_050);
    expect(measurements[0]?.ns).toBeLessThan(1_250);
  });

  test("gives operations ordinals that go on, and divides by the batch where a subject loops itself", async () => {
    const seen = new Set<number>();
    const { subjects, now } = costing({
      a: (operation) => {
        seen.add(operation);
        return 1_000;
      },
    });
    await compare("ordinals", subjects, { ...FAST, now });
    expect(seen.size).toBeGreaterThan(1_000);
    expect(Math.max(...seen)).toBe(seen.size - 1);
    const batched = costing({ a: (batch) => batch * 100 });
    const { measurements } = await compare("batch", batched.subjects, { ...FAST, now: batched.now, batch: 50 });
    expect(Math.round(measurements[0]?.ns ?? 0)).toBe(100);
  });

  test("consumes what subjects return", async () => {
    let returned = 0;
    const { subjects, now } = costing({ a: () => 1_000 });
    const before = consumed();
    const counting: Subject = (operation) => {
      subjects.a?.(operation);
      returned++;
      return 1;
    };
    await compare("consumed", { a: counting }, { ...FAST, now });
    expect(consumed() - before).toBe(returned - 1); // the first look at it is not part of a loop
    expect(returned).toBeGreaterThan(1_000);
  });

  test("prints a table, and reports rows by the contract", async () => {
    const lines: string[] = [];
    const { subjects, now } = costing({ slow: () => 5_000, fast: () => 2_500 });
    const options = { ...FAST, allocation: true, suite: "mine", now, print: (line: string) => lines.push(line) };
    const { rows } = await compare("a thing", subjects, options);
    expect(lines[0]).toBe("a thing");
    expect(lines[2]).toMatch(/^ {2}slow +5,000 +2\.00x +5,0\d\d +5,0\d\d +5,0\d\d +\d[\d.]*$/);
    expect(rows.map(({ name, subject, unit }) => `${subject} ${name}, ${unit}`)).toEqual([
      "slow a thing, ns",
      "fast a thing, ns",
      ...["slow", "fast"].flatMap((subject) => ["p50", "p99", "p99.9"].map((p) => `${subject} a thing: ${p}, ns`)),
      "slow a thing: allocated, bytes",
      "fast a thing: allocated, bytes",
    ]);
    for (const row of rows) {
      expect(Object.keys(row)).toEqual(["suite", "name", "subject", "value", "unit", "better"]);
      expect(row).toMatchObject({ suite: "mine", better: "lower" });
      expect(Number.isFinite(row.value)).toBe(true);
    }
  });

  test("says on what machine", () => {
    expect(machine()).toContain(process.version);
  });
});

describe("a subject that cannot be measured", () => {
  test.each([
    ["is no function", 7, /subject "bad" is no function but number/],
    ["returns nothing", () => {}, /returns nothing: return what it worked out/],
    ["returns a promise", async () => 1, /returns a promise/],
  ])("%s: BAD_SUBJECT, before anything is measured", async (_what, subject, text) => {
    let calls = 0;
    const error = await failureOf({ bad: subject as Subject, good: () => ++calls });
    expect(error.code).toBe("BAD_SUBJECT");
    expect(error.message).toMatch(text);
    expect(error.message).toContain('comparison "made up"');
    expect(calls).toBe(0);
  });

  test("is none: BAD_SUBJECT", async () => {
    expect((await failureOf({})).code).toBe("BAD_SUBJECT");
  });

  test.each([0, 5_000])("throws at operation %i: SUBJECT_FAILED names it and keeps what was thrown", async (when) => {
    const thrown = new TypeError("no such field");
    const { subjects, now } = costing({ good: () => 1_000 });
    let operations = 0;
    const throwing: Subject = (operation) => {
      if (operations++ === when) throw thrown;
      return subjects.good?.(operation);
    };
    const error = await failureOf({ throwing }, { ...FAST, roundMs: 5, now });
    expect(error.code).toBe("SUBJECT_FAILED");
    expect(error.message).toBe('comparison "made up": subject "throwing" threw: no such field');
    expect(error.cause).toBe(thrown);
  });

  test.each([{ rounds: 0 }, { rounds: 1.5 }, { roundMs: Number.NaN }, { warmupMs: -1 }, { batch: 0 }])(
    "options %o: BAD_OPTION",
    async (options) => {
      const error = await failureOf({ a: () => 1 }, { ...FAST, ...options });
      expect(error.code).toBe("BAD_OPTION");
      expect(error.message).toContain(Object.keys(options)[0]);
    },
  );
});

describe("the file of results", () => {
  let folder: string | undefined;
  afterEach(() => {
    if (folder !== undefined) rmSync(folder, { recursive: true });
    folder = undefined;
  });

  test("is an array of rows of six fields and nothing else", () => {
    folder = mkdtempSync(join(tmpdir(), "alphapulse-rows-"));
    const file = join(folder, "rows.json");
    const row = { suite: "s", name: "n", subject: "a", value: 1.5, unit: "ns", better: "lower" as const };
    writeRows(file, [{ ...row, more: 1 } as typeof row]);
    expect(JSON.parse(readFileSync(file, "utf8"))).toEqual([row]);
  });
});

test("where no code may be made from text, subjects are measured all the same", async () => {
  const program = `
    const { compare } = await import("alphapulse/bench");
    const options = { rounds: 1, roundMs: 1, warmupMs: 1, print: () => {} };
    const { measurements } = await compare("x", { a: (i) => i }, options);
    console.log(measurements[0].ns > 0);`;
  const args = ["--disallow-code-generation-from-strings", "--input-type=module", "--eval", program];
  const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 15_000 });
  expect(stdout.trim()).toBe("true");
});
