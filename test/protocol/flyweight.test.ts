import { describe, expect, expectTypeOf, test } from "vitest";
import { InstrumentId } from "../../src/protocol/instrument-id.js";
import {
  blob,
  bytes,
  group,
  i64,
  instrument,
  price,
  sizeOf,
  text,
  timestamp,
  u8,
  u16,
  u64,
} from "../../src/protocol/schema/fields.js";
import { type Infer, TLV } from "../../src/protocol/schema/tlv.js";
import { BTC, ETH } from "../samples.js";

const FIELDS = {
  instrument,
  price,
  id: u64,
  offset64: i64,
  at: timestamp,
  flags: u8,
  key: bytes(3),
  levelCount: sizeOf("levels", "u16"),
  noteBytes: sizeOf("note", "u8"),
  dataBytes: sizeOf("data", "u16"),
  levels: group({ price, owner: instrument, kind: u16 }),
  note: text,
  data: blob,
};

const Generated = new TLV(200, "Sample", FIELDS, {}, true);
const Interpreted = new TLV(200, "Sample", FIELDS, {}, false);
type Sample = Infer<typeof Generated>;

const SAMPLE: Sample = {
  instrument: BTC,
  price: -12_170_600_000_000n,
  id: 77n,
  offset64: -5n,
  at: 1_755_000_000_123_456_789n,
  flags: 3,
  key: Uint8Array.of(1, 2, 3),
  levels: [
    { price: 1n, owner: BTC, kind: 1 },
    { price: -2n, owner: ETH, kind: 65_535 },
  ],
  note: "naïve",
  data: Uint8Array.of(9, 8),
};

const rangeError = (field: string) => expect.objectContaining({ code: "VALUE_RANGE", tlv: "Sample", field });

