import { Actor, formatFixed8, Side } from "alphapulse";
import { MomentumSignalTLV } from "./momentum-signal.js";

/** Counts signals, and logs the strongest that it has seen so far. */
export default new Actor(import.meta.url, {
  inputs: { signals: [MomentumSignalTLV] },
  setup({ log }) {
    let count = 0;
    let strongestBps = 0;
    return {
      signals: {
        MomentumSignal(signal) {
          count++;
          if (Math.abs(signal.strengthBps) <= strongestBps) return;
          strongestBps = Math.abs(signal.strengthBps);
          const side = signal.side === Side.Buy ? "buy" : "sell";
          log.info(`${side} at ${formatFixed8(signal.price)}`, { strengthBps: signal.strengthBps });
        },
      },
      snapshot: () => ({ count, strongestBps }),
    };
  },
});
