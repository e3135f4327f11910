import type { RingMemory } from "../../../src/rings.js";
import { SharedMemory } from "../../../src/shm.js";
import type { Memory } from "../link.js";

/** Opens a ring's memory in this thread or process. */
export function openMemory(memory: Memory, kind: "spsc" | "broadcast"): SharedArrayBuffer | RingMemory {
  if (memory instanceof SharedArrayBuffer) return memory;
  return SharedMemory.open(memory.name, kind, { directory: memory.directory });
}
