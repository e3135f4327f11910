import { median } from "alphapulse/bench";
import type { BenchContext } from "../harness.js";
import { type Latency, PERCENTILES } from "../links/measured.js";
import { measureInTurns, settle } from "../links/turns.js";
import { LOOPS, type Loops, type TransportName } from "./link.js";
import type { Subject } from "./subject.js";
import { OURS, RIVALS, transportSubjects } from "./subjects.js";
import type { Surroundings } from "./surroundings.js";

/** How long one measurement takes, about, and how many of each there are. */
const FULL = { rounds: 11, throughputMs: 150, latencyMs: 200, warmUpMs: 300 };
const QUICK = { rounds: 1, throughputMs: 15, latencyMs: 15, warmUpMs: 20 };
const COUNT_MIN = 64;
const COUNT_MAX = 4_000_000;
/** More say nothing more. */
const LATENCIES_MAX = 200_000;

/** All figures of one subject, one a round. */
interface Figures {
  /** In ns a message that came. */
  readonly throughput: number[];
  readonly idle: Latency[];
  readonly hot: Latency[];
  sent: number;
  lost: number;
}

type Counts = Readonly<Record<"throughput" | Loops, number>>;
type FiguresByName = ReadonlyMap<string, Figures>;

/** Every way from one process to another by one transport, in turns. */
export async function compareTransport(
  context: BenchContext,
  transport: TransportName,
  surroundings: Surroundings,
): Promise<void> {
  const { rounds, ...times } = context.quick ? QUICK : FULL;
  const subjects = await transportSubjects(context, transport, surroundings);
  const counts = new Map<Subject, Counts>();
  const figures = new Map(subjects.map((subject): [Subject, Figures] => [subject, noFigures()]));
  const measured = await measureInTurns(context, subjects, {
    rounds,
    warmUp: async (subject) => void counts.set(subject, await warmUp(subject, times)),
    measures: MEASURES.map((measure) => (subject) => measure(subject, counts.get(subject)!, figures.get(subject)!)),
  });
  const byName = new Map(measured.map((subject) => [subject.name, figures.get(subject)!]));
  reportThroughput(context, transport, byName);
  for (const loops of LOOPS) reportLatency(context, transport, loops, byName);
}

function noFigures(): Figures {
  return { throughput: [], idle: [], hot: [], sent: 0, lost: 0 };
}

/** Finds how many messages fill the time. */
async function warmUp(subject: Subject, times: Omit<typeof FULL, "rounds">): Promise<Counts> {
  const { throughputMs, latencyMs, warmUpMs } = times;
  const fill = (run: (count: number) => Promise<number>, ms: number, countMax: number): Promise<number> =>
    settle(run, { ms, warmUpMs, countMin: COUNT_MIN, countMax });
  const trips = async (loops: Loops): Promise<number> => {
    if (!subject.hasLatency) return 0;
    return fill(async (count) => 2 * (await subject.latency(count, loops)).p50, latencyMs, LATENCIES_MAX);
  };
  return {
    throughput: await fill(async (count) => (await subject.throughput(count)).ns, throughputMs, COUNT_MAX),
    idle: await trips("idle"),
    hot: await trips("hot"),
  };
}

/** What a round consists of. */
const MEASURES: readonly ((subject: Subject, counts: Counts, figures: Figures) => Promise<void>)[] = [
  async (subject, { throughput: count }, figures) => {
    const { ns, received } = await subject.throughput(count);
    figures.throughput.push(ns);
    figures.sent += count;
    figures.lost += count - received;
  },
  ...LOOPS.map((loops) => async (subject: Subject, counts: Counts, figures: Figures) => {
    if (subject.hasLatency) figures[loops].push(await subject.latency(counts[loops], loops));
  }),
];

function reportThroughput(context: BenchContext, transport: TransportName, figures: FiguresByName): void {
  const name = `throughput over ${transport}`;
  for (const [subject, { throughput }] of figures) {
    const value = 1e3 / median(throughput);
    context.report({ name, subject, value, unit: "M messages/s", better: "higher" });
  }
  reportRatios(context, transport, name, figures, ({ throughput }) => throughput.map((ns) => 1 / ns), "higher");
  if (transport !== "udp") return; // the others lose nothing, which their receivers check
  for (const [subject, { sent, lost }] of figures) {
    context.report({ name: `${name}: lost`, subject, value: (100 * lost) / sent, unit: "%", better: "lower" });
  }
}

function reportLatency(context: BenchContext, transport: TransportName, loops: Loops, figures: FiguresByName): void {
  const withLatency = new Map([...figures].filter(([, of]) => of[loops].length > 0));
  for (const [key, label] of PERCENTILES) {
    const name = `one-way latency over ${transport}, ${loops} loops, ${label}`;
    for (const [subject, { [loops]: latencies }] of withLatency) {
      const value = median(latencies.map((latency) => latency[key])) / 1e3;
      context.report({ name, subject, value, unit: "us", better: "lower" });
    }
    if (key !== "p50") continue; // what is rare belongs to the machine more than to either program
    reportRatios(context, transport, name, withLatency, (of) => of[loops].map(({ p50 }) => p50), "lower");
  }
}

/** Ours by each rival's: the median of the rounds' ratios, since the machine changes between rounds. */
function reportRatios(
  context: BenchContext,
  transport: TransportName,
  name: string,
  figures: FiguresByName,
  valuesOf: (figures: Figures) => number[],
  better: "higher" | "lower",
): void {
  for (const rival of RIVALS[transport]) {
    const base = figures.get(rival);
    if (base === undefined) continue;
    const floor = valuesOf(base);
    for (const [subject, of] of figures) {
      if (!subject.startsWith(OURS)) continue;
      const value = median(valuesOf(of).map((one, round) => one / floor[round]!));
      context.report({ name: `${name}, by ${rival}`, subject, value, unit: "times", better });
    }
  }
}
