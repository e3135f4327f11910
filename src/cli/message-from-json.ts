import { TLVBuilder } from "../protocol/builder.js";
import { ProtocolError, ValueRangeError } from "../protocol/errors.js";
import { domainName, RelayDomain, Source } from "../protocol/tables.js";
import { InputError } from "./errors.js";
import type { KnownTypes } from "./known-types.js";
import { bytesFromJson, isObject, valueFromJson, wideFromJson } from "./message-json.js";
import { quoted } from "./printable.js";

/** What a message of JSON is built with. */
export interface EncodeOptions {
  readonly known: KnownTypes;
  readonly payloadBytesMax: number;
  /** The checksum to write, whatever the JSON says; undefined: what the JSON says. */
  readonly checksum: "crc32c" | "crc32" | undefined;
}

const MESSAGE_KEYS = ["checksum", "header", "tlvs"];
const HEADER_KEYS = ["version", "relayDomain", "source", "sequence", "timestamp", "payloadSize", "checksum"];
const TLV_KEYS = ["type", "name", "value", "raw"];
const DOMAIN_OFFSET = 5;

type JsonObject = Readonly<Record<string, unknown>>;

/**
 * The bytes of a message that `decode --json` shows. Size and checksum of the header are computed anew. What is absent
 * has a default: the domain that of the first TLV, the source 100 (External), the sequence 0, the time stamp now.
 *
 * @throws ProtocolError, ValueRangeError that names TLV, field and value, or InputError BAD_JSON
 */
export function encodeMessage(shown: unknown, options: EncodeOptions): Uint8Array {
  const message = objectWith(shown, MESSAGE_KEYS, "a message");
  const header = objectWith(message.header ?? {}, HEADER_KEYS, "header");
  if (!Array.isArray(message.tlvs)) throw new InputError("BAD_JSON", "a message has tlvs, an array");
  const tlvs = message.tlvs.map((tlv: unknown, i) => objectWith(tlv, TLV_KEYS, `tlvs[${i}]`));
  if (header.version !== undefined && header.version !== 1) {
    throw new ProtocolError("UNSUPPORTED_VERSION", `header.version: ${JSON.stringify(header.version)}, expected 1`);
  }
  const domain = domainOf(header.relayDomain, tlvs[0], options.known);
  const source = wholeNumber(header, "source", Source.External, 0xffff);
  const builder = new TLVBuilder({ domain, source, payloadBytesMax: options.payloadBytesMax });
  tlvs.forEach((tlv, i) => {
    add(builder, tlv, `tlvs[${i}]`, options.known);
  });
  const timestamp = header.timestamp === undefined ? {} : { timestamp: stamp(header, "timestamp") };
  const sequence = header.sequence === undefined ? 0n : stamp(header, "sequence");
  const bytes = builder.build({ sequence, ...timestamp, checksum: options.checksum ?? checksumOf(message.checksum) });
  if (bytes[DOMAIN_OFFSET] !== domain) {
    const found = domainName(bytes[DOMAIN_OFFSET] as number);
    throw new ProtocolError(
      "DOMAIN_MISMATCH",
      `header.relayDomain is ${domainName(domain)}, the first TLV is of ${found}`,
    );
  }
  return bytes;
}

function objectWith(shown: unknown, keys: readonly string[], what: string): JsonObject {
  if (!isObject(shown)) throw new InputError("BAD_JSON", `${what} is no object`);
  const strange = Object.keys(shown).find((key) => !keys.includes(key));
  if (strange === undefined) return shown;
  throw new InputError("BAD_JSON", `${what} has no ${quoted(strange)}, only ${keys.join(", ")}`);
}

function domainOf(given: unknown, first: JsonObject | undefined, known: KnownTypes): number {
  if (given !== undefined) return wholeNumber({ relayDomain: given }, "relayDomain", 0, RelayDomain.System, 1);
  const domain = first === undefined ? 0 : (typeOf(first, "tlvs[0]", known).tlv?.domain ?? 0);
  if (domain === 0) throw new InputError("BAD_JSON", "header.relayDomain is needed: the first TLV does not tell it");
  return domain;
}

function wholeNumber(header: JsonObject, name: string, fallback: number, max: number, min = 0): number {
  const value = header[name] ?? fallback;
  if (Number.isInteger(value) && (value as number) >= min && (value as number) <= max) return value as number;
  throw new ValueRangeError("header", name, value, `an integer from ${min} to ${max}`);
}

function stamp(header: JsonObject, name: string): bigint {
  const value = wideFromJson("header", name, header[name]);
  if (value >= 0n && value < 2n ** 64n) return value;
  throw new ValueRangeError("header", name, value, `an integer from 0 to ${2n ** 64n - 1n}`);
}

/** Of a message that carried a wrong one, nothing is said: it gets CRC-32C. */
function checksumOf(shown: unknown): "crc32c" | "crc32" {
  if (shown === undefined || shown === null) return "crc32c";
  if (shown === "crc32c" || shown === "crc32") return shown;
  throw new ValueRangeError("message", "checksum", shown, "crc32c, crc32 or null");
}

function typeOf(
  { type, name }: JsonObject,
  what: string,
  known: KnownTypes,
): { type: number; tlv: ReturnType<KnownTypes["byType"]> } {
  const tlv = typeof name === "string" ? known.byName(name) : undefined;
  if (name !== undefined && tlv === undefined) {
    throw new InputError(
      "BAD_JSON",
      `${what}: there is no type ${quoted(String(name))}: \`alphapulse schema\` lists all`,
    );
  }
  if (tlv !== undefined && type !== undefined && type !== tlv.type) {
    throw new InputError("BAD_JSON", `${what}: ${tlv.name} is type ${tlv.type}, not ${quoted(String(type))}`);
  }
  if (tlv === undefined && (!Number.isInteger(type) || (type as number) < 1 || (type as number) > 254)) {
    throw new InputError("BAD_JSON", `${what} has neither a name nor a type from 1 to 254`);
  }
  const found = tlv?.type ?? (type as number);
  return { type: found, tlv: known.byType(found) };
}

function add(builder: TLVBuilder, shown: JsonObject, what: string, known: KnownTypes): void {
  const { type, tlv } = typeOf(shown, what, known);
  if ((shown.raw === undefined) === (shown.value === undefined)) {
    throw new InputError("BAD_JSON", `${what} needs either value or raw`);
  }
  if (shown.raw !== undefined) builder.addRaw(type, bytesFromJson(`type ${type}`, "raw", shown.raw));
  else if (tlv !== undefined) builder.add(tlv, valueFromJson(tlv, shown.value));
  else throw new InputError("BAD_JSON", `${what}: type ${type} is not known: give its bytes as raw, in hex`);
}
