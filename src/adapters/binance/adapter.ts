import { BookError } from "../../books/errors.js";
import type { OrderBook } from "../../books/order-book.js";
import { AlphaPulseError } from "../../protocol/errors.js";
import type { Publisher } from "../../protocol/publisher.js";
import { Side, Venue } from "../../protocol/tables.js";
import { AdapterError, type AdapterErrorCode } from "../errors.js";
import type { RecordedEvent } from "../recordings.js";
import { DepthFeed, type DepthUpdate } from "./depth-feed.js";
import type { AdapterEvent, BinanceStats, BookStats } from "./events.js";
import { Field } from "./fields.js";
import { type Instrument, InstrumentTable } from "./instrument.js";
import { MarketDataOutput } from "./output.js";
import { TOP_WORDS } from "./recent-tops.js";
import { FrameKind, FrameScanner } from "./scanner.js";
import type { BinanceMarket } from "./sync.js";

/** How an adapter is made. */
export interface BinanceAdapterOptions {
  /** Which of the venue's markets the feed is of. */
  readonly market: BinanceMarket;
  /** `Venue.Binance`, the default, or `Venue.BinanceUS`. */
  readonly venue?: Venue;
  /** Where market data goes. */
  readonly output: Publisher;
  /** Hears of errors, states and snapshots that are needed; may give the adapter frames or snapshots only after it returned. */
  readonly onEvent?: (event: AdapterEvent) => void;
  /** How many bytes of updates wait for a snapshot, per symbol; default 4 MiB. Over it the oldest go. */
  readonly pendingBytesMax?: number;
  /** How many symbols it follows; default 16,384. */
  readonly instrumentsMax?: number;
  /** The most bytes of one TLV; default 65,535, the most there is. Larger books and deltas are sent in chunks. */
  readonly tlvBytesMax?: number;
}

const PENDING_BYTES_MAX = 4_194_304;
const INSTRUMENTS_MAX = 16_384;
const TLV_BYTES_MAX = 65_535;
/** Event times beyond this are no milliseconds, and their microseconds no safe integer. */
const TIME_MS_MAX = 9_007_199_254_740;

/**
 * Turns Binance's frames, as a WebSocket gives them, into market data: order books by the venue's own rules, quotes and trades.
 *
 * Per symbol it publishes InstrumentDiscovered once, InstrumentStatus whenever the trust in its book changes, OrderBook when a
 * snapshot was bridged by the stream, then OrderBookDelta for every update that changed something, each continuing the one before;
 * Quote for every `bookTicker`; Trade with VenueReference (the trade's id) for every `trade` and `aggTrade`.
 *
 * It takes both raw and combined-stream frames, opens no connection, has no clock, and never throws for what a venue sends: an error is
 * returned, counted and told to `onEvent`, and the next frame is taken as if nothing had been. On the way from frame to message nothing
 * is allocated in steady state, but the text of a trade's id and a number here and there.
 */
export class BinanceAdapter {
  /** The market that it was made for. */
  readonly market: BinanceMarket;
  /** The venue that it was made for. */
  readonly venue: Venue;
  readonly #scanner = new FrameScanner();
  readonly #instruments: InstrumentTable;
  readonly #output: MarketDataOutput;
  readonly #feed: DepthFeed;
  readonly #onEvent: ((event: AdapterEvent) => void) | undefined;
  readonly #words = new Int32Array(TOP_WORDS);
  readonly #update: { -readonly [K in keyof DepthUpdate]: DepthUpdate[K] };
  readonly #frames = [0, 0, 0, 0, 0, 0]; // by FrameKind
  readonly #errors: Partial<Record<AdapterErrorCode, number>> = {};
  /** By recording: the one symbol it had frames of, null where there were more. */
  readonly #onlyOf: (Instrument | null | undefined)[] = [];
  /** Whose the last frame was. */
  #current: Instrument | undefined;
  #frameCount = 0;
  #emptyTradeCount = 0;
  #isBusy = false;

