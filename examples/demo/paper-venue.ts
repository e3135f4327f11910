import {
  Actor,
  AssetType,
  ExecutionReportTLV,
  FillTLV,
  type FlyweightOf,
  HeartbeatTLV,
  type InstrumentId,
  InstrumentMap,
  InstrumentStatusTLV,
  OrderAckTLV,
  OrderBookDeltaTLV,
  OrderBookTLV,
  OrderRequestTLV,
  QuoteTLV,
} from "alphapulse";
import { Ledger } from "./accounts.js";
import { IngressTLV, monotonicNs, readIngress } from "./ingress.js";
import { LatencyLog } from "./latency.js";
import { takerFee } from "./matching.js";
import {
  AckStatus,
  InstrumentState,
  Liquidity,
  OrderType,
  RejectReason,
  type ReportStatus as Report,
  ReportStatus,
  TimeInForce,
} from "./orders.js";
import { VenueBook } from "./venue-book.js";

/** An order within the venue: what was asked, and what became of it. Integers of 1e-8. */
interface VenueOrder {
  readonly instrument: InstrumentId;
  readonly clientOrderId: bigint;
  readonly venueOrderId: bigint;
  readonly side: number;
  readonly price: bigint;
  readonly quantity: bigint;
  readonly strategyId: number;
  readonly isPlain: boolean;
  filled: bigint;
  /** Sum of price times quantity of its executions. */
  notional: bigint;
}

/** Order ids remembered to refuse a second one of the same id. */
const SEEN_MAX = 1_000_000;
/** Where a run's ids begin: real venues do not begin at 1 either. */
const FIRST_ID_RANGE = 2 ** 31;

/**
 * A venue on paper: it takes orders, lets them wait for as long as the way to a venue takes, and fills them against
 * the books as they are then. It knows immediate-or-cancel limit orders. What it fills, it charges a taker's fee for.
 */
