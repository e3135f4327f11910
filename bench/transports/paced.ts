import { median } from "alphapulse/bench";
import type { BenchContext } from "../harness.js";
import { measureInTurns } from "../links/turns.js";
import type { Arrived, Subject } from "./subject.js";
import { pacedSubjects } from "./subjects.js";
import type { Surroundings } from "./surroundings.js";

const PER_SECOND = 200_000;
const FULL = { rounds: 7, ms: 3_000, warmUpMs: 1_000 };
const QUICK = { rounds: 1, ms: 200, warmUpMs: 50 };

/** Datagrams at a pace that has to lose none: how many were sent, how many came, and how many did not. */
export async function comparePaced(context: BenchContext, surroundings: Surroundings): Promise<void> {
  const { rounds, ms, warmUpMs } = context.quick ? QUICK : FULL;
  const count = (PER_SECOND * ms) / 1e3;
  const subjects = await pacedSubjects(context, surroundings);
  const figures = new Map(subjects.map((subject): [Subject, Arrived[]] => [subject, []]));
  const measured = await measureInTurns(context, subjects, {
    rounds,
    warmUp: async (subject) => void (await subject.throughput((PER_SECOND * warmUpMs) / 1e3, PER_SECOND)),
    measures: [async (subject) => void figures.get(subject)!.push(await subject.throughput(count, PER_SECOND))],
  });
  for (const subject of measured) report(context, subject.name, count, figures.get(subject)!);
}

function report(context: BenchContext, subject: string, count: number, rounds: readonly Arrived[]): void {
  const name = `udp paced at ${PER_SECOND.toLocaleString("en")} messages/s`;
  const sent = rounds.length * count;
  const received = rounds.reduce((sum, round) => sum + round.received, 0);
  const pace = median(rounds.map(({ sentPerSecond }) => sentPerSecond)) / 1e6;
  context.report({ name: `${name}: sent`, subject, value: pace, unit: "M messages/s", better: "higher" });
  context.report({ name: `${name}: received`, subject, value: (100 * received) / sent, unit: "%", better: "higher" });
  const lost = { value: sent - received, unit: "messages", better: "lower" } as const;
  context.report({ name: `${name}: lost in all rounds`, subject, ...lost });
}
