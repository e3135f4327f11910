import { type Action, act } from "./machine.js";
import { type Place, Places, type Program } from "./thread.js";
import { Visited } from "./visited.js";

/** Some threads on one memory, and what must hold when all are done. What must hold before, they check themselves. */
export interface Scenario {
  readonly memory: Int32Array;
  readonly threads: readonly Program[];
  /** Sleepers may wake by themselves: where somebody may be killed on the way to wake them. */
  readonly timesOut: boolean;
  /** Throws where the end is not as it should be. */
  check?(states: readonly object[], memory: Int32Array): void;
}

/** How far to look. */
export interface Limits {
  /** How often a thread that could go on is interrupted, at most; default: as often as can be, which is exhaustive. */
  readonly preemptionsMax?: number;
  /** Gives up beyond so many; default 20 million. */
  readonly statesMax?: number;
}

/** What was looked at. */
export interface Explored {
  /** Different states of memory and threads. */
  readonly states: number;
  /** Steps from one to another. */
  readonly steps: number;
  /** States at which all threads are done. */
  readonly ends: number;
}

/** A schedule that breaks a rule. */
export class ModelError extends Error {
  readonly schedule: readonly string[];

  constructor(what: string, schedule: readonly string[]) {
    super(`${what}\n${schedule.join("\n")}`);
    this.schedule = schedule;
  }
}

const READY = 0;
const ASLEEP = 1;
const WOKEN = 2;

/**
 * Follows every schedule of the threads, with sequentially consistent memory, and prunes states that it has seen. From
 * every state that can be reached the end must be reachable: so nothing is lost, nobody sleeps for ever, and nobody is
 * in anybody's way for ever.
 *
 * Words that only one thread writes or reads need no interleaving. Which these are is found out: it begins with those of
 * `shared`, and begins again with those that turned out to be.
 */
export function explore(make: () => Scenario, limits: Limits = {}, shared = new Set<number>()): Explored {
  for (;;) {
    const found = new Explorer(make(), shared, limits);
    const count = shared.size;
    found.run();
    if (shared.size === count) return found.finish();
  }
}

interface Frame {
  readonly id: number;
  choices: readonly number[];
  /** Whether these are the choices of one thread, whose next step concerns no other. */
  isReduced: boolean;
  next: number;
  /** How to come back from here. */
  readonly undo: () => void;
}

class Explorer {
  readonly #scenario: Scenario;
  readonly #memory: Int32Array;
  readonly #places = new Places();
  readonly #shared: Set<number>;
  readonly #statesMax: number;
  /** Where interruptions are limited: how many are left, and who runs. */
  #left: number;
  #runs = 0;
  readonly #visited = new Visited();
  readonly #at: Place[];
  readonly #modes: number[];
  readonly #users: Int32Array;
  readonly #written: Uint8Array;
  readonly #ends: number[] = [];

  constructor(scenario: Scenario, shared: Set<number>, { preemptionsMax, statesMax }: Limits) {
    this.#scenario = scenario;
    this.#memory = scenario.memory;
    this.#shared = shared;
    this.#statesMax = statesMax ?? 20_000_000;
    this.#left = preemptionsMax ?? Number.POSITIVE_INFINITY;
    this.#at = scenario.threads.map((program) => this.#places.start(program));
    this.#modes = scenario.threads.map(() => READY);
    this.#users = new Int32Array(this.#memory.length);
    this.#written = new Uint8Array(this.#memory.length);
  }

  run(): void {
    const frames: Frame[] = [];
    this.#visited.begin(this.#memory);
    this.#enter(-1, 0, frames, () => {});
    for (;;) {
      const frame = frames[frames.length - 1];
      if (frame === undefined) return;
      const choice = frame.choices[frame.next++];
      if (choice === undefined) {
        frames.pop();
        frame.undo();
      } else {
        const isNew = this.#enter(frame.id, choice, frames, this.#go(choice));
        if (!isNew && frame.isReduced) this.#widen(frame); // or the others would never have their turn
      }
    }
  }

  finish(): Explored {
    const stuck = this.#visited.unreaching(this.#ends);
    if (stuck >= 0) throw new ModelError("the end cannot be reached any more", this.#scheduleTo(stuck));
    return { states: this.#visited.count, steps: this.#visited.edges, ends: this.#ends.length };
  }

  #enter(parent: number, choice: number, frames: Frame[], undo: () => void): boolean {
    const { id, isNew } = this.#visited.add(
      this.#memory,
      this.#at,
      this.#modes,
      this.#schedulerState(),
      parent,
      choice,
    );
    if (!isNew) {
      undo();
      return false;
    }
    if (id >= this.#statesMax) throw new Error(`more than ${this.#statesMax} states: make the scenario smaller`);
    const failed = this.#at.find(({ failure }) => failure !== undefined);
    if (failed !== undefined) throw this.#failure(failed.failure, id);
    if (this.#at.every(({ action }) => action === undefined)) {
      this.#ends.push(id);
      try {
        this.#scenario.check?.(
          this.#at.map(({ from }) => from.state),
          this.#memory,
        );
      } catch (error) {
        throw this.#failure(error, id);
      }
    }
    const one = this.#onlyThread();
    const choices = one < 0 ? this.#at.flatMap((_, t) => this.#choicesOf(t)) : this.#choicesOf(one);
    frames.push({ id, choices, isReduced: one >= 0 && this.#left > 0, next: 0, undo });
    return true;
  }

  #schedulerState(): number {
    return this.#left === Number.POSITIVE_INFINITY ? 0 : this.#left * 8 + this.#runs;
  }

  /** The thread whose turn it is, or -1 where it may be anybody's. */
  #onlyThread(): number {
    const runs = this.#at[this.#runs]?.action;
    const isBounded = this.#left !== Number.POSITIVE_INFINITY;
    if (isBounded) return this.#goesOn() && (this.#left === 0 || this.#isPrivate(runs as Action)) ? this.#runs : -1;
    return this.#at.findIndex(({ action }) => action !== undefined && this.#isPrivate(action));
  }

