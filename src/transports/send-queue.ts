import { copyBytes, type MessageBuffer, messageBuffer } from "../protocol/message-buffer.js";

/** Messages gather in blocks of this size: one write each. */
const BLOCK_BYTES = 64 << 10;
/** How many blocks this thread keeps for all its links to use again. */
const BLOCKS_KEPT_MAX = 16;
/** What may wait beside the data, in bytes: session control that goes ahead. */
const AHEAD_BYTES_MAX = 64 << 10;

/** Whole messages, one behind the other. */
interface Block {
  readonly memory: MessageBuffer;
  readonly isAhead: boolean;
  filledBytes: number;
}

const kept: MessageBuffer[] = [];

function newBlock(byteLength: number, isAhead: boolean): Block {
  const isUsual = byteLength <= BLOCK_BYTES;
  const memory = (isUsual && kept.pop()) || messageBuffer(Buffer.allocUnsafeSlow(isUsual ? BLOCK_BYTES : byteLength));
  return { memory, isAhead, filledBytes: 0 };
}

function letGo({ memory }: Block): void {
  if (memory.bytes.byteLength === BLOCK_BYTES && kept.length < BLOCKS_KEPT_MAX) kept.push(memory);
}

/** Takes nothing: what is added opens a block. */
const FULL: Block = { memory: messageBuffer(new Uint8Array(0)), isAhead: false, filledBytes: 0 };

/**
 * What waits to leave a stream: messages in blocks of 64 KiB, and in a row of its own what goes ahead of them. One block at
 * a time is being written; what goes ahead waits for that one alone. A message is never cut by another one.
 */
export class SendQueue {
  readonly #data: Block[] = [];
  readonly #ahead: Block[] = [];
  /** The last block of the data, which still takes messages. */
  #open = FULL;
  #writing: Block | undefined;
  #dataBytes = 0;
  #aheadBytes = 0;

  /** Bytes that have not left, of both rows. */
  get pendingBytes(): number {
    return this.#dataBytes + this.#aheadBytes;
  }

  /** Bytes of data that have not left. */
  get dataBytes(): number {
    return this.#dataBytes;
  }

  get isWriting(): boolean {
    return this.#writing !== undefined;
  }

  /** Copies a message behind the others. @returns whether it began a block, so that those before it can leave */
  add(from: MessageBuffer, offset: number, byteLength: number): boolean {
    let block = this.#open;
    const isFirst = byteLength > block.memory.bytes.byteLength - block.filledBytes;
    if (isFirst) {
      block = newBlock(byteLength, false);
      this.#data.push(block);
      this.#open = block;
    }
    copyBytes(from, offset, byteLength, block.memory, block.filledBytes);
    block.filledBytes += byteLength;
    this.#dataBytes += byteLength;
    return isFirst;
  }

  /** Copies a message before the data that waits. @returns whether there was room */
  addAhead(from: MessageBuffer, offset: number, byteLength: number): boolean {
    const waiting = this.#aheadBytes;
    if (waiting > 0 && waiting + byteLength > AHEAD_BYTES_MAX) return false;
    let block = this.#ahead.at(-1);
    if (block === undefined || byteLength > block.memory.bytes.byteLength - block.filledBytes) {
      block = newBlock(byteLength, true);
      this.#ahead.push(block);
    }
    copyBytes(from, offset, byteLength, block.memory, block.filledBytes);
    block.filledBytes += byteLength;
    this.#aheadBytes += byteLength;
    return true;
  }

  /**
   * The bytes to be written next, until {@link SendQueue.written} lets go of them; undefined where there are none.
   * @param onlyFull leaves the block that still takes messages
   */
  next(onlyFull: boolean): Uint8Array | undefined {
    if (onlyFull && this.#data.length < 2) return undefined;
    const block = this.#ahead.shift() ?? this.#data.shift();
    if (block === undefined) return undefined;
    if (block === this.#open) this.#open = FULL;
    this.#writing = block;
    return block.memory.bytes.subarray(0, block.filledBytes);
  }

  /** What {@link SendQueue.next} gave has left. */
  written(): void {
    const block = this.#writing;
    if (block === undefined) return;
    this.#writing = undefined;
    if (block.isAhead) this.#aheadBytes -= block.filledBytes;
    else this.#dataBytes -= block.filledBytes;
    letGo(block);
  }

  /** Lets go of all that waits: it will not leave. What is being written is the system's, for all we know. */
  clear(): void {
    this.#writing = undefined;
    for (const block of [...this.#ahead.splice(0), ...this.#data.splice(0)]) letGo(block);
    this.#open = FULL;
    this.#dataBytes = 0;
    this.#aheadBytes = 0;
  }
}
