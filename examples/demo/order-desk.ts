import {
  type ArbitrageSignalTLV,
  ExecutionReportTLV,
  type FlyweightOf,
  type InstrumentId,
  InstrumentMap,
  OrderAckTLV,
  OrderRequestTLV,
  type Publisher,
} from "alphapulse";
import { inQuoteAsset } from "./assets.js";
import { IngressTLV, writeIngress } from "./ingress.js";
import { OrderOriginTLV } from "./order-origin.js";
import { AckStatus, OrderType, RejectReason, ReportStatus, TimeInForce } from "./orders.js";
import { type ExposureLimits, type OrderIntent, OrderRate, RiskGate } from "./risk.js";

/** clientOrderId: the requester's source in the high 16 bits, its own counter below. */
const SOURCE_SHIFT = 48n;
const ACCOUNT = "demo";
const ACCOUNT_BYTES = { account: ACCOUNT.length };

/** What became of a signal. */
export type Outcome = "answered" | "expired" | "rehearsed";

/** Where a signal comes from, and when its cause came in. */
export interface Origin {
  readonly signalId: bigint;
  readonly strategyId: number;
  readonly ingressNs: number;
}

/** An order that was sent and of which the end is not known. */
export interface OpenOrder {
  readonly instrument: InstrumentId;
  readonly side: number;
  readonly strategyId: number;
  leaves: bigint;
}

/** Limits of exposure in US dollars, see {@link inQuoteAsset}, and of haste. */
export interface DeskLimits extends ExposureLimits {
  readonly maxOrdersPerSecond: number;
}

/** What judges the orders of a quote currency, and the same to practise with. */
interface Gates {
  readonly real: RiskGate;
  readonly practice: RiskGate;
}

/** Who wants to know of what is sent. */
export interface DeskBooks {
  order(): void;
  reject(source: number, reason: number): void;
}

/**
 * Answers signals: every leg by an OrderRequest, or by an OrderAck that says why there is none. The orders of one signal
 * travel in one message, so that they arrive together.
 */
export class OrderDesk {
  /** Orders of which the end is not known, by clientOrderId. */
  readonly open = new Map<bigint, OpenOrder>();
  readonly #output: Publisher;
  readonly #limits: DeskLimits;
  readonly #rate: OrderRate;
  /** By the asset id of the quote currency, wherever it is traded. */
  readonly #gates = new Map<bigint, Gates>();
  readonly #gateOf = new InstrumentMap<RiskGate>();
  readonly #books: DeskBooks;
  readonly #source: number;
  readonly #idBase: bigint;
  #orderCount = 0n;
  #isFrozen = false;

  constructor(output: Publisher, limits: DeskLimits, books: DeskBooks, sourceId: number) {
    this.#output = output;
    this.#limits = limits;
    this.#rate = new OrderRate(limits.maxOrdersPerSecond);
    this.#books = books;
    this.#source = sourceId;
    this.#idBase = BigInt(sourceId) << SOURCE_SHIFT;
  }

