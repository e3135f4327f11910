import { LevelChange } from "../../books/book-side.js";
import { BookError } from "../../books/errors.js";
import { LEVEL_WORDS, type LevelList } from "../../books/level-list.js";
import type { BookState } from "../../books/reconstructor.js";
import { Side } from "../../protocol/tables.js";
import { AdapterError } from "../errors.js";
import type { AdapterEvent } from "./events.js";
import { DepthBook, type Instrument, Owed, StatusReason } from "./instrument.js";
import type { MarketDataOutput } from "./output.js";
import type { PendingUpdate } from "./pending-updates.js";
import { TOP_WORDS, writeTop } from "./recent-tops.js";
import { type BinanceMarket, firstVerdict, isTooOld, nextVerdict, type UpdateIds } from "./sync.js";

/** InstrumentStatus.status of each state. */
const STATUS: Readonly<Record<BookState, number>> = { syncing: 1, live: 2, stale: 3 };

/** A depth update as scanned. */
export interface DepthUpdate extends UpdateIds {
  /** Event time, ms. */
  readonly timeMs: number;
  readonly bids: LevelList;
  readonly asks: LevelList;
}

/** A depth snapshot as scanned. */
export interface DepthSnapshot {
  readonly lastUpdateId: number;
  /** Event time, ms; 0 = not given. */
  readonly timeMs: number;
  readonly bids: LevelList;
  readonly asks: LevelList;
}

/**
 * Makes books of snapshots and updates by the rules in sync.ts, and publishes what becomes of them.
 *
 * ```
 *            snapshot, bridged by the stream             lost update, crossed
 *  syncing ----------------------------------->  live  -----------------------> stale
 *                                                 ^--- snapshot, bridged ---------'
 * ```
 * While a book is not live its updates wait, unbroken: what came before a hole among them is of no use and goes.
 */
export class DepthFeed {
  readonly #market: BinanceMarket;
  readonly #output: MarketDataOutput;
  readonly #pendingBytesMax: number;
  readonly #tell: (event: AdapterEvent) => void;
  readonly #top = new Int32Array(TOP_WORDS);

  constructor(
    market: BinanceMarket,
    output: MarketDataOutput,
    pendingBytesMax: number,
    tell: (event: AdapterEvent) => void,
  ) {
    this.#market = market;
    this.#output = output;
    this.#pendingBytesMax = pendingBytesMax;
    this.#tell = tell;
  }

