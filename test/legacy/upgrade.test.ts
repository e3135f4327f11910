import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { LegacyKind } from "../../src/legacy/types.js";
import {
  addLegacyMessage,
  encodeLegacyMessage,
  LegacyError,
  type LegacyMessage,
  type LegacyMessageInput,
  LegacyType,
  parseLegacyMessage,
  upgradeLegacyMessage,
} from "../../src/legacy.js";
import { TLVBuilder } from "../../src/protocol/builder.js";
import { ProtocolError } from "../../src/protocol/errors.js";
import { type Message, parseMessage } from "../../src/protocol/message.js";
import type { AnyTLV } from "../../src/protocol/schema/tlv.js";
import { RelayDomain } from "../../src/protocol/tables.js";
import {
  DeFiSignalTLV,
  LiquidityImbalanceTLV,
  MevOpportunityTLV,
  PoolArbitrageSignalTLV,
} from "../../src/tlvs/defi.js";
import {
  MevBundleTLV,
  PoolAddressesTLV,
  SlippageModelTLV,
  TertiaryVenueTLV,
  VenueReferenceTLV,
} from "../../src/tlvs/extension.js";
import { InstrumentDiscoveredTLV, PoolDiscoveredTLV, QuoteTLV, TradeTLV } from "../../src/tlvs/market-data.js";
import { ArbitrageSignalTLV } from "../../src/tlvs/signal.js";
import { ALL_TLVS } from "../tlv-table.js";
import { fromHex, readVectors } from "../vectors.js";
import { BTC, bytesFrom, POOL, SAMPLES, TOKENS } from "./samples.js";

/** The TLV that each kind goes over to, and what it holds. */
const EXPECTED: readonly [LegacyKind, AnyTLV, number, object][] = [
  ["Trade", TradeTLV, RelayDomain.MarketData, { ...SAMPLES.Trade.body, exchangeTimestamp: 0n }],
  ["Quote", QuoteTLV, RelayDomain.MarketData, { ...SAMPLES.Quote.body, exchangeTimestamp: 0n }],
  [
    "InstrumentDiscovered",
    InstrumentDiscoveredTLV,
    RelayDomain.MarketData,
    { instrument: BTC, priceDecimals: 8, sizeDecimals: 8, symbol: "BTC-USD ₿", metadata: new Uint8Array() },
  ],
  [
    "PoolDiscovered",
    InstrumentDiscoveredTLV,
    RelayDomain.MarketData,
    { instrument: POOL, priceDecimals: 18, sizeDecimals: 18, symbol: "USDC/WETH", metadata: Uint8Array.of(0x80) },
  ],
  ["ArbitrageOpportunity", ArbitrageSignalTLV, RelayDomain.Signal, { ...SAMPLES.ArbitrageOpportunity.body, legs: [] }],
  ["DeFiSignal", DeFiSignalTLV, RelayDomain.Signal, withoutExtensions(SAMPLES.DeFiSignal.body)],
  ["PoolArbitrageSignal", PoolArbitrageSignalTLV, RelayDomain.Signal, SAMPLES.PoolArbitrageSignal.body],
  ["LiquidityImbalance", LiquidityImbalanceTLV, RelayDomain.Signal, SAMPLES.LiquidityImbalance.body],
  ["MevOpportunity", MevOpportunityTLV, RelayDomain.Signal, SAMPLES.MevOpportunity.body],
];

function withoutExtensions({ extensions, ...body }: { readonly extensions: unknown } & object): object {
  expect(extensions).toBeDefined();
  return body;
}

/** A DeFi signal with these extensions, as bytes of the first version. */
function signalWith(...extensions: { type: number; value: Uint8Array }[]): Uint8Array {
  return encodeLegacyMessage({ ...SAMPLES.DeFiSignal, body: { ...SAMPLES.DeFiSignal.body, extensions } });
}

/** Upgrades without looking at the checksum, and reads all of the result; the code where that fails. */
function outcomeOf(bytes: Uint8Array): string {
  try {
    const message = parseMessage(upgradeLegacyMessage(bytes, { read: { checksum: "none" } }).bytes);
    for (const { type, value } of message) ALL_TLVS.find((tlv) => tlv.type === type)?.decode(value);
    return "upgraded";
  } catch (error) {
    if (!(error instanceof ProtocolError || error instanceof LegacyError)) throw error;
    return error.code;
  }
}

