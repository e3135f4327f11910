import { readdirSync } from "node:fs";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** What a process holds. */
export interface Resources {
  /** Open files and sockets; -1 where the system does not tell. */
  readonly files: number;
  /** Sockets and listeners that keep its event loop alive. */
  readonly sockets: number;
  /** Timers that do. */
  readonly timers: number;
  /** Bytes of live objects and of buffers outside of the heap, after everything dead was collected. */
  readonly memoryBytes: number;
}

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

/** What this process holds now. Takes some milliseconds. */
export function resources(): Resources {
  const active = process.getActiveResourcesInfo();
  const sockets = active.filter((kind) => /Pipe|TCP|UDP/.test(kind)).length;
  const timers = active.filter((kind) => kind === "Timeout").length;
  for (let time = 0; time < 3; time++) collect();
  const { heapUsed, external } = process.memoryUsage();
  return { files: openFiles(), sockets, timers, memoryBytes: heapUsed + external };
}

function openFiles(): number {
  try {
    return readdirSync("/proc/self/fd").length;
  } catch {
    return -1;
  }
}
