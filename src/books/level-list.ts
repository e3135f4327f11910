import { BookError } from "./errors.js";

/** 32-bit words of a level, in the order of the wire: price low, price high, size low, size high. */
export const LEVEL_WORDS = 4;

/** The most levels that a list or a side of a book holds, unless told otherwise: 16 MiB of them. */
export const LEVELS_MAX = 1_048_576;

const FIRST_LEVELS = 64;

/**
 * A growing row of price levels as the wire has them, four 32-bit words each: what a snapshot or an update is collected in
 * before it shows. Adding allocates only when the row outgrows its largest size so far.
 */
export class LevelList {
  /** The levels' words; those from `count * 4` on mean nothing. Another array after each growth. */
  words: Int32Array;
  /** How many levels there are. */
  count = 0;
  readonly #levelsMax: number;

  /** @param levelsMax from how many levels on {@link LevelList.push} refuses */
  constructor(levelsMax: number = LEVELS_MAX) {
    this.#levelsMax = levelsMax;
    this.words = new Int32Array(Math.min(FIRST_LEVELS, levelsMax) * LEVEL_WORDS);
  }

  /** Makes it empty; the memory stays. */
  clear(): void {
    this.count = 0;
  }

  /** Adds a level; the halves may be signed or unsigned. @throws BookError TOO_MANY_LEVELS */
  push(priceLow: number, priceHigh: number, sizeLow: number, sizeHigh: number): void {
    const at = this.reserve();
    const words = this.words;
    words[at] = priceLow;
    words[at + 1] = priceHigh;
    words[at + 2] = sizeLow;
    words[at + 3] = sizeHigh;
    this.count++;
  }

  /** Makes room for one more level and gives the index of its first word: write four words there, then add 1 to `count`. */
  reserve(): number {
    const at = this.count * LEVEL_WORDS;
    if (at === this.words.length) this.#grow();
    return at;
  }

  #grow(): void {
    if (this.count >= this.#levelsMax) {
      throw new BookError(
        "TOO_MANY_LEVELS",
        `more than ${this.#levelsMax} levels in one message: raise the limit if they are real`,
      );
    }
    const grown = new Int32Array(Math.min(this.count * 2, this.#levelsMax) * LEVEL_WORDS);
    grown.set(this.words);
    this.words = grown;
  }
}
