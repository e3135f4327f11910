/**
 * Trades of 74 bytes from one process to another: how many, and how fast one of them, over each transport, with event
 * loops that are idle and that are hot, beside Node's own sockets, zeromq and the same in C.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { BenchContext } from "../harness.js";
import { compileLimit } from "../links/compile.js";
import { canPin } from "../links/cores.js";
import { clockNs } from "../links/measured.js";
import { compareTransport } from "../transports/compare.js";
import { TRANSPORTS } from "../transports/link.js";
import { comparePaced } from "../transports/paced.js";

export async function run(context: BenchContext): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "alphapulse-transports-"));
  try {
    context.note(`half of the ${clockNs().toFixed(0)} ns that reading the clock takes is in each latency`);
    const surroundings = { folder, program: compileLimit(context, "socket", folder), canPin: canPin(context) };
    for (const transport of TRANSPORTS) await compareTransport(context, transport, surroundings);
    await comparePaced(context, surroundings);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
