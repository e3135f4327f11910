// Shows: a message type that the receiver never saw in code. Its producer announces the schema over the same relay;
// the receiver learns it, and decodes what follows. It also learns what stands behind an instrument's id.
import {
  AssetType,
  connect,
  fixed8,
  InstrumentDiscoveredTLV,
  InstrumentId,
  Relay,
  RelayDomain,
  SchemaAnnounceTLV,
  Venue,
} from "alphapulse";
import { ObjectCache, SchemaReader, SchemaRegistry } from "alphapulse/registry";
import { defineTLV, group, i64, instrument, sizeOf, timestamp, u8 } from "alphapulse/schema";

const relay = new Relay({ domain: RelayDomain.MarketData });

// One end. It knows no type of the user's: only the registry, empty but for the protocol, that is passed to it.
async function receive(registry: SchemaRegistry, cache: ObjectCache): Promise<void> {
  const reader = new SchemaReader(registry);
  const connection = await connect(relay, { name: "receiver" });
  await connection.subscribe(
    { types: [SchemaAnnounceTLV], wanted: [] }, // handlers for one type, but all messages
    {
      SchemaAnnounce(announced, { source, sequence }) {
        const result = registry.learn(announced.toObject(), source, sequence);
        console.log(`from ${source}: ${announced.name}, version ${announced.version}: ${result.outcome}`);
        if (result.outcome === "differs") for (const line of result.differences) console.log(`  ${line}`);
      },
      message(message) {
        cache.observe(message);
        reader.read(message);
        while (reader.next()) {
          if (reader.type < 200) continue;
          const fields = reader.decode();
          if (fields === undefined)
            console.log(`from ${reader.source}: type ${reader.type}, ${reader.value.length} bytes`);
          else console.log(`from ${reader.source}: ${reader.tlv?.name}`, shown(fields, cache));
        }
      },
    },
  );
}

/** The fields on one line, instruments by the symbols that were discovered. */
function shown(fields: object, cache: ObjectCache): string {
  return JSON.stringify(fields, (_, value) => {
    if (typeof value === "bigint") return `${value}`;
    if (value instanceof InstrumentId) return cache.symbolOf(value) ?? `${value}`;
    return value;
  });
}

// The other end: a schema, and a second version of it.
const fields = { instrument, rate: i64.doc("per interval, 1e-8"), nextFundingAt: timestamp };
const domain = RelayDomain.MarketData;
const FundingRateTLV = defineTLV(200, "FundingRate", fields, { domain });
const FundingRateV2TLV = defineTLV(
  200,
  "FundingRate",
  { ...fields, tierCount: sizeOf("tiers", "u8"), tiers: group({ notional: i64, rate: i64 }) },
  { domain, version: 2 },
);
// A third program, whose author took the same number for something else.
const OtherTLV = defineTLV(200, "FundingRate", { instrument, rate: u8 }, { domain });

const registry = new SchemaRegistry();
const cache = new ObjectCache();
await receive(registry, cache);

const id = InstrumentId.of(Venue.Binance, AssetType.Perpetual, "BTCUSDT_251226");
const funding = { instrument: id, rate: fixed8("0.0001"), nextFundingAt: 1_755_014_400_000_000_000n };

const first = await connect(relay, { source: 1_000 });
const ours = new SchemaRegistry().register(FundingRateTLV);
first.publish(FundingRateTLV, funding); // before the announcement: not known, but not lost either
for (const announcement of ours.announcements()) first.publish(SchemaAnnounceTLV, announcement);
const discovered = { priceDecimals: 8, sizeDecimals: 8, symbol: "BTCUSDT_251226", metadata: new Uint8Array(0) };
first.publish(InstrumentDiscoveredTLV, { instrument: id, ...discovered });
first.publish(ours.find("FundingRate"), funding);
await first.flush();

const second = await connect(relay, { source: 1_001 });
for (const announcement of new SchemaRegistry().register(FundingRateV2TLV).announcements()) {
  second.publish(SchemaAnnounceTLV, announcement);
}
second.publish(FundingRateV2TLV, { ...funding, tiers: [{ notional: fixed8("50000"), rate: fixed8("0.00012") }] });
await second.flush();

const third = await connect(relay, { source: 1_002 });
for (const announcement of new SchemaRegistry().register(OtherTLV).announcements()) {
  third.publish(SchemaAnnounceTLV, announcement);
}
third.publish(OtherTLV, { instrument: id, rate: 7 }); // not decoded with somebody else's schema
await third.flush();

await relay.close();
const { learned, unknown } = registry.stats();
console.log(`${learned} schemas learned; TLVs that were not decoded, by type: ${JSON.stringify(unknown)}`);
