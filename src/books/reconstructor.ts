import type { InstrumentId } from "../protocol/instrument-id.js";
import type { FlyweightOf } from "../protocol/schema/tlv.js";
import { Side } from "../protocol/tables.js";
import type { OrderBookDeltaTLV, OrderBookTLV } from "../tlvs/market-data.js";
import { BookError } from "./errors.js";
import { LEVEL_WORDS, LEVELS_MAX, LevelList } from "./level-list.js";
import { OrderBook, type OrderBookOptions } from "./order-book.js";

/** Whether a book can be trusted: it waits for a snapshot, shows the venue's book, or was lost and waits for a new snapshot. */
export type BookState = "syncing" | "live" | "stale";

/** Why a book is not live; `none` where nothing went wrong. */
export type BookReason = "none" | "versionGap" | "lostChunk" | "crossedBook" | "tooManyLevels" | "badMessage" | "reset";

/** What a message did: it shows now, more chunks are awaited, it had nothing to say to this book, or the book was lost. */
export type ApplyResult = "applied" | "pending" | "ignored" | "stale";

const MORE_CHUNKS = 1; // OrderBookDelta.flags, bit 0
const REMOVE = 2; // OrderBookDelta.changes.action

/**
 * Builds one instrument's book from OrderBook and OrderBookDelta messages, and says whether it can be trusted.
 *
 * A snapshot of several chunks shows only when it is complete, and so does a delta: who reads {@link OrderBookReconstructor.book}
 * never sees half of one. Deltas must continue each other: one whose `previousVersion` is not the book's makes it `stale` until the
 * next whole snapshot. What is older than a live book is ignored, so that the same messages twice change nothing.
 *
 * ```
 *            whole snapshot              gap, lost chunk, crossed, reset
 *  syncing ------------------->  live  ----------------------------------> stale
 *                                 ^------------ whole snapshot -------------'
 * ```
 */
export class OrderBookReconstructor {
  /** Whose book it is; messages of another are refused. */
  readonly instrument: InstrumentId;
  /** The book; empty unless the state is `live`. */
  readonly book: OrderBook;
  readonly #levelsMax: number;
  #state: BookState = "syncing";
  #reason: BookReason = "none";
  #detail = "";
  #versionLow = 0;
  #versionHigh = 0;

  // A snapshot of which chunks are still to come. #nextChunk is 0 where there is none.
  readonly #bids: LevelList;
  readonly #asks: LevelList;
  #nextChunk = 0;
  #chunkCount = 0;
  #snapshotLow = 0;
  #snapshotHigh = 0;

  // A delta of which chunks are still to come: per change a level in #changes, and its side in #sides.
  readonly #changes: LevelList;
  #sides = new Uint8Array(64);
  #deltaOpen = false;
  #deltaLow = 0;
  #deltaHigh = 0;

  constructor(instrument: InstrumentId, options: OrderBookOptions = {}) {
    this.instrument = instrument;
    this.book = new OrderBook(options);
    this.#levelsMax = options.levelsMax ?? LEVELS_MAX;
    this.#bids = new LevelList(this.#levelsMax);
    this.#asks = new LevelList(this.#levelsMax);
    this.#changes = new LevelList(2 * this.#levelsMax);
  }

  /** Whether the book can be trusted. */
  get state(): BookState {
    return this.#state;
  }

  /** Why it is not live. */
  get reason(): BookReason {
    return this.#reason;
  }

  /** The reason in words, for people; empty where there is none. */
  get detail(): string {
    return this.#detail;
  }

