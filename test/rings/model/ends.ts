import { allocateBuffer, type MessageBuffer } from "../../../src/protocol/message-buffer.js";
import {
  MAGIC_WORD,
  ordinalOf,
  placeOf,
  RECORD_HEADER_BYTES,
  RING_HEADER_BYTES,
  type RingKind,
} from "../../../src/rings/layout.js";
import { type Action, alone, type ModelEnd, type ModelRings, propertyOf, type Steps, wordOf } from "./machine.js";
import type { Program } from "./thread.js";

/** A ring of the model: so small that a few records wrap. */
export interface ModelRing {
  readonly rings: ModelRings;
  readonly buffer: SharedArrayBuffer;
  readonly memory: Int32Array;
  /** An end that is there from the beginning. */
  end(name: string, ...args: readonly unknown[]): ModelEnd;
}

/** An empty ring. */
export function ringOf(rings: ModelRings, kind: RingKind, capacityBytes: number, position = 0n): ModelRing {
  const buffer = new SharedArrayBuffer(RING_HEADER_BYTES + capacityBytes);
  const memory = new Int32Array(buffer);
  alone(memory, rings.call("formatRing", buffer, kind, { capacityBytes, position }));
  return { rings, buffer, memory, end: (name, ...args) => alone(memory, rings.make(name, buffer, ...args)) };
}

/** Throws where something is not as it must be. */
export function must(condition: boolean, what: string): void {
  if (!condition) throw new Error(what);
}

/** Waits for a word to change that is another one already: no interruption, but somebody else may go on. */
const LET_OTHERS_GO: Action = { kind: "wait", index: MAGIC_WORD, value: 0, other: 0 };

/** Records of one series have numbers that follow each other. */
const SERIES_COUNT = 64;
/** Words of the control block that no ring uses: how many records of each series were received by anybody. */
const RECEIVED_WORD = 48;

const wordValue = (n: number, i: number): number => 0x7000_0000 + n * 256 + i;

/** A record that nobody can mistake for another, or for a part of one. */
function recordOf(n: number, words: number): MessageBuffer {
  const record = allocateBuffer(words * 4);
  for (let i = 0; i < words; i++) record.view.setInt32(i * 4, wordValue(n, i), true);
  return record;
}

/** Reads a record whole, and throws where it is not one. Returns which one it is; without a payload, by its header. */
function* numberOf(buffer: MessageBuffer, offset: number, byteLength: number): Steps<number> {
  if (byteLength === 0) {
    const place = placeOf(yield* wordOf(buffer, offset - RECORD_HEADER_BYTES));
    return place * SERIES_COUNT + ordinalOf(yield* wordOf(buffer, offset - 4));
  }
  const first = yield* wordOf(buffer, offset);
  const n = (first - 0x7000_0000) >> 8;
  for (let i = 1; i < byteLength / 4; i++) {
    const word = yield* wordOf(buffer, offset + i * 4);
    must(word === wordValue(n, i), `a torn record: word ${i} of record ${n} is ${word.toString(16)}`);
  }
  return n;
}

/** Reads a word. */
export function* load(index: number): Steps<number> {
  return yield { kind: "load", index, value: 0, other: 0 } satisfies Action;
}

/** A record was received: it must be the next of its series, or one that came before a consumer was killed. */
function* received(n: number, repeats: boolean): Steps<void> {
  const index = RECEIVED_WORD + Math.floor(n / SERIES_COUNT);
  const count = yield* load(index);
  const i = n % SERIES_COUNT;
  must(i === count || (repeats && i < count), `record ${n} came where ${n - i + count} was to come`);
  if (i === count) yield { kind: "store", index, value: i + 1, other: 0 };
}

/** How many records of a series were received by anybody. */
export function receivedOf(memory: Int32Array, series: number): number {
  return memory[RECEIVED_WORD + series] as number;
}

/** Whether all records of all series were received. */
export function* isAllReceived(series: readonly { readonly length: number }[]): Steps<boolean> {
  for (let i = 0; i < series.length; i++) if ((yield* load(RECEIVED_WORD + i)) !== series[i]?.length) return false;
  return true;
}

/** What a producer has done. */
export interface Sender {
  end: ModelEnd | undefined;
  n: number;
  isDone: boolean;
}

/** What a producer is to do. */
export interface SendOptions {
  /** Payloads in words. */
  readonly sizes: readonly number[];
  readonly name?: string;
  readonly series?: number;
  /** Offers again and again where there is no room: a sleep that ends by itself would be as good. */
  readonly spins?: boolean;
  /** Publishes so many records at once. */
  readonly batch?: number;
  /** What it does when all is sent. */
  readonly last?: "close" | "vacate" | "stay";
  readonly successor?: Program;
  /** Makes the end, where there is none yet, and says how many records were sent already. */
  attach?(state: Sender): Steps<void>;
}

