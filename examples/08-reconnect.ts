// Shows: connections that outlive their relay. It is closed and started anew while messages are published; both ends come
// back by themselves, nothing that was published is lost, and the reader is told what became of each source.
import {
  AssetType,
  connect,
  fixed8,
  formatFixed8,
  InstrumentId,
  Relay,
  RelayDomain,
  Side,
  Source,
  TradeTLV,
  Venue,
} from "alphapulse";

const address = "ring://survivors";
const instrument = InstrumentId.of(Venue.Coinbase, AssetType.SpotPair, "BTC-USD");

async function startRelay(): Promise<Relay> {
  const relay = new Relay({ domain: RelayDomain.MarketData });
  await relay.listen(address);
  return relay;
}

let relay = await startRelay();
let arrived = (): void => {};

const reader = await connect(address, {
  name: "reader",
  reconnect: { firstDelayMs: 10, delayMsMax: 50 },
  onDisconnect: ({ code }) => console.log(`reader: lost the relay (${code}), looking for it`),
  onReconnect({ sources }) {
    // `resumed`: nothing is missing. `gap`: from and to are. `reset`: the relay cannot say.
    for (const { source, kind } of sources) console.log(`reader: back, source ${source}: ${kind}`);
  },
});
await reader.subscribe(
  { types: [TradeTLV] },
  {
    Trade(trade) {
      console.log(`reader: a trade at ${formatFixed8(trade.price)}`);
      arrived();
    },
    // Also called for each gap and each reset after a reconnect. From 0 to 0: nobody knows which.
    gap: ({ source, from, to }) => console.log(`reader: messages ${from} to ${to} of source ${source} may be missing`),
  },
);

const writer = await connect(address, {
  name: "writer",
  source: Source.CoinbaseCollector,
  reconnect: { firstDelayMs: 10, delayMsMax: 50 },
  holdBytesMax: 1 << 20, // what is kept while there is no relay; beyond that publish answers backPressured
});

/** Publishes one trade, and waits where there is no room for it. */
async function publish(price: string): Promise<void> {
  const trade = { instrument, price: fixed8(price), volume: 1n, exchangeTimestamp: 0n, side: Side.Buy, flags: 0 };
  while (writer.publish(TradeTLV, trade) === "backPressured") await writer.ready();
}

await publish("121700.00");
await writer.flush(); // the relay has taken it

await relay.close();
await publish("121701.00"); // kept, until there is a relay again
const lastOne = new Promise<void>((resolve) => {
  arrived = resolve;
});
relay = await startRelay();

await lastOne;
await writer.close();
await reader.close();
await relay.close();
