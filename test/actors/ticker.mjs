// Publishes numbered trades from a source, one each millisecond of the recording.
import { Actor, AssetType, InstrumentId, TradeTLV, Venue } from "alphapulse";

const instrument = InstrumentId.of(Venue.Coinbase, AssetType.SpotPair, "BTC-USD");
const START_US = 1_700_000_000_000_000;

async function* ticks(count, batchSize) {
  for (let from = 1; from <= count; from += batchSize) {
    const batch = [];
    for (let n = from; n < from + batchSize && n <= count; n++) batch.push({ atUs: START_US + n * 1_000, n });
    yield batch;
  }
}

export default new Actor(import.meta.url, {
  config: { count: 1_000, batchSize: 64 },
  outputs: { market: { types: [TradeTLV], onBackPressure: "wait" } },
  setup({ config, send, clock, log }) {
    let sent = 0;
    return {
      feed: {
        events: ticks(config.count, config.batchSize),
        on({ n, atUs }) {
          if (clock.nowUs() !== atUs) log.error("the clock does not show the event", { atUs, nowUs: clock.nowUs() });
          const trade = send.market.claim(TradeTLV);
          trade.instrument = instrument;
          trade.priceUnits = n;
          trade.volumeUnits = 1;
          send.market.commit();
          sent++;
        },
      },
      snapshot: () => ({ sent }),
    };
  },
});
