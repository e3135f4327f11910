// Decimal text to a 64-bit integer scaled by 10^8, exactly: no float is ever rounded, and nothing is allocated.

/** What {@link scanDecimal8} answers where the text is no decimal number. */
export const NOT_DECIMAL = -1;
/** What {@link scanDecimal8} answers where decimals beyond the eighth are not zero. */
export const TOO_MANY_DECIMALS = -2;
/** What {@link scanDecimal8} answers where the scaled number does not fit 64 bits. */
export const OUT_OF_RANGE = -3;

const ZERO = 0x30;
const MINUS = 0x2d;
const POINT = 0x2e;

const DECIMALS = 8;
const SCALE = 100_000_000;
/** What digits after the point are worth in units of 10^-8, by how many there are. */
const WORTH = [100_000_000, 10_000_000, 1_000_000, 100_000, 10_000, 1_000, 100, 10, 1];

const TWO_13 = 8_192;
const TWO_19 = 524_288;
const TWO_31 = 2_147_483_648;
const TWO_32 = 4_294_967_296;
/** Whole numbers below this one, scaled, stay below 2^53: 15 digits and more. */
const FAST_WHOLE_LIMIT = 90_071_992;
/** The whole part of 2^64 / 10^8. */
const WHOLE_MAX = 184_467_440_737;

/**
 * Reads `-?[0-9]+(\.[0-9]+)?` from `bytes[start]` on and writes it times 10^8 as two words, low then high, to `words[at]`.
 *
 * @param bytes must go on behind the number with a byte that is no digit
 * @param signed whether the words are an i64, else a u64
 * @returns the index behind the last digit; or, below 0, {@link NOT_DECIMAL}, {@link TOO_MANY_DECIMALS} or {@link OUT_OF_RANGE}
 */
export function scanDecimal8(bytes: Uint8Array, start: number, words: Int32Array, at: number, signed: boolean): number {
  const isNegative = bytes[start] === MINUS;
  const first = isNegative ? start + 1 : start;
  let i = first;
  let whole = 0;
  let digit = bytes[i]! - ZERO;
  while (digit >>> 0 <= 9) {
    whole = whole * 10 + digit;
    digit = bytes[++i]! - ZERO;
  }
  if (i === first) return NOT_DECIMAL;

  let fraction = 0;
  if (digit === POINT - ZERO) {
    const point = ++i;
    digit = bytes[i]! - ZERO;
    while (digit >>> 0 <= 9 && i - point < DECIMALS) {
      fraction = fraction * 10 + digit;
      digit = bytes[++i]! - ZERO;
    }
    if (i === point) return NOT_DECIMAL;
    fraction *= WORTH[i - point]!;
    while (digit === 0) digit = bytes[++i]! - ZERO; // zeros beyond the eighth decimal say nothing
    if (digit > 0 && digit <= 9) return TOO_MANY_DECIMALS;
  }

  if (whole >= FAST_WHOLE_LIMIT || isNegative)
    return storeWide(whole, fraction, isNegative, signed, words, at) ? i : OUT_OF_RANGE;
  const scaled = whole * SCALE + fraction; // below 2^53: exact
  words[at] = scaled;
  words[at + 1] = scaled / TWO_32;
  return i;
}

/** Stores `whole * 10^8 + fraction` through partial products below 2^53. False where it does not fit 64 bits. */
function storeWide(
  whole: number,
  fraction: number,
  isNegative: boolean,
  signed: boolean,
  words: Int32Array,
  at: number,
): boolean {
  if (whole > WHOLE_MAX) return false;
  // whole = top * 2^19 + rest; the product of top ends up 19 bits higher, of which 13 reach into the high word
  const top = Math.floor(whole / TWO_19);
  const upper = top * SCALE;
  const upperHigh = Math.floor(upper / TWO_13);
  const lower = (upper - upperHigh * TWO_13) * TWO_19 + (whole - top * TWO_19) * SCALE + fraction;
  const carry = Math.floor(lower / TWO_32);
  const low = lower - carry * TWO_32;
  const high = upperHigh + carry;

  if (!isNegative) {
    if (high >= (signed ? TWO_31 : TWO_32)) return false;
    words[at] = low;
    words[at + 1] = high;
    return true;
  }
  if (!signed && (low !== 0 || high !== 0)) return false;
  if (high > TWO_31 || (high === TWO_31 && low > 0)) return false;
  words[at] = -low;
  words[at + 1] = low === 0 ? -high : ~high;
  return true;
}
