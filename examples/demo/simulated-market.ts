import type { Random } from "alphapulse";
import type { BinanceMarket, RecordedEvent } from "alphapulse/adapters";
import { SimulatedBook, type SimulatedLevel } from "./simulated-book.js";

/** How a symbol is written and how much of it there is. */
export interface SimulatedSymbol {
  readonly symbol: string;
  /** Where its fair price begins, in whole quote units. */
  readonly price: number;
  /** The price step in hundredths of the quote currency. */
  readonly tickHundredths: number;
  /** How large an order is, in the middle: base asset. */
  readonly medianSize: number;
  /** Decimals of sizes per market. */
  readonly sizeDecimals: Readonly<Record<"spot" | "usdm", number>>;
}

/** How lively a market is: per second. */
const RATES: Readonly<Record<"spot" | "usdm", { readonly quotes: number; readonly trades: number }>> = {
  spot: { quotes: 60, trades: 8 },
  usdm: { quotes: 110, trades: 15 },
};
/** A symbol's snapshot is taken so long after its stream began, and arrives so much later. */
const SNAPSHOT_AFTER_US = 330_000;
const SNAPSHOT_TRAVELS_US = 140_000;
/** Between an event at the venue and its frame's arrival. */
const TRAVEL_US: Readonly<Record<"spot" | "usdm", number>> = { spot: 3_000, usdm: 5_000 };
const SPOT_DEPTH_EVERY_US = 100_000;
const USDM_DEPTH_LEAST_US = 50_000;
const USDM_DEPTH_SPREAD_US = 200_000;
const HUNDREDTHS = 100;

const encoder = new TextEncoder();

/** One symbol on one simulated market, which speaks as Binance does: VENUES.md, "Binance". */
export class SimulatedMarket {
  readonly market: "spot" | "usdm";
  readonly #spec: SimulatedSymbol;
  readonly #recording: number;
  readonly #random: Random;
  readonly #book: SimulatedBook;
  readonly #lotsPerUnit: number;
  readonly #out: RecordedEvent[];
  #nextDepthUs: number;
  #snapshotAtUs: number;
  #snapshotDueUs = 0;
  #snapshotText: string | undefined;
  #toldVersion: number;
  #tradeId: number;
  #told = "";

  /** @param recording what its events say they are from; `out` is where they go */
  constructor(
    spec: SimulatedSymbol,
    market: BinanceMarket & ("spot" | "usdm"),
    recording: number,
    random: Random,
    startUs: number,
    out: RecordedEvent[],
  ) {
    this.market = market;
    this.#spec = spec;
    this.#recording = recording;
    this.#random = random;
    this.#out = out;
    this.#lotsPerUnit = 10 ** spec.sizeDecimals[market];
    const firstVersion = (market === "spot" ? 20_000_000_000 : 3_000_000_000_000) + random.int(1_000_000_000);
    const fair = this.#ticks(spec.price);
    this.#book = new SimulatedBook(random, fair, spec.medianSize * this.#lotsPerUnit, firstVersion);
    this.#book.takeChanges();
    this.#toldVersion = this.#book.version;
    this.#tradeId = 1_000_000 + random.int(1_000_000_000);
    this.#nextDepthUs = startUs + random.int(SPOT_DEPTH_EVERY_US);
    this.#snapshotAtUs = startUs + SNAPSHOT_AFTER_US + random.int(SPOT_DEPTH_EVERY_US);
  }

