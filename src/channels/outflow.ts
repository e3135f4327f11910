import { HEADER_BYTES, PAYLOAD_SIZE_OFFSET } from "../protocol/header.js";
import type { MessageBuffer } from "../protocol/message-buffer.js";
import { ByteQueue } from "./byte-queue.js";

/** How many bytes a channel may send each time that it is its turn. */
export const QUANTUM_BYTES = 16 << 10;
/** Session control that may wait, beside what the buffer holds. */
const AHEAD_BYTES_MAX = 64 << 10;

/** What a channel has to send: whole messages, of which one may have gone in part, and how much of it may go. */
export class Outflow {
  /** How many bytes the other end takes. */
  creditBytes = 0;
  /** How many bytes are left of its turns. */
  deficitBytes = 0;
  readonly #bufferBytesMax: number;
  readonly #queue = new ByteQueue();
  readonly #ahead = new ByteQueue();
  /** Where the next bytes come from, and how many are left of a message that has gone in part. */
  #current = this.#queue;
  #restBytes = 0;
  /** The credit that the other end gave at first, and never goes beyond. */
  #windowBytes = 0;
  /** A message is cut into pieces of this size where it is larger. */
  #pieceBytes = 0;

  constructor(bufferBytesMax: number) {
    this.#bufferBytesMax = bufferBytesMax;
  }

  /** Whether the other end has said what it takes. */
  get isOpen(): boolean {
    return this.#windowBytes > 0;
  }

  get byteLength(): number {
    return this.#queue.byteLength + this.#ahead.byteLength;
  }

  get hasRoom(): boolean {
    return this.#queue.byteLength * 2 <= this.#bufferBytesMax && this.#ahead.byteLength * 2 <= AHEAD_BYTES_MAX;
  }

  /** Whether it holds something for which there is credit. */
  get canSend(): boolean {
    return this.byteLength > 0 && this.creditBytes >= Math.min(this.#nextBytes(), this.#pieceBytes);
  }

  /** Where the bytes stand that {@link Outflow.take} counts. */
  get source(): ByteQueue {
    return this.#current;
  }

  /** The other end takes so many bytes unasked. */
  open(windowBytes: number): void {
    this.#windowBytes = windowBytes;
    this.creditBytes = windowBytes;
    this.#pieceBytes = Math.min(QUANTUM_BYTES, windowBytes >> 1);
  }

  /** The other end takes more. @returns whether that can be: never more than its window */
  addCredit(bytes: number): boolean {
    this.creditBytes += bytes;
    return this.creditBytes <= this.#windowBytes;
  }

  /** Copies a message in, if there is room. */
  offer(buffer: MessageBuffer, offset: number, byteLength: number, isAhead: boolean): boolean {
    const queue = isAhead ? this.#ahead : this.#queue;
    const bytesMax = isAhead ? AHEAD_BYTES_MAX : this.#bufferBytesMax;
    if (queue.byteLength > 0 && queue.byteLength + byteLength > bytesMax) return false;
    queue.push(buffer, offset, byteLength);
    return true;
  }

  /** How many bytes of {@link Outflow.source} go next: as many whole messages as fit, or a piece of one that is larger. */
  next(bytesMax: number): number {
    if (this.byteLength === 0) return 0;
    const firstBytes = this.#nextBytes();
    const limit = Math.min(bytesMax, this.creditBytes, this.deficitBytes);
    if (firstBytes > limit) return firstBytes > this.#pieceBytes && limit >= this.#pieceBytes ? this.#pieceBytes : 0;
    const { buffer, start, byteLength } = this.#current;
    let bytes = firstBytes;
    while (bytes < byteLength) {
      const messageBytes = HEADER_BYTES + buffer.view.getUint32(start + bytes + PAYLOAD_SIZE_OFFSET, true);
      if (bytes + messageBytes > limit) break;
      bytes += messageBytes;
    }
    return bytes;
  }

  /** They have gone, and their credit is taken. */
  gone(bytes: number): void {
    if (this.byteLength === 0) return; // the channel ended while they went
    this.#restBytes = Math.max(0, this.#nextBytes() - bytes);
    this.#current.drop(bytes);
    this.deficitBytes -= bytes;
  }

  clear(): void {
    this.#queue.clear();
    this.#ahead.clear();
    this.#restBytes = 0;
  }

  /** Bytes of the next message, or of what is left of one; that decides the queue. */
  #nextBytes(): number {
    if (this.#restBytes > 0) return this.#restBytes;
    this.#current = this.#ahead.byteLength > 0 ? this.#ahead : this.#queue;
    const { buffer, start } = this.#current;
    return HEADER_BYTES + buffer.view.getUint32(start + PAYLOAD_SIZE_OFFSET, true);
  }
}
