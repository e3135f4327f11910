import { Side } from "../protocol/tables.js";
import { BookSide, type LevelChange } from "./book-side.js";
import { LEVELS_MAX, type LevelList } from "./level-list.js";

/** How an order book is built. */
export interface OrderBookOptions {
  /** The most levels a side may have; default 1,048,576 (16 MiB). Memory grows as levels come. */
  readonly levelsMax?: number;
}

/**
 * Price levels of one instrument, bids and asks, exact for every 64-bit price and size.
 *
 * It holds what it is told and knows nothing of versions: {@link OrderBookReconstructor} builds one from messages.
 */
export class OrderBook {
  /** Bids, the highest price first. */
  readonly bids: BookSide;
  /** Asks, the lowest price first. */
  readonly asks: BookSide;

  constructor({ levelsMax = LEVELS_MAX }: OrderBookOptions = {}) {
    this.bids = new BookSide(Side.Buy, levelsMax);
    this.asks = new BookSide(Side.Sell, levelsMax);
  }

  /**
   * Sets the size at a price, given as the wire's 32-bit halves (signed or unsigned); size 0 takes the level out. Allocates nothing
   * but for growth.
   *
   * @param side 1 a bid, 2 an ask, as in OrderBookDelta; anything but 1 is taken as an ask
   * @returns what changed
   * @throws BookError TOO_MANY_LEVELS
   */
  set(side: number, priceLow: number, priceHigh: number, sizeLow: number, sizeHigh: number): LevelChange {
    return (side === Side.Buy ? this.bids : this.asks).set(priceLow, priceHigh, sizeLow, sizeHigh);
  }

  /** Replaces both sides by what a snapshot says. @throws BookError TOO_MANY_LEVELS */
  load(bids: LevelList, asks: LevelList): void {
    this.bids.load(bids);
    this.asks.load(asks);
  }

  /** Takes every level out; the memory stays. */
  clear(): void {
    this.bids.clear();
    this.asks.clear();
  }

  /** Whether the best bid is at or above the best ask, which no true book is. False where a side is empty. */
  get crossed(): boolean {
    const { bids, asks } = this;
    if (bids.count === 0 || asks.count === 0) return false;
    const bidHigh = bids.priceHigh(0) | 0;
    const askHigh = asks.priceHigh(0) | 0;
    return bidHigh === askHigh ? bids.priceLow(0) >= asks.priceLow(0) : bidHigh > askHigh;
  }
}
