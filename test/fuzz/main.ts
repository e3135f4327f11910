// `npm run fuzz -- [--seconds N | forever] [--seed S]`: mutates messages and feeds them to all that reads bytes. See test/README.md.
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { fuzz } from "./session.js";

const SECONDS_DEFAULT = 30;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seconds: { type: "string" },
    seed: { type: "string", default: String(Math.floor(Math.random() * 2 ** 32)) },
    finds: { type: "string", default: "test/fuzz/finds" },
  },
});
const isForever = positionals.includes("forever");
const seconds = isForever ? Number.POSITIVE_INFINITY : Number(values.seconds ?? SECONDS_DEFAULT);
if (!(seconds > 0) || positionals.some((word) => word !== "forever")) {
  process.stderr.write("npm run fuzz -- [--seconds N | forever] [--seed S] [--finds FOLDER]\n");
  process.exit(2);
}

const golden: { hex: string }[] = JSON.parse(readFileSync("test/vectors/valid.json", "utf8"));
const { seed, finds } = values;
const start = performance.now();
const elapsed = () => (performance.now() - start) / 1_000;
let isStopped = false;
process.once("SIGINT", () => {
  isStopped = true;
});

const session = fuzz({
  seed,
  golden: golden.map(({ hex }) => Uint8Array.from(Buffer.from(hex, "hex"))),
  goesOn: () => !isStopped && elapsed() < seconds,
  onFind(bytes, fault) {
    const hex = Buffer.from(bytes).toString("hex");
    const file = join(finds, `${createHash("sha256").update(bytes).digest("hex").slice(0, 12)}.hex`);
    mkdirSync(finds, { recursive: true });
    writeFileSync(file, `# ${fault.name}: ${fault.message.split("\n")[0]}\n${hex}\n`);
    process.stderr.write(`fuzz: ${file}: ${fault.stack ?? fault.message}\n`);
  },
});

const counts = [...session.outcomes].sort(([a], [b]) => a.localeCompare(b)).map(([what, count]) => `${what} ${count}`);
const grown = session.heapGrowthBytes;
const heap = grown === undefined ? "heap not measured" : `heap ${(grown / 1e6).toFixed(1)} MB larger`;
process.stdout.write(
  `fuzz: seed ${seed}, ${session.inputs} inputs in ${elapsed().toFixed(1)} s, ${session.finds} finds, ${heap}; ${counts.join(", ")}\n`,
);
if (session.finds > 0) process.exitCode = 1;
