import type { BookState } from "../../books/reconstructor.js";
import type { InstrumentId } from "../../protocol/instrument-id.js";
import type { AdapterError, AdapterErrorCode } from "../errors.js";
import type { StatusReason } from "./instrument.js";
import type { BinanceMarket } from "./sync.js";

/** What an adapter tells its owner as it happens. Market data goes to its output; this is about the feed itself. */
export type AdapterEvent =
  /** A frame could not be taken. */
  | { readonly type: "error"; readonly error: AdapterError }
  /** A book can be trusted from now on, or no longer. */
  | {
      readonly type: "state";
      readonly symbol: string;
      readonly instrument: InstrumentId;
      readonly state: BookState;
      readonly reason: StatusReason;
      /** What happened, in words; empty where nothing went wrong. */
      readonly detail: string;
    }
  /** A depth snapshot has to be fetched for this book to go on; not said again until it came or another is needed. */
  | { readonly type: "snapshotNeeded"; readonly symbol: string; readonly instrument: InstrumentId };

/** The counters of one book. */
export interface BookStats {
  readonly symbol: string;
  readonly state: BookState;
  readonly reason: StatusReason;
  /** The venue's id of what the book shows; 0 where it shows nothing. */
  readonly updateId: number;
  /** Levels in the book. */
  readonly bidCount: number;
  /** Levels in the book. */
  readonly askCount: number;
  /** Updates that went into the book. */
  readonly updatesApplied: number;
  /** Updates that the book had already. */
  readonly updatesDropped: number;
  /** Updates that had to wait for a snapshot. */
  readonly updatesBuffered: number;
  /** Updates that waited and were forgotten, because too many did. */
  readonly updatesOverBound: number;
  /** How often an update was lost. */
  readonly gaps: number;
  /** How often the book went live again after it was lost. */
  readonly resyncs: number;
  /** How often the best bid was not below the best ask. */
  readonly crossed: number;
  /** Snapshots that made the book. */
  readonly snapshotsUsed: number;
  /** Snapshots older than the updates that waited: they have to be fetched again. */
  readonly snapshotsTooOld: number;
  /** Snapshots for a book that was live, or older than one it had. */
  readonly snapshotsUnneeded: number;
  /** Tickers whose best bid and ask were those of the book of the same update id, prices and sizes. */
  readonly tickersAgreed: number;
  /** Tickers whose best bid or ask were not those of the book of the same update id. */
  readonly tickersDisagreed: number;
}

/** The counters of an adapter since it was made. */
export interface BinanceStats {
  readonly market: BinanceMarket;
  /** Frames given to the adapter, snapshots not among them. */
  readonly frames: number;
  readonly depthUpdates: number;
  readonly trades: number;
  readonly aggTrades: number;
  readonly tickers: number;
  readonly snapshots: number;
  /** Valid frames that say nothing to this adapter. */
  readonly ignored: number;
  /** Trade frames without a trade in them (USD-M sends some with price and quantity 0). */
  readonly emptyTrades: number;
  /** Frames and snapshots that could not be taken, by error code. */
  readonly errors: Readonly<Partial<Record<AdapterErrorCode, number>>>;
  /** Messages that the output took. */
  readonly sent: number;
  /** Messages that it did not take. */
  readonly unsent: number;
  /** Symbols heard of. */
  readonly instruments: number;
  /** The books, in the order in which their depth was first heard of. */
  readonly books: readonly BookStats[];
}
