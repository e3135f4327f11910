import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { NOT_DECIMAL, OUT_OF_RANGE, scanDecimal8, TOO_MANY_DECIMALS } from "../../src/adapters/decimal.js";

const I64_MIN = -(2n ** 63n);
const I64_MAX = 2n ** 63n - 1n;
const U64_MAX = 2n ** 64n - 1n;

/** What the scanner should say, by bigints alone. */
function reference(text: string, signed: boolean): bigint | number {
  const parts = /^(-?)(\d+)(?:\.(\d+))?$/.exec(text);
  if (parts === null) return NOT_DECIMAL;
  const fraction = parts[3] ?? "";
  if (/[1-9]/.test(fraction.slice(8))) return TOO_MANY_DECIMALS;
  const magnitude = BigInt(parts[2] + fraction.slice(0, 8).padEnd(8, "0"));
  const value = parts[1] === "-" ? -magnitude : magnitude;
  const [least, greatest] = signed ? [I64_MIN, I64_MAX] : [0n, U64_MAX];
  return value < least || value > greatest ? OUT_OF_RANGE : value;
}

function scan(text: string, signed: boolean, behind = '"'): bigint | number {
  const words = new Int32Array(4);
  const bytes = new TextEncoder().encode(`xx${text}${behind}`);
  const end = scanDecimal8(bytes, 2, words, 1, signed);
  if (end < 0) return end;
  expect(end).toBe(2 + text.length);
  expect([words[0], words[3]]).toEqual([0, 0]); // nothing beside it was touched
  const value = (BigInt(words[2]!) << 32n) | BigInt(words[1]! >>> 0);
  return signed ? BigInt.asIntN(64, value) : BigInt.asUintN(64, value);
}

describe("scanDecimal8", () => {
  test.each([
    ["0", 0n],
    ["0.00000001", 1n],
    ["61737.63000000", 6_173_763_000_000n],
    ["1.5", 150_000_000n],
    ["007.10", 710_000_000n],
    ["1.0000000000000", 100_000_000n], // zeros that say nothing
    ["90071991.99999999", 9_007_199_199_999_999n], // the last one of the fast way
    ["90071992.54740993", 9_007_199_254_740_993n], // 2^53 + 1, which no number can hold
    ["92233720368.54775807", I64_MAX],
    ["-92233720368.54775808", I64_MIN],
    ["-0.00000001", -1n],
    ["-42.94967296", -(2n ** 32n)],
    ["-0", 0n],
  ])("%s is %s", (text, expected) => {
    expect(scan(text, true)).toBe(expected);
  });

  test.each([
    ["92233720368.54775808", true, OUT_OF_RANGE],
    ["-92233720368.54775809", true, OUT_OF_RANGE],
    ["184467440737.09551615", false, U64_MAX],
    ["184467440737.09551616", false, OUT_OF_RANGE],
    ["99999999999999999999999999", false, OUT_OF_RANGE],
    ["-0.00000001", false, OUT_OF_RANGE],
    ["-0.00", false, 0n],
    ["0.123456789", true, TOO_MANY_DECIMALS],
    ["1.00000000000000000001", true, TOO_MANY_DECIMALS],
    ["", true, NOT_DECIMAL],
    ["-", true, NOT_DECIMAL],
    [".5", true, NOT_DECIMAL],
    ["5.", true, NOT_DECIMAL],
    ["+5", true, NOT_DECIMAL],
  ])("%s, signed %s, is %s", (text, signed, expected) => {
    expect(scan(text, signed)).toBe(expected);
  });

  test("equals the reference for every number of digits, signed and not", () => {
    const reached = { fast: 0, wide: 0, refused: 0 };
    const digits = (min: number, max: number) =>
      fc
        .array(fc.constantFrom(..."0123456789"), { minLength: min, maxLength: max, size: "max" })
        .map((all) => all.join(""));
    const text = fc.oneof(
      fc
        .tuple(fc.constantFrom("", "-"), digits(1, 14), digits(0, 10))
        .map(([sign, whole, rest]) => sign + whole + (rest && `.${rest}`)),
      fc.bigInt({ min: I64_MIN * 3n, max: U64_MAX * 2n }).map((value) => {
        const all = (value < 0n ? -value : value).toString().padStart(9, "0");
        return `${value < 0n ? "-" : ""}${all.slice(0, -8)}.${all.slice(-8)}`;
      }),
    );
    fc.assert(
      fc.property(text, fc.boolean(), fc.constantFrom('"', "\0", ",", "x"), (given, signed, behind) => {
        const expected = reference(given, signed);
        if (typeof expected === "number") reached.refused++;
        else if (expected > 2n ** 53n || expected < 0n) reached.wide++;
        else reached.fast++;
        expect(scan(given, signed, behind)).toBe(expected);
      }),
      { numRuns: 5_000 },
    );
    for (const count of Object.values(reached)) expect(count).toBeGreaterThan(200);
  });
});
