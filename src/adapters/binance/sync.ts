// Which update continues which book: the rules of VENUES.md ("Binance", Sync), apart from everything that acts on them.

/** Which of Binance's markets a feed is of: spot, USD-M futures or COIN-M futures. */
export type BinanceMarket = "spot" | "usdm" | "coinm";

/** What to do with an update: it belongs to the book, the book has it already, or one before it was lost. */
export type Verdict = "apply" | "drop" | "gap";

/** The ids of a depth update. */
export interface UpdateIds {
  /** `U`: the first change in it. */
  readonly first: number;
  /** `u`: the last change in it. */
  readonly last: number;
  /** `pu`: the last change of the update before, futures only. */
  readonly previous: number;
}

/**
 * Whether the first update after a snapshot continues it.
 *
 * - spot: drop `u <= lastUpdateId`; then `U <= lastUpdateId + 1 <= u`
 * - futures: drop `u < lastUpdateId`; then `U <= lastUpdateId <= u`, or `pu == lastUpdateId`
 */
export function firstVerdict(market: BinanceMarket, lastUpdateId: number, update: UpdateIds): Verdict {
  if (market === "spot") {
    if (update.last <= lastUpdateId) return "drop";
    return update.first <= lastUpdateId + 1 ? "apply" : "gap";
  }
  if (update.last < lastUpdateId) return "drop";
  return update.first <= lastUpdateId || update.previous === lastUpdateId ? "apply" : "gap";
}

/**
 * Whether an update continues the one before it.
 *
 * - spot: `u` below the book's id is ignored, `U` above the book's id + 1 is a loss
 * - futures: `pu` must equal the book's id
 */
export function nextVerdict(market: BinanceMarket, bookId: number, update: UpdateIds): Verdict {
  if (market !== "spot") return update.previous === bookId ? "apply" : "gap";
  if (update.last < bookId) return "drop";
  return update.first <= bookId + 1 ? "apply" : "gap";
}

/** Whether a snapshot is older than what was buffered, so that it must be fetched again; `first` is the first buffered update. */
export function isTooOld(market: BinanceMarket, lastUpdateId: number, first: UpdateIds): boolean {
  return market === "spot" ? lastUpdateId < first.first : firstVerdict(market, lastUpdateId, first) === "gap";
}
