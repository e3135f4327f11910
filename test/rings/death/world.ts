import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { type Random, seededRandom } from "../../../src/actor/random.js";
import { RECORD_HEADER_BYTES, RECORDS_WORD, type RingKind } from "../../../src/rings/layout.js";
import { loadCount } from "../../../src/rings/position.js";
import { SharedMemory } from "../../../src/shm/shared-memory.js";
import type { ChildTask } from "./child.js";
import { faultOf } from "./consumer.js";
import { Journal, LIVES_MAX, READER } from "./journal.js";
import { producerOf } from "./producer.js";

/** What a world of processes went through. */
export interface Figures {
  kills: number;
  /** Of those: producers between claim and commit. */
  killsInClaim: number;
  /** All processes at once, with the ring taken over after. */
  massacres: number;
  /** Records that were read, and read again after a consumer's death. */
  records: number;
  abandonedClaims: number;
  /** Longest time without a record, from the death of a producer that had a claim. */
  stallMsMax: number;
  /** Longest time from the start of an end to the next record that was read. */
  rejoinMsMax: number;
}

export interface WorldOptions {
  readonly kind: RingKind;
  readonly seed: string;
  readonly kills: number;
  /** The bundled child.ts, and where it finds the addon. */
  readonly program: string;
  readonly modules: string;
  /** Told after each kill; false ends early. */
  goesOn?(): boolean;
}

const ENDS: Readonly<Record<RingKind, readonly number[]>> = {
  spsc: [0, READER],
  mpsc: [0, 1, 2, READER],
  broadcast: [0, READER, READER + 1, READER + 2],
};
/** Where positions begin: also shortly before they carry. */
const POSITIONS = [0n, (1n << 31n) - 4_096n, (1n << 32n) - (1n << 20n), (1n << 53n) - (1n << 20n)];
const CAPACITIES = [1 << 12, 1 << 14, 1 << 16];
const RUN_MS_MAX = 40;
/** Whoever does not come within this time never comes. */
const LOST_MS = 15_000;

/** Processes around one ring, of which one after the other is killed and started again, while the others go on. */
export class World {
  readonly #options: WorldOptions;
  readonly #random: Random;
  readonly #directory = mkdtempSync("/dev/shm/alphapulse-death-");
  readonly #children = new Map<number, Child>();
  readonly #lives: number[] = [];
  readonly #capacityBytes: number;
  readonly #journal: Journal;
  #memory: SharedMemory;
  readonly figures: Figures = {
    kills: 0,
    killsInClaim: 0,
    massacres: 0,
    records: 0,
    abandonedClaims: 0,
    stallMsMax: 0,
    rejoinMsMax: 0,
  };

