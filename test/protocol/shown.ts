import { AlphaPulseError, ProtocolError } from "../../src/protocol/errors.js";
import type { FieldMap, GroupField, OptionalField } from "../../src/protocol/schema/fields.js";
import type { AnyTLV } from "../../src/protocol/schema/tlv.js";

// All that a codec shows of a value, for whoever holds one codec against another.

/** What a call gives, or how it fails: only the library's own errors count as failing. */
export function outcomeOf(call: () => unknown): unknown {
  try {
    return { value: call() };
  } catch (error) {
    if (!(error instanceof AlphaPulseError)) throw error;
    const { code, message } = error;
    return error instanceof ProtocolError ? { code, message, offset: error.offset } : { code, message };
  }
}

export const isFailure = (outcome: unknown): boolean => "code" in (outcome as object);

const HUGE = ["u128", "i128", "u160"];

/** Every name under which a flyweight shows these fields, but for those that it shows only to be read. */
export function accessorsOf(fields: FieldMap): string[] {
  return Object.entries(fields).flatMap(([key, field]) => {
    if (["zero", "size", "group", "optional"].includes(field.kind)) return [];
    const isWide = field.kind === "u64" || field.kind === "i64";
    return isWide ? [key, `${key}Low`, `${key}High`, `${key}${field.unit}`] : [key];
  });
}

export const groupsOf = (fields: FieldMap): [string, GroupField][] =>
  Object.entries(fields).filter((entry): entry is [string, GroupField] => entry[1].kind === "group");

/** The name and the fields of an optional tail, where there is one. */
export const tailOf = (fields: FieldMap): [string, OptionalField] | undefined =>
  Object.entries(fields).find((entry): entry is [string, OptionalField] => entry[1].kind === "optional");

export const approximationsOf = (fields: FieldMap): string[] =>
  Object.entries(fields).flatMap(([key, { kind }]) => (HUGE.includes(kind) ? [`${key}Approx`] : []));

export type Loose = Record<string, unknown>;
export interface LooseGroup {
  readonly count: number;
  at(index: number): Loose;
}

/** All that a flyweight shows of a value. */
export function shownBy(codec: AnyTLV, bytes: Uint8Array): unknown {
  const flyweight = codec.flyweight().wrapBytes(bytes) as unknown as Loose;
  const read = (from: Loose, fields: FieldMap): unknown[] =>
    [...accessorsOf(fields), ...approximationsOf(fields)].map((accessor) => [
      accessor,
      outcomeOf(() => copied(from[accessor])),
    ]);
  const groups = groupsOf(codec.fields).map(([key, { fields }]) => {
    const entries = flyweight[key] as LooseGroup;
    const beyond = outcomeOf(() => entries.at(entries.count));
    return [key, entries.count, beyond, Array.from({ length: entries.count }, (_, i) => read(entries.at(i), fields))];
  });
  const tail = tailOf(codec.fields)?.[0];
  const shownTail = tail === undefined ? "none" : (flyweight[tail] as Loose | undefined);
  const inTail =
    typeof shownTail === "object" ? read(shownTail, tailOf(codec.fields)?.[1].fields as FieldMap) : shownTail;
  return [flyweight.byteLength, read(flyweight, codec.fields), groups, inTail];
}

export const copied = (value: unknown): unknown => (value instanceof Uint8Array ? value.slice() : value);
