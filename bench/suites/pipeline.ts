/**
 * The demo, whole: recorded frames through adapters, relays, strategy, portfolio and paper venue, in the three
 * placements, beside what reading the same frames costs at least; and what importing the library costs.
 */
import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { median } from "alphapulse/bench";
import type { BenchContext } from "../harness.js";

const RECORDINGS = ["spot_btcusdt_20240808.txt.gz", "usdm_btcusdt_20240808.txt.gz"];
/** Market time that is simulated first, unseen: the code is then compiled as in a process that has run for a while. */
const WARM_UP_SECONDS = "600";
const ROUNDS = { full: 7, quick: 1 };
const IMPORTS = { full: 21, quick: 3 };
const WAKE_UPS = { full: 2_000, quick: 100 };
const DEMO_MS_MAX = 120_000;

const SUBJECTS = {
  thread: "alphapulse: one thread",
  worker: "alphapulse: two workers",
  process: "alphapulse: a process per actor",
} as const;
const PERCENTILES = [
  ["p50", "p50"],
  ["p99", "p99"],
  ["p999", "p99.9"],
] as const;

/** What of the demo's summary is used here. */
interface DemoSummary {
  readonly framesPerSecond: number;
  readonly tickToOrderUs: { readonly p50: number; readonly p99: number; readonly p999: number };
  readonly booksClosed: boolean;
}

export async function run(context: BenchContext): Promise<void> {
  const folder = new URL("../shared/data/binance-load/", `file://${context.root}`);
  const files = RECORDINGS.map((name) => fileURLToPath(new URL(name, folder)));
  const areThere = files.every((file) => existsSync(file));
  if (!areThere) context.note("the recordings are not here: the built-in market simulator instead");
  await compareReplays(context, areThere ? files : []);
  comparePaced(context);
  await measureWakeUps(context);
  compareImports(context);
}

/** Replays in each placement and parses the same frames, in turns. */
async function compareReplays(context: BenchContext, files: readonly string[]): Promise<void> {
  const rounds = context.quick ? ROUNDS.quick : ROUNDS.full;
  const frames = files.flatMap(framesOf);
  const parsed: number[] = [];
  const simulated = ["--seconds", context.quick ? "20" : "90"];
  const input = files.length > 0 ? files.flatMap((file) => ["--replay", file]) : simulated;
  const warmUp = ["--warm-up", context.quick ? "10" : WARM_UP_SECONDS];
  const ways: readonly [subject: string, run: () => DemoSummary][] = [
    ["alphapulse: one thread, warm", () => runDemo(context, "thread", [...input, ...warmUp])],
    [SUBJECTS.thread, () => runDemo(context, "thread", input)],
    [SUBJECTS.worker, () => runDemo(context, "worker", input)],
    [SUBJECTS.process, () => runDemo(context, "process", input)],
  ];
  const summaries = new Map<string, DemoSummary[]>(ways.map(([subject]) => [subject, []]));
  for (let round = 0; round < rounds; round++) {
    if (frames.length > 0) parsed.push(parseAll(frames));
    for (const [subject, runOnce] of ways) summaries.get(subject)?.push(runOnce());
  }
  const throughput = "replay through all stages";
  for (const [subject, runs] of summaries) {
    const value = median(runs.map(({ framesPerSecond }) => framesPerSecond));
    context.report({ name: throughput, subject, value, unit: "frames/s", better: "higher" });
    for (const [key, label] of PERCENTILES) {
      const us = median(runs.map(({ tickToOrderUs }) => tickToOrderUs[key]));
      context.report({ name: `tick to order ${label}`, subject, value: us, unit: "us", better: "lower" });
    }
  }
  if (parsed.length > 0) {
    context.report({
      name: throughput,
      subject: "JSON.parse",
      value: median(parsed),
      unit: "frames/s",
      better: "higher",
    });
  }
}

/**
 * The same latencies at a pace that leaves every thread time to sleep: as fast as it can, a replay measures its own
 * queues. Each hop then costs a wake-up, which stands beside it.
 */
function comparePaced(context: BenchContext): void {
  const pace = context.quick ? ["--seconds", "10", "--speed", "10"] : ["--seconds", "40", "--speed", "10"];
  const rounds = context.quick ? 1 : 3;
  for (const placement of ["thread", "worker", "process"] as const) {
    const runs = Array.from({ length: rounds }, () => runDemo(context, placement, pace));
    for (const [key, label] of PERCENTILES) {
      const value = median(runs.map(({ tickToOrderUs }) => tickToOrderUs[key]));
      const name = `tick to order ${label}, paced`;
      context.report({ name, subject: SUBJECTS[placement], value, unit: "us", better: "lower" });
    }
  }
}

