import { crc32, crc32c } from "../protocol/checksum.js";
import { ProtocolError } from "../protocol/errors.js";
import { CHECKSUM_OFFSET, messageChecksum } from "../protocol/header.js";
import { type Message, parseMessage } from "../protocol/message.js";
import type { AnyTLV } from "../protocol/schema/tlv.js";
import { within } from "./fault.js";
import type { KnownTypes } from "./known-types.js";

/** Which checksum a message must carry: `auto` takes either, `none` any. */
export const CHECKSUM_CHOICES = ["auto", "crc32c", "crc32", "none"] as const;
export type ChecksumOption = (typeof CHECKSUM_CHOICES)[number];

/** One TLV of a message, decoded where its type is known. */
export interface DecodedTLV {
  readonly type: number;
  readonly raw: Uint8Array;
  readonly tlv: AnyTLV | undefined;
  /** Its fields; undefined where the type is not known. */
  readonly value: Readonly<Record<string, unknown>> | undefined;
}

/** A message that was checked and decoded to the last field. */
export interface Decoded {
  readonly header: Message["header"];
  /** The checksum it carries; undefined where it is a wrong one, which only `none` lets pass. */
  readonly checksum: "crc32c" | "crc32" | undefined;
  readonly tlvs: readonly DecodedTLV[];
  readonly byteLength: number;
}

/** Checks a message as a reader does, and decodes all of its values. @throws ProtocolError with its offset in the message */
export function decodeMessage(
  bytes: Uint8Array,
  choice: ChecksumOption,
  payloadBytesMax: number,
  known: KnownTypes,
): Decoded {
  const message = parsed(bytes, choice, payloadBytesMax);
  const tlvs: DecodedTLV[] = [];
  for (const { type, value } of message) {
    const tlv = known.byType(type);
    tlvs.push({ type, raw: value, tlv, value: tlv && decodeValue(tlv, value, value.byteOffset - bytes.byteOffset) });
  }
  return { header: message.header, checksum: carriedBy(bytes), tlvs, byteLength: bytes.byteLength };
}

function decodeValue(tlv: AnyTLV, value: Uint8Array, valueAt: number): DecodedTLV["value"] {
  try {
    return tlv.decode(value);
  } catch (error) {
    throw error instanceof ProtocolError ? within(error, valueAt) : error;
  }
}

function parsed(bytes: Uint8Array, choice: ChecksumOption, payloadBytesMax: number): Message {
  if (choice !== "auto") return parseMessage(bytes, { checksum: choice, payloadBytesMax });
  try {
    return parseMessage(bytes, { checksum: "crc32c", payloadBytesMax });
  } catch (error) {
    if (!(error instanceof ProtocolError) || error.code !== "CHECKSUM_MISMATCH") throw error;
    if (carriedBy(bytes) === "crc32") return parseMessage(bytes, { checksum: "crc32", payloadBytesMax });
    const [carried, c, ieee] = checksumsOf(bytes).map((sum) => `0x${sum.toString(16).padStart(8, "0")}`);
    throw new ProtocolError(
      "CHECKSUM_MISMATCH",
      `the message carries checksum ${carried}, its bytes give ${c} as CRC-32C and ${ieee} as CRC-32: they were changed`,
      CHECKSUM_OFFSET,
    );
  }
}

function carriedBy(bytes: Uint8Array): Decoded["checksum"] {
  const [carried, c, ieee] = checksumsOf(bytes);
  if (carried === c) return "crc32c";
  return carried === ieee ? "crc32" : undefined;
}

function checksumsOf(bytes: Uint8Array): [carried: number, crc32c: number, crc32: number] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return [
    view.getUint32(CHECKSUM_OFFSET, true),
    messageChecksum(crc32c, view, 0, bytes.byteLength) >>> 0,
    messageChecksum(crc32, view, 0, bytes.byteLength) >>> 0,
  ];
}
