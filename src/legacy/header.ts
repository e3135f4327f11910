import { crc32 } from "../protocol/checksum.js";
import { AlphaPulseError, ProtocolError } from "../protocol/errors.js";
import { CHECKSUM_OFFSET, messageChecksum, PAYLOAD_BYTES_MAX, verifyChecksum } from "../protocol/header.js";
import type { ObjectOf } from "../protocol/schema/fields.js";
import { timestamp, u8, u32, u64 } from "../protocol/schema/fields.js";
import { defineStruct } from "../protocol/schema/struct.js";

// The header of the first version (PROTOCOL.md, "Messages of the first protocol version"), packed, little-endian:
//
//   0       4             5         6        7       8             12         20          28
//   | magic | messageType | version | source | flags | payloadSize | sequence | timestamp | checksum |  32

const LEGACY_HEADER = /* @__PURE__ */ defineStruct("LegacyHeader", {
  magic: u32,
  messageType: u8.doc("what the body is, one of LegacyType"),
  version: u8,
  source: u8,
  flags: u8.doc("compression and priority; the first version gives its bits no meaning"),
  payloadSize: u32,
  sequence: u64,
  timestamp,
  checksum: u32.doc("CRC-32 (IEEE) of all bytes but these four"),
});

export const LEGACY_HEADER_BYTES = 32;
const MAGIC = 0xdeadbeef;
const VERSION = 1;
const VERSION_OFFSET = 5;
const PAYLOAD_SIZE_OFFSET = 8;

/** The header of a message of the first version, read. */
export type LegacyHeader = Omit<ObjectOf<typeof LEGACY_HEADER.fields>, "magic">;

/** What a writer of such a header decides; the rest follows from the body. */
export interface LegacyHeaderInput {
  /** Who sends, 0 to 255. */
  readonly source: number;
  /** Ordinal of the message, 64 bits; default 0. */
  readonly sequence?: bigint;
  /** ns since the Unix epoch; default 0. */
  readonly timestamp?: bigint;
  /** Default 0. */
  readonly flags?: number;
}

/** How bytes of the first version are read. */
export interface LegacyReadOptions {
  /** Whether to verify the checksum, CRC-32 (IEEE) in the first version; default `crc32`. */
  readonly checksum?: "crc32" | "none";
  /** The limit of a payload in bytes; default 1 MiB, at most 16 MiB. */
  readonly payloadBytesMax?: number;
}

/**
 * Checks the header of exactly one message, in the order of PROTOCOL.md's reader, and reads it.
 *
 * @throws ProtocolError TRUNCATED, BAD_MAGIC, UNSUPPORTED_VERSION, TOO_LARGE, SIZE_MISMATCH or CHECKSUM_MISMATCH
 * @throws AlphaPulseError BAD_OPTION
 */
export function readLegacyHeader(view: DataView, options: Required<LegacyReadOptions>): LegacyHeader {
  const { checksum, payloadBytesMax } = options;
  if (checksum !== "crc32" && checksum !== "none") throw badOption("checksum", checksum, "crc32 or none");
  if (payloadBytesMax >>> 0 !== payloadBytesMax || payloadBytesMax > PAYLOAD_BYTES_MAX) {
    throw badOption("payloadBytesMax", payloadBytesMax, `at most ${PAYLOAD_BYTES_MAX} bytes`);
  }
  if (view.byteLength < LEGACY_HEADER_BYTES) {
    const detail = `a legacy header has ${LEGACY_HEADER_BYTES} bytes, the input ends`;
    throw new ProtocolError("TRUNCATED", detail, view.byteLength);
  }
  const { magic, ...header } = LEGACY_HEADER.decodeAt(view, 0, LEGACY_HEADER_BYTES);
  if (magic !== MAGIC) {
    const detail = `expected magic 0xdeadbeef, not 0x${magic.toString(16)}: no message starts`;
    throw new ProtocolError("BAD_MAGIC", detail, 0);
  }
  if (header.version !== VERSION) {
    const detail = `legacy version ${header.version}, this reader knows ${VERSION}`;
    throw new ProtocolError("UNSUPPORTED_VERSION", detail, VERSION_OFFSET);
  }
  const { payloadSize } = header;
  if (payloadSize > payloadBytesMax) {
    const detail = `a payload of ${payloadSize} bytes passes the limit of ${payloadBytesMax}`;
    throw new ProtocolError("TOO_LARGE", detail, PAYLOAD_SIZE_OFFSET);
  }
  const wholeBytes = LEGACY_HEADER_BYTES + payloadSize;
  if (view.byteLength < wholeBytes) {
    throw new ProtocolError("TRUNCATED", `the header says ${wholeBytes} bytes in all, the input ends`, view.byteLength);
  }
  if (view.byteLength > wholeBytes) {
    throw new ProtocolError("SIZE_MISMATCH", `the message has ${wholeBytes} bytes, the input goes on`, wholeBytes);
  }
  // Both versions have their checksum in the same four bytes.
  if (checksum === "crc32") verifyChecksum(crc32, view, 0, wholeBytes);
  return header;
}

/** Writes header and checksum before a body that stands at byte 32 already. @throws ValueRangeError */
export function writeLegacyHeader(view: DataView, messageType: number, input: LegacyHeaderInput): void {
  const { source, sequence = 0n, timestamp = 0n, flags = 0 } = input;
  const payloadSize = view.byteLength - LEGACY_HEADER_BYTES;
  const fields = { magic: MAGIC, messageType, version: VERSION, source, flags, payloadSize, sequence, timestamp };
  LEGACY_HEADER.encodeInto(view, 0, { ...fields, checksum: 0 });
  view.setUint32(CHECKSUM_OFFSET, messageChecksum(crc32, view, 0, view.byteLength), true);
}

function badOption(name: string, value: unknown, expected: string): AlphaPulseError {
  return new AlphaPulseError("BAD_OPTION", `legacy: ${name} ${String(value)} is not ${expected}`);
}