const typesOf = (message: Message): number[] => [...message].map(({ type }) => type);

describe("an upgraded message", () => {
  test.each(EXPECTED)("%s holds every value of the old one in its TLV", (kind, tlv, domain, value) => {
    const { bytes, notes } = upgradeLegacyMessage(encodeLegacyMessage(SAMPLES[kind]));
    const message = parseMessage(bytes);
    expect(message.header).toMatchObject({ ...SAMPLES[kind].header, relayDomain: domain, version: 1 });
    expect(typesOf(message)[0]).toBe(tlv.type);
    expect(message.get(tlv)).toEqual(value);
    expect(notes.map(({ field }) => field)).toEqual(kind === "PoolDiscovered" ? ["kind"] : []);
  });

  test("is made of each golden message, with its source and time stamp", () => {
    for (const { label, hex, source, sequence, timestamp } of readVectors<{
      label: string;
      hex: string;
      source: number;
      sequence: string;
      timestamp: string;
    }>("legacy")) {
      const legacy = parseLegacyMessage(fromHex(hex));
      const { bytes, notes } = upgradeLegacyMessage(legacy);
      const { header } = parseMessage(bytes);
      expect(header).toMatchObject({ source, timestamp: BigInt(timestamp) });
      const isSafe = BigInt(sequence) <= BigInt(Number.MAX_SAFE_INTEGER);
      expect(header.sequence, label).toBe(isSafe ? BigInt(sequence) : 0n);
      expect(notes.map(({ field }) => field)).toEqual(isSafe ? [] : ["header.sequence"]);
      expect([...parseMessage(bytes)]).toHaveLength(1);
      const [, tlv, , value] = EXPECTED.find(([kind]) => kind === legacy.kind) as (typeof EXPECTED)[number];
      const names = Object.keys(value).sort();
      const upgraded = parseMessage(bytes).get(tlv) as Record<string, unknown>;
      expect(Object.keys(upgraded).sort()).toEqual(names);
      for (const [name, old] of Object.entries(legacy.body)) expect(upgraded[name], `${label}: ${name}`).toEqual(old);
    }
  });

  test("carries the extensions behind the signal, in their order", () => {
    const message = parseMessage(upgradeLegacyMessage(encodeLegacyMessage(SAMPLES.DeFiSignal)).bytes);
    expect(typesOf(message)).toEqual([29, 101, 102, 103]);
    expect(message.get(PoolAddressesTLV)).toEqual({ venueAPool: bytesFrom(81, 20), venueBPool: bytesFrom(101, 20) });
    expect(message.get(TertiaryVenueTLV)).toEqual({ venueCRouter: bytesFrom(5, 20), venueCType: 3, feeCPpm: 200_000 });
    expect(message.get(MevBundleTLV)).toMatchObject({ maxBundleSize: 18, targetBlockRange: 27 });
  });

  test("can be stamped anew: source, sequence and checksum", () => {
    const { bytes, notes } = upgradeLegacyMessage(
      encodeLegacyMessage({ ...SAMPLES.Trade, header: { source: 3, sequence: 2n ** 64n - 1n } }),
      { source: 1_000, sequence: 5, checksum: "crc32" },
    );
    expect(parseMessage(bytes, { checksum: "crc32" }).header).toMatchObject({ source: 1_000, sequence: 5n });
    expect(notes).toEqual([]);
  });

  test.each([
    [2n ** 53n - 1n, 2n ** 53n - 1n, 0],
    [2n ** 53n, 0n, 1],
  ])("of sequence %d has sequence %d", (sequence, expected, noted) => {
    const old = encodeLegacyMessage({ ...SAMPLES.Trade, header: { source: 1, sequence } });
    const { bytes, notes } = upgradeLegacyMessage(old);
    expect(parseMessage(bytes).header.sequence).toBe(expected);
    expect(notes).toHaveLength(noted);
    if (noted > 0) expect(notes[0]).toMatchObject({ field: "header.sequence", value: sequence });
  });

  test("can be built by hand, with extensions of one's own", () => {
    const builder = new TLVBuilder({ domain: RelayDomain.MarketData, source: 1_000 });
    const legacy = parseLegacyMessage(encodeLegacyMessage(SAMPLES.Trade));
    expect(addLegacyMessage(builder, legacy)).toEqual([]);
    const message = parseMessage(builder.add(VenueReferenceTLV, { reference: "4711" }).build());
    expect(typesOf(message)).toEqual([1, 105]);
    const other = new TLVBuilder({ domain: RelayDomain.Signal, source: 1_000 });
    expect(() => addLegacyMessage(other, legacy)).toThrow(expect.objectContaining({ code: "DOMAIN_MISMATCH" }));
  });

  test("of a pool whose details are given is a PoolDiscovered", () => {
    const details = {
      ...TOKENS,
      poolAddress: bytesFrom(1, 20),
      token0Address: bytesFrom(2, 20),
      token1Address: bytesFrom(3, 20),
      feePpm: 3_000,
      token0Decimals: 6,
      token1Decimals: 18,
      poolType: 2,
    };
    const { bytes, notes } = upgradeLegacyMessage(encodeLegacyMessage(SAMPLES.PoolDiscovered), {
      pool: ({ symbol }) => (symbol === "USDC/WETH" ? details : undefined),
    });
    expect(parseMessage(bytes).get(PoolDiscoveredTLV)).toEqual({ ...details, pool: POOL, symbol: "USDC/WETH" });
    expect(notes).toMatchObject([
      { field: "decimals", value: 18 },
      { field: "metadata", value: Uint8Array.of(0x80) },
    ]);
    const plain = { ...SAMPLES.PoolDiscovered, body: { ...SAMPLES.PoolDiscovered.body, metadata: new Uint8Array() } };
    const upgraded = upgradeLegacyMessage(encodeLegacyMessage(plain), { pool: () => details });
    expect(upgraded.notes.map(({ field }) => field)).toEqual(["decimals"]);
  });
});

