import { describeFields, type FieldDescription } from "../protocol/schema/description.js";
import type { AnyTLV } from "../protocol/schema/tlv.js";
import { sha256 } from "../protocol/sha256.js";

// What decides the bytes of a type, as lines of ASCII, each ended by a line feed:
//
//   200 1 FundingRate            type, version, name
//   instrument instrument        kind and name of a field, in the order of the wire
//   bytes:20 pool                raw bytes with their number
//   pad:4                        zeros with theirs
//   count:u16 tiers              the count of a group; len:u8 note = the length of a text or blob
//   group tiers {                the fields of a group or an optional tail, then }
//
// Meanings, units and a text's limit for writers are not in it: they change no byte that a reader sees.

const known = /* @__PURE__ */ new WeakMap<AnyTLV, string>();

/**
 * The fingerprint of a schema: SHA-256, as 64 hex digits, over all that decides the bytes of the type: its number, its
 * version, its name, and names, kinds, sizes and order of its fields. The same in every process and every language.
 */
export function fingerprintOf(tlv: AnyTLV): string {
  let found = known.get(tlv);
  if (found === undefined) {
    const digest = sha256(new TextEncoder().encode(canonicalText(tlv)));
    found = Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
    known.set(tlv, found);
  }
  return found;
}

/** What the fingerprint is made over. */
export function canonicalText(tlv: AnyTLV): string {
  const lines = [`${tlv.type} ${tlv.version} ${tlv.name}`, ...describeFields(tlv.fields).flatMap(linesOf)];
  return `${lines.join("\n")}\n`;
}

/** The lines of one field. */
export function linesOf(field: FieldDescription): string[] {
  const { kind, name, fields } = field;
  if (fields !== undefined) return [`${kind} ${name} {`, ...fields.flatMap(linesOf), "}"];
  return [[kindOf(field), name ?? field.of].filter((part) => part !== undefined).join(" ")];
}

/** The kind of a field with its size: `i64`, `bytes:20`, `pad:4`, `count:u16`. */
export function kindOf({ kind, size, encoding }: FieldDescription): string {
  const detail = size ?? encoding;
  return detail === undefined ? kind : `${kind}:${detail}`;
}
