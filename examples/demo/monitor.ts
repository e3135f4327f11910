import {
  Actor,
  FillTLV,
  type FlyweightOf,
  formatFixed8,
  InstrumentDiscoveredTLV,
  type InstrumentId,
  InstrumentMap,
  OrderAckTLV,
  OrderRequestTLV,
  QuoteTLV,
  SignalIdentityTLV,
} from "alphapulse";
import { Ledger, MONEY_DECIMALS, WIRE_DECIMALS } from "./accounts.js";
import { AckStatus } from "./orders.js";
import { TopOfBook } from "./top-of-book.js";

const MONEY_TO_WIRE = 10n ** BigInt(MONEY_DECIMALS - WIRE_DECIMALS);
const CENTS = 10n ** BigInt(WIRE_DECIMALS - 2);

/** Tells how it goes, in plain lines, every few seconds of the recording's time. */
export default new Actor(import.meta.url, {
  config: { everyMs: 15_000 },
  inputs: {
    market: [InstrumentDiscoveredTLV, QuoteTLV],
    signals: [SignalIdentityTLV],
    execution: [OrderRequestTLV, OrderAckTLV, FillTLV],
  },
  setup({ config, clock, log }) {
    const markets = new InstrumentMap<TopOfBook>();
    const ledger = new Ledger();
    const everyUs = config.everyMs * 1000;
    let quoteCount = 0;
    let quotesTold = 0;
    let signalCount = 0;
    let rejectCount = 0;
    let toldUs = 0;

    function tell(nowUs: number): void {
      const seconds = (nowUs - toldUs) / 1e6;
      const traded = [...markets].filter(([id]) => ledger.accounts.has(id));
      const shown = traded.length > 0 ? traded : [...markets].slice(0, 4);
      log.info(new Date(nowUs / 1000).toISOString().slice(11, 19), {
        "quotes/s": Math.round((quoteCount - quotesTold) / seconds),
        signals: signalCount,
        orders: ledger.orderCount,
        fills: ledger.fillCount,
        rejects: rejectCount,
        profit: profit(),
      });
      for (const [id, market] of shown) log.info(`  ${market.label}`, top(id, market));
      toldUs = nowUs;
      quotesTold = quoteCount;
    }

    function top(id: InstrumentId, market: TopOfBook): Record<string, string> {
      const { exactBid: bid, exactAsk: ask } = market;
      const position = ledger.accounts.get(id)?.position ?? 0n;
      return { bid: formatFixed8(bid), ask: formatFixed8(ask), position: formatFixed8(position) };
    }

    /** Realised and not yet realised, fees taken off, in cents of the quote currency. */
    function profit(): string {
      let sum = 0n;
      for (const [id, account] of ledger.accounts) {
        const market = markets.get(id);
        sum += account.profit;
        if (market === undefined) continue;
        const { exactBid: bid, exactAsk: ask } = market;
        sum += account.unrealised(account.position > 0n ? bid : ask);
      }
      return formatFixed8((sum / MONEY_TO_WIRE / CENTS) * CENTS);
    }

    return {
      market: {
        InstrumentDiscovered(found) {
          if (!markets.has(found.instrument))
            markets.set(found.instrument, new TopOfBook(found.instrument, found.symbol));
        },
        Quote(quote: FlyweightOf<typeof QuoteTLV>) {
          const nowUs = clock.nowUs();
          quoteCount++;
          markets.get(quote.instrument)?.take(quote, nowUs);
          if (toldUs === 0) toldUs = nowUs;
          else if (nowUs - toldUs >= everyUs) tell(nowUs);
        },
        gap() {}, // what it shows is the newest in any case
      },
      signals: {
        SignalIdentity(identity) {
          if (identity.signalIdNumber !== 0) signalCount++; // 0: only an outlook
        },
        gap() {},
      },
      execution: {
        OrderRequest: () => ledger.order(),
        OrderAck(ack) {
          if (ack.status === AckStatus.Rejected) rejectCount++;
        },
        Fill({ instrument, side, price, quantity, fee }) {
          ledger.fill(instrument, side, price, quantity, fee);
        },
        gap({ source, from, to }) {
          log.warn("lost executions: positions and profit shown are not exact any more", { source, from, to });
        },
      },
      snapshot: () => ({ quotes: quoteCount, signals: signalCount, profit: profit() }),
    };
  },
});
