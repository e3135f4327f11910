import type { Action, Steps } from "./machine.js";

/**
 * What a thread does, one operation after the other. All that it knows between two operations lies in its state, so that
 * two ways that lead to equal states need to be followed once.
 */
export interface Program<S extends object = object> {
  readonly name: string;
  readonly state: S;
  /** The next operation, or nothing at the end. */
  next(state: S): Steps<void> | undefined;
  /** Such a thread may be killed before any step; this runs at its place then. */
  readonly successor?: Program;
}

/** Where a thread stands: what it does next depends on this alone. */
export interface Place {
  readonly id: number;
  readonly program: Program;
  /** What it is about to do; nothing at the end. */
  readonly action: Action | undefined;
  /** What it threw. */
  readonly failure: unknown;
  readonly from: Boundary;
  /** What it was told since. */
  readonly told: readonly number[];
  readonly next: Map<number, Place>;
  /** Its code, for whoever comes first. */
  live: { readonly steps: Steps<void>; readonly state: object } | undefined;
}

interface Boundary {
  readonly program: Program;
  readonly state: object;
}

/** The places of all threads of a scenario. Code is run once for each; what came of it is remembered. */
export class Places {
  #count = 0;
  readonly #starts = new Map<string, Place>();

  start(program: Program, state: object = copyOf(program.state)): Place {
    const key = `${program.name} ${textOf(state)}`;
    const known = this.#starts.get(key);
    if (known !== undefined) return known;
    const from = { program, state: copyOf(state) };
    const steps = program.next(state as never);
    const place =
      steps === undefined
        ? this.#place(from, [], undefined, undefined, undefined)
        : this.#goOn(from, [], { steps, state }, () => steps.next(0));
    this.#starts.set(key, place);
    return place;
  }

  /** Where a thread comes that is told this. */
  after(place: Place, result: number): Place {
    const known = place.next.get(result);
    if (known !== undefined) return known;
    const live = place.live ?? replayed(place);
    place.live = undefined;
    const next = this.#goOn(place.from, [...place.told, result], live, () => live.steps.next(result));
    place.next.set(result, next);
    return next;
  }

  #goOn(
    from: Boundary,
    told: readonly number[],
    live: NonNullable<Place["live"]>,
    go: () => IteratorResult<Action, void>,
  ): Place {
    let result: IteratorResult<Action, void>;
    try {
      result = go();
    } catch (failure) {
      return this.#place(from, told, undefined, failure, undefined);
    }
    if (result.done === true) return this.start(from.program, live.state);
    return this.#place(from, told, result.value, undefined, live);
  }

  #place(
    from: Boundary,
    told: readonly number[],
    action: Action | undefined,
    failure: unknown,
    live: Place["live"],
  ): Place {
    return { id: this.#count++, program: from.program, from, told, action, failure, next: new Map(), live };
  }
}

function replayed({ from, told }: Place): NonNullable<Place["live"]> {
  const state = copyOf(from.state);
  const steps = from.program.next(state as never) as Steps<void>;
  steps.next(0);
  for (const result of told) steps.next(result);
  return { steps, state };
}

/** A copy of all that belongs to one thread; shared memory and functions stay what they are. */
function copyOf<T>(value: T, known = new Map<unknown, unknown>()): T {
  if (typeof value !== "object" || value === null || value instanceof SharedArrayBuffer) return value;
  if (ArrayBuffer.isView(value) && value.buffer instanceof SharedArrayBuffer) return value;
  const copied = known.get(value);
  if (copied !== undefined) return copied as T;
  const keep = (copy: unknown): T => {
    known.set(value, copy);
    return copy as T;
  };
  if (value instanceof ArrayBuffer) return keep(value.slice(0));
  if (ArrayBuffer.isView(value)) {
    const view = value as unknown as Uint8Array;
    const type = view.constructor as Uint8ArrayConstructor;
    return keep(new type(copyOf(view.buffer, known) as ArrayBuffer, view.byteOffset, view.length ?? view.byteLength));
  }
  const copy = keep(Array.isArray(value) ? [] : Object.create(Object.getPrototypeOf(value)));
  for (const [name, field] of Object.entries(value)) (copy as Record<string, unknown>)[name] = copyOf(field, known);
  return copy;
}

/** The same text for equal states. */
function textOf(value: unknown): string {
  if (typeof value === "function") return "f";
  if (typeof value !== "object" || value === null) return `${typeof value === "bigint" ? "n" : ""}${value}`;
  if (value instanceof SharedArrayBuffer) return "s";
  if (ArrayBuffer.isView(value)) {
    const { buffer, byteOffset, byteLength } = value;
    return buffer instanceof SharedArrayBuffer ? "s" : `[${new Uint8Array(buffer, byteOffset, byteLength)}]`;
  }
  return `{${Object.values(value).map(textOf).join()}}`;
}
