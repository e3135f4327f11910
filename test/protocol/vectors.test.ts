import { describe, expect, test } from "vitest";
import { TLVBuilder } from "../../src/protocol/builder.js";
import { ProtocolError, ValueRangeError } from "../../src/protocol/errors.js";
import { InstrumentId } from "../../src/protocol/instrument-id.js";
import { parseMessage } from "../../src/protocol/message.js";
import type { AnyTLV } from "../../src/protocol/schema/tlv.js";
import { AssetType } from "../../src/protocol/tables.js";
import { ALL_TLVS, INTERPRETED_TLVS } from "../tlv-table.js";
import { fromHex, goldenValue, readVectors, toHex } from "../vectors.js";

interface Valid {
  label: string;
  hex: string;
  checksum: "crc32c" | "crc32";
  header: {
    version: number;
    relayDomain: number;
    source: number;
    sequence: string;
    timestamp: string;
    payloadSize: number;
    checksum: number;
  };
  tlvs: { type: number; name?: string; value?: Record<string, unknown>; raw?: string }[];
}

const CODECS: [string, readonly AnyTLV[]][] = [
  ["generated code", ALL_TLVS],
  ["interpreted schemas", INTERPRETED_TLVS],
];

describe.each(CODECS)("golden messages, %s", (_, tlvs) => {
  const byType = new Map(tlvs.map((tlv) => [tlv.type, tlv]));
  const valid = readVectors<Valid>("valid");

  test("every valid message gives its header and its values", () => {
    let decoded = 0;
    for (const golden of valid) {
      const message = parseMessage(fromHex(golden.hex), { checksum: golden.checksum });
      expect(message.header).toEqual({
        ...golden.header,
        sequence: BigInt(golden.header.sequence),
        timestamp: BigInt(golden.header.timestamp),
      });
      const found = [...message];
      expect(found.map(({ type }) => type)).toEqual(golden.tlvs.map(({ type }) => type));
      found.forEach(({ type, value }, i) => {
        const expected = golden.tlvs[i];
        const tlv = byType.get(type);
        if (tlv === undefined || expected?.value === undefined) return;
        expect(tlv.decode(value), golden.label).toEqual(goldenValue(tlv.fields, expected.value));
        expect(tlv.flyweight().wrapBytes(value).toObject(), golden.label).toEqual(tlv.decode(value));
        decoded++;
      });
    }
    expect(decoded).toBeGreaterThan(60);
  });

  test("every valid message is built again from its values, byte for byte", () => {
    let built = 0;
    for (const golden of valid) {
      if (golden.header.relayDomain === 0) continue;
      const { relayDomain, source, sequence, timestamp } = golden.header;
      const builder = new TLVBuilder({ domain: relayDomain, source });
      const raw = [...parseMessage(fromHex(golden.hex), { checksum: golden.checksum })];
      golden.tlvs.forEach(({ type, value }, i) => {
        const tlv = byType.get(type);
        if (tlv === undefined || value === undefined) builder.addRaw(type, (raw[i] as { value: Uint8Array }).value);
        else builder.add(tlv, goldenValue(tlv.fields, value));
      });
      const bytes = builder.build({
        sequence: BigInt(sequence),
        timestamp: BigInt(timestamp),
        checksum: golden.checksum,
      });
      expect(toHex(bytes), golden.label).toBe(golden.hex);
      built++;
    }
    expect(built).toBe(valid.length);
  });

  test("every invalid message gives exactly its error", () => {
    for (const { label, hex, error } of readVectors<{ label: string; hex: string; error: string }>("invalid")) {
      let found: string | undefined;
      try {
        for (const { type, value } of parseMessage(fromHex(hex))) byType.get(type)?.decode(value);
      } catch (caught) {
        if (!(caught instanceof ProtocolError)) throw caught;
        found = caught.code;
      }
      expect(found, label).toBe(error);
    }
  });

  test("what a reader must tolerate is read", () => {
    interface Tolerated {
      label: string;
      hex: string;
      tlvs: { type: number; value?: Record<string, unknown>; raw?: string }[];
    }
    for (const { label, hex, tlvs: expected } of readVectors<Tolerated>("tolerated")) {
      const found = [...parseMessage(fromHex(hex))];
      expect(
        found.map(({ type }) => type),
        label,
      ).toEqual(expected.map(({ type }) => type));
      found.forEach(({ type, value }, i) => {
        const tlv = byType.get(type);
        const golden = expected[i] as Tolerated["tlvs"][number];
        if (golden.raw !== undefined) expect(toHex(value), label).toBe(golden.raw);
        else if (tlv !== undefined)
          expect(tlv.decode(value), label).toEqual(goldenValue(tlv.fields, golden.value ?? {}));
      });
    }
  });

  test("what no field can hold is refused, by the field's name", () => {
    const byName = new Map(tlvs.map((tlv) => [tlv.name, tlv]));
    let refused = 0;
    for (const { name, field, value } of readVectors<{ name: string; field: string; value: Record<string, unknown> }>(
      "unencodable",
    )) {
      const tlv = byName.get(name);
      if (tlv === undefined) continue;
      let caught: unknown;
      try {
        tlv.encode(goldenValue(tlv.fields, value));
      } catch (error) {
        caught = error;
      }
      expect(caught, `${name}.${field}`).toBeInstanceOf(ValueRangeError);
      expect((caught as ValueRangeError).code).toBe("VALUE_RANGE");
      expect((caught as ValueRangeError).tlv).toBe(name);
      expect((caught as ValueRangeError).field.split(".")[0], `${name}.${field}`).toBe(field);
      refused++;
    }
    expect(refused).toBeGreaterThan(40);
  });
});

test("golden instrument ids, both ways", () => {
  interface GoldenId {
    kind: "symbol" | "address" | "pair";
    venue: number;
    assetType: number;
    from: string | string[];
    assetId: string;
    bytes: string;
  }
  for (const { kind, venue, assetType, from, assetId, bytes } of readVectors<GoldenId>("instrument-ids")) {
    const id =
      kind === "symbol"
        ? InstrumentId.of(venue, assetType, from as string)
        : kind === "address"
          ? InstrumentId.ofAddress(venue, assetType, from as string)
          : InstrumentId.ofPair(
              venue,
              new InstrumentId(venue, AssetType.Token, BigInt(from[0] as string)),
              new InstrumentId(venue, AssetType.Token, BigInt(from[1] as string)),
            );
    expect(id.assetId, String(from)).toBe(BigInt(assetId));
    const status = ALL_TLVS.find((tlv) => tlv.name === "InstrumentStatus") as AnyTLV;
    const encoded = status.encode({ timestamp: 0n, instrument: id, status: 1, reason: 0 });
    expect(toHex(encoded.subarray(8, 20))).toBe(bytes);
    if (kind === "symbol" && /^([\x21-\x7e]{1,8}|[A-Z0-9-]{9,12})$/.test(from as string)) expect(id.symbol).toBe(from);
    else expect(id.symbol).toBeUndefined();
  }
});