  /** Whether the thread that runs could go on: to take another is to interrupt it. */
  #goesOn(): boolean {
    const action = this.#at[this.#runs]?.action;
    return action !== undefined && action.kind !== "wait";
  }

  #widen(frame: Frame): void {
    const others = this.#at.flatMap((_, t) => this.#choicesOf(t)).filter((choice) => !frame.choices.includes(choice));
    frame.choices = [...frame.choices, ...others];
    frame.isReduced = false;
  }

  /** A thread's number twice, and one more where it is killed. */
  #choicesOf(t: number): readonly number[] {
    const { action, program } = this.#at[t] as Place;
    if (action === undefined) return [];
    const choices: number[] = [];
    if (this.#modes[t] !== ASLEEP || this.#scenario.timesOut) choices.push(t * 2);
    if (program.successor !== undefined) choices.push(t * 2 + 1);
    return choices;
  }

  #isPrivate({ kind, index }: Action): boolean {
    return kind !== "wait" && kind !== "notify" && !this.#shared.has(index);
  }

  /** Takes a step; returns how to take it back. */
  #go(choice: number): () => void {
    const t = choice >> 1;
    const left = this.#left;
    const runs = this.#runs;
    if (t !== runs && this.#goesOn()) this.#left--;
    this.#runs = t;
    const undo = this.#step(choice);
    return () => {
      undo();
      this.#left = left;
      this.#runs = runs;
    };
  }

  #step(choice: number): () => void {
    const t = choice >> 1;
    const at = this.#at[t] as Place;
    const modes = [...this.#modes];
    if ((choice & 1) === 1) {
      this.#at[t] = this.#places.start(at.program.successor as Program);
      this.#modes[t] = READY;
      return () => this.#goBack(t, at, modes);
    }
    const action = at.action as Action;
    const { kind, index } = action;
    if (kind === "wait") {
      const sleeps = this.#modes[t] === READY && this.#memory[index] === action.value;
      this.#modes[t] = sleeps ? ASLEEP : READY;
      if (!sleeps) this.#at[t] = this.#places.after(at, 0);
      return () => this.#goBack(t, at, modes);
    }
    if (kind === "notify") {
      this.#modes.forEach((mode, other) => {
        if (mode === ASLEEP && this.#at[other]?.action?.index === index) this.#modes[other] = WOKEN;
      });
      this.#at[t] = this.#places.after(at, 0);
      return () => this.#goBack(t, at, modes);
    }
    this.#touch(t, action);
    const was = this.#memory[index] as number;
    const told = act(this.#memory, action);
    this.#visited.change(index, was, this.#memory[index] as number);
    this.#at[t] = this.#places.after(at, told);
    return () => {
      this.#visited.change(index, this.#memory[index] as number, was);
      this.#memory[index] = was;
      this.#goBack(t, at, modes);
    };
  }

  #goBack(t: number, at: Place, modes: readonly number[]): void {
    this.#at[t] = at;
    for (let i = 0; i < modes.length; i++) this.#modes[i] = modes[i] as number;
  }

  #touch(t: number, { kind, index }: Action): void {
    const all = (this.#users[index] as number) | (1 << t);
    this.#users[index] = all;
    if (kind !== "load") this.#written[index] = 1;
    if (this.#written[index] !== 0 && (all & (all - 1)) !== 0) this.#shared.add(index);
  }

  #failure(error: unknown, id: number): ModelError {
    return new ModelError(error instanceof Error ? `${error}` : String(error), this.#scheduleTo(id));
  }

  #scheduleTo(id: number): string[] {
    const choices = this.#visited.choicesTo(id);
    const lines: string[] = [];
    return choices.length === 0 ? lines : this.#told(choices);
  }

  /** The same steps once more, from the beginning, in words. */
  #told(choices: readonly number[]): string[] {
    const again = new Explorer({ ...this.#scenario, memory: this.#visited.initial() }, new Set(), {});
    return choices.map((choice) => {
      const { program, action } = again.#at[choice >> 1] as Place;
      again.#visited.begin(again.#memory);
      again.#go(choice);
      if ((choice & 1) === 1) return `${program.name}: killed`;
      const { kind, index, value, other } = action as Action;
      const now = again.#memory[index] as number;
      const what = kind === "compareExchange" ? `${other} -> ${value}` : kind === "load" ? "" : String(value);
      return `${program.name}: ${kind} [${index}] ${what} = ${now}`;
    });
  }
}