  /** The version of the venue's book that this one shows. Allocates. */
  get version(): bigint {
    return wide(this.#versionLow, this.#versionHigh);
  }

  /**
   * Takes a snapshot, or the next chunk of one.
   *
   * @throws BookError WRONG_INSTRUMENT
   */
  applySnapshot(chunk: FlyweightOf<typeof OrderBookTLV>): ApplyResult {
    this.#checkInstrument(chunk.instrument);
    const low = chunk.updateIdLow;
    const high = chunk.updateIdHigh;
    if (this.#state === "live" && isLess(low, high, this.#versionLow, this.#versionHigh)) return "ignored";
    if (!this.#isNextChunk(chunk.chunkIndex, chunk.chunkCount, low, high)) {
      this.#nextChunk = 0;
      return "ignored"; // a chunk was lost: a live book finds its deltas not to continue it
    }
    if (chunk.chunkIndex === 0) {
      this.#bids.clear();
      this.#asks.clear();
      this.#snapshotLow = low;
      this.#snapshotHigh = high;
      this.#chunkCount = chunk.chunkCount;
    }
    const { bids, asks } = chunk;
    if (this.#bids.count + bids.count > this.#levelsMax || this.#asks.count + asks.count > this.#levelsMax) {
      return this.#lose("tooManyLevels", `a snapshot of more than ${this.#levelsMax} levels a side`);
    }
    collect(bids, this.#bids);
    collect(asks, this.#asks);
    this.#nextChunk = chunk.chunkIndex + 1;
    return this.#nextChunk < this.#chunkCount ? "pending" : this.#showSnapshot();
  }

  /**
   * Takes the changes from one version to the next, or a chunk of them.
   *
   * @throws BookError WRONG_INSTRUMENT
   */
  applyDelta(delta: FlyweightOf<typeof OrderBookDeltaTLV>): ApplyResult {
    this.#checkInstrument(delta.instrument);
    if (this.#state !== "live") return "ignored";
    const low = delta.versionLow;
    const high = delta.versionHigh;
    if (this.#deltaOpen && (low !== this.#deltaLow || high !== this.#deltaHigh)) {
      return this.#lose("lostChunk", `the rest of delta ${wide(this.#deltaLow, this.#deltaHigh)} did not come`);
    }
    if (delta.previousVersionLow !== this.#versionLow || delta.previousVersionHigh !== this.#versionHigh) {
      if (!isLess(this.#versionLow, this.#versionHigh, low, high)) return "ignored";
      return this.#lose(
        "versionGap",
        `a delta continues from ${delta.previousVersion}, the book is at ${this.version}`,
      );
    }
    const more = (delta.flags & MORE_CHUNKS) !== 0;
    if (!more && !this.#deltaOpen) return this.#applyAtOnce(delta, low, high);

    if (this.#changes.count + delta.changes.count > 2 * this.#levelsMax) {
      return this.#lose("tooManyLevels", `a delta of more than ${2 * this.#levelsMax} changes`);
    }
    this.#stage(delta);
    this.#deltaOpen = more;
    this.#deltaLow = low;
    this.#deltaHigh = high;
    return more ? "pending" : this.#applyStaged(low, high);
  }

  /** Drops the book: for whoever learned by other means, an InstrumentStatus or a Gap, that it can't be trusted any more. */
  reset(detail: string): void {
    this.#lose("reset", detail);
  }

  #checkInstrument(instrument: InstrumentId): void {
    if (instrument === this.instrument || this.instrument.equals(instrument)) return;
    throw new BookError("WRONG_INSTRUMENT", `a message of ${instrument} was given to the book of ${this.instrument}`);
  }

  #isNextChunk(index: number, count: number, low: number, high: number): boolean {
    if (index === 0) return count > 0;
    const sameSnapshot = low === this.#snapshotLow && high === this.#snapshotHigh && count === this.#chunkCount;
    return sameSnapshot && index === this.#nextChunk && index < count;
  }

  #showSnapshot(): ApplyResult {
    this.#nextChunk = 0;
    this.#dropDelta();
    this.book.load(this.#bids, this.#asks);
    this.#state = "live";
    this.#reason = "none";
    this.#detail = "";
    return this.#reach(this.#snapshotLow, this.#snapshotHigh);
  }

  #applyAtOnce(delta: FlyweightOf<typeof OrderBookDeltaTLV>, low: number, high: number): ApplyResult {
    const { changes } = delta;
    if (!this.#hasRoom(changes.count)) return this.#loseForRoom();
    for (let i = 0; i < changes.count; i++) {
      const change = changes.at(i);
      if (!isSide(change.side)) return this.#loseForSide(change.side);
      const gone = change.action === REMOVE;
      const sizeLow = gone ? 0 : change.sizeLow;
      const sizeHigh = gone ? 0 : change.sizeHigh;
      this.book.set(change.side, change.priceLow, change.priceHigh, sizeLow, sizeHigh);
    }
    return this.#reach(low, high);
  }

  #stage(delta: FlyweightOf<typeof OrderBookDeltaTLV>): void {
    const { changes } = delta;
    for (let i = 0; i < changes.count; i++) {
      const change = changes.at(i);
      const gone = change.action === REMOVE;
      if (this.#changes.count === this.#sides.length) {
        const grown = new Uint8Array(this.#sides.length * 2);
        grown.set(this.#sides);
        this.#sides = grown;
      }
      this.#sides[this.#changes.count] = change.side;
      this.#changes.push(change.priceLow, change.priceHigh, gone ? 0 : change.sizeLow, gone ? 0 : change.sizeHigh);
    }
  }

  #applyStaged(low: number, high: number): ApplyResult {
    const { words, count } = this.#changes;
    if (!this.#hasRoom(count)) return this.#loseForRoom();
    for (let i = 0; i < count; i++) {
      if (!isSide(this.#sides[i]!)) return this.#loseForSide(this.#sides[i]!);
      const at = i * LEVEL_WORDS;
      this.book.set(this.#sides[i]!, words[at]!, words[at + 1]!, words[at + 2]!, words[at + 3]!);
    }
    this.#changes.clear();
    return this.#reach(low, high);
  }

  #reach(low: number, high: number): ApplyResult {
    this.#versionLow = low;
    this.#versionHigh = high;
    if (!this.book.crossed) return "applied";
    return this.#lose("crossedBook", `at version ${this.version} the best bid is not below the best ask`);
  }

  #hasRoom(changeCount: number): boolean {
    return Math.max(this.book.bids.count, this.book.asks.count) + changeCount <= this.#levelsMax;
  }

  #loseForRoom(): ApplyResult {
    return this.#lose("tooManyLevels", `the book would have more than ${this.#levelsMax} levels a side`);
  }

  #loseForSide(side: number): ApplyResult {
    return this.#lose("badMessage", `a change on side ${side}, which is neither bids nor asks`);
  }

  #lose(reason: BookReason, detail: string): "stale" {
    this.#state = "stale";
    this.#reason = reason;
    this.#detail = detail;
    this.#nextChunk = 0;
    this.#dropDelta();
    this.book.clear();
    return "stale";
  }

  #dropDelta(): void {
    this.#deltaOpen = false;
    this.#changes.clear();
  }
}

type Levels = FlyweightOf<typeof OrderBookTLV>["bids"];

function collect(levels: Levels, into: LevelList): void {
  for (let i = 0; i < levels.count; i++) {
    const level = levels.at(i);
    into.push(level.priceLow, level.priceHigh, level.sizeLow, level.sizeHigh);
  }
}

function isSide(side: number): boolean {
  return side === Side.Buy || side === Side.Sell;
}

/** Whether an unsigned 64-bit integer is below another. */
function isLess(aLow: number, aHigh: number, bLow: number, bHigh: number): boolean {
  return aHigh === bHigh ? aLow < bLow : aHigh < bHigh;
}

function wide(low: number, high: number): bigint {
  return (BigInt(high) << 32n) | BigInt(low);
}
