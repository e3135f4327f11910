import {
  type FlyweightOf,
  type InstrumentId,
  type OrderBookDeltaTLV,
  type OrderBookTLV,
  type QuoteTLV,
  Side,
} from "alphapulse";
import { OrderBookReconstructor } from "alphapulse/books";
import { type Execution, Matcher } from "./matching.js";

/** Words of the best prices of a quote: bid, ask, each low half first. */
const TOUCH_WORDS = 4;

/**
 * The venue's side of one instrument: the book as its depth messages build it, and the last quote, which is newer. A
 * level that the quote is already past is gone, though the book may show it until its next update.
 */
export class VenueBook {
  isHalted = false;
  readonly #reconstructor: OrderBookReconstructor;
  readonly #matcher: Matcher;
  readonly #touch = new Uint32Array(TOUCH_WORDS);
  #hasQuote = false;

  constructor(instrument: InstrumentId) {
    this.#reconstructor = new OrderBookReconstructor(instrument);
    this.#matcher = new Matcher(this.#reconstructor.book);
  }

  /** Whether orders can be filled against it. */
  get isLive(): boolean {
    return this.#reconstructor.state === "live";
  }

  /** Takes a chunk of a snapshot. */
  snapshot(chunk: FlyweightOf<typeof OrderBookTLV>): void {
    if (this.#reconstructor.applySnapshot(chunk) === "applied") this.#matcher.reset();
  }

  /** Takes changes. Allocates nothing. */
  delta(delta: FlyweightOf<typeof OrderBookDeltaTLV>): void {
    this.#reconstructor.applyDelta(delta);
  }

  /** Takes a quote. Allocates nothing. */
  quote(quote: FlyweightOf<typeof QuoteTLV>): void {
    const touch = this.#touch;
    touch[0] = quote.bidPriceLow;
    touch[1] = quote.bidPriceHigh;
    touch[2] = quote.askPriceLow;
    touch[3] = quote.askPriceHigh;
    this.#hasQuote = true;
  }

  /** The book can't be trusted until its next snapshot. */
  lose(why: string): void {
    this.#reconstructor.reset(why);
    this.#matcher.reset();
    this.#hasQuote = false;
  }

  /** What a limit order meets. */
  match(side: number, limit: bigint, quantity: bigint): Execution[] {
    return this.#matcher.match(side, limit, quantity, this.#hasQuote ? this.#touchOf(side) : undefined);
  }

  #touchOf(side: number): bigint {
    const at = side === Side.Buy ? 2 : 0;
    return (BigInt((this.#touch[at + 1] as number) | 0) << 32n) | BigInt(this.#touch[at] as number);
  }
}
