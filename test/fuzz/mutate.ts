import type { Random } from "../../src/actor/random.js";
import { checksumOf } from "../../src/protocol/checksum.js";
import { CHECKSUM_OFFSET, HEADER_BYTES, messageChecksum, PAYLOAD_SIZE_OFFSET } from "../../src/protocol/header.js";
import { TlvCursor } from "../../src/protocol/walk.js";

/** Bytes at which lengths, counts and signs turn over. */
const BYTES = [0, 1, 2, 0x7f, 0x80, 0xfe, 0xff];
const WORDS = [0, 1, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0xfffe, 0xffff];
const LONGS = [...WORDS, 0x1_0000, 0x10_0000, 0x10_0001, 0x100_0000, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff];
const STEPS_MAX = 4;
const LENGTH_MAX = 200_000;

const crc32c = checksumOf("crc32c") as NonNullable<ReturnType<typeof checksumOf>>;

type Mutation = (bytes: Uint8Array, random: Random, other: Uint8Array) => Uint8Array;

const pick = <T>(random: Random, from: readonly T[]): T => from[random.int(from.length)] as T;

function edited(bytes: Uint8Array, edit: (view: DataView) => void): Uint8Array {
  if (bytes.byteLength === 0) return bytes;
  const copy = bytes.slice();
  edit(new DataView(copy.buffer));
  return copy;
}

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, { byteLength }) => sum + byteLength, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.byteLength;
  }
  return all;
}

/** Where the TLVs of a message begin, with the place and width of their length; as far as they can be walked. */
function lengthsOf(bytes: Uint8Array): { at: number; width: 1 | 2; valueOffset: number; valueBytes: number }[] {
  const found: ReturnType<typeof lengthsOf> = [];
  if (bytes.byteLength <= HEADER_BYTES) return found;
  const cursor = new TlvCursor().begin(
    new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength),
    0,
    bytes.byteLength,
  );
  let start = HEADER_BYTES;
  try {
    while (cursor.next()) {
      const { valueOffset, valueBytes } = cursor;
      const width = valueOffset - start === 2 ? 1 : 2;
      found.push({ at: valueOffset - width, width, valueOffset, valueBytes });
      start = valueOffset + valueBytes;
    }
  } catch {
    // What was walked so far is enough.
  }
  return found;
}

const MUTATIONS: readonly Mutation[] = [
  function flipBit(bytes, random) {
    const at = random.int(bytes.byteLength);
    return edited(bytes, (view) => view.setUint8(at, view.getUint8(at) ^ (1 << random.int(8))));
  },
  function setByte(bytes, random) {
    return edited(bytes, (view) => view.setUint8(random.int(bytes.byteLength), pick(random, BYTES)));
  },
  function setWord(bytes, random) {
    if (bytes.byteLength < 2) return bytes;
    return edited(bytes, (view) => view.setUint16(random.int(bytes.byteLength - 1), pick(random, WORDS), true));
  },
  function setLong(bytes, random) {
    if (bytes.byteLength < 4) return bytes;
    return edited(bytes, (view) => view.setUint32(random.int(bytes.byteLength - 3), pick(random, LONGS), true));
  },
  function setPayloadSize(bytes, random) {
    if (bytes.byteLength < HEADER_BYTES) return bytes;
    return edited(bytes, (view) => view.setUint32(PAYLOAD_SIZE_OFFSET, pick(random, LONGS), true));
  },
  function truncate(bytes, random) {
    return bytes.slice(0, random.int(bytes.byteLength + 1));
  },
  function remove(bytes, random) {
    const at = random.int(bytes.byteLength + 1);
    return joined(bytes.subarray(0, at), bytes.subarray(at + 1 + random.int(16)));
  },
  function insert(bytes, random) {
    const at = random.int(bytes.byteLength + 1);
    const noise = Uint8Array.from({ length: 1 + random.int(16) }, () => random.int(256));
    return joined(bytes.subarray(0, at), noise, bytes.subarray(at));
  },
  function repeat(bytes, random) {
    const from = random.int(bytes.byteLength + 1);
    const to = Math.min(bytes.byteLength, from + 1 + random.int(64));
    return joined(bytes.subarray(0, to), bytes.subarray(from));
  },
  function splice(bytes, random, other) {
    return joined(
      bytes.subarray(0, random.int(bytes.byteLength + 1)),
      other.subarray(random.int(other.byteLength + 1)),
    );
  },
  function addTlvs(bytes, _, other) {
    return joined(bytes, other.subarray(HEADER_BYTES));
  },
  function setLength(bytes, random) {
    const lengths = lengthsOf(bytes);
    if (lengths.length === 0) return bytes;
    const { at, width, valueBytes } = pick(random, lengths);
    const wanted = pick(random, [...WORDS, valueBytes - 1, valueBytes + 1]) & 0xffff;
    return edited(bytes, (view) => (width === 1 ? view.setUint8(at, wanted & 0xff) : view.setUint16(at, wanted, true)));
  },
  // The value and its length both, so that what is wrong with it shows only when it is decoded.
  function resizeValue(bytes, random) {
    const lengths = lengthsOf(bytes);
    if (lengths.length === 0) return bytes;
    const { at, width, valueOffset, valueBytes } = pick(random, lengths);
    const end = valueOffset + valueBytes;
    const byMany = 1 + random.int(pick(random, [1, 4, 40]));
    const shorter = random.int(2) === 0;
    const made = shorter ? Math.max(0, valueBytes - byMany) : valueBytes + byMany;
    if (width === 1 && made > 0xff) return bytes;
    const kept = bytes.subarray(valueOffset, valueOffset + Math.min(made, valueBytes));
    const more = Uint8Array.from({ length: made - kept.byteLength }, () => random.int(256));
    return edited(joined(bytes.subarray(0, valueOffset), kept, more, bytes.subarray(end)), (view) =>
      width === 1 ? view.setUint8(at, made) : view.setUint16(at, made, true),
    );
  },
  function editValue(bytes, random) {
    const lengths = lengthsOf(bytes).filter(({ valueBytes }) => valueBytes > 0);
    if (lengths.length === 0) return bytes;
    const { valueOffset, valueBytes } = pick(random, lengths);
    return edited(bytes, (view) => view.setUint8(valueOffset + random.int(valueBytes), pick(random, BYTES)));
  },
  function retype(bytes, random) {
    const lengths = lengthsOf(bytes);
    if (lengths.length === 0) return bytes;
    return edited(bytes, (view) => view.setUint8(pick(random, lengths).at - 1, random.int(256)));
  },
];

/**
 * Changes a message in one to four ways. In half of the results size and checksum are true again, so that what lies
 * behind them is reached; in a quarter the checksum alone is.
 */
export function mutated(bytes: Uint8Array, other: Uint8Array, random: Random): Uint8Array {
  let result = bytes;
  for (let steps = 1 + random.int(STEPS_MAX); steps > 0; steps--)
    result = pick(random, MUTATIONS)(result, random, other);
  result = result.slice(0, LENGTH_MAX);
  const repair = random.int(4);
  return repair === 0 ? result : repaired(result, repair > 1);
}

/** The message with a true checksum, and with a true size where that is wanted. */
function repaired(bytes: Uint8Array, withSize: boolean): Uint8Array {
  if (bytes.byteLength < HEADER_BYTES) return bytes;
  return edited(bytes, (view) => {
    if (withSize) view.setUint32(PAYLOAD_SIZE_OFFSET, bytes.byteLength - HEADER_BYTES, true);
    view.setUint32(CHECKSUM_OFFSET, messageChecksum(crc32c, view, 0, bytes.byteLength), true);
  });
}
