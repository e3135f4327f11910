import { outOfSequence } from "../../links/measured.js";
import { type End, MESSAGE_BYTES } from "../link.js";

/** A peer whose messages come by events. */
export interface Wire {
  /** Sends bytes that the caller will write over as soon as it may send again. A promise where it has to wait for that. */
  send(bytes: Uint8Array): Promise<unknown> | undefined;
  /** Where what arrives is handed over: messages, several at once or cut anywhere. */
  onBytes: (bytes: Uint8Array) => void;
  close?(): void;
}

/** Sends and receives messages by a peer that brings them by events. A batch is one buffer of several messages. */
export class WireEnd implements End {
  readonly #wire: Wire;
  readonly #rest = new Uint8Array(MESSAGE_BYTES);
  readonly #restView = new DataView(this.#rest.buffer);
  #restBytes = 0;
  #expected = 0;
  #each: () => void = () => {};

  constructor(wire: Wire) {
    this.#wire = wire;
    wire.onBytes = (bytes) => this.#take(bytes);
  }

  async send(count: number, batch: number): Promise<void> {
    const bytes = Buffer.alloc(batch * MESSAGE_BYTES);
    for (let sequence = 0; sequence < count; sequence += batch) {
      for (let i = 0; i < batch; i++) bytes.writeUInt32LE(sequence + i, i * MESSAGE_BYTES);
      const sending = this.#wire.send(bytes);
      if (sending !== undefined) await sending;
    }
  }

  receive(count: number): Promise<void> {
    return new Promise((resolve) => {
      this.#begin(() => {
        if (this.#expected === count) resolve();
      });
    });
  }

  ask(count: number): Promise<Float64Array> {
    const times = new Float64Array(count);
    const message = Buffer.alloc(MESSAGE_BYTES);
    let start = performance.now();
    const next = (): void => {
      start = performance.now();
      message.writeUInt32LE(this.#expected, 0);
      void this.#wire.send(message);
    };
    return new Promise((resolve) => {
      this.#begin(() => {
        times[this.#expected - 1] = (performance.now() - start) * 1e6;
        if (this.#expected === count) resolve(times);
        else next();
      });
      next();
    });
  }

  answer(count: number): Promise<void> {
    const message = Buffer.alloc(MESSAGE_BYTES);
    return new Promise((resolve) => {
      this.#begin(() => {
        message.writeUInt32LE(this.#expected - 1, 0);
        const sending = this.#wire.send(message);
        if (this.#expected === count) Promise.resolve(sending).then(() => resolve());
      });
    });
  }

  close(): void {
    this.#wire.close?.();
  }

  #begin(each: () => void): void {
    this.#expected = 0;
    this.#each = each;
  }

  #take(bytes: Uint8Array): void {
    let at = 0;
    if (this.#restBytes > 0) {
      at = Math.min(MESSAGE_BYTES - this.#restBytes, bytes.byteLength);
      this.#rest.set(bytes.subarray(0, at), this.#restBytes);
      this.#restBytes += at;
      if (this.#restBytes < MESSAGE_BYTES) return;
      this.#restBytes = 0;
      this.#check(this.#restView.getUint32(0, true));
    }
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (; at + MESSAGE_BYTES <= bytes.byteLength; at += MESSAGE_BYTES) this.#check(view.getUint32(at, true));
    this.#restBytes = bytes.byteLength - at;
    if (this.#restBytes > 0) this.#rest.set(bytes.subarray(at));
  }

  #check(sequence: number): void {
    if (sequence !== this.#expected) throw outOfSequence(this.#expected, sequence);
    this.#expected++;
    this.#each();
  }
}
