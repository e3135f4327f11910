import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { type Random, seededRandom } from "../../../src/actor/random.js";
import { Recorder } from "../../../src/testing/conformance/recorder.js";
import { type ShmOptions, shmTransport } from "../../../src/transports/shm.js";
import type { Link } from "../../../src/transports/transport.js";
import { flood, SMALL } from "./link-flood.js";

/** What became of links whose other end was killed. */
export interface LinkFigures {
  kills: number;
  /** Of those: before there was a link. */
  killsEarly: number;
  /** Messages that came, over links that both ends flood. */
  messages: number;
  /** Longest time from a kill until the link said that it was closed. */
  closedMsMax: number;
}

export interface LinkOptions {
  readonly seed: string;
  readonly kills: number;
  /** The bundled link-child.ts, and where it finds the addon. */
  readonly program: string;
  readonly modules: string;
  goesOn?(): boolean;
}

const MESSAGES_MAX = 1_500;
/** When a process that has just been started connects, about. */
const EARLY_MS_MIN = 50;
const EARLY_MS = 60;
/** More than an event loop needs to read what a dead process wrote. */
const TURNS = 20;
const LOST_MS = 15_000;
/** Where this process listens; others listen at names of their own. */
const NAME = "here";

/**
 * Links of which one end is killed, now the one that listens, now the one that connects, while both send. The other end
 * keeps what came, and is told of the end once.
 *
 * @throws Error that says the seed, where anything is not as it must be
 */
export async function runLinks({
  seed,
  kills,
  program,
  modules,
  goesOn = () => true,
}: LinkOptions): Promise<LinkFigures> {
  const figures: LinkFigures = { kills: 0, killsEarly: 0, messages: 0, closedMsMax: 0 };
  const random = seededRandom(seed);
  const directory = mkdtempSync("/dev/shm/alphapulse-links-");
  const options: ShmOptions = { ...SMALL, directory };
  const accepted: Link[] = [];
  const listener = await shmTransport.listen(NAME, (link) => accepted.push(link), options);
  try {
    while (figures.kills < kills && goesOn()) {
      await oneLink({ figures, random, directory, options, accepted, program, modules });
    }
    // Whoever listens removes what clients left that were killed before they had a link.
    await (await shmTransport.listen("other", () => {}, options)).close();
    const left = readdirSync(directory).filter((file) => file.startsWith("link-"));
    if (left.length > 0) throw new Error(`files are left: ${left}`);
    return figures;
  } catch (error) {
    const text = `shm, seed "${seed}", after ${figures.kills} kills: ${(error as Error).message}`;
    throw new Error(text, { cause: error });
  } finally {
    for (const link of accepted) link.destroy();
    await listener.close();
    rmSync(directory, { recursive: true, force: true });
  }
}

interface Round extends Pick<LinkOptions, "program" | "modules"> {
  readonly figures: LinkFigures;
  readonly random: Random;
  readonly directory: string;
  readonly options: ShmOptions;
  readonly accepted: Link[];
}

async function oneLink({ figures, random, directory, options, accepted, program, modules }: Round): Promise<void> {
  const isListening = random.int(2) === 0;
  const name = isListening ? `child-${figures.kills}` : NAME;
  const args = [program, isListening ? "listen" : "connect", name, String(random.int(1e9)), directory];
  const env = { ...process.env, NODE_PATH: modules }; // the program lies elsewhere
  const child = spawn(process.execPath, args, { env, stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  child.stderr.on("data", (text) => {
    said += text;
  });
  const ended = once(child, "close");
  try {
    if (!isListening && random.int(3) === 0) {
      await killEarly(child, random, accepted);
      figures.killsEarly++;
      return;
    }
    await Promise.race([once(child.stdout, "data"), ended]);
    if (isListening) accepted.push(await shmTransport.connect(name, options));
    await until(() => accepted.length > 0, "a link");
    const link = accepted.shift() as Link;
    const recorder = flood(link, random);
    const enough = random.int(MESSAGES_MAX);
    await until(() => recorder.numbers.length > enough || child.exitCode !== null, `${enough} messages`);
    if (child.exitCode !== null) throw new Error(`the other end ended with ${child.exitCode}: ${said}`);
    child.kill("SIGKILL");
    await isTold(recorder, figures);
  } finally {
    child.kill("SIGKILL");
    await ended;
    figures.kills++;
  }
}

/** Kills a process that is about to connect, or has just done so. A link to it, if there is one, ends. */
async function killEarly(child: ChildProcess, random: Random, accepted: Link[]): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, EARLY_MS_MIN + random.next() * EARLY_MS));
  child.kill("SIGKILL");
  await once(child, "close");
  for (let turns = 0; turns < TURNS; turns++) await new Promise(setImmediate);
  for (const link of accepted.splice(0)) {
    const recorder = new Recorder();
    link.start(recorder);
    await until(() => recorder.closings > 0, "the end of a link that was just made");
  }
}

async function isTold(recorder: Recorder, figures: LinkFigures): Promise<void> {
  const killedAt = performance.now();
  await until(() => recorder.closings > 0, "the end of a link");
  figures.closedMsMax = Math.max(figures.closedMsMax, performance.now() - killedAt);
  figures.messages += recorder.numbers.length;
  const faults = [...recorder.problems, ...(recorder.error === undefined ? [] : [recorder.error.message])];
  if (faults.length > 0) throw new Error(faults.join("; "));
}

async function until(condition: () => boolean, what: string): Promise<void> {
  const giveUpAt = performance.now() + LOST_MS;
  while (!condition()) {
    if (performance.now() > giveUpAt) throw new Error(`${LOST_MS} ms are over, waiting for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}
