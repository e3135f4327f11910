import type { RingMemory } from "./memory.js";

/** Who sleeps looks this often, without being woken: the other side may have died between a change and its wake-up. */
export const SLEEP_MS_MAX = 100;

/** How an event loop sleeps: one wait at a time is outstanding, since one that nobody wakes would stay for ever. */
export class Nap {
  readonly #memory: RingMemory;
  readonly #words: Int32Array;
  readonly #msMax: number;
  /** The word that a wait is outstanding on, or -1. */
  #word = -1;
  #waits = 0;
  readonly #sleepers = new Set<() => void>();

  constructor(memory: RingMemory, words: Int32Array, msMax: number = SLEEP_MS_MAX) {
    this.#memory = memory;
    this.#words = words;
    this.#msMax = msMax;
  }

  /** Resolves when the word may hold something else, or after a while. Until then it keeps the process alive. */
  async until(word: number, value: number): Promise<void> {
    if (this.#word !== word && !this.#begin(word, value)) return;
    await new Promise<void>((resolve) => {
      const wakeUp = (): void => {
        clearTimeout(timer);
        this.#sleepers.delete(wakeUp);
        resolve();
      };
      const timer = setTimeout(wakeUp, this.#msMax);
      this.#sleepers.add(wakeUp); // not as a reaction of the one wait, which would gather them
    });
  }

  /** Wakes all that sleep here. */
  end(): void {
    for (const wakeUp of this.#sleepers) wakeUp();
  }

  /** False where the word holds something else already. */
  #begin(word: number, value: number): boolean {
    const sleeping = this.#memory.sleepAsync(this.#words, word, value);
    if (sleeping === undefined) return false;
    this.#word = word;
    const wait = ++this.#waits;
    void sleeping.then(() => {
      if (wait === this.#waits) this.#word = -1;
      this.end();
    });
    return true;
  }
}
