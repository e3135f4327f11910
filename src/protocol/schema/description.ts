import type { FieldMap } from "./fields.js";
import type { AnyTLV } from "./tlv.js";

// A schema as plain data: what the tables of the documentation, an announcement on the wire and other programs are made
// from. Lengths and counts name the field they belong to, so that they need no name of their own.

/** One field of a TLV as plain data. */
export interface FieldDescription {
  /** As in docs/protocol.md, "Conventions": `u8` to `u160`, `instrument`, `bytes`, `pad`, `count`, `len`, `text`, `blob`, `rest`, `text-rest`, `group`, `optional`. */
  readonly kind: string;
  /** Absent of `pad`, `count` and `len`, which no object has. */
  readonly name?: string;
  /** Bytes of `bytes` and `pad`. */
  readonly size?: number;
  /** Of `count` and `len`. */
  readonly encoding?: "u8" | "u16";
  /** The group that a `count`, the text or blob that a `len` belongs to. */
  readonly of?: string;
  /** How many bytes a writer may give a `text`, where that is less than its length could say. */
  readonly max?: number;
  /** What a 64-bit integer means: `Units` for a fixed-point amount, `Us` for a time in ns. */
  readonly unit?: "Units" | "Us";
  /** The fields of a `group` or an `optional` tail. */
  readonly fields?: readonly FieldDescription[];
  readonly doc?: string;
}

/** A TLV as plain data. */
export interface TLVDescription {
  readonly type: number;
  readonly name: string;
  /** One of RelayDomain; 0 for extensions and for user types that name none. */
  readonly domain: number;
  readonly doc: string;
  /** Bytes of the fixed part. */
  readonly fixedSize: number;
  /** Whether the value may be longer than its fixed part. */
  readonly variable: boolean;
  readonly fields: readonly FieldDescription[];
}

/** The schema of a TLV as plain data. */
export function describeTLV(tlv: AnyTLV): TLVDescription {
  const { type, name, domain, doc, layout } = tlv;
  const variable = layout.variable.length > 0;
  return { type, name, domain, doc, fixedSize: layout.fixedBytes, variable, fields: describeFields(tlv.fields) };
}

/** A row of fields as plain data, in the order of the wire. */
export function describeFields(fields: FieldMap): FieldDescription[] {
  return Object.entries(fields).map(([name, field]) => describe(name, field, fields));
}

function describe(name: string, field: FieldMap[string], all: FieldMap): FieldDescription {
  const doc = field.docs === undefined ? {} : { doc: field.docs };
  switch (field.kind) {
    case "zero":
      return { kind: "pad", size: field.bytes };
    case "size":
      return { kind: all[field.of]?.kind === "group" ? "count" : "len", encoding: field.encoding, of: field.of };
    case "bytes":
      return { name, kind: "bytes", size: field.bytes, ...doc };
    case "textRest":
      return { name, kind: "text-rest", ...doc };
    case "text":
      return { name, kind: "text", ...(field.bytesMax === undefined ? {} : { max: field.bytesMax }), ...doc };
    case "group":
    case "optional":
      return { name, kind: field.kind, fields: describeFields(field.fields), ...doc };
    case "u64":
    case "i64":
      return { name, kind: field.kind, ...(field.unit === "Number" ? {} : { unit: field.unit }), ...doc };
    default:
      return { name, kind: field.kind, ...doc };
  }
}
