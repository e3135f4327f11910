import type { Random } from "alphapulse";

/** Levels a side keeps between these counts: far ones are added and dropped. */
const LEVELS_MIN = 220;
const LEVELS_MAX = 260;
/** Free ticks between two levels are 0 to this less 1. */
const GAP_TICKS = 9;
/** How far from the best level the changes go, on average. */
const DEPTH_MEAN = 6;
/** A trade meets at most this many levels. */
const LEVELS_PER_TRADE_MAX = 3;

/** One side of a simulated book: whole ticks and whole lots. Keys rise towards the best, which stands last. */
class SimulatedSide {
  /** A bid's key is its tick, an ask's is its tick negated. */
  readonly keys: number[] = [];
  readonly lots: number[] = [];
  /** Keys that changed since they were told last. */
  readonly changed = new Set<number>();

  get best(): number {
    return this.keys.at(-1) as number;
  }

  get bestLots(): number {
    return this.lots.at(-1) as number;
  }

  /** Lots at a key, 0 where there is no level. */
  lotsAt(key: number): number {
    const at = this.#place(key);
    return this.keys[at] === key ? (this.lots[at] as number) : 0;
  }

  /** Sets a level; 0 lots take it out. */
  set(key: number, lots: number): void {
    const at = this.#place(key);
    const isThere = this.keys[at] === key;
    if (lots > 0) {
      if (isThere) this.lots[at] = lots;
      else {
        this.keys.splice(at, 0, key);
        this.lots.splice(at, 0, lots);
      }
    } else if (isThere) {
      this.keys.splice(at, 1);
      this.lots.splice(at, 1);
    }
    this.changed.add(key);
  }

  /** The first place whose key is not below. */
  #place(key: number): number {
    let low = 0;
    let high = this.keys.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.keys[middle] as number) < key) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** A level as it stands in a book: whole ticks and lots. */
export interface SimulatedLevel {
  readonly tick: number;
  readonly lots: number;
}

/** A limit order book that follows a fair price, is jostled by its makers and hit by takers. Never crossed. */
export class SimulatedBook {
  readonly #random: Random;
  readonly #medianLots: number;
  readonly #bids = new SimulatedSide();
  readonly #asks = new SimulatedSide();
  /** Counts the changes: the book's version. */
  version: number;

  /** @param fair the fair price in ticks */
  constructor(random: Random, fair: number, medianLots: number, firstVersion: number) {
    this.#random = random;
    this.#medianLots = medianLots;
    this.version = firstVersion;
    this.#set(this.#bids, Math.floor(fair));
    this.#set(this.#asks, -Math.floor(fair) - 1);
    this.#keepDepth(this.#bids);
    this.#keepDepth(this.#asks);
  }

  get bid(): SimulatedLevel {
    return { tick: this.#bids.best, lots: this.#bids.bestLots };
  }

  get ask(): SimulatedLevel {
    return { tick: -this.#asks.best, lots: this.#asks.bestLots };
  }

  /** The makers follow the fair price: first those who would be run over give way, then the others close up. */
  follow(fair: number): void {
    const bid = Math.floor(fair);
    const ask = -bid - 1;
    for (const [side, target] of [
      [this.#bids, bid],
      [this.#asks, ask],
    ] as const) {
      while (side.keys.length > 0 && side.best > target) this.#set(side, side.best, 0);
    }
    for (const [side, target] of [
      [this.#bids, bid],
      [this.#asks, ask],
    ] as const) {
      let key = side.keys.length > 0 ? side.best : target - LEVELS_MIN;
      for (key += 1 + this.#random.int(GAP_TICKS); key < target; key += 1 + this.#random.int(GAP_TICKS))
        this.#set(side, key);
      if (side.lotsAt(target) === 0) this.#set(side, target);
      this.#keepDepth(side);
    }
  }

  /** Someone changes an order somewhere, mostly near the top. */
  jostle(): void {
    const side = this.#random.int(2) === 0 ? this.#bids : this.#asks;
    const depth = Math.min(side.keys.length - 1, Math.floor(-Math.log(1 - this.#random.next()) * DEPTH_MEAN));
    const key = side.keys[side.keys.length - 1 - depth] as number;
    const leaves = depth > 0 && this.#random.int(4) === 0;
    this.#set(side, key, leaves ? 0 : this.#drawLots());
    this.#keepDepth(side);
  }

  /** A taker buys or sells; what is left of the order after a few levels is gone. Returns what was traded. */
  trade(isBuy: boolean): SimulatedLevel[] {
    const side = isBuy ? this.#asks : this.#bids;
    const traded: SimulatedLevel[] = [];
    let open = this.#drawLots();
    while (open > 0 && traded.length < LEVELS_PER_TRADE_MAX && side.keys.length > 1) {
      const key = side.best;
      const lots = Math.min(open, side.bestLots);
      this.#set(side, key, side.bestLots - lots);
      traded.push({ tick: Math.abs(key), lots });
      open -= lots;
    }
    this.#keepDepth(side);
    return traded;
  }

  /** All levels, best first. */
  levels(): { bids: SimulatedLevel[]; asks: SimulatedLevel[] } {
    const all = ({ keys, lots }: SimulatedSide): SimulatedLevel[] =>
      keys.map((key, i) => ({ tick: Math.abs(key), lots: lots[i] as number })).reverse();
    return { bids: all(this.#bids), asks: all(this.#asks) };
  }

  /** The levels that changed since it was asked last, as they are now: 0 lots where they are gone. */
  takeChanges(): { bids: SimulatedLevel[]; asks: SimulatedLevel[] } {
    const take = (side: SimulatedSide): SimulatedLevel[] => {
      const levels = [...side.changed].map((key) => ({ tick: Math.abs(key), lots: side.lotsAt(key) }));
      side.changed.clear();
      return levels;
    };
    return { bids: take(this.#bids), asks: take(this.#asks) };
  }

  #set(side: SimulatedSide, key: number, lots = this.#drawLots()): void {
    side.set(key, lots);
    this.version++;
  }

  #keepDepth(side: SimulatedSide): void {
    while (side.keys.length > LEVELS_MAX) this.#set(side, side.keys[0] as number, 0);
    while (side.keys.length < LEVELS_MIN) this.#set(side, (side.keys[0] as number) - 1 - this.#random.int(GAP_TICKS));
  }

  /** Sizes are spread widely around the median. */
  #drawLots(): number {
    const spread = this.#random.next() + this.#random.next() + this.#random.next() - 1.5;
    return Math.max(1, Math.round(this.#medianLots * Math.exp(3 * spread)));
  }
}
