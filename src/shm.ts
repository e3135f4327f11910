/**
 * Rings between processes, and placement of threads on cores, on Linux: by the addon `alphapulse-native-shm`, an optional
 * peer that is loaded when it is first needed. Without it everything here answers with the error `NATIVE_MISSING`.
 *
 * @packageDocumentation
 */
export { affinity, type NumaNode, numaTopology, pinThread, yieldCore } from "./shm/placement.js";
export type { StalePolicy } from "./shm/ring-file.js";
export { type CreateOptions, SharedMemory, type SharedMemoryOptions } from "./shm/shared-memory.js";
