import { describe, expect, test } from "vitest";
import { TLVBuilder } from "../../src/protocol/builder.js";
import { ProtocolError } from "../../src/protocol/errors.js";
import { InstrumentId } from "../../src/protocol/instrument-id.js";
import { messageBuffer } from "../../src/protocol/message-buffer.js";
import { MessageView } from "../../src/protocol/message-view.js";
import { AssetType, RelayDomain, Venue } from "../../src/protocol/tables.js";
import { announcementOf } from "../../src/registry/announcement.js";
import { SchemaReader } from "../../src/registry/schema-reader.js";
import { SchemaRegistry } from "../../src/registry/schema-registry.js";
import { TradeTLV } from "../../src/tlvs/market-data.js";
import { tradeOf } from "../samples.js";
import { FundingRateTLV, FundingRateV2TLV, IcebergTLV } from "./types.js";

const instrument = InstrumentId.of(Venue.Binance, AssetType.Perpetual, "BTCUSDT");
const funding = { instrument, rate: -5n, nextFundingAt: 7_000n };
const fundingV2 = { ...funding, tiers: [{ notional: 1n, rate: 2n }], note: "é" };

const builderOf = (source: number): TLVBuilder => new TLVBuilder({ domain: RelayDomain.MarketData, source });
/** A message as a handler sees it, somewhere in a larger buffer. */
function viewOf(message: Uint8Array): MessageView {
  const bytes = new Uint8Array(message.byteLength + 20);
  bytes.set(message, 9);
  return new MessageView().wrap(messageBuffer(bytes), 9, message.byteLength);
}

/** Everything that a walk gives. */
function walk(reader: SchemaReader, message: MessageView | Uint8Array): [name: string, fields: unknown][] {
  const found: [string, unknown][] = [];
  reader.read(message);
  while (reader.next()) found.push([reader.tlv?.name ?? `${reader.type}`, reader.decode()]);
  return found;
}

describe("a reader", () => {
  const message = builderOf(1_000)
    .add(TradeTLV, tradeOf(3))
    .add(FundingRateTLV, funding)
    .addRaw(210, new Uint8Array([1, 2, 3]))
    .add(FundingRateTLV, { ...funding, rate: 1n })
    .addRaw(254, new Uint8Array(300).fill(9))
    .build()
    .slice();

  test.each([
    ["bytes", message],
    ["a view", viewOf(message)],
  ] as const)("gives every TLV of %s in turn: known ones decoded, unknown ones counted", (_, given) => {
    const registry = new SchemaRegistry().register(FundingRateTLV);
    const reader = new SchemaReader(registry);
    for (let times = 1; times <= 2; times++) {
      expect(walk(reader, given)).toEqual([
        ["Trade", TradeTLV.decode(TradeTLV.encode(tradeOf(3)))],
        ["FundingRate", funding],
        ["210", undefined],
        ["FundingRate", { ...funding, rate: 1n }],
        ["254", undefined],
      ]);
      expect(registry.stats().unknown).toEqual({ 210: times, 254: times });
    }
  });

  test("hands out every value as it came: a message made of them is the same, byte for byte", () => {
    const reader = new SchemaReader(new SchemaRegistry()).read(viewOf(message));
    const again = builderOf(1_000);
    while (reader.next()) again.addRaw(reader.type, reader.value);
    expect(again.build().subarray(32)).toEqual(message.subarray(32));
  });

  test("decodes each message by what its source announced", () => {
    const registry = new SchemaRegistry().register(FundingRateTLV);
    registry.learn(announcementOf(FundingRateV2TLV), 1_001);
    registry.learn(announcementOf(IcebergTLV), 1_002);
    const reader = new SchemaReader(registry);
    const v1 = builderOf(1_000).add(FundingRateTLV, funding).build().slice();
    const v2 = builderOf(1_001).add(FundingRateV2TLV, fundingV2).build().slice();
    for (let i = 0; i < 3; i++) {
      expect(walk(reader, v1)).toEqual([["FundingRate", funding]]);
      expect(walk(reader, v2)).toEqual([["FundingRate", fundingV2]]);
    }
    const iceberg = { instrument, shown: 5n };
    expect(walk(reader, builderOf(1_002).add(IcebergTLV, iceberg).build())).toEqual([["Iceberg", iceberg]]);
    expect(walk(reader, builderOf(1_001).add(IcebergTLV, iceberg).build())).toEqual([["254", undefined]]);
  });

  test("gives flyweights of one's own type, of the very version, also where it was learned", () => {
    const registry = new SchemaRegistry();
    registry.learn(announcementOf(FundingRateTLV), 1_000);
    const reader = new SchemaReader(registry).read(message);
    const rates: (bigint | undefined)[] = [];
    while (reader.next()) {
      rates.push(reader.as(FundingRateTLV)?.rate);
      expect(reader.as(FundingRateV2TLV)).toBeUndefined();
    }
    expect(rates).toEqual([undefined, -5n, undefined, 1n, undefined]);
  });

  test("lets the message go at its end, and flyweights with it", () => {
    const reader = new SchemaReader(new SchemaRegistry().register(FundingRateTLV));
    reader.read(builderOf(1_000).add(FundingRateTLV, funding).build());
    expect(reader.next()).toBe(true);
    const flyweight = reader.as(FundingRateTLV);
    expect(flyweight?.rate).toBe(-5n);
    expect(reader.next()).toBe(false);
    expect(() => flyweight?.rate).toThrow(expect.objectContaining({ code: "RELEASED" }));
    expect(reader.next()).toBe(false);
    expect(reader.tlv).toBeUndefined();
    expect(reader.decode()).toBeUndefined();
    expect(reader.value).toHaveLength(0);
  });

  test("checks bytes as parseMessage does, and reads the next message after one that was wrong", () => {
    const reader = new SchemaReader(new SchemaRegistry());
    const damaged = message.slice();
    damaged[40] = (damaged[40] as number) ^ 1;
    expect(() => reader.read(damaged)).toThrow(expect.objectContaining({ code: "CHECKSUM_MISMATCH" }));
    expect(reader.next()).toBe(false);
    expect(() => reader.read(message.subarray(0, 50))).toThrow(ProtocolError);
    expect(() => new SchemaReader(new SchemaRegistry(), { payloadBytesMax: 100 }).read(message)).toThrow(
      expect.objectContaining({ code: "TOO_LARGE" }),
    );
    expect(walk(new SchemaReader(new SchemaRegistry(), { checksum: "none" }), damaged)).toHaveLength(5);
    expect(walk(reader, message)).toHaveLength(5);
  });

  test("tells a value that its schema cannot have, and goes on behind it", () => {
    const reader = new SchemaReader(new SchemaRegistry().register(FundingRateTLV));
    reader.read(builderOf(1).addRaw(200, new Uint8Array(27)).add(FundingRateTLV, funding).build());
    expect(reader.next()).toBe(true);
    expect(() => reader.decode()).toThrow(expect.objectContaining({ code: "BAD_LENGTH" }));
    expect(() => reader.as(FundingRateTLV)).toThrow(expect.objectContaining({ code: "BAD_LENGTH" }));
    expect(reader.next()).toBe(true);
    expect(reader.decode()).toEqual(funding);
  });
});
