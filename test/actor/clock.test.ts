import fc from "fast-check";
import { afterEach, expect, test, vi } from "vitest";
import { LiveClock, ReplayClock } from "../../src/protocol/clock.js";

afterEach(() => {
  vi.restoreAllMocks();
});

test("the replay's clock stands at the latest time it was told, and begins at 0", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(2 ** 31)), (times) => {
      const clock = new ReplayClock();
      let latest = 0;
      expect(clock.nowUs()).toBe(0);
      for (const us of times) {
        clock.advance(us);
        latest = Math.max(latest, us);
        expect([clock.nowUs(), clock.nowNs()]).toEqual([latest, BigInt(latest) * 1000n]);
      }
    }),
  );
});

test("the live clock never goes back, whatever is done to the wall clock, and follows it again within a second or so", () => {
  const reached = { back: 0, forward: 0 };
  const step = fc.record({
    passesMs: fc.double({ min: 0, max: 3_000, noNaN: true }),
    jumpMs: fc.integer({ min: -5_000, max: 5_000 }),
  });
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 40 }), (steps) => {
      let monotonicMs = 10;
      let wallMs = 1_755_000_000_000;
      vi.spyOn(performance, "now").mockImplementation(() => monotonicMs);
      vi.spyOn(Date, "now").mockImplementation(() => Math.floor(wallMs));
      const clock = new LiveClock();
      let last = clock.nowUs();
      expect(last).toBe(Math.floor(wallMs) * 1000);
      for (const { passesMs, jumpMs } of steps) {
        monotonicMs += passesMs;
        wallMs += passesMs + jumpMs;
        if (jumpMs < 0) reached.back++;
        else reached.forward++;
        const now = clock.nowUs();
        expect(Number.isInteger(now)).toBe(true);
        expect(now).toBeGreaterThanOrEqual(last);
        last = now;
      }
      // Left alone it is right again, unless it has to wait for a wall clock that was set back.
      for (let i = 0; i < 2; i++) {
        monotonicMs += 1_001;
        wallMs += 1_001;
        clock.nowUs();
      }
      expect(clock.nowUs()).toBe(Math.max(last, Math.floor(wallMs) * 1000));
      expect(clock.nowNs()).toBe(BigInt(clock.nowUs()) * 1000n);
    }),
  );
  expect(Math.min(...Object.values(reached))).toBeGreaterThan(100);
});

test("the live clock is the wall clock, in microseconds", () => {
  const clock = new LiveClock();
  const before = Date.now();
  const now = clock.nowUs() / 1000;
  expect(now).toBeGreaterThanOrEqual(before - 1);
  expect(now).toBeLessThanOrEqual(Date.now() + 1);
});
