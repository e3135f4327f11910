import { ValueRangeError } from "../protocol/errors.js";
import { formatFixed } from "../protocol/fixed-point.js";

// The older services keep prices and sizes as floats. A float is read as the shortest decimal text that names it, which
// is the text that it was made from wherever that had up to 6 (f32) or 15 (f64) digits. Nothing is computed with it.

/** How many bits a float has. */
export type FloatBits = 32 | 64;

/** What to do where a float and a fixed-point amount cannot say the same: `refuse` is an error. */
export type Rounding = "refuse" | "nearest";

/** Where a number stands, for errors. */
export interface Place {
  readonly struct: string;
  readonly field: string;
}

const SHORTEST_32_DIGITS_MAX = 9;
const BITS = /* @__PURE__ */ new DataView(new ArrayBuffer(8));

/** The float of these bits. */
export function floatOfBits(bits: bigint, width: FloatBits): number {
  if (width === 32) {
    BITS.setUint32(0, Number(bits));
    return BITS.getFloat32(0);
  }
  BITS.setBigUint64(0, bits);
  return BITS.getFloat64(0);
}

/** The bits of a float; with 32 bits of the nearest one. */
export function bitsOfFloat(value: number, width: FloatBits): bigint {
  if (width === 32) {
    BITS.setFloat32(0, value);
    return BigInt(BITS.getUint32(0));
  }
  BITS.setFloat64(0, value);
  return BITS.getBigUint64(0);
}

/**
 * The fixed-point amount that a float means.
 *
 * @param decimals how many decimals the amount has
 * @throws ValueRangeError where it is no finite number, or has more decimals and `rounding` is `refuse`
 */
export function unitsOfFloat(
  value: number,
  width: FloatBits,
  decimals: number,
  rounding: Rounding,
  { struct, field }: Place,
): bigint {
  if (!Number.isFinite(value)) throw new ValueRangeError(struct, field, value, "a finite number");
  const [mantissa, exponent] = shortestText(value, width).split("e") as [string, string];
  const [whole, fraction = ""] = mantissa.split(".") as [string, string?];
  const digits = BigInt(whole + fraction);
  const shift = Number(exponent) - fraction.length + decimals;
  if (shift >= 0) return digits * 10n ** BigInt(shift);
  const unit = 10n ** BigInt(-shift); // the shortest text does not end in zeros: there is something to cut off
  if (rounding === "refuse") {
    const expected = `at most ${decimals} decimals; give other \`decimals\`, or \`rounding: "nearest"\``;
    throw new ValueRangeError(struct, field, value, expected);
  }
  const half = digits < 0n ? -unit / 2n : unit / 2n;
  return (digits + half) / unit;
}

/**
 * The float that is read back as this amount.
 *
 * @throws ValueRangeError where there is none and `rounding` is `refuse`
 */
export function floatOfUnits(
  units: bigint,
  width: FloatBits,
  decimals: number,
  rounding: Rounding,
  place: Place,
): number {
  const exact = Number(formatFixed(units, decimals));
  const value = width === 32 ? Math.fround(exact) : exact;
  if (rounding === "refuse" && unitsOfFloat(value, width, decimals, "nearest", place) !== units) {
    const expected = `what a float of ${width} bits can say; or allow \`rounding: "nearest"\``;
    throw new ValueRangeError(place.struct, place.field, units, expected);
  }
  return value;
}

/** As `1.2345e+2`, with as few digits as name this float among all of its width. */
function shortestText(value: number, width: FloatBits): string {
  if (width === 64) return value.toExponential();
  for (let digits = 0; digits < SHORTEST_32_DIGITS_MAX - 1; digits++) {
    const text = value.toExponential(digits);
    if (Math.fround(Number(text)) === value) return text;
  }
  return value.toExponential(SHORTEST_32_DIGITS_MAX - 1);
}
