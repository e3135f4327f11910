/**
 * Runs every numbered example (build/examples/NN-name.js) with no arguments, one after the other. An example fails
 * when it exits with another code than 0 or does not end within the time-out. Needs dist/ and build/examples/.
 */
import { spawn } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const FOLDER = fileURLToPath(new URL("../build/examples/", import.meta.url));
const TIMEOUT_MS = 60_000;
const TAIL_LINES = 25;

const examples = existsSync(FOLDER) ? readdirSync(FOLDER).filter((file) => /^\d\d-.+\.js$/.test(file)) : [];
if (examples.length === 0) {
  process.stderr.write("examples: none are built; run npm run build:examples\n");
  process.exit(1);
}
const failed = [];
for (const example of examples.sort()) {
  const started = performance.now();
  const { why, output } = await run(join(FOLDER, example));
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  process.stdout.write(`${why === undefined ? "ok  " : "FAIL"} ${seconds.padStart(5)} s  ${example}\n`);
  if (why === undefined) continue;
  failed.push(example);
  process.stdout.write(`     ${why}\n${output.trimEnd().split("\n").slice(-TAIL_LINES).join("\n")}\n`);
}
process.stdout.write(`examples: ${examples.length - failed.length} passed, ${failed.length} failed\n`);
if (failed.length > 0) process.exitCode = 1;

/** Resolves when the program and its output have ended. `why` says what went wrong, if anything did. */
function run(file) {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [file], { stdio: ["ignore", "pipe", "pipe"], detached: true });
    let output = "";
    let timedOut = false;
    child.stdout.on("data", (chunk) => (output += chunk));
    child.stderr.on("data", (chunk) => (output += chunk));
    const timer = setTimeout(() => {
      timedOut = true;
      try {
        process.kill(-child.pid, "SIGKILL"); // its own group: with the processes that it started
      } catch (error) {
        if (error.code !== "ESRCH") throw error; // it has just ended by itself
      }
    }, TIMEOUT_MS);
    child.on("close", (code, signal) => {
      clearTimeout(timer);
      const why = timedOut
        ? `did not end within ${TIMEOUT_MS / 1000} s`
        : code === 0
          ? undefined
          : `exit ${signal ?? code}`;
      resolve({ why, output });
    });
  });
}