describe("what does not go over as it was is noted", () => {
  const NOTED: readonly [string, Uint8Array, { field: string; value: unknown }][] = [
    [
      "flags of the header",
      encodeLegacyMessage({ ...SAMPLES.Trade, header: { source: 1, flags: 128 } }),
      { field: "header.flags", value: 128 },
    ],
    [
      "metadata that is no MessagePack map",
      encodeLegacyMessage({
        ...SAMPLES.InstrumentDiscovered,
        body: { ...SAMPLES.InstrumentDiscovered.body, metadata: Uint8Array.of(0x7b, 0x7d) },
      }),
      { field: "metadata", value: Uint8Array.of(0x7b, 0x7d) },
    ],
    [
      "an extension to which nothing corresponds",
      signalWith({ type: 100, value: Uint8Array.of(1) }),
      { field: "extensions", value: { type: 100, value: Uint8Array.of(1) } },
    ],
    [
      "an extension without a known layout, of another length than ours",
      signalWith({ type: 4, value: new Uint8Array(15) }),
      { field: "extensions", value: { type: 4, value: new Uint8Array(15) } },
    ],
  ];

  test.each(NOTED)("%s", (_, old, note) => {
    const { bytes, notes } = upgradeLegacyMessage(old);
    expect(notes).toMatchObject([note]);
    expect(typesOf(parseMessage(bytes))).toHaveLength(1);
  });

  test.each(NOTED)("%s: with `strict` it is an error", (_, old) => {
    const upgrade = () => upgradeLegacyMessage(old, { strict: true });
    expect(upgrade).toThrow(LegacyError);
    expect(upgrade).toThrow(expect.objectContaining({ code: "LOSSY_UPGRADE" }));
  });

  test("metadata goes over byte for byte all the same", () => {
    const { bytes } = upgradeLegacyMessage((NOTED[1] as (typeof NOTED)[number])[1]);
    expect(parseMessage(bytes).get(InstrumentDiscoveredTLV)?.metadata).toEqual(Uint8Array.of(0x7b, 0x7d));
  });

  test.each([
    [0x7f, 1],
    [0x80, 0],
    [0x8f, 0],
    [0x90, 1],
    [0xdd, 1],
    [0xde, 0],
    [0xdf, 0],
    [0xe0, 1],
  ])("metadata that begins with byte %d: %d notes", (first, count) => {
    const body = { ...SAMPLES.InstrumentDiscovered.body, metadata: Uint8Array.of(first, 1) };
    const { notes } = upgradeLegacyMessage(encodeLegacyMessage({ ...SAMPLES.InstrumentDiscovered, body }));
    expect(notes).toHaveLength(count);
  });

  test("with `strict` the first is named, and the others are counted", () => {
    const extension = { type: 100, value: Uint8Array.of(1) };
    const upgrade = (...extensions: (typeof extension)[]) =>
      upgradeLegacyMessage(signalWith(...extensions), { strict: true });
    expect(() => upgrade(extension)).toThrow(/extensions: lost: no extension corresponds to this type; without/);
    expect(() => upgrade(extension, extension, extension)).toThrow("type 29 (DeFiSignal) does not go over whole");
    expect(() => upgrade(extension, extension, extension)).toThrow("this type, and 2 more; without");
  });

  test("nothing where all goes over, so that `strict` lets it pass", () => {
    for (const sample of Object.values(SAMPLES) as LegacyMessageInput[]) {
      if (sample.kind !== "PoolDiscovered") upgradeLegacyMessage(encodeLegacyMessage(sample), { strict: true });
    }
  });

  test("an extension without a known layout, as long as ours, is taken for ours", () => {
    const value = SlippageModelTLV.encode({ baseBps: 1, linearBps: 2, quadraticBps: 3, maxBps: 4 });
    const { bytes, notes } = upgradeLegacyMessage(signalWith({ type: 4, value }));
    expect(notes).toEqual([]);
    expect(parseMessage(bytes).get(SlippageModelTLV)).toEqual({ baseBps: 1, linearBps: 2, quadraticBps: 3, maxBps: 4 });
  });
});

