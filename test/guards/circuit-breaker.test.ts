import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { CircuitBreaker, type CircuitBreakerOptions, type CircuitState } from "../../src/guards/circuit-breaker.js";
import { HandClock } from "./hand-clock.js";

function made(options: CircuitBreakerOptions = {}) {
  const clock = new HandClock();
  const changes: string[] = [];
  const breaker = new CircuitBreaker({
    failuresMax: 2,
    windowMs: 160,
    openMs: 100,
    openMsMax: 400,
    rampMs: 0,
    random: () => 1,
    nowMs: clock.nowMs,
    onChange: (state, before) => changes.push(`${before} > ${state}`),
    ...options,
  });
  const fail = (): void => breaker.tryAcquire()?.failed();
  return { breaker, clock, changes, fail };
}

describe("a circuit breaker", () => {
  test("opens at the count of failures within its window, and not for those that are older", () => {
    const { breaker, clock, fail } = made();
    fail();
    clock.ms += 170;
    fail();
    expect(breaker.state).toBe("closed");
    clock.ms += 100;
    fail();
    expect(breaker.state).toBe("open");
    expect(breaker.tryAcquire()).toBeUndefined();
    expect(breaker.retryMs).toBe(100);
  });

  test("opens only where failures are the share of calls that it was told", () => {
    const { breaker, fail } = made({ failureShare: 0.5 });
    for (let n = 0; n < 4; n++) breaker.tryAcquire()?.succeeded();
    fail();
    fail();
    fail();
    expect(breaker.state).toBe("closed"); // 3 of 7
    fail();
    expect(breaker.state).toBe("open"); // 4 of 8
  });

  test("lets as many probes through as it was told, and closes when all succeeded", () => {
    const { breaker, clock, changes, fail } = made({ probeCount: 2 });
    fail();
    fail();
    clock.ms += 100;
    const probes = [breaker.tryAcquire(), breaker.tryAcquire()];
    expect(probes.every((probe) => probe !== undefined)).toBe(true);
    expect(breaker.tryAcquire()).toBeUndefined();
    probes[0]?.succeeded();
    probes[0]?.succeeded(); // counts once
    expect([breaker.state, breaker.tryAcquire()]).toEqual(["halfOpen", undefined]);
    probes[1]?.succeeded();
    expect(breaker.state).toBe("closed");
    expect(changes).toEqual(["closed > open", "open > halfOpen", "halfOpen > closed"]);
  });

  test("stays open twice as long each time that a probe fails, up to its limit, and begins anew once it was closed", () => {
    const { breaker, clock, fail } = made();
    fail();
    fail();
    const times: number[] = [];
    for (let n = 0; n < 4; n++) {
      times.push(breaker.retryMs);
      clock.ms += breaker.retryMs;
      fail();
    }
    expect(times).toEqual([100, 200, 400, 400]);
    clock.ms += breaker.retryMs;
    breaker.tryAcquire()?.succeeded();
    fail();
    fail();
    expect(breaker.retryMs).toBe(100);
  });

  test("draws its open time from the upper half", () => {
    const { breaker, fail } = made({ random: () => 0 });
    fail();
    fail();
    expect(breaker.retryMs).toBe(50);
  });

  test("takes a probe without a result for failed, from the time on at which it should have had one", () => {
    const { breaker, clock, fail } = made({ probeMs: 1_000 });
    fail();
    fail();
    clock.ms += 100;
    const probe = breaker.tryAcquire();
    expect(breaker.retryMs).toBe(1_000);
    clock.ms += 1_050;
    expect(breaker.state).toBe("open");
    expect(breaker.retryMs).toBe(150);
    clock.ms += 150;
    expect(breaker.state).toBe("halfOpen");
    probe?.succeeded(); // of an epoch that is over
    expect(breaker.state).toBe("halfOpen");
  });

  test("gives each probe its own time: one that succeeded does not count against a later one", () => {
    const { breaker, clock, fail } = made({ probeCount: 2, probeMs: 1_000 });
    fail();
    fail();
    clock.ms += 100;
    const first = breaker.tryAcquire();
    clock.ms += 900;
    const second = breaker.tryAcquire();
    expect(breaker.retryMs).toBe(100); // the first one's time
    first?.succeeded();
    expect(breaker.retryMs).toBe(1_000); // the second one's
    clock.ms += 950;
    expect(breaker.state).toBe("halfOpen");
    second?.succeeded();
    expect(breaker.state).toBe("closed");
  });

  test("fails by a later probe that has no result in its own time, although an earlier one succeeded", () => {
    const { breaker, clock, fail } = made({ probeCount: 3, probeMs: 1_000 });
    fail();
    fail();
    clock.ms += 100;
    const first = breaker.tryAcquire();
    clock.ms += 500;
    breaker.tryAcquire();
    first?.succeeded();
    clock.ms += 999;
    expect(breaker.state).toBe("halfOpen");
    clock.ms += 1;
    expect(breaker.state).toBe("open");
  });

  test("goes on with a clock that goes back for good, or is set far ahead and back", () => {
    for (const wayMs of [-3_600_000, 3_600_000]) {
      const { breaker, clock, fail } = made();
      clock.ms = 10_000_000;
      fail();
      if (wayMs > 0) {
        clock.ms += wayMs;
        expect(breaker.state).toBe("closed");
        clock.ms -= wayMs;
      }
      fail();
      fail();
      expect(breaker.retryMs).toBe(100);
      if (wayMs < 0) clock.ms += wayMs;
      expect(breaker.retryMs).toBe(100);
      clock.ms += 99;
      expect(breaker.state).toBe("open");
      clock.ms += 1;
      expect(breaker.state).toBe("halfOpen");
    }
  });

  test.each([Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN, 1e300])(
    "takes no %d for a time, at its beginning or later",
    (noTime) => {
      for (const isFirst of [true, false]) {
        const clock = new HandClock();
        const goodMs = clock.ms;
        if (isFirst) clock.ms = noTime;
        const breaker = new CircuitBreaker({ failuresMax: 1, openMs: 100, random: () => 1, nowMs: clock.nowMs });
        clock.ms = goodMs;
        breaker.tryAcquire()?.failed();
        clock.ms = noTime;
        expect([breaker.state, breaker.retryMs]).toEqual(["open", 100]);
        clock.ms = goodMs + 100;
        expect(breaker.state).toBe("halfOpen");
      }
    },
  );

  test("a cancelled probe gives its place back, and no deadline stays behind", () => {
    const { breaker, clock, fail } = made({ probeMs: 1_000 });
    fail();
    fail();
    clock.ms += 100;
    breaker.tryAcquire()?.cancelled();
    clock.ms += 1_050; // past the deadline that it had
    expect(breaker.state).toBe("halfOpen");
    breaker.tryAcquire()?.succeeded();
    expect(breaker.state).toBe("closed");
  });

  test("results of calls from before it opened do not count", () => {
    const { breaker, clock, fail } = made();
    const late = [breaker.tryAcquire(), breaker.tryAcquire(), breaker.tryAcquire()];
    fail();
    fail();
    late[0]?.succeeded();
    expect(breaker.state).toBe("open");
    clock.ms += 100;
    expect(breaker.state).toBe("halfOpen");
    late[1]?.succeeded();
    expect(breaker.state).toBe("halfOpen");
    late[2]?.failed();
    expect(breaker.state).toBe("halfOpen");
  });

  test("after its probes lets a share of the calls through that grows to all", () => {
    const { breaker, clock, fail } = made({ rampMs: 1_000, rampFrom: 0.1 });
    fail();
    fail();
    clock.ms += 100;
    breaker.tryAcquire()?.succeeded();
    const passed: number[] = [];
    for (let step = 0; step < 10; step++) {
      let count = 0;
      for (let n = 0; n < 100; n++) if (breaker.tryAcquire() !== undefined) count++;
      passed.push(count);
      clock.ms += 100;
    }
    expect(passed[0]).toBeGreaterThanOrEqual(9);
    expect(passed[0]).toBeLessThanOrEqual(11);
    expect(passed).toEqual([...passed].sort((a, b) => a - b));
    expect(passed[9]).toBeGreaterThan(85);
    expect(breaker.state).toBe("closed");
  });

  test("opens from its ramp for as long as if a probe had failed", () => {
    const { breaker, clock, fail } = made({ rampMs: 1_000, rampFrom: 1 });
    fail();
    fail();
    clock.ms += 100;
    breaker.tryAcquire()?.succeeded();
    expect(breaker.state).toBe("recovering");
    fail();
    expect(breaker.state).toBe("recovering");
    fail();
    expect([breaker.state, breaker.retryMs]).toEqual(["open", 200]);
  });

  test("runs calls, synchronous or not, and refuses with the time to come back", async () => {
    const { breaker } = made();
    const boom = new Error("boom");
    expect(breaker.run(() => 7)).toBe(7);
    expect(await breaker.run(async () => 8)).toBe(8);
    await expect(breaker.run(() => Promise.reject(boom))).rejects.toBe(boom);
    const failing = (): never => {
      throw boom;
    };
    expect(() => breaker.run(failing, () => false)).toThrow(boom);
    expect(breaker.state).toBe("closed");
    expect(() => breaker.run(failing)).toThrow(boom);
    expect(breaker.state).toBe("open");
    expect(() => breaker.run(() => 9)).toThrow(expect.objectContaining({ code: "CIRCUIT_OPEN", retryMs: 100 }));
  });

  test.each([
    { failuresMax: 0 },
    { failureShare: 1.1 },
    { windowMs: 0 },
    { openMs: Number.NaN },
    { openMs: 50_000 },
    { probeCount: 1.5 },
    { probeMs: 0 },
    { rampMs: -1 },
    { rampFrom: 2 },
    { onChange: 5 },
    { random: 5 },
    { nowMs: 5 },
  ])("refuses the option %o", (options) => {
    expect(() => new CircuitBreaker(options as CircuitBreakerOptions)).toThrow(
      expect.objectContaining({ code: "BAD_OPTION" }),
    );
  });

  test("keeps its promises whatever is called in whatever order, also with a clock that stands or goes back", () => {
    const seen: Record<string, number> = {};
    const step = fc.oneof(
      { arbitrary: fc.constant("call" as const), weight: 4 },
      { arbitrary: fc.record({ of: fc.nat(7), as: fc.constantFrom("succeeded", "failed", "cancelled") }), weight: 6 },
      { arbitrary: fc.integer({ min: -50, max: 400 }), weight: 2 },
    );
    const options = fc.record({ probeCount: fc.integer({ min: 1, max: 3 }), rampMs: fc.constantFrom(0, 500) });
    fc.assert(
      fc.property(options, fc.array(step, { minLength: 40, maxLength: 200, size: "max" }), (chosen, steps) => {
        const { breaker, clock, changes } = made({ ...chosen, probeMs: 300 });
        const out: { permit: { [as: string]: () => void }; epoch: number }[] = [];
        const allowed = ["closed > open", "open > halfOpen", "halfOpen > open", "recovering > open"];
        const closing = chosen.rampMs === 0 ? ["halfOpen > closed"] : ["halfOpen > recovering", "recovering > closed"];
        let probes = 0; // in this half-open time: given, succeeded, given back
        let successes = 0;
        let state = "closed" as CircuitState;
        const look = (): void => {
          state = breaker.state;
          for (const change of changes.splice(0)) {
            seen[change] = (seen[change] ?? 0) + 1;
            expect([...allowed, ...closing]).toContain(change);
            if (change.startsWith("halfOpen > ") && !change.endsWith("open")) {
              expect(successes).toBe(chosen.probeCount);
            }
            if (change.endsWith("halfOpen")) [probes, successes] = [0, 0];
            if (!change.endsWith("recovering") && !change.endsWith("> closed")) epoch++;
          }
        };
        let epoch = 0;
        for (const each of steps) {
          look();
          if (each === "call") {
            const permit = breaker.tryAcquire();
            if (state === "open") expect(permit).toBeUndefined();
            if (state === "closed") expect(permit).toBeDefined();
            if (permit === undefined) continue;
            if (state === "halfOpen") expect(++probes).toBeLessThanOrEqual(chosen.probeCount);
            out.push({ permit: permit as never, epoch });
          } else if (typeof each === "number") clock.ms += each;
          else {
            const [told] = out.splice(each.of % Math.max(1, out.length), 1);
            if (told === undefined) continue;
            look();
            if (told.epoch === epoch && state === "halfOpen") {
              if (each.as === "succeeded") successes++;
              if (each.as === "cancelled") probes--;
            }
            told.permit[each.as]?.();
          }
        }
      }),
      { numRuns: 300 },
    );
    for (const change of ["closed > open", "halfOpen > closed", "halfOpen > open", "recovering > closed"]) {
      expect(seen[change], change).toBeGreaterThan(5);
    }
  });
});
