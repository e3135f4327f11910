import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { REPLAY_WINDOW, ReplayWindow } from "../../src/protocol/replay-window.js";

/** Steps from the highest counter so far: mostly near it, some at the window's edge, some far away. */
const steps = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.integer({ min: -40, max: 20 }) },
    { weight: 2, arbitrary: fc.integer({ min: -REPLAY_WINDOW - 2, max: REPLAY_WINDOW + 2 }) },
    { weight: 1, arbitrary: fc.constantFrom(-REPLAY_WINDOW, 1 - REPLAY_WINDOW, REPLAY_WINDOW, 2 ** 33, 32, 31) },
  ),
  { maxLength: 300, size: "max" },
);

describe("a replay window", () => {
  test("admits each of the last 1,024 counters once, as a set of all that were seen does", () => {
    const reached = { again: 0, tooOld: 0, late: 0, jumped: 0 };
    fc.assert(
      fc.property(steps, (moves) => {
        const window = new ReplayWindow();
        const seen = new Set<number>();
        let highest = -1;
        for (const move of moves) {
          const counter = Math.max(0, highest + move);
          const isTooOld = counter <= highest - REPLAY_WINDOW;
          const isNew = !isTooOld && !seen.has(counter);
          if (window.admits(counter) !== isNew) expect.fail(`${counter} of ${highest}: not ${isNew}`);
          if (isTooOld) reached.tooOld++;
          else if (!isNew) reached.again++;
          if (!isNew) continue;
          if (counter < highest) reached.late++;
          if (counter > highest + REPLAY_WINDOW) reached.jumped++;
          window.record(counter);
          seen.add(counter);
          highest = Math.max(highest, counter);
          const from = Math.max(0, highest - 99);
          let missing = 0;
          for (let each = from; each <= highest; each++) if (!seen.has(each)) missing++;
          const found = [window.admits(counter), window.highest, window.missingBetween(from, highest)];
          if (String(found) !== String([false, highest, missing])) expect(found).toEqual([false, highest, missing]);
        }
      }),
      { numRuns: 200 },
    );
    expect(Math.min(...Object.values(reached))).toBeGreaterThan(50);
  });

  test("moves only for what is recorded", () => {
    const window = new ReplayWindow();
    expect(window.admits(5_000)).toBe(true);
    expect(window.highest).toBe(-1);
    expect(window.admits(0)).toBe(true);
  });
});
