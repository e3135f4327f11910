import { ValueRangeError } from "../protocol/errors.js";
import { Side } from "../protocol/tables.js";
import { BookError } from "./errors.js";
import { LEVEL_WORDS, type LevelList } from "./level-list.js";

/** What setting a level did; the first three are the actions of OrderBookDelta on the wire. */
export const LevelChange = { Added: 0, Updated: 1, Removed: 2, Unchanged: 3 } as const;
/** What setting a level did. */
export type LevelChange = (typeof LevelChange)[keyof typeof LevelChange];

/** A price level, copied out. */
export interface BookLevel {
  /** Scaled by the instrument's price decimals. */
  readonly price: bigint;
  /** Scaled by the instrument's size decimals. */
  readonly size: bigint;
}

const TWO_32 = 4_294_967_296;
const SAFE_HIGH = 0x20_0000; // 2^53 / 2^32
const FIRST_LEVELS = 64;
/** Turned over in unsigned words, makes them compare as signed ones. */
const SIGN = 0x8000_0000 | 0;
/** Moving up to this many levels one by one is faster than a call of copyWithin. */
const MOVED_ONE_BY_ONE_MAX = 8;

/**
 * One side of an order book, exact for every 64-bit price and size.
 *
 * Levels lie in one Int32Array, four words each, ascending by a key whose greatest is the best: a bid's key is its price, an ask's
 * its price with all bits inverted (which turns the order round, and never overflows). So the best level is the last one, and
 * changes at the top, which are most, move few bytes:
 *
 *   | key low | key high | size low | size high | ... | the best level |
 *
 * Depth indexes count from the best, which is 0. Nothing here allocates but growth and what says `bigint`.
 */
export class BookSide {
  /** `Side.Buy` for bids, `Side.Sell` for asks. */
  readonly side: Side;
  readonly #flip: number;
  readonly #levelsMax: number;
  #words: Int32Array;
  #count = 0;
  /** Where the last search ended. */
  #finger = 0;

  /** @param levelsMax from how many levels on a new one is refused */
  constructor(side: Side, levelsMax: number) {
    this.side = side;
    this.#flip = side === Side.Buy ? 0 : -1;
    this.#levelsMax = levelsMax;
    this.#words = new Int32Array(Math.min(FIRST_LEVELS, levelsMax) * LEVEL_WORDS);
  }

  /** How many levels there are. */
  get count(): number {
    return this.#count;
  }

  /** How many levels fit before memory grows again. */
  get capacity(): number {
    return this.#words.length / LEVEL_WORDS;
  }

