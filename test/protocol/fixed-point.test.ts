import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ProtocolError } from "../../src/protocol/errors.js";
import { fixed8, formatFixed, formatFixed8, parseFixed } from "../../src/protocol/fixed-point.js";

const I64_MIN = -(2n ** 63n);
const U64_MAX = 2n ** 64n - 1n;

const scaled = fc.bigInt({ min: I64_MIN, max: U64_MAX });
const decimals = fc.integer({ min: 0, max: 38 });

function codeOf(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    if (error instanceof ProtocolError) return error.code;
    throw error;
  }
  return "no error";
}

describe("a decimal text", () => {
  test("is the text of its scaled integer, and back, for any number of decimals", () => {
    let beyondDoubles = 0;
    fc.assert(
      fc.property(scaled, decimals, (value, places) => {
        if (value > 2n ** 53n || value < -(2n ** 53n)) beyondDoubles++;
        const text = formatFixed(value, places);
        expect(parseFixed(text, places)).toBe(value);
        // The shortest text: nothing to take away at either end.
        expect(text).toMatch(/^(-(?!0$))?(0|[1-9]\d*)(\.\d*[1-9])?$/);
      }),
      { numRuns: 500 },
    );
    expect(beyondDoubles).toBeGreaterThan(50);
  });

  test("may carry zeroes, a sign and a bare point without changing its value", () => {
    fc.assert(
      fc.property(scaled, fc.integer({ min: 0, max: 12 }), fc.nat(3), fc.nat(3), (value, places, before, behind) => {
        const [, sign = "", whole = "", fraction = ""] = /^(-?)(\d+)\.?(\d*)$/.exec(formatFixed(value, places)) ?? [];
        const padded = `${"0".repeat(before)}${whole}.${fraction}${"0".repeat(behind)}`;
        expect(parseFixed(sign + padded, places)).toBe(value);
        if (sign === "") expect(parseFixed(`+${padded}`, places)).toBe(value);
      }),
    );
  });

  test.each([
    ["121706.00", 12_170_600_000_000n],
    ["0.1", 10_000_000n],
    ["0.3", 30_000_000n], // 0.1 + 0.2 is another number to a float
    ["90071992.54740993", 9_007_199_254_740_993n], // 2^53 + 1: no float holds it
    ["184467440737.09551615", U64_MAX],
    ["-92233720368.54775808", I64_MIN],
    ["-0", 0n],
    ["5.", 500_000_000n],
    [".5", 50_000_000n],
    ["1.00000000000000000000", 100_000_000n],
  ])("%s is exact", (text, value) => {
    expect(fixed8(text)).toBe(value);
  });

  test.each([
    "",
    ".",
    "-",
    "+",
    "+.",
    "1e5",
    "1E5",
    " 1",
    "1 ",
    "1\n",
    "1,000",
    "1_000",
    "0x10",
    "--1",
    "1.2.3",
    "NaN",
    "Infinity",
    "١",
    "1n",
    "−1",
  ])("%j is refused: it is no decimal number", (text) => {
    expect(codeOf(() => parseFixed(text, 8))).toBe("VALUE_RANGE");
  });

  test("that is no decimal number is refused with VALUE_RANGE and nothing else", () => {
    let refused = 0;
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(..."0123456789+-.eE _x\n") }), decimals, (text, places) => {
        if (/^[+-]?(\d+\.?\d*|\.\d+)$/.test(text)) return;
        refused++;
        expect(codeOf(() => parseFixed(text, places))).toBe("VALUE_RANGE");
      }),
      { numRuns: 500 },
    );
    expect(refused).toBeGreaterThan(100);
  });

  test("with more decimals than the scale is refused, never rounded", () => {
    expect(codeOf(() => fixed8("0.123456789"))).toBe("VALUE_RANGE");
    expect(codeOf(() => fixed8("0.000000001"))).toBe("VALUE_RANGE");
    expect(fixed8("0.1234567800")).toBe(12_345_678n);
    expect(codeOf(() => parseFixed("1.5", 0))).toBe("VALUE_RANGE");
  });

  test("beyond 64 bits is refused, one unit past either end", () => {
    expect(codeOf(() => fixed8("184467440737.09551616"))).toBe("VALUE_RANGE");
    expect(codeOf(() => fixed8("-92233720368.54775809"))).toBe("VALUE_RANGE");
    fc.assert(
      fc.property(fc.bigInt({ min: U64_MAX + 1n, max: U64_MAX ** 2n }), decimals, (value, places) => {
        expect(codeOf(() => parseFixed(formatFixed(value, places), places))).toBe("VALUE_RANGE");
        expect(codeOf(() => parseFixed(formatFixed(-value, places), places))).toBe("VALUE_RANGE");
      }),
    );
  });

  test.each([-1, 39, 1.5, Number.NaN, Number.POSITIVE_INFINITY])("cannot have %s decimals", (places) => {
    expect(codeOf(() => parseFixed("1", places))).toBe("VALUE_RANGE");
    expect(codeOf(() => formatFixed(1n, places))).toBe("VALUE_RANGE");
  });
});

test("formatting is exact beyond 64 bits too, as sums of money need it", () => {
  expect(formatFixed8(-(10n ** 40n) - 1n)).toBe(`-1${"0".repeat(32)}.00000001`);
  expect(formatFixed8(0n)).toBe("0");
  expect(formatFixed(-5n, 8)).toBe("-0.00000005");
});
