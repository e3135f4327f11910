// The collector: publishes trades as a venue would send them. Its argument is the relay's address.
import { AssetType, connect, InstrumentId, Side, Source, TradeTLV, Venue } from "alphapulse";

const [, , address = "unix:///tmp/alphapulse-market.sock"] = process.argv;
const TRADES = 100_000;
const instrument = InstrumentId.of(Venue.Coinbase, AssetType.SpotPair, "BTC-USD");

const market = await connect(address, { source: Source.CoinbaseCollector, name: "collector" });
console.log(`publishes ${TRADES} trades`);

let waits = 0;
for (let n = 1; n <= TRADES; n++) {
  const trade = {
    instrument,
    price: 12_170_600_000_000n + BigInt(n % 100) * 1_000_000n,
    volume: 1_500_000n,
    exchangeTimestamp: BigInt(Date.now()) * 1_000_000n,
    side: Side.Buy,
    flags: 0,
  };
  // The socket's buffer is bounded. When it is full the collector is told, and decides: this one waits.
  while (market.publish(TradeTLV, trade) === "backPressured") {
    waits++;
    await market.ready();
  }
}
await market.flush();
await market.close();
console.log(`done; waited ${waits} times for room`);
