import { ValueRangeError } from "../protocol/errors.js";
import { InstrumentId } from "../protocol/instrument-id.js";
import type { AnyField, FieldMap } from "../protocol/schema/fields.js";
import type { AnyTLV } from "../protocol/schema/tlv.js";
import type { Decoded } from "./checked.js";
import { toHex } from "./hex.js";

// Messages as JSON: integers of 64 bits and more are decimal text, bytes are hex, a group is an array, an optional tail
// is there or absent, an instrument is {venue, assetType, assetId}.

/** A message as one line of JSON. */
export function messageToJson({ header, checksum, tlvs }: Decoded): string {
  const shown = tlvs.map(({ type, tlv, value, raw }) =>
    tlv === undefined ? { type, raw: toHex(raw) } : { type, name: tlv.name, value },
  );
  return JSON.stringify({ checksum: checksum ?? null, header, tlvs: shown }, (_, value: unknown) => {
    if (typeof value === "bigint") return value.toString();
    return value instanceof Uint8Array ? toHex(value) : value;
  });
}

type JsonObject = Readonly<Record<string, unknown>>;

/** Whether a value of JSON is an object, and no array. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * The value that a TLV encodes, of the one that JSON shows.
 * @throws ValueRangeError for a key that the TLV does not have, and for a value that is not in the shape of its field
 */
export function valueFromJson(tlv: AnyTLV, shown: unknown): Record<string, unknown> {
  return fieldsFromJson(tlv.name, "", tlv.fields, shown);
}

function fieldsFromJson(tlv: string, prefix: string, fields: FieldMap, shown: unknown): Record<string, unknown> {
  if (!isObject(shown))
    throw new ValueRangeError(tlv, prefix.slice(0, -1) || "value", shown, "an object of its fields");
  const names = Object.keys(fields).filter((name) => !["zero", "size"].includes((fields[name] as AnyField).kind));
  for (const key of Object.keys(shown)) {
    if (!names.includes(key)) throw new ValueRangeError(tlv, prefix + key, shown[key], `one of ${names.join(", ")}`);
  }
  const value: Record<string, unknown> = {};
  for (const name of names) {
    const field = fields[name] as AnyField;
    if (Object.hasOwn(shown, name)) value[name] = fieldFromJson(tlv, prefix + name, field, shown[name]);
    else if (field.kind !== "optional") throw new ValueRangeError(tlv, prefix + name, undefined, "a value");
  }
  return value;
}

function fieldFromJson(tlv: string, name: string, field: AnyField, shown: unknown): unknown {
  switch (field.kind) {
    case "u64":
    case "i64":
    case "u128":
    case "i128":
    case "u160":
      return wideFromJson(tlv, name, shown);
    case "bytes":
    case "blob":
    case "rest":
      return bytesFromJson(tlv, name, shown);
    case "instrument":
      return instrumentFromJson(tlv, name, shown);
    case "group":
      if (!Array.isArray(shown)) throw new ValueRangeError(tlv, name, shown, "an array");
      return shown.map((entry) => fieldsFromJson(tlv, `${name}.`, field.fields, entry));
    case "optional":
      return fieldsFromJson(tlv, `${name}.`, field.fields, shown);
    default:
      return shown;
  }
}

/** A wide integer from decimal text, or from a number that JSON holds exactly. */
export function wideFromJson(tlv: string, name: string, shown: unknown): bigint {
  if (typeof shown === "string" && /^-?\d{1,60}$/.test(shown)) return BigInt(shown);
  if (Number.isSafeInteger(shown)) return BigInt(shown as number);
  throw new ValueRangeError(tlv, name, shown, "a whole number as decimal text");
}

/** Raw bytes from hex, with or without 0x. */
export function bytesFromJson(tlv: string, name: string, shown: unknown): Uint8Array {
  const digits = typeof shown === "string" ? shown.replace(/^0x/, "") : "?";
  if (digits.length % 2 !== 0 || /[^0-9a-fA-F]/.test(digits))
    throw new ValueRangeError(tlv, name, shown, "bytes as hex");
  return new Uint8Array(Buffer.from(digits, "hex"));
}

/** An instrument from its numbers, or from `symbol` in the place of `assetId`. */
function instrumentFromJson(tlv: string, name: string, shown: unknown): unknown {
  if (!isObject(shown)) throw new ValueRangeError(tlv, name, shown, "{venue, assetType, assetId}");
  const { venue, assetType, assetId, symbol, ...others } = shown;
  const [strange] = Object.keys(others);
  if (strange !== undefined || (assetId !== undefined && symbol !== undefined)) {
    const key = strange ?? "symbol";
    throw new ValueRangeError(
      tlv,
      `${name}.${key}`,
      shown[key],
      "{venue, assetType, assetId}, or symbol instead of assetId",
    );
  }
  if (typeof symbol === "string") return InstrumentId.of(venue as number, assetType as number, symbol);
  return { venue, assetType, assetId: wideFromJson(tlv, `${name}.assetId`, assetId) };
}
