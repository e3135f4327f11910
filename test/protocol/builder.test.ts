import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { TLVBuilder, type TLVBuilderOptions } from "../../src/protocol/builder.js";
import type { Clock } from "../../src/protocol/clock.js";
import { AlphaPulseError, ProtocolError } from "../../src/protocol/errors.js";
import { parseMessage } from "../../src/protocol/message.js";
import { rest, sizeOf, text, u8 } from "../../src/protocol/schema/fields.js";
import { defineTLV } from "../../src/protocol/schema/tlv.js";
import { RelayDomain } from "../../src/protocol/tables.js";
import { DecimalsTLV, VenueReferenceTLV } from "../../src/tlvs/extension.js";
import { OrderBookTLV, QuoteTLV, TradeTLV } from "../../src/tlvs/market-data.js";
import { PingTLV } from "../../src/tlvs/session-control.js";
import { SignalIdentityTLV } from "../../src/tlvs/signal.js";
import { HeartbeatTLV } from "../../src/tlvs/system.js";
import { BTC, quoteOf, tradeOf } from "../samples.js";

const { MarketData, Signal, System } = RelayDomain;
const market = (options: Partial<TLVBuilderOptions> = {}): TLVBuilder =>
  new TLVBuilder({ domain: MarketData, source: 7, ...options });
const PING = { nonce: 1n, timestamp: 2n };
const HEARTBEAT = { status: 2, intervalMs: 1000, lastSequence: 5n };
const IDENTITY = { signalId: 1n, signalNonce: 1, strategyId: 1, version: 1, adapterId: 0 };

function codeOf(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    if (error instanceof AlphaPulseError) return error.code;
    throw error;
  }
  return "no error";
}

const typesOf = (bytes: Uint8Array): number[] => [...parseMessage(bytes)].map(({ type }) => type);

/** The bytes of a message that was sealed in place. */
const sealed = (builder: TLVBuilder, sequence = 1, us = 1): Uint8Array => {
  const byteLength = builder.seal(sequence, us);
  return builder.buffer.bytes.slice(0, byteLength);
};