  /** The price at a depth, low 32 bits, unsigned. @throws BookError NO_LEVEL */
  priceLow(index: number): number {
    return (this.#word(index, 0) ^ this.#flip) >>> 0;
  }

  /** The price at a depth, high 32 bits, unsigned like all halves; the price itself is signed. @throws BookError NO_LEVEL */
  priceHigh(index: number): number {
    return (this.#word(index, 1) ^ this.#flip) >>> 0;
  }

  /** The size at a depth, low 32 bits, unsigned. @throws BookError NO_LEVEL */
  sizeLow(index: number): number {
    return this.#word(index, 2) >>> 0;
  }

  /** The size at a depth, high 32 bits, unsigned. @throws BookError NO_LEVEL */
  sizeHigh(index: number): number {
    return this.#word(index, 3) >>> 0;
  }

  /** The price at a depth in scaled units. @throws ValueRangeError beyond 2^53; BookError NO_LEVEL */
  priceUnits(index: number): number {
    const high = this.priceHigh(index) | 0;
    if (high < -SAFE_HIGH || high >= SAFE_HIGH) throw this.#tooWide("price", this.price(index));
    return high * TWO_32 + this.priceLow(index);
  }

  /** The size at a depth in scaled units. @throws ValueRangeError beyond 2^53; BookError NO_LEVEL */
  sizeUnits(index: number): number {
    const high = this.sizeHigh(index);
    if (high >= SAFE_HIGH) throw this.#tooWide("size", this.size(index));
    return high * TWO_32 + this.sizeLow(index);
  }

  /** The price at a depth, scaled; allocates. @throws BookError NO_LEVEL */
  price(index: number): bigint {
    return (BigInt(this.priceHigh(index) | 0) << 32n) | BigInt(this.priceLow(index));
  }

  /** The size at a depth, scaled; allocates. @throws BookError NO_LEVEL */
  size(index: number): bigint {
    return (BigInt(this.sizeHigh(index)) << 32n) | BigInt(this.sizeLow(index));
  }

  /** The best `levelsMax` levels, best first, copied out. */
  toArray(levelsMax: number = this.#count): BookLevel[] {
    const count = Math.min(levelsMax, this.#count);
    return Array.from({ length: count }, (_, index) => ({ price: this.price(index), size: this.size(index) }));
  }

  /** Sets the size of a price; size 0 takes the level out. @throws BookError TOO_MANY_LEVELS */
  set(priceLow: number, priceHigh: number, sizeLow: number, sizeHigh: number): LevelChange {
    const low = priceLow ^ this.#flip;
    const high = priceHigh ^ this.#flip;
    const place = this.#find(low, high);
    if ((sizeLow | sizeHigh) === 0) return place < 0 ? LevelChange.Unchanged : this.#remove(place);
    if (place < 0) return this.#insert(~place, low, high, sizeLow, sizeHigh);

    const words = this.#words;
    const at = place * LEVEL_WORDS;
    if (words[at + 2] === (sizeLow | 0) && words[at + 3] === (sizeHigh | 0)) return LevelChange.Unchanged;
    words[at + 2] = sizeLow;
    words[at + 3] = sizeHigh;
    return LevelChange.Updated;
  }

  /** Takes every level out; the memory stays. */
  clear(): void {
    this.#count = 0;
  }

  /** Replaces all levels by those of a list, which is quick where they stand best first, as venues send them. */
  load(levels: LevelList): void {
    this.#count = 0;
    while (this.capacity < levels.count) this.#grow();
    if (!this.#isBestFirst(levels)) {
      const { words } = levels;
      for (let at = 0; at < levels.count * LEVEL_WORDS; at += LEVEL_WORDS) {
        this.set(words[at]!, words[at + 1]!, words[at + 2]!, words[at + 3]!);
      }
      return;
    }
    const target = this.#words;
    for (let i = 0; i < levels.count; i++) {
      const from = i * LEVEL_WORDS;
      const to = (levels.count - 1 - i) * LEVEL_WORDS;
      target[to] = levels.words[from]! ^ this.#flip;
      target[to + 1] = levels.words[from + 1]! ^ this.#flip;
      target[to + 2] = levels.words[from + 2]!;
      target[to + 3] = levels.words[from + 3]!;
    }
    this.#count = levels.count;
  }

  /** Whether the levels descend strictly by key and none has size 0. */
  #isBestFirst({ words, count }: LevelList): boolean {
    for (let i = 0; i < count; i++) {
      const at = i * LEVEL_WORDS;
      if ((words[at + 2]! | words[at + 3]!) === 0) return false;
      if (i === 0) continue;
      const before = at - LEVEL_WORDS;
      const high = (words[at + 1]! ^ this.#flip) - (words[before + 1]! ^ this.#flip);
      const low = (words[at]! ^ this.#flip ^ SIGN) - (words[before]! ^ this.#flip ^ SIGN);
      if (high > 0 || (high === 0 && low >= 0)) return false;
    }
    return true;
  }

  /**
   * Where the key stands; where it is absent, the inverted place at which it belongs. Looks in widening steps from where it looked last,
   * since the levels of an update come in order, then halves.
   */
  #find(low: number, high: number): number {
    const words = this.#words;
    const count = this.#count;
    const sortableLow = low ^ SIGN;
    let above = this.#finger < count ? this.#finger : count; // to be: the first level whose key is not smaller
    let below = above - 1; // to be: the last level whose key is smaller, or -1
    if (above < count && isLess(words, above, sortableLow, high)) {
      for (let step = 1; ; step <<= 1) {
        below = above;
        above = below + step;
        if (above >= count) {
          above = count;
          break;
        }
        if (!isLess(words, above, sortableLow, high)) break;
      }
    } else {
      for (let step = 1; below >= 0 && !isLess(words, below, sortableLow, high); step <<= 1) {
        above = below;
        below = above - step;
        if (below < -1) below = -1;
      }
    }
    while (above - below > 1) {
      const middle = (above + below) >> 1;
      if (isLess(words, middle, sortableLow, high)) below = middle;
      else above = middle;
    }
    this.#finger = above;
    const at = above * LEVEL_WORDS;
    return above < count && words[at] === low && words[at + 1] === high ? above : ~above;
  }

  #insert(place: number, low: number, high: number, sizeLow: number, sizeHigh: number): LevelChange {
    if ((this.#count + 1) * LEVEL_WORDS > this.#words.length) this.#grow();
    const words = this.#words;
    const at = place * LEVEL_WORDS;
    const end = this.#count * LEVEL_WORDS;
    if (end - at > MOVED_ONE_BY_ONE_MAX * LEVEL_WORDS) words.copyWithin(at + LEVEL_WORDS, at, end);
    else for (let i = end - 1; i >= at; i--) words[i + LEVEL_WORDS] = words[i]!;
    words[at] = low;
    words[at + 1] = high;
    words[at + 2] = sizeLow;
    words[at + 3] = sizeHigh;
    this.#count++;
    return LevelChange.Added;
  }

  #remove(place: number): LevelChange {
    const words = this.#words;
    const at = place * LEVEL_WORDS;
    const end = this.#count * LEVEL_WORDS;
    if (end - at > MOVED_ONE_BY_ONE_MAX * LEVEL_WORDS) words.copyWithin(at, at + LEVEL_WORDS, end);
    else for (let i = at + LEVEL_WORDS; i < end; i++) words[i - LEVEL_WORDS] = words[i]!;
    this.#count--;
    return LevelChange.Removed;
  }

  #grow(): void {
    if (this.capacity >= this.#levelsMax) {
      throw new BookError(
        "TOO_MANY_LEVELS",
        `more than ${this.#levelsMax} levels on one side: raise levelsMax if they are real`,
      );
    }
    const grown = new Int32Array(Math.min(this.capacity * 2, this.#levelsMax) * LEVEL_WORDS);
    grown.set(this.#words);
    this.#words = grown;
  }

  #word(index: number, word: number): number {
    if (index >>> 0 !== index || index >= this.#count) {
      throw new BookError("NO_LEVEL", `there is no level ${index}: the side has ${this.#count}`);
    }
    return this.#words[(this.#count - 1 - index) * LEVEL_WORDS + word]!;
  }

  #tooWide(field: "price" | "size", value: bigint): ValueRangeError {
    const name = `${this.side === Side.Buy ? "bids" : "asks"}.${field}`;
    return new ValueRangeError("OrderBook", name, value, `a number within 2^53: read ${field} or its halves`);
  }
}

/** Whether the key of a level is below another: high halves signed, low ones unsigned. */
function isLess(words: Int32Array, place: number, sortableLow: number, high: number): boolean {
  const placeHigh = words[place * LEVEL_WORDS + 1]!;
  return placeHigh === high ? (words[place * LEVEL_WORDS]! ^ SIGN) < sortableLow : placeHigh < high;
}
