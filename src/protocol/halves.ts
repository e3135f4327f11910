// A 64-bit integer as two unsigned 32-bit halves: what hot paths use, since a bigint is an allocation and a number ends at 2^53.

const TWO_32 = 4_294_967_296;
/** 2^32 = US_QUOTIENT * 1000 + US_REMAINDER: splits a division by 1000 so that every step stays exact. */
const US_QUOTIENT = 4_294_967;
const US_REMAINDER = 296;

/** The number of two halves; exact below 2^53, the nearest double above. */
export function unsignedOf(low: number, high: number): number {
  return high * TWO_32 + low;
}

/** The high half of a safe integer, in two's complement. */
export function highOf(value: number): number {
  return Math.floor(value / TWO_32) >>> 0;
}

/** Whole microseconds of a time stamp in nanoseconds, rounded down. */
export function microsecondsOf(low: number, high: number): number {
  return high * US_QUOTIENT + Math.floor((high * US_REMAINDER + low) / 1000);
}

/** The high half of `us` microseconds in nanoseconds. */
export function nanosecondsHigh(us: number): number {
  // The product is rounded, by at most 2^9: far too little to reach the next multiple of 2^32.
  return Math.round((us * 1000 - nanosecondsLow(us)) / TWO_32) >>> 0;
}

/** The low half of `us` microseconds in nanoseconds: the low bits of a product are those of its factors' low bits. */
export function nanosecondsLow(us: number): number {
  return Math.imul(us, 1000) >>> 0;
}
