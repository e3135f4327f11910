import {
  Actor,
  ArbitrageSignalTLV,
  ExecutionReportTLV,
  FillTLV,
  HeartbeatTLV,
  OrderAckTLV,
  OrderRequestTLV,
  SignalIdentityTLV,
} from "alphapulse";
import { Ledger } from "./accounts.js";
import { IngressTLV, readIngress } from "./ingress.js";
import { OrderDesk } from "./order-desk.js";
import { AckStatus, isFinal, ServiceStatus } from "./orders.js";

/** About how often the outlooks of a strategy come. */
const HEARTBEAT_MS = 100;

/** Makes orders of signals, as far as its limits allow, and keeps the books. */
export default new Actor(import.meta.url, {
  config: {
    /** In US dollars, or about as much of another quote currency. */
    maxPositionNotional: 36_000,
    maxGrossNotional: 150_000,
    maxOrdersPerSecond: 20,
  },
  inputs: {
    signals: [ArbitrageSignalTLV],
    fills: [OrderAckTLV, FillTLV, ExecutionReportTLV],
  },
  outputs: {
    orders: { types: [OrderRequestTLV, OrderAckTLV, ExecutionReportTLV, HeartbeatTLV], onBackPressure: "wait" },
  },
  setup({ config, clock, log, send, sourceId }) {
    const ledger = new Ledger({ knowsStrategies: true });
    const desk = new OrderDesk(send.orders, config, ledger, sourceId);
    let signalCount = 0;
    let expiredCount = 0;

    /** It lives, and is ready. */
    function beat(): void {
      const heartbeat = send.orders.claim(HeartbeatTLV);
      heartbeat.status = ServiceStatus.Healthy;
      heartbeat.intervalMs = HEARTBEAT_MS;
      send.orders.commit();
    }

    return {
      signals: {
        ArbitrageSignal(signal, message) {
          const identity = message.find(SignalIdentityTLV);
          if (identity === undefined) return; // a signal of nobody
          const ingress = message.find(IngressTLV);
          const { signalId, strategyId } = identity;
          const ingressNs = ingress === undefined ? 0 : readIngress(ingress);
          const outcome = desk.answer(signal, { signalId, strategyId, ingressNs }, clock.nowUs());
          if (outcome === "rehearsed") beat();
          else signalCount++;
          if (outcome === "expired") expiredCount++;
        },
        gap({ source, from, to }) {
          log.warn("lost signals: their strategies wait in vain", { source, from, to });
        },
      },
      fills: {
        OrderAck(ack, message) {
          if (ack.status === AckStatus.Rejected) ledger.reject(message.source, ack.rejectReason);
        },
        Fill(fill) {
          const { instrument, clientOrderId, side, price, quantity, fee } = fill;
          ledger.fill(instrument, side, price, quantity, fee, desk.open.get(clientOrderId)?.strategyId);
          desk.filled(clientOrderId, instrument, side, quantity);
        },
        ExecutionReport({ clientOrderId, status }) {
          if (isFinal(status)) desk.ended(clientOrderId);
        },
        gap({ source, from, to }) {
          desk.freeze();
          log.error("lost executions: from now on only what reduces a position", { source, from, to });
        },
      },
      snapshot: () => ({ books: ledger.books(), signals: signalCount, expired: expiredCount, open: desk.open.size }),
    };
  },
});
