import { ProtocolError } from "./errors.js";
import { DOMAIN_OFFSET, SEQUENCE_OFFSET, SOURCE_OFFSET } from "./header.js";
import type { MessageBuffer } from "./message-buffer.js";

// A fragment (docs/protocol.md, "Datagrams"), all little-endian:
//
//   0       4         5        6        8       10      12       14            15       16
//   | magic | version | (zero) | source | index | count | length | relayDomain | (zero) | sequence |  24, then the piece

/** Bytes of a fragment's header. */
export const FRAGMENT_HEADER_BYTES = 24;
/** Pieces of one message. */
export const FRAGMENTS_MAX = 65_535;
/** The first four bytes of every fragment, as a little-endian number. */
const FRAGMENT_MAGIC = 0xa1fa50f2;
const FRAGMENT_VERSION = 1;

const VERSION_OFFSET = 4;
const FRAGMENT_SOURCE_OFFSET = 6;
const INDEX_OFFSET = 8;
const COUNT_OFFSET = 10;
const LENGTH_OFFSET = 12;
const FRAGMENT_DOMAIN_OFFSET = 14;
const FRAGMENT_SEQUENCE_OFFSET = 16;

/** A fragment's header, read. Reused. */
export interface Fragment {
  source: number;
  relayDomain: number;
  /** The low and the high half of the message's sequence, as signed numbers. */
  sequenceLow: number;
  sequenceHigh: number;
  index: number;
  count: number;
  /** Bytes of the piece. */
  length: number;
}

/** Whether a fragment begins here, by its first four bytes. */
export function beginsFragment(view: DataView, offset: number, available: number): boolean {
  return available >= 4 && view.getUint32(offset, true) === FRAGMENT_MAGIC;
}

/** How many pieces of this length a message takes. */
export function fragmentCount(messageBytes: number, pieceBytes: number): number {
  return Math.ceil(messageBytes / pieceBytes);
}

/**
 * Writes piece `index` of the message at `offset`, header and bytes.
 *
 * @param pieceBytes of every piece but the last
 * @returns bytes written
 */
export function writeFragment(
  message: MessageBuffer,
  offset: number,
  messageBytes: number,
  pieceBytes: number,
  index: number,
  to: MessageBuffer,
  at: number,
): number {
  const from = index * pieceBytes;
  const length = Math.min(pieceBytes, messageBytes - from);
  const { view } = to;
  view.setUint32(at, FRAGMENT_MAGIC, true);
  view.setUint16(at + VERSION_OFFSET, FRAGMENT_VERSION, true);
  view.setUint16(at + FRAGMENT_SOURCE_OFFSET, message.view.getUint16(offset + SOURCE_OFFSET, true), true);
  view.setUint16(at + INDEX_OFFSET, index, true);
  view.setUint16(at + COUNT_OFFSET, fragmentCount(messageBytes, pieceBytes), true);
  view.setUint16(at + LENGTH_OFFSET, length, true);
  view.setUint16(at + FRAGMENT_DOMAIN_OFFSET, message.view.getUint8(offset + DOMAIN_OFFSET), true);
  view.setInt32(at + FRAGMENT_SEQUENCE_OFFSET, message.view.getInt32(offset + SEQUENCE_OFFSET, true), true);
  view.setInt32(at + FRAGMENT_SEQUENCE_OFFSET + 4, message.view.getInt32(offset + SEQUENCE_OFFSET + 4, true), true);
  const piece = message.bytes.subarray(offset + from, offset + from + length);
  to.bytes.set(piece, at + FRAGMENT_HEADER_BYTES);
  return FRAGMENT_HEADER_BYTES + length;
}

/**
 * Checks and reads the header at `offset`, whose piece must fill what is there.
 *
 * @param available bytes from `offset` on
 * @throws ProtocolError TRUNCATED, BAD_MAGIC, UNSUPPORTED_VERSION, SIZE_MISMATCH, or BAD_LENGTH where index, count and
 * length cannot be
 */
export function readFragment(view: DataView, offset: number, available: number, into: Fragment): void {
  if (available < FRAGMENT_HEADER_BYTES) {
    throw new ProtocolError("TRUNCATED", `a fragment's header has ${FRAGMENT_HEADER_BYTES} bytes`, available);
  }
  const magic = view.getUint32(offset, true);
  if (magic !== FRAGMENT_MAGIC) {
    throw new ProtocolError("BAD_MAGIC", `expected magic 0xa1fa50f2, not 0x${magic.toString(16)}: no fragment`, 0);
  }
  const version = view.getUint8(offset + VERSION_OFFSET);
  if (version !== FRAGMENT_VERSION) {
    throw new ProtocolError("UNSUPPORTED_VERSION", `fragment version ${version}, this reader knows 1`, VERSION_OFFSET);
  }
  into.source = view.getUint16(offset + FRAGMENT_SOURCE_OFFSET, true);
  into.relayDomain = view.getUint8(offset + FRAGMENT_DOMAIN_OFFSET);
  into.sequenceLow = view.getInt32(offset + FRAGMENT_SEQUENCE_OFFSET, true);
  into.sequenceHigh = view.getInt32(offset + FRAGMENT_SEQUENCE_OFFSET + 4, true);
  into.index = view.getUint16(offset + INDEX_OFFSET, true);
  into.count = view.getUint16(offset + COUNT_OFFSET, true);
  into.length = view.getUint16(offset + LENGTH_OFFSET, true);
  const { index, count, length } = into;
  if (FRAGMENT_HEADER_BYTES + length > available) {
    throw new ProtocolError("TRUNCATED", `a piece of ${length} bytes`, available);
  }
  if (FRAGMENT_HEADER_BYTES + length < available) {
    throw new ProtocolError("SIZE_MISMATCH", "more bytes than the piece has", FRAGMENT_HEADER_BYTES + length);
  }
  if (index >= count || length === 0) {
    throw new ProtocolError("BAD_LENGTH", `piece ${index} of ${count}, of ${length} bytes`, INDEX_OFFSET);
  }
}
