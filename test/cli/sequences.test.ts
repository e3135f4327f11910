import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { SequenceTracker, type SourceReport } from "../../src/cli/sequences.js";

function reportOf(sequences: readonly (readonly [sequence: number | bigint, timestamp: number])[]): SourceReport {
  const tracker = new SequenceTracker();
  for (const [sequence, timestamp] of sequences) {
    tracker.take({ source: 1, sequence: BigInt(sequence), timestamp: BigInt(timestamp) });
  }
  return tracker.report()[0] as SourceReport;
}
const run = (incarnation: number, counter: number): bigint => (BigInt(incarnation) << 40n) | BigInt(counter);

describe("the sequences of a source", () => {
  test("within one run, what is missing and what came twice is what a set of all counters says", () => {
    let holes = 0;
    let late = 0;
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 60, size: "max" }),
        (counters) => {
          const [first] = counters as [number];
          const seen = new Set<number>();
          let duplicates = 0;
          let highest = first - 1;
          for (const counter of counters) {
            if (counter < first || seen.has(counter)) {
              duplicates++; // below the first one: nothing is known of it
            } else {
              seen.add(counter);
              if (counter < highest) late++;
            }
            highest = Math.max(highest, counter);
          }
          const missing = highest - first + 1 - seen.size;
          holes += missing;
          const found = reportOf(counters.map((counter) => [counter, 0]));
          expect(found).toMatchObject({ missing, duplicates, restarts: 0 });
          const inGaps = found.gaps.reduce((sum, { from, to }) => sum + to - from + 1, 0);
          expect(inGaps).toBe(missing);
          for (const { from, to } of found.gaps) for (let n = from; n <= to; n++) expect(seen.has(n)).toBe(false);
        },
      ),
    );
    expect(holes).toBeGreaterThan(100);
    expect(late).toBeGreaterThan(100);
  });

  test("another run starts anew from 1, and what comes of a run before is stale", () => {
    expect(
      reportOf([
        [run(1, 5), 1],
        [run(2, 3), 2],
        [run(1, 6), 3],
      ]),
    ).toMatchObject({
      restarts: 1,
      stale: 1,
      missing: 2,
      gaps: [{ incarnation: 2, from: 1, to: 2 }],
    });
  });

  test("a gap of a run that ended is not filled by the next run", () => {
    expect(
      reportOf([
        [run(1, 1), 1],
        [run(1, 4), 1],
        [run(2, 1), 2],
        [run(2, 2), 2],
      ]),
    ).toMatchObject({
      missing: 2,
      duplicates: 0,
      gaps: [{ incarnation: 1, from: 2, to: 3 }],
    });
  });

  test("without runs, a lower counter with a later time stamp is a restart, with an earlier one a duplicate", () => {
    expect(
      reportOf([
        [5, 10],
        [6, 11],
        [1, 12],
        [2, 13],
      ]),
    ).toMatchObject({ restarts: 1, duplicates: 0, missing: 0 });
    expect(
      reportOf([
        [5, 10],
        [6, 11],
        [5, 10],
        [7, 12],
      ]),
    ).toMatchObject({ restarts: 0, duplicates: 1, missing: 0 });
    expect(
      reportOf([
        [5, 10],
        [7, 12],
        [6, 11],
      ]),
    ).toMatchObject({ restarts: 0, duplicates: 0, missing: 0 });
  });

  test("only the last 8 runs are remembered", () => {
    const runs = Array.from({ length: 10 }, (_, i) => [run(i + 1, 1), i] as const);
    expect(reportOf([...runs, [run(2, 1), 20]])).toMatchObject({ restarts: 9, stale: 1 });
    expect(reportOf([...runs, [run(1, 1), 20]])).toMatchObject({ restarts: 10, stale: 0 });
  });

  test("unsequenced messages and foreign sequences of more than 53 bits are only counted", () => {
    expect(
      reportOf([
        [0, 1],
        [1n << 53n, 1],
        [4, 1],
        [0, 1],
      ]),
    ).toMatchObject({
      messages: 4,
      unsequenced: 2,
      outOfRange: 1,
      missing: 0,
    });
  });

  test("time stamps that go back are counted", () => {
    expect(
      reportOf([
        [1, 10],
        [2, 9],
        [3, 10],
      ]),
    ).toMatchObject({ timeBackwards: 1 });
  });
});
