// How a ring lies in its memory: SPSC, MPSC and broadcast alike. docs/rings.md says the same for programs in other
// languages, with the order in which each side reads and writes.
//
// The memory begins with a control block of 32-bit little-endian words. What one side writes shares no 128 bytes with
// what the other side writes.
//
//   byte  word
//      0     0  magic, layout version, kind, capacity in bytes, creator's process, creator's start time
//    128    32  closed; places that are taken (within one process)
//    256    64  TAIL: end of what is published
//    384    96  RECORDS: how many were published; LATEST: where the last one begins
//    512   128  INTENT: end of what may be overwritten (broadcast)
//    640   160  HEAD: end of what was consumed; FREED: its low word, once what lies before is consumed (MPSC)
//    768        records: capacity bytes
//
// A position counts bytes since the ring was made, in 64 bits: the low word, then the high word twice. A writer that
// carries stores the first high word, the low word, the second high word; a reader loads them the other way round and
// begins again where they differ. Positions are multiples of 8: the lowest bit of the low words of TAIL and HEAD is
// free to say that the other side sleeps until the word changes.
//
// A record begins at a multiple of 8, is contiguous, and is followed by the next:
//
//   word 0                                              word 1                            then
//   | place 31..25 | units 24..3 | sleeper 2 | state 1..0 |   | ordinal 31..3 | slack 2..0 |   payload, slack bytes
//
// A unit is 8 bytes, this header included, so the payload has 8 * units - 8 - slack bytes. The ordinal counts records,
// not padding, modulo 2^29: of the ring, or of its producer in an MPSC ring. A record that does not fit before the end
// of the memory begins at its start, and padding fills the end.
//
// Free memory matters in an MPSC ring only: there every word of it holds `lap << 3`, the lap that the position at this
// place will have, so that no producer can claim what it saw a lap before.

/** The word at byte 0: "APRG". */
export const MAGIC = 0x47_52_50_41;
/** Counts up when the layout changes: rings of another version are refused. */
export const LAYOUT_VERSION = 2;

/** The kinds of rings, by their number in the control block. */
export const RING_KINDS = ["spsc", "mpsc", "broadcast"] as const;
/** Who may write and read a ring, and what becomes of what is not read. */
export type RingKind = (typeof RING_KINDS)[number];

/** Indices of words. */
export const MAGIC_WORD = 0;
export const VERSION_WORD = 1;
export const KIND_WORD = 2;
export const CAPACITY_WORD = 3;
/** Process id of the creator, and when it started (Linux: clock ticks since boot, two words); for people. */
export const CREATOR_WORD = 4;

export const CLOSED_WORD = 32;
/** A bit for each place that an end holds, in memory of one process; {@link PLACE_COUNT} bits. */
export const PLACES_WORD = 33;

export const TAIL_WORD = 64;
export const RECORDS_WORD = 96;
export const LATEST_WORD = 99;

export const INTENT_WORD = 128;

export const HEAD_WORD = 160;
export const FREED_WORD = 163;

/** Bytes before the records. */
export const RING_HEADER_BYTES = 768;

/** In the low word of TAIL and HEAD: the other side sleeps until the word changes. */
export const SLEEPER = 1;

export const RECORD_HEADER_BYTES = 8;

/** States of a record: the low two bits of its first word. */
export const FREE = 0;
export const CLAIMED = 1;
export const RECORD = 2;
export const PADDING = 3;
export const STATE_MASK = 3;
/** In a record's first word: the consumer sleeps until it changes. */
export const RECORD_SLEEPER = 4;
const UNITS_MASK = (1 << 22) - 1;

/** The place of the only producer of an SPSC or broadcast ring, and the first of an MPSC ring's. */
export const PRODUCER_PLACE = 0;
/** How many producers an MPSC ring has places for. */
export const PRODUCER_COUNT_MAX = 128;
/** The consumer's place: behind those of the producers. */
export const CONSUMER_PLACE = 128;
export const PLACE_COUNT = CONSUMER_PLACE + 1;

export const CAPACITY_MIN = 1 << 10;
export const CAPACITY_MAX = 1 << 30;
const RECORD_BYTES_MAX = UNITS_MASK * 8;

/** Bytes of a ring that a payload takes, header and slack included. */
export function recordBytes(payloadBytes: number): number {
  return (payloadBytes + RECORD_HEADER_BYTES + 7) & ~7;
}

/** The longest payload: with its header an eighth of the ring, so that padding can never fill it, and at most 32 MiB. */
export function payloadBytesMaxOf(capacity: number): number {
  return Math.min(capacity / 8, RECORD_BYTES_MAX) - RECORD_HEADER_BYTES;
}

/** A record's first word. */
export function recordWord(state: number, bytes: number, place = 0): number {
  return (place << 25) | bytes | state; // 8 * units, in bits 24..3
}

/** Bytes of a record by its first word, header and slack included. */
export function bytesOf(word: number): number {
  return word & (UNITS_MASK << 3);
}

/** The place of the producer that claimed a record. */
export function placeOf(word: number): number {
  return word >>> 25;
}

/** A record's second word. The ordinal wraps by itself. */
export function ordinalWord(ordinal: number, slack: number): number {
  return (ordinal << 3) | slack;
}

/** The ordinal of a second word, in 29 bits. */
export function ordinalOf(word: number): number {
  return word >>> 3;
}

/** The count next to `count` that is this ordinal, modulo 2^32. */
export function countOf(ordinal: number, count: number): number {
  return (count + (((ordinal - count) << 3) >> 3)) | 0;
}

/** Unused bytes between a payload and the next record. */
export function slackOf(word: number): number {
  return word & 7;
}

/** What free memory holds where a position of this lap will be. */
export function freeWord(lap: number): number {
  return lap << 3;
}
