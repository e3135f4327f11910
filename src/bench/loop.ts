import { AlphaPulseError } from "../protocol/errors.js";

/**
 * What is measured: one operation. It is given the ordinal of the operation, so that it can go through varied input,
 * and returns something that is made of all its work: what nobody uses may be left out by the engine. Synchronous.
 *
 * A whole number of 31 bits is the cheapest result: a fraction or a large number may cost an allocation of its own.
 */
export type Subject = (operation: number) => unknown;

/** Does operations [first, end) of a subject. */
type Loop = (first: number, end: number) => number;

const ORDINAL_MAX = 2 ** 30; // still a small integer to the engine

/**
 * The loop is made anew for each subject, from text: so each learns the types of its own subject alone, and the engine
 * can compile both into one. A loop that all share would cost each operation a call through a pointer.
 */
const LOOP = `"use strict";
return (first, end) => {
  let sum = 0;
  for (let i = first; i < end; i++) {
    const result = subject(batch === undefined ? i : batch);
    if (typeof result === "number") sum = (sum + result) | 0;
    else kept.result = result;
  }
  return sum;
};`;

/** Holds the last result that is no number: one that is stored has to be made. */
const kept: { result: unknown } = { result: undefined };
let sink = 0;
let loopCount = 0;

/**
 * A number made of all results so far that were numbers: print it at the end of a program of one's own loops, and none of
 * them is dead code.
 */
export function consumed(): number {
  return sink;
}

/** Adds to what {@link consumed} says. */
function consume(result: number): void {
  sink = (sink + (result % 1_000_003)) | 0;
}

/** A subject, in a loop of its own that consumes what it returns. */
export class SubjectLoop {
  readonly name: string;
  readonly #comparison: string;
  readonly #batch: number | undefined;
  readonly #loop: Loop;
  #next = 0;

  /** @throws AlphaPulseError BAD_SUBJECT where it is no function, returns nothing or a promise; SUBJECT_FAILED */
  constructor(comparison: string, name: string, subject: Subject, batch: number | undefined) {
    this.#comparison = comparison;
    this.name = name;
    this.#batch = batch;
    if (typeof subject !== "function")
      throw this.#bad(`is no function but ${subject === null ? null : typeof subject}`);
    this.#loop = loopOf(subject, batch);
    const first = this.#try(() => subject(batch ?? 0));
    if (first === undefined) throw this.#bad("returns nothing: return what it worked out, or its work may be left out");
    if (typeof (first as PromiseLike<unknown> | null)?.then === "function") {
      throw this.#bad("returns a promise: only what is done when it returns can be measured");
    }
  }

  /** Operations of one call of the subject. */
  get operationsPerCall(): number {
    return this.#batch ?? 1;
  }

  /** Calls the subject. @throws AlphaPulseError SUBJECT_FAILED */
  run(calls: number): void {
    if (this.#next + calls > ORDINAL_MAX) this.#next = 0;
    const first = this.#next;
    this.#next += calls;
    try {
      consume(this.#loop(first, first + calls));
    } catch (error) {
      throw this.#failure(error);
    }
  }

  #try(work: () => unknown): unknown {
    try {
      return work();
    } catch (error) {
      throw this.#failure(error);
    }
  }

  #failure(error: unknown): AlphaPulseError {
    const said = error instanceof Error ? error.message : String(error);
    return new AlphaPulseError("SUBJECT_FAILED", `${this.#where()} threw: ${said}`, { cause: error });
  }

  #bad(detail: string): AlphaPulseError {
    return new AlphaPulseError("BAD_SUBJECT", `${this.#where()} ${detail}`);
  }

  #where(): string {
    return `comparison "${this.#comparison}": subject "${this.name}"`;
  }
}

function loopOf(subject: Subject, batch: number | undefined): Loop {
  try {
    const text = `${LOOP}\n// ${loopCount++}`; // the engine keeps what it learnt by text
    return new Function("subject", "batch", "kept", text)(subject, batch, kept) as Loop;
  } catch {
    return sharedLoop(subject, batch); // no code may be made from text here
  }
}

function sharedLoop(subject: Subject, batch: number | undefined): Loop {
  return (first, end) => {
    let sum = 0;
    for (let i = first; i < end; i++) {
      const result = subject(batch === undefined ? i : batch);
      if (typeof result === "number") sum = (sum + result) | 0;
      else kept.result = result;
    }
    return sum;
  };
}
