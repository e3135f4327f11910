import { outOfSequence } from "../../links/measured.js";
import { type End, MESSAGE_BYTES } from "../link.js";

/** The part of ringbuf.js that is used. */
interface RingBuffer {
  push(elements: Uint8Array, length?: number, offset?: number): number;
  pop(elements: Uint8Array, length?: number, offset?: number): number;
  available_read(): number;
  available_write(): number;
}
export interface RingBufModule {
  readonly RingBuffer: {
    new (memory: SharedArrayBuffer, type: typeof Uint8Array): RingBuffer;
    getStorageForCapacity(capacity: number, type: typeof Uint8Array): SharedArrayBuffer;
  };
}

/** ringbuf.js moves bytes, so a length goes before each message, as whoever sends messages has to do it. */
const FRAME_BYTES = 4 + MESSAGE_BYTES;
const READ_FRAMES = 64;

/** Both ends spin. Messages are taken out in bulk: the quickest way that ringbuf.js has. */
export class RingBufEnd implements End {
  readonly #out: RingBuffer;
  readonly #in: RingBuffer;
  readonly #bytes = new Uint8Array(READ_FRAMES * FRAME_BYTES);
  readonly #view = new DataView(this.#bytes.buffer);
  #expected = 0;

  constructor({ RingBuffer }: RingBufModule, out: SharedArrayBuffer, incoming: SharedArrayBuffer) {
    this.#out = new RingBuffer(out, Uint8Array);
    this.#in = new RingBuffer(incoming, Uint8Array);
  }

  send(count: number, batch: number): void {
    const frames = new Uint8Array(batch * FRAME_BYTES); // of just this length, which it copies fastest
    const view = new DataView(frames.buffer);
    for (let sequence = 0; sequence < count; sequence += batch) {
      for (let i = 0; i < batch; i++) writeFrame(view, i * FRAME_BYTES, sequence + i);
      this.#push(frames);
    }
  }

  receive(count: number): void {
    this.#expected = 0;
    while (this.#expected < count) this.#poll(READ_FRAMES);
  }

  ask(count: number): Float64Array {
    const frame = new Uint8Array(FRAME_BYTES);
    const view = new DataView(frame.buffer);
    const times = new Float64Array(count);
    this.#expected = 0;
    for (let i = 0; i < count; i++) {
      const start = performance.now();
      writeFrame(view, 0, i);
      this.#push(frame);
      while (this.#expected === i) this.#poll(1);
      times[i] = (performance.now() - start) * 1e6;
    }
    return times;
  }

  answer(count: number): void {
    const frame = new Uint8Array(FRAME_BYTES);
    const view = new DataView(frame.buffer);
    this.#expected = 0;
    for (let i = 0; i < count; i++) {
      while (this.#expected === i) this.#poll(1);
      writeFrame(view, 0, i);
      this.#push(frame);
    }
  }

  /** Whole frames or nothing: half of one would be the reader's trouble. */
  #push(frames: Uint8Array): void {
    while (this.#out.available_write() < frames.byteLength);
    this.#out.push(frames);
  }

  #poll(limit: number): void {
    const bytes = this.#in.pop(this.#bytes, limit * FRAME_BYTES);
    for (let at = 0; at < bytes; at += FRAME_BYTES) {
      const found = this.#view.getUint32(at + 4, true);
      if (this.#view.getUint32(at, true) !== MESSAGE_BYTES || found !== this.#expected) {
        throw outOfSequence(this.#expected, found);
      }
      this.#expected++;
    }
  }
}

function writeFrame(view: DataView, at: number, sequence: number): void {
  view.setUint32(at, MESSAGE_BYTES, true);
  view.setUint32(at + 4, sequence, true);
}
