import { AlphaPulseError } from "../protocol/errors.js";

// How an SPSC ring lies in its memory. All numbers are 32-bit little-endian words; each group has a cache line of its own.
//
//   byte 0     64     magic, layout version, capacity
//        64    128    tail: position of the producer (what is published)
//        128   192    head: position of the consumer (what may be overwritten)
//        192   256    doorbell, waiting flags of both sides, closed flag
//        256   ...    capacity bytes of records
//
// Positions count bytes and wrap at 2^32: their difference is exact, because capacity is at most 2^30.
// A record is contiguous and begins at a multiple of 8:
//
//   | length i32 | reserved i32 | payload ... | to the next multiple of 8
//
// A negative length is padding up to the end of the memory: skip that many bytes.

/** Bytes before the records. */
export const RING_HEADER_BYTES = 256;
const RING_MAGIC = 0x52_49_4e_47;
const RING_LAYOUT_VERSION = 1;

/** Indices of words. */
export const MAGIC_WORD = 0;
export const VERSION_WORD = 1;
export const CAPACITY_WORD = 2;
export const TAIL_WORD = 16;
export const HEAD_WORD = 32;
/** Counts up when something happened that the other side may be waiting for. */
export const DOORBELL_WORD = 48;
/** 1 while the consumer waits for records. */
export const CONSUMER_WAITS_WORD = 49;
/** 1 while the producer waits for room. */
export const PRODUCER_WAITS_WORD = 50;
/** 1 once either side closed the ring. */
export const CLOSED_WORD = 51;

export const RECORD_HEADER_BYTES = 8;
const RECORD_ALIGNMENT = 8;

const CAPACITY_MIN = 1 << 10;
const CAPACITY_MAX = 1 << 30;

/** Bytes that a record of this payload takes. */
export function recordBytes(payloadBytes: number): number {
  return (payloadBytes + RECORD_HEADER_BYTES + RECORD_ALIGNMENT - 1) & ~(RECORD_ALIGNMENT - 1);
}

/** The memory of an empty ring. @throws AlphaPulseError BAD_OPTION */
export function allocateRing(capacityBytes: number): SharedArrayBuffer {
  const isPowerOfTwo = (capacityBytes & (capacityBytes - 1)) === 0;
  if (
    !Number.isInteger(capacityBytes) ||
    !isPowerOfTwo ||
    capacityBytes < CAPACITY_MIN ||
    capacityBytes > CAPACITY_MAX
  ) {
    throw new AlphaPulseError(
      "BAD_OPTION",
      `a ring's capacity is a power of two from 1 KiB to 1 GiB, not ${capacityBytes}`,
    );
  }
  const memory = new SharedArrayBuffer(RING_HEADER_BYTES + capacityBytes);
  const words = new Int32Array(memory);
  words[MAGIC_WORD] = RING_MAGIC;
  words[VERSION_WORD] = RING_LAYOUT_VERSION;
  words[CAPACITY_WORD] = capacityBytes;
  return memory;
}

/** The capacity of a ring in memory that came from elsewhere. @throws AlphaPulseError BAD_RING */
export function ringCapacity(memory: SharedArrayBuffer): number {
  const words = memory.byteLength >= RING_HEADER_BYTES ? new Int32Array(memory) : new Int32Array(MAGIC_WORD + 3);
  const capacity = words[CAPACITY_WORD] as number;
  if (words[MAGIC_WORD] !== RING_MAGIC || words[VERSION_WORD] !== RING_LAYOUT_VERSION) {
    throw new AlphaPulseError("BAD_RING", "this memory holds no ring of layout version 1");
  }
  if (memory.byteLength !== RING_HEADER_BYTES + capacity) {
    throw new AlphaPulseError(
      "BAD_RING",
      `a ring of ${capacity} bytes does not fill ${memory.byteLength} bytes of memory`,
    );
  }
  return capacity;
}
