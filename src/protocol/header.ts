import { type Checksum, inTwoParts } from "./checksum.js";
import { AlphaPulseError, ProtocolError } from "./errors.js";
import { highOf, microsecondsOf, nanosecondsHigh, nanosecondsLow, unsignedOf } from "./halves.js";

// The message header (docs/protocol.md, "Message header"), all little-endian:
//
//   0       4         5             6        8          16          24            28
//   | magic | version | relayDomain | source | sequence | timestamp | payloadSize | checksum |  32

/** Bytes of a message header. */
export const HEADER_BYTES = 32;
/** The first four bytes of every message, as a little-endian number. */
const MESSAGE_MAGIC = 0xdeadbeef;
/** The version of the wire format that this library writes and reads. */
const PROTOCOL_VERSION = 1;
/** How large a payload a reader takes unless told otherwise: 1 MiB. */
export const PAYLOAD_BYTES_DEFAULT = 1 << 20;
/** How large a payload a reader can be told to take: 16 MiB. */
export const PAYLOAD_BYTES_MAX = 16 << 20;

const VERSION_OFFSET = 4;
export const DOMAIN_OFFSET = 5;
export const SOURCE_OFFSET = 6;
export const SEQUENCE_OFFSET = 8;
export const TIMESTAMP_OFFSET = 16;
export const PAYLOAD_SIZE_OFFSET = 24;
export const CHECKSUM_OFFSET = 28;

const SEQUENCE_HIGH_MAX = 0x1f_ffff;

/** A message's header, read. */
export interface MessageHeader {
  readonly version: number;
  /** One of RelayDomain. */
  readonly relayDomain: number;
  /** The sending service. */
  readonly source: number;
  /** Incarnation and counter of the source; 0 = unsequenced. */
  readonly sequence: bigint;
  /** ns since the Unix epoch. */
  readonly timestamp: bigint;
  /** Bytes of TLVs after the header. */
  readonly payloadSize: number;
  readonly checksum: number;
}

/** Reads all fields of a header that was checked. */
export function readHeader(view: DataView, offset: number): MessageHeader {
  return {
    version: view.getUint8(offset + VERSION_OFFSET),
    relayDomain: view.getUint8(offset + DOMAIN_OFFSET),
    source: view.getUint16(offset + SOURCE_OFFSET, true),
    sequence: view.getBigUint64(offset + SEQUENCE_OFFSET, true),
    timestamp: view.getBigUint64(offset + TIMESTAMP_OFFSET, true),
    payloadSize: view.getUint32(offset + PAYLOAD_SIZE_OFFSET, true),
    checksum: view.getUint32(offset + CHECKSUM_OFFSET, true),
  };
}

/**
 * Checks the header at `offset` in the protocol's order, up to the size limit, and returns the message's whole size.
 *
 * @param available bytes that are there from `offset` on; fewer than 32 is TRUNCATED
 * @param payloadBytesMax the size limit
 * @throws ProtocolError TRUNCATED, BAD_MAGIC, UNSUPPORTED_VERSION, BAD_DOMAIN or TOO_LARGE
 */
export function checkHeader(view: DataView, offset: number, available: number, payloadBytesMax: number): number {
  if (available >= HEADER_BYTES && view.getUint32(offset, true) === MESSAGE_MAGIC) {
    const domain = view.getUint8(offset + DOMAIN_OFFSET);
    const payloadBytes = view.getUint32(offset + PAYLOAD_SIZE_OFFSET, true);
    const version = view.getUint8(offset + VERSION_OFFSET);
    if (version === PROTOCOL_VERSION && domain - 1 < 4 && domain !== 0 && payloadBytes <= payloadBytesMax) {
      return HEADER_BYTES + payloadBytes;
    }
  }
  throw headerError(view, offset, available, payloadBytesMax);
}

function headerError(view: DataView, offset: number, available: number, payloadBytesMax: number): ProtocolError {
  if (available < HEADER_BYTES) {
    return new ProtocolError("TRUNCATED", `a header has ${HEADER_BYTES} bytes, the input ends`, available);
  }
  const magic = view.getUint32(offset, true);
  if (magic !== MESSAGE_MAGIC) {
    return new ProtocolError(
      "BAD_MAGIC",
      `expected magic 0xdeadbeef, not 0x${magic.toString(16)}: no message starts`,
      0,
    );
  }
  const version = view.getUint8(offset + VERSION_OFFSET);
  if (version !== PROTOCOL_VERSION) {
    return new ProtocolError("UNSUPPORTED_VERSION", `version ${version}, this reader knows 1`, VERSION_OFFSET);
  }
  const domain = view.getUint8(offset + DOMAIN_OFFSET);
  if (domain < 1 || domain > 4) {
    return new ProtocolError("BAD_DOMAIN", `domain ${domain}, expected 1 to 4`, DOMAIN_OFFSET);
  }
  const payloadBytes = view.getUint32(offset + PAYLOAD_SIZE_OFFSET, true);
  return new ProtocolError(
    "TOO_LARGE",
    `a payload of ${payloadBytes} bytes passes the limit of ${payloadBytesMax}`,
    PAYLOAD_SIZE_OFFSET,
  );
}

