import { readdirSync, readFileSync } from "node:fs";
import { AlphaPulseError } from "../../../src/protocol/errors.js";
import type { MessageBuffer } from "../../../src/protocol/message-buffer.js";
import { generatorsOf, gettersOf } from "./transform.js";

/** What a thread is about to do to a word of shared memory. */
export interface Action {
  readonly kind: "load" | "store" | "exchange" | "compareExchange" | "and" | "or" | "wait" | "notify";
  readonly index: number;
  /** What it stores; what it waits on. */
  readonly value: number;
  /** compareExchange: what it must find. */
  readonly other: number;
}

/** Code of a thread: yields what it is about to do, and is given what came of it. */
export type Steps<T> = Generator<Action, T, number>;

/** An end of a ring whose methods are such code. */
export interface ModelEnd {
  readonly [method: string]: (...args: readonly unknown[]) => Steps<never>;
}

/** The classes and functions of src/rings, as such code. */
export interface ModelRings {
  make(name: string, ...args: readonly unknown[]): Steps<ModelEnd>;
  call(name: string, ...args: readonly unknown[]): Steps<unknown>;
}

/** A change of the sources: in this file, this text once, to that text. */
export interface Change {
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

/** From the root of the repository, where tests and commands run. */
const RINGS = "src/rings";
const PROTOCOL = "src/protocol";
const sources = new Map(readdirSync(RINGS).map((file) => [file, readFileSync(`${RINGS}/${file}`, "utf8")]));
sources.set("message-buffer.ts", readFileSync(`${PROTOCOL}/message-buffer.ts`, "utf8"));
const getters = new Set([...sources.values()].flatMap(gettersOf));
const made = new Map<string, string>();

/**
 * So small that a few records wrap: an eighth of a ring that small has no room for a record. Loops that give up give up
 * early, and who sleeps sleeps for ever, unless a scenario says that sleeps end: a lost wake-up is not to be healed by time.
 */
const SCALE: readonly Change[] = [
  { file: "layout.ts", from: "CAPACITY_MIN = 1 << 10", to: "CAPACITY_MIN = 16" },
  { file: "layout.ts", from: "Math.min(capacity / 8,", to: "Math.min(capacity / 2," },
  { file: "broadcast.ts", from: "this.capacity / 16", to: "8" },
  { file: "broadcast.ts", from: "LANDINGS_MAX = 1_000", to: "LANDINGS_MAX = 2" },
  { file: "position.ts", from: "LOOKS_MAX = 1_000", to: "LOOKS_MAX = 2" },
];

/** The rings, with these changes. */
export function ringsWith(changes: readonly Change[]): ModelRings {
  const texts = new Map(sources);
  for (const { file, from, to } of [...SCALE, ...changes]) {
    const text = texts.get(file) as string;
    if (text.split(from).length !== 2) throw new Error(`${file} has not exactly one "${from}": adapt the model to it`);
    texts.set(
      file,
      text.replace(from, () => to),
    );
  }
  const modules = new Map<string, Record<string, unknown>>();
  const load = (file: string): Record<string, unknown> => {
    const known = modules.get(file);
    if (known !== undefined) return known;
    const exports: Record<string, unknown> = {};
    modules.set(file, exports);
    const text = texts.get(file) as string;
    const code = made.get(text) ?? generatorsOf(text, getters);
    made.set(text, code);
    const importOf = (path: string): unknown => {
      if (path.endsWith("/errors.js")) return { AlphaPulseError };
      return load(path.slice(path.lastIndexOf("/") + 1).replace(".js", ".ts"));
    };
    const names = Object.keys(RUNTIME);
    new Function("require", "exports", "performance", ...names, code)(
      importOf,
      exports,
      CLOCK,
      ...Object.values(RUNTIME),
    );
    return exports;
  };
  const all = Object.assign({}, ...[...texts.keys()].map(load));
  return { make: (name, ...args) => $make(all[name], args), call: (name, ...args) => $call(all[name](...args)) };
}

/** Time stands still: what takes time may happen at any moment. */
const CLOCK = { now: () => 0 };

const isGenerator = (value: unknown): value is Steps<never> =>
  Object.prototype.toString.call(value) === "[object Generator]";

function* $call<T>(result: T | Steps<T>): Steps<T> {
  return isGenerator(result) ? yield* result : (result as T);
}

type Constructor = new (...args: readonly unknown[]) => ModelEnd;

function* $make(type: Constructor, args: readonly unknown[]): Steps<ModelEnd> {
  if (!("$init" in type.prototype)) return new type(...args);
  const end = new type();
  yield* (end["$init"] as ModelEnd[string])(...args);
  return end;
}

function* $property(of: Record<string, unknown>, name: string): Steps<unknown> {
  const getter = of[`$get_${name}`];
  return typeof getter === "function" ? yield* getter.call(of) : of[name];
}

/** The index of a word in the shared memory, or -1: memory of a thread's own is no step. */
function indexOf(view: ArrayBufferView, byteOffset: number): number {
  return view.buffer instanceof SharedArrayBuffer ? (view.byteOffset + byteOffset) >> 2 : -1;
}

function* $get(of: Int32Array, at: number): Steps<unknown> {
  const index = of instanceof Int32Array ? indexOf(of, at * 4) : -1;
  return index < 0 ? of[at] : yield { kind: "load", index, value: 0, other: 0 };
}

function* $set(of: Int32Array, at: number, value: number): Steps<number> {
  const index = of instanceof Int32Array ? indexOf(of, at * 4) : -1;
  if (index < 0) of[at] = value;
  else yield { kind: "store", index, value, other: 0 };
  return value;
}

function* $view(view: DataView, name: "getInt32" | "setInt32", at: number, value: number): Steps<unknown> {
  const index = indexOf(view, at);
  if (index < 0) return name === "getInt32" ? view.getInt32(at, true) : view.setInt32(at, value, true);
  if (at % 4 !== 0 || !name.endsWith("Int32")) throw new Error(`the model has words only, and this is ${name}(${at})`);
  if (name === "getInt32") return yield { kind: "load", index, value: 0, other: 0 };
  return yield { kind: "store", index, value: value | 0, other: 0 };
}

function* $atomic(name: Action["kind"], words: Int32Array, at: number, a = 0, b = 0): Steps<unknown> {
  const index = indexOf(words, at * 4);
  if (name === "compareExchange") return yield { kind: name, index, value: b, other: a };
  return yield { kind: name, index, value: a, other: 0 };
}

const RUNTIME = { $call, $make, $property, $get, $set, $view, $atomic };

/** A word of a record, read as a handler does. */
export function* wordOf(buffer: MessageBuffer, offset: number): Steps<number> {
  return (yield* $view(buffer.view, "getInt32", offset, 0)) as number;
}

/** The value of a getter. */
export function* propertyOf(end: ModelEnd, name: string): Steps<unknown> {
  return yield* $property(end, name);
}

/** Does an action to memory, and gives what the thread is told; of a wait or a wake, nothing. */
export function act(memory: Int32Array, { kind, index, value, other }: Action): number {
  const was = memory[index] as number;
  if (kind === "store" || kind === "exchange") memory[index] = value;
  else if (kind === "and") memory[index] = was & value;
  else if (kind === "or") memory[index] = was | value;
  else if (kind === "compareExchange" && was === other) memory[index] = value;
  return kind === "store" ? 0 : was;
}

/** Runs code to its end with nobody else there. */
export function alone<T>(memory: Int32Array, steps: Steps<T>): T {
  for (let next = steps.next(0); ; ) {
    if (next.done === true) return next.value;
    next = steps.next(act(memory, next.value));
  }
}
