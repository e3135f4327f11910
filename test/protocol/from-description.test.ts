import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { AlphaPulseError } from "../../src/protocol/errors.js";
import { describeFields } from "../../src/protocol/schema/description.js";
import type { FieldMap } from "../../src/protocol/schema/fields.js";
import { DOC_CHARS_MAX, FIELDS_MAX, fieldsFrom, NAME_CHARS_MAX } from "../../src/protocol/schema/from-description.js";
import { defineTLV, TLV } from "../../src/protocol/schema/tlv.js";
import { arbitraryOf } from "../../src/testing/values.js";
import { ALL_TLVS } from "../tlv-table.js";
import { arbitraryFields } from "./schemas.js";

/** What comes of a description: fields, or the code of a typed error. Anything else that is thrown fails the test. */
function outcomeOf(description: unknown): FieldMap | string {
  try {
    return fieldsFrom(description);
  } catch (error) {
    if (error instanceof AlphaPulseError) return error.code;
    throw error;
  }
}

describe("a described schema", () => {
  test.each(ALL_TLVS.map((tlv) => [tlv.name, tlv] as const))("of %s is the schema that was described", (_, tlv) => {
    expect(describeFields(fieldsFrom(describeFields(tlv.fields)))).toEqual(describeFields(tlv.fields));
  });

  test("gives the same bytes and the same objects, whatever the fields", () => {
    const reached = { groups: 0, optionals: 0, sizes: 0, pads: 0 };
    const property = fc.property(
      arbitraryFields.chain((fields) =>
        fc.tuple(fc.constant(fields), arbitraryOf(new TLV(200, "Any", fields, {}, true))),
      ),
      ([fields, value]) => {
        const described = JSON.parse(JSON.stringify(describeFields(fields)));
        const again = fieldsFrom(described);
        expect(describeFields(again)).toEqual(described);
        for (const { kind } of Object.values(again)) {
          if (kind === "group") reached.groups++;
          if (kind === "optional") reached.optionals++;
          if (kind === "size") reached.sizes++;
          if (kind === "zero") reached.pads++;
        }
        const original = new TLV(200, "Any", fields as FieldMap, {}, true);
        for (const canGenerate of [true, false]) {
          const copy = new TLV(200, "Any", again, {}, canGenerate);
          const bytes = original.encode(value);
          expect(copy.encode(value)).toEqual(bytes);
          expect(copy.decode(bytes)).toEqual(original.decode(bytes));
        }
      },
    );
    fc.assert(property, { numRuns: 300 });
    for (const [what, count] of Object.entries(reached)) expect(count, what).toBeGreaterThan(20);
  });

  test("may come without meanings, units and limits", () => {
    const fields = fieldsFrom([
      { kind: "i64", name: "rate" },
      { kind: "len", encoding: "u8", of: "note" },
      { kind: "text", name: "note", max: 3 },
    ]);
    expect(describeFields(fields)).toEqual([
      { kind: "i64", name: "rate" },
      { kind: "len", encoding: "u8", of: "note" },
      { kind: "text", name: "note", max: 3 },
    ]);
    const tlv = defineTLV(200, "Noted", fields);
    expect(() => tlv.encode({ rate: 1n, note: "abcd" })).toThrow(expect.objectContaining({ code: "VALUE_RANGE" }));
  });

  test("whose fields are called as padding and sizes are called here loses none of them", () => {
    const row = [
      { kind: "pad", size: 1 },
      { kind: "u8", name: "reserved0" },
      { kind: "pad", size: 2 },
      { kind: "len", encoding: "u8", of: "note" },
      { kind: "u8", name: "len0" },
      { kind: "text", name: "note" },
    ];
    expect(describeFields(fieldsFrom(row))).toEqual(row);
  });
});

const text = (name: string, extra: object = {}): object => ({ kind: "u8", name, ...extra });
const many = (count: number): object[] => Array.from({ length: count }, (_, i) => text(`f${i}`));
const tiers = (fields: unknown): object[] => [
  { kind: "count", encoding: "u8", of: "tiers" },
  { kind: "group", name: "tiers", fields },
];

