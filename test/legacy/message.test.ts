import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { LEGACY_STRUCTS, type LegacyKind } from "../../src/legacy/types.js";
import { encodeLegacyMessage, type LegacyMessageInput, LegacyType, parseLegacyMessage } from "../../src/legacy.js";
import { AlphaPulseError, ProtocolError, ValueRangeError } from "../../src/protocol/errors.js";
import { Struct } from "../../src/protocol/schema/struct.js";
import { valueOfGolden } from "../../src/testing/golden.js";
import { fromHex, readVectors, toHex } from "../vectors.js";
import { BODY_BYTES, bytesFrom, SAMPLES } from "./samples.js";

interface Golden {
  readonly label: string;
  readonly messageType: number;
  readonly source: number;
  readonly sequence: string;
  readonly timestamp: string;
  readonly fields: Readonly<Record<string, unknown>>;
  readonly hex: string;
}

const GOLDEN = readVectors<Golden>("legacy");
const KINDS = Object.keys(SAMPLES) as LegacyKind[];

/** The code of the ProtocolError that reading gives, or the kind of what was read. */
function outcomeOf(bytes: Uint8Array, checksum: "crc32" | "none" = "crc32"): string {
  try {
    return parseLegacyMessage(bytes, { checksum }).kind;
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    const { offset } = error;
    expect(offset !== undefined && offset >= 0 && offset <= bytes.byteLength).toBe(true);
    return error.code;
  }
}

describe("golden messages of the first version", () => {
  test.each(GOLDEN.map((golden) => [golden.label, golden] as const))(
    "%s gives its header and its values",
    (_, golden) => {
      const message = parseLegacyMessage(fromHex(golden.hex));
      expect(message.header).toMatchObject({
        messageType: golden.messageType,
        version: 1,
        source: golden.source,
        flags: 0,
        payloadSize: golden.hex.length / 2 - 32,
        sequence: BigInt(golden.sequence),
        timestamp: BigInt(golden.timestamp),
      });
      expect(message.kind).not.toBe("Unknown");
      const { fields } = LEGACY_STRUCTS[message.kind as LegacyKind];
      expect(message.body).toEqual(valueOfGolden(fields, golden.fields));
    },
  );

  test.each(GOLDEN.map((golden) => [golden.label, golden] as const))(
    "%s is written again, byte for byte",
    (_, golden) => {
      const message = parseLegacyMessage(fromHex(golden.hex));
      expect(toHex(encodeLegacyMessage(message))).toBe(golden.hex);
      const { source, sequence, timestamp } = golden;
      const kind = message.kind as LegacyKind;
      const body = valueOfGolden(LEGACY_STRUCTS[kind].fields, golden.fields);
      const header = { source, sequence: BigInt(sequence), timestamp: BigInt(timestamp) };
      expect(toHex(encodeLegacyMessage({ kind, header, body } as unknown as LegacyMessageInput))).toBe(golden.hex);
    },
  );
});

