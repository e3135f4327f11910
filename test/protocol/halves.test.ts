import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { highOf, microsecondsOf, nanosecondsHigh, nanosecondsLow, unsignedOf } from "../../src/protocol/halves.js";

const WORD = 2n ** 32n;
const SAFE = BigInt(Number.MAX_SAFE_INTEGER);

const split = (value: bigint): [low: number, high: number] => {
  const bits = BigInt.asUintN(64, value);
  return [Number(bits % WORD), Number(bits / WORD)];
};
const join = (low: number, high: number): bigint => BigInt(high) * WORD + BigInt(low);

/** Numbers around the places where halves carry and doubles end, as well as anywhere. */
const near = (limits: readonly bigint[], min: bigint, max: bigint): fc.Arbitrary<bigint> =>
  fc.oneof(
    fc.bigInt({ min, max }),
    fc
      .tuple(fc.constantFrom(...limits), fc.bigInt({ min: -3n, max: 3n }))
      .map(([limit, step]) => limit + step)
      .filter((value) => value >= min && value <= max),
  );

const LIMITS = [0n, 2n ** 31n, WORD, 2n ** 52n, 2n ** 53n, 2n ** 63n, 2n ** 64n - 1n];
const unsigned = near(LIMITS, 0n, 2n ** 64n - 1n);
const safe = near([...LIMITS, ...LIMITS.map((limit) => -limit)], -SAFE, SAFE);

describe("halves", () => {
  test("of an unsigned integer give its number: exact where it is safe, the nearest double above", () => {
    let unsafe = 0;
    fc.assert(
      fc.property(unsigned, (value) => {
        const [low, high] = split(value);
        expect(unsignedOf(low, high)).toBe(Number(value));
        if (value > SAFE) unsafe++;
      }),
      { numRuns: 1_000 },
    );
    expect(unsafe).toBeGreaterThan(100);
  });

  test("of a number: the high one is that of its two's complement, negative numbers too", () => {
    fc.assert(
      fc.property(safe, (value) => {
        expect(highOf(Number(value))).toBe(split(value)[1]);
      }),
      { numRuns: 1_000 },
    );
  });

  test.each([
    [-1, 0xffff_ffff],
    [-4_294_967_296, 0xffff_ffff],
    [4_294_967_295, 0],
    [4_294_967_296, 1],
    [Number.MAX_SAFE_INTEGER, 0x1f_ffff],
    [Number.MIN_SAFE_INTEGER, 0xffe0_0000],
  ])("of %d: the high one is known", (value, high) => {
    expect(highOf(value)).toBe(high);
  });
});

describe("a time stamp", () => {
  test("gives its whole microseconds, rounded down, wherever they are a safe integer", () => {
    fc.assert(
      fc.property(near([...LIMITS, SAFE * 1000n], 0n, 2n ** 64n - 1n), (ns) => {
        const us = ns / 1000n;
        const found = microsecondsOf(...split(ns));
        // Beyond that it must still be seen to be beyond.
        if (us <= SAFE) expect(found).toBe(Number(us));
        else expect(found).toBeGreaterThan(Number.MAX_SAFE_INTEGER);
      }),
      { numRuns: 1_000 },
    );
  });

  test("is made of whole microseconds, and gives them back", () => {
    fc.assert(
      fc.property(near(LIMITS, 0n, SAFE), (us) => {
        const halves = [nanosecondsLow(Number(us)), nanosecondsHigh(Number(us))] as const;
        expect(join(...halves)).toBe(us * 1000n);
        expect(microsecondsOf(...halves)).toBe(Number(us));
      }),
      { numRuns: 1_000 },
    );
  });
});