function framesOf(file: string): string[] {
  const lines = gunzipSync(readFileSync(file)).toString("utf8").split("\n");
  return lines.filter((line) => line !== "").map((line) => line.slice(line.indexOf(" ") + 1));
}

/** What reading the frames as objects costs, and nothing else: frames a second. */
function parseAll(frames: readonly string[]): number {
  const start = performance.now();
  let objects = 0;
  for (const frame of frames) if (typeof JSON.parse(frame) === "object") objects++;
  return (objects / (performance.now() - start)) * 1_000;
}

function runDemo({ root }: BenchContext, placement: string, input: readonly string[]): DemoSummary {
  const main = join(root, "build/examples/demo/main.js");
  const text = execFileSync(process.execPath, [main, "--json", "--placement", placement, ...input], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
    timeout: DEMO_MS_MAX,
    maxBuffer: 64 << 20,
  });
  const summary = JSON.parse(text) as DemoSummary;
  if (!summary.booksClosed) throw new Error(`the books of placement ${placement} did not close`);
  return summary;
}

/** What waking another process costs on this machine, by Node's own sockets: half a round trip of 72 bytes. */
async function measureWakeUps(context: BenchContext): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "alphapulse-bench-"));
  const path = join(folder, "echo.sock");
  const echo = `process.on("message", () => {}); require("node:net").createServer((s) => s.pipe(s)).listen(${JSON.stringify(path)}, () => process.send("ready")); process.on("disconnect", () => process.exit());`;
  const child = spawn(process.execPath, ["-e", echo], { stdio: ["ignore", "ignore", "inherit", "ipc"] });
  try {
    await new Promise((resolve, reject) => {
      child.once("message", resolve);
      child.once("exit", () => reject(new Error("the echo process ended before it listened")));
    });
    const times = await roundTrips(path, context.quick ? WAKE_UPS.quick : WAKE_UPS.full);
    const value = median(times) / 2;
    context.report({
      name: "wake another process",
      subject: "a Unix socket of node:net",
      value,
      unit: "us",
      better: "lower",
    });
  } finally {
    child.kill();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function roundTrips(path: string, count: number): Promise<number[]> {
  const socket = connect(path);
  const message = Buffer.alloc(72);
  const times: number[] = [];
  await new Promise((resolve) => socket.once("connect", resolve));
  for (let i = 0; i < count; i++) {
    const start = performance.now();
    socket.write(message);
    let got = 0;
    while (got < message.byteLength) {
      got += await new Promise<number>((resolve) => socket.once("data", (chunk: Buffer) => resolve(chunk.byteLength)));
    }
    times.push((performance.now() - start) * 1_000);
  }
  socket.destroy();
  return times;
}

/** The first import of a fresh process, less nothing: Node's own loading of an empty module stands beside it. */
function compareImports(context: BenchContext): void {
  const subjects = { "an empty module": "data:text/javascript,export {}", alphapulse: "alphapulse" };
  const times = new Map<string, number[]>(Object.keys(subjects).map((name) => [name, []]));
  for (let round = 0; round < (context.quick ? IMPORTS.quick : IMPORTS.full); round++) {
    for (const [name, specifier] of Object.entries(subjects)) {
      const code = `const start = performance.now(); await import("${specifier}"); console.log(performance.now() - start);`;
      const args = ["--input-type=module", "--eval", code];
      times.get(name)?.push(Number(execFileSync(process.execPath, args, { cwd: context.root, encoding: "utf8" })));
    }
  }
  for (const [subject, values] of times) {
    context.report({ name: "first import", subject, value: median(values), unit: "ms", better: "lower" });
  }
  const rows = JSON.parse(
    execFileSync(process.execPath, [join(context.root, "scripts/size.mjs"), "--json"], { encoding: "utf8" }),
  ) as { readonly subpath: string; readonly bytes: number }[];
  const root = rows.find(({ subpath }) => subpath === "alphapulse");
  if (root !== undefined) {
    const value = root.bytes / 1_000;
    context.report({ name: "root import, minified", subject: "alphapulse", value, unit: "kB", better: "lower" });
  }
}