const BAD: [what: string, description: unknown, said: string][] = [
  ["nothing", undefined, "no array"],
  ["a map", { kind: "u8" }, "no array"],
  ["a field that is a number", [1], "no map"],
  ["a field that is an array", [[]], "no map"],
  ["a field that is nothing", [null], "no map"],
  ["a field without a kind", [{ name: "a" }], "no kind of field"],
  ["a kind that does not exist", [{ kind: "f64", name: "a" }], '"f64" is no kind'],
  ["a kind that every object has", [{ kind: "constructor", name: "a" }], '"constructor" is no kind'],
  ["a kind by its name in this library", [{ kind: "textRest", name: "a" }], "no kind"],
  ["no name", [{ kind: "u8" }], "a name is text"],
  ["a name that is a number", [{ kind: "u8", name: 1 }], "a name is text"],
  ["a name that is code", [text("a(){}};process.exit()//")], "no usable field name"],
  ["a name with a control character", [text("a\u001b[31m")], '"a\\u001b[31m" is no usable field name'],
  ["half a surrogate pair as a name", [text("\ud800")], '"\\ud800" is no usable field name'],
  ["a name that a flyweight has", [text("offset")], "no usable field name"],
  ["a name that every object has", [text("toString")], "every object's own"],
  ["a name that is too long", [text("a".repeat(NAME_CHARS_MAX + 1))], "at most 64"],
  ["two fields of one name", [text("a"), text("a")], "two fields"],
  ["a name that another derives", [{ kind: "u64", name: "a" }, text("aLow")], "aLow"],
  ["something unknown about a field", [text("a", { repeat: 3 })], 'u8 has no "repeat"'],
  ["a pad with a name", [{ kind: "pad", size: 1, name: "a" }], 'pad has no "name"'],
  ["a pad without a size", [{ kind: "pad" }], "the size of a pad"],
  ["a pad that is long", [{ kind: "pad", size: 256 }], "0 to 255"],
  ["bytes that pass a TLV", [{ kind: "bytes", name: "a", size: 65_536 }], "0 to 65535"],
  ["bytes that pass it together", [{ kind: "bytes", name: "a", size: 65_535 }, text("b")], "65536"],
  ["bytes of a negative number", [{ kind: "bytes", name: "a", size: -1 }], "0 to 65535"],
  ["bytes of half a byte", [{ kind: "bytes", name: "a", size: 0.5 }], "0 to 65535"],
  ["bytes of no number", [{ kind: "bytes", name: "a", size: "1;alert()" }], "0 to 65535"],
  ["a length of 32 bits", [{ kind: "len", encoding: "u32", of: "a" }], "u8 or u16"],
  ["a length of nothing", [{ kind: "len", encoding: "u8", of: "a" }], "belongs to text or blob"],
  [
    "a length of a pad",
    [
      { kind: "len", encoding: "u8" },
      { kind: "pad", size: 1 },
    ],
    "belongs to text or blob",
  ],
  ["a length of a group", [{ kind: "len", encoding: "u8", of: "tiers" }, ...tiers([]).slice(1)], "text or blob"],
  [
    "a count of a text",
    [
      { kind: "count", encoding: "u8", of: "a" },
      { kind: "text", name: "a" },
    ],
    "belongs to a group",
  ],
  ["a unit that does not exist", [{ kind: "u64", name: "a", unit: "Ms" }], "no unit of u64"],
  ["a signed time", [{ kind: "i64", name: "a", unit: "Us" }], "no unit of i64"],
  ["a unit that every object has", [{ kind: "u64", name: "a", unit: "toString" }], "no unit of u64"],
  ["a text without a length", [{ kind: "text", name: "a" }], "needs a size field"],
  ["a doc that is no text", [text("a", { doc: 1 })], "its meaning"],
  ["a doc with a control character", [text("a", { doc: "\u001b[2J" })], "its meaning"],
  ["half a surrogate pair as a doc", [text("a", { doc: "\udc00" })], "its meaning"],
  ["a doc that is too long", [text("a", { doc: "a".repeat(DOC_CHARS_MAX + 1) })], "its meaning"],
  ["a group in a group", tiers(tiers([text("a")])), "stands within another"],
  ["an optional tail in a group", tiers([{ kind: "optional", name: "a", fields: [text("b")] }]), "within another"],
  ["a group without fields", tiers(undefined), "no array"],
  ["too many fields", many(FIELDS_MAX + 1), "more than 128"],
  ["too many fields with those of a group", [...many(100), ...tiers(many(27))], "more than 128"],
];

