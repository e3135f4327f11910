import { LEVEL_WORDS, type LevelList } from "../../books/level-list.js";
import type { UpdateIds } from "./sync.js";

/** A depth update that waits for its snapshot. */
export interface PendingUpdate extends UpdateIds {
  /** Event time, ms. */
  readonly timeMs: number;
  /** Words of the levels: bids, then asks. */
  readonly words: Int32Array;
  /** How many of them are bids. */
  readonly bidCount: number;
}

const OVERHEAD_BYTES = 128; // of an entry, beside its levels

/** Depth updates that wait for a snapshot, oldest first, bounded by their bytes: over the bound the oldest go. */
export class PendingUpdates {
  readonly #bytesMax: number;
  #updates: PendingUpdate[] = [];
  #head = 0; // those before it are gone
  #bytes = 0;

  /** @param bytesMax how many bytes of updates are kept; the newest is kept whatever its size */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** How many wait. */
  get count(): number {
    return this.#updates.length - this.#head;
  }

  /** The oldest; undefined where there is none. */
  get first(): PendingUpdate | undefined {
    return this.#updates[this.#head];
  }

  /** The newest; undefined where there is none. */
  get last(): PendingUpdate | undefined {
    return this.#updates.at(-1);
  }

  /** Keeps a copy of an update. Says how many older ones had to go. */
  push(ids: UpdateIds, timeMs: number, bids: LevelList, asks: LevelList): number {
    const words = new Int32Array((bids.count + asks.count) * LEVEL_WORDS);
    words.set(bids.words.subarray(0, bids.count * LEVEL_WORDS));
    words.set(asks.words.subarray(0, asks.count * LEVEL_WORDS), bids.count * LEVEL_WORDS);
    const { first, last, previous } = ids;
    this.#updates.push({ first, last, previous, timeMs, words, bidCount: bids.count });
    this.#bytes += bytesOf(words);
    const headBefore = this.#head;
    while (this.#bytes > this.#bytesMax && this.count > 1) {
      this.#bytes -= bytesOf((this.#updates[this.#head] as PendingUpdate).words);
      this.#head++;
    }
    const droppedCount = this.#head - headBefore;
    if (this.#head > this.#updates.length / 2) {
      this.#updates = this.#updates.slice(this.#head);
      this.#head = 0;
    }
    return droppedCount;
  }

  /** Hands all over, oldest first, and is empty. */
  take(): readonly PendingUpdate[] {
    const taken = this.#updates.slice(this.#head);
    this.clear();
    return taken;
  }

  /** Forgets all. */
  clear(): void {
    this.#updates = [];
    this.#head = 0;
    this.#bytes = 0;
  }
}

function bytesOf(words: Int32Array): number {
  return words.byteLength + OVERHEAD_BYTES;
}
