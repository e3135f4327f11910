import {
  ArbitrageSignalTLV,
  AssetType,
  type FlyweightOf,
  InstrumentId,
  type Publisher,
  Side,
  SignalIdentityTLV,
} from "alphapulse";
import { assetsOf, inQuoteAsset } from "./assets.js";
import { Action, type BasisPair } from "./basis-pair.js";
import { IngressTLV, writeIngress } from "./ingress.js";
import type { TopOfBook } from "./top-of-book.js";

/** How signals are written. */
export interface SignalSettings {
  readonly strategyId: number;
  /** What a signal is worth: US dollars, or about as much of another quote currency. */
  readonly notional: number;
  /** How much worse than the best price an order may get: to open, and to close. */
  readonly openSlippagePpm: number;
  readonly closeSlippagePpm: number;
  readonly signalLifeMs: number;
}

/** 1e-8 of a price times 1e-8 of a quantity. */
const UNITS_PER_MONEY = 1e16;
const BPS = 1e4;
const PROFIT_UNITS_MAX = 1e15;
const CONFIDENCE_MAX = 10_000;
const U32_MAX = 0xffff_ffff;

type Leg = ReturnType<FlyweightOf<typeof ArbitrageSignalTLV>["legs"]["at"]>;

/** The assets of a pair, as instruments, and what a signal is worth in its quote asset. */
interface Assets {
  readonly base: InstrumentId;
  readonly quote: InstrumentId;
  readonly notional: number;
}

/** Writes what a pair wants as a signal of two legs, or one: identity, opportunity, and when its cause came in. */
export class SignalWriter {
  readonly #output: Publisher;
  readonly #settings: SignalSettings;
  readonly #assets = new Map<BasisPair, Assets>();
  readonly #counts = { legs: 0 };
  #signalId = 0;

  constructor(output: Publisher, settings: SignalSettings) {
    this.#output = output;
    this.#settings = settings;
  }

  /** The id of the last signal that was sent. */
  get lastId(): number {
    return this.#signalId;
  }

  /** Orders that the last signal asks for. */
  get legCount(): number {
    return this.#counts.legs;
  }

  /** Sends what a pair wants to do. @returns whether it went */
  signal(pair: BasisPair, action: Action, nowUs: number, ingressNs: number): boolean {
    this.#write(pair, action, nowUs, ingressNs, this.#signalId + 1);
    const isSent = this.#output.commit() === "sent";
    if (isSent) this.#signalId++;
    return isSent;
  }

  /** Sends what a pair would do if it had reason to: a signal without id and confidence, on which nobody acts. */
  outlook(pair: BasisPair, nowUs: number, ingressNs: number): void {
    this.#write(pair, pair.direction === 0 ? Action.Enter : Action.Leave, nowUs, ingressNs, 0);
    this.#output.commit();
  }

  #write(pair: BasisPair, action: Action, nowUs: number, ingressNs: number, signalId: number): void {
    const output = this.#output;
    const settings = this.#settings;
    const identity = output.claim(SignalIdentityTLV);
    identity.signalIdNumber = signalId;
    identity.signalNonce = signalId >>> 0;
    identity.strategyId = settings.strategyId;
    identity.version = 1;
    this.#counts.legs = action === Action.Mend ? 1 : 2;
    const signal = output.append(ArbitrageSignalTLV, this.#counts);
    const { base, quote, notional } = this.#assetsOf(pair);
    const { venue: venueA } = pair.a.instrument;
    const { venue: venueB } = pair.b.instrument;
    signal.base = base;
    signal.quote = quote;
    const profit = Math.round((notional * pair.edgeBps * 1e8) / BPS);
    signal.estimatedProfitUnits = Math.max(-PROFIT_UNITS_MAX, Math.min(PROFIT_UNITS_MAX, profit));
    signal.expiresAtUs = nowUs + settings.signalLifeMs * 1000;
    signal.spreadBps = Math.min(U32_MAX, Math.max(0, Math.round(pair.edgeBps)));
    signal.venueA = venueA;
    signal.venueB = venueB;
    const confident = confidence(pair);
    signal.confidence = signalId === 0 ? 0 : confident;
    if (action === Action.Enter) this.#enter(signal, pair, notional);
    else if (action === Action.Leave) this.#leave(signal, pair);
    else this.#mend(signal, pair);
    writeIngress(output.append(IngressTLV), ingressNs);
  }

  /** The same quantity on both sides: what the notional buys, in whole lots of the coarser market, at least one. */
  #enter(signal: FlyweightOf<typeof ArbitrageSignalTLV>, pair: BasisPair, notional: number): void {
    const { a, b } = pair;
    const lot = Math.max(a.lot, b.lot);
    const afforded = (notional * UNITS_PER_MONEY) / a.mid;
    const quantity = Math.max(1, Math.floor(Math.min(afforded, Number.MAX_SAFE_INTEGER - lot) / lot)) * lot;
    const { openSlippagePpm } = this.#settings;
    const buysA = pair.chosen > 0;
    for (let i = 0; i < 2; i++) {
      const leg = signal.legs.at(i);
      const market = i === 0 ? a : b;
      writeLeg(leg, market, buysA === (i === 0) ? Side.Buy : Side.Sell, openSlippagePpm);
      leg.sizeUnits = quantity;
    }
  }

  /** All that is held, back. */
  #leave(signal: FlyweightOf<typeof ArbitrageSignalTLV>, pair: BasisPair): void {
    this.#close(signal.legs.at(0), pair.a, pair.held(pair.a));
    this.#close(signal.legs.at(1), pair.b, pair.held(pair.b));
  }

  /** What one side has more than the other, back: on the side that holds it. */
  #mend(signal: FlyweightOf<typeof ArbitrageSignalTLV>, pair: BasisPair): void {
    const heldA = pair.held(pair.a);
    const excess = heldA + pair.held(pair.b);
    const isOfA = heldA !== 0n && heldA > 0n === excess > 0n;
    this.#close(signal.legs.at(0), isOfA ? pair.a : pair.b, excess);
  }

  #close(leg: Leg, market: TopOfBook, held: bigint): void {
    writeLeg(leg, market, held > 0n ? Side.Sell : Side.Buy, this.#settings.closeSlippagePpm);
    leg.size = held > 0n ? held : -held;
  }

  #assetsOf(pair: BasisPair): Assets {
    let assets = this.#assets.get(pair);
    if (assets === undefined) {
      const [base, quote] = assetsOf(pair.a.symbol);
      assets = {
        base: InstrumentId.of(pair.a.instrument.venue, AssetType.Currency, base),
        quote: InstrumentId.of(pair.a.instrument.venue, AssetType.Currency, quote),
        notional: inQuoteAsset(this.#settings.notional, quote),
      };
      this.#assets.set(pair, assets);
    }
    return assets;
  }
}

function writeLeg(leg: Leg, market: TopOfBook, side: number, slippagePpm: number): void {
  leg.instrument = market.instrument;
  leg.side = side;
  market.setLimit(leg, side, slippagePpm);
}

/** At least 1: what has none is an outlook. */
function confidence({ edgeBps, deviationBps }: BasisPair): number {
  const deviations = deviationBps === 0 ? 0 : Math.max(0, edgeBps / deviationBps);
  return 1 + Math.round((CONFIDENCE_MAX - 1) * (1 - Math.exp(-deviations)));
}