  constructor(options: WorldOptions) {
    this.#options = options;
    this.#random = seededRandom(options.seed);
    this.#capacityBytes = this.#oneOf(CAPACITIES);
    const ring = { capacityBytes: this.#capacityBytes, position: this.#oneOf(POSITIONS), directory: this.#directory };
    this.#memory = SharedMemory.create("ring", options.kind, ring);
    this.#journal = Journal.create(this.#directory);
  }

  /** @throws Error that says the seed, where anything is not as it must be */
  async run(): Promise<Figures> {
    const { kind, kills, seed, goesOn = () => true } = this.#options;
    try {
      for (const end of ENDS[kind]) this.#start(end);
      while (this.figures.kills < kills && goesOn()) await this.#next();
      await this.#finish();
      return this.figures;
    } catch (error) {
      const text = `${kind}, seed "${seed}", after ${this.figures.kills} kills: ${(error as Error).message}`;
      throw new Error(text, { cause: error });
    } finally {
      for (const child of this.#children.values()) child.process.kill("SIGKILL");
      this.#memory.close();
      this.#journal.close();
      rmSync(this.#directory, { recursive: true, force: true });
    }
  }

  async #next(): Promise<void> {
    const end = this.#oneOf(ENDS[this.#options.kind]);
    const what = this.#random.int(16);
    if (what === 0) await this.#massacre();
    else if (what < 8 && this.#options.kind === "mpsc" && end < READER) await this.#killInClaim(end);
    else await this.#killAnywhere(end);
    this.figures.abandonedClaims = this.#journal.abandoned;
  }

  /** Kills at a random moment, sometimes while the process only begins. */
  async #killAnywhere(end: number): Promise<void> {
    if (this.#random.int(4) > 0) await this.#isUp(end);
    await sleepMs(this.#random.next() * RUN_MS_MAX);
    await this.#kill(end);
    if (this.#random.int(3) === 0) await sleepMs(this.#random.next() * RUN_MS_MAX);
    this.#start(end);
    await this.#rejoined(end);
  }

  /** Kills a producer that stands between its claim and its commit. */
  async #killInClaim(end: number): Promise<void> {
    await this.#isUp(end);
    await this.#kill(end);
    const life = this.#start(end, this.#random.int(300));
    await this.#isUp(READER);
    await this.#until(() => this.#journal.haltedOf(end) === life, `producer ${end} in its claim`);
    if (this.#random.int(3) === 0) await this.#succeedWithoutConsumer(end);
    else await this.#passClaim(end);
    this.figures.killsInClaim++;
    await this.#rejoined(end);
  }

  /** The next producer has the dead one's place before a consumer asks whether that lives. */
  async #succeedWithoutConsumer(end: number): Promise<void> {
    await this.#kill(READER);
    await this.#kill(end);
    this.#start(end);
    await this.#isUp(end);
    this.#start(READER);
    await this.#rejoined(READER);
  }

  /** The consumer must go on before the dead producer is started again. */
  async #passClaim(end: number): Promise<void> {
    const killedAt = performance.now();
    await this.#kill(end);
    // More records than were before the claim: it was passed.
    const enough = this.#journal.readOf(READER) + this.#capacityBytes / (RECORD_HEADER_BYTES * 2);
    let read = this.#journal.readOf(READER);
    let readAt = killedAt;
    await this.#until(() => {
      const now = performance.now();
      if (this.#journal.readOf(READER) !== read) {
        this.figures.stallMsMax = Math.max(this.figures.stallMsMax, now - readAt);
        read = this.#journal.readOf(READER);
        readAt = now;
      }
      return read >= enough;
    }, "records behind the claim of a dead producer");
    this.#start(end);
  }

  /** Kills all at once and lets go of the ring, which is then left over and must go on. */
  async #massacre(): Promise<void> {
    const { kind } = this.#options;
    const create = (stale: "refuse" | "join"): SharedMemory =>
      SharedMemory.create("ring", kind, { capacityBytes: this.#capacityBytes, directory: this.#directory, stale });
    for (const end of ENDS[kind]) await this.#isUp(end);
    this.#memory.close();
    expectThrows(() => create("join"), "RING_EXISTS", "is in use");
    await Promise.all(ENDS[kind].map((end) => this.#kill(end)));
    this.figures.massacres++;
    expectThrows(() => create("refuse"), "RING_EXISTS", "is left over");
    this.#memory = create("join");
    for (const end of ENDS[kind]) this.#start(end);
    for (const end of ENDS[kind]) await this.#rejoined(end);
  }

  #start(end: number, haltsAt = -1): number {
    const { program, kind, seed, modules } = this.#options;
    const life = (this.#lives[end] ?? 0) + 1;
    if (life >= LIVES_MAX) throw new Error(`more than ${LIVES_MAX} lives of one end: run more worlds instead`);
    this.#lives[end] = life;
    const task: ChildTask = { directory: this.#directory, kind, end, life, seed: `${seed}:${end}:${life}`, haltsAt };
    this.#children.set(end, new Child(program, modules, task));
    return life;
  }

  async #kill(end: number): Promise<void> {
    const child = this.#children.get(end) as Child;
    child.checkLives();
    child.process.kill("SIGKILL");
    const ended = await child.ended;
    if (ended !== "SIGKILL") throw new Error(`end ${end} was not to end by itself: ${ended}: ${child.said}`);
    this.figures.kills++;
  }

  #isUp(end: number): Promise<void> {
    return this.#until(() => this.#journal.upOf(end) === this.#lives[end], `end ${end} to be up`);
  }

  /** A restarted end takes its place, and records go on: nobody sleeps for good. */
  async #rejoined(end: number): Promise<void> {
    await this.#isUp(end);
    const upAt = performance.now();
    for (const reader of ENDS[this.#options.kind].filter((other) => other >= READER)) {
      const read = this.#journal.readOf(reader);
      await this.#until(() => this.#journal.readOf(reader) > read, `reader ${reader} to go on`);
    }
    this.figures.rejoinMsMax = Math.max(this.figures.rejoinMsMax, performance.now() - upAt);
  }

  /** Lets the producers end, then the readers at the end of the ring, and holds what was read against what was published. */
  async #finish(): Promise<void> {
    const { kind } = this.#options;
    for (const end of ENDS[kind]) await this.#isUp(end);
    this.#journal.stop();
    for (const end of ENDS[kind].filter((other) => other < READER)) await this.#endsWell(end);
    producerOf(this.#memory).close();
    for (const end of ENDS[kind].filter((other) => other >= READER)) {
      await this.#endsWell(end);
      this.figures.records += this.#journal.readOf(end);
    }
    if (kind !== "broadcast") this.#checkAllWasRead();
  }

  #checkAllWasRead(): void {
    const words = new Int32Array(this.#memory.buffer);
    const progress = this.#journal.progressAt(-1n);
    for (const end of ENDS[this.#options.kind].filter((other) => other < READER)) {
      const [life, next] = progress[end] as [number, number];
      if (this.#options.kind === "spsc") {
        const published = Number(loadCount(words, RECORDS_WORD));
        if (next !== published) throw new Error(`of ${published} records ${next} were read`);
        continue;
      }
      // As if one more life had begun now.
      const fault = faultOf([life, next], [(this.#lives[end] as number) + 1, 1], (old) =>
        this.#journal.committedOf(end, old),
      );
      if (fault !== undefined) throw new Error(`at the end of producer ${end}: ${fault}`);
    }
  }

  async #endsWell(end: number): Promise<void> {
    const child = this.#children.get(end) as Child;
    await this.#until(() => child.isEnded, `end ${end} to end`);
    if ((await child.ended) !== 0) throw new Error(`end ${end} ended with ${await child.ended}: ${child.said}`);
  }

  /** Looks once a millisecond: the processes need the cores. */
  async #until(condition: () => boolean, what: string): Promise<void> {
    const giveUpAt = performance.now() + LOST_MS;
    while (!condition()) {
      for (const child of this.#children.values()) child.checkLives();
      if (performance.now() > giveUpAt) throw new Error(`${LOST_MS} ms are over, waiting for ${what}`);
      await sleepMs(1);
    }
  }

  #oneOf<T>(choices: readonly T[]): T {
    return choices[this.#random.int(choices.length)] as T;
  }
}

class Child {
  readonly process: ChildProcess;
  /** Its exit code, or the signal that ended it. */
  readonly ended: Promise<number | string>;
  isEnded = false;
  said = "";

  constructor(program: string, modules: string, task: ChildTask) {
    const env = { ...process.env, NODE_PATH: modules }; // the program lies elsewhere
    this.process = spawn(process.execPath, [program, JSON.stringify(task)], {
      env,
      stdio: ["ignore", "ignore", "pipe"],
    });
    this.process.stderr?.on("data", (text) => {
      this.said += text;
    });
    this.ended = once(this.process, "close").then(([code, signal]) => {
      this.isEnded = true;
      return code ?? signal;
    });
  }

  /** Throws where it ended with an error, without being asked to. */
  checkLives(): void {
    if (this.process.exitCode) throw new Error(`a process ended with ${this.process.exitCode}: ${this.said}`);
  }
}

function expectThrows(work: () => unknown, code: string, text: string): void {
  try {
    work();
  } catch (error) {
    const { code: found, message } = error as { readonly code?: unknown; readonly message: string };
    if (found === code && message.includes(text)) return;
    throw error;
  }
  throw new Error(`nothing was thrown, where ${code} must be`);
}

function sleepMs(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
