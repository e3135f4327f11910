import { afterEach, describe, expect, test } from "vitest";
import { InstrumentId } from "../../src/protocol/instrument-id.js";
import { defineTLV } from "../../src/protocol/schema/tlv.js";
import { AssetType, RelayDomain, Venue } from "../../src/protocol/tables.js";
import { ObjectCache } from "../../src/registry/object-cache.js";
import { SchemaReader } from "../../src/registry/schema-reader.js";
import { type LearnResult, SchemaRegistry } from "../../src/registry/schema-registry.js";
import { Relay } from "../../src/relay/relay.js";
import { connect } from "../../src/session/connect.js";
import type { Connection } from "../../src/session/connection.js";
import { InstrumentDiscoveredTLV } from "../../src/tlvs/market-data.js";
import { ErrorTLV, SchemaAnnounceTLV } from "../../src/tlvs/system.js";
import { ForeignTLV, FundingRateTLV, FundingRateV2TLV } from "./types.js";

const symbol = "BTC/USD, 27 June 2027";
const instrument = InstrumentId.of(Venue.Kraken, AssetType.Future, symbol);
const funding = { instrument, rate: -5n, nextFundingAt: 7_000n };
const fundingV2 = { ...funding, tiers: [{ notional: 1n, rate: 2n }], note: "é" };

const relays: Relay[] = [];
afterEach(async () => {
  for (const relay of relays.splice(0)) await relay.close();
});

/** A receiver that knows no type of anybody's, learns what is announced and answers what it cannot take. */
async function receiver(relay: Relay) {
  const registry = new SchemaRegistry();
  const cache = new ObjectCache();
  const reader = new SchemaReader(registry);
  const learned: LearnResult["outcome"][] = [];
  const decoded: unknown[] = [];
  const connection = await connect(relay, { name: "receiver", source: 2_000 });
  await connection.subscribe(
    { types: [SchemaAnnounceTLV], wanted: [] },
    {
      SchemaAnnounce(announced, { source, sequence }) {
        const result = registry.learn(announced.toObject(), source, sequence);
        learned.push(result.outcome);
        if ("reply" in result) connection.publish(ErrorTLV, result.reply);
      },
      message(message) {
        cache.observe(message);
        reader.read(message);
        while (reader.next()) if (reader.type >= 200) decoded.push([reader.source, reader.decode()]);
      },
    },
  );
  return { registry, cache, learned, decoded };
}

async function announce(connection: Connection, registry: SchemaRegistry): Promise<void> {
  for (const announcement of registry.announcements()) {
    expect(connection.publish(SchemaAnnounceTLV, announcement)).toBe("sent");
  }
  await connection.flush();
}

describe.each([
  ["of the type's own domain", RelayDomain.MarketData],
  ["of System", RelayDomain.System],
])("over a relay %s", (_, domain) => {
  test("types that the receiver never saw are decoded, each source by its version, and others are told what is wrong", async () => {
    // A user's type may be first in a message of any domain.
    const Funding = defineTLV(200, "FundingRate", FundingRateTLV.fields, { domain });
    const FundingV2 = defineTLV(200, "FundingRate", FundingRateV2TLV.fields, { domain, version: 2 });
    const Foreign = defineTLV(200, "FundingRate", ForeignTLV.fields, { domain });
    const relay = new Relay({ domain });
    relays.push(relay);
    const { registry, cache, learned, decoded } = await receiver(relay);
    const first = await connect(relay, { source: 1_000, domain });
    await announce(first, new SchemaRegistry().register(Funding));
    if (domain === RelayDomain.MarketData) {
      const discovered = { instrument, symbol, priceDecimals: 1, sizeDecimals: 2, metadata: new Uint8Array(0) };
      first.publish(InstrumentDiscoveredTLV, discovered);
    }
    first.publish(Funding, funding);
    await first.flush();

    const second = await connect(relay, { source: 1_001, domain });
    await announce(second, new SchemaRegistry().register(FundingV2));
    second.publish(FundingV2, fundingV2);
    await second.flush();

    const errors: object[] = [];
    const third = await connect(relay, { source: 1_002, domain, incarnation: 1 });
    const told = new Promise<void>((resolve) => {
      void third.subscribe(
        { types: [ErrorTLV] },
        {
          Error(error) {
            errors.push(error.toObject());
            resolve();
          },
        },
      );
    });
    await third.flush();
    await announce(third, new SchemaRegistry().register(Foreign));
    third.publish(Foreign, { instrument, rate: 1n, interval: 8 });
    await third.flush();
    await told;

    expect(learned).toEqual(["learned", "learned", "differs"]);
    expect(decoded).toEqual([
      [1_000, funding],
      [1_001, fundingV2],
      [1_002, undefined],
    ]);
    expect(registry.stats().unknown).toEqual({ 200: 1 });
    expect(errors).toEqual([
      {
        refSource: 1_002,
        refSequence: 2n ** 40n + 1n,
        code: 1,
        message: expect.stringContaining("field rate: i64 here, u64 announced"),
      },
    ]);
    if (domain === RelayDomain.MarketData) expect(cache.symbolOf(instrument)).toBe(symbol);
  });
});
