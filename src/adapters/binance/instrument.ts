import { OrderBook } from "../../books/order-book.js";
import type { BookState } from "../../books/reconstructor.js";
import { ProtocolError } from "../../protocol/errors.js";
import { InstrumentId } from "../../protocol/instrument-id.js";
import { AssetType } from "../../protocol/tables.js";
import { AdapterError } from "../errors.js";
import { badFrame } from "../json.js";
import { sameBytes } from "./fields.js";
import { PendingUpdates } from "./pending-updates.js";
import { RecentTops } from "./recent-tops.js";
import type { BinanceMarket } from "./sync.js";

/** Why a book is not live: the reasons of InstrumentStatus that this adapter finds, by their numbers on the wire. */
export const StatusReason = { none: 0, gap: 1, crossedBook: 3 } as const;
/** Why a book is not live. */
export type StatusReason = keyof typeof StatusReason;

/** What subscribers have not been told yet, because a message did not go. */
export const Owed = { Discovered: 1, Status: 2, Book: 4 } as const;

/** How many tickers wait for the depth update of their id, and how many books for a late ticker. */
const TICKERS_REMEMBERED = 256;
const TOPS_REMEMBERED = 64;

/** A book in the making: what it shows, how far it can be trusted, and what it waits for. */
export class DepthBook {
  readonly book = new OrderBook();
  readonly pending: PendingUpdates;
  readonly tickers = new RecentTops(TICKERS_REMEMBERED);
  readonly tops = new RecentTops(TOPS_REMEMBERED);
  state: BookState = "syncing";
  reason: StatusReason = "none";
  /** The venue's id of what the book shows. */
  updateId = 0;
  /** The version that subscribers have; deltas continue from it. */
  publishedId = 0;
  /** Event time of what the book shows, ms; 0 = not given. */
  timeMs = 0;
  /** Whether the next update is the first after the snapshot. */
  awaitsFirst = false;
  /** Whether the book holds a snapshot that waits for the stream to begin. */
  hasSnapshot = false;
  readonly counters = {
    updatesApplied: 0,
    updatesDropped: 0,
    updatesBuffered: 0,
    updatesOverBound: 0,
    gaps: 0,
    resyncs: 0,
    crossed: 0,
    snapshotsUsed: 0,
    snapshotsTooOld: 0,
    snapshotsUnneeded: 0,
    tickersAgreed: 0,
    tickersDisagreed: 0,
  };

  constructor(pendingBytesMax: number) {
    this.pending = new PendingUpdates(pendingBytesMax);
  }
}

/** One symbol of a market. */
export class Instrument {
  readonly symbol: string;
  readonly symbolBytes: Uint8Array;
  readonly id: InstrumentId;
  /** Bits of {@link Owed}. */
  owed: number = Owed.Discovered;
  /** Undefined until depth is heard of. */
  depth: DepthBook | undefined;
  /** The next one of the same hash. */
  readonly next: Instrument | undefined;

  constructor(symbol: string, symbolBytes: Uint8Array, id: InstrumentId, next: Instrument | undefined) {
    this.symbol = symbol;
    this.symbolBytes = symbolBytes;
    this.id = id;
    this.next = next;
  }
}

/** Finds instruments by the bytes of their symbols, without a string. */
export class InstrumentTable {
  readonly #market: BinanceMarket;
  readonly #venue: number;
  readonly #countMax: number;
  readonly #byHash = new Map<number, Instrument>();
  readonly #all: Instrument[] = [];
  #last: Instrument | undefined;

  constructor(market: BinanceMarket, venue: number, countMax: number) {
    this.#market = market;
    this.#venue = venue;
    this.#countMax = countMax;
  }

  /** All, in the order in which they were first heard of. */
  get all(): readonly Instrument[] {
    return this.#all;
  }

  /** The instrument whose symbol stands in `bytes[start, end)`, or undefined. */
  find(bytes: Uint8Array, start: number, end: number): Instrument | undefined {
    const last = this.#last;
    if (last !== undefined && sameBytes(bytes, start, end, last.symbolBytes)) return last;
    let found = this.#byHash.get(hashOf(bytes, start, end));
    while (found !== undefined && !sameBytes(bytes, start, end, found.symbolBytes)) found = found.next;
    if (found !== undefined) this.#last = found;
    return found;
  }

  /** The instrument of a symbol, or undefined. */
  findSymbol(symbol: string): Instrument | undefined {
    const bytes = new TextEncoder().encode(symbol);
    return this.find(bytes, 0, bytes.length);
  }

  /** Makes the instrument whose symbol stands in `bytes[start, end)`. @throws AdapterError BAD_FRAME, TOO_MANY_INSTRUMENTS */
  add(bytes: Uint8Array, start: number, end: number): Instrument {
    if (this.#all.length >= this.#countMax) {
      throw new AdapterError(
        "TOO_MANY_INSTRUMENTS",
        `more than ${this.#countMax} symbols: raise instrumentsMax if they are real`,
        start,
      );
    }
    const symbolBytes = bytes.slice(start, end);
    const symbol = symbolOf(symbolBytes, start);
    const hash = hashOf(bytes, start, end);
    const id = idOf(this.#venue, assetTypeOf(this.#market, symbol), symbol, start);
    const made = new Instrument(symbol, symbolBytes, id, this.#byHash.get(hash));
    this.#byHash.set(hash, made);
    this.#all.push(made);
    return made;
  }
}

function symbolOf(bytes: Uint8Array, offset: number): string {
  let symbol: string;
  try {
    symbol = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (error) {
    throw new AdapterError("BAD_FRAME", "a symbol that is not UTF-8", offset, { cause: error });
  }
  if (symbol.includes("\\")) throw badFrame("a symbol with quotes, backslashes or control characters", offset);
  return symbol;
}

function idOf(venue: number, assetType: number, symbol: string, offset: number): InstrumentId {
  try {
    return InstrumentId.of(venue, assetType, symbol);
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    throw new AdapterError("BAD_FRAME", error.message, offset, { cause: error });
  }
}

/** Spot pairs on spot; on futures markets what expires, as in `BTCUSDT_240927`, and what does not. */
function assetTypeOf(market: BinanceMarket, symbol: string): number {
  if (market === "spot") return AssetType.SpotPair;
  return /_\d{6}$/.test(symbol) ? AssetType.Future : AssetType.Perpetual;
}

/** FNV-1a, 32 bits. */
function hashOf(bytes: Uint8Array, start: number, end: number): number {
  let hash = 0x811c_9dc5;
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ bytes[i]!, 0x0100_0193);
  return hash;
}