/** Offers records, waits for room where there is none, and closes or leaves. */
export function sender(end: ModelEnd | undefined, options: SendOptions): Program<Sender> {
  const { sizes, name = "producer", series = 0, batch = 1, spins = false, last = "close", successor, attach } = options;
  return {
    name,
    state: { end, n: 0, isDone: false },
    ...(successor === undefined ? {} : { successor }),
    next(state) {
      if (state.isDone) return undefined;
      if (state.end === undefined) return attach?.(state);
      return state.n < sizes.length ? send(state, state.end) : leave(state, state.end);
    },
  };
  function* send(state: Sender, by: ModelEnd): Steps<void> {
    const words = sizes[state.n] as number;
    const record = recordOf(series * SERIES_COUNT + state.n, words);
    const isLast = (state.n + 1) % batch === 0 || state.n + 1 === sizes.length;
    const result: string = yield* by[isLast ? "offer" : "stage"]!(record, 0, words * 4);
    if (result === "sent") state.n++;
    else if (result === "closed") state.n = sizes.length;
    else if (spins) yield LET_OTHERS_GO;
    else must(yield* by["waitForRoom"]!(Number.POSITIVE_INFINITY), "there was no room in all eternity");
  }
  function* leave(state: Sender, by: ModelEnd): Steps<void> {
    if (last !== "stay") yield* by[last]!();
    state.isDone = true;
  }
}

/** What a consumer has done. */
export interface Receiver {
  end: ModelEnd | undefined;
  isDone: boolean;
}

/** How a consumer goes about it. */
export interface ReceiveOptions {
  readonly limit?: number;
  readonly name?: string;
  readonly successor?: Program;
  /** Makes the end, where there is none yet. */
  attach?(state: Receiver): Steps<void>;
  /** Ends it before the ring is closed. Asked after a poll that gave nothing. */
  isEnd?(end: ModelEnd): Steps<boolean>;
}

/** Polls, and sleeps where there is nothing, until the ring is closed and empty. */
export function receiver(end: ModelEnd | undefined, options: ReceiveOptions = {}): Program<Receiver> {
  const { limit = 10, name = "consumer", successor, attach, isEnd } = options;
  const repeats = attach !== undefined; // from the last HEAD of the one before
  return {
    name,
    state: { end, isDone: false },
    ...(successor === undefined ? {} : { successor }),
    next(state) {
      if (state.isDone) return undefined;
      return state.end === undefined ? attach?.(state) : receive(state, state.end);
    },
  };
  function* receive(state: Receiver, by: ModelEnd): Steps<void> {
    let count = 0;
    function* handler(buffer: MessageBuffer, offset: number, byteLength: number): Steps<void> {
      yield* received(yield* numberOf(buffer, offset, byteLength), repeats);
      count++;
    }
    const polled: number = yield* by["poll"]!(handler, limit);
    must(polled === count, `poll said ${polled} and gave ${count}`);
    if (count > 0) return;
    const isClosed = yield* propertyOf(by, "isClosed");
    if (isClosed === true ? !(yield* propertyOf(by, "hasRecords")) : isEnd !== undefined && (yield* isEnd(by))) {
      state.isDone = true;
    } else {
      yield* by["sleep"]!(Number.POSITIVE_INFINITY);
    }
  }
}

/** What a reader of a broadcast ring has seen. */
interface Witness extends Receiver {
  /** The last record that it was given, and how many were said to be lost by then. */
  last: number;
  lost: number;
}

/** Reads a broadcast ring to its end. What it was not given, it must have been told of. */
export function witness(
  end: ModelEnd | undefined,
  options: {
    readonly limit: number;
    readonly ends: readonly bigint[];
    readonly joins: boolean;
    attach(state: Receiver): Steps<void>;
  },
): Program<Witness> {
  const { limit, ends, joins, attach } = options;
  return {
    name: "reader",
    state: { end, isDone: false, last: -1, lost: 0 },
    next(state) {
      if (state.isDone) return undefined;
      return state.end === undefined ? attach(state) : read(state, state.end);
    },
  };
  function* account(state: Witness, by: ModelEnd, next: number): Steps<void> {
    const lost = Number(yield* propertyOf(by, "lostRecords"));
    const isFirst = joins && state.last < 0; // what there was before it came is not lost
    const between = next - state.last - 1;
    must(
      isFirst || lost - state.lost === between,
      `${lost - state.lost} of ${between} records before ${next} were told of`,
    );
    const bytes = yield* propertyOf(by, "lostBytes");
    must((bytes === 0n) === (lost === 0), `${lost} records and ${bytes} bytes were lost`);
    state.last = next;
    state.lost = lost;
  }
  function* read(state: Witness, by: ModelEnd): Steps<void> {
    let count = 0;
    function* handler(buffer: MessageBuffer, offset: number, byteLength: number): Steps<void> {
      const n = yield* numberOf(buffer, offset, byteLength);
      yield* account(state, by, n);
      const position = yield* propertyOf(by, "position");
      must(position === ends[n], `record ${n} ends at ${position}, and not at ${ends[n]}`);
      count++;
    }
    yield* by["poll"]!(handler, limit);
    if (count > 0) return;
    const isClosed = yield* propertyOf(by, "isClosed");
    if (isClosed === true && !(yield* propertyOf(by, "hasRecords"))) {
      if (state.last >= 0) yield* account(state, by, ends.length);
      state.isDone = true;
    } else {
      yield* by["sleep"]!(Number.POSITIVE_INFINITY);
      yield LET_OTHERS_GO; // where it could not land it does not sleep
    }
  }
}