  /** Makes orders of a signal, as far as risk allows; of one without confidence it only goes through the motions. */
  answer(signal: FlyweightOf<typeof ArbitrageSignalTLV>, origin: Origin, nowUs: number): Outcome {
    const intents: OrderIntent[] = [];
    for (let i = 0; i < signal.legs.count; i++) {
      const { instrument, side, price, size: quantity } = signal.legs.at(i);
      intents.push({ instrument, side, price, quantity });
    }
    const { real, practice } = this.#gatesOf(signal.quote);
    if (signal.confidence === 0) {
      this.#rehearse(practice, intents, origin, nowUs);
      return "rehearsed";
    }
    if (signal.expiresAtUs < nowUs) {
      for (const intent of intents) this.#refuse(intent, origin, nowUs, AckStatus.Expired, RejectReason.None);
      return "expired";
    }
    const reasons = real.admit(intents, nowUs);
    if (this.#write(intents, reasons, origin)) this.#output.commit();
    this.#book(intents, reasons, origin);
    for (let i = 0; i < intents.length; i++) {
      const reason = reasons[i] as RejectReason;
      if (reason === RejectReason.None) this.#ordered(intents[i] as OrderIntent, real);
      else this.#refuse(intents[i] as OrderIntent, origin, nowUs, AckStatus.Rejected, reason);
    }
    return "answered";
  }

  /** An order was executed, in part or in full. */
  filled(clientOrderId: bigint, instrument: InstrumentId, side: number, quantity: bigint): void {
    const order = this.open.get(clientOrderId);
    if (order !== undefined) order.leaves -= quantity;
    this.#gateOf.get(instrument)?.filled(instrument, side, quantity);
  }

  /** Nothing more will come of an order. */
  ended(clientOrderId: bigint): void {
    const order = this.open.get(clientOrderId);
    if (order === undefined) return;
    this.open.delete(clientOrderId);
    this.#gateOf.get(order.instrument)?.released(order.instrument, order.side, order.leaves);
  }

  /** What is held is no longer known for sure: from now on only what reduces passes. */
  freeze(): void {
    for (const { real } of this.#gates.values()) real.freeze();
    this.#isFrozen = true;
  }

  #ordered({ instrument }: OrderIntent, gate: RiskGate): void {
    if (!this.#gateOf.has(instrument)) this.#gateOf.set(instrument, gate);
    this.#books.order();
  }

  #gatesOf(quote: InstrumentId): Gates {
    const known = this.#gates.get(quote.assetId);
    if (known !== undefined) return known;
    const asset = quote.symbol ?? "";
    const limits = {
      maxPositionNotional: inQuoteAsset(this.#limits.maxPositionNotional, asset),
      maxGrossNotional: inQuoteAsset(this.#limits.maxGrossNotional, asset),
    };
    const practice = new RiskGate(limits, new OrderRate(this.#limits.maxOrdersPerSecond));
    const made = { real: new RiskGate(limits, this.#rate), practice };
    if (this.#isFrozen) made.real.freeze();
    this.#gates.set(quote.assetId, made);
    return made;
  }

  /** Judges by limits of its own, writes the orders and sends nothing: see the strategy on why. */
  #rehearse(practice: RiskGate, intents: readonly OrderIntent[], origin: Origin, nowUs: number): void {
    const reasons = practice.admit(intents, nowUs);
    this.#write(intents, reasons, origin);
    const count = this.#orderCount;
    this.#book(intents, reasons, origin);
    while (this.#orderCount > count) this.open.delete(this.#idBase | this.#orderCount--);
    for (let i = 0; i < intents.length; i++) {
      const { instrument, side, quantity } = intents[i] as OrderIntent;
      if (reasons[i] === RejectReason.None) practice.released(instrument, side, quantity);
    }
  }

  /** Writes the message of all orders that may go; whether there are any. It is not sent yet. */
  #write(intents: readonly OrderIntent[], reasons: readonly RejectReason[], origin: Origin): boolean {
    const output = this.#output;
    const lastCount = this.#orderCount;
    let count = lastCount;
    for (let i = 0; i < intents.length; i++) {
      if (reasons[i] !== RejectReason.None) continue;
      const { instrument, side, price, quantity } = intents[i] as OrderIntent;
      const isFirst = count === lastCount;
      const order = isFirst
        ? output.claim(OrderRequestTLV, ACCOUNT_BYTES)
        : output.append(OrderRequestTLV, ACCOUNT_BYTES);
      order.instrument = instrument;
      order.clientOrderId = this.#idBase | ++count;
      order.price = price;
      order.quantity = quantity;
      order.signalId = origin.signalId;
      order.strategyId = origin.strategyId;
      order.side = side;
      order.orderType = OrderType.Limit;
      order.timeInForce = TimeInForce.ImmediateOrCancel;
      order.account = ACCOUNT;
    }
    if (count === lastCount) return false;
    writeIngress(output.append(IngressTLV), origin.ingressNs);
    return true;
  }

  /** Takes the orders that were written into the books. */
  #book(intents: readonly OrderIntent[], reasons: readonly RejectReason[], { strategyId }: Origin): void {
    for (let i = 0; i < intents.length; i++) {
      if (reasons[i] !== RejectReason.None) continue;
      const { instrument, side, quantity: leaves } = intents[i] as OrderIntent;
      this.open.set(this.#idBase | ++this.#orderCount, { instrument, side, strategyId, leaves });
    }
  }

  /** Says that there will be no order, and why: acknowledgement, report and origin in one message. */
  #refuse(intent: OrderIntent, origin: Origin, nowUs: number, status: number, reason: RejectReason): void {
    const clientOrderId = this.#idBase | ++this.#orderCount;
    if (status === AckStatus.Rejected) this.#books.reject(this.#source, reason);
    const ack = this.#output.claim(OrderAckTLV);
    ack.clientOrderId = clientOrderId;
    ack.exchangeTimestampUs = nowUs;
    ack.venue = intent.instrument.venue;
    ack.status = status;
    ack.rejectReason = reason;
    const report = this.#output.append(ExecutionReportTLV);
    report.clientOrderId = clientOrderId;
    report.instrument = intent.instrument;
    report.status = status === AckStatus.Expired ? ReportStatus.Expired : ReportStatus.Rejected;
    report.side = intent.side;
    report.exchangeTimestampUs = nowUs;
    const from = this.#output.append(OrderOriginTLV);
    from.signalId = origin.signalId;
    from.strategyId = origin.strategyId;
    this.#output.commit();
  }
}