describe("a builder", () => {
  test("makes one message after the other, each with its own TLVs only", () => {
    const builder = market();
    const first = builder.add(TradeTLV, tradeOf(1)).add(DecimalsTLV, { price: 2, size: 3 }).build({ sequence: 1 });
    const second = builder.add(QuoteTLV, quoteOf(9)).build({ sequence: 2n, timestamp: 77n, checksum: "crc32" });
    const third = builder.build();
    expect(typesOf(first)).toEqual([1, 107]);
    const message = parseMessage(second, { checksum: "crc32" });
    expect(message.header).toMatchObject({ sequence: 2n, timestamp: 77n, source: 7, relayDomain: 1, payloadSize: 54 });
    expect(message.get(QuoteTLV)).toEqual(quoteOf(9));
    expect(message.get(TradeTLV)).toBeUndefined();
    expect(typesOf(third)).toEqual([]);
    expect(parseMessage(first).header.sequence).toBe(1n);
  });

  test.each([
    ["domain", { domain: 0 }],
    ["domain", { domain: 5 }],
    ["domain", { domain: 1.5 }],
    ["source", { source: -1 }],
    ["source", { source: 0x1_0000 }],
    ["payloadBytesMax", { payloadBytesMax: (16 << 20) + 1 }],
    ["payloadBytesMax", { payloadBytesMax: -1 }],
  ])("with a bad %s is refused (%j)", (name, options) => {
    expect(codeOf(() => market(options))).toBe("BAD_OPTION");
    expect(() => market(options)).toThrow(name);
  });

  test("drops what it was building when a value does not fit, and then works on", () => {
    const builder = market();
    const bad: [string, () => unknown, string][] = [
      ["add", () => builder.add(TradeTLV, { ...tradeOf(1), side: 256 }), "VALUE_RANGE"],
      ["add of no object", () => builder.add(TradeTLV, undefined as never), "VALUE_RANGE"],
      ["addRaw of a type", () => builder.addRaw(255, new Uint8Array(1)), "BAD_TLV"],
      ["addRaw of a length", () => builder.addRaw(200, new Uint8Array(65_536)), "VALUE_RANGE"],
      ["append", () => builder.append(OrderBookTLV, { bids: -1 }), "VALUE_RANGE"],
      ["a place", () => builder.add(PingTLV, PING), "BAD_TLV"],
      ["a domain", () => builder.add(SignalIdentityTLV, IDENTITY), "DOMAIN_MISMATCH"],
      ["a sequence", () => builder.build({ sequence: 2n ** 64n }), "VALUE_RANGE"],
      ["a negative sequence", () => builder.build({ sequence: -1 }), "VALUE_RANGE"],
      ["a broken sequence", () => builder.build({ sequence: 1.5 }), "VALUE_RANGE"],
      ["an inexact sequence", () => builder.build({ sequence: 2 ** 53 }), "VALUE_RANGE"],
      ["a time", () => builder.build({ timestamp: 2n ** 64n }), "VALUE_RANGE"],
      ["a time before all", () => builder.build({ timestamp: -1n }), "VALUE_RANGE"],
      ["a time that is no bigint", () => builder.build({ timestamp: 5 as unknown as bigint }), "VALUE_RANGE"],
    ];
    for (const [what, call, code] of bad) {
      builder.add(QuoteTLV, quoteOf(3));
      expect(codeOf(call), what).toBe(code);
      expect(builder.byteLength, what).toBe(32);
      expect(typesOf(builder.add(TradeTLV, tradeOf(1)).build()), what).toEqual([1]);
    }
  });

  test("stamps with its clock, and never goes back when the clock does", () => {
    const times = [5, 9, 7, 1, 10];
    const clock: Clock = { nowUs: () => times.shift() ?? 0, nowNs: () => 0n };
    const builder = market({ clock });
    const stamps = [1, 2, 3, 4, 5].map(() => parseMessage(builder.build()).header.timestamp);
    expect(stamps).toEqual([5_000n, 9_000n, 9_000n, 9_000n, 10_000n]);
    expect(parseMessage(sealed(builder, 0, 3)).header.timestamp).toBe(10_000n);
    expect(parseMessage(sealed(builder, 0, 12)).header.timestamp).toBe(12_000n);
    // A time that was given is written as it is.
    expect(parseMessage(builder.build({ timestamp: 3n })).header.timestamp).toBe(3n);
  });

  test("seals a message in place, again and again, each time stamped anew and whole", () => {
    const builder = market().add(TradeTLV, tradeOf(4));
    const first = sealed(builder, 2 ** 40 + 1, 10);
    const second = sealed(builder, 2 ** 40 + 2, 20);
    expect(parseMessage(first).header).toMatchObject({ sequence: 2n ** 40n + 1n, timestamp: 10_000n });
    expect(parseMessage(second).header).toMatchObject({ sequence: 2n ** 40n + 2n, timestamp: 20_000n });
    expect(second.subarray(32)).toEqual(first.subarray(32));
    // What was sealed can still be added to.
    builder.add(DecimalsTLV, { price: 1, size: 1 });
    expect(typesOf(sealed(builder, 3, 30))).toEqual([1, 107]);
    builder.reset();
    expect(typesOf(sealed(builder, 4, 40))).toEqual([]);
  });

  test("grows past its first memory and keeps what it had", () => {
    const builder = market();
    const capacity = builder.buffer.bytes.byteLength;
    const trades = Array.from({ length: 200 }, (_, n) => tradeOf(n));
    for (const trade of trades) builder.add(TradeTLV, trade);
    expect(builder.buffer.bytes.byteLength).toBeGreaterThan(capacity * 8);
    const found = [...parseMessage(builder.build())].map(({ value }) => TradeTLV.decode(value));
    expect(found).toEqual(trades);
  });
});