describe("a message of the first version", () => {
  test.each(KINDS)("%s has the size that its fields have", (kind) => {
    expect(LEGACY_STRUCTS[kind].layout.fixedBytes).toBe(BODY_BYTES[kind]);
  });

  test.each(KINDS)("%s comes back from its bytes", (kind) => {
    const sample = SAMPLES[kind];
    const bytes = encodeLegacyMessage(sample);
    const message = parseLegacyMessage(bytes);
    expect(message).toMatchObject({ kind, header: { ...sample.header, messageType: LegacyType[kind], flags: 0 } });
    expect(message.body).toEqual(sample.body);
    expect(toHex(encodeLegacyMessage(message))).toBe(toHex(bytes));
  });

  test("has its extensions at byte 312, and says so", () => {
    const bytes = encodeLegacyMessage(SAMPLES.DeFiSignal);
    const view = new DataView(bytes.buffer);
    expect(view.getUint16(304, true)).toBe(312);
    expect(view.getUint16(306, true)).toBe(44 + 32 + 45);
    expect([...bytes.subarray(312, 314)]).toEqual([1, 42]);
    expect(bytes.byteLength).toBe(312 + 44 + 32 + 45);
  });

  test("of a type whose body is not known is handed over raw", () => {
    const body = bytesFrom(1, 10);
    const header = { ...SAMPLES.Trade.header, messageType: LegacyType.Fill, flags: 129 };
    const bytes = encodeLegacyMessage({ kind: "Unknown", header, body });
    const message = parseLegacyMessage(bytes);
    expect(message).toMatchObject({ kind: "Unknown", header });
    expect(message.body).toEqual(body);
    expect(encodeLegacyMessage(message)).toEqual(bytes);
  });

  test("may be a header alone, of a type that is not known", () => {
    const header = { source: 1, messageType: 200 };
    const bytes = encodeLegacyMessage({ kind: "Unknown", header, body: new Uint8Array() });
    expect(bytes.byteLength).toBe(32);
    expect(parseLegacyMessage(bytes, { payloadBytesMax: 16 << 20 }).body).toEqual(new Uint8Array());
  });

  test("may have another number for DeFi signals, which the first version does not say", () => {
    const bytes = encodeLegacyMessage(SAMPLES.DeFiSignal, { defiSignalType: 37 });
    expect(bytes[4]).toBe(37);
    expect(parseLegacyMessage(bytes).kind).toBe("Unknown");
    expect(parseLegacyMessage(bytes, { defiSignalType: 37 }).body).toEqual(SAMPLES.DeFiSignal.body);
    expect(parseLegacyMessage(encodeLegacyMessage(SAMPLES.Trade), { defiSignalType: 37 }).kind).toBe("Trade");
  });

  test("is read within a larger buffer, and its bytes are copies", () => {
    const bytes = encodeLegacyMessage(SAMPLES.MevOpportunity);
    const larger = new Uint8Array(bytes.byteLength + 20);
    larger.set(bytes, 13);
    const message = parseLegacyMessage(larger.subarray(13, 13 + bytes.byteLength));
    larger.fill(0);
    expect(message.body).toEqual(SAMPLES.MevOpportunity.body);
  });

  test("is the same by interpreted schemas", () => {
    for (const kind of KINDS) {
      const { name, fields } = LEGACY_STRUCTS[kind];
      const bytes = encodeLegacyMessage(SAMPLES[kind]);
      const view = new DataView(bytes.buffer);
      const decoded = new Struct(name, fields, false).decodeAt(view, 32, bytes.byteLength - 32);
      expect(decoded, kind).toEqual(LEGACY_STRUCTS[kind].decodeAt(view, 32, bytes.byteLength - 32));
      expect(toHex(new Struct(name, fields, false).encode(decoded)), kind).toBe(toHex(bytes.subarray(32)));
    }
  });
});

