import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { compare, median, type Subject } from "alphapulse/bench";
import type { BenchContext } from "../harness.js";
import { buildTrade, peekTrade, readTrade } from "./our-trade.js";

/** What bench/limit/codec.c prints. */
interface Limit {
  readonly buildNs: number;
  readonly parseNs: number;
  readonly peekNs: number;
}

const ROUNDS = { full: 9, quick: 1 };

const COMPARED: readonly (readonly [name: string, subject: Subject, limit: keyof Limit])[] = [
  ["build a Trade with checksum (74 B)", buildTrade, "buildNs"],
  ["parse a Trade with verification (74 B)", readTrade, "parseNs"],
  ["peek at a header", peekTrade, "peekNs"],
];

/** Ours beside what a C compiler makes of the same work, in turns: a process of C, then a round of ours. */
export async function compareWithLimit(context: BenchContext): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "alphapulse-limit-"));
  try {
    const program = compile(context, folder);
    const mode = context.quick ? "quick" : "full";
    const ours = COMPARED.map((): number[] => []);
    const limits = COMPARED.map((): number[] => []);
    for (let round = 0; round < ROUNDS[mode]; round++) {
      const limit = program === undefined ? undefined : runLimit(program);
      for (const [i, [name, subject, key]] of COMPARED.entries()) {
        if (limit !== undefined) limits[i]!.push(limit[key]);
        const warmupMs = round === 0 && !context.quick ? 200 : 10;
        const options = { rounds: 1, roundMs: context.quick ? 10 : 150, warmupMs, latency: false, print: () => {} };
        const { measurements } = await compare(name, { ours: subject }, { ...options, allocation: false });
        ours[i]!.push(measurements[0]!.ns);
      }
    }
    for (const [i, [name]] of COMPARED.entries()) {
      context.report({ name, subject: "alphapulse: flyweight", value: median(ours[i]!), unit: "ns", better: "lower" });
      if (program === undefined) continue;
      context.report({ name, subject: "the C limit", value: median(limits[i]!), unit: "ns", better: "lower" });
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** The compiled program, or undefined (and a note) where that cannot be. */
function compile(context: BenchContext, folder: string): string | undefined {
  const program = join(folder, "codec");
  const source = join(context.root, "bench/limit/codec.c");
  try {
    execFileSync("cc", ["-O3", "-march=native", source, "-o", program], { stdio: "pipe" });
    return program;
  } catch (error) {
    const [said] = String((error as { stderr?: unknown }).stderr || (error as Error).message).split("\n");
    context.note(`the C limit was skipped: ${said}`);
    return undefined;
  }
}

function runLimit(program: string): Limit {
  return JSON.parse(execFileSync(program, { encoding: "utf8" })) as Limit;
}
