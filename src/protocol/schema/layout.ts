import { AlphaPulseError } from "../errors.js";
import { INSTRUMENT_BYTES } from "../instrument-id.js";
import { VALUE_BYTES_MAX } from "../walk.js";
import type {
  AnyField,
  BlobField,
  BytesField,
  FieldMap,
  GroupField,
  HugeField,
  InstrumentField,
  OptionalField,
  RestField,
  SizeField,
  SmallField,
  TextField,
  TextRestField,
  WideField,
  ZeroField,
} from "./fields.js";

/** A field whose place never moves. */
export interface FixedPlace {
  readonly name: string;
  readonly field: SmallField | WideField | HugeField | BytesField | InstrumentField | ZeroField | SizeField;
  readonly offset: number;
}

/** A field behind the fixed part, whose place depends on those before it. */
export interface VariablePlace {
  readonly name: string;
  readonly field: GroupField | OptionalField | TextField | BlobField | RestField | TextRestField;
  /** Where its count or length stands; undefined for what takes all that remains. */
  readonly size: { readonly offset: number; readonly encoding: "u8" | "u16"; readonly max: number } | undefined;
  /** Bytes of one entry or of the optional tail: 1 for text and bytes. */
  readonly stride: number;
  /** The layout of a group's entries, or of an optional tail. */
  readonly entry: Layout | undefined;
}

/** Where every field of a TLV stands. */
export interface Layout {
  /** Bytes of the fixed part, which is the whole where nothing varies. */
  readonly fixedBytes: number;
  readonly fixed: readonly FixedPlace[];
  readonly variable: readonly VariablePlace[];
  /** Where the first instrument stands, for filters; undefined where there is none in the fixed part. */
  readonly instrumentOffset: number | undefined;
}

const BYTES_OF: Readonly<Record<string, number>> = {
  u8: 1,
  i8: 1,
  u16: 2,
  i16: 2,
  u32: 4,
  i32: 4,
  u64: 8,
  i64: 8,
  u128: 16,
  i128: 16,
  u160: 20,
  instrument: INSTRUMENT_BYTES,
};

/** Where the fields stand. @throws AlphaPulseError BAD_SCHEMA where the wire format cannot hold them in this order */
export function layoutOf(tlv: string, fields: FieldMap): Layout {
  const fixed: FixedPlace[] = [];
  const variable: VariablePlace[] = [];
  const sizes = new Map<string, { offset: number; encoding: "u8" | "u16" }>();
  const names = new Set<string>();
  let offset = 0;
  for (const [name, field] of Object.entries(fields)) {
    checkName(tlv, name);
    for (const shown of namesOf(name, field)) {
      if (names.has(shown)) throw badSchema(tlv, name, `and another both give a flyweight the name ${shown}`);
      names.add(shown);
    }
    if (isVariable(field)) {
      variable.push(variablePlace(tlv, name, field, sizes.get(name)));
      sizes.delete(name);
      continue;
    }
    if (variable.length > 0) throw badSchema(tlv, name, "stands behind a variable field: fixed fields come first");
    if (field.kind === "size" && sizes.has(field.of)) throw badSchema(tlv, field.of, "has two size fields");
    if (field.kind === "size" && field.encoding !== "u8" && field.encoding !== "u16") {
      throw badSchema(tlv, name, `has encoding ${String(field.encoding)}: u8 or u16`);
    }
    if (field.kind === "size") sizes.set(field.of, { offset, encoding: field.encoding });
    fixed.push({ name, field, offset });
    offset += field.kind === "bytes" || field.kind === "zero" ? field.bytes : (BYTES_OF[bytesKey(field)] as number);
    if (!(offset <= VALUE_BYTES_MAX) || !Number.isInteger(offset) || offset < (fixed.at(-1) as FixedPlace).offset) {
      throw badSchema(tlv, name, `ends at byte ${offset}: a TLV has 0 to ${VALUE_BYTES_MAX} whole ones`);
    }
  }
  for (const of of sizes.keys()) throw badSchema(tlv, of, "has a size field but does not follow it");
  const last = variable.findIndex((place) => place.size === undefined);
  if (last >= 0 && last < variable.length - 1) {
    throw badSchema(tlv, (variable[last] as VariablePlace).name, "takes all bytes that remain, so it must be last");
  }
  const instrumentOffset = fixed.find((place) => place.field.kind === "instrument")?.offset;
  return { fixedBytes: offset, fixed, variable, instrumentOffset };
}

function bytesKey(field: SmallField | WideField | HugeField | InstrumentField | SizeField): string {
  return field.kind === "size" ? field.encoding : field.kind;
}

function isVariable(field: AnyField): field is VariablePlace["field"] {
  return ["group", "optional", "text", "blob", "rest", "textRest"].includes(field.kind);
}

function variablePlace(
  tlv: string,
  name: string,
  field: VariablePlace["field"],
  size: { offset: number; encoding: "u8" | "u16" } | undefined,
): VariablePlace {
  const takesRest = field.kind === "rest" || field.kind === "textRest" || field.kind === "optional";
  if (takesRest && size !== undefined) throw badSchema(tlv, name, "takes all bytes that remain: it has no size field");
  if (!takesRest && size === undefined)
    throw badSchema(tlv, name, "needs a size field before it: sizeOf(name, encoding)");
  const hasEntry = field.kind === "group" || field.kind === "optional";
  const entry = hasEntry ? layoutOf(`${tlv}.${name}`, field.fields) : undefined;
  if (entry !== undefined && entry.variable.length > 0)
    throw badSchema(tlv, name, `is ${field.kind === "group" ? "a group" : "an optional tail"} with variable fields`);
  if (entry?.fixedBytes === 0) {
    throw badSchema(tlv, name, `is ${field.kind === "group" ? "a group of entries" : "an optional tail"} of no bytes`);
  }
  const max = size?.encoding === "u8" ? 0xff : 0xffff;
  return {
    name,
    field,
    size: size === undefined ? undefined : { ...size, max },
    stride: entry?.fixedBytes ?? 1,
    entry,
  };
}

const IDENTIFIER = /^[a-zA-Z][a-zA-Z0-9]*$/;
/** Names that a flyweight has of its own. */
const TAKEN = new Set([
  "view",
  "offset",
  "byteLength",
  "wrap",
  "wrapBytes",
  "toObject",
  "release",
  "tlv",
  "constructor",
]);

/** Every name under which a flyweight shows a field. */
function namesOf(name: string, field: AnyField): readonly string[] {
  if (field.kind === "u128" || field.kind === "i128" || field.kind === "u160") return [name, `${name}Approx`];
  const isWide = field.kind === "u64" || field.kind === "i64";
  return isWide ? [name, `${name}Low`, `${name}High`, name + field.unit] : [name];
}

/** Whether generated code and flyweights can have a field of this name. */
export function isFieldName(name: string): boolean {
  return IDENTIFIER.test(name) && !TAKEN.has(name);
}

function checkName(tlv: string, name: string): void {
  if (!isFieldName(name)) {
    throw badSchema(tlv, name, "is no usable field name: letters and figures, none of the flyweight's own words");
  }
}

function badSchema(tlv: string, field: string, detail: string): AlphaPulseError {
  return new AlphaPulseError("BAD_SCHEMA", `schema of ${tlv}: field ${field} ${detail}`);
}