describe("a reader of the first version", () => {
  test("checks in the protocol's order", () => {
    // Every fault at once; mended one after the other, each check shows the next.
    const bytes = new Uint8Array(encodeLegacyMessage(SAMPLES.Trade));
    const set = (at: number, ...given: number[]): void => bytes.set(given, at);
    const found: string[] = [];
    set(0, 1);
    set(5, 2);
    set(8, 0, 0, 0, 1);
    set(28, 1, 2, 3, 4);
    found.push(outcomeOf(bytes.subarray(0, 31)), outcomeOf(bytes));
    set(0, 0xef);
    found.push(outcomeOf(bytes));
    set(5, 1);
    found.push(outcomeOf(bytes));
    set(8, 33, 0, 0, 0);
    found.push(outcomeOf(bytes));
    set(8, 31, 0, 0, 0);
    found.push(outcomeOf(bytes));
    set(8, 32, 0, 0, 0);
    found.push(outcomeOf(bytes));
    set(4, LegacyType.Quote);
    found.push(outcomeOf(bytes, "none"));
    expect(found).toEqual([
      "TRUNCATED",
      "BAD_MAGIC",
      "UNSUPPORTED_VERSION",
      "TOO_LARGE",
      "TRUNCATED",
      "SIZE_MISMATCH",
      "CHECKSUM_MISMATCH",
      "BAD_LENGTH",
    ]);
  });

  test("holds a payload against its limit", () => {
    const bytes = encodeLegacyMessage(SAMPLES.Quote);
    expect(parseLegacyMessage(bytes, { payloadBytesMax: 48 }).kind).toBe("Quote");
    expect(() => parseLegacyMessage(bytes, { payloadBytesMax: 47 })).toThrow(
      expect.objectContaining({ code: "TOO_LARGE" }),
    );
  });

  test.each([[{ payloadBytesMax: -1 }], [{ payloadBytesMax: (16 << 20) + 1 }], [{ checksum: "crc32c" as "crc32" }]])(
    "refuses the options %j",
    (options) => {
      const read = () => parseLegacyMessage(encodeLegacyMessage(SAMPLES.Trade), options);
      expect(read).toThrow(expect.objectContaining({ code: "BAD_OPTION" }));
      expect(read).toThrow(AlphaPulseError);
    },
  );

  test.each([
    ["an extension that passes the end of the row", [9, 1, 1, 9, 3, 1, 2], "TLV_TRUNCATED", 315],
    ["a row that ends in a header", [9, 1, 1, 9], "TLV_TRUNCATED", 315],
    ["an extension of no bytes", [9, 0], "DeFiSignal", undefined],
    ["an extension of type 0, which only its reader can judge", [0, 1, 7], "DeFiSignal", undefined],
  ])("takes %s for what it is", (_, row, outcome, offset) => {
    const filler = { type: 9, value: new Uint8Array(row.length - 2) };
    const bytes = encodeLegacyMessage({
      ...SAMPLES.DeFiSignal,
      body: { ...SAMPLES.DeFiSignal.body, extensions: [filler] },
    });
    bytes.set(row, 312);
    expect(outcomeOf(bytes, "none")).toBe(outcome);
    if (offset === undefined) return;
    expect(() => parseLegacyMessage(bytes, { checksum: "none" })).toThrow(expect.objectContaining({ offset }));
  });

  test("refuses extensions that are said to stand elsewhere, and minds no place where there are none", () => {
    for (const [extensions, outcome] of [
      [SAMPLES.DeFiSignal.body.extensions, "BAD_TLV"],
      [[], "DeFiSignal"],
    ] as const) {
      const bytes = encodeLegacyMessage({ ...SAMPLES.DeFiSignal, body: { ...SAMPLES.DeFiSignal.body, extensions } });
      new DataView(bytes.buffer).setUint16(304, 256, true);
      expect(outcomeOf(bytes, "none")).toBe(outcome);
      if (outcome !== "BAD_TLV") continue;
      expect(() => parseLegacyMessage(bytes, { checksum: "none" })).toThrow("256, expected 312 at byte 304");
    }
  });

  test("refuses a symbol that is not UTF-8", () => {
    const bytes = encodeLegacyMessage(SAMPLES.InstrumentDiscovered);
    bytes[48] = 0xff;
    expect(outcomeOf(bytes, "none")).toBe("BAD_TEXT");
  });

  const original = fc.constantFrom(
    ...GOLDEN.map(({ hex }) => fromHex(hex)),
    ...KINDS.map((kind) => encodeLegacyMessage(SAMPLES[kind])),
  );
  const change = fc.record({
    kind: fc.constantFrom("set", "cut", "put", "take"),
    at: fc.nat(),
    byte: fc.integer({ min: 0, max: 255 }),
  });

  test.each(["none", "crc32"] as const)("makes a message or a ProtocolError of any bytes (checksum %s)", (checksum) => {
    const outcomes = new Map<string, number>();
    fc.assert(
      fc.property(original, fc.array(change, { maxLength: 4 }), fc.boolean(), (bytes, changes, mend) => {
        const all = [...bytes];
        for (const { kind, at, byte } of changes) {
          const place = at % (all.length + 1);
          if (kind === "set" && all.length > 0) all[Math.min(place, all.length - 1)] = byte;
          else if (kind === "cut") all.length = place;
          else if (kind === "put") all.splice(place, 0, byte);
          else all.splice(place, 1);
        }
        const mutated = Uint8Array.from(all);
        // With a true size the body is reached, whatever was put in or taken out.
        if (mend && mutated.byteLength >= 32) new DataView(mutated.buffer).setUint32(8, mutated.byteLength - 32, true);
        const outcome = outcomeOf(mutated, checksum);
        outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
      }),
      { numRuns: 3_000 },
    );
    const deep = checksum === "none" ? ["Unknown", "BAD_LENGTH", "BAD_TEXT"] : ["CHECKSUM_MISMATCH"];
    const wanted = [...KINDS, "TRUNCATED", "BAD_MAGIC", "SIZE_MISMATCH", "UNSUPPORTED_VERSION", ...deep];
    expect([...outcomes.keys()]).toEqual(expect.arrayContaining(wanted));
  });

  test("takes any row of extensions apart without a loss, or finds it cut", () => {
    const outcomes = new Map<string, number>();
    const { body } = SAMPLES.DeFiSignal;
    fc.assert(
      fc.property(fc.uint8Array({ size: "max", maxLength: 40 }), (row) => {
        const room = row.byteLength < 2 ? [] : [{ type: 1, value: new Uint8Array(row.byteLength - 2) }];
        const bytes = encodeLegacyMessage({ ...SAMPLES.DeFiSignal, body: { ...body, extensions: room } });
        if (room.length > 0) bytes.set(row, 312);
        const outcome = outcomeOf(bytes, "none");
        outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
        if (outcome !== "DeFiSignal") return;
        const again = encodeLegacyMessage(parseLegacyMessage(bytes, { checksum: "none" }));
        expect(again.subarray(312)).toEqual(bytes.subarray(312));
      }),
      { numRuns: 500 },
    );
    expect(outcomes.get("DeFiSignal")).toBeGreaterThan(10);
    expect(outcomes.get("TLV_TRUNCATED")).toBeGreaterThan(100);
    expect(outcomes.size).toBe(2);
  });

  test("makes a message or a ProtocolError of arbitrary bytes, and nothing else", () => {
    const outcomes = new Set<string>();
    const start = fc.constantFrom([], [0xef, 0xbe, 0xad, 0xde], [0xef, 0xbe, 0xad, 0xde, 1, 1]);
    fc.assert(
      fc.property(start, fc.uint8Array({ size: "max", maxLength: 1_000 }), (first, bytes) => {
        outcomes.add(outcomeOf(Uint8Array.from([...first, ...bytes])));
      }),
      { numRuns: 300 },
    );
    expect([...outcomes]).toEqual(
      expect.arrayContaining(["BAD_MAGIC", "TRUNCATED", "UNSUPPORTED_VERSION", "TOO_LARGE"]),
    );
  });
});

