import { Actor, Side, TradeTLV } from "alphapulse";
import { MomentumSignalTLV } from "./momentum-signal.js";

/** Follows a price that moves away from its average, then rests for a while. */
export default new Actor(import.meta.url, {
  // Defaults, and with them the type: a pipeline may set any of these keys and no others.
  config: { weight: 0.02, thresholdBps: 4, restMs: 2_000 },
  inputs: { market: [TradeTLV] },
  outputs: { signals: { types: [MomentumSignalTLV], onBackPressure: "fail" } },
  setup({ config, send, timers }) {
    let average: number | undefined;
    let isResting = false;
    let signals = 0;
    return {
      market: {
        Trade(trade) {
          const units = trade.priceUnits;
          average = average === undefined ? units : average + (units - average) * config.weight;
          const strengthBps = Math.round((units / average - 1) * 10_000);
          if (isResting || Math.abs(strengthBps) < config.thresholdBps) return;
          send.signals(MomentumSignalTLV, {
            instrument: trade.instrument,
            price: trade.price,
            seenAt: trade.exchangeTimestamp,
            strengthBps,
            side: strengthBps > 0 ? Side.Buy : Side.Sell,
          });
          signals++;
          isResting = true;
          // On the pipeline's clock: in a replay two seconds of the recording, however fast it goes.
          timers.after(config.restMs, () => {
            isResting = false;
          });
        },
        // Trades were lost, so the average means nothing any more. Without this handler the actor would fail.
        gap() {
          average = undefined;
        },
      },
      snapshot: () => ({ signals }),
    };
  },
});
