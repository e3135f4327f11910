import { CLOSED_WORD, CONSUMER_PLACE, HEAD_WORD, SLEEPER, TAIL_WORD } from "./layout.js";
import type { RingMemory } from "./memory.js";
import { Nap, SLEEP_MS_MAX } from "./nap.js";
import { joined, repair } from "./position.js";
import { checkTimeout } from "./ring-end.js";

/** HEAD, as the consumer of a lossless ring moves it: what lies before it may be overwritten. */
export class Head {
  readonly #memory: RingMemory;
  readonly #words: Int32Array;
  readonly #bytesEnough: number;
  #low: number;
  #high: number;

  constructor(memory: RingMemory, words: Int32Array, capacity: number) {
    this.#memory = memory;
    this.#words = words;
    this.#bytesEnough = capacity / 2;
    repair(words, HEAD_WORD);
    this.#low = Atomics.load(words, HEAD_WORD) & ~7;
    this.#high = Atomics.load(words, HEAD_WORD + 1);
    memory.wake(words, HEAD_WORD); // a consumer that died may have made room, and not woken
  }

  /** The low half of the position. */
  get low(): number {
    return this.#low;
  }

  /** The high half of a position a little further on, by its low half. */
  highOf(low: number): number {
    return low >>> 0 < this.#low >>> 0 ? (this.#high + 1) | 0 : this.#high;
  }

  /** A position a little further on, by its low half. */
  positionOf(low: number): bigint {
    return joined(this.highOf(low), low);
  }

  /** Gives everything up to here back. Wakes producers that sleep once half of the ring is free. */
  move(low: number): void {
    const words = this.#words;
    const high = this.highOf(low);
    const isCarry = high !== this.#high;
    this.#low = low;
    this.#high = high;
    if (isCarry) Atomics.store(words, HEAD_WORD + 1, high);
    const was = Atomics.exchange(words, HEAD_WORD, low);
    if (isCarry) Atomics.store(words, HEAD_WORD + 2, high);
    if ((was & SLEEPER) === 0) return;
    if (isRoomy(words, low, this.#bytesEnough)) this.#memory.wake(words, HEAD_WORD);
    else Atomics.or(words, HEAD_WORD, SLEEPER); // later
  }
}

/** How a producer of a lossless ring waits until half of it is free, or it was closed. */
export class Room {
  readonly #memory: RingMemory;
  readonly #words: Int32Array;
  readonly #bytesEnough: number;
  readonly #nap: Nap;
  /** What HEAD holds while a producer sleeps. */
  #sleepValue = 0;

  constructor(memory: RingMemory, words: Int32Array, capacity: number) {
    this.#memory = memory;
    this.#words = words;
    this.#bytesEnough = capacity / 2;
    this.#nap = new Nap(memory, words);
  }

  /** Bytes that are used. */
  get pendingBytes(): number {
    return pendingBytesOf(this.#words);
  }

  /** Whether anybody is there to make room. */
  get hasConsumer(): boolean {
    return this.#memory.isOccupied(CONSUMER_PLACE);
  }

  /** Blocks until there is room; false where the time is up first. */
  wait(timeoutMs: number): boolean {
    checkTimeout(timeoutMs);
    const until = performance.now() + timeoutMs;
    while (this.#arm()) {
      const leftMs = until - performance.now();
      if (leftMs <= 0) return false;
      this.#memory.sleep(this.#words, HEAD_WORD, this.#sleepValue, Math.min(leftMs, SLEEP_MS_MAX));
    }
    return true;
  }

  /** Resolves once there is room. */
  async ready(): Promise<void> {
    while (this.#arm()) await this.#nap.until(HEAD_WORD, this.#sleepValue);
  }

  /** Sets the sleeper's bit; false where there is room, or nobody will make any. */
  #arm(): boolean {
    const words = this.#words;
    while (words.length > 0) {
      const head = Atomics.load(words, HEAD_WORD);
      if (isRoomy(words, head & ~7, this.#bytesEnough) || Atomics.load(words, CLOSED_WORD) === 1) return false;
      this.#sleepValue = head | SLEEPER;
      if (Atomics.compareExchange(words, HEAD_WORD, head, head | SLEEPER) === head) {
        return Atomics.load(words, CLOSED_WORD) === 0;
      }
    }
    return false; // the memory was closed
  }
}

/** Bytes of a lossless ring that are used. */
export function pendingBytesOf(words: Int32Array): number {
  return ((Atomics.load(words, TAIL_WORD) & ~7) - (Atomics.load(words, HEAD_WORD) & ~7)) | 0;
}

function isRoomy(words: Int32Array, head: number, bytesEnough: number): boolean {
  return (((Atomics.load(words, TAIL_WORD) & ~7) - head) | 0) <= bytesEnough;
}
