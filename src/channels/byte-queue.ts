import { allocateBuffer, copyBytes, type MessageBuffer } from "../protocol/message-buffer.js";

const FIRST_BYTES = 4 << 10;
/** An empty queue keeps no more memory than this. */
const KEPT_BYTES = 64 << 10;
const NOTHING = /* @__PURE__ */ allocateBuffer(0);

/** Bytes that wait, oldest first, in one piece of memory that grows. Who bounds it asks for its length. */
export class ByteQueue {
  /** Where they stand, from {@link ByteQueue.start} on. */
  buffer: MessageBuffer = NOTHING;
  /** The first one's offset. */
  start = 0;
  /** Whether somebody reads in the memory: nothing in it is moved then. */
  isBorrowed = false;
  #end = 0;

  get byteLength(): number {
    return this.#end - this.start;
  }

  /** Copies bytes in behind all others. */
  push(from: MessageBuffer, offset: number, count: number): void {
    if (this.#end + count > this.buffer.bytes.byteLength) this.#makeRoom(count);
    copyBytes(from, offset, count, this.buffer, this.#end);
    this.#end += count;
  }

  /** Lets the oldest go. */
  drop(count: number): void {
    this.start += count;
    if (this.start < this.#end || this.isBorrowed) return;
    this.start = 0;
    this.#end = 0;
    if (this.buffer.bytes.byteLength > KEPT_BYTES) this.buffer = NOTHING;
  }

  /** Lets all go. */
  clear(): void {
    this.buffer = NOTHING;
    this.start = 0;
    this.#end = 0;
  }

  #makeRoom(count: number): void {
    const { bytes } = this.buffer;
    const needed = this.byteLength + count;
    // Moved only where that makes room for about as much as it moves.
    if (needed <= bytes.byteLength && this.start >= this.byteLength && !this.isBorrowed) {
      bytes.copyWithin(0, this.start, this.#end);
    } else {
      const larger = allocateBuffer(Math.max(FIRST_BYTES, 2 ** Math.ceil(Math.log2(needed))));
      larger.bytes.set(bytes.subarray(this.start, this.#end));
      this.buffer = larger;
    }
    this.#end -= this.start;
    this.start = 0;
  }
}
