// Which steps prices and sizes come in shows in their trailing zeros: a size of 2.507 comes in thousandths, or finer.

const TWO_32 = 4_294_967_296;
/** 8 decimals: no step is looked for above one whole unit. */
const ZEROS_MAX = 8;
const POWERS_OF_FIVE = Array.from({ length: ZEROS_MAX + 1 }, (_, k) => 5 ** k);
const TWO_32_MOD = POWERS_OF_FIVE.map((power) => TWO_32 % power);

/**
 * Whether an unsigned 64-bit integer is a multiple of 10^k, from its halves and without leaving exact numbers: a
 * multiple of 10^k is one of 2^k, which the low bits show, and of 5^k.
 *
 * @param k 0 to 8
 */
export function endsInZeros(low: number, high: number, k: number): boolean {
  const power = POWERS_OF_FIVE[k] as number;
  if ((low & ((1 << k) - 1)) !== 0) return false;
  return ((high % power) * (TWO_32_MOD[k] as number) + (low % power)) % power === 0;
}

/**
 * Learns the step in which values come, a power of ten: as many trailing zeros as all of them have, at most 8. Where
 * it has not seen the finest value yet its step is a multiple of the true one, so what is rounded to it is still valid.
 */
export class StepFinder {
  #zeros = ZEROS_MAX;

  /** Looks at a value. Allocates nothing. */
  see(low: number, high: number): void {
    while (this.#zeros > 0 && !endsInZeros(low, high, this.#zeros)) this.#zeros--;
  }

  /** The step in units: 1 to 10^8. */
  get step(): number {
    return 10 ** this.#zeros;
  }
}
