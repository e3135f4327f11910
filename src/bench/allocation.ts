import { getHeapStatistics } from "node:v8";
import type { SubjectLoop } from "./loop.js";
import { median } from "./rows.js";

const CHUNK_BYTES = 128 * 1024;
const CALLS_MAX = 1 << 16;
const CHUNKS = 9;

/**
 * The bytes that one operation of a subject allocates: growth of the heap and of array buffers over chunks of operations,
 * as the median of rounds, each the median of 9 chunks. A chunk allocates some 128 KiB, a fraction of the smallest young
 * generation (1 MiB): most chunks see no garbage collection, and those that do, or in which code was compiled, fall
 * out; so do rounds in which an earlier collection was still sweeping.
 *
 * Exact to 0.01 bytes where an operation allocates less than 2 bytes (65,536 operations a chunk), to 0.5 % up to 1 kB, and to
 * some 5 % up to 100 kB, where unused ends of the heap's pages come in. Beyond that it may be too low: a collection in
 * every chunk. What native code allocates outside the heap is not seen.
 *
 * What the engine does not allocate is not counted: a number or an object that does not leave optimised code may exist in
 * registers alone. So the subject must have run for a while.
 */
export class AllocationMeter {
  readonly #loop: SubjectLoop;
  readonly #rounds: number[] = [];
  #calls = 0;

  constructor(loop: SubjectLoop) {
    this.#loop = loop;
  }

  /** Measures one round. */
  round(): void {
    const loop = this.#loop;
    if (this.#calls === 0) {
      this.#calls = 1;
      while (this.#calls < CALLS_MAX && mostGrowth(loop, this.#calls) < CHUNK_BYTES) this.#calls *= 2;
    }
    const none: number[] = [];
    const some: number[] = [];
    for (let chunk = 0; chunk < CHUNKS; chunk++) {
      none.push(growth(loop, 0));
      some.push(growth(loop, this.#calls));
    }
    this.#rounds.push((median(some) - median(none)) / (this.#calls * loop.operationsPerCall));
  }

  /** Bytes an operation. */
  result(): number {
    return Math.max(0, Math.round(median(this.#rounds) * 100) / 100);
  }
}

/** What is in use after `calls` calls beyond what was before; what measuring allocates itself included. */
function growth(loop: SubjectLoop, calls: number): number {
  const before = usedBytes();
  loop.run(calls);
  return usedBytes() - before;
}

/** The growth of the chunk that was least disturbed: a collection only ever takes away. */
function mostGrowth(loop: SubjectLoop, calls: number): number {
  return Math.max(growth(loop, calls), growth(loop, calls), growth(loop, calls));
}

function usedBytes(): number {
  return getHeapStatistics().used_heap_size + process.memoryUsage().arrayBuffers;
}
