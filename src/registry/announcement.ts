import { decode, encode } from "@msgpack/msgpack";
import { AlphaPulseError } from "../protocol/errors.js";
import { describeFields } from "../protocol/schema/description.js";
import { DOC_CHARS_MAX, FIELDS_MAX, fieldsFrom, isDoc, NAME_CHARS_MAX } from "../protocol/schema/from-description.js";
import { type AnyTLV, defineTLV, type InputFor } from "../protocol/schema/tlv.js";
import { RelayDomain } from "../protocol/tables.js";
import { isUserType } from "../protocol/walk.js";
import type { SchemaAnnounceTLV } from "../tlvs/system.js";
import { fingerprintOf } from "./fingerprint.js";

/** Bytes of the MessagePack map of an announcement. */
const SCHEMA_BYTES_MAX = 16_384;

// No more of MessagePack is read than a schema is made of: maps with short keys, arrays of fields, text, numbers.
const DECODING = {
  maxArrayLength: FIELDS_MAX,
  maxMapLength: 16,
  maxStrLength: 4 * DOC_CHARS_MAX,
  maxBinLength: 0,
  maxExtLength: 0,
  keyDecoder: null, // the package's own one is shared, and remembers what it was given
} as const;

/** How {@link announcementOf} writes. */
export interface AnnouncementOptions {
  /** Whether the meanings of type and fields go along; default true. */
  readonly docs?: boolean;
}

/**
 * The announcement of a type of one's own: what to publish as a {@link SchemaAnnounceTLV}, so that whoever never saw the
 * type can read it. Its schema is a MessagePack map: `fields`, `fingerprint` and, where there is one, `doc`.
 *
 * @throws AlphaPulseError BAD_ANNOUNCEMENT or BAD_SCHEMA where no receiver would take it
 */
export function announcementOf(tlv: AnyTLV, options: AnnouncementOptions = {}): InputFor<typeof SchemaAnnounceTLV> {
  const { docs = true } = options;
  const { type, version, domain, name, doc } = tlv;
  const fields = describeFields(tlv.fields);
  const schema = encode({
    fingerprint: fingerprintOf(tlv),
    ...(docs && doc !== "" ? { doc } : {}),
    fields: docs ? fields : fields.map(withoutDocs),
  });
  const announcement = { type, version, domain, name, schema };
  announcedTLV(announcement); // what would be refused there is refused here
  return announcement;
}

function withoutDocs<F extends { readonly doc?: string; readonly fields?: readonly F[] }>({
  doc: _,
  ...field
}: F): object {
  return field.fields === undefined ? field : { ...field, fields: field.fields.map(withoutDocs) };
}

/**
 * The type that an announcement describes. The announcement may come from a stranger: all of it is checked and bounded.
 * @throws AlphaPulseError BAD_ANNOUNCEMENT or BAD_SCHEMA
 */
export function announcedTLV(announcement: SchemaAnnounceTLV): AnyTLV {
  const { type, version, domain, name, schema } = announcement;
  if (!isUserType(type)) throw bad(`type ${type}`, "only types 200 to 254 are announced");
  if (domain !== 0 && !Object.values<number>(RelayDomain).includes(domain)) {
    throw bad(`type ${type}`, `domain ${domain} is none of 0 to 4`);
  }
  if (name.length > NAME_CHARS_MAX) throw bad(`type ${type}`, `its name has more than ${NAME_CHARS_MAX} characters`);
  const of = `type ${type}`;
  const map = mapOf(schema, of);
  const { doc = "", fingerprint, fields } = map;
  if (!isDoc(doc)) {
    throw bad(of, `its doc is no text of at most ${DOC_CHARS_MAX} characters without control characters`);
  }
  const tlv = defineTLV(type, name, fieldsFrom(fields, of), { doc, version, domain });
  if (fingerprint !== undefined && fingerprint !== fingerprintOf(tlv)) {
    throw bad(of, `its fields give fingerprint ${fingerprintOf(tlv)}, it says another`);
  }
  return tlv;
}

function mapOf(schema: Uint8Array, of: string): Readonly<Record<string, unknown>> {
  if (schema.byteLength > SCHEMA_BYTES_MAX) {
    throw bad(
      of,
      `a schema of ${schema.byteLength} bytes, more than ${SCHEMA_BYTES_MAX}: shorten or leave out the docs`,
    );
  }
  let map: unknown;
  try {
    map = decode(schema, DECODING);
  } catch (error) {
    throw bad(of, "its schema is no MessagePack map within the limits", error);
  }
  if (typeof map !== "object" || map === null || Array.isArray(map)) throw bad(of, "its schema is no MessagePack map");
  return map as Readonly<Record<string, unknown>>;
}

function bad(of: string, detail: string, cause?: unknown): AlphaPulseError {
  return new AlphaPulseError(
    "BAD_ANNOUNCEMENT",
    `announcement of ${of}: ${detail}`,
    cause === undefined ? {} : { cause },
  );
}
