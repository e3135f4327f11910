import { AlphaPulseError } from "../protocol/errors.js";
import { allocateBuffer, copyBytes, type MessageBuffer } from "../protocol/message-buffer.js";

// A relay's log: what it sends, once, in the order in which it came. Memory of a fixed size, written round and round:
//
//   | length i32 | origin u32 | message ... | to the next multiple of 8      a record
//   | -length i32 |                                                          padding up to the end of the memory
//
// Positions count bytes and wrap at 2^32; capacity is at most 2^30, so that the difference of two is always exact.

const RECORD_HEADER_BYTES = 8;
const RECORD_ALIGNMENT = 8;
const CAPACITY_MIN = 1 << 16;
const CAPACITY_MAX = 1 << 30;

/** Who the relay itself is in its log: members count from 1. */
export const RELAY_ORIGIN = 0;

/** How far `a` is ahead of `b`, in bytes. */
export function bytesBetween(b: number, a: number): number {
  return (a - b) | 0;
}

/** The bounded log of a relay. Readers keep positions in it; appending drops the oldest records where it must. */
export class RelayLog {
  /** Messages lie in this memory; they are overwritten when they were dropped. */
  readonly buffer: MessageBuffer;
  readonly capacityBytes: number;
  readonly #onDrop: (position: number) => void;
  #head = 0;
  #tail = 0;

  /**
   * @param capacityBytes a power of two from 64 KiB to 1 GiB
   * @param onDrop called with the position of each record just before it is dropped
   */
  constructor(capacityBytes: number, onDrop: (position: number) => void) {
    const isPowerOfTwo = (capacityBytes & (capacityBytes - 1)) === 0;
    if (
      !Number.isInteger(capacityBytes) ||
      !isPowerOfTwo ||
      capacityBytes < CAPACITY_MIN ||
      capacityBytes > CAPACITY_MAX
    ) {
      throw new AlphaPulseError("BAD_OPTION", `logBytes is a power of two from 64 KiB to 1 GiB, not ${capacityBytes}`);
    }
    this.capacityBytes = capacityBytes;
    this.buffer = allocateBuffer(capacityBytes);
    this.#onDrop = onDrop;
  }

  /** The position of the oldest record. */
  get head(): number {
    return this.#head;
  }

  /** The position behind the newest record. */
  get tail(): number {
    return this.#tail;
  }

  /** The longest message it takes. */
  get messageBytesMax(): number {
    return this.capacityBytes / 4 - RECORD_HEADER_BYTES;
  }

  /** Copies a message in. @param origin who sent it, so that it is not sent back */
  append(source: MessageBuffer, offset: number, byteLength: number, origin: number): void {
    const needed = recordBytes(byteLength);
    const at = this.#tail & (this.capacityBytes - 1);
    const toEnd = this.capacityBytes - at;
    const padding = toEnd < needed ? toEnd : 0;
    this.#makeRoom(padding + needed);
    const { view } = this.buffer;
    if (padding > 0) view.setInt32(at, -padding, true);
    const start = padding > 0 ? 0 : at;
    view.setInt32(start, byteLength, true);
    view.setUint32(start + 4, origin, true);
    copyBytes(source, offset, byteLength, this.buffer, start + RECORD_HEADER_BYTES);
    this.#tail = (this.#tail + padding + needed) | 0;
  }

  /** The first position from `position` on that holds a record, or the tail: steps over padding. */
  settle(position: number): number {
    if (position === this.#tail) return position;
    const length = this.buffer.view.getInt32(position & (this.capacityBytes - 1), true);
    return length < 0 ? (position - length) | 0 : position;
  }

  /** Where the message of the record at a settled position starts in the buffer. */
  offsetAt(position: number): number {
    return (position & (this.capacityBytes - 1)) + RECORD_HEADER_BYTES;
  }

  /** Bytes of the message at a settled position. */
  lengthAt(position: number): number {
    return this.buffer.view.getInt32(position & (this.capacityBytes - 1), true);
  }

  /** Who sent the message at a settled position. */
  originAt(position: number): number {
    return this.buffer.view.getUint32((position & (this.capacityBytes - 1)) + 4, true);
  }

  /** The position behind the record at a settled position. */
  after(position: number): number {
    return (position + recordBytes(this.lengthAt(position))) | 0;
  }

  #makeRoom(needed: number): void {
    while (bytesBetween(this.#head, this.#tail) + needed > this.capacityBytes) {
      this.#head = this.settle(this.#head);
      if (this.#head === this.#tail) return;
      this.#onDrop(this.#head);
      this.#head = this.after(this.#head);
    }
  }
}

function recordBytes(messageBytes: number): number {
  return (messageBytes + RECORD_HEADER_BYTES + RECORD_ALIGNMENT - 1) & ~(RECORD_ALIGNMENT - 1);
}
