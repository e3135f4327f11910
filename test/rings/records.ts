import fc from "fast-check";
import { type MessageBuffer, messageBuffer } from "../../src/protocol/message-buffer.js";

/** The smallest ring. */
export const CAPACITY = 1_024;
/** Its longest record. */
export const RECORD_MAX = CAPACITY / 8 - 8;
/** Where the payload of {@link recordOf} begins: at no word. */
export const OFFSET = 3;

/** Record `n` of a size, recognisable in every byte, within a larger memory. */
export function recordOf(n: number, byteLength: number): MessageBuffer {
  const bytes = new Uint8Array(byteLength + 2 * OFFSET).fill(0xee);
  for (let i = 0; i < byteLength; i++) bytes[OFFSET + i] = byteOf(n, i);
  return messageBuffer(bytes);
}

/** Whether these bytes are record `n`, whole. */
export function isRecordOf(n: number, { bytes }: MessageBuffer, offset: number, byteLength: number): boolean {
  for (let i = 0; i < byteLength; i++) if (bytes[offset + i] !== byteOf(n, i)) return false;
  return true;
}

const byteOf = (n: number, i: number): number => (n * 31 + i * 7 + (n >> 8)) & 255;

/** Positions at which a ring of {@link CAPACITY} may begin: near all that wraps, and anywhere. */
export const position: fc.Arbitrary<bigint> = fc.oneof(
  fc.constant(0n),
  ...[31n, 32n, 53n].map((bits) => fc.bigInt(0n, 60n).map((n) => 2n ** bits - n * 8n)),
  fc.bigInt(0n, 2n ** 59n).map((n) => n * 8n),
);

/** The wraps that lie between two positions. */
export function wrapsBetween(from: bigint, to: bigint): number[] {
  return [31, 32, 53].filter((bits) => from < 2n ** BigInt(bits) && to >= 2n ** BigInt(bits));
}
