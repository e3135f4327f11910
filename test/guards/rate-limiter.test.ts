import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { RateLimiter } from "../../src/guards/rate-limiter.js";
import { HandClock } from "./hand-clock.js";

/** The same bucket in exact arithmetic: what it holds is `burst` at most, and `tokens` come per `perMs`. */
class Model {
  readonly #tokens: bigint;
  readonly #unit: bigint;
  readonly #most: bigint;
  #held: bigint;
  #atUs: bigint;

  constructor(tokens: number, perMs: number, burst: number, atMs: number) {
    this.#tokens = BigInt(tokens);
    this.#unit = BigInt(perMs) * 1_000n;
    this.#most = BigInt(burst) * this.#unit;
    this.#held = this.#most;
    this.#atUs = BigInt(atMs) * 1_000n;
  }

  tryTake(count: number, nowMs: number): boolean {
    const nowUs = BigInt(nowMs) * 1_000n;
    if (nowUs > this.#atUs) {
      this.#held += (nowUs - this.#atUs) * this.#tokens;
      if (this.#held > this.#most) this.#held = this.#most;
    }
    this.#atUs = nowUs; // only steps forward count
    const wanted = BigInt(count) * this.#unit;
    if (wanted > this.#held) return false;
    this.#held -= wanted;
    return true;
  }
}

describe("a rate limiter", () => {
  test("gives its burst at once, then as many as come back by time", () => {
    const clock = new HandClock();
    const limiter = new RateLimiter({ tokens: 10, burst: 3, nowMs: clock.nowMs });
    expect([1, 2, 3, 4].map(() => limiter.tryTake())).toEqual([true, true, true, false]);
    expect(limiter.waitMs()).toBe(100);
    expect(limiter.waitMs(3)).toBe(300);
    clock.ms += 99.999;
    expect(limiter.tryTake()).toBe(false);
    clock.ms += 0.001;
    expect(limiter.tryTake()).toBe(true);
    clock.ms -= 500; // a clock that goes back gives nothing
    expect(limiter.tryTake()).toBe(false);
    clock.ms += 1e9;
    expect(limiter.tryTake(4)).toBe(false);
    expect(limiter.waitMs(4)).toBe(Number.POSITIVE_INFINITY);
    expect(limiter.tryTake(3)).toBe(true);
  });

  test("is exact however long it runs: as the model in bigints says, and waitMs to the microsecond", () => {
    let refusals = 0;
    let longTimes = 0;
    const step = fc.record({
      ms: fc.oneof(fc.integer({ min: -10, max: 50 }), fc.nat(5_000), fc.integer({ min: 1e8, max: 1e10 })),
      count: fc.nat(30),
    });
    const rate = fc.record({
      tokens: fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 1e9 })),
      perMs: fc.constantFrom(1, 7, 1_000, 86_400_000),
      burst: fc.integer({ min: 1, max: 40 }),
    });
    fc.assert(
      fc.property(rate, fc.array(step, { size: "max", maxLength: 100 }), ({ tokens, perMs, burst }, steps) => {
        const clock = new HandClock();
        const limiter = new RateLimiter({ tokens, perMs, burst, nowMs: clock.nowMs });
        const model = new Model(tokens, perMs, burst, clock.ms);
        for (const { ms, count } of steps) {
          clock.ms += ms;
          if (ms > 1e8) longTimes++;
          const waitMs = limiter.waitMs(count);
          const taken = limiter.tryTake(count);
          expect(taken).toBe(model.tryTake(count, clock.ms));
          expect(waitMs === 0).toBe(taken);
          if (!taken) refusals++;
        }
      }),
      { numRuns: 300 },
    );
    expect(refusals).toBeGreaterThan(500);
    expect(longTimes).toBeGreaterThan(500);
  });

  test("says to the microsecond when it takes again", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 100_000 }), fc.integer({ min: 1, max: 50 }), (tokens, count) => {
        const clock = new HandClock();
        const limiter = new RateLimiter({ tokens, burst: 50, nowMs: clock.nowMs });
        limiter.tryTake(50);
        const waitUs = Math.round(limiter.waitMs(count) * 1_000);
        expect(Math.ceil((count * 1e6) / tokens)).toBe(waitUs);
        clock.ms = 1_000 + (waitUs - 1) / 1_000;
        expect(limiter.tryTake(count)).toBe(false);
        clock.ms = 1_000 + waitUs / 1_000;
        expect(limiter.tryTake(count)).toBe(true);
      }),
    );
  });

  test.each([
    { tokens: 0 },
    { tokens: 1.5 },
    { tokens: 1, perMs: 0 },
    { tokens: 1, burst: 0 },
    { tokens: 1, burst: 1e15 },
    { tokens: 1, nowMs: 5 },
    {},
    undefined,
  ])("refuses the option %o", (options) => {
    expect(() => new RateLimiter(options as never)).toThrow(expect.objectContaining({ code: "BAD_OPTION" }));
  });

  test("fills on with a clock that goes back for good", () => {
    const clock = new HandClock();
    clock.ms = 10_000_000;
    const limiter = new RateLimiter({ tokens: 10, nowMs: clock.nowMs });
    expect(limiter.tryTake(10)).toBe(true);
    clock.ms -= 3_600_000;
    expect(limiter.waitMs()).toBe(100);
    clock.ms += 100;
    expect(limiter.tryTake()).toBe(true);
    expect(limiter.tryTake()).toBe(false);
  });

  test("refuses a count that is none", () => {
    const limiter = new RateLimiter({ tokens: 1 });
    for (const count of [-1, 0.5, Number.NaN]) {
      expect(() => limiter.tryTake(count)).toThrow(expect.objectContaining({ code: "BAD_OPTION" }));
    }
  });
});
