import { AlphaPulseError } from "../errors.js";
import { VALUE_BYTES_MAX } from "../walk.js";
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
} from "./fields.js";
import { isFieldName, layoutOf } from "./layout.js";

// The way back from plain data to a schema. The data may come from a stranger: nothing of it is taken unchecked, and
// what is taken is bounded.

/** Fields that a described schema may have, those within groups and tails included. */
export const FIELDS_MAX = 128;
/** Characters of a field's name. */
export const NAME_CHARS_MAX = 64;
/** Characters of a field's meaning. */
export const DOC_CHARS_MAX = 1_024;
/** Bytes of one row of zeros: a codec writes them one by one. */
const PAD_BYTES_MAX = 255;

const PLAIN: Readonly<Record<string, AnyField>> = {
  u8,
  u16,
  u32,
  i8,
  i16,
  i32,
  u128,
  i128,
  u160,
  instrument,
  blob,
  rest,
  "text-rest": textRest,
};
const WIDE: Readonly<Record<string, Readonly<Record<string, AnyField>>>> = {
  u64: { Number: u64, Units: size, Us: timestamp },
  i64: { Number: i64, Units: price },
};
/** What each kind may say of itself, beside `kind`. */
const KEYS: Readonly<Record<string, readonly string[]>> = {
  pad: ["size"],
  count: ["encoding", "of"],
  len: ["encoding", "of"],
  bytes: ["name", "size", "doc"],
  text: ["name", "max", "doc"],
  u64: ["name", "unit", "doc"],
  i64: ["name", "unit", "doc"],
  group: ["name", "fields", "doc"],
  optional: ["name", "fields", "doc"],
};
const KEYS_OF_PLAIN = ["name", "doc"];

/** Fields that may still come. */
interface Budget {
  left: number;
}

/**
 * The fields that plain data describes: the inverse of {@link describeFields}. The data may be anything at all.
 *
 * Lengths, counts and zeros have no name there; here they get one that no other field has.
 * @param of whose fields they are, for errors
 * @throws AlphaPulseError BAD_SCHEMA where it describes no row of fields that the wire can carry, or too large a one
 */
export function fieldsFrom(description: unknown, of = "a description"): FieldMap {
  const fields = rowFrom(description, of, { left: FIELDS_MAX }, true);
  layoutOf(of, fields);
  return fields;
}

function rowFrom(description: unknown, of: string, budget: Budget, isOutermost: boolean): FieldMap {
  if (!Array.isArray(description)) throw bad(of, "its fields are no array");
  if (description.length > budget.left) throw bad(of, `it has more than ${FIELDS_MAX} fields`);
  budget.left -= description.length;
  const taken = namesIn(description, of);
  const fields: Record<string, AnyField> = {};
  for (const entry of description as readonly Entry[]) {
    const { kind } = entry;
    if (kind === "pad") {
      fields[free("reserved", taken)] = zero(wholeNumber(entry.size, PAD_BYTES_MAX, of, "the size of a pad"));
    } else if (kind === "count" || kind === "len") {
      fields[free(kind, taken)] = sizeFrom(entry, description as readonly Entry[], of);
    } else {
      const name = entry.name as string;
      fields[name] = namedFrom(entry, `${of}.${name}`, budget, isOutermost);
    }
  }
  return fields;
}

type Entry = Readonly<Record<string, unknown>>;

/** The names in a row, each once, and every entry an object that says nothing unknown. */
function namesIn(row: readonly unknown[], of: string): Set<string> {
  const names = new Set<string>();
  for (const entry of row) {
    if (typeof entry !== "object" || entry === null || Array.isArray(entry)) throw bad(of, "a field is no map");
    const { kind, name } = entry as Entry;
    const keys = typeof kind === "string" ? keysOf(kind) : undefined;
    if (keys === undefined) throw bad(of, `${shown(kind)} is no kind of field`);
    for (const key of Object.keys(entry)) {
      if (key !== "kind" && !keys.includes(key)) throw bad(of, `a field of kind ${kind} has no ${shown(key)}`);
    }
    if (!keys.includes("name")) continue;
    if (typeof name !== "string" || name.length > NAME_CHARS_MAX) {
      throw bad(of, `a name is text of at most ${NAME_CHARS_MAX} characters, not ${shown(name)}`);
    }
    if (!isFieldName(name)) throw bad(of, `${shown(name)} is no usable field name`);
    // `toString` and its like: an object with such a field would break whoever prints it.
    if (name in Object.prototype) throw bad(of, `the name ${shown(name)} is every object's own`);
    if (names.has(name)) throw bad(of, `two fields are called ${shown(name)}`);
    names.add(name);
  }
  return names;
}

