import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { allocateRing, type RingKind } from "../../src/rings.js";
import { SharedMemory } from "../../src/shm.js";
import type { BenchContext } from "../harness.js";
import type { Placement } from "../links/placed-end.js";
import type { Memory } from "./link.js";

/** Where files of shared memory belong: a file system in memory. */
const MEMORY_DIRECTORY = "/dev/shm";
const CAPACITY_BYTES = 1 << 20;

/** What subjects of one placement need from outside: files and memory, gone when it is over. */
export class Surroundings implements Disposable {
  readonly placement: Placement;
  /** For sockets and programs. */
  readonly folder: string;
  /** Whether there is memory for rings between such ends. */
  readonly hasMemory: boolean;
  readonly #directory: string | undefined;
  #rings = 0;

  constructor(context: BenchContext, placement: Placement) {
    this.placement = placement;
    this.folder = mkdtempSync(join(tmpdir(), "alphapulse-rings-"));
    this.#directory = placement === "threads" ? undefined : ringDirectory(context);
    this.hasMemory = placement === "threads" || this.#directory !== undefined;
  }

  /** An empty ring, where there is memory. */
  ring(kind: RingKind, capacityBytes = CAPACITY_BYTES): Memory {
    if (this.#directory === undefined) return allocateRing(kind, { capacityBytes });
    const name = `ring-${this.#rings++}`;
    SharedMemory.create(name, kind, { capacityBytes, directory: this.#directory }).close();
    return { name, directory: this.#directory };
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true });
    if (this.#directory !== undefined) rmSync(this.#directory, { recursive: true, force: true });
  }
}

/** A directory for rings between processes, or undefined (and a note) where they cannot be. */
function ringDirectory(context: BenchContext): string | undefined {
  let directory: string | undefined;
  try {
    directory = mkdtempSync(join(MEMORY_DIRECTORY, "alphapulse-rings-"));
    SharedMemory.create("trial", "spsc", { capacityBytes: CAPACITY_BYTES, directory }).close();
    return directory;
  } catch (error) {
    if (directory !== undefined) rmSync(directory, { recursive: true, force: true });
    context.note(`alphapulse between processes was skipped: ${error instanceof Error ? error.message : error}`);
    return undefined;
  }
}