describe("a writer of the first version", () => {
  test.each<[string, LegacyMessageInput]>([
    ["a source beyond 8 bits", { ...SAMPLES.Trade, header: { source: 256 } }],
    ["a chain beyond 8 bits", { ...SAMPLES.MevOpportunity, body: { ...SAMPLES.MevOpportunity.body, chainId: 42_161 } }],
    [
      "an amount of more than 18.4 ether",
      { ...SAMPLES.MevOpportunity, body: { ...SAMPLES.MevOpportunity.body, estimatedProfitWei: 2n ** 64n } },
    ],
    [
      "an extension of 256 bytes",
      {
        ...SAMPLES.DeFiSignal,
        body: { ...SAMPLES.DeFiSignal.body, extensions: [{ type: 1, value: new Uint8Array(256) }] },
      },
    ],
    [
      "an extension of type 256",
      {
        ...SAMPLES.DeFiSignal,
        body: { ...SAMPLES.DeFiSignal.body, extensions: [{ type: 256, value: new Uint8Array(1) }] },
      },
    ],
    [
      "an extension of type -1",
      {
        ...SAMPLES.DeFiSignal,
        body: { ...SAMPLES.DeFiSignal.body, extensions: [{ type: -1, value: new Uint8Array(1) }] },
      },
    ],
    [
      "an extension of type 1.5",
      {
        ...SAMPLES.DeFiSignal,
        body: { ...SAMPLES.DeFiSignal.body, extensions: [{ type: 1.5, value: new Uint8Array(1) }] },
      },
    ],
    [
      "a symbol of 256 bytes",
      { ...SAMPLES.InstrumentDiscovered, body: { ...SAMPLES.InstrumentDiscovered.body, symbol: "x".repeat(256) } },
    ],
  ])("refuses %s", (_, message) => {
    expect(() => encodeLegacyMessage(message)).toThrow(ValueRangeError);
  });

  test("takes extensions up to their limits, and none at all", () => {
    const { extensions, ...body } = SAMPLES.DeFiSignal.body;
    expect(extensions).toHaveLength(3);
    const widest = [{ type: 255, value: bytesFrom(1, 255) }];
    for (const given of [widest, undefined]) {
      const input = { ...SAMPLES.DeFiSignal, body: given === undefined ? body : { ...body, extensions: given } };
      expect(parseLegacyMessage(encodeLegacyMessage(input)).body).toEqual({ ...body, extensions: given ?? [] });
    }
  });

  test("writes 0 for a header's fields that are not given", () => {
    const { header } = parseLegacyMessage(encodeLegacyMessage({ ...SAMPLES.Trade, header: { source: 3 } }));
    expect(header).toMatchObject({ source: 3, sequence: 0n, timestamp: 0n, flags: 0 });
  });
});
