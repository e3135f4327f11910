import { bytesOf, HEAD_WORD, RECORD, RECORD_HEADER_BYTES, SLEEPER, STATE_MASK, slackOf, TAIL_WORD } from "./layout.js";
import type { RingMemory } from "./memory.js";
import { type ReaderOptions, RingReader } from "./reader.js";
import { isRecord, type RecordHandler, type RingEndOptions } from "./ring-end.js";
import { Head, Room } from "./room.js";
import { SingleProducer } from "./single-producer.js";

/** The producer of a lossless ring with one producer and one consumer. */
export class SpscProducer extends SingleProducer {
  readonly #room: Room;
  /** HEAD as last seen: looked at again only where the ring seems full. */
  #head: number;

  /** @throws AlphaPulseError BAD_RING, or RING_IN_USE where a producer that lives has the ring */
  constructor(memory: SharedArrayBuffer | RingMemory, options: RingEndOptions = {}) {
    super(memory, "spsc", options);
    this.#room = new Room(this.memory, this.words, this.capacity);
    this.#head = (this.words[HEAD_WORD] as number) & ~7;
  }

  /** Bytes of the ring that were published and not yet consumed. */
  get pendingBytes(): number {
    return this.#room.pendingBytes;
  }

  /** Whether a consumer that lives has the ring: asks the system where it is between processes. */
  get hasConsumer(): boolean {
    return this.#room.hasConsumer;
  }

  /** Publishes, and blocks until half of the ring is free or it was closed; false where the time is up first. */
  waitForRoom(timeoutMs = Number.POSITIVE_INFINITY): boolean {
    this.publish();
    return this.#room.wait(timeoutMs);
  }

  /** Publishes, and resolves once half of the ring is free, or it was closed. */
  room(): Promise<void> {
    this.publish();
    return this.#room.ready();
  }

  protected hasRoom(end: number): boolean {
    if (((end - this.#head) | 0) <= this.capacity) return true;
    this.#head = Atomics.load(this.words, HEAD_WORD) & ~7;
    return ((end - this.#head) | 0) <= this.capacity;
  }
}

/** The consumer of a lossless ring with one producer and one consumer. */
export class SpscConsumer extends RingReader {
  readonly #freed: Head;
  #head: number;
  /** TAIL as last seen: looked at again only where the ring seems empty. */
  #tail: number;

  /** @throws AlphaPulseError BAD_RING, or RING_IN_USE where a consumer that lives has the ring */
  constructor(memory: SharedArrayBuffer | RingMemory, options: ReaderOptions = {}) {
    super(memory, "spsc", options);
    this.#freed = new Head(this.memory, this.words, this.capacity);
    this.#head = this.#freed.low;
    this.#tail = this.#head;
  }

  override get position(): bigint {
    return this.#freed.positionOf(this.#head);
  }

  override get hasRecords(): boolean {
    return (Atomics.load(this.words, TAIL_WORD) & ~7) !== this.#head;
  }

  protected override consume(handler: RecordHandler, limit: number): number {
    if (this.#head === this.#tail) {
      this.#tail = Atomics.load(this.words, TAIL_WORD) & ~7;
      if (this.#head === this.#tail) return 0;
    }
    let count = 0;
    try {
      while (count < limit && this.#head !== this.#tail) if (this.#next(handler)) count++;
    } finally {
      this.#freed.move(this.#head);
    }
    return count;
  }

  protected override arm(): number {
    const tail = this.#head;
    this.sleepValue = tail | SLEEPER;
    const was = Atomics.compareExchange(this.words, TAIL_WORD, tail, tail | SLEEPER);
    return was === tail || was === this.sleepValue ? TAIL_WORD : -1;
  }

  /** Goes past one record or padding; whether it was a record. */
  #next(handler: RecordHandler): boolean {
    const { buffer } = this;
    const at = this.#head & this.mask;
    const word = buffer.view.getInt32(at, true);
    const second = buffer.view.getInt32(at + 4, true);
    const bytes = bytesOf(word);
    if (!isRecord(word, second, Math.min((this.#tail - this.#head) | 0, this.capacity - at))) {
      throw this.corrupt(this.position);
    }
    this.#head = (this.#head + bytes) | 0;
    if ((word & STATE_MASK) !== RECORD) return false;
    handler(buffer, at + RECORD_HEADER_BYTES, bytes - RECORD_HEADER_BYTES - slackOf(second));
    return true;
  }
}
