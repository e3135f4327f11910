import { describe, expect, test } from "vitest";
import {
  blob,
  bytes,
  type FieldMap,
  group,
  instrument,
  optional,
  price,
  rest,
  sizeOf,
  text,
  textRest,
  u8,
  u32,
  u64,
  u128,
  zero,
} from "../../src/protocol/schema/fields.js";
import { defineTLV, TLV } from "../../src/protocol/schema/tlv.js";

const BAD: [what: string, fields: FieldMap, said: string][] = [
  ["a group without a count", { levels: group({ price }) }, "levels needs a size field"],
  ["a text without a length", { note: text }, "note needs a size field"],
  ["a count of nothing", { count: sizeOf("levels", "u8") }, "levels has a size field but does not follow it"],
  [
    "a count behind its group",
    { levels: group({ price }), count: sizeOf("levels", "u8") },
    "levels needs a size field",
  ],
  ["a length of a fixed field", { n: sizeOf("flags", "u8"), flags: u8 }, "flags has a size field"],
  ["two lengths of one text", { a: sizeOf("note", "u8"), b: sizeOf("note", "u16"), note: text }, "note has two size"],
  ["a length of a rest", { n: sizeOf("all", "u8"), all: rest }, "all takes all bytes that remain"],
  ["a fixed field behind a variable one", { n: sizeOf("note", "u8"), note: text, flags: u8 }, "flags stands behind"],
  ["a rest that is not last", { n: sizeOf("note", "u8"), all: rest, note: text }, "all takes all bytes that remain"],
  ["two rests", { all: rest, more: textRest }, "all takes all bytes that remain"],
  [
    "a group with a text within",
    { n: sizeOf("levels", "u8"), levels: group({ l: sizeOf("t", "u8"), t: text }) },
    "levels is a group with variable fields",
  ],
  ["a group with a rest within", { n: sizeOf("levels", "u8"), levels: group({ all: rest }) }, "variable fields"],
  [
    "an optional tail that is not last",
    { n: sizeOf("note", "u8"), tail: optional({ u8 }), note: text },
    "tail takes all",
  ],
  ["an optional tail with a length", { n: sizeOf("tail", "u8"), tail: optional({ u8 }) }, "it has no size field"],
  [
    "a group of entries of no bytes",
    { n: sizeOf("g", "u16"), g: group({ none: bytes(0) }) },
    "g is a group of entries of no",
  ],
  ["a length of another size", { n: sizeOf("note", "u32" as "u16"), note: text }, "has encoding u32"],
  ["an optional tail of no bytes", { tail: optional({}) }, "tail is an optional tail of no bytes"],
  [
    "an optional tail with a text within",
    { tail: optional({ n: sizeOf("t", "u8"), t: text }) },
    "tail is an optional tail with variable",
  ],
  ["the name of another field's approximation", { amount: u128, amountApprox: u8 }, "the name amountApprox"],
  ["a name with a blank", { "a b": u8 }, "no usable field name"],
  ["a name that is code", { "x = alert()": u8 }, "no usable field name"],
  ["a name that begins with a figure", { "1st": u8 }, "no usable field name"],
  ["an empty name", { "": u8 }, "no usable field name"],
  ["a name with an underscore", { __proto: u8 }, "no usable field name"],
  ["a flyweight's own word", { offset: u8 }, "no usable field name"],
  ["another of them", { toObject: u8 }, "no usable field name"],
  ["such a word within a group", { n: sizeOf("g", "u8"), g: group({ view: u8 }) }, "no usable field name"],
  ["the name of another field's half", { price, priceLow: u32 }, "the name priceLow"],
  ["the name of another field's number, before it", { idNumber: u32, id: u64 }, "the name idNumber"],
  ["the same within a group", { n: sizeOf("g", "u8"), g: group({ price, priceUnits: u8 }) }, "the name priceUnits"],
  ["more bytes than a TLV has", { all: bytes(65_536) }, "all ends at byte 65536"],
  ["more bytes together", { a: bytes(65_535), flags: u8 }, "flags ends at byte 65536"],
  ["a negative number of bytes", { id: u64, key: bytes(-1) }, "key ends at byte 7"],
  ["half a byte", { key: bytes(0.5) }, "key ends at byte 0.5"],
  ["no number of bytes", { pad: zero(Number.NaN) }, "pad ends at byte NaN"],
];

