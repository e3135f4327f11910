import type { OrderBook } from "../../books/order-book.js";

/** Words of a best bid and ask: bid price, bid size, ask price, ask size, low word first. */
export const TOP_WORDS = 8;

/** The last few best bids and asks of an instrument by the update id they belong to. Allocates only when made. */
export class RecentTops {
  readonly #capacity: number;
  readonly #ids: Float64Array;
  readonly #words: Int32Array;
  #next = 0;
  #count = 0;

  /** @param capacity how many it remembers */
  constructor(capacity: number) {
    this.#capacity = capacity;
    this.#ids = new Float64Array(capacity);
    this.#words = new Int32Array(capacity * TOP_WORDS);
  }

  /** Remembers one in place of the oldest. Ids are expected to rise. */
  push(id: number, words: Int32Array): void {
    this.#ids[this.#next] = id;
    const at = this.#next * TOP_WORDS;
    for (let i = 0; i < TOP_WORDS; i++) this.#words[at + i] = words[i]!;
    this.#next = this.#next + 1 === this.#capacity ? 0 : this.#next + 1;
    if (this.#count < this.#capacity) this.#count++;
  }

  /** Compares what is remembered of this id: true or false; undefined where nothing is. */
  agrees(id: number, words: Int32Array): boolean | undefined {
    let place = this.#next;
    for (let left = this.#count; left > 0; left--) {
      place = place === 0 ? this.#capacity - 1 : place - 1;
      const found = this.#ids[place]!;
      if (found < id) return undefined;
      if (found === id) return this.#sameAt(place * TOP_WORDS, words);
    }
    return undefined;
  }

  /** Forgets all. */
  clear(): void {
    this.#count = 0;
  }

  #sameAt(at: number, words: Int32Array): boolean {
    for (let i = 0; i < TOP_WORDS; i++) {
      if (this.#words[at + i] !== words[i]) return false;
    }
    return true;
  }
}

/** Writes the best bid and ask of a book to `words`; zeros for a side that is empty. */
export function writeTop(book: OrderBook, words: Int32Array): void {
  const { bids, asks } = book;
  words.fill(0);
  if (bids.count > 0) {
    words[0] = bids.priceLow(0);
    words[1] = bids.priceHigh(0);
    words[2] = bids.sizeLow(0);
    words[3] = bids.sizeHigh(0);
  }
  if (asks.count > 0) {
    words[4] = asks.priceLow(0);
    words[5] = asks.priceHigh(0);
    words[6] = asks.sizeLow(0);
    words[7] = asks.sizeHigh(0);
  }
}
