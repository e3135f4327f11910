import {
  Actor,
  ArbitrageSignalTLV,
  ExecutionReportTLV,
  FillTLV,
  InstrumentDiscoveredTLV,
  type InstrumentId,
  InstrumentMap,
  InstrumentStatusTLV,
  type MessageView,
  OrderAckTLV,
  OrderRequestTLV,
  QuoteTLV,
  SignalIdentityTLV,
} from "alphapulse";
import { Action, BasisPair } from "./basis-pair.js";
import { IngressTLV, readIngress } from "./ingress.js";
import { OrderOriginTLV } from "./order-origin.js";
import { AckStatus, InstrumentState, isFinal } from "./orders.js";
import { SignalWriter } from "./signal-writer.js";
import { TopOfBook } from "./top-of-book.js";

/** An order of ours of which the end is not known. */
interface OwnOrder {
  readonly pair: BasisPair;
  readonly market: TopOfBook;
}

/**
 * Trades the basis between two markets of the same symbol: enters where it stands away from its mean by more than it
 * costs to cross both spreads, leaves when it is back. It says what it wants as signals, hears of the orders that the
 * portfolio makes of them, and waits for the end of each before it acts on the same pair again.
 *
 * Every now and then it also says what it would do, without confidence. That shows that it lives, and keeps the way from
 * a quote to an order warm: signals are rare, and code that has left the processor's caches is several times as slow.
 */
export default new Actor(import.meta.url, {
  config: {
    strategyId: 1,
    notional: 30_000,
    memoryMs: 10_000,
    warmUpMs: 5_000,
    entryDeviations: 1.2,
    entryBpsMin: 0.2,
    addShare: 0.5,
    exitDeviations: 0,
    holdMsMax: 30_000,
    cooldownMs: 250,
    refusedRestMs: 1_000,
    quoteAgeMsMax: 10_000,
    openSlippagePpm: 30,
    closeSlippagePpm: 200,
    signalLifeMs: 1_000,
    outlookMs: 100,
  },
  inputs: {
    market: [InstrumentDiscoveredTLV, InstrumentStatusTLV, QuoteTLV],
    fills: [OrderRequestTLV, OrderAckTLV, FillTLV, ExecutionReportTLV],
  },
  outputs: { signals: { types: [SignalIdentityTLV, ArbitrageSignalTLV], onBackPressure: "wait" } },
  setup({ config, clock, log, send }) {
    const markets = new InstrumentMap<TopOfBook>();
    const pairsOf = new InstrumentMap<BasisPair[]>();
    const pairs: BasisPair[] = [];
    const writer = new SignalWriter(send.signals, config);
    const openSignals = new Map<number, BasisPair>();
    const orders = new Map<bigint, OwnOrder>();
    let quoteCount = 0;
    let nextOutlookUs = 0;
    let isHalted = false;

    /** Pairs a new market with every other one of the same symbol. */
    function discover(instrument: InstrumentId, symbol: string): void {
      if (markets.has(instrument)) return;
      const market = new TopOfBook(instrument, symbol);
      const own: BasisPair[] = [];
      for (const other of markets.values()) {
        if (other.symbol !== symbol) continue;
        const pair = new BasisPair(other, market, config);
        own.push(pair);
        pairs.push(pair);
        pairsOf.get(other.instrument)?.push(pair);
        log.info("watches the basis", { of: market.label, over: other.label });
      }
      markets.set(instrument, market);
      pairsOf.set(instrument, own);
    }

    function act(pair: BasisPair, action: Action, nowUs: number, message: MessageView): void {
      const ingress = message.find(IngressTLV);
      const ingressNs = ingress === undefined ? 0 : readIngress(ingress);
      if (action === Action.None) {
        writer.outlook(pair, nowUs, ingressNs);
        nextOutlookUs = nowUs + config.outlookMs * 1000;
      } else if (writer.signal(pair, action, nowUs, ingressNs)) {
        openSignals.set(writer.lastId, pair);
        pair.sent(writer.legCount, nowUs);
      }
    }

    function settle(pair: BasisPair | undefined, wasRefused: boolean): void {
      if (pair === undefined) return;
      pair.settled(clock.nowUs(), wasRefused);
      if (pair.awaited > 0) return;
      for (const [id, owner] of openSignals) if (owner === pair) openSignals.delete(id);
    }

    return {
      market: {
        InstrumentDiscovered: (found) => discover(found.instrument, found.symbol),
        InstrumentStatus({ instrument, status }) {
          const market = markets.get(instrument);
          if (market !== undefined) market.isLive = status === InstrumentState.Live;
        },
        Quote(quote, message) {
          const { instrument } = quote;
          const market = markets.get(instrument);
          if (market === undefined) return;
          const nowUs = clock.nowUs();
          market.take(quote, nowUs);
          quoteCount++;
          const watched = pairsOf.get(instrument) as BasisPair[];
          for (let i = 0; i < watched.length; i++) {
            const pair = watched[i] as BasisPair;
            const action = pair.decide(nowUs);
            if (action === Action.None ? nowUs >= nextOutlookUs : !isHalted) act(pair, action, nowUs, message);
          }
        },
        gap() {
          for (const market of markets.values()) {
            market.isLive = false; // until a status says that it is
            market.clear();
          }
          for (const pair of pairs) pair.forget();
        },
      },
      fills: {
        OrderRequest(order) {
          if (order.strategyId !== config.strategyId) return;
          const pair = openSignals.get(order.signalIdNumber);
          const market = markets.get(order.instrument);
          if (pair !== undefined && market !== undefined) orders.set(order.clientOrderId, { pair, market });
        },
        OrderAck(ack, message) {
          if (ack.status === AckStatus.Accepted) return;
          const origin = message.find(OrderOriginTLV); // of a leg that the portfolio made no order of
          if (origin?.strategyId === config.strategyId) settle(openSignals.get(origin.signalIdNumber), true);
        },
        Fill(fill) {
          const order = orders.get(fill.clientOrderId);
          order?.pair.filled(order.market, fill.side, fill.quantity);
        },
        ExecutionReport(report) {
          if (!isFinal(report.status)) return;
          const order = orders.get(report.clientOrderId);
          if (order === undefined) return;
          orders.delete(report.clientOrderId);
          settle(order.pair, false);
        },
        gap({ source, from, to }) {
          isHalted = true; // what is held is not known any more
          log.error("lost executions: no more signals", { source, from, to });
        },
      },
      snapshot: () => ({ signals: writer.lastId, quotes: quoteCount, pairs: pairs.map(stateOf), isHalted }),
    };
  },
});

function stateOf({ a, b, meanBps, deviationBps, direction }: BasisPair) {
  return { of: b.label, over: a.label, meanBps, deviationBps, direction };
}
