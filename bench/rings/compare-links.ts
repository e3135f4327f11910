import { median } from "alphapulse/bench";
import type { BenchContext } from "../harness.js";
import { compileLimit } from "../links/compile.js";
import { clockNs, type Latency, PERCENTILES } from "../links/measured.js";
import type { Placement } from "../links/placed-end.js";
import { measureInTurns, settle } from "../links/turns.js";
import { limitSubjects, SLEEPING_LIMIT, SPINNING_LIMIT } from "./limit.js";
import type { Subject } from "./subject.js";
import { linkSubjects, SLEEPING } from "./subjects.js";
import type { Surroundings } from "./surroundings.js";

const BATCH = 16;
/** How long one measurement takes, about, and how many of each there are. */
const FULL = { rounds: 11, throughputMs: 100, latencyMs: 100, warmUpMs: 300 };
const QUICK = { rounds: 1, throughputMs: 15, latencyMs: 15, warmUpMs: 30 };
const COUNT_MIN = 64;
const COUNT_MAX = 4_000_000;
/** More say nothing more. */
const LATENCIES_MAX = 200_000;

/** All figures of one subject, one a round. */
interface Figures {
  readonly single: number[];
  readonly batched: number[];
  readonly latencies: Latency[];
}

type Counts = Readonly<Record<"single" | "batched" | "latency", number>>;

/** Every way from one thread or process to another, in turns. */
export async function compareLinks(context: BenchContext, surroundings: Surroundings): Promise<void> {
  const { rounds, ...times } = context.quick ? QUICK : FULL;
  const { placement, folder } = surroundings;
  const program = compileLimit(context, "ring", folder);
  context.note(
    `between ${placement}: half of the ${clockNs().toFixed(0)} ns that reading the clock takes is in each latency`,
  );
  const limits = program === undefined ? [] : limitSubjects(program, placement);
  const subjects = [...(await linkSubjects(context, surroundings)), ...limits];
  const counts = new Map<Subject, Counts>();
  const figures = new Map(subjects.map((one): [Subject, Figures] => [one, { single: [], batched: [], latencies: [] }]));
  const measured = await measureInTurns(context, subjects, {
    rounds,
    warmUp: async (subject) => void counts.set(subject, await warmUp(subject, times)),
    measures: MEASURES.map((measure) => (subject) => measure(subject, counts.get(subject)!, figures.get(subject)!)),
  });
  report(context, placement, new Map(measured.map((subject) => [subject.name, figures.get(subject)!])));
}

/** Finds how many messages fill the time. */
async function warmUp(subject: Subject, times: Omit<typeof FULL, "rounds">): Promise<Counts> {
  const { throughputMs, latencyMs, warmUpMs } = times;
  const fill = async (run: (count: number) => Promise<number>, ms: number, countMax: number): Promise<number> => {
    const count = await settle(run, { ms, warmUpMs, countMin: COUNT_MIN, countMax });
    return Math.ceil(count / BATCH) * BATCH;
  };
  return {
    single: await fill((count) => subject.throughput(count, 1), throughputMs, COUNT_MAX),
    batched: await fill((count) => subject.throughput(count, BATCH), throughputMs, COUNT_MAX),
    latency: await fill(async (count) => 2 * (await subject.latency(count)).p50, latencyMs, LATENCIES_MAX),
  };
}

/** What a round consists of. */
const MEASURES: readonly ((subject: Subject, counts: Counts, figures: Figures) => Promise<void>)[] = [
  async (subject, { single }, figures) => void figures.single.push(await subject.throughput(single, 1)),
  async (subject, { batched }, figures) => void figures.batched.push(await subject.throughput(batched, BATCH)),
  async (subject, { latency }, figures) => void figures.latencies.push(await subject.latency(latency)),
];

function report(context: BenchContext, placement: Placement, figures: ReadonlyMap<string, Figures>): void {
  const between = `between ${placement}`;
  for (const [key, how] of [
    ["single", "one by one"],
    ["batched", `in batches of ${BATCH}`],
  ] as const) {
    const name = `throughput ${between}, ${how}`;
    for (const [subject, of] of figures) {
      context.report({ name, subject, value: 1e3 / median(of[key]), unit: "M messages/s", better: "higher" });
    }
    reportShares(context, name, figures, ({ [key]: ns }) => ns.map((value) => 1 / value), "higher");
  }
  for (const [key, label] of PERCENTILES) {
    const name = `one-way latency ${between}, ${label}`;
    for (const [subject, { latencies }] of figures) {
      const value = median(latencies.map((latency) => latency[key])) / 1e3;
      context.report({ name, subject, value, unit: "us", better: "lower" });
    }
    if (key !== "p50") continue; // what is rare belongs to the machine more than to either program
    reportShares(context, name, figures, ({ latencies }) => latencies.map(({ p50 }) => p50), "lower");
  }
}

/** Ours by the C limit that waits as it does: the median of the rounds' ratios, since the machine changes between rounds. */
function reportShares(
  context: BenchContext,
  name: string,
  figures: ReadonlyMap<string, Figures>,
  valuesOf: (figures: Figures) => number[],
  better: "higher" | "lower",
): void {
  for (const [subject, of] of figures) {
    const limit = figures.get(SLEEPING.includes(subject) ? SLEEPING_LIMIT : SPINNING_LIMIT);
    if (limit === undefined || !subject.startsWith("alphapulse")) continue;
    const floor = valuesOf(limit);
    const value = median(valuesOf(of).map((one, round) => one / floor[round]!));
    context.report({ name: `${name}, by the C limit`, subject, value, unit: "times", better });
  }
}