  constructor(options: BinanceAdapterOptions) {
    this.market = options.market;
    this.venue = options.venue ?? Venue.Binance;
    this.#instruments = new InstrumentTable(this.market, this.venue, options.instrumentsMax ?? INSTRUMENTS_MAX);
    this.#output = new MarketDataOutput(options.output, options.tlvBytesMax ?? TLV_BYTES_MAX);
    this.#onEvent = options.onEvent;
    const tell = (event: AdapterEvent): void => this.#onEvent?.(event);
    this.#feed = new DepthFeed(this.market, this.#output, options.pendingBytesMax ?? PENDING_BYTES_MAX, tell);
    const { bids, asks } = this.#scanner;
    this.#update = { first: 0, last: 0, previous: 0, timeMs: 0, bids, asks };
  }

  /**
   * Takes an event of a recording: a frame or a snapshot. A snapshot that does not say whose it is belongs to the only symbol that its
   * own recording had frames of.
   *
   * @returns what was wrong with it, if anything: as with {@link BinanceAdapter.frame} and {@link BinanceAdapter.snapshot}
   */
  accept(event: RecordedEvent): AdapterError | undefined {
    const { recording } = event;
    if (event.kind === "snapshot") {
      return this.#takeSnapshot(event.bytes, event.atUs, event.symbol, this.#onlyOf[recording] ?? undefined);
    }
    this.#current = undefined;
    const error = this.frame(event.bytes, event.atUs);
    if (this.#current !== undefined && this.#current !== this.#onlyOf[recording]) {
      this.#onlyOf[recording] = this.#onlyOf[recording] === undefined ? this.#current : null;
    }
    return error;
  }

  /**
   * Takes a frame of the stream; its bytes are free again when this returns.
   *
   * @param receivedAtUs when it was received, whole microseconds since the Unix epoch
   * @throws AlphaPulseError VALUE_RANGE for a time that is none, REENTERED from within `onEvent`
   * @returns what was wrong with it, if anything: BAD_FRAME, VALUE_RANGE, FRAME_TOO_LARGE, TOO_MANY_INSTRUMENTS or TOO_MANY_LEVELS
   */
  frame(bytes: Uint8Array, receivedAtUs: number): AdapterError | undefined {
    this.#enter(receivedAtUs);
    this.#frameCount++;
    try {
      const kind = this.#scanner.scan(bytes);
      this.#frames[kind]!++;
      if (kind === FrameKind.Ticker) this.#onTicker(receivedAtUs);
      else if (kind === FrameKind.Depth) this.#onDepth(receivedAtUs);
      else if (kind !== FrameKind.Other) this.#onTrade(kind, receivedAtUs);
      return undefined;
    } catch (error) {
      const found = this.#report(error);
      this.#loseWhatItWasFor(bytes, receivedAtUs);
      return found;
    } finally {
      this.#isBusy = false;
    }
  }

  /**
   * Takes the body of a depth snapshot, as REST gives it.
   *
   * @param receivedAtUs when it was received, whole microseconds since the Unix epoch
   * @param symbol whose it is, as it was asked for; may be left out where the body says it (COIN-M), or only one symbol was
   * heard of
   * @returns what was wrong with it, if anything: as with a frame, and AMBIGUOUS_SNAPSHOT
   */
  snapshot(bytes: Uint8Array, receivedAtUs: number, symbol?: string): AdapterError | undefined {
    const { all } = this.#instruments;
    return this.#takeSnapshot(bytes, receivedAtUs, symbol, all.length === 1 ? all[0] : undefined);
  }