describe.each([
  ["generated", Generated],
  ["interpreted", Interpreted],
])("a flyweight (%s)", (_, tlv) => {
  const over = (changes: Partial<Sample> = {}) => tlv.flyweight().wrapBytes(tlv.encode({ ...SAMPLE, ...changes }));

  test("shows a 64-bit field as a bigint, as two halves and as a number named after what it means", () => {
    const sample = over();
    expect([sample.price, sample.priceUnits]).toEqual([-12_170_600_000_000n, -12_170_600_000_000]);
    expect(BigInt.asIntN(64, (BigInt(sample.priceHigh) << 32n) | BigInt(sample.priceLow))).toBe(SAMPLE.price);
    expect([sample.id, sample.idNumber, sample.idLow, sample.idHigh]).toEqual([77n, 77, 77, 0]);
    expect([sample.at, sample.atUs]).toEqual([1_755_000_000_123_456_789n, 1_755_000_000_123_456]);
    expect([sample.offset64Number, sample.offset64Low, sample.offset64High]).toEqual([-5, 0xffff_fffb, 0xffff_ffff]);
    expectTypeOf(sample.priceUnits).toEqualTypeOf<number>();
    expectTypeOf(sample.atUs).toEqualTypeOf<number>();
    expectTypeOf(sample.id).toEqualTypeOf<bigint>();
  });

  test("refuses a number beyond 2^53, at the very unit, while bigint and halves still answer", () => {
    const greatest = 2n ** 53n - 1n;
    expect(over({ price: greatest }).priceUnits).toBe(Number(greatest));
    expect(over({ price: -greatest }).priceUnits).toBe(-Number(greatest));
    for (const beyond of [greatest + 1n, -greatest - 2n, -greatest - 3n, 2n ** 63n - 1n, -(2n ** 63n)]) {
      const sample = over({ price: beyond, offset64: beyond });
      expect(() => sample.priceUnits, String(beyond)).toThrow(rangeError("priceUnits"));
      expect(() => sample.offset64Number, String(beyond)).toThrow(rangeError("offset64Number"));
      expect(sample.price).toBe(beyond);
      expect(BigInt.asIntN(64, (BigInt(sample.priceHigh) << 32n) | BigInt(sample.priceLow))).toBe(beyond);
    }
    for (const beyond of [greatest + 1n, 2n ** 64n - 1n]) {
      const sample = over({ id: beyond });
      expect(() => sample.idNumber).toThrow(rangeError("idNumber"));
      expect(sample.id).toBe(beyond);
    }
    expect(over({ at: greatest * 1000n + 999n }).atUs).toBe(Number(greatest));
    expect(() => over({ at: greatest * 1000n + 1000n }).atUs).toThrow(rangeError("atUs"));
  });

  test("writes what it shows, in any of its ways, and nothing but that field", () => {
    const sample = over();
    sample.priceUnits = Number.MIN_SAFE_INTEGER;
    sample.idHigh = 0xffff_ffff;
    sample.idLow = 0xffff_fffe;
    sample.atUs = 1_755_000_000_000_001;
    sample.offset64Number = 5;
    sample.flags = 255;
    sample.key = Uint8Array.of(7, 7, 7);
    sample.instrument = ETH;
    sample.note = "naïVE";
    sample.data = Uint8Array.of(1, 1);
    sample.levels.at(1).kind = 9;
    sample.levels.at(0).owner = ETH;
    expect(sample.toObject()).toEqual({
      instrument: ETH,
      price: -(2n ** 53n - 1n),
      id: 2n ** 64n - 2n,
      offset64: 5n,
      at: 1_755_000_000_000_001_000n,
      flags: 255,
      key: Uint8Array.of(7, 7, 7),
      levels: [
        { price: 1n, owner: ETH, kind: 1 },
        { price: -2n, owner: ETH, kind: 9 },
      ],
      note: "naïVE",
      data: Uint8Array.of(1, 1),
    });
  });

  test.each<[string, unknown]>([
    ["flags", 256],
    ["flags", -1],
    ["flags", 0.5],
    ["flags", 1n],
    ["price", 5],
    ["price", 2n ** 63n],
    ["price", -(2n ** 63n) - 1n],
    ["id", -1n],
    ["id", 2n ** 64n],
    ["priceUnits", 2 ** 53],
    ["priceUnits", 0.5],
    ["priceUnits", 5n],
    ["idNumber", -1],
    ["idLow", 2 ** 32],
    ["idHigh", -1],
    ["atUs", -1],
    ["atUs", 1.5],
    ["key", new Uint8Array(2)],
    ["key", [1, 2, 3]],
    ["note", "naive"], // one byte fewer
    ["note", 5],
    ["data", new Uint8Array(3)],
    ["instrument", undefined],
  ])("refuses to set %s to %s, and stays as it was", (field, value) => {
    const sample = over();
    expect(() => Object.assign(sample, { [field]: value })).toThrow(rangeError(field));
    expect(sample.toObject()).toEqual(SAMPLE);
  });

  test("names the part of an instrument that does not fit", () => {
    const sample = over();
    const wrong = { venue: 70_000, assetType: 1, assetId: 1n };
    expect(() => Object.assign(sample, { instrument: wrong })).toThrow(rangeError("instrument.venue"));
    expect(() => Object.assign(sample.levels.at(0), { owner: wrong })).toThrow(rangeError("levels.owner.venue"));
    expect(sample.toObject()).toEqual(SAMPLE);
  });

  test("gives one entry at a time, and none beyond its count", () => {
    const { levels } = over();
    expect(levels.count).toBe(2);
    const entry = levels.at(1);
    expect([entry.price, entry.priceUnits, entry.kind]).toEqual([-2n, -2, 65_535]);
    expect(levels.at(0)).toBe(entry); // borrowed: pointed elsewhere now
    expect(entry.price).toBe(1n);
    for (const index of [2, -1, 0.5, Number.NaN]) expect(() => levels.at(index)).toThrow(rangeError("levels"));
    const empty = over({ levels: [] }).levels;
    expect(empty.count).toBe(0);
    expect(() => empty.at(0)).toThrow(rangeError("levels"));
  });

  test("gives the same instrument each time it is met, and a blob as a window, not a copy", () => {
    const sample = over();
    expect(sample.instrument).toBe(sample.instrument);
    expect(sample.instrument).toBeInstanceOf(InstrumentId);
    expect(sample.instrument.equals(BTC)).toBe(true);
    const memory = tlv.encode(SAMPLE);
    const window = tlv.flyweight().wrapBytes(memory).data;
    const copy = tlv.flyweight().wrapBytes(memory).toObject().data;
    memory[memory.byteLength - 1] = 77;
    expect([window[1], copy[1]]).toEqual([77, 8]);
  });

  test("points at one value after the other, with counts of their own", () => {
    const sample = tlv.flyweight();
    for (const levels of [0, 5, 2, 9, 0]) {
      const object: Sample = {
        ...SAMPLE,
        levels: Array.from({ length: levels }, (_, n) => ({ price: BigInt(n), owner: BTC, kind: n })),
        note: "x".repeat(levels),
      };
      expect(sample.wrapBytes(tlv.encode(object)).toObject()).toEqual(object);
      expect([sample.levels.count, sample.note.length]).toEqual([levels, levels]);
    }
  });

  test("does not take bytes of a wrong length, and then still points where it did", () => {
    const sample = over();
    const bytesOf = tlv.encode(SAMPLE);
    const longer = new Uint8Array([...bytesOf, 0]);
    const badLength = expect.objectContaining({ code: "BAD_LENGTH" });
    for (const wrong of [longer, bytesOf.subarray(1), bytesOf.subarray(0, 20), new Uint8Array(0)]) {
      expect(() => sample.wrapBytes(wrong)).toThrow(badLength);
      expect(() => tlv.decode(wrong)).toThrow(badLength);
    }
    expect(sample.toObject()).toEqual(SAMPLE);
  });

  test("that was let go, or never pointed anywhere, is an error to read: RELEASED, not old bytes", () => {
    const sample = over({ note: "a text that is longer than two dozen bytes" });
    const { levels } = sample;
    const entry = levels.at(0);
    sample.release();
    const released = expect.objectContaining({ code: "RELEASED" });
    const reads: (() => unknown)[] = [
      () => sample.price,
      () => sample.priceUnits,
      () => sample.priceLow,
      () => sample.atUs,
      () => sample.flags,
      () => sample.key,
      () => sample.instrument,
      () => sample.note,
      () => sample.data,
      () => sample.toObject(),
      () => entry.price,
      () => levels.at(0).kind,
      () => sample.levels.at(1).owner,
      () => Object.assign(sample, { flags: 1 }),
      () => Object.assign(sample, { data: new Uint8Array(2) }),
      () => tlv.flyweight().note,
      () => tlv.flyweight().data,
      () => tlv.flyweight().idLow,
    ];
    for (const read of reads) expect(read, String(read)).toThrow(released);
    expect(sample.wrapBytes(tlv.encode(SAMPLE)).toObject()).toEqual(SAMPLE);
  });
});
