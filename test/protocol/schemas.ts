import fc from "fast-check";
import {
  type AnyField,
  blob,
  bytes,
  type FieldMap,
  group,
  i8,
  i16,
  i32,
  i64,
  i128,
  instrument,
  type OptionalField,
  optional,
  price,
  rest,
  size,
  sizeOf,
  text,
  textRest,
  textUpTo,
  timestamp,
  u8,
  u16,
  u32,
  u64,
  u128,
  u160,
  zero,
} from "../../src/protocol/schema/fields.js";
import { layoutOf } from "../../src/protocol/schema/layout.js";

/** An object of a TLV's fields, seen from a test that knows them only at run time. */
export type AnyObject = Readonly<Record<string, unknown>>;

/** Names that a codec might trip over: words of the language, and of the codecs themselves. */
const AWKWARD = [
  ..."abcdefghijklmnopqrstuvwxyz",
  ...["starts", "groups", "group", "entry", "count", "at", "point", "end", "value", "values", "index", "length"],
  ...["get", "set", "static", "class", "new", "this", "arguments", "prototype", "complaints", "decode", "label", "us"],
  ...["Entry", "Group", "EntryView", "FlyweightCore", "Flyweight", "layout", "place", "bytes", "low", "high", "field"],
];
/** So that `priceLow` beside a wide `price` is not made here: that is an error of its own. */
const DERIVED = /(Low|High|Units|Us|Number|Approx)$/;

const name = fc.oneof(
  fc.constantFrom(...AWKWARD),
  fc.constantFrom("starts", "groups", "at", "count", "entry"), // what the codecs call their own
  fc.stringMatching(/^[a-zA-Z][a-zA-Z0-9]{0,7}$/).filter((made) => !RESERVED.has(made) && !DERIVED.test(made)),
);
const RESERVED = new Set(["view", "offset", "byteLength", "wrap", "wrapBytes", "toObject", "release", "tlv"]);

const fixedField: fc.Arbitrary<AnyField> = fc.oneof(
  fc.constantFrom<AnyField>(u8, u16, u32, i8, i16, i32),
  fc.constantFrom<AnyField>(u64, i64, price, size, timestamp),
  fc.constantFrom<AnyField>(u128, i128, u160),
  fc.constantFrom<AnyField>(instrument),
  fc.nat(20).map(bytes),
  fc.nat(9).map(zero),
);

const row = (minLength: number, maxLength: number): fc.Arbitrary<[string, AnyField][]> =>
  fc.uniqueArray(fc.tuple(name, fixedField), { minLength, maxLength, selector: ([key]) => key });

type Variable = "group" | "text" | "textUpTo" | "blob";
const variable = fc.record({
  kind: fc.constantFrom<Variable>("group", "group", "text", "textUpTo", "blob"),
  encoding: fc.constantFrom("u8" as const, "u16" as const),
  /** Among the fixed fields, where its count or length stands. */
  place: fc.nat(),
  entry: row(1, 4).filter((fields) => layoutOf("Entry", Object.fromEntries(fields)).fixedBytes > 0),
});

/** The fields of a TLV: any fixed ones, groups, texts and blobs with their sizes anywhere before, and perhaps a rest. */
export const arbitraryFields: fc.Arbitrary<FieldMap> = fc
  .record({
    fixed: row(0, 8),
    variables: fc.option(fc.array(variable, { maxLength: 3 }), { freq: 2 }),
    last: fc.option(
      fc.oneof(
        fc.constantFrom<AnyField>(rest, textRest),
        row(1, 4)
          .map((fields): AnyField => optional(Object.fromEntries(fields)))
          .filter((field) => layoutOf("Tail", (field as OptionalField).fields).fixedBytes > 0),
      ),
      { freq: 2 },
    ),
    names: fc.uniqueArray(name, { minLength: 8, maxLength: 8 }),
  })
  .map(({ fixed, variables, last, names }) => {
    const rows = fixed.map(([key, field]) => [`${key}F`, field] as [string, AnyField]);
    const behind: [string, AnyField][] = [];
    variables?.forEach(({ kind, encoding, place, entry }, i) => {
      const key = names[i] as string;
      rows.splice(place % (rows.length + 1), 0, [`${names[i + 4]}S`, sizeOf(key, encoding)]);
      const field = kind === "group" ? group(Object.fromEntries(entry)) : { text, blob, textUpTo: textUpTo(12) }[kind];
      behind.push([key, field]);
    });
    if (last !== null) behind.push([names[3] as string, last]);
    // Half of the fixed fields keep an awkward name of their own.
    const taken = new Set([...behind, ...rows].map(([key]) => key));
    const renamed = rows.map(([key, field]): [string, AnyField] => {
      const short = key.slice(0, -1);
      return field.kind === "size" || taken.has(short) ? [key, field] : [short, field];
    });
    return Object.fromEntries([...renamed, ...behind]);
  });

/** What hardly any field can hold, and what some can. */
export const arbitraryAnything: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>(
    undefined,
    null,
    true,
    "",
    "5",
    "é",
    "\ud800",
    Number.NaN,
    Number.POSITIVE_INFINITY,
    0.5,
    -0,
  ),
  fc.constantFrom<unknown>(
    [],
    {},
    [1],
    [null],
    { venue: 1 },
    { venue: 1, assetType: 1, assetId: 1n },
    new Uint8Array(3),
  ),
  fc.constantFrom<unknown>({ venue: -1, assetType: 1, assetId: 1n }, { venue: 1, assetType: 1n, assetId: 1n }, () => 1),
  fc.constantFrom<unknown>(
    new Uint8Array(70_000),
    "x".repeat(300),
    "é".repeat(300),
    2 ** 53,
    -(2 ** 53),
    2 ** 64,
    1e300,
  ),
  fc.bigInt({ min: -(2n ** 65n), max: 2n ** 65n }),
  fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
  fc.maxSafeInteger(),
  fc.integer({ min: 0, max: 127 }),
  fc.bigInt({ min: 0n, max: 2n ** 53n }),
);
