import type { MessagePort } from "node:worker_threads";
import type { Wire } from "./wire-end.js";

/** Messages that may be on their way: a port knows no back pressure, and its queue is as long as one lets it. */
const WINDOW = 4_096;
const CREDIT = 1_024;

/** postMessage of a Uint8Array, which is cloned. The receiver gives credit back once in a while. */
export class MessagePortWire implements Wire {
  onBytes: (bytes: Uint8Array) => void = () => {};
  readonly #port: MessagePort;
  #credit = WINDOW;
  #taken = 0;
  #roomCame: (() => void) | undefined;

  constructor(port: MessagePort) {
    this.#port = port;
    port.on("message", (message: Uint8Array | number) => this.#receive(message));
  }

  send(bytes: Uint8Array): Promise<void> | undefined {
    this.#port.postMessage(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength));
    this.#credit--;
    return this.#credit > 0 ? undefined : new Promise((resolve) => (this.#roomCame = resolve));
  }

  #receive(message: Uint8Array | number): void {
    if (typeof message === "number") {
      this.#credit += message;
      const roomCame = this.#roomCame;
      this.#roomCame = undefined;
      roomCame?.();
      return;
    }
    if (++this.#taken === CREDIT) {
      this.#port.postMessage(CREDIT);
      this.#taken = 0;
    }
    this.onBytes(message);
  }
}
