import { ThreadMemory } from "../../src/rings/memory.js";

/** Nobody sleeps so long unless a wake-up was lost. */
const LOST_MS = 5_000;

/**
 * Memory whose sleepers sleep until they are woken. A ring's ends look again after 100 ms at the latest: that would heal a
 * wake-up that was lost before a test could see it.
 */
export class PatientMemory extends ThreadMemory {
  /** Sleeps that nobody ended. */
  lostWakeUps = 0;

  override sleep(words: Int32Array, index: number, value: number): void {
    if (Atomics.wait(words, index, value, LOST_MS) === "timed-out") this.lostWakeUps++;
  }
}