describe("the places of TLVs", () => {
  const blank = new Uint8Array(4);
  const rows: [string, number, number[], string][] = [
    ["a type of its domain", MarketData, [1, 2, 7], "no error"],
    ["an extension behind", MarketData, [1, 107, 150, 2], "no error"],
    ["an extension first", MarketData, [107], "BAD_TLV"],
    ["an extension first in a message of a user's type", MarketData, [199, 200], "BAD_TLV"],
    ["a user's type first, in any domain", Signal, [200, 20, 254], "no error"],
    ["a foreign type first", MarketData, [20], "DOMAIN_MISMATCH"],
    ["a foreign type behind", Signal, [20, 1], "DOMAIN_MISMATCH"],
    ["a foreign type behind a user's", Signal, [210, 40], "DOMAIN_MISMATCH"],
    ["the last types of each domain", MarketData, [19], "no error"],
    ["the first of the next", MarketData, [20], "DOMAIN_MISMATCH"],
    ["data of services, alone", MarketData, [80], "no error"],
    ["data of services, several", MarketData, [80, 89, 105], "no error"],
    ["data of services behind data", MarketData, [1, 80], "DOMAIN_MISMATCH"],
    ["data behind data of services", MarketData, [80, 1], "DOMAIN_MISMATCH"],
    ["control alone", System, [96], "no error"],
    ["control with an extension", System, [96, 105], "no error"],
    ["control from any builder", Signal, [90], "no error"],
    ["two of control", System, [96, 97], "BAD_TLV"],
    ["control behind data of services", System, [80, 99], "BAD_TLV"],
    ["data of services behind control", System, [99, 80], "BAD_TLV"],
    ["a user's type behind control", System, [99, 200], "BAD_TLV"],
    ["type 0", MarketData, [0], "BAD_TLV"],
    ["type 255", MarketData, [255], "BAD_TLV"],
    ["half a type", MarketData, [1.5], "BAD_TLV"],
  ];

  test.each(rows)("%s: domain %d, types %j: %s", (_, domain, types, code) => {
    const builder = new TLVBuilder({ domain, source: 1 });
    const call = (): Uint8Array => {
      for (const type of types) builder.addRaw(type, blank);
      return builder.build();
    };
    expect(codeOf(call)).toBe(code);
    if (code !== "no error") return;
    const message = parseMessage(call());
    expect([...message].map(({ type }) => type)).toEqual(types);
    const isSystem = (types[0] as number) >= 80 && (types[0] as number) < 100;
    expect(message.header.relayDomain).toBe(isSystem ? System : domain);
  });

  test("a builder takes exactly the rows of types that a reader takes", () => {
    const reached = { taken: 0, refused: 0 };
    const type = fc.oneof(
      fc.integer({ min: 1, max: 254 }),
      fc.constantFrom(1, 2, 20, 40, 79, 80, 89, 90, 99, 100, 199, 200),
    );
    fc.assert(
      fc.property(fc.constantFrom(1, 2, 3, 4), fc.array(type, { minLength: 1, maxLength: 4 }), (domain, types) => {
        const builder = new TLVBuilder({ domain, source: 1 });
        const written = codeOf(() => types.forEach((each) => void builder.addRaw(each, blank)));
        // The same row put together by hand, in the domain that the first type asks for.
        const first = types[0] as number;
        const hand = market().build();
        const bytes = new Uint8Array(32 + types.length * 6);
        bytes.set(hand);
        bytes[5] = first >= 80 && first < 100 ? System : domain;
        new DataView(bytes.buffer).setUint32(24, types.length * 6, true);
        for (const [i, each] of types.entries()) bytes.set([each, 4], 32 + i * 6);
        const read = codeOf(() => parseMessage(bytes, { checksum: "none" }));
        // A reader names the place before the domain; a builder stops at the first TLV that is wrong.
        expect(written === "no error").toBe(read === "no error");
        expect(["no error", "BAD_TLV", "DOMAIN_MISMATCH"]).toContain(written);
        reached[written === "no error" ? "taken" : "refused"]++;
      }),
      { numRuns: 1_000 },
    );
    expect(Math.min(reached.taken, reached.refused)).toBeGreaterThan(100);
  });
});

describe("long values", () => {
  const Long = defineTLV(201, "Long", { kind: u8, bytes: rest });
  const longOf = (byteLength: number) => ({ kind: 1, bytes: new Uint8Array(byteLength - 1).fill(7) });

  test.each([
    [0, 2],
    [1, 2],
    [255, 2],
    [256, 5],
    [65_535, 5],
  ])("of %d bytes stand behind a header of %d", (valueBytes, headerBytes) => {
    const bytes = market().addRaw(200, new Uint8Array(valueBytes).fill(3)).build();
    expect(bytes.byteLength).toBe(32 + headerBytes + valueBytes);
    const [tlv] = [...parseMessage(bytes)];
    expect(tlv?.type).toBe(200);
    expect(Buffer.from(tlv?.value ?? []).equals(Buffer.alloc(valueBytes, 3))).toBe(true);
    const isExtended = headerBytes === 5;
    expect([...bytes.subarray(32, 34)]).toEqual(isExtended ? [255, 0] : [200, valueBytes]);
  });

  test.each([255, 256, 65_535])("of %d bytes are the same by object and by flyweight", (valueBytes) => {
    const byObject = market().add(Long, longOf(valueBytes)).build({ timestamp: 1n });
    const builder = market();
    const long = builder.append(Long, { bytes: valueBytes - 1 });
    long.kind = 1;
    long.bytes = longOf(valueBytes).bytes;
    expect(Buffer.from(builder.build({ timestamp: 1n })).equals(byObject)).toBe(true);
    const found = parseMessage(byObject).get(Long)?.bytes ?? new Uint8Array(0);
    expect(Buffer.from(found).equals(longOf(valueBytes).bytes)).toBe(true);
  });

  test("of 65,536 bytes are refused: VALUE_RANGE, by the field's name", () => {
    expect(() => market().add(Long, longOf(65_536))).toThrow(
      expect.objectContaining({ code: "VALUE_RANGE", tlv: "Long", field: "bytes" }),
    );
    expect(codeOf(() => market().append(Long, { bytes: 65_535 }))).toBe("VALUE_RANGE");
  });

  test("that pass the payload's limit together are TOO_LARGE, to the byte", () => {
    const builder = market({ payloadBytesMax: 1_000 });
    const fits = (): TLVBuilder => builder.addRaw(200, new Uint8Array(493)).addRaw(200, new Uint8Array(497));
    expect(fits().build().byteLength).toBe(1_032);
    expect(codeOf(() => fits().addRaw(200, new Uint8Array(0)))).toBe("TOO_LARGE");
    expect(codeOf(() => builder.addRaw(200, new Uint8Array(996)))).toBe("TOO_LARGE");
    expect(parseMessage(fits().build(), { payloadBytesMax: 1_000 }).header.payloadSize).toBe(1_000);
  });

  test("make a message of the default limit, 1 MiB, and no greater", () => {
    const builder = market();
    for (let i = 0; i < 15; i++) builder.addRaw(200, new Uint8Array(65_535));
    const left = (1 << 20) - 15 * 65_540 - 5;
    expect(parseMessage(builder.addRaw(200, new Uint8Array(left)).build()).header.payloadSize).toBe(1 << 20);
    for (let i = 0; i < 15; i++) builder.addRaw(200, new Uint8Array(65_535));
    expect(codeOf(() => builder.addRaw(200, new Uint8Array(left + 1)))).toBe("TOO_LARGE");
  });
});