export default new Actor(import.meta.url, {
  config: {
    /** How long an order is on its way, and by how much that varies, evenly. */
    latencyMs: 2,
    latencyJitterMs: 1,
    /** Parts per million of the notional. */
    spotFeePpm: 20,
    futuresFeePpm: 20,
  },
  inputs: {
    market: [InstrumentStatusTLV, OrderBookTLV, OrderBookDeltaTLV, QuoteTLV],
    orders: [OrderRequestTLV, HeartbeatTLV],
  },
  outputs: { fills: { types: [OrderAckTLV, FillTLV, ExecutionReportTLV], onBackPressure: "wait" } },
  setup({ config, clock, log, random, send, sourceId, timers }) {
    const books = new InstrumentMap<VenueBook>();
    const ledger = new Ledger();
    const latencies = new LatencyLog();
    const waiting = new Map<VenueOrder, { cancel(): void }>();
    const seen = new Set<bigint>();
    let lastSequence = 0;
    let heartbeatCount = 0;
    let nextId = BigInt(1 + random.int(FIRST_ID_RANGE)) << 20n;

    function bookOf(instrument: InstrumentId): VenueBook {
      let book = books.get(instrument);
      if (book === undefined) {
        book = new VenueBook(instrument);
        books.set(instrument, book);
      }
      return book;
    }

    function arrive(request: FlyweightOf<typeof OrderRequestTLV>): void {
      ledger.order();
      const order: VenueOrder = {
        instrument: request.instrument,
        clientOrderId: request.clientOrderId,
        venueOrderId: nextId++,
        side: request.side,
        price: request.price,
        quantity: request.quantity,
        strategyId: request.strategyId,
        isPlain: request.orderType === OrderType.Limit && request.timeInForce === TimeInForce.ImmediateOrCancel,
        filled: 0n,
        notional: 0n,
      };
      const latencyMs = config.latencyMs + (random.next() * 2 - 1) * config.latencyJitterMs;
      waiting.set(
        order,
        timers.after(Math.max(0, latencyMs), () => {
          waiting.delete(order);
          execute(order);
        }),
      );
    }

    function execute(order: VenueOrder): void {
      const book = books.get(order.instrument);
      const reason = objection(order, book);
      if (reason !== RejectReason.None) {
        ledger.reject(sourceId, reason);
        answer(order, AckStatus.Rejected, reason, ReportStatus.Rejected);
        return;
      }
      answer(order, AckStatus.Accepted, RejectReason.None, ReportStatus.New);
      for (const { price, quantity } of (book as VenueBook).match(order.side, order.price, order.quantity)) {
        fill(order, price, quantity);
      }
      if (order.filled < order.quantity) answer(order, AckStatus.Cancelled, RejectReason.None, ReportStatus.Cancelled);
    }

    function objection(order: VenueOrder, book: VenueBook | undefined): RejectReason {
      if (seen.has(order.clientOrderId)) return RejectReason.DuplicateId;
      seen.add(order.clientOrderId);
      if (seen.size > SEEN_MAX) seen.delete(seen.values().next().value as bigint);
      if (book === undefined) return RejectReason.UnknownInstrument;
      if (order.quantity === 0n) return RejectReason.Quantity;
      if (order.price <= 0n) return RejectReason.Price;
      if (!order.isPlain) return RejectReason.Other;
      if (book.isHalted) return RejectReason.Halted;
      return book.isLive ? RejectReason.None : RejectReason.StaleData;
    }

    function fill(order: VenueOrder, price: bigint, quantity: bigint): void {
      const { instrument, side } = order;
      const isSpot = instrument.assetType === AssetType.SpotPair;
      const fee = takerFee(price, quantity, isSpot ? config.spotFeePpm : config.futuresFeePpm);
      order.filled += quantity;
      order.notional += price * quantity;
      ledger.fill(instrument, side, price, quantity, fee);
      const message = send.fills.claim(FillTLV);
      message.instrument = instrument;
      message.clientOrderId = order.clientOrderId;
      message.fillId = nextId++;
      message.price = price;
      message.quantity = quantity;
      message.fee = fee;
      message.side = side;
      message.liquidity = Liquidity.Taker;
      const status = order.filled === order.quantity ? ReportStatus.Filled : ReportStatus.PartiallyFilled;
      report(order, status, price, quantity);
      send.fills.commit();
    }

    /** Acknowledgement and report, in one message. */
    function answer(order: VenueOrder, status: number, reason: RejectReason, state: Report): void {
      const ack = send.fills.claim(OrderAckTLV);
      ack.clientOrderId = order.clientOrderId;
      ack.venueOrderId = order.venueOrderId;
      ack.exchangeTimestampUs = clock.nowUs();
      ack.venue = order.instrument.venue;
      ack.status = status;
      ack.rejectReason = reason;
      report(order, state, 0n, 0n);
      send.fills.commit();
    }

    function report(order: VenueOrder, status: Report, lastPrice: bigint, lastQuantity: bigint): void {
      const message = send.fills.append(ExecutionReportTLV);
      message.clientOrderId = order.clientOrderId;
      message.venueOrderId = order.venueOrderId;
      message.instrument = order.instrument;
      message.status = status;
      message.side = order.side;
      message.lastPrice = lastPrice;
      message.lastQuantity = lastQuantity;
      message.cumulativeQuantity = order.filled;
      const isOpen = status === ReportStatus.New || status === ReportStatus.PartiallyFilled;
      message.leavesQuantity = isOpen ? order.quantity - order.filled : 0n;
      message.averagePrice = order.filled === 0n ? 0n : order.notional / order.filled;
      message.exchangeTimestampUs = clock.nowUs();
    }

    return {
      market: {
        InstrumentStatus(status) {
          bookOf(status.instrument).isHalted = status.status === InstrumentState.Halted;
          if (status.status === InstrumentState.Stale) bookOf(status.instrument).lose("the venue's feed is stale");
        },
        OrderBook: (chunk) => bookOf(chunk.instrument).snapshot(chunk),
        OrderBookDelta: (delta) => bookOf(delta.instrument).delta(delta),
        Quote: (quote) => bookOf(quote.instrument).quote(quote),
        gap({ source, from, to }) {
          for (const book of books.values()) book.lose("market data was lost");
          log.warn("lost market data: no fills until the next snapshots", { source, from, to });
        },
      },
      orders: {
        OrderRequest(request, message) {
          if (message.sequence !== lastSequence) {
            lastSequence = message.sequence; // the orders of one signal come in one message
            const ingress = message.find(IngressTLV);
            if (ingress !== undefined) latencies.record(monotonicNs() - readIngress(ingress));
          }
          arrive(request);
        },
        Heartbeat() {
          heartbeatCount++;
        },
        gap({ source, from, to }) {
          log.error("lost orders: whoever sent them waits in vain", { source, from, to });
        },
      },
      stop() {
        for (const [order, timer] of waiting) {
          timer.cancel();
          answer(order, AckStatus.Cancelled, RejectReason.None, ReportStatus.Cancelled);
        }
        waiting.clear();
      },
      snapshot: () => ({
        source: sourceId,
        books: ledger.books(),
        waiting: waiting.size,
        heartbeats: heartbeatCount,
        tickToOrderUs: latencies.summary(),
      }),
    };
  },
});
