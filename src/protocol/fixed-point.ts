import { ProtocolError } from "./errors.js";

/** The decimals of prices and sizes on the wire unless an instrument announces others (docs/protocol.md, "Conventions"). */
const DEFAULT_DECIMALS = 8;

const I64_MIN = -(2n ** 63n);
const U64_MAX = 2n ** 64n - 1n;
const DECIMAL = /^([+-]?)(\d*)(?:\.(\d*))?$/;
const DECIMALS_MAX = 38;

/**
 * The exact scaled integer of a decimal text: `parseFixed("1.5", 8)` is `150000000n`. Never goes through a float.
 *
 * @param text digits with an optional sign and point; no exponent, no blanks
 * @param decimals how many decimals the integer has, 0 to 38
 * @throws ProtocolError `VALUE_RANGE` where the text is no decimal number, has more decimals that are not zero, or
 * does not fit 64 bits (from -2^63, the least i64, to 2^64 - 1, the greatest u64)
 */
export function parseFixed(text: string, decimals: number): bigint {
  checkDecimals(decimals);
  const parts = DECIMAL.exec(text);
  const whole = parts?.[2] ?? "";
  const fraction = parts?.[3] ?? "";
  if (parts === null || whole.length + fraction.length === 0) {
    throw new ProtocolError("VALUE_RANGE", `${JSON.stringify(text)} is not a decimal number`);
  }
  if (/[1-9]/.test(fraction.slice(decimals))) {
    throw new ProtocolError("VALUE_RANGE", `${text} has more than ${decimals} decimals: it would have to be rounded`);
  }
  const digits = BigInt(whole + fraction.slice(0, decimals).padEnd(decimals, "0"));
  const value = parts[1] === "-" ? -digits : digits;
  if (value < I64_MIN || value > U64_MAX) {
    throw new ProtocolError("VALUE_RANGE", `${text} with ${decimals} decimals does not fit 64 bits`);
  }
  return value;
}

/**
 * The shortest decimal text of a scaled integer: `formatFixed(150000000n, 8)` is `"1.5"`. Exact for any bigint.
 *
 * @param decimals how many decimals the integer has, 0 to 38
 */
export function formatFixed(value: bigint, decimals: number): string {
  checkDecimals(decimals);
  const digits = (value < 0n ? -value : value).toString().padStart(decimals + 1, "0");
  const whole = digits.slice(0, digits.length - decimals);
  const fraction = digits.slice(digits.length - decimals).replace(/0+$/, "");
  return `${value < 0n ? "-" : ""}${whole}${fraction === "" ? "" : `.${fraction}`}`;
}

/** {@link parseFixed} with the wire's usual 8 decimals: `fixed8("121706.00")` is `12170600000000n`. */
export function fixed8(text: string): bigint {
  return parseFixed(text, DEFAULT_DECIMALS);
}

/** {@link formatFixed} with the wire's usual 8 decimals. */
export function formatFixed8(value: bigint): string {
  return formatFixed(value, DEFAULT_DECIMALS);
}

function checkDecimals(decimals: number): void {
  if (!Number.isInteger(decimals) || decimals < 0 || decimals > DECIMALS_MAX) {
    throw new ProtocolError("VALUE_RANGE", `decimals must be an integer from 0 to ${DECIMALS_MAX}, not ${decimals}`);
  }
}
