import { Side } from "alphapulse";
import type { BookSide, OrderBook } from "alphapulse/books";

/** A part of an order that met a level; integers of 1e-8. */
export interface Execution {
  readonly price: bigint;
  readonly quantity: bigint;
}

/** What was taken from a level, which had this size when it was. */
interface Taken {
  readonly size: bigint;
  quantity: bigint;
}

/** Levels remembered per side; over it the oldest are forgotten. */
const TAKEN_MAX = 4_096;
const PPM = 1_000_000n;
/** From money (1e-16) to units of a fee (1e-8). */
const MONEY_TO_FEE = 100_000_000n;

/**
 * Executes orders against one instrument's live book, which it only reads: the recording does not know of us.
 *
 * It remembers what it took from a level until the level changes, so that the same liquidity is not given twice.
 */
export class Matcher {
  readonly #book: OrderBook;
  readonly #takenBids = new Map<bigint, Taken>();
  readonly #takenAsks = new Map<bigint, Taken>();

  constructor(book: OrderBook) {
    this.#book = book;
  }

  /**
   * Takes what the book has for a limit order, best level first.
   *
   * @param limit the worst price
   * @param notBetterThan levels better than this are known to be gone, whatever the book says; undefined: none are
   */
  match(side: number, limit: bigint, quantity: bigint, notBetterThan?: bigint): Execution[] {
    const isBuy = side === Side.Buy;
    const levels = isBuy ? this.#book.asks : this.#book.bids;
    const taken = isBuy ? this.#takenAsks : this.#takenBids;
    const executions: Execution[] = [];
    let open = quantity;
    for (let i = 0; i < levels.count && open > 0n; i++) {
      const price = levels.price(i);
      if (isBuy ? price > limit : price < limit) break;
      if (notBetterThan !== undefined && (isBuy ? price < notBetterThan : price > notBetterThan)) continue;
      const filled = take(levels, i, price, open, taken);
      if (filled === 0n) continue;
      executions.push({ price, quantity: filled });
      open -= filled;
    }
    return executions;
  }

  /** Forgets what was taken: the book begins anew. */
  reset(): void {
    this.#takenBids.clear();
    this.#takenAsks.clear();
  }
}

function take(levels: BookSide, index: number, price: bigint, wanted: bigint, taken: Map<bigint, Taken>): bigint {
  const size = levels.size(index);
  const before = taken.get(price);
  const gone = before?.size === size ? before.quantity : 0n;
  const left = size - gone;
  const filled = wanted < left ? wanted : left;
  if (filled <= 0n) return 0n;
  taken.delete(price); // so that the map's order is by age
  taken.set(price, { size, quantity: gone + filled });
  if (taken.size > TAKEN_MAX) taken.delete(taken.keys().next().value as bigint);
  return filled;
}

/** A taker's fee on an execution, rounded up to the unit: 1e-8 of the quote currency. */
export function takerFee(price: bigint, quantity: bigint, ppm: number): bigint {
  const notional = price < 0n ? -price * quantity : price * quantity;
  const divisor = PPM * MONEY_TO_FEE;
  return (notional * BigInt(ppm) + divisor - 1n) / divisor;
}

/** The average price of executions, truncated to the unit; 0 where there are none. */
export function averagePrice(notional: bigint, quantity: bigint): bigint {
  return quantity === 0n ? 0n : notional / quantity;
}
