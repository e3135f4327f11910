/**
 * Messages of 72 bytes from one thread or process to another: how many, and how fast one of them, by each wait strategy,
 * beside the peers and beside a ring in C. Only two threads are busy at any time; the others sleep.
 */
import type { BenchContext } from "../harness.js";
import { compareAllocation } from "../rings/allocation.js";
import { compareBroadcast } from "../rings/broadcast.js";
import { compareLinks } from "../rings/compare-links.js";
import { compareIntoLoop } from "../rings/into-loop.js";
import { Surroundings } from "../rings/surroundings.js";

export async function run(context: BenchContext): Promise<void> {
  for (const placement of ["threads", "processes"] as const) {
    using surroundings = new Surroundings(context, placement);
    await compareLinks(context, surroundings);
    await compareIntoLoop(context, surroundings);
    await compareBroadcast(context, surroundings);
  }
  await compareAllocation(context);
}
