import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface, type Interface } from "node:readline";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import { afterEach, beforeEach } from "vitest";
import { native } from "../../src/shm/native.js";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** Whether the native addon is there: without it the tests that need it are skipped. */
export const hasNative = ((): boolean => {
  try {
    native();
    return true;
  } catch {
    return false;
  }
})();

const cleanups: (() => unknown)[] = [];

/** A directory in memory for each test of a file; gone after it, as are its processes and workers. */
export function useDirectory(): () => string {
  let directory = "";
  beforeEach(() => {
    directory = mkdtempSync(join(hasNative ? "/dev/shm" : tmpdir(), "alphapulse-test-"));
    cleanups.push(() => rmSync(directory, { recursive: true, force: true }));
  });
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  });
  return () => directory;
}

/** A process that runs a program in a module of its own and is spoken to by lines. */
export class Child {
  readonly process: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly #reader: Interface;

  /** @param code has `SharedMemory` and `directory` at hand, `say(text)` prints a line, `await heard()` is the next line */
  constructor(directory: string, code: string, args: readonly string[] = []) {
    const program = `
      import { createInterface } from "node:readline";
      import { affinity, pinThread, SharedMemory } from "alphapulse/shm";
      const directory = ${JSON.stringify(directory)};
      const say = (text) => process.stdout.write(text + "\\n");
      const input = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
      const heard = async () => (await input.next()).value;
      ${code}`;
    this.process = spawn(process.execPath, [...args, "--input-type=module", "--eval", program], {
      cwd: ROOT,
      stdio: ["pipe", "pipe", "inherit"],
    });
    this.#reader = createInterface({ input: this.process.stdout as NodeJS.ReadableStream });
    this.#lines = this.#reader[Symbol.asyncIterator]();
    cleanups.push(() => this.kill());
  }

  /** Its next line; undefined once it has ended. */
  async says(): Promise<string | undefined> {
    return (await this.#lines.next()).value;
  }

  tell(text: string): void {
    this.process.stdin?.write(`${text}\n`);
  }

  /** Resolves to its exit code, or the signal that ended it. */
  async ended(): Promise<number | string | null> {
    const { process: child } = this;
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
    return child.exitCode ?? child.signalCode;
  }

  async kill(): Promise<void> {
    this.process.kill("SIGKILL");
    await this.ended();
  }
}

/** A worker thread that runs a program; `SharedMemory`, `directory` and `parentPort` are at hand. */
export function startWorker(directory: string, code: string): Worker {
  const module = new URL("../../dist/shm.js", import.meta.url).href;
  const program = `
    const { parentPort } = require("node:worker_threads");
    import(${JSON.stringify(module)}).then(async ({ affinity, pinThread, SharedMemory }) => {
      const directory = ${JSON.stringify(directory)};
      ${code}
    });`;
  const worker = new Worker(program, { eval: true });
  cleanups.push(() => worker.terminate());
  return worker;
}

/** The next message of a worker. */
export async function messageFrom(worker: Worker): Promise<unknown> {
  return (await once(worker, "message"))[0];
}

/** The code of the error that something throws. */
export function codeOf(work: () => unknown): unknown {
  try {
    work();
  } catch (error) {
    return (error as { readonly code?: unknown }).code;
  }
  return undefined;
}