  /**
   * Lives for a moment that ends at `nowUs`: frames go out with times up to then.
   *
   * @param fair the price that its makers believe in, in quote units
   * @param momentUs how long the moment is
   */
  step(nowUs: number, momentUs: number, fair: number): void {
    const { quotes, trades } = RATES[this.market];
    const chance = momentUs / 1e6;
    if (this.#random.next() < quotes * chance) {
      if (this.#random.int(3) > 0) this.#book.follow(this.#ticks(fair));
      else this.#book.jostle();
      this.#ticker(nowUs);
    }
    if (this.#random.next() < trades * chance) this.#trade(nowUs);
    if (nowUs >= this.#nextDepthUs) this.#depth(nowUs);
    this.#snapshot(nowUs);
  }

  #trade(nowUs: number): void {
    const isBuy = this.#random.int(2) === 0;
    const timeMs = this.#eventMs(nowUs);
    for (const { tick, lots } of this.#book.trade(isBuy)) {
      const common = `"e":"trade","E":${timeMs},`;
      const what = `"s":"${this.#spec.symbol}","t":${this.#tradeId++},"p":"${this.#price(tick)}","q":"${this.#size(lots)}"`;
      const data =
        this.market === "spot"
          ? `{${common}${what},"T":${timeMs},"m":${!isBuy},"M":true}`
          : `{${common}"T":${timeMs},${what},"X":"MARKET","m":${!isBuy}}`;
      this.#frame(nowUs, "trade", data);
    }
    this.#ticker(nowUs);
  }

  /** Tells the best bid and ask where they changed. */
  #ticker(nowUs: number): void {
    const { bid, ask } = this.#book;
    const top =
      `"b":"${this.#price(bid.tick)}","B":"${this.#size(bid.lots)}",` +
      `"a":"${this.#price(ask.tick)}","A":"${this.#size(ask.lots)}"`;
    if (top === this.#told) return;
    this.#told = top;
    const ids = `"u":${this.#book.version},"s":"${this.#spec.symbol}",`;
    const timeMs = this.#eventMs(nowUs);
    const data =
      this.market === "spot" ? `{${ids}${top}}` : `{"e":"bookTicker",${ids}${top},"T":${timeMs},"E":${timeMs}}`;
    this.#frame(nowUs, "bookTicker", data);
  }

  #depth(nowUs: number): void {
    this.#nextDepthUs +=
      this.market === "spot" ? SPOT_DEPTH_EVERY_US : USDM_DEPTH_LEAST_US + this.#random.int(USDM_DEPTH_SPREAD_US);
    const { bids, asks } = this.#book.takeChanges();
    if (bids.length + asks.length === 0) return;
    const timeMs = this.#eventMs(nowUs);
    const first = this.#toldVersion + 1;
    const last = this.#book.version;
    const levels = `"b":${this.#levels(bids)},"a":${this.#levels(asks)}`;
    const head = `"e":"depthUpdate","E":${timeMs},`;
    const ids = `"s":"${this.#spec.symbol}","U":${first},"u":${last},`;
    const data =
      this.market === "spot"
        ? `{${head}${ids}${levels}}`
        : `{${head}"T":${timeMs},${ids}"pu":${this.#toldVersion},${levels}}`;
    this.#toldVersion = last;
    this.#frame(nowUs, this.market === "spot" ? "depth@100ms" : "depth@0ms", data);
  }

  #snapshot(nowUs: number): void {
    if (nowUs >= this.#snapshotAtUs) {
      const { bids, asks } = this.#book.levels();
      const timeMs = this.#eventMs(nowUs);
      const times = this.market === "spot" ? "" : `"E":${timeMs},"T":${timeMs},`;
      const levels = `"bids":${this.#levels(bids)},"asks":${this.#levels(asks)}`;
      this.#snapshotText = `{"lastUpdateId":${this.#book.version},${times}${levels}}`;
      this.#snapshotDueUs = nowUs + SNAPSHOT_TRAVELS_US;
      this.#snapshotAtUs = Number.POSITIVE_INFINITY;
    }
    if (this.#snapshotText === undefined || nowUs < this.#snapshotDueUs) return;
    const bytes = encoder.encode(this.#snapshotText);
    this.#snapshotText = undefined;
    this.#out.push({ atUs: nowUs, kind: "snapshot", bytes, symbol: this.#spec.symbol, recording: this.#recording });
  }

  #frame(atUs: number, stream: string, data: string): void {
    const text = `{"stream":"${this.#spec.symbol.toLowerCase()}@${stream}","data":${data}}`;
    const bytes = encoder.encode(text);
    this.#out.push({ atUs, kind: "frame", bytes, symbol: undefined, recording: this.#recording });
  }

  #levels(levels: readonly SimulatedLevel[]): string {
    return `[${levels.map(({ tick, lots }) => `["${this.#price(tick)}","${this.#size(lots)}"]`).join(",")}]`;
  }

  #ticks(price: number): number {
    return (price * HUNDREDTHS) / this.#spec.tickHundredths;
  }

  /** Spot writes eight decimals, USD-M as many as there are. */
  #price(tick: number): string {
    const text = ((tick * this.#spec.tickHundredths) / HUNDREDTHS).toFixed(2);
    return this.market === "spot" ? `${text}000000` : text;
  }

  #size(lots: number): string {
    const decimals = this.#spec.sizeDecimals[this.market];
    const text = (lots / this.#lotsPerUnit).toFixed(decimals);
    return this.market === "spot" ? text + "0".repeat(8 - decimals) : text;
  }

  #eventMs(nowUs: number): number {
    return Math.floor((nowUs - TRAVEL_US[this.market]) / 1000);
  }
}
