// Shows: a trade becomes the bytes of one message, and the bytes become the trade again.
// Prices and sizes are exact: decimal text to a scaled bigint and back, never through a float.
import {
  AssetType,
  fixed8,
  formatFixed8,
  InstrumentId,
  parseMessage,
  RelayDomain,
  Side,
  Source,
  TLVBuilder,
  TradeTLV,
  Venue,
} from "alphapulse";

const market = new TLVBuilder({ domain: RelayDomain.MarketData, source: Source.CoinbaseCollector });
const bytes = market
  .add(TradeTLV, {
    instrument: InstrumentId.of(Venue.Coinbase, AssetType.SpotPair, "BTC-USD"),
    price: fixed8("121706.00"), // 12170600000000n
    volume: fixed8("0.015"),
    exchangeTimestamp: 1_755_000_000_000_000_000n, // ns since the Unix epoch
    side: Side.Buy,
    flags: 0,
  })
  .build();

const trade = parseMessage(bytes).get(TradeTLV); // undefined where the message holds no trade
console.log(`${bytes.byteLength} bytes: ${Buffer.from(bytes).toString("hex")}`);
if (trade !== undefined) console.log(`${trade.instrument} at ${formatFixed8(trade.price)}`);
