import fc from "fast-check";
import { AlphaPulseError } from "../protocol/errors.js";
import { SMALL_RANGES, WIDE_RANGES } from "../protocol/schema/codec.js";
import type { AnyField, FieldMap, GroupField } from "../protocol/schema/fields.js";
import type { VariablePlace } from "../protocol/schema/layout.js";
import { utf8Bytes } from "../protocol/schema/text.js";
import type { AnyTLV, Infer } from "../protocol/schema/tlv.js";
import { STANDARD_VALUE_BYTES_MAX, VALUE_BYTES_MAX } from "../protocol/walk.js";
import { arbitraryInstrumentId } from "./instruments.js";
import { arbitrarySmall, arbitraryWide } from "./integers.js";
import { arbitraryCharacter } from "./text.js";

/** How large the values may be that are made. */
export interface ValueOptions {
  /** Bytes of one encoded value at most; default what a TLV can hold, 65,535. */
  readonly valueBytesMax?: number;
}

type Row = Record<string, unknown>;

/** Entries and bytes of what varies in length, in most values; a few go to the limit. */
const ENTRIES_USUAL = 6;
const TEXT_BYTES_USUAL = 60;
const BYTES_USUAL = 40;
/** For each value that goes to a limit, so many that do not. */
const USUAL_WEIGHT = 30;

/**
 * Objects that the TLV can encode, and that it gives back when it decodes them. Made from its schema, with the edges that
 * codecs get wrong: 0, the least and greatest of each kind, 2^53 ± 1; groups of no, of one and of as many entries as fit;
 * text that is empty, long and of several bytes a character; optional tails there and absent; values of exactly 255, 256
 * and 65,535 bytes where the schema allows. About one value in thirty is a long one.
 *
 * ```ts
 * fc.assert(fc.property(arbitraryOf(FillTLV), (fill) => { ... }));
 * ```
 * @throws AlphaPulseError BAD_OPTION where the limit is below the TLV's fixed part
 */
export function arbitraryOf<T extends AnyTLV>(tlv: T, options: ValueOptions = {}): fc.Arbitrary<Infer<T>> {
  const { valueBytesMax = VALUE_BYTES_MAX } = options;
  const { fixedBytes, variable } = tlv.layout;
  if (valueBytesMax >>> 0 !== valueBytesMax || valueBytesMax < fixedBytes || valueBytesMax > VALUE_BYTES_MAX) {
    throw new AlphaPulseError(
      "BAD_OPTION",
      `arbitraryOf(${tlv.name}): valueBytesMax ${valueBytesMax} is not ${fixedBytes} to ${VALUE_BYTES_MAX}`,
    );
  }
  const usual = arbitraryRow(tlv.fields, sharesOf(variable, valueBytesMax - fixedBytes));
  const targets = [valueBytesMax, STANDARD_VALUE_BYTES_MAX, STANDARD_VALUE_BYTES_MAX + 1].filter(
    (bytes) => bytes >= fixedBytes && bytes <= valueBytesMax,
  );
  const long = variable
    .filter(({ field }) => field.kind !== "optional")
    .map((place) => ({ weight: 1, arbitrary: stretched(tlv, usual, place, targets) }));
  const weight = USUAL_WEIGHT * Math.max(1, long.length);
  return fc.oneof({ withCrossShrink: true }, { weight, arbitrary: usual }, ...long) as fc.Arbitrary<Infer<T>>;
}

/** How many entries or bytes each variable field may have in a usual value, so that all of them fit together. */
function sharesOf(variable: readonly VariablePlace[], spareBytes: number): ReadonlyMap<string, number> {
  const tail = variable.find(({ field }) => field.kind === "optional");
  const tailBytes = tail !== undefined && tail.stride <= spareBytes ? tail.stride : 0;
  const others = variable.length - (tail === undefined ? 0 : 1);
  const share = Math.floor((spareBytes - tailBytes) / Math.max(1, others));
  return new Map(
    variable.map((place) => [place.name, place === tail ? Math.min(1, tailBytes) : countMax(place, share)]),
  );
}

/** How many entries or bytes of a variable field fit so many bytes, its own limits kept. */
function countMax({ field, size, stride }: VariablePlace, bytes: number): number {
  const writerMax = field.kind === "text" ? (field.bytesMax ?? VALUE_BYTES_MAX) : VALUE_BYTES_MAX;
  return Math.min(Math.floor(bytes / Math.max(1, stride)), writerMax, size?.max ?? VALUE_BYTES_MAX);
}

