import { execFileSync } from "node:child_process";
import type { BenchContext } from "../harness.js";

/** The cores of the two ends: side 0 has the first. */
export const CORES = [0, 1] as const;

/** A command that runs another one on a core alone. */
export function onCore(core: number): readonly [command: string, ...args: string[]] {
  return ["taskset", "-c", String(core)];
}

/** Whether {@link onCore} works here for both; a note where it does not. */
export function canPin(context: BenchContext): boolean {
  try {
    for (const [command, ...args] of CORES.map(onCore)) execFileSync(command, [...args, "true"], { stdio: "pipe" });
    return true;
  } catch (error) {
    const [said] = (error instanceof Error ? error.message : String(error)).split("\n");
    context.note(`processes cannot be kept on a core each, so latencies vary with where they run: ${said}`);
    return false;
  }
}
