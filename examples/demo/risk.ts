import { type InstrumentId, InstrumentMap, Side } from "alphapulse";
import { RejectReason } from "./orders.js";

/** What may be held of the instruments of one quote currency, in units of it. */
export interface ExposureLimits {
  /** The most that one instrument's position may be worth. */
  readonly maxPositionNotional: number;
  /** The most that all positions may be worth together, long and short added up. */
  readonly maxGrossNotional: number;
}

/** An order that someone wants to send; integers of 1e-8. */
export interface OrderIntent {
  readonly instrument: InstrumentId;
  readonly side: number;
  readonly price: bigint;
  readonly quantity: bigint;
}

/** Units of price times quantity, 1e-16, by way of hundredths of a millionth, which a double still tells apart. */
const LIMIT_DECIMALS_SCALE = 1e8;
const LIMIT_TO_MONEY = 10n ** 8n;
const SECOND_US = 1_000_000;

/** What is held of an instrument and what orders in flight may make of it; the worst of it counts. */
class Exposure {
  held = 0n;
  buying = 0n;
  selling = 0n;
  /** The price it is valued at: that of the last order that was asked for. */
  mark = 0n;

  /** Counts an order of this size as in flight; a negative one as no longer so. */
  reserve(side: number, quantity: bigint): void {
    if (side === Side.Buy) this.buying += quantity;
    else this.selling += quantity;
  }

  /** Whether an order can only make the position smaller, whatever becomes of those in flight. */
  isReducedBy(side: number, quantity: bigint): boolean {
    if (side === Side.Buy) return this.held < 0n && quantity <= -this.held - this.buying;
    return this.held > 0n && quantity <= this.held - this.selling;
  }

  /** What the position is worth if all orders in flight on one side are filled: on the worse side. */
  get worstNotional(): bigint {
    const long = this.held + this.buying;
    const short = this.selling - this.held;
    return (long > short ? long : short) * this.mark;
  }
}

/**
 * Decides, before an order is sent, whether it may be: by what is held and what is in flight already.
 *
 * An order that reduces a position always passes, whatever the limits say, the rate limit included. The orders of one
 * signal that open something pass together or not at all, so that no limit leaves half a hedge. Amounts of different
 * quote currencies can't be added up, so each has a gate of its own; how many orders go in a second concerns all.
 */
export class RiskGate {
  readonly #maxPosition: bigint;
  readonly #maxGross: bigint;
  readonly #rate: OrderRate;
  readonly #exposures = new InstrumentMap<Exposure>();
  /** The same, to go through. */
  readonly #all: Exposure[] = [];
  #isFrozen = false;

  constructor(limits: ExposureLimits, rate: OrderRate) {
    this.#maxPosition = moneyOf(limits.maxPositionNotional);
    this.#maxGross = moneyOf(limits.maxGrossNotional);
    this.#rate = rate;
  }

  /**
   * Judges the orders of one signal, and counts those that pass as sent.
   *
   * @param nowUs the clock, whole microseconds
   * @returns per order `RejectReason.None`, or why it must not be sent
   */
  admit(intents: readonly OrderIntent[], nowUs: number): RejectReason[] {
    const reasons: RejectReason[] = [];
    const opening: OrderIntent[] = [];
    for (const intent of intents) {
      const { instrument, side, price, quantity } = intent;
      const exposure = this.#exposureOf(instrument);
      exposure.mark = price;
      const isReducing = exposure.isReducedBy(side, quantity);
      if (isReducing) exposure.reserve(side, quantity);
      else opening.push(intent);
      reasons.push(isReducing ? RejectReason.None : RejectReason.RiskLimit);
    }
    // After those that pass in any case: an opening order that is refused must not have stood in their way.
    for (const { instrument, side, quantity } of opening) this.#exposureOf(instrument).reserve(side, quantity);
    const verdict = opening.length === 0 ? RejectReason.None : this.#judge(opening, intents.length, nowUs);
    if (verdict !== RejectReason.None) {
      for (const { instrument, side, quantity } of opening) this.released(instrument, side, quantity);
    }
    for (let i = 0; i < reasons.length; i++) {
      if (reasons[i] !== RejectReason.None) reasons[i] = verdict;
      if (reasons[i] === RejectReason.None) this.#rate.count(nowUs);
    }
    return reasons;
  }

  /** An order in flight was executed, in part or in full. */
  filled(id: InstrumentId, side: number, quantity: bigint): void {
    const exposure = this.#exposureOf(id);
    exposure.reserve(side, -quantity);
    exposure.held += side === Side.Buy ? quantity : -quantity;
  }

  /** Nothing more will come of an order in flight of which this much was open. */
  released(id: InstrumentId, side: number, leaves: bigint): void {
    this.#exposureOf(id).reserve(side, -leaves);
  }

  /** What is held is no longer known for sure: from now on only what reduces passes. */
  freeze(): void {
    this.#isFrozen = true;
  }

  /** What all positions are worth at the worst, orders in flight included: money, 1e-16. */
  get grossNotional(): bigint {
    let gross = 0n;
    for (const exposure of this.#all) gross += exposure.worstNotional;
    return gross;
  }

  /** The same of one instrument. */
  positionNotional(id: InstrumentId): bigint {
    return this.#exposureOf(id).worstNotional;
  }

  /** Judges orders that open something, as if they were in flight: all of them or none. */
  #judge(opening: readonly OrderIntent[], orderCount: number, nowUs: number): RejectReason {
    if (this.#isFrozen) return RejectReason.RiskLimit;
    if (this.#rate.countAt(nowUs) + orderCount > this.#rate.max) return RejectReason.RateLimit;
    for (const { instrument } of opening) {
      if (this.positionNotional(instrument) > this.#maxPosition) return RejectReason.RiskLimit;
    }
    return this.grossNotional > this.#maxGross ? RejectReason.RiskLimit : RejectReason.None;
  }

  #exposureOf(id: InstrumentId): Exposure {
    let exposure = this.#exposures.get(id);
    if (exposure === undefined) {
      exposure = new Exposure();
      this.#exposures.set(id, exposure);
      this.#all.push(exposure);
    }
    return exposure;
  }
}

function moneyOf(limit: number): bigint {
  return BigInt(Math.round(limit * LIMIT_DECIMALS_SCALE)) * LIMIT_TO_MONEY;
}

/** How many orders went in the last second: the times of the last few, in a ring. */
export class OrderRate {
  /** Orders in any second. */
  readonly max: number;
  readonly #times: Float64Array;
  #next = 0;

  /** @param max orders in any second */
  constructor(max: number) {
    this.max = max;
    this.#times = new Float64Array(Math.max(1, max)).fill(Number.NEGATIVE_INFINITY);
  }

  /** Orders in the second up to now; at most as many as the limit, which is where it stops mattering. */
  countAt(nowUs: number): number {
    const times = this.#times;
    const since = nowUs - SECOND_US;
    let count = 0;
    for (let i = 0; i < times.length; i++) if ((times[i] as number) > since) count++;
    return count;
  }

  /** Counts an order. */
  count(nowUs: number): void {
    this.#times[this.#next] = nowUs;
    this.#next = (this.#next + 1) % this.#times.length;
  }
}
