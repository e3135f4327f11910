import type { Socket } from "node:net";
import type { RingMemory } from "../rings/memory.js";

const BYTE = /* @__PURE__ */ new Uint8Array(1);

/**
 * A socket between the two ends of a link, by which one wakes the other's event loop: a byte says that something changed.
 * It is written only where the other end sleeps.
 */
export class Doorbell {
  readonly #socket: Socket;
  #sleepers: (() => void)[] = [];
  readonly #wake = (): void => {
    if (this.#socket.writable) this.#socket.write(BYTE);
  };

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", () => this.answer());
    socket.resume();
  }

  /** Wakes all that sleep at this end: they look again. */
  answer(): void {
    for (const wake of this.#sleepers.splice(0)) wake();
  }

  /** Memory as it is, but that who sleeps on it is woken by this doorbell. */
  over(memory: RingMemory): RingMemory {
    return {
      buffer: memory.buffer,
      sleep: (words, index, value, timeoutMs) => memory.sleep(words, index, value, timeoutMs),
      sleepAsync: (words, index, value) => {
        if (Atomics.load(words, index) !== value) return undefined;
        return new Promise((resolve) => this.#sleepers.push(resolve));
      },
      wake: this.#wake,
      occupy: (place) => memory.occupy(place),
      vacate: (place) => memory.vacate(place),
      isOccupied: (place) => memory.isOccupied(place),
    };
  }
}
