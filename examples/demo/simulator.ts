import { type Random, Venue } from "alphapulse";
import type { RecordedEvent, RecordedMarket } from "alphapulse/adapters";
import { SimulatedMarket, type SimulatedSymbol } from "./simulated-market.js";

/** The markets that are simulated; an event's `recording` is the place of its market here. */
export const SIMULATED_MARKETS: readonly (RecordedMarket & { readonly market: "spot" | "usdm" })[] = [
  { market: "spot", venue: Venue.Binance },
  { market: "usdm", venue: Venue.Binance },
];

/** What trades on both of them. */
const SYMBOLS: readonly SimulatedSymbol[] = [
  { symbol: "BTCUSDT", price: 60_000, tickHundredths: 10, medianSize: 0.1, sizeDecimals: { spot: 5, usdm: 3 } },
  { symbol: "ETHUSDT", price: 3_000, tickHundredths: 1, medianSize: 2, sizeDecimals: { spot: 4, usdm: 3 } },
];

/** 2024-01-01 00:00 UTC, whole microseconds. */
const START_US = 1_704_067_200_000_000;
/** How finely time goes. */
const MOMENT_US = 4_000;
const BATCH_EVENTS = 512;

/** How a symbol's price and basis move. */
const BPS = 1e-4;
const VOLATILITY_PER_SQRT_SECOND = 1 * BPS;
const JUMPS_PER_SECOND = 0.08;
const JUMP_DEVIATION = 6 * BPS;
const BASIS_MEAN = 2 * BPS;
const BASIS_DEVIATION = 3 * BPS;
const BASIS_MEMORY_SECONDS = 4;
/** Spot follows the perpetual so much later. */
const SPOT_LAG_SECONDS = 0.12;

/**
 * A day at two venues, in seconds: spot and USD-M perpetuals of two symbols, as frames in the very form in which
 * Binance sends them. The perpetual leads, spot follows, and the basis between them wanders around its mean.
 *
 * @param random the same one gives the same frames
 * @param seconds how long the markets are open
 * @returns batches in order of time, made as they are asked for
 */
export function* simulate(random: Random, seconds: number): Generator<RecordedEvent[], void, undefined> {
  const events: RecordedEvent[] = [];
  const stages = SYMBOLS.map((spec) => ({
    prices: new PricePath(random, spec.price),
    markets: SIMULATED_MARKETS.map(({ market }, i) => new SimulatedMarket(spec, market, i, random, START_US, events)),
  }));
  const marketCount = SYMBOLS.length * SIMULATED_MARKETS.length;
  const sliceUs = Math.floor(MOMENT_US / marketCount);
  const endUs = START_US + seconds * 1e6;
  for (let momentUs = START_US; momentUs < endUs; momentUs += MOMENT_US) {
    let nowUs = momentUs;
    for (const { prices, markets } of stages) {
      prices.step(MOMENT_US / 1e6);
      for (const market of markets) {
        nowUs += sliceUs;
        market.step(nowUs - random.int(sliceUs), MOMENT_US, market.market === "spot" ? prices.spot : prices.perpetual);
      }
    }
    if (events.length >= BATCH_EVENTS) yield events.splice(0);
  }
  if (events.length > 0) yield events.splice(0);
}

/** What is fair: a wandering, sometimes jumping price, and a basis that comes back to its mean. */
class PricePath {
  readonly #random: Random;
  #price: number;
  #basis = BASIS_MEAN;
  /** Fair on spot. */
  spot: number;
  /** Fair on the perpetual's market. */
  perpetual: number;

  constructor(random: Random, price: number) {
    this.#random = random;
    this.#price = price;
    this.spot = price;
    this.perpetual = price;
  }

  step(seconds: number): void {
    let move = this.#normal() * VOLATILITY_PER_SQRT_SECOND * Math.sqrt(seconds);
    if (this.#random.next() < JUMPS_PER_SECOND * seconds) move += this.#normal() * JUMP_DEVIATION;
    this.#price *= Math.exp(move);
    const pull = seconds / BASIS_MEMORY_SECONDS;
    this.#basis += pull * (BASIS_MEAN - this.#basis) + this.#normal() * BASIS_DEVIATION * Math.sqrt(2 * pull);
    this.spot += (this.#price - this.spot) * (1 - Math.exp(-seconds / SPOT_LAG_SECONDS));
    this.perpetual = this.#price * (1 + this.#basis);
  }

  /** Normally distributed, by Box and Muller. */
  #normal(): number {
    const radius = Math.sqrt(-2 * Math.log(1 - this.#random.next()));
    return radius * Math.cos(2 * Math.PI * this.#random.next());
  }
}
