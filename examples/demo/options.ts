import { accessSync, constants, statSync } from "node:fs";
import { resolve } from "node:path";
import { parseArgs } from "node:util";

/** How the demo is to run. */
export interface DemoOptions {
  /** Recordings to replay; none: the simulator. */
  readonly replay: readonly string[];
  readonly speed: number | "max";
  readonly placement: "thread" | "worker" | "process";
  readonly seed: string;
  /** How long the simulated markets are open. */
  readonly seconds: number;
  /** How long a simulation runs first, unseen: so that what is measured is compiled code. */
  readonly warmUp: number;
  readonly json: boolean;
  /** Where the Execution relay's messages are to stay; undefined: nowhere. */
  readonly record: string | undefined;
  readonly help: boolean;
}

/** The demo was called in a way that it does not understand. The message is for who called it. */
export class UsageError extends Error {}

export const HELP = `Venue feeds, adapters, a strategy, a portfolio and a paper venue, as one pipeline.

  npm run demo -- [options]

  --replay FILE      replay a recording of Binance's frames, plain or .gz; several are merged by receive time
                     (default: a simulator of two venues)
  --speed max|N      as fast as it goes, or N times as fast as recorded (default: max)
  --placement P      thread (a): all actors in one thread; worker (b): strategy and portfolio in workers;
                     process (c): each actor in a process of its own (default: thread)
  --seed TEXT        another seed, another run (default: alphapulse)
  --seconds N        how long the simulated markets are open (default: 180)
  --warm-up N        in one thread: first simulate N seconds unseen, so that the code is compiled as it is in a process
                     that has run for a while (default: 0)
  --record FILE      keep the Execution relay's messages
  --json             the summary as one JSON object on standard output; progress goes to standard error
  --help             this
`;

const PLACEMENTS: Readonly<Record<string, DemoOptions["placement"]>> = {
  thread: "thread",
  worker: "worker",
  process: "process",
  a: "thread",
  b: "worker",
  c: "process",
};
const SECONDS_MAX = 86_400;

/** Reads the command line. @throws UsageError */
export function readOptions(args: readonly string[]): DemoOptions {
  const values = parse(args);
  const replay = values.replay ?? [];
  for (const file of values.help === true ? [] : replay) checkReadable(file);
  if (values.seconds !== undefined && replay.length > 0) {
    throw new UsageError("--seconds is for the simulator: a recording is as long as it is");
  }
  const placement = PLACEMENTS[values.placement ?? "thread"];
  if (placement === undefined) {
    throw new UsageError(`--placement ${values.placement}: expected thread, worker or process (or a, b, c)`);
  }
  if (values["warm-up"] !== undefined && placement !== "thread") {
    throw new UsageError("--warm-up is for one thread: workers and processes compile their own code");
  }
  const record = values.record === undefined ? undefined : resolve(values.record);
  if (record !== undefined && replay.some((file) => resolve(file) === record)) {
    throw new UsageError(`--record ${values.record}: is a recording to replay, and would be overwritten`);
  }
  return {
    replay,
    speed: speedOf(values.speed ?? "max"),
    placement,
    seed: values.seed ?? "alphapulse",
    seconds: secondsOf(values.seconds ?? "180", "--seconds"),
    warmUp: values["warm-up"] === undefined ? 0 : secondsOf(values["warm-up"], "--warm-up"),
    json: values.json ?? false,
    record: values.record,
    help: values.help ?? false,
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      strict: true,
      allowPositionals: false,
      options: {
        replay: { type: "string", multiple: true },
        speed: { type: "string" },
        placement: { type: "string" },
        seed: { type: "string" },
        seconds: { type: "string" },
        "warm-up": { type: "string" },
        record: { type: "string" },
        json: { type: "boolean" },
        help: { type: "boolean", short: "h" },
      },
    }).values;
  } catch (error) {
    // The first sentence says what is wrong; the rest is advice for other cases.
    const [what] = (error as Error).message.split(/\. |\n/);
    throw new UsageError(what ?? "these options are not understood");
  }
}

function checkReadable(file: string): void {
  try {
    if (statSync(file).isDirectory()) throw new UsageError(`--replay ${file}: is a directory, not a recording`);
    accessSync(file, constants.R_OK);
  } catch (error) {
    if (error instanceof UsageError) throw error;
    const { code } = error as NodeJS.ErrnoException;
    const why = code === "ENOENT" ? "there is no such file" : code === "EACCES" ? "it may not be read" : `${code}`;
    throw new UsageError(`--replay ${file}: ${why}`);
  }
}

function speedOf(text: string): number | "max" {
  if (text === "max") return "max";
  const speed = Number(text);
  if (text.trim() !== "" && Number.isFinite(speed) && speed > 0) return speed;
  throw new UsageError(`--speed ${text}: expected max, or a number above 0`);
}

function secondsOf(text: string, flag: string): number {
  const seconds = Number(text);
  if (text.trim() !== "" && seconds >= 1 && seconds <= SECONDS_MAX) return seconds;
  throw new UsageError(`${flag} ${text}: expected a number from 1 to ${SECONDS_MAX}`);
}
