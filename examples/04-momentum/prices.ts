import { Actor, AssetType, InstrumentId, type Random, Side, TradeTLV, Venue } from "alphapulse";

const instrument = InstrumentId.of(Venue.Coinbase, AssetType.SpotPair, "BTC-USD");
const START_US = 1_755_000_000_000_000;

interface Tick {
  readonly atUs: number;
  readonly price: number;
}

/** A random walk with a trend that turns now and then: one tick every ten milliseconds. */
async function* ticks(seconds: number, random: Random): AsyncGenerator<readonly Tick[]> {
  let cents = 12_170_600;
  let trend = 0;
  for (let second = 0; second < seconds; second++) {
    if (random.int(5) === 0) trend = random.int(3) - 1;
    const batch = Array.from({ length: 100 }, (_, i) => {
      cents += Math.round((random.next() - 0.5 + trend * 0.1) * 1_000);
      return { atUs: START_US + second * 1_000_000 + i * 10_000, price: cents * 1_000_000 }; // 1e-8 of a dollar
    });
    yield batch;
  }
}

/** Brings prices into the pipeline. An actor with a source starts things: time in a replay is the time of its events. */
export default new Actor(import.meta.url, {
  config: { seconds: 120 },
  outputs: { market: { types: [TradeTLV], onBackPressure: "wait" } },
  setup({ config, random, send }) {
    return {
      feed: {
        events: ticks(config.seconds, random),
        on({ atUs, price }: Tick) {
          const trade = send.market.claim(TradeTLV);
          trade.instrument = instrument;
          trade.priceUnits = price;
          trade.volumeUnits = 1_500_000;
          trade.exchangeTimestampUs = atUs;
          trade.side = Side.Buy;
          send.market.commit();
        },
      },
    };
  },
});
