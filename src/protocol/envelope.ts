import { ProtocolError } from "./errors.js";
import { highOf, unsignedOf } from "./halves.js";

// An envelope (docs/protocol.md, "Envelope"), all little-endian:
//
//   0       4         5             6        7       8         16         20
//   | magic | version | compression | cipher | keyId | counter | bodySize | plainSize |  24, then the body

/** Bytes of an envelope's header. */
export const ENVELOPE_HEADER_BYTES = 24;
/** What encryption and compression may add to what they are given, in bytes. */
const BODY_BYTES_EXTRA = 64 << 10;
/** The first four bytes of every envelope, as a little-endian number. */
const ENVELOPE_MAGIC = 0xa1fa50e1;
const ENVELOPE_VERSION = 1;
const COUNTER_LIMIT = 2 ** 48;

const VERSION_OFFSET = 4;
const COUNTER_OFFSET = 8;
const BODY_SIZE_OFFSET = 16;
const PLAIN_SIZE_OFFSET = 20;

/** What the two ends of a session agreed on: numbers as in Welcome. */
export interface EnvelopeSuite {
  /** 0 none, 1 LZ4, 2 Zstandard, 3 Snappy. One envelope may do without. */
  readonly compression: number;
  /** 0 none, 1 ChaCha20-Poly1305. */
  readonly cipher: number;
  /** Which shared secret; 0 without a cipher. */
  readonly keyId: number;
}

/** Neither compressed nor encrypted. */
const PLAIN_SUITE: EnvelopeSuite = { compression: 0, cipher: 0, keyId: 0 };

/** Whether an envelope begins here, by its first four bytes. */
export function beginsEnvelope(view: DataView, offset: number, available: number): boolean {
  return available >= 4 && view.getUint32(offset, true) === ENVELOPE_MAGIC;
}

/**
 * Writes the header before a body.
 *
 * @param counter of this direction: 0, then 1 more each
 * @param bodyBytes what follows the header
 * @param plainBytes what the body gives once opened
 * @throws ProtocolError VALUE_RANGE from counter 2^48 on: the session has to be renewed
 */
export function writeEnvelopeHeader(
  view: DataView,
  offset: number,
  counter: number,
  bodyBytes: number,
  plainBytes: number,
  suite: EnvelopeSuite = PLAIN_SUITE,
): void {
  if (!(counter < COUNTER_LIMIT)) {
    throw new ProtocolError("VALUE_RANGE", `envelope ${counter}: a session has at most 2^48, connect anew`);
  }
  view.setUint32(offset, ENVELOPE_MAGIC, true);
  const { compression, cipher, keyId } = suite;
  view.setUint32(offset + VERSION_OFFSET, ENVELOPE_VERSION | (compression << 8) | (cipher << 16) | (keyId << 24), true);
  view.setUint32(offset + COUNTER_OFFSET, counter, true); // its low 32 bits
  view.setUint32(offset + COUNTER_OFFSET + 4, highOf(counter), true);
  view.setUint32(offset + BODY_SIZE_OFFSET, bodyBytes, true);
  view.setUint32(offset + PLAIN_SIZE_OFFSET, plainBytes, true);
}

/**
 * Checks the header at `offset`, before anything of its body is buffered, and returns the envelope's whole size.
 *
 * @param available bytes that are there from `offset` on; fewer than 24 is TRUNCATED
 * @param plainBytesMax the limit of what a body gives once opened
 * @param suite what was agreed
 * @throws ProtocolError TRUNCATED, BAD_MAGIC, UNSUPPORTED_VERSION, TOO_LARGE or BAD_ENVELOPE
 */
export function checkEnvelope(
  view: DataView,
  offset: number,
  available: number,
  plainBytesMax: number,
  suite: EnvelopeSuite = PLAIN_SUITE,
): number {
  if (available < ENVELOPE_HEADER_BYTES) {
    throw new ProtocolError("TRUNCATED", `an envelope's header has ${ENVELOPE_HEADER_BYTES} bytes`, available);
  }
  const magic = view.getUint32(offset, true);
  if (magic !== ENVELOPE_MAGIC) {
    throw new ProtocolError("BAD_MAGIC", `expected magic 0xa1fa50e1, not 0x${magic.toString(16)}: no envelope`, 0);
  }
  const version = view.getUint8(offset + VERSION_OFFSET);
  if (version !== ENVELOPE_VERSION) {
    throw new ProtocolError("UNSUPPORTED_VERSION", `envelope version ${version}, this reader knows 1`, VERSION_OFFSET);
  }
  checkSuite(view, offset, suite);
  const bodyBytes = view.getUint32(offset + BODY_SIZE_OFFSET, true);
  const plainBytes = view.getUint32(offset + PLAIN_SIZE_OFFSET, true);
  checkSizes(bodyBytes, plainBytes, plainBytesMax);
  const isOpen = view.getUint8(offset + VERSION_OFFSET + 1) === 0 && suite.cipher === 0;
  if (isOpen && bodyBytes !== plainBytes) {
    throw new ProtocolError("BAD_ENVELOPE", `${bodyBytes} bytes that say they are ${plainBytes}`, PLAIN_SIZE_OFFSET);
  }
  return ENVELOPE_HEADER_BYTES + bodyBytes;
}

/** The counter of an envelope that was checked. */
export function envelopeCounterOf(view: DataView, offset: number): number {
  return unsignedOf(view.getUint32(offset + COUNTER_OFFSET, true), view.getUint32(offset + COUNTER_OFFSET + 4, true));
}

function checkSuite(view: DataView, offset: number, suite: EnvelopeSuite): void {
  const compression = view.getUint8(offset + VERSION_OFFSET + 1);
  const cipher = view.getUint8(offset + VERSION_OFFSET + 2);
  const keyId = view.getUint8(offset + VERSION_OFFSET + 3);
  const isAgreed = (compression === 0 || compression === suite.compression) && cipher === suite.cipher;
  if (!isAgreed || keyId !== suite.keyId) {
    const found = `compression ${compression}, cipher ${cipher}, key ${keyId}`;
    const agreed = `${suite.compression}, ${suite.cipher} and ${suite.keyId}`;
    throw new ProtocolError("BAD_ENVELOPE", `${found}: agreed were ${agreed}`, VERSION_OFFSET + 1);
  }
  if (view.getUint32(offset + COUNTER_OFFSET + 4, true) > 0xffff) {
    throw new ProtocolError("BAD_ENVELOPE", "a counter of 2^48 or more", COUNTER_OFFSET);
  }
}

function checkSizes(bodyBytes: number, plainBytes: number, plainBytesMax: number): void {
  if (bodyBytes > plainBytesMax + BODY_BYTES_EXTRA) {
    throw new ProtocolError(
      "TOO_LARGE",
      `a body of ${bodyBytes} bytes, the limit is ${plainBytesMax}`,
      BODY_SIZE_OFFSET,
    );
  }
  if (plainBytes > plainBytesMax) {
    throw new ProtocolError("TOO_LARGE", `${plainBytes} bytes, the limit is ${plainBytesMax}`, PLAIN_SIZE_OFFSET);
  }
}
