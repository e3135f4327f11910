import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ReplayWindow } from "../../src/protocol/replay-window.js";
import { EnvelopeLosses } from "../../src/transports/udp-loss.js";

describe("envelopes that are missing", () => {
  test("are told once they are older than 32 later ones, or than two looks", () => {
    const losses = new EnvelopeLosses(new ReplayWindow());
    expect([0, 1, 3].map((counter) => losses.record(counter))).toEqual([0, 0, 0]);
    expect(losses.isWaiting).toBe(true);
    for (let counter = 4; counter < 34; counter++) expect(losses.record(counter)).toBe(0);
    expect(losses.record(34)).toBe(1);
    expect(losses.isWaiting).toBe(false);

    expect(losses.record(36)).toBe(0);
    expect([losses.settle(), losses.settle()]).toEqual([0, 1]);
    expect(losses.isWaiting).toBe(false);
  });

  test("are not told where they come late", () => {
    const losses = new EnvelopeLosses(new ReplayWindow());
    expect([2, 1, 0].map((counter) => losses.record(counter))).toEqual([0, 0, 0]);
    expect(losses.isWaiting).toBe(false);
    expect([losses.settle(), losses.settle()]).toEqual([0, 0]);
  });

  test("beyond the window are counted exactly", () => {
    const losses = new EnvelopeLosses(new ReplayWindow());
    losses.record(0);
    expect(losses.record(100_000)).toBe(99_968);
    expect([losses.settle(), losses.settle()]).toEqual([0, 31]);
  });

  test("are each told once: what came in time and what was told is all there is", () => {
    const reached = { lost: 0, lateAfterTold: 0, looks: 0 };
    const fate = fc.record({ isLost: fc.boolean(), delay: fc.oneof(fc.constant(0), fc.nat(5), fc.nat(80)) });
    const fates = fc.array(fate, { minLength: 1, maxLength: 300, size: "max" });
    fc.assert(
      fc.property(fates, fc.boolean(), (all, looks) => {
        const window = new ReplayWindow();
        const losses = new EnvelopeLosses(window);
        const arriving = all
          .map(({ isLost, delay }, counter) => ({ isLost: isLost && counter % 3 === 0, at: counter + delay, counter }))
          .filter(({ isLost }) => !isLost)
          .sort((a, b) => a.at - b.at || a.counter - b.counter);
        let told = 0;
        for (const [n, { counter }] of arriving.entries()) {
          if (!window.admits(counter)) expect.fail(`${counter} came once and is not admitted`);
          told += losses.record(counter);
          if (looks && n % 7 === 0) {
            told += losses.settle();
            reached.looks++;
          }
        }
        told += losses.settle() + losses.settle();
        expect(losses.isWaiting).toBe(false);
        const missing = window.highest + 1 - arriving.length;
        expect(told).toBeGreaterThanOrEqual(missing);
        // What was told and then came late was told too soon, and is the only difference.
        const lateCount = told - missing;
        expect(lateCount).toBeLessThanOrEqual(arriving.filter(({ at, counter }) => at > counter).length);
        if (missing > 0) reached.lost++;
        if (lateCount > 0) reached.lateAfterTold++;
      }),
      { numRuns: 300 },
    );
    expect(Math.min(...Object.values(reached))).toBeGreaterThan(20);
  });
});