  #takeSnapshot(
    bytes: Uint8Array,
    receivedAtUs: number,
    symbol: string | undefined,
    only: Instrument | undefined,
  ): AdapterError | undefined {
    this.#enter(receivedAtUs);
    this.#frames[FrameKind.Snapshot]!++;
    try {
      const { fields, bids, asks } = this.#scanner;
      this.#scanner.scanSnapshot(bytes);
      const lastUpdateId = fields.integer(Field.lastUpdateId);
      const timeMs = fields.hasNumber(Field.T) ? this.#time(Field.T) : 0;
      const instrument = this.#instrumentOfSnapshot(symbol, only);
      if (instrument.owed !== 0) this.#feed.settle(instrument, receivedAtUs);
      this.#feed.snapshot(instrument, { lastUpdateId, timeMs, bids, asks }, receivedAtUs);
      return undefined;
    } catch (error) {
      return this.#report(error);
    } finally {
      this.#isBusy = false;
    }
  }

  /** The adapter's own book of a symbol, live or not; undefined where no depth of it was heard. Read it, never write it. */
  book(symbol: string): OrderBook | undefined {
    return this.#instruments.findSymbol(symbol)?.depth?.book;
  }

  /** All counters. Allocates. */
  stats(): BinanceStats {
    const { all } = this.#instruments;
    return {
      market: this.market,
      frames: this.#frameCount,
      depthUpdates: this.#frames[FrameKind.Depth]!,
      trades: this.#frames[FrameKind.Trade]!,
      aggTrades: this.#frames[FrameKind.AggTrade]!,
      tickers: this.#frames[FrameKind.Ticker]!,
      snapshots: this.#frames[FrameKind.Snapshot]!,
      ignored: this.#frames[FrameKind.Other]!,
      emptyTrades: this.#emptyTradeCount,
      errors: { ...this.#errors },
      sent: this.#output.sentCount,
      unsent: this.#output.unsentCount,
      instruments: all.length,
      books: all.flatMap(statsOf),
    };
  }

  /** What only its own program can get wrong. */
  #enter(receivedAtUs: number): void {
    if (!Number.isSafeInteger(receivedAtUs) || receivedAtUs < 0) {
      const expected = "expected whole microseconds since the Unix epoch";
      throw new AlphaPulseError("VALUE_RANGE", `receivedAtUs is ${receivedAtUs}: ${expected}`);
    }
    if (this.#isBusy) {
      throw new AlphaPulseError(
        "REENTERED",
        "an adapter was given a frame or a snapshot from within its own onEvent: do it afterwards",
      );
    }
    this.#isBusy = true;
  }

  #onTicker(atUs: number): void {
    const { fields } = this.#scanner;
    const words = this.#words;
    fields.decimal(Field.b, words, 0);
    fields.decimal(Field.B, words, 2);
    fields.decimal(Field.a, words, 4);
    fields.decimal(Field.A, words, 6);
    const updateId = fields.integer(Field.u);
    const timeMs = fields.hasNumber(Field.T) ? this.#time(Field.T) : 0;
    const instrument = this.#instrument(atUs);
    this.#output.quote(instrument.id, words, timeMs);
    if (instrument.depth !== undefined) this.#feed.ticker(instrument.depth, updateId, words);
  }

  #onTrade(kind: FrameKind, atUs: number): void {
    const { fields } = this.#scanner;
    const words = this.#words;
    fields.decimal(Field.p, words, 0);
    fields.decimal(Field.q, words, 2);
    const tradeId = fields.integer(kind === FrameKind.AggTrade ? Field.a : Field.t);
    const timeMs = this.#time(Field.T);
    const side = fields.flag(Field.m) ? Side.Sell : Side.Buy; // where the buyer was the maker, the taker sold
    const instrument = this.#instrument(atUs);
    if (words[2] === 0 && words[3] === 0) {
      this.#emptyTradeCount++;
      return;
    }
    this.#output.trade(instrument.id, words, side, timeMs, tradeId);
  }

  #onDepth(atUs: number): void {
    const { fields } = this.#scanner;
    const update = this.#update;
    update.first = fields.integer(Field.U);
    update.last = fields.integer(Field.u);
    update.previous = this.market === "spot" ? 0 : fields.integer(Field.pu);
    update.timeMs = this.#time(fields.hasNumber(Field.T) ? Field.T : Field.E);
    this.#feed.update(this.#instrument(atUs), update, atUs);
  }

  #instrument(atUs: number): Instrument {
    const { fields } = this.#scanner;
    fields.needText(Field.s);
    const instrument = this.#instrumentAt(fields.bytes, fields.from(Field.s), fields.to(Field.s));
    if (instrument.owed !== 0) this.#feed.settle(instrument, atUs);
    this.#current = instrument;
    return instrument;
  }

  #instrumentAt(bytes: Uint8Array, from: number, to: number): Instrument {
    return this.#instruments.find(bytes, from, to) ?? this.#instruments.add(bytes, from, to);
  }

  #instrumentOfSnapshot(symbol: string | undefined, only: Instrument | undefined): Instrument {
    const { fields } = this.#scanner;
    const said = fields.hasText(Field.symbol)
      ? this.#instrumentAt(fields.bytes, fields.from(Field.symbol), fields.to(Field.symbol))
      : undefined;
    if (symbol === undefined) {
      const found = said ?? only;
      if (found !== undefined) return found;
      const known = this.#instruments.all.length;
      const detail = `a snapshot that does not say whose it is, and ${known} symbols it could be of: give its symbol`;
      throw new AdapterError("AMBIGUOUS_SNAPSHOT", detail);
    }
    const bytes = new TextEncoder().encode(symbol);
    const given = this.#instrumentAt(bytes, 0, bytes.length);
    if (said === undefined || said === given) return given;
    throw new AdapterError(
      "BAD_FRAME",
      `a snapshot of ${said.symbol} was given as one of ${symbol}`,
      fields.from(Field.symbol),
    );
  }

  #time(field: Field): number {
    const timeMs = this.#scanner.fields.integer(field);
    if (timeMs <= TIME_MS_MAX) return timeMs;
    throw new AdapterError("VALUE_RANGE", "a time that is no number of milliseconds", this.#scanner.fields.from(field));
  }

  /** Counts and tells of an error that a frame gave; anything else is not the venue's doing and goes on up. */
  #report(error: unknown): AdapterError {
    let found = error;
    if (error instanceof BookError)
      found = new AdapterError("TOO_MANY_LEVELS", error.message, undefined, { cause: error });
    if (!(found instanceof AdapterError)) throw error;
    this.#errors[found.code] = (this.#errors[found.code] ?? 0) + 1;
    this.#onEvent?.({ type: "error", error: found });
    return found;
  }

  /** A depth update that can't be taken is a lost one: where the frame still says whose it was, that book is lost now, not at the next. */
  #loseWhatItWasFor(frame: Uint8Array, atUs: number): void {
    const symbol = symbolOfUpdate(frame);
    const instrument = symbol === undefined ? undefined : this.#instruments.findSymbol(symbol);
    if (instrument?.depth?.state === "live") this.#feed.lose(instrument, "gap", "an update could not be taken", atUs);
  }
}

function statsOf({ symbol, depth }: Instrument): BookStats[] {
  if (depth === undefined) return [];
  const { state, reason, updateId, book, counters } = depth;
  return [{ symbol, state, reason, updateId, bidCount: book.bids.count, askCount: book.asks.count, ...counters }];
}

/** Whose depth update a frame is that is valid JSON but can't be taken. */
function symbolOfUpdate(frame: Uint8Array): string | undefined {
  try {
    const parsed = JSON.parse(new TextDecoder().decode(frame)) as {
      e?: unknown;
      s?: unknown;
      data?: { e?: unknown; s?: unknown };
    };
    const event = parsed.data ?? parsed;
    return event.e === "depthUpdate" && typeof event.s === "string" ? event.s : undefined;
  } catch {
    return undefined;
  }
}
