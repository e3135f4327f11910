import { Side } from "alphapulse";
import type { TopOfBook } from "./top-of-book.js";

/** How the strategy trades. */
export interface BasisSettings {
  /** How far back mean and deviation of the basis look, by exponential weight. */
  readonly memoryMs: number;
  /** How long it only watches, from the first usable quotes on. */
  readonly warmUpMs: number;
  /** It enters where an executable edge is beyond the mean by as many deviations ... */
  readonly entryDeviations: number;
  /** ... and by at least this much. To what it holds it adds already at this share of that. */
  readonly entryBpsMin: number;
  readonly addShare: number;
  /** It leaves where the basis is back within this many deviations of its mean ... */
  readonly exitDeviations: number;
  /** ... or after this time. */
  readonly holdMsMax: number;
  /** How long it waits after a signal was settled, before the next one on the same pair ... */
  readonly cooldownMs: number;
  /** ... and how long after one that was refused. */
  readonly refusedRestMs: number;
  /** How old a quote it acts on. */
  readonly quoteAgeMsMax: number;
}

/** What a pair wants to do now. */
export const Action = { None: 0, Enter: 1, Leave: 2, Mend: 3 } as const;
export type Action = (typeof Action)[keyof typeof Action];

const BPS = 10_000;

/**
 * The same symbol on two markets, and what the strategy holds of it.
 *
 * The basis is how far `b` stands above `a`, mid to mid, in basis points. Two edges can be traded against its mean:
 * sell b and buy a at the touch where b is dear (direction 1), the other way round where it is cheap (-1).
 */
export class BasisPair {
  readonly a: TopOfBook;
  readonly b: TopOfBook;
  readonly #settings: BasisSettings;
  readonly #ageUsMax: number;
  #mean = 0;
  #variance = 0;
  #firstUs = 0;
  #lastUs = 0;
  #enteredUs = 0;
  #restUntilUs = 0;
  #heldA = 0n;
  #heldB = 0n;
  #isUneven = false;
  #wasRefused = false;
  /** 1 holds a and owes b, -1 the other way round, 0 holds nothing. */
  direction = 0;
  /** Orders of the last signal of which the end is not known yet. */
  awaited = 0;
  /** Whether an order to open more was refused: there is no use in asking again before something was closed. */
  isFull = false;
  /** The direction that {@link BasisPair.decide} chose, and its edge beyond the mean in basis points. */
  chosen = 0;
  edgeBps = 0;

  constructor(a: TopOfBook, b: TopOfBook, settings: BasisSettings) {
    this.a = a;
    this.b = b;
    this.#settings = settings;
    this.#ageUsMax = settings.quoteAgeMsMax * 1000;
  }

  /** The standard deviation of the basis, in basis points. */
  get deviationBps(): number {
    return Math.sqrt(this.#variance);
  }

  /** The mean of the basis, in basis points. */
  get meanBps(): number {
    return this.#mean;
  }

  /** Looks at the quotes as they are now and says what to do. Allocates nothing. */
  decide(nowUs: number): Action {
    const { a, b } = this;
    if (!a.isUsable(nowUs, this.#ageUsMax) || !b.isUsable(nowUs, this.#ageUsMax)) return Action.None;
    const basis = ((b.mid - a.mid) / a.mid) * BPS;
    this.#learn(basis, nowUs);
    if (this.awaited > 0 || nowUs < this.#restUntilUs || nowUs - this.#firstUs < this.#settings.warmUpMs * 1000) {
      return Action.None;
    }
    if (this.#isUneven) return Action.Mend;
    return this.direction !== 0 && this.#isOver(basis, nowUs) ? Action.Leave : this.#entry();
  }

  /** What is held of a market of this pair, above 0 long: 1e-8. */
  held(market: TopOfBook): bigint {
    return market === this.a ? this.#heldA : this.#heldB;
  }

  /** A signal of so many orders went out. */
  sent(orderCount: number, nowUs: number): void {
    this.awaited = orderCount;
    this.#wasRefused = false;
    if (this.direction === 0) this.#enteredUs = nowUs;
  }

  /** An order of the pair was executed. */
  filled(market: TopOfBook, side: number, quantity: bigint): void {
    const change = side === Side.Buy ? quantity : -quantity;
    if (market === this.a) this.#heldA += change;
    else this.#heldB += change;
    this.#isUneven = this.#heldA + this.#heldB !== 0n;
    if (this.#heldA === 0n && this.#heldB === 0n) this.direction = 0;
    else this.direction = this.#heldA > 0n || (this.#heldA === 0n && this.#heldB < 0n) ? 1 : -1;
  }

  /** The end of one of the awaited orders is known. */
  settled(nowUs: number, wasRefused: boolean): void {
    if (this.awaited > 0) this.awaited--;
    this.#wasRefused ||= wasRefused;
    if (this.direction === 0) this.isFull = false;
    else if (wasRefused) this.isFull = true;
    if (this.awaited > 0) return;
    this.#restUntilUs = nowUs + (this.#wasRefused ? this.#settings.refusedRestMs : this.#settings.cooldownMs) * 1000;
  }

  /** Forgets what it learned: the quotes in between were lost. */
  forget(): void {
    this.#firstUs = 0;
    this.#variance = 0;
  }

  #learn(basis: number, nowUs: number): void {
    if (this.#firstUs === 0) {
      this.#firstUs = nowUs;
      this.#mean = basis;
    }
    const weight = 1 - Math.exp((this.#lastUs - nowUs) / (this.#settings.memoryMs * 1000));
    const off = basis - this.#mean;
    this.#mean += weight * off;
    this.#variance = (1 - weight) * (this.#variance + weight * off * off);
    this.#lastUs = nowUs;
  }

  #isOver(basis: number, nowUs: number): boolean {
    const off = (basis - this.#mean) * this.direction;
    const isBack = off < this.#settings.exitDeviations * this.deviationBps;
    return isBack || nowUs - this.#enteredUs > this.#settings.holdMsMax * 1000;
  }

  /** Enters, or adds to what it holds while the edge lasts: how much it may hold is the portfolio's to say. */
  #entry(): Action {
    if (this.isFull) return Action.None;
    const { a, b } = this;
    const { entryDeviations, entryBpsMin, addShare } = this.#settings;
    const share = this.direction === 0 ? 1 : addShare;
    const threshold = Math.max(entryDeviations * this.deviationBps, entryBpsMin) * share;
    const dear = ((b.bid - a.ask) / a.mid) * BPS - this.#mean;
    const cheap = ((a.bid - b.ask) / a.mid) * BPS + this.#mean;
    this.chosen = dear >= cheap ? 1 : -1;
    this.edgeBps = dear >= cheap ? dear : cheap;
    if (this.edgeBps <= threshold) return Action.None;
    return this.direction === 0 || this.direction === this.chosen ? Action.Enter : Action.None;
  }
}