  /** Takes an update: into the book, or to wait for a snapshot. @throws AdapterError TOO_MANY_LEVELS */
  update(instrument: Instrument, update: DepthUpdate, atUs: number): void {
    const depth = this.#depthOf(instrument, atUs);
    if (depth.state !== "live") {
      this.#wait(instrument, depth, update, atUs);
      return;
    }
    const judge = depth.awaitsFirst ? firstVerdict : nextVerdict;
    const verdict = judge(this.#market, depth.updateId, update);
    if (verdict === "apply") this.#apply(instrument, depth, update, atUs);
    else if (verdict === "drop") depth.counters.updatesDropped++;
    else {
      this.lose(instrument, "gap", `the book is at ${depth.updateId}, the next update begins at ${update.first}`, atUs);
      this.#buffer(depth, update);
    }
  }

  /** Takes a snapshot. @throws AdapterError TOO_MANY_LEVELS */
  snapshot(instrument: Instrument, snapshot: DepthSnapshot, atUs: number): void {
    const depth = this.#depthOf(instrument, atUs);
    const isOlder = depth.hasSnapshot && snapshot.lastUpdateId <= depth.updateId;
    if (depth.state === "live" || isOlder) {
      depth.counters.snapshotsUnneeded++;
      return;
    }
    const first = depth.pending.first;
    if (first !== undefined && isTooOld(this.#market, snapshot.lastUpdateId, first)) {
      this.#refuseSnapshot(instrument, depth);
      return;
    }
    try {
      depth.book.load(snapshot.bids, snapshot.asks);
    } catch (error) {
      throw this.#outgrown(instrument, error, atUs);
    }
    depth.updateId = snapshot.lastUpdateId;
    depth.timeMs = snapshot.timeMs;
    if (first === undefined)
      depth.hasSnapshot = true; // until the stream shows that it runs on from here
    else this.#goLive(instrument, depth, atUs);
  }

  /** Drops a book that can't be trusted any more, and says so. The others stay. */
  lose(instrument: Instrument, reason: StatusReason, detail: string, atUs: number): void {
    const { depth } = instrument;
    if (depth === undefined) return;
    if (reason === "gap") depth.counters.gaps++;
    if (reason === "crossedBook") depth.counters.crossed++;
    depth.book.clear();
    depth.tops.clear();
    depth.pending.clear();
    depth.updateId = 0;
    depth.hasSnapshot = false;
    depth.awaitsFirst = false;
    instrument.owed &= ~Owed.Book;
    this.#enter(instrument, depth, "stale", reason, detail, atUs);
    this.#needSnapshot(instrument);
  }

  /** Compares a ticker with the book of the same id, now or when that book comes. */
  ticker(depth: DepthBook, updateId: number, top: Int32Array): void {
    this.#countAgreement(depth, depth.tops.agrees(updateId, top));
    depth.tickers.push(updateId, top);
  }

  /** Tells subscribers what they have not been told, because it could not be sent when it happened. */
  settle(instrument: Instrument, atUs: number): void {
    const { depth, id } = instrument;
    if ((instrument.owed & Owed.Discovered) !== 0) {
      if (!this.#output.discovered(id, instrument.symbol)) return;
      instrument.owed &= ~Owed.Discovered;
    }
    if (depth === undefined) return;
    if ((instrument.owed & Owed.Book) !== 0) {
      if (!this.#output.book(id, depth.book, depth.updateId, depth.timeMs)) return;
      instrument.owed &= ~Owed.Book;
      depth.publishedId = depth.updateId;
    }
    if ((instrument.owed & Owed.Status) !== 0) {
      if (!this.#output.status(id, atUs, STATUS[depth.state], StatusReason[depth.reason])) return;
      instrument.owed &= ~Owed.Status;
    }
  }

  #depthOf(instrument: Instrument, atUs: number): DepthBook {
    if (instrument.depth !== undefined) return instrument.depth;
    const depth = new DepthBook(this.#pendingBytesMax);
    instrument.depth = depth;
    this.#enter(instrument, depth, "syncing", "none", "", atUs);
    this.#needSnapshot(instrument);
    return depth;
  }

  /** An update that comes while there is no live book. */
  #wait(instrument: Instrument, depth: DepthBook, update: DepthUpdate, atUs: number): void {
    if (depth.hasSnapshot) {
      const verdict = firstVerdict(this.#market, depth.updateId, update);
      if (verdict === "gap") this.#refuseSnapshot(instrument, depth);
      else {
        this.#goLive(instrument, depth, atUs);
        if (depth.state === "live") this.update(instrument, update, atUs);
        return;
      }
    }
    const last = depth.pending.last;
    const verdict = last === undefined ? "apply" : nextVerdict(this.#market, last.last, update);
    if (verdict === "drop") {
      depth.counters.updatesDropped++;
      return;
    }
    if (verdict === "gap") {
      depth.counters.gaps++;
      depth.pending.clear();
    }
    this.#buffer(depth, update);
  }

  #buffer(depth: DepthBook, update: DepthUpdate): void {
    depth.counters.updatesBuffered++;
    depth.counters.updatesOverBound += depth.pending.push(update, update.timeMs, update.bids, update.asks);
  }

  #refuseSnapshot(instrument: Instrument, depth: DepthBook): void {
    depth.counters.snapshotsTooOld++;
    depth.book.clear();
    depth.updateId = 0;
    depth.hasSnapshot = false;
    this.#needSnapshot(instrument);
  }

  /** The book holds the snapshot, and the stream reaches back to it. */
  #goLive(instrument: Instrument, depth: DepthBook, atUs: number): void {
    const waiting = depth.pending.take();
    depth.counters.snapshotsUsed++;
    if (this.#loseIfCrossed(instrument, depth, atUs)) return;
    if (depth.state === "stale") depth.counters.resyncs++;
    depth.hasSnapshot = false;
    depth.awaitsFirst = true;
    this.#checkTop(depth);
    instrument.owed |= Owed.Book;
    this.#enter(instrument, depth, "live", "none", "", atUs);
    for (const update of waiting) {
      const judge = depth.awaitsFirst ? firstVerdict : nextVerdict;
      // What waited is unbroken and reaches back to the snapshot: nothing but these two can be.
      if (judge(this.#market, depth.updateId, update) === "drop") depth.counters.updatesDropped++;
      else if (!this.#applyPending(instrument, depth, update, atUs)) return;
    }
  }

  #apply(instrument: Instrument, depth: DepthBook, update: DepthUpdate, atUs: number): boolean {
    const { bids, asks } = update;
    this.#output.beginDelta();
    try {
      this.#applySide(depth, Side.Buy, bids.words, 0, bids.count);
      this.#applySide(depth, Side.Sell, asks.words, 0, asks.count);
    } catch (error) {
      throw this.#outgrown(instrument, error, atUs);
    }
    return this.#finish(instrument, depth, update, update.timeMs, atUs);
  }

  /** Applies an update that waited; false where the book was lost over it. */
  #applyPending(instrument: Instrument, depth: DepthBook, update: PendingUpdate, atUs: number): boolean {
    const { words, bidCount } = update;
    this.#output.beginDelta();
    try {
      this.#applySide(depth, Side.Buy, words, 0, bidCount);
      this.#applySide(depth, Side.Sell, words, bidCount, words.length / LEVEL_WORDS);
    } catch (error) {
      throw this.#outgrown(instrument, error, atUs);
    }
    return this.#finish(instrument, depth, update, update.timeMs, atUs);
  }

  #applySide(depth: DepthBook, side: Side, words: Int32Array, from: number, to: number): void {
    const levels = side === Side.Buy ? depth.book.bids : depth.book.asks;
    const output = this.#output;
    for (let at = from * LEVEL_WORDS; at < to * LEVEL_WORDS; at += LEVEL_WORDS) {
      const change = levels.set(words[at]!, words[at + 1]!, words[at + 2]!, words[at + 3]!);
      if (change !== LevelChange.Unchanged) output.addChange(side, change, words, at);
    }
  }

  /** After the levels of an update: ids, checks, and the delta out. False where the book was lost. */
  #finish(instrument: Instrument, depth: DepthBook, ids: UpdateIds, timeMs: number, atUs: number): boolean {
    depth.updateId = ids.last;
    depth.timeMs = timeMs;
    depth.awaitsFirst = false;
    depth.counters.updatesApplied++;
    if (this.#loseIfCrossed(instrument, depth, atUs)) return false;
    this.#checkTop(depth);
    if ((instrument.owed & Owed.Book) !== 0 || this.#output.changeCount === 0) return true;
    if (this.#output.delta(instrument.id, depth.publishedId, ids.last, timeMs)) depth.publishedId = ids.last;
    else instrument.owed |= Owed.Book; // the chain is broken for subscribers: the whole book mends it
    return true;
  }

  #loseIfCrossed(instrument: Instrument, depth: DepthBook, atUs: number): boolean {
    if (!depth.book.crossed) return false;
    this.lose(instrument, "crossedBook", `at ${depth.updateId} the best bid is not below the best ask`, atUs);
    return true;
  }

  #checkTop(depth: DepthBook): void {
    writeTop(depth.book, this.#top);
    this.#countAgreement(depth, depth.tickers.agrees(depth.updateId, this.#top));
    depth.tops.push(depth.updateId, this.#top);
  }

  #countAgreement(depth: DepthBook, agrees: boolean | undefined): void {
    if (agrees === undefined) return;
    if (agrees) depth.counters.tickersAgreed++;
    else depth.counters.tickersDisagreed++;
  }

  /** A book that outgrew its limit is lost; what else went wrong is nothing of ours. */
  #outgrown(instrument: Instrument, error: unknown, atUs: number): unknown {
    if (!(error instanceof BookError)) return error;
    this.lose(instrument, "none", error.message, atUs);
    return new AdapterError("TOO_MANY_LEVELS", `${instrument.symbol}: ${error.message}`, undefined, { cause: error });
  }

  #enter(
    instrument: Instrument,
    depth: DepthBook,
    state: BookState,
    reason: StatusReason,
    detail: string,
    atUs: number,
  ): void {
    depth.state = state;
    depth.reason = reason;
    instrument.owed |= Owed.Status;
    this.settle(instrument, atUs);
    this.#tell({ type: "state", symbol: instrument.symbol, instrument: instrument.id, state, reason, detail });
  }

  #needSnapshot(instrument: Instrument): void {
    this.#tell({ type: "snapshotNeeded", symbol: instrument.symbol, instrument: instrument.id });
  }
}
