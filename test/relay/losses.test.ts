import fc from "fast-check";
import { expect, test } from "vitest";
import { Losses } from "../../src/relay/losses.js";
import { GapReason } from "../../src/tlvs/codes.js";

const COUNTER = 2 ** 40;

test("contiguous losses of each source and incarnation are one run, exactly what was lost", () => {
  const run = fc.record({
    source: fc.nat(3),
    incarnation: fc.nat(2),
    from: fc.integer({ min: 1, max: 1_000 }),
    count: fc.integer({ min: 1, max: 40 }),
  });
  let interleaved = 0;
  fc.assert(
    fc.property(
      fc.uniqueArray(run, { maxLength: 8, selector: ({ source, incarnation }) => source * 8 + incarnation }),
      (runs) => {
        const losses = new Losses();
        expect(losses.isEmpty).toBe(true);
        const total = runs.reduce((sum, { count }) => sum + count, 0);
        // As they lie in a log: those of one source in order, the sources among each other in any.
        for (let i = 0; i < 40; i++) {
          for (const { source, incarnation, from, count } of runs) {
            if (i < count) losses.add(source, incarnation * COUNTER + from + i);
          }
        }
        if (runs.length > 1) interleaved++;
        expect(losses.count).toBe(total);
        expect(losses.isEmpty).toBe(runs.length === 0);
        const expected = runs.map(({ source, incarnation, from, count }) => ({
          source,
          from: incarnation * COUNTER + from,
          to: incarnation * COUNTER + from + count - 1,
          reason: GapReason.SlowConsumer,
        }));
        expect(losses.take(GapReason.SlowConsumer)).toEqual(expected);
        expect(losses.take(GapReason.SlowConsumer)).toEqual([]); // told once
        expect(losses.isEmpty).toBe(true);
        expect(losses.count).toBe(total); // but counted for ever
      },
    ),
  );
  expect(interleaved).toBeGreaterThan(20);
});

test("unsequenced messages, and those that no number holds, are a run from 0 to 0 of their own", () => {
  const losses = new Losses();
  losses.add(1, 0);
  losses.add(1, 5);
  losses.add(1, Number.NaN);
  losses.add(1, 6);
  expect(losses.count).toBe(4);
  expect(losses.take(GapReason.SlowConsumer)).toEqual([
    { source: 1, from: 0, to: 0, reason: 2 },
    { source: 1, from: 5, to: 6, reason: 2 },
  ]);
});