function keysOf(kind: string): readonly string[] | undefined {
  if (Object.hasOwn(KEYS, kind)) return KEYS[kind];
  return Object.hasOwn(PLAIN, kind) ? KEYS_OF_PLAIN : undefined;
}

function namedFrom(entry: Entry, of: string, budget: Budget, isOutermost: boolean): AnyField {
  const made = kindFrom(entry, of, budget, isOutermost);
  const { doc } = entry;
  if (doc !== undefined && !isDoc(doc)) {
    throw bad(of, `its meaning is no text of at most ${DOC_CHARS_MAX} characters without control characters`);
  }
  return { ...made, docs: doc as string | undefined } as AnyField;
}

function kindFrom(entry: Entry, of: string, budget: Budget, isOutermost: boolean): AnyField {
  const kind = entry.kind as string;
  switch (kind) {
    case "bytes":
      return bytes(wholeNumber(entry.size, VALUE_BYTES_MAX, of, "its size"));
    case "text":
      return entry.max === undefined ? text : textUpTo(wholeNumber(entry.max, VALUE_BYTES_MAX, of, "its max"));
    case "u64":
    case "i64": {
      const { unit = "Number" } = entry;
      const units = WIDE[kind] as Readonly<Record<string, AnyField>>;
      if (typeof unit !== "string" || !Object.hasOwn(units, unit))
        throw bad(of, `${shown(unit)} is no unit of ${kind}`);
      return units[unit] as AnyField;
    }
    case "group":
    case "optional": {
      if (!isOutermost) throw bad(of, `a ${kind} stands within another field`);
      const fields = rowFrom(entry.fields, of, budget, false);
      return kind === "group" ? group(fields) : optional(fields);
    }
    default:
      return PLAIN[kind] as AnyField;
  }
}

function sizeFrom({ kind, encoding, of: target }: Entry, row: readonly Entry[], of: string): AnyField {
  if (encoding !== "u8" && encoding !== "u16") throw bad(of, `a ${kind} is u8 or u16, not ${shown(encoding)}`);
  const counted = row.find(({ name }) => name !== undefined && name === target);
  const fits = kind === "count" ? counted?.kind === "group" : counted?.kind === "text" || counted?.kind === "blob";
  if (!fits) {
    throw bad(of, `a ${kind} belongs to ${kind === "count" ? "a group" : "text or blob"}, not to ${shown(target)}`);
  }
  return sizeOf(target as string, encoding);
}

/** A name that no field of the row has, nor any that a flyweight derives from one. */
function free(stem: string, taken: Set<string>): string {
  for (let i = 0; ; i++) {
    const name = `${stem}${i}`;
    if (taken.has(name)) continue;
    taken.add(name);
    return name;
  }
}

function wholeNumber(value: unknown, max: number, of: string, what: string): number {
  if (Number.isInteger(value) && (value as number) >= 0 && (value as number) <= max) return value as number;
  throw bad(of, `${what} is a whole number from 0 to ${max}, not ${shown(value)}`);
}

/** Whether it is text that one can show: no control characters but line ends and tabs. */
export function isDoc(value: unknown): value is string {
  if (typeof value !== "string" || value.length > DOC_CHARS_MAX) return false;
  return /^[^\p{Cc}\p{Cs}]*$/u.test(value.replace(/[\n\t]/g, ""));
}

const SHOWN_CHARS = 40;

function shown(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.slice(0, SHOWN_CHARS));
  return typeof value === "number" ? String(value) : `a value of type ${value === null ? "null" : typeof value}`;
}

function bad(of: string, detail: string): AlphaPulseError {
  return new AlphaPulseError("BAD_SCHEMA", `schema of ${of}: ${detail}`);
}