describe("a schema that the wire cannot hold is refused where it is defined", () => {
  test.each(BAD)("%s", (_, fields, said) => {
    const define = (): unknown => defineTLV(200, "Bad", fields);
    expect(define).toThrow(expect.objectContaining({ code: "BAD_SCHEMA" }));
    expect(define).toThrow(said);
    expect(() => new TLV(200, "Bad", fields, {}, false)).toThrow(said);
  });

  test.each([0, 255, 256, -1, 1.5, Number.NaN])("type %s", (type) => {
    expect(() => defineTLV(type, "Bad", {})).toThrow(expect.objectContaining({ code: "BAD_SCHEMA" }));
  });

  test.each(["", "lower", "With Blank", "Ünder", "A-B", "1A", "A{}"])("name %j", (name) => {
    expect(() => defineTLV(200, name, {})).toThrow(expect.objectContaining({ code: "BAD_SCHEMA" }));
  });
});

describe("a schema at the limits works", () => {
  test("of no fields at all", () => {
    const Empty = defineTLV(200, "Empty", {});
    expect(Empty.encode({})).toHaveLength(0);
    expect(Empty.decode(new Uint8Array(0))).toEqual({});
    expect(() => Empty.decode(new Uint8Array(1))).toThrow(expect.objectContaining({ code: "BAD_LENGTH" }));
  });

  test("of 65,535 bytes", () => {
    const Whole = defineTLV(200, "Whole", { all: bytes(65_535) });
    expect(Whole.decode(Whole.encode({ all: new Uint8Array(65_535).fill(1) })).all[65_534]).toBe(1);
  });

  test.each([
    ["u8", 255],
    ["u16", 3_000],
  ] as const)("of as many entries as a %s counts, or a TLV holds", (encoding, count) => {
    const Many = defineTLV(200, "Many", { n: sizeOf("list", encoding), list: group({ flags: u8 }), more: rest });
    const list = Array.from({ length: count }, (_, i) => ({ flags: i & 255 }));
    const more = new Uint8Array(5);
    expect(Many.decode(Many.encode({ list, more }))).toEqual({ list, more });
    const tooMany = Array.from({ length: encoding === "u8" ? 256 : 65_536 }, () => ({ flags: 0 }));
    const refused = expect.objectContaining({ code: "VALUE_RANGE", tlv: "Many", field: "list" });
    expect(() => Many.encode({ list: tooMany, more })).toThrow(refused);
    expect(() => Many.byteLengthFor({ list: tooMany.length })).toThrow(refused);
    expect(() => Many.byteLengthFor({ list: 1.5 })).toThrow(refused);
    expect(() => Many.byteLengthFor({ list: 1n as unknown as number })).toThrow(refused);
  });

  test("whose group's count passes its bytes is BAD_LENGTH, a rest behind it or not", () => {
    const code = expect.objectContaining({ code: "BAD_LENGTH" });
    for (const generated of [true, false]) {
      const fields = { n: sizeOf("list", "u8"), list: group({ id: u64 }) };
      const withRest = { ...fields, more: rest };
      const withText = { ...fields, more: textRest };
      for (const some of [fields, withRest, withText]) {
        const tlv = new TLV(200, "Short", some, {}, generated);
        expect(() => tlv.decode(Uint8Array.of(1))).toThrow(code);
        expect(() => tlv.decode(Uint8Array.of(2, ...new Array(15).fill(0)))).toThrow(code);
        expect(() => tlv.flyweight().wrapBytes(Uint8Array.of(200, 0))).toThrow(code);
      }
    }
  });

  test("with entries that are no objects names the group", () => {
    const List = defineTLV(200, "List", { n: sizeOf("list", "u8"), list: group({ flags: u8 }) });
    for (const entry of [null, undefined, 5]) {
      expect(() => List.encode({ list: [entry] as unknown as { flags: number }[] })).toThrow(
        expect.objectContaining({ code: "VALUE_RANGE", field: "list" }),
      );
    }
  });

  test("tells its domain by its number, and a user's type by its definition", () => {
    const domains = [1, 19, 20, 39, 40, 79, 80, 99, 100, 199, 200].map(
      (type) => new TLV(type, "T", {}, {}, true).domain,
    );
    expect(domains).toEqual([1, 1, 2, 2, 3, 3, 4, 4, 0, 0, 0]);
    expect(defineTLV(200, "Mine", {}, { domain: 2 }).domain).toBe(2);
  });

  test("keeps what its fields mean", () => {
    const Documented = defineTLV(
      200,
      "Documented",
      { flags: u8.doc("bit 0: yes"), id: instrument },
      { doc: "a thing" },
    );
    expect([Documented.doc, Documented.fields.flags.docs, Documented.fields.id.docs]).toEqual([
      "a thing",
      "bit 0: yes",
      undefined,
    ]);
    expect(Documented.layout.instrumentOffset).toBe(1);
    expect(defineTLV(200, "None", { b: sizeOf("x", "u8"), x: blob }).layout.instrumentOffset).toBeUndefined();
  });
});
