import { describe, expect, test } from "vitest";
import { ProtocolError, ValueRangeError } from "../../src/protocol/errors.js";
import { InstrumentId } from "../../src/protocol/instrument-id.js";
import { parseMessage } from "../../src/protocol/message.js";
import type { AnyTLV } from "../../src/protocol/schema/tlv.js";
import { AssetType } from "../../src/protocol/tables.js";
import { fromGolden, type GoldenMessage, toGolden, valueOfGolden } from "../../src/testing/golden.js";
import { ALL_TLVS, INTERPRETED_TLVS } from "../tlv-table.js";
import { fromHex, readVectors, toHex } from "../vectors.js";

const CODECS: [string, readonly AnyTLV[]][] = [
  ["generated code", ALL_TLVS],
  ["interpreted schemas", INTERPRETED_TLVS],
];

describe.each(CODECS)("golden messages, %s", (_, tlvs) => {
  const byType = new Map(tlvs.map((tlv) => [tlv.type, tlv]));
  const valid = readVectors<GoldenMessage & { label: string }>("valid");

  test("every valid message gives its header and its values", () => {
    let decoded = 0;
    for (const golden of valid) {
      const { label, checksum } = golden;
      const bytes = fromHex(golden.hex);
      expect(toGolden(bytes, { label, checksum, tlvs })).toEqual(golden);
      for (const { type, value } of parseMessage(bytes, { checksum })) {
        const tlv = byType.get(type);
        if (tlv === undefined) continue;
        expect(tlv.flyweight().wrapBytes(value).toObject(), label).toEqual(tlv.decode(value));
        decoded++;
      }
    }
    expect(decoded).toBeGreaterThan(200);
  });

  test("every valid message is built again from its values, byte for byte", () => {
    for (const golden of valid) expect(toHex(fromGolden(golden, tlvs)), golden.label).toBe(golden.hex);
    expect(valid.length).toBeGreaterThan(200);
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
          expect(tlv.decode(value), label).toEqual(valueOfGolden(tlv.fields, golden.value ?? {}));
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
        tlv.encode(valueOfGolden(tlv.fields, value));
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