describe("a description that cannot be", () => {
  test.each(BAD)("%s is a typed error that says so", (_, description, said) => {
    expect(() => fieldsFrom(description)).toThrow(expect.objectContaining({ code: "BAD_SCHEMA" }));
    expect(() => fieldsFrom(description)).toThrow(said);
  });

  test("stands just beyond one that can", () => {
    expect(Object.keys(fieldsFrom(many(FIELDS_MAX)))).toHaveLength(FIELDS_MAX);
    expect(Object.keys(fieldsFrom([...many(100), ...tiers(many(26))]))).toHaveLength(102);
    const name = "a".repeat(NAME_CHARS_MAX);
    expect(fieldsFrom([text(name, { doc: "é".repeat(DOC_CHARS_MAX) })])).toHaveProperty(name);
    expect(fieldsFrom([text("a", { doc: "two\n\tlines" })])).toHaveProperty("a");
    expect(fieldsFrom([{ kind: "pad", size: 255 }])).toHaveProperty("reserved0");
  });
});

/** Parts that occur in descriptions, and parts that do not. */
const part = fc.oneof(
  fc.constantFrom<unknown>("u8", "i64", "u160", "pad", "count", "len", "text", "blob", "rest", "group", "optional"),
  fc.constantFrom<unknown>(
    "a",
    "b",
    "tiers",
    "__proto__",
    "constructor",
    "then",
    "",
    "Units",
    "u16",
    0,
    1,
    300,
    -1,
    1.5,
  ),
  fc.anything({ maxDepth: 1 }),
);
const KEYS = ["kind", "name", "size", "encoding", "of", "max", "unit", "fields", "doc"];

describe("any value at all", () => {
  test("gives fields or BAD_SCHEMA, and nothing else", () => {
    const field = fc.dictionary(fc.constantFrom(...KEYS), part, { maxKeys: 5 });
    const anything = fc.oneof(fc.anything({ maxDepth: 4 }), fc.array(field, { maxLength: 5 }));
    fc.assert(
      fc.property(anything, (description) => {
        const outcome = outcomeOf(description);
        if (typeof outcome === "string") expect(outcome).toBe("BAD_SCHEMA");
      }),
      { numRuns: 500 },
    );
  });

  test("in the place of any part of a good description does so too, and what passes works", () => {
    const reached = { fields: 0, errors: 0 };
    const spoilt = arbitraryFields.chain((fields) => {
      const row = JSON.parse(JSON.stringify(describeFields(fields))) as Record<string, unknown>[];
      return fc.tuple(fc.constant(row), fc.nat(), fc.constantFrom(...KEYS), part);
    });
    fc.assert(
      fc.property(spoilt, ([row, at, key, value]) => {
        const entry = row[at % Math.max(row.length, 1)];
        if (entry !== undefined) entry[key] = value;
        const outcome = outcomeOf(row);
        if (typeof outcome === "string") {
          reached.errors++;
          expect(outcome).toBe("BAD_SCHEMA");
          return;
        }
        reached.fields++;
        const bytes = new Uint8Array(defineTLV(200, "Any", outcome).byteLengthFor());
        for (const canGenerate of [true, false]) {
          const tlv = new TLV(200, "Any", outcome, {}, canGenerate);
          expect(tlv.encode(tlv.decode(bytes))).toEqual(bytes);
        }
      }),
      { numRuns: 500 },
    );
    expect(reached.fields).toBeGreaterThan(15);
    expect(reached.errors).toBeGreaterThan(150);
  });
});
