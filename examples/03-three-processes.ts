// Shows: a relay, a collector and a strategy, each a process of its own, over a Unix socket.
// This file only starts them, one after the other; each of the three is a program that also runs by itself.
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const directory = mkdtempSync(join(tmpdir(), "alphapulse-"));
const address = `unix://${join(directory, "market.sock")}`;
const children: ChildProcess[] = [];

/** Starts a program, prints its lines with its name, and resolves at its first line: then it is ready. */
async function start(name: string): Promise<{ ended: Promise<void>; stop(): void }> {
  const file = fileURLToPath(new URL(`./03-three-processes/${name}.js`, import.meta.url));
  const child = spawn(process.execPath, [file, address], { stdio: ["ignore", "pipe", "inherit"] });
  children.push(child);
  const ended = new Promise<void>((resolve, reject) => {
    child.on("exit", (code, signal) => {
      if (code === 0) resolve();
      else reject(new Error(`${name} ended with ${signal ?? `exit code ${code}`}`));
    });
  });
  const lines = createInterface({ input: child.stdout });
  lines.on("line", (line) => console.log(`${name.padEnd(9)} | ${line}`));
  await Promise.race([new Promise((resolve) => lines.once("line", resolve)), ended]);
  return { ended, stop: () => void child.kill("SIGTERM") };
}

try {
  const relay = await start("relay");
  const strategy = await start("strategy");
  const collector = await start("collector");
  await Promise.all([strategy.ended, collector.ended]);
  relay.stop();
  await relay.ended;
} finally {
  for (const child of children) child.kill(); // only those still there, after a failure
  rmSync(directory, { recursive: true, force: true });
}
