import { copyBytes, type MessageBuffer, messageBuffer } from "../protocol/message-buffer.js";
import {
  CLOSED_WORD,
  CONSUMER_WAITS_WORD,
  DOORBELL_WORD,
  HEAD_WORD,
  PRODUCER_WAITS_WORD,
  RECORD_HEADER_BYTES,
  RING_HEADER_BYTES,
  recordBytes,
  ringCapacity,
  TAIL_WORD,
} from "./spsc-layout.js";

/** What became of a record that was offered. */
export type OfferResult = "sent" | "backPressured" | "closed" | "tooLarge";

/** Receives a record: borrowed until it returns. */
export type RecordHandler = (buffer: MessageBuffer, offset: number, byteLength: number) => void;

/** The producer's end of a ring. One thread only. */
export class SpscProducer {
  readonly #words: Int32Array;
  readonly #buffer: MessageBuffer;
  readonly #capacity: number;
  #tail: number;
  /** The consumer's position as last seen: looked at again only where the ring seems full. */
  #head: number;

  /** @throws AlphaPulseError BAD_RING where the memory holds no ring */
  constructor(memory: SharedArrayBuffer) {
    this.#capacity = ringCapacity(memory);
    this.#words = new Int32Array(memory, 0, RING_HEADER_BYTES / 4);
    this.#buffer = messageBuffer(new Uint8Array(memory, RING_HEADER_BYTES));
    this.#tail = Atomics.load(this.#words, TAIL_WORD);
    this.#head = Atomics.load(this.#words, HEAD_WORD);
  }

  /** The longest record: an eighth of the capacity, so that padding can never fill the ring. */
  get recordBytesMax(): number {
    return this.#capacity / 8 - RECORD_HEADER_BYTES;
  }

  /** Bytes that were sent and not yet consumed. */
  get pendingBytes(): number {
    return (this.#tail - Atomics.load(this.#words, HEAD_WORD)) | 0;
  }

  /** Copies a record into the ring. Never blocks or allocates. A record is contiguous: padding fills the end before it. */
  offer(source: MessageBuffer, offset: number, byteLength: number): OfferResult {
    if (byteLength > this.recordBytesMax) return "tooLarge";
    const needed = recordBytes(byteLength);
    const at = this.#tail & (this.#capacity - 1);
    const toEnd = this.#capacity - at;
    const padding = toEnd < needed ? toEnd : 0;
    if (!this.#hasRoom(padding + needed)) return this.isClosed ? "closed" : "backPressured";
    if (padding > 0) this.#buffer.view.setInt32(at, -padding, true);
    const start = padding > 0 ? 0 : at;
    this.#buffer.view.setInt32(start, byteLength, true);
    copyBytes(source, offset, byteLength, this.#buffer, start + RECORD_HEADER_BYTES);
    this.#tail = (this.#tail + padding + needed) | 0;
    Atomics.store(this.#words, TAIL_WORD, this.#tail);
    if (Atomics.load(this.#words, CONSUMER_WAITS_WORD) === 1) ring(this.#words);
    return "sent";
  }

  /** Asks to be woken when the consumer made room; false where there is room already. */
  awaitRoom(): boolean {
    Atomics.store(this.#words, PRODUCER_WAITS_WORD, 1);
    if (((this.#tail - Atomics.load(this.#words, HEAD_WORD)) | 0) > this.#capacity / 2) return true;
    Atomics.store(this.#words, PRODUCER_WAITS_WORD, 0);
    return false;
  }

  /** Whether either side closed the ring. */
  get isClosed(): boolean {
    return Atomics.load(this.#words, CLOSED_WORD) === 1;
  }

  #hasRoom(needed: number): boolean {
    if (((this.#tail - this.#head) | 0) + needed <= this.#capacity) return !this.isClosed;
    this.#head = Atomics.load(this.#words, HEAD_WORD);
    return ((this.#tail - this.#head) | 0) + needed <= this.#capacity && !this.isClosed;
  }
}

/** The consumer's end of a ring. One thread only. */
export class SpscConsumer {
  readonly #words: Int32Array;
  readonly #buffer: MessageBuffer;
  readonly #capacity: number;
  #head: number;

  /** @throws AlphaPulseError BAD_RING where the memory holds no ring */
  constructor(memory: SharedArrayBuffer) {
    this.#capacity = ringCapacity(memory);
    this.#words = new Int32Array(memory, 0, RING_HEADER_BYTES / 4);
    this.#buffer = messageBuffer(new Uint8Array(memory, RING_HEADER_BYTES));
    this.#head = Atomics.load(this.#words, HEAD_WORD);
  }

  /**
   * Hands over up to `limit` records, oldest first, and then gives their room back. A handler that throws has consumed
   * its record.
   * @returns how many there were
   */
  poll(handler: RecordHandler, limit: number): number {
    const tail = Atomics.load(this.#words, TAIL_WORD);
    let count = 0;
    try {
      while (this.#head !== tail && count < limit) {
        const at = this.#head & (this.#capacity - 1);
        const length = this.#buffer.view.getInt32(at, true);
        if (length < 0) {
          this.#head = (this.#head - length) | 0;
          continue;
        }
        this.#head = (this.#head + recordBytes(length)) | 0;
        count++;
        handler(this.#buffer, at + RECORD_HEADER_BYTES, length);
      }
    } finally {
      Atomics.store(this.#words, HEAD_WORD, this.#head);
      if (Atomics.load(this.#words, PRODUCER_WAITS_WORD) === 1) this.#wakeProducer();
    }
    return count;
  }

  /** Whether records wait. */
  get hasRecords(): boolean {
    return Atomics.load(this.#words, TAIL_WORD) !== this.#head;
  }

  /** Asks to be woken at the next record; false where one waits already. */
  awaitRecords(): boolean {
    Atomics.store(this.#words, CONSUMER_WAITS_WORD, 1);
    if (!this.hasRecords) return true;
    Atomics.store(this.#words, CONSUMER_WAITS_WORD, 0);
    return false;
  }

  /** Takes back what {@link SpscConsumer.awaitRecords} asked. */
  stopAwaiting(): void {
    Atomics.store(this.#words, CONSUMER_WAITS_WORD, 0);
  }

  /** Whether either side closed the ring. What was sent before can still be polled. */
  get isClosed(): boolean {
    return Atomics.load(this.#words, CLOSED_WORD) === 1;
  }

  #wakeProducer(): void {
    const used = (Atomics.load(this.#words, TAIL_WORD) - this.#head) | 0;
    if (used > this.#capacity / 2) return;
    Atomics.store(this.#words, PRODUCER_WAITS_WORD, 0);
    ring(this.#words);
  }
}

/** Closes a ring for both sides and wakes them. */
export function closeRing(memory: SharedArrayBuffer): void {
  const words = new Int32Array(memory, 0, RING_HEADER_BYTES / 4);
  Atomics.store(words, CLOSED_WORD, 1);
  ring(words);
}

/** The word that both sides of a ring wait on. */
export function doorbellOf(memory: SharedArrayBuffer): Int32Array {
  return new Int32Array(memory, DOORBELL_WORD * 4, 1);
}

function ring(words: Int32Array): void {
  Atomics.add(words, DOORBELL_WORD, 1);
  Atomics.notify(words, DOORBELL_WORD);
}
