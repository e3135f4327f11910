import { TLVBuilder } from "../protocol/builder.js";
import { AlphaPulseError } from "../protocol/errors.js";
import { parseMessage } from "../protocol/message.js";
import type { FieldMap } from "../protocol/schema/fields.js";
import type { AnyTLV } from "../protocol/schema/tlv.js";
import { ALL_TLVS } from "../tlvs/all.js";
import { hexOf } from "./text.js";

/** An object as JSON holds it: integers of 64 bits and more as decimal text, bytes as hex, an instrument as its three fields. */
export type GoldenValue = Readonly<Record<string, unknown>>;

/** One TLV of a golden message: its value where the type is known, else its bytes. */
export interface GoldenTLV {
  readonly type: number;
  readonly name?: string;
  readonly value?: GoldenValue;
  /** Hex, of a type that is not known. */
  readonly raw?: string;
}

/** A message as JSON: its bytes, and what they mean. The shape of the protocol's own golden messages. */
export interface GoldenMessage {
  /** What it shows, for people. */
  readonly label?: string;
  /** The whole message. */
  readonly hex: string;
  readonly checksum: "crc32c" | "crc32";
  readonly header: {
    readonly version: number;
    readonly relayDomain: number;
    readonly source: number;
    /** Decimal. */
    readonly sequence: string;
    /** Decimal. */
    readonly timestamp: string;
    readonly payloadSize: number;
    readonly checksum: number;
  };
  readonly tlvs: readonly GoldenTLV[];
}

/** How {@link toGolden} reads. */
export interface GoldenOptions {
  readonly label?: string;
  /** The types that it knows; default all of the protocol. */
  readonly tlvs?: readonly AnyTLV[];
  /** Which checksum the message carries; default `crc32c`. */
  readonly checksum?: "crc32c" | "crc32";
}

/**
 * A message and all its values as plain JSON: one line of a golden file, to be kept and compared.
 *
 * ```ts
 * expect(toGolden(bytes)).toEqual(JSON.parse(line));
 * ```
 * @throws ProtocolError where the bytes are no valid message
 */
export function toGolden(bytes: Uint8Array, options: GoldenOptions = {}): GoldenMessage {
  const { label, tlvs = ALL_TLVS, checksum = "crc32c" } = options;
  const message = parseMessage(bytes, { checksum, payloadBytesMax: bytes.byteLength });
  const { sequence, timestamp } = message.header;
  return {
    ...(label === undefined ? {} : { label }),
    hex: hexOf(bytes),
    checksum,
    header: { ...message.header, sequence: String(sequence), timestamp: String(timestamp) },
    tlvs: [...message].map(({ type, value }) => {
      const tlv = tlvs.find((each) => each.type === type);
      if (tlv === undefined) return { type, raw: hexOf(value) };
      return { type, name: tlv.name, value: goldenOf(tlv.fields, tlv.decode(value)) };
    }),
  };
}

/**
 * The message that a golden one describes, built anew from its header and values: the same bytes as its `hex`, where
 * the writer is right and the golden message is one that a writer would make.
 * @param tlvs the types that it knows; default all of the protocol
 * @throws ProtocolError VALUE_RANGE that names the field where a value is not what the schema says
 * @throws AlphaPulseError BAD_OPTION where a TLV has neither a known type and value nor raw bytes
 */
export function fromGolden(golden: GoldenMessage, tlvs: readonly AnyTLV[] = ALL_TLVS): Uint8Array {
  const { relayDomain, source, sequence, timestamp } = golden.header;
  const builder = new TLVBuilder({ domain: relayDomain, source, checksum: golden.checksum });
  for (const { type, value, raw } of golden.tlvs) {
    const tlv = tlvs.find((each) => each.type === type);
    if (tlv !== undefined && value !== undefined) builder.add(tlv, valueOfGolden(tlv.fields, value));
    else builder.addRaw(type, rawOf(type, raw));
  }
  return builder.build({
    sequence: wideOf(sequence) as bigint,
    timestamp: wideOf(timestamp) as bigint,
  });
}

/** The object that a codec takes, of what the golden file shows. What is not of its shape is left for the codec to refuse. */
export function valueOfGolden(fields: FieldMap, golden: GoldenValue): Record<string, unknown> {
  const value: Record<string, unknown> = {};
  for (const [name, field] of Object.entries(fields)) {
    const shown = golden[name];
    if (field.kind === "zero" || field.kind === "size" || (field.kind === "optional" && shown === undefined)) continue;
    value[name] = convert(field, shown, { wide: wideOf, bytes: bytesOf, row: valueOfGolden });
  }
  return value;
}

function goldenOf(fields: FieldMap, value: GoldenValue): GoldenValue {
  const shown: Record<string, unknown> = {};
  for (const [name, field] of Object.entries(fields)) {
    if (!(name in value)) continue;
    shown[name] = convert(field, value[name], {
      wide: String,
      bytes: (bytes) => hexOf(bytes as Uint8Array),
      row: goldenOf,
    });
  }
  return shown;
}

interface Conversion {
  wide(value: unknown): unknown;
  bytes(value: unknown): unknown;
  row(fields: FieldMap, value: GoldenValue): GoldenValue;
}

/** What one field becomes, in either direction. */
function convert(field: FieldMap[string], value: unknown, { wide, bytes, row }: Conversion): unknown {
  switch (field.kind) {
    case "u64":
    case "i64":
    case "u128":
    case "i128":
    case "u160":
      return wide(value);
    case "bytes":
    case "blob":
    case "rest":
      return bytes(value);
    case "group":
      return Array.isArray(value) ? value.map((entry) => (isRow(entry) ? row(field.fields, entry) : entry)) : value;
    case "optional":
      return isRow(value) ? row(field.fields, value) : value;
    case "instrument": {
      if (!isRow(value)) return value;
      const { venue, assetType, assetId } = value;
      return { venue, assetType, assetId: wide(assetId) };
    }
    default:
      return value;
  }
}

function isRow(value: unknown): value is GoldenValue {
  return typeof value === "object" && value !== null;
}

function wideOf(value: unknown): unknown {
  return typeof value === "string" && /^-?\d+$/.test(value) ? BigInt(value) : value;
}

function bytesOf(value: unknown): unknown {
  if (typeof value !== "string" || !/^([0-9a-f]{2})*$/i.test(value)) return value;
  return Uint8Array.from(value.match(/../g) ?? [], (digits) => Number.parseInt(digits, 16));
}

function rawOf(type: number, raw: unknown): Uint8Array {
  const bytes = raw === undefined ? undefined : bytesOf(raw);
  if (bytes instanceof Uint8Array) return bytes;
  throw new AlphaPulseError(
    "BAD_OPTION",
    `fromGolden: TLV of type ${type} has neither hex as \`raw\` nor a \`value\` of a type that it was told`,
  );
}
