// Shows: a relay sends what a publisher publishes to every subscriber that asked for it.
// All in one thread here; example 03 does the same in three processes, with another address.
import {
  AssetType,
  connect,
  fixed8,
  formatFixed8,
  InstrumentId,
  QuoteTLV,
  Relay,
  RelayDomain,
  Side,
  Source,
  TradeTLV,
  Venue,
} from "alphapulse";

const relay = new Relay({ domain: RelayDomain.MarketData });
await relay.listen("ring://market");

const bitcoin = InstrumentId.of(Venue.Coinbase, AssetType.SpotPair, "BTC-USD");
const ether = InstrumentId.of(Venue.Coinbase, AssetType.SpotPair, "ETH-USD");

// One subscriber wants all trades, the other one everything about ether.
const trades = await connect("ring://market", { name: "trades" });
await trades.subscribe(
  { types: [TradeTLV] },
  {
    // `trade` reads the message in place. It is borrowed until this function returns: keep trade.toObject(), not trade.
    Trade(trade, message) {
      console.log(`trades: ${trade.instrument} at ${formatFixed8(trade.price)}, from source ${message.source}`);
    },
    // Without this handler a loss would end the connection: nobody overlooks one.
    gap({ source, from, to }) {
      console.log(`trades: messages ${from} to ${to} of source ${source} are lost`);
    },
  },
);

const etherOnly = await connect("ring://market", { name: "ether" });
await etherOnly.subscribe(
  { types: [TradeTLV, QuoteTLV], instruments: [ether] },
  {
    Trade: (trade) => console.log(`ether:  a trade at ${formatFixed8(trade.price)}`),
    Quote: (quote) => console.log(`ether:  ${formatFixed8(quote.bidPrice)} to ${formatFixed8(quote.askPrice)}`),
  },
);

const publisher = await connect("ring://market", { name: "publisher", source: Source.CoinbaseCollector });
for (const [instrument, price] of [
  [bitcoin, "121706.00"],
  [ether, "4203.15"],
] as const) {
  const result = publisher.publish(TradeTLV, {
    instrument,
    price: fixed8(price),
    volume: fixed8("0.015"),
    exchangeTimestamp: 1_755_000_000_000_000_000n,
    side: Side.Buy,
    flags: 0,
  });
  // Not an exception: a publisher decides what it does with what did not go.
  if (result !== "sent") console.log(`publisher: ${result}`);
}

// The same without an object: fields are written where the message is built. This allocates nothing.
const quote = publisher.claim(QuoteTLV);
quote.instrument = ether;
quote.bidPriceUnits = 420_314_000_000; // scaled by 1e8, as a number
quote.askPriceUnits = 420_316_000_000;
quote.bidSizeUnits = quote.askSizeUnits = 150_000_000;
publisher.commit();

await publisher.flush(); // the relay has taken all of it
await relay.close(); // says goodbye and lets everybody go

const { received, sent, lost } = relay.stats();
console.log(`relay:  took ${received} messages, sent ${sent}, ${lost} were lost`);