/** Writes the constant part of a header, the first eight bytes. */
export function writeHeader(view: DataView, offset: number, domain: number, source: number): void {
  view.setUint32(offset, MESSAGE_MAGIC, true);
  view.setUint32(offset + VERSION_OFFSET, PROTOCOL_VERSION | (domain << 8) | (source << 16), true);
}

/** Refuses what {@link setSequence} or {@link setTimestampUs} would wrap. @throws ProtocolError VALUE_RANGE */
export function checkStamps(sequence: number, timestampUs: number): void {
  if (!Number.isSafeInteger(sequence) || sequence < 0) {
    throw new ProtocolError("VALUE_RANGE", `sequence ${sequence} is no safe integer of at least 0`);
  }
  if (!Number.isSafeInteger(timestampUs) || timestampUs < 0) {
    throw new ProtocolError("VALUE_RANGE", `time ${timestampUs} is no whole number of microseconds since 1970`);
  }
}

/** Refuses a limit that no reader may have. @throws AlphaPulseError BAD_OPTION */
export function checkPayloadBytesMax(payloadBytesMax: number): number {
  if (payloadBytesMax >>> 0 === payloadBytesMax && payloadBytesMax <= PAYLOAD_BYTES_MAX) return payloadBytesMax;
  throw new AlphaPulseError(
    "BAD_OPTION",
    `payloadBytesMax ${String(payloadBytesMax)} is not a whole number of bytes of at most ${PAYLOAD_BYTES_MAX}`,
  );
}

/** Sets the sequence: a safe integer. */
export function setSequence(view: DataView, offset: number, sequence: number): void {
  view.setUint32(offset + SEQUENCE_OFFSET, sequence, true); // its low 32 bits
  view.setUint32(offset + SEQUENCE_OFFSET + 4, highOf(sequence), true);
}

/** Sets the time stamp from whole microseconds. */
export function setTimestampUs(view: DataView, offset: number, us: number): void {
  view.setUint32(offset + TIMESTAMP_OFFSET, nanosecondsLow(us), true);
  view.setUint32(offset + TIMESTAMP_OFFSET + 4, nanosecondsHigh(us), true);
}

/** The sequence as a number, or NaN where a foreign writer's does not fit 53 bits. */
export function sequenceOf(view: DataView, offset: number): number {
  const high = view.getUint32(offset + SEQUENCE_OFFSET + 4, true);
  return high > SEQUENCE_HIGH_MAX ? Number.NaN : unsignedOf(view.getUint32(offset + SEQUENCE_OFFSET, true), high);
}

/** The time stamp in whole microseconds. */
export function timestampUsOf(view: DataView, offset: number): number {
  const at = offset + TIMESTAMP_OFFSET;
  return microsecondsOf(view.getUint32(at, true), view.getUint32(at + 4, true));
}

/** The checksum over a whole message but its own four bytes: its 32 bits, as a number that may be negative. */
export function messageChecksum(checksum: Checksum, view: DataView, offset: number, messageBytes: number): number {
  return checksum.ofMessage === undefined
    ? inTwoParts(checksum, view, offset, messageBytes)
    : checksum.ofMessage(view, offset, messageBytes);
}

/** Whether the message carries the checksum it should. */
export function verifyChecksum(checksum: Checksum, view: DataView, offset: number, messageBytes: number): void {
  const carried = view.getInt32(offset + CHECKSUM_OFFSET, true);
  const computed = messageChecksum(checksum, view, offset, messageBytes) | 0;
  if (carried === computed) return;
  throw new ProtocolError(
    "CHECKSUM_MISMATCH",
    `the message carries checksum ${hex(carried)}, its bytes give ${hex(computed)}: ` +
      "they were changed, or the two ends disagree on crc32c or crc32",
    CHECKSUM_OFFSET,
  );
}

/** The 32 bits of a signed number, for people. */
function hex(word: number): string {
  return `0x${(word >>> 0).toString(16)}`;
}
