import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { AlphaPulseError, type LogLine, Pipeline, RelayDomain, Source } from "alphapulse";
import feed from "./feed.js";
import { monotonicNs } from "./ingress.js";
import monitor from "./monitor.js";
import { type DemoOptions, HELP, readOptions, UsageError } from "./options.js";
import paperVenue from "./paper-venue.js";
import portfolio from "./portfolio.js";
import recorder from "./recorder.js";
import strategy from "./strategy.js";
import { formatSummary, type Snapshots, type Summary, summarise } from "./summary.js";

// Venue feeds -> adapters -> market -> strategy -> signals -> portfolio and risk -> execution -> paper venue -> fills
// back to portfolio and strategy. At the end an audit of its own recomputes the books from the raw messages.

const AUDIT = fileURLToPath(new URL("../books-of-account.mjs", import.meta.url));

/** Someone pressed Ctrl-C. */
class Interrupted extends Error {}
/** The exit code that shells know for it. */
const INTERRUPTED_CODE = 130;

/** The pipeline: the same actors in every placement. Who stands earlier gets each message earlier. */
function pipelineOf(options: DemoOptions, record: string) {
  const aside = options.placement === "worker" ? ({ placement: "worker" } as const) : {};
  return new Pipeline()
    .relay("market", { domain: RelayDomain.MarketData, slowSubscribers: "block" })
    .relay("signals", { domain: RelayDomain.Signal, slowSubscribers: "block" })
    .relay("execution", { domain: RelayDomain.Execution, slowSubscribers: "block" })
    .actor("feed", feed, {
      source: Source.BinanceCollector,
      outputs: { market: "market" },
      config: { replay: options.replay.map((file) => resolve(file)), simulatedSeconds: options.seconds },
    })
    .actor("venue", paperVenue, {
      source: Source.ExecutionEngine,
      inputs: { market: "market", orders: "execution" },
      outputs: { fills: "execution" },
    })
    .actor("strategy", strategy, {
      source: Source.ArbitrageStrategy,
      inputs: { market: "market", fills: "execution" },
      outputs: { signals: "signals" },
      ...aside,
    })
    .actor("portfolio", portfolio, {
      source: Source.PortfolioManager,
      inputs: { signals: "signals", fills: "execution" },
      outputs: { orders: "execution" },
      ...aside,
    })
    .actor("recorder", recorder, { inputs: { execution: "execution" }, config: { file: record } })
    .actor("monitor", monitor, {
      inputs: { market: "market", signals: "signals", execution: "execution" },
      placement: "thread",
    });
}

/** Runs the pipeline to the end of its input and says how it went. */
async function run(options: DemoOptions, record: string, say: (line: string) => void): Promise<Summary> {
  const running = await pipelineOf(options, record).start({
    placement: options.placement === "process" ? "process" : "thread",
    clock: "replay",
    speed: options.speed,
    seed: options.seed,
    onLog: (line) => {
      if (line.actor !== "pipeline") say(formatLine(line)); // what ends it is said at the end
    },
  });
  let interrupt = (): void => {};
  const interrupted = new Promise<never>((_, reject) => {
    interrupt = () => reject(new Interrupted("interrupted"));
  });
  process.once("SIGINT", interrupt);
  try {
    await Promise.race([running.finished, interrupted]);
    const drainedNs = monotonicNs();
    const names = ["feed", "strategy", "portfolio", "venue", "recorder"] as const;
    const states = await Promise.all(names.map(async (name) => [name, await running.snapshot(name)] as const));
    const snapshots = Object.fromEntries(states) as unknown as Snapshots;
    const { relays } = running.stats();
    const facts = {
      placement: options.placement,
      input: options.replay.length > 0 ? options.replay : [`simulator, ${options.seconds} s`],
      seed: options.seed,
      messages: Object.fromEntries(Object.entries(relays).map(([name, { received }]) => [name, received])),
      wallSeconds: (drainedNs - snapshots.feed.firstNs) / 1e9,
    };
    return summarise(facts, snapshots);
  } finally {
    process.removeListener("SIGINT", interrupt);
    await running.stop();
  }
}

/** Has the audit recompute the books from the messages and compare. Resolves to what it has to say, if anything. */
function audit(record: string, summaryFile: string): Promise<string | undefined> {
  return new Promise((done, failed) => {
    const child = spawn(process.execPath, [AUDIT, record, "--against", summaryFile], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    let said = "";
    child.stderr.on("data", (chunk) => {
      said += chunk;
    });
    child.on("error", failed);
    child.on("close", (code) => done(code === 0 ? undefined : said.trimEnd() || `exit code ${code}`));
  });
}

async function main(args: readonly string[]): Promise<number> {
  const options = readOptions(args);
  if (options.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const say = (line: string): void => {
    (options.json ? process.stderr : process.stdout).write(`${line}\n`);
  };
  const folder = mkdtempSync(join(tmpdir(), "alphapulse-demo-"));
  try {
    const record = options.record === undefined ? join(folder, "execution.bin") : resolve(options.record);
    if (options.warmUp > 0) {
      const unseen = { ...options, replay: [], seconds: options.warmUp, speed: "max" } as const;
      await run(unseen, join(folder, "warm-up.bin"), () => {});
    }
    const summary = await run(options, record, say);
    const summaryFile = join(folder, "summary.json");
    writeFileSync(summaryFile, JSON.stringify(summary));
    const difference = await audit(record, summaryFile);
    summary.booksClosed = difference === undefined;
    process.stdout.write(options.json ? `${JSON.stringify(summary)}\n` : `\n${formatSummary(summary)}`);
    if (difference !== undefined) process.stderr.write(`${difference}\n`);
    return difference === undefined ? 0 : 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function formatLine({ level, actor, message, fields }: LogLine): string {
  const text = Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => ` ${name}=${value}`)
    .join("");
  const head = actor === "monitor" ? "" : `${level === "info" ? "" : `${level} `}${actor}: `;
  return `${head}${message}${text}`;
}

// Whoever reads the output has had enough, as in `… | head`.
process.stdout.on("error", () => process.exit(0));
try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  const isUsage = error instanceof UsageError;
  // What users can mend needs no stack trace; what they can't is a fault of ours and shows where it is.
  const isInterrupted = error instanceof Interrupted;
  const isKnown =
    isUsage ||
    isInterrupted ||
    error instanceof AlphaPulseError ||
    typeof (error as { code?: unknown }).code === "string";
  const text = isKnown ? `demo: ${(error as Error).message}` : `demo: ${(error as Error).stack}`;
  process.stderr.write(`${text}${isUsage ? " (see --help)" : ""}\n`);
  process.exitCode = isUsage ? 2 : isInterrupted ? INTERRUPTED_CODE : 1;
}
