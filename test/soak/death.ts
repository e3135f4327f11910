// `npm run soak -- death [--kills N] [--seed S]`: real processes, killed at random moments. See test/README.md.
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { runLinks } from "../rings/death/link-world.js";
import { World } from "../rings/death/world.js";
import { bundled } from "../support/bundle.js";

const KILLS_DEFAULT = 3_000;
/** Each world has its own capacity and positions. */
const KILLS_PER_WORLD = 50;
const KINDS = ["spsc", "mpsc", "broadcast", "shm"] as const;

/** What is shown of a kind: sums, and the largest of what ends with `Max`. */
type Totals = Record<string, number>;

/** Kills so many processes, in turn at rings of each kind and at links; true where nothing went wrong. */
export async function deathSoak(args: string[]): Promise<boolean> {
  const { values } = parseArgs({ args, options: { kills: { type: "string" }, seed: { type: "string" } } });
  const kills = Number(values.kills ?? KILLS_DEFAULT);
  const seed = values.seed ?? String(Math.floor(Math.random() * 2 ** 32));
  const child = await bundled(pathToFileURL(resolve("test/rings/death/child.ts")));
  const linkChild = await bundled(pathToFileURL(resolve("test/rings/death/link-child.ts")));
  const modules = resolve("node_modules");
  const totals = new Map<string, Totals>();
  const killed = (): number => [...totals.values()].reduce((sum, { kills = 0 }) => sum + kills, 0);
  let isStopped = false;
  process.once("SIGINT", () => {
    isStopped = true;
  });
  const goesOn = (): boolean => !isStopped;
  const start = performance.now();
  try {
    for (let round = 0; killed() < kills && goesOn(); round++) {
      const kind = KINDS[round % KINDS.length] as (typeof KINDS)[number];
      const options = { seed: `${seed}:${round}`, kills: Math.min(KILLS_PER_WORLD, kills - killed()), modules, goesOn };
      const figures =
        kind === "shm"
          ? await runLinks({ ...options, program: linkChild.file })
          : await new World({ ...options, kind, program: child.file }).run();
      totals.set(kind, added(totals.get(kind) ?? {}, { ...figures }));
      say(`${killed()} kills in ${((performance.now() - start) / 1_000).toFixed(0)} s, the last at ${kind}`);
    }
  } catch (error) {
    say(`seed ${seed}: ${error instanceof Error ? error.message : error}`);
    return false;
  } finally {
    child.remove();
    linkChild.remove();
    for (const [kind, figures] of totals) say(`${kind}: ${shown(figures)}`);
  }
  say(`seed ${seed}, ${killed()} kills, no fault`);
  return true;
}

function added(totals: Totals, figures: Totals): Totals {
  const sums = { ...totals };
  for (const [name, figure] of Object.entries(figures)) {
    const before = sums[name] ?? 0;
    sums[name] = name.endsWith("Max") ? Math.max(before, figure) : before + figure;
  }
  return sums;
}

function shown(figures: Totals): string {
  return Object.entries(figures)
    .map(([name, figure]) => `${name} ${Math.round(figure)}`)
    .join(", ");
}

function say(line: string): void {
  process.stdout.write(`death: ${line}\n`);
}
