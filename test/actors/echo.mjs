// Answers each trade with a quote, some time later by its timers; can be told to fail.
import { Actor, AssetType, InstrumentId, QuoteTLV, TradeTLV, Venue } from "alphapulse";

const instrument = InstrumentId.of(Venue.Coinbase, AssetType.SpotPair, "BTC-USD");

export default new Actor(import.meta.url, {
  config: { delayMs: 5, failAt: 0, exitAt: 0, failIn: "" },
  inputs: { market: [TradeTLV] },
  outputs: { quotes: { types: [QuoteTLV], onBackPressure: "wait" } },
  setup({ config, send, timers, clock, random, log }) {
    const seen = [];
    const late = [];
    const stopped = [];
    const draw = random.next();
    const ticks = [];
    timers.every(100, () => ticks.push(clock.nowUs()));
    if (config.failIn === "setup") throw new Error("told to fail in setup");
    return {
      market: {
        Trade(trade) {
          const n = trade.priceUnits;
          if (n === config.failAt) throw new Error(`told to fail at ${n}`);
          if (n === config.exitAt) process.kill(process.pid, "SIGKILL");
          seen.push(n);
          const due = clock.nowUs() + config.delayMs * 1_000;
          timers.after(config.delayMs, () => {
            if (clock.nowUs() !== due) late.push(n);
            const bidPrice = BigInt(n);
            send.quotes(QuoteTLV, {
              instrument,
              bidPrice,
              askPrice: bidPrice,
              bidSize: 0n,
              askSize: 0n,
              exchangeTimestamp: 0n,
            });
          });
        },
        gap() {},
      },
      start: () => log.info("started"),
      stop() {
        stopped.push(true);
        if (config.failIn === "stop") throw new Error("told to fail in stop");
        send.quotes(QuoteTLV, {
          instrument,
          bidPrice: -1n,
          askPrice: 0n,
          bidSize: 0n,
          askSize: 0n,
          exchangeTimestamp: 0n,
        });
      },
      snapshot: () => ({ seen, late, draw, ticks }),
    };
  },
});
