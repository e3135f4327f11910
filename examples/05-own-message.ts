// Shows: a message type of one's own. One schema gives its type, its bytes, its checks, its flyweight and its handler.
// Types 200 to 254 are the user's; whoever does not know one skips it.
import {
  AssetType,
  connect,
  fixed8,
  formatFixed,
  type Infer,
  InstrumentId,
  Relay,
  RelayDomain,
  Venue,
} from "alphapulse";
import { defineTLV, group, i64, instrument, sizeOf, timestamp, u16, zero } from "alphapulse/schema";

const FundingRateTLV = defineTLV(
  200,
  "FundingRate",
  {
    instrument,
    rate: i64.doc("per interval, 1e-8"),
    nextFundingAt: timestamp,
    intervalMinutes: u16,
    tierCount: sizeOf("tiers", "u16"),
    reserved: zero(4),
    tiers: group({ notional: i64, rate: i64 }), // as many as tierCount says, which the library writes
  },
  { domain: RelayDomain.MarketData },
);
type FundingRateTLV = Infer<typeof FundingRateTLV>; // { instrument: InstrumentId; rate: bigint; … tiers: readonly {…}[] }

const funding: FundingRateTLV = {
  instrument: InstrumentId.of(Venue.Binance, AssetType.Perpetual, "BTCUSDT"),
  rate: fixed8("0.0001"),
  nextFundingAt: 1_755_014_400_000_000_000n,
  intervalMinutes: 480,
  tiers: [{ notional: fixed8("50000"), rate: fixed8("0.00012") }],
};
console.log(`${FundingRateTLV.name}: ${FundingRateTLV.encode(funding).byteLength} bytes`);

// A value that does not fit its field is an error that names it. Nothing is ever cut.
try {
  FundingRateTLV.encode({ ...funding, intervalMinutes: 70_000 });
} catch (error) {
  console.log(String(error));
}

const relay = new Relay({ domain: RelayDomain.MarketData });
const subscriber = await connect(relay);
await subscriber.subscribe(
  { types: [FundingRateTLV] },
  {
    FundingRate(rate) {
      const next = new Date(rate.nextFundingAtUs / 1000).toISOString();
      console.log(`${rate.instrument}: ${formatFixed(rate.rate, 6)} % at ${next}, ${rate.tiers.count} tier`);
      console.log(`above ${formatFixed(rate.tiers.at(0).notional, 8)}: ${formatFixed(rate.tiers.at(0).rate, 6)} %`);
    },
  },
);
const publisher = await connect(relay, { source: 1_000 }); // sources from 1,000 on are the user's own
publisher.publish(FundingRateTLV, funding);
await publisher.flush();
await relay.close();
