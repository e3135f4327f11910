/**
 * `npm run bench -- SUITE [SUITE ...] [--json FILE] [--quick]`: runs suites of bench/suites/ ("all" for every one) and
 * prints a table. FILE gets an array of {suite, name, subject, value, unit, better} and nothing else.
 */
import { readdirSync } from "node:fs";
import { parseArgs } from "node:util";
import { type BenchRow, consumed, machine, writeRows } from "alphapulse/bench";
import { columns, formatFigure } from "../src/bench/table.js";
import { type BenchContext, createContext } from "./harness.js";

const SUITES_URL = new URL("./suites/", import.meta.url);
const suites = readdirSync(SUITES_URL)
  .filter((file) => file.endsWith(".js"))
  .map((file) => file.slice(0, -".js".length))
  .sort();

interface Options {
  readonly names: readonly string[];
  readonly json: string | undefined;
  readonly quick: boolean;
}

function readOptions(): Options {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { json: { type: "string" }, quick: { type: "boolean", default: false } },
  });
  const usage = `npm run bench -- SUITE [--json FILE] [--quick], where SUITE is ${[...suites, "all"].join(", ")}`;
  if (positionals.length === 0) throw new Error(`which suite? ${usage}`);
  const names = positionals.flatMap((name) => (name === "all" ? suites : [name]));
  for (const name of names) if (!suites.includes(name)) throw new Error(`there is no suite "${name}": ${usage}`);
  if (values.json !== undefined) writeRows(values.json, []); // a path that cannot be written is said now
  return { names, json: values.json, quick: values.quick };
}

async function runSuite(suite: string, quick: boolean): Promise<BenchRow[]> {
  const rows: BenchRow[] = [];
  console.log(`\n${suite}${quick ? " (quick: the figures mean little)" : ""}`);
  const { context, done } = createContext(
    quick,
    ({ name, subject, value, unit, better }) => rows.push({ suite, name, subject, value, unit, better }),
    (line) => console.log(`  note: ${line}`),
  );
  const module: { run(context: BenchContext): Promise<void> } = await import(`${new URL(`${suite}.js`, SUITES_URL)}`);
  await module.run(context);
  await done();
  if (rows.length === 0) throw new Error(`suite ${suite} reported nothing`);
  printTable(rows);
  return rows;
}

function printTable(rows: readonly BenchRow[]): void {
  const cells = rows.map((row) => [
    row.name,
    row.subject,
    formatFigure(row.value),
    row.unit,
    ratioToBestOther(row, rows),
  ]);
  const head = ["what", "subject", "median", "unit", "to the best other"];
  for (const line of columns([head, ...cells], (column) => column === 2)) console.log(`  ${line}`);
}

/** "0.50x of P": this row's value is half of that of P, the best other subject of the same name and unit. */
function ratioToBestOther(row: BenchRow, rows: readonly BenchRow[]): string {
  const others = rows.filter((r) => r !== row && r.name === row.name && r.unit === row.unit && !sameProduct(r, row));
  const sign = row.better === "lower" ? 1 : -1;
  const [best] = others.toSorted((a, b) => sign * (a.value - b.value));
  return best === undefined || best.value === 0 ? "" : `${(row.value / best.value).toFixed(2)}x of ${best.subject}`;
}

/** Ways of doing a thing with one product ("alphapulse: a", "alphapulse: b") are not each other's peers. */
function sameProduct(a: BenchRow, b: BenchRow): boolean {
  return a.subject.split(":", 1)[0] === "alphapulse" && b.subject.split(":", 1)[0] === "alphapulse";
}

let options: Options;
try {
  options = readOptions();
} catch (error) {
  console.error(`bench: ${(error instanceof Error ? error.message : String(error)).split("\n", 1)[0]}`);
  process.exit(2);
}
console.log(machine());
const rows: BenchRow[] = [];
for (const name of options.names) rows.push(...(await runSuite(name, options.quick)));
if (options.json !== undefined) writeRows(options.json, rows);
console.log(`\n(consumed: ${consumed() % 97})`);
