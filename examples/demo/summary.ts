import { InstrumentId } from "alphapulse";
import type { BinanceStats } from "alphapulse/adapters";
import type { Books } from "./accounts.js";
import type { LatencySummary } from "./latency.js";
import { reasonName } from "./orders.js";

/** What the actors' snapshots hold, as far as the summary needs it. */
export interface Snapshots {
  readonly feed: {
    readonly frames: number;
    readonly recordedSeconds: number;
    readonly firstNs: number;
    readonly feeds: readonly BinanceStats[];
  };
  readonly strategy: { readonly signals: number; readonly pairs: readonly PairState[] };
  readonly portfolio: { readonly books: Books };
  readonly venue: { readonly source: number; readonly books: Books; readonly tickToOrderUs: LatencySummary };
  readonly recorder: { readonly digest: string; readonly messages: number };
}

/** A symbol on two markets, and the basis between them at the end. */
export interface PairState {
  readonly of: string;
  readonly over: string;
  readonly meanBps: number;
  readonly deviationBps: number;
}

/** One run, in numbers: what `--json` prints. Amounts are decimal text, every digit of them. */
export interface Summary {
  readonly placement: string;
  readonly input: readonly string[];
  readonly seed: string;
  readonly digest: string;
  /** Messages that each relay took. */
  readonly messages: Readonly<Record<string, number>>;
  readonly frames: number;
  readonly recordedSeconds: number;
  /** From the first frame until everything that the last one caused was done. */
  readonly wallSeconds: number;
  readonly framesPerSecond: number;
  /** What the strategy watched. */
  readonly pairs: readonly PairState[];
  readonly signals: number;
  readonly orders: number;
  readonly fills: number;
  readonly rejects: Readonly<Record<string, number>>;
  readonly strategies: Books["strategies"];
  readonly instruments: readonly InstrumentLine[];
  /** How each book was built, and how often its best prices were those of the venue's own ticker. */
  readonly feeds: readonly BinanceStats[];
  readonly tickToOrderUs: LatencySummary;
  /** What portfolio and venue say of their books: what the audit holds against the messages. */
  readonly books: { readonly portfolio: Books; readonly venue: Books; readonly venueSource: number };
  /** Whether the audit found the same. */
  booksClosed: boolean;
}

/** One instrument's account. */
export interface InstrumentLine {
  readonly instrument: string;
  readonly position: string;
  readonly cash: string;
  readonly fees: string;
  readonly realised: string;
  readonly fills: number;
}

/** What main knows of a run. */
export interface RunFacts {
  readonly placement: string;
  readonly input: readonly string[];
  readonly seed: string;
  readonly messages: Readonly<Record<string, number>>;
  readonly wallSeconds: number;
}

/** Puts the summary together. */
export function summarise(facts: RunFacts, snapshots: Snapshots): Summary {
  const { feed, strategy, portfolio, venue, recorder } = snapshots;
  const { books } = portfolio;
  return {
    placement: facts.placement,
    input: facts.input,
    seed: facts.seed,
    digest: recorder.digest,
    messages: facts.messages,
    frames: feed.frames,
    recordedSeconds: feed.recordedSeconds,
    wallSeconds: facts.wallSeconds,
    framesPerSecond: facts.wallSeconds > 0 ? Math.round(feed.frames / facts.wallSeconds) : 0,
    pairs: strategy.pairs,
    signals: strategy.signals,
    orders: books.orders,
    fills: books.fills,
    rejects: rejectsByName(books),
    strategies: books.strategies ?? {},
    instruments: Object.entries(books.instruments).map(([key, account]) => ({
      instrument: instrumentOf(key).toString(),
      ...account,
    })),
    feeds: feed.feeds,
    tickToOrderUs: venue.tickToOrderUs,
    books: { portfolio: books, venue: venue.books, venueSource: venue.source },
    booksClosed: false,
  };
}

/** The summary as a table for people. */
export function formatSummary(summary: Summary): string {
  const { tickToOrderUs: latency } = summary;
  const rows: [string, string][] = [
    ["input", summary.input.join(", ")],
    ["placement, seed", `${summary.placement}, ${summary.seed}`],
    ["messages", list(summary.messages)],
    ["frames", `${count(summary.frames)} of ${summary.recordedSeconds.toFixed(1)} s`],
    ["throughput", `${count(summary.framesPerSecond)} frames/s (${summary.wallSeconds.toFixed(2)} s)`],
    [
      "tick to order",
      `p50 ${us(latency.p50)}  p99 ${us(latency.p99)}  p99.9 ${us(latency.p999)}  of ${count(latency.count)}`,
    ],
    ...pairRows(summary.pairs),
    ["signals, orders, fills", `${count(summary.signals)}, ${count(summary.orders)}, ${count(summary.fills)}`],
    ["rejects", Object.keys(summary.rejects).length === 0 ? "none" : list(summary.rejects)],
    ...Object.entries(summary.strategies ?? {}).map(([id, { profit, realised, fees }]): [string, string] => [
      `profit of strategy ${id}`,
      `${profit} (realised ${realised}, fees ${fees})`,
    ]),
    ...summary.instruments.map(({ instrument, position, cash, fees, realised }): [string, string] => [
      instrument,
      `position ${position}  cash ${cash}  fees ${fees}  realised ${realised}`,
    ]),
    ...summary.feeds.flatMap(bookRows),
    ["digest", summary.digest],
    ["audit", summary.booksClosed ? "books closed: the messages give the same to the last unit" : "books do NOT close"],
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, text]) => `${name.padEnd(width)}  ${text}\n`).join("");
}

function pairRows(pairs: readonly PairState[]): [string, string][] {
  if (pairs.length === 0) return [["basis", "no symbol was seen on two markets: there is nothing to trade"]];
  return pairs.map(({ of, over, meanBps, deviationBps }) => [
    "basis",
    `${of} over ${over}: mean ${meanBps.toFixed(2)} bps, deviation ${deviationBps.toFixed(2)} bps at the end`,
  ]);
}

function bookRows({ market, books, errors }: BinanceStats): [string, string][] {
  const rows = books.map(({ symbol, state, updatesApplied, gaps, crossed, tickersAgreed, tickersDisagreed }) => [
    `book ${symbol} ${market}`,
    `${state}, ${count(updatesApplied)} updates, ${gaps} gaps, ${crossed} crossed; ` +
      `tickers agree ${count(tickersAgreed)}, disagree ${count(tickersDisagreed)}`,
  ]);
  if (Object.keys(errors).length > 0) rows.push([`refused frames, ${market}`, list(errors)]);
  return rows as [string, string][];
}

function rejectsByName({ rejects }: Books): Record<string, number> {
  const byName: Record<string, number> = {};
  for (const counts of Object.values(rejects)) {
    for (const [reason, number] of Object.entries(counts)) {
      const name = reasonName(Number(reason));
      byName[name] = (byName[name] ?? 0) + number;
    }
  }
  return byName;
}

function instrumentOf(key: string): InstrumentId {
  const [venue, assetType, assetId] = key.split("/") as [string, string, string];
  return new InstrumentId(Number(venue), Number(assetType), BigInt(assetId));
}

function list(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .map(([name, number]) => `${name} ${count(number)}`)
    .join(", ");
}

function count(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+$)/g, ",");
}

function us(value: number): string {
  return `${value.toFixed(1)} µs`;
}