/** An object of these fields, in their order. */
function arbitraryRow(fields: FieldMap, shares: ReadonlyMap<string, number> = new Map()): fc.Arbitrary<Row> {
  const values = Object.entries(fields).flatMap(([name, field]): [string, fc.Arbitrary<unknown>][] => {
    const value = arbitraryField(field, shares.get(name) ?? 0);
    return value === undefined ? [] : [[name, value]];
  });
  return fc.tuple(...values.map(([, value]) => value)).map((made) => {
    const row: Row = {};
    made.forEach((value, i) => {
      // An optional tail that is not there has no key either.
      if (value !== undefined) row[(values[i] as [string, unknown])[0]] = value;
    });
    return row;
  });
}

/** What a field can hold, of variable ones at most so many entries or bytes; undefined for one that no object has. */
function arbitraryField(field: AnyField, count: number): fc.Arbitrary<unknown> | undefined {
  switch (field.kind) {
    case "zero":
    case "size":
      return undefined;
    case "u64":
    case "i64":
      return arbitraryWide(...WIDE_RANGES[field.kind]);
    case "u128":
      return arbitraryWide(0n, 2n ** 128n - 1n);
    case "i128":
      return arbitraryWide(-(2n ** 127n), 2n ** 127n - 1n);
    case "u160":
      return arbitraryWide(0n, 2n ** 160n - 1n);
    case "instrument":
      return arbitraryInstrumentId();
    case "bytes":
      if (field.bytes <= BYTES_USUAL) return arbitraryBytes(field.bytes, field.bytes);
      return arbitraryBytes(1, BYTES_USUAL).map((pattern) => repeated(pattern, field.bytes));
    case "text":
    case "textRest":
      return arbitraryText(0, Math.min(count, TEXT_BYTES_USUAL));
    case "blob":
    case "rest":
      return arbitraryBytes(0, Math.min(count, BYTES_USUAL));
    case "group":
      return arbitraryEntries(field, 0, Math.min(count, ENTRIES_USUAL));
    case "optional":
      return count === 0 ? fc.constant(undefined) : fc.option(arbitraryRow(field.fields), { nil: undefined });
    default:
      return arbitrarySmall(...SMALL_RANGES[field.kind]);
  }
}

function arbitraryEntries(field: GroupField, minLength: number, maxLength: number): fc.Arbitrary<Row[]> {
  return fc.array(arbitraryRow(field.fields), { minLength, maxLength, size: "max" });
}

function arbitraryBytes(minLength: number, maxLength: number): fc.Arbitrary<Uint8Array> {
  return fc.uint8Array({ minLength, maxLength, size: "max" });
}

/** Text of at most so many bytes in UTF-8: of one byte a character, and of up to four. */
function arbitraryText(minLength: number, bytesMax: number): fc.Arbitrary<string> {
  return fc.oneof(
    { withCrossShrink: true },
    fc.string({ minLength, maxLength: bytesMax, size: "max" }),
    fc.string({ unit: arbitraryCharacter(), minLength, maxLength: Math.max(minLength, bytesMax >> 2), size: "max" }),
  );
}

/** The same objects, with one variable field that goes on until the value is as long as a target, or the field is full. */
function stretched(
  tlv: AnyTLV,
  usual: fc.Arbitrary<Row>,
  place: VariablePlace,
  targets: readonly number[],
): fc.Arbitrary<Row> {
  const { name, stride } = place;
  const target = fc.constantFrom(...targets);
  // One less than fits is an edge too.
  return fc
    .tuple(usual, arbitraryPattern(place), target, fc.constantFrom(0, 0, 1))
    .map(([row, pattern, bytes, less]) => {
      const others = tlv.byteLengthOf({ ...row, [name]: repeated(pattern, 0) });
      const count = countMax(place, Math.max(0, bytes - others - less * stride));
      return { ...row, [name]: repeated(pattern, count) };
    });
}

type Pattern = string | Uint8Array | readonly Row[];

/** What a long field repeats. */
function arbitraryPattern({ field }: VariablePlace): fc.Arbitrary<Pattern> {
  if (field.kind === "group") return arbitraryEntries(field, 1, 3);
  return field.kind === "text" || field.kind === "textRest" ? arbitraryText(1, 8) : arbitraryBytes(1, 8);
}

/** Exactly `count` entries or bytes of a pattern; the end of a text that is cut within a character is filled up. */
function repeated(pattern: Pattern, count: number): Pattern {
  if (typeof pattern === "string") {
    const whole = pattern.repeat(Math.floor(count / utf8Bytes(pattern)));
    return whole + "x".repeat(count - utf8Bytes(whole));
  }
  const at = (i: number) => pattern[i % pattern.length];
  return pattern instanceof Uint8Array
    ? Uint8Array.from({ length: count }, (_, i) => at(i) as number)
    : Array.from({ length: count }, (_, i) => at(i) as Row);
}
