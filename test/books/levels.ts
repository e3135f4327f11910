import type { BookSide, OrderBook } from "../../src/books.js";
import { LevelList } from "../../src/books.js";

/** A level by its whole numbers. */
export interface Level {
  readonly price: bigint;
  readonly size: bigint;
}

/** The low 32 bits, unsigned. */
export function low(value: bigint): number {
  return Number(BigInt.asUintN(32, value));
}

/** The high 32 bits of 64, unsigned. */
export function high(value: bigint): number {
  return Number(BigInt.asUintN(32, value >> 32n));
}

/** Sets a level by whole numbers. */
export function set(book: OrderBook, side: number, price: bigint, size: bigint): number {
  return book.set(side, low(price), high(price), low(size), high(size));
}

/** A list of these levels. */
export function listOf(levels: readonly Level[]): LevelList {
  const list = new LevelList();
  for (const { price, size } of levels) list.push(low(price), high(price), low(size), high(size));
  return list;
}

/** The simplest book there is: what ours is compared with. */
export class ModelBook {
  readonly bids = new Map<bigint, bigint>();
  readonly asks = new Map<bigint, bigint>();

  /** Sets a level; size 0 takes it out. Says what happened, as LevelChange does. */
  set(side: number, price: bigint, size: bigint): number {
    const levels = side === 1 ? this.bids : this.asks;
    const before = levels.get(price);
    if (size === 0n) return levels.delete(price) ? 2 : 3;
    levels.set(price, size);
    if (before === undefined) return 0;
    return before === size ? 3 : 1;
  }

  /** Bids and asks, best first. */
  sides(): { readonly bids: Level[]; readonly asks: Level[] } {
    const sorted = (levels: Map<bigint, bigint>, sign: bigint): Level[] =>
      [...levels].map(([price, size]) => ({ price, size })).sort((a, b) => ((a.price - b.price) * sign > 0n ? 1 : -1));
    return { bids: sorted(this.bids, -1n), asks: sorted(this.asks, 1n) };
  }

  /** Whether the best bid is not below the best ask. */
  get crossed(): boolean {
    const { bids, asks } = this.sides();
    return bids[0] !== undefined && asks[0] !== undefined && bids[0].price >= asks[0].price;
  }
}

/** Both sides of a book, best first. */
export function sidesOf({ bids, asks }: { readonly bids: BookSide; readonly asks: BookSide }): {
  bids: readonly Level[];
  asks: readonly Level[];
} {
  return { bids: bids.toArray(), asks: asks.toArray() };
}