describe("a flyweight over the next message", () => {
  test("starts zeroed, whatever stood there before, and knows its counts", () => {
    const Note = defineTLV(202, "Note", { textBytes: sizeOf("text", "u8"), level: u8, text });
    const builder = market();
    fc.assert(
      fc.property(fc.nat(30), fc.nat(30), fc.nat(200), (bids, asks, noise) => {
        builder.addRaw(200, new Uint8Array(2_500).fill(noise | 1)).build();
        const book = builder.append(OrderBookTLV, { bids, asks });
        const note = builder.append(Note, { text: 3 });
        expect([book.bids.count, book.asks.count, note.text]).toEqual([bids, asks, "\0\0\0"]);
        const zero = { price: 0n, size: 0n };
        expect(parseMessage(builder.build()).get(OrderBookTLV)).toEqual({
          instrument: expect.objectContaining({ venue: 0, assetType: 0, assetId: 0n }),
          exchangeTimestamp: 0n,
          updateId: 0n,
          chunkIndex: 0,
          chunkCount: 0,
          flags: 0,
          bids: Array.from({ length: bids }, () => zero),
          asks: Array.from({ length: asks }, () => zero),
        });
      }),
    );
  });

  test("filled in place gives the bytes of the object", () => {
    const builder = market();
    const trade = builder.append(TradeTLV);
    trade.instrument = BTC;
    trade.priceUnits = 42;
    trade.volume = 1_500_000n;
    trade.exchangeTimestampUs = 1_755_000_000_000_000;
    trade.side = 1;
    const reference = builder.append(VenueReferenceTLV, { reference: 4 });
    reference.reference = "T-42";
    const byObject = market().add(TradeTLV, tradeOf(42)).add(VenueReferenceTLV, { reference: "T-42" });
    expect(builder.build({ timestamp: 9n })).toEqual(byObject.build({ timestamp: 9n }));
  });

  test("is the same one for each message: nothing is made anew", () => {
    const builder = market();
    const first = builder.append(TradeTLV);
    builder.build();
    expect(builder.append(TradeTLV)).toBe(first);
  });
});

test("whatever objects are added come back from the message", () => {
  let grown = 0;
  const builder = market();
  const part = fc.oneof(
    fc.nat().map((n) => [TradeTLV, tradeOf(n)] as const),
    fc.nat().map((n) => [QuoteTLV, quoteOf(n)] as const),
    fc
      .string({ unit: "grapheme", maxLength: 300, size: "max" })
      .map((reference) => [VenueReferenceTLV, { reference }] as const),
  );
  fc.assert(
    fc.property(fc.array(part, { maxLength: 60, size: "max" }), (parts) => {
      builder.add(TradeTLV, tradeOf(0));
      for (const [tlv, value] of parts) builder.add(tlv as typeof TradeTLV, value as TradeTLV);
      if (builder.byteLength > 4_096) grown++;
      const found = [...parseMessage(builder.build())].slice(1);
      expect(found.map(({ type, value }, i) => [type, parts[i]?.[0].decode(value)])).toEqual(
        parts.map(([tlv, value]) => [tlv.type, value]),
      );
    }),
    { numRuns: 50 },
  );
  expect(grown).toBeGreaterThan(5);
});

test("a builder's errors are ProtocolErrors where the bytes would be wrong", () => {
  expect(() => market().addRaw(0, new Uint8Array(0))).toThrow(ProtocolError);
  expect(() => market().add(SignalIdentityTLV, IDENTITY)).toThrow(ProtocolError);
  expect(() => market().add(HeartbeatTLV, HEARTBEAT).add(TradeTLV, tradeOf(1))).toThrow(ProtocolError);
});
