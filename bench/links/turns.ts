import type { BenchContext } from "../harness.js";

/** What is measured beside others, and ended when it is over. */
interface Measurable {
  readonly name: string;
  stop(): Promise<void>;
}

/** What is done with each subject: before the rounds, and in each of them. */
export interface Turns<Subject> {
  readonly rounds: number;
  warmUp(subject: Subject): Promise<void>;
  /** Each for all subjects, before the next. What is compared lies close together in time. */
  readonly measures: readonly ((subject: Subject) => Promise<void>)[];
}

/** Measures subjects in turns, and stops them. @returns those that never failed; the others are noted and left out */
export async function measureInTurns<Subject extends Measurable>(
  context: BenchContext,
  subjects: Iterable<Subject>,
  { rounds, warmUp, measures }: Turns<Subject>,
): Promise<readonly Subject[]> {
  const running = new Set(subjects);
  const attempt = async (subject: Subject, measure: (subject: Subject) => Promise<void>): Promise<void> => {
    try {
      await measure(subject);
    } catch (error) {
      context.note(`${subject.name} failed, and is left out: ${error instanceof Error ? error.message : error}`);
      running.delete(subject);
      await subject.stop();
    }
  };
  try {
    for (const subject of running) await attempt(subject, warmUp);
    for (let round = 0; round < rounds; round++) {
      for (const measure of measures) for (const subject of running) await attempt(subject, measure);
    }
  } finally {
    await Promise.all([...running].map((subject) => subject.stop()));
  }
  return [...running];
}

/** How long one measurement takes, about, after how much warming up. */
export interface Settling {
  readonly ms: number;
  readonly warmUpMs: number;
  readonly countMin: number;
  readonly countMax: number;
}

/**
 * Runs something until it is compiled, in ever longer runs.
 *
 * @param run does `count` operations and resolves to ns an operation
 * @returns how many operations fill the time
 */
export async function settle(
  run: (count: number) => Promise<number>,
  { ms, warmUpMs, countMin, countMax }: Settling,
): Promise<number> {
  for (let count = countMin; ; count = Math.min(count * 4, countMax)) {
    let ns = await run(count);
    const isLong = (): boolean => (count * ns) / 1e6 >= warmUpMs / 4;
    if (isLong()) ns = Math.min(ns, await run(count)); // the first may have been held up by what else the machine does
    if (isLong() || count >= countMax) return Math.min(countMax, Math.max(countMin, Math.ceil((ms * 1e6) / ns)));
  }
}
