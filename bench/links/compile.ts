import { execFile, execFileSync } from "node:child_process";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import type { BenchContext } from "../harness.js";

const RUN_MS_MAX = 60_000;

/** A program of bench/limit/, compiled into this folder; undefined (and a note) where that cannot be. */
export function compileLimit(context: BenchContext, name: "ring" | "socket", folder: string): string | undefined {
  const program = join(folder, name);
  const source = join(context.root, `bench/limit/${name}.c`);
  try {
    execFileSync("cc", ["-O3", "-march=native", "-pthread", source, "-o", program], { stdio: "pipe" });
    return program;
  } catch (error) {
    rmSync(program, { force: true });
    const [said] = String((error as { stderr?: unknown }).stderr || (error as Error).message).split("\n");
    context.note(`the C limit was skipped: ${said}`);
    return undefined;
  }
}

/** Runs such a program. @returns what it printed: one object of JSON */
export async function runLimit<Result>(program: string, args: readonly (string | number)[]): Promise<Result> {
  const { stdout } = await promisify(execFile)(program, args.map(String), { timeout: RUN_MS_MAX });
  return JSON.parse(stdout) as Result;
}
