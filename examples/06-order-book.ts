// Shows: an order book rebuilt from a snapshot and deltas, which knows whether it can be trusted.
// A lost delta makes it stale, never wrong: it shows nothing until the next whole snapshot.
import {
  AssetType,
  connect,
  fixed8,
  formatFixed8,
  InstrumentId,
  OrderBookDeltaTLV,
  OrderBookTLV,
  Relay,
  RelayDomain,
  Side,
  Source,
  Venue,
} from "alphapulse";
import { OrderBookReconstructor } from "alphapulse/books";

const instrument = InstrumentId.of(Venue.Binance, AssetType.SpotPair, "BTCUSDT");
const relay = new Relay({ domain: RelayDomain.MarketData });
const collector = await connect(relay, { source: Source.BinanceCollector });
const strategy = await connect(relay);

const reconstructor = new OrderBookReconstructor(instrument);
await strategy.subscribe(
  { types: [OrderBookTLV, OrderBookDeltaTLV], instruments: [instrument] },
  {
    OrderBook: (chunk) => show("snapshot", reconstructor.applySnapshot(chunk)),
    OrderBookDelta: (delta) => show(`delta ${delta.version}`, reconstructor.applyDelta(delta)),
    gap: () => reconstructor.reset("messages were lost on the way"),
  },
);

function show(what: string, result: string): void {
  const { bids, asks } = reconstructor.book;
  const top =
    reconstructor.state === "live"
      ? `${formatFixed8(bids.price(0))} (${formatFixed8(bids.size(0))}) | ${formatFixed8(asks.price(0))} (${formatFixed8(asks.size(0))})`
      : reconstructor.detail;
  console.log(`${what.padEnd(9)} ${result.padEnd(8)} ${reconstructor.state.padEnd(8)} ${top}`);
}

const level = (price: string, size: string) => ({ price: fixed8(price), size: fixed8(size) });

function publishSnapshot(updateId: bigint): void {
  collector.publish(OrderBookTLV, {
    instrument,
    exchangeTimestamp: 0n,
    updateId,
    chunkIndex: 0,
    chunkCount: 1,
    flags: 0,
    bids: [level("61000.1", "0.5"), level("61000", "2")], // best first
    asks: [level("61000.2", "0.25"), level("61000.9", "1")],
  });
}

/** The levels of bids that changed from one version of the book to the next; size 0 takes a level out. */
function publishDelta(previousVersion: bigint, version: bigint, price: string, size: string): void {
  const change = { ...level(price, size), side: Side.Buy, action: size === "0" ? 2 : 1 };
  collector.publish(OrderBookDeltaTLV, {
    instrument,
    exchangeTimestamp: 0n,
    version,
    previousVersion,
    flags: 0,
    changes: [change],
  });
}

publishDelta(98n, 99n, "61000", "9"); // before the snapshot: means nothing yet
publishSnapshot(100n);
publishDelta(100n, 101n, "61000.1", "0.4");
publishDelta(101n, 102n, "61000.1", "0");
publishDelta(103n, 104n, "61000", "1"); // 103 never came
publishDelta(104n, 105n, "61000", "3");
publishSnapshot(106n);

await collector.flush();
await relay.close();
