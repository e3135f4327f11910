import { HEADER_BYTES, PAYLOAD_SIZE_OFFSET } from "../protocol/header.js";
import { allocateBuffer, copyBytes, type MessageBuffer } from "../protocol/message-buffer.js";

// Whole messages in the order in which they were published, in blocks that are used again:
//
//   head            next                tail
//   | not confirmed | not sent          |
//
// Positions count bytes of messages since the start. A message's length is in its header.

const BLOCK_BYTES = 64 << 10;
const FREE_BLOCKS_MAX = 16;

interface Block {
  readonly buffer: MessageBuffer;
  end: number;
}

/** The messages that were published and are not known to have arrived. Bounded in bytes; allocates a block at a time. */
export class Retention {
  /** Bytes of messages that it takes. */
  bytesMax: number;
  /** The message that {@link Retention.peek} found. */
  buffer: MessageBuffer = NOTHING;
  offset = 0;
  byteLength = 0;
  readonly #blocks: Block[] = [];
  readonly #free: Block[] = [];
  #headOffset = 0;
  #nextBlock = 0;
  #nextOffset = 0;
  #headPosition = 0;
  #sentPosition = 0;
  #tailPosition = 0;
  #count = 0;
  #unsentCount = 0;

  constructor(bytesMax: number) {
    this.bytesMax = bytesMax;
  }

  /** Bytes that are in it. */
  get bytes(): number {
    return this.#tailPosition - this.#headPosition;
  }

  /** Bytes that were sent and are not confirmed. */
  get unconfirmedBytes(): number {
    return this.#sentPosition - this.#headPosition;
  }

  /** Bytes that were not sent. */
  get unsentBytes(): number {
    return this.#tailPosition - this.#sentPosition;
  }

  /** Messages that were not sent. */
  get unsentCount(): number {
    return this.#unsentCount;
  }

  /** Messages that are in it. */
  get count(): number {
    return this.#count;
  }

  /** The position behind the last message that was sent. */
  get sentPosition(): number {
    return this.#sentPosition;
  }

  /** The position behind the last message. */
  get tailPosition(): number {
    return this.#tailPosition;
  }

  /** Whether a message of this length fits. */
  hasRoomFor(byteLength: number): boolean {
    return this.bytes + byteLength <= this.bytesMax;
  }

  /** Copies one whole message behind the others, where there is room or the caller knows better. */
  append(buffer: MessageBuffer, offset: number, byteLength: number): void {
    let block = this.#blocks.at(-1);
    if (block === undefined || block.end + byteLength > block.buffer.bytes.byteLength) {
      block = this.#blockFor(byteLength);
      this.#blocks.push(block);
    }
    copyBytes(buffer, offset, byteLength, block.buffer, block.end);
    block.end += byteLength;
    this.#tailPosition += byteLength;
    this.#count++;
    this.#unsentCount++;
  }

  /** Looks at the first message that was not sent. @returns whether there is one */
  peek(): boolean {
    if (this.#unsentCount === 0) return false;
    let block = this.#blocks[this.#nextBlock] as Block;
    if (this.#nextOffset === block.end) {
      block = this.#blocks[++this.#nextBlock] as Block;
      this.#nextOffset = 0;
    }
    this.buffer = block.buffer;
    this.offset = this.#nextOffset;
    this.byteLength = lengthAt(block, this.#nextOffset);
    return true;
  }

  /** The message that was looked at counts as sent. */
  advance(): void {
    this.#nextOffset += this.byteLength;
    this.#sentPosition += this.byteLength;
    this.#unsentCount--;
  }

  /** It did not go after all. @param byteLength of the message that {@link Retention.advance} passed */
  stepBack(byteLength: number): void {
    this.#nextOffset -= byteLength;
    this.#sentPosition -= byteLength;
    this.#unsentCount++;
  }

  /** All up to a position has arrived, and is let go. */
  confirm(position: number): void {
    while (this.#headPosition < position) {
      const block = this.#blocks[0] as Block;
      const byteLength = lengthAt(block, this.#headOffset);
      this.#headOffset += byteLength;
      this.#headPosition += byteLength;
      this.#count--;
      if (this.#headOffset === block.end) this.#letGoOfFirst();
    }
  }

  /** All that is not confirmed counts as not sent: it goes again. */
  rewind(): void {
    this.#nextBlock = 0;
    this.#nextOffset = this.#headOffset;
    this.#sentPosition = this.#headPosition;
    this.#unsentCount = this.#count;
  }

  #letGoOfFirst(): void {
    const block = this.#blocks.shift() as Block;
    this.#headOffset = 0;
    if (this.#nextBlock > 0) this.#nextBlock--;
    else this.#nextOffset = 0;
    block.end = 0;
    const isUsual = block.buffer.bytes.byteLength === BLOCK_BYTES;
    if (isUsual && this.#free.length < FREE_BLOCKS_MAX) this.#free.push(block);
  }

  #blockFor(byteLength: number): Block {
    if (byteLength > BLOCK_BYTES) return { buffer: allocateBuffer(byteLength), end: 0 };
    return this.#free.pop() ?? { buffer: allocateBuffer(BLOCK_BYTES), end: 0 };
  }
}

const NOTHING = /* @__PURE__ */ allocateBuffer(0);

function lengthAt({ buffer }: Block, offset: number): number {
  return HEADER_BYTES + buffer.view.getUint32(offset + PAYLOAD_SIZE_OFFSET, true);
}