describe("what cannot go over", () => {
  test("is NO_UPGRADE where the body is not known, by its name", () => {
    const legacy: LegacyMessage = parseLegacyMessage(
      encodeLegacyMessage({
        kind: "Unknown",
        header: { source: 1, messageType: LegacyType.Fill },
        body: bytesFrom(1, 9),
      }),
    );
    const builder = new TLVBuilder({ domain: RelayDomain.Execution, source: 1 });
    for (const upgrade of [() => upgradeLegacyMessage(legacy), () => addLegacyMessage(builder, legacy)]) {
      expect(upgrade).toThrow(expect.objectContaining({ code: "NO_UPGRADE" }));
      expect(upgrade).toThrow("type 42 (Fill)");
    }
  });

  test("is BAD_LENGTH where an extension of a known layout has another length, such as the first version states", () => {
    for (const [type, stated] of [
      [1, 41],
      [2, 22],
      [3, 38],
    ] as const) {
      const old = signalWith({ type, value: new Uint8Array(stated) });
      expect(() => upgradeLegacyMessage(old)).toThrow(expect.objectContaining({ code: "BAD_LENGTH" }));
    }
  });

  test("drops the message that was being built, so that the builder is used again", () => {
    const builder = new TLVBuilder({ domain: RelayDomain.Signal, source: 1 });
    const bad = parseLegacyMessage(signalWith({ type: 1, value: new Uint8Array(41) }));
    expect(() => addLegacyMessage(builder, bad)).toThrow(expect.objectContaining({ code: "BAD_LENGTH" }));
    addLegacyMessage(builder, parseLegacyMessage(encodeLegacyMessage(SAMPLES.MevOpportunity)));
    expect(typesOf(parseMessage(builder.build()))).toEqual([33]);
  });

  test("is an error with a code: any bytes give a valid message, a ProtocolError or a LegacyError", () => {
    const originals = (Object.values(SAMPLES) as LegacyMessageInput[]).map((sample) => encodeLegacyMessage(sample));
    const outcomes = new Map<string, number>();
    const change = fc.record({ at: fc.nat(), byte: fc.integer({ min: 0, max: 255 }) });
    fc.assert(
      fc.property(fc.constantFrom(...originals), fc.array(change, { maxLength: 3 }), (original, changes) => {
        const bytes = original.slice();
        for (const { at, byte } of changes) bytes[4 + (at % (bytes.byteLength - 4))] = byte;
        const outcome = outcomeOf(bytes);
        outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
      }),
      { numRuns: 2_000 },
    );
    expect([...outcomes.keys()]).toEqual(expect.arrayContaining(["upgraded", "NO_UPGRADE", "BAD_LENGTH"]));
    expect(outcomes.get("upgraded")).toBeGreaterThan(500);
  });

  test("is what reading it gives", () => {
    const bytes = encodeLegacyMessage(SAMPLES.Trade);
    bytes[40] = (bytes[40] as number) ^ 1;
    expect(() => upgradeLegacyMessage(bytes)).toThrow(expect.objectContaining({ code: "CHECKSUM_MISMATCH" }));
    expect(upgradeLegacyMessage(bytes, { read: { checksum: "none" } }).notes).toEqual([]);
  });
});
