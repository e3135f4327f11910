import { recordBytes, TAIL_WORD } from "../../../src/rings/layout.js";
import { isAllReceived, load, must, receivedOf, receiver, ringOf, sender, witness } from "./ends.js";
import type { Scenario } from "./explore.js";
import { type ModelEnd, type ModelRings, propertyOf, type Steps } from "./machine.js";
import type { Program } from "./thread.js";

/** A ring of the model and what goes through it. */
export interface Traffic {
  readonly capacity: number;
  /** Payloads in words. */
  readonly sizes: readonly number[];
  readonly position?: bigint;
  readonly batch?: number;
  readonly limit?: number;
  /** Who may be killed at any step, once. */
  readonly mortal?: "producer" | "consumer";
}

const TAKE_OVER = { takeOver: true };

/** One sends and closes, one receives; both sleep where they can do nothing else. */
export function spsc(rings: ModelRings, traffic: Traffic): Scenario {
  const { capacity, sizes, position, mortal } = traffic;
  const ring = ringOf(rings, "spsc", capacity, position);
  const spins = mortal !== undefined;
  const heir = sender(undefined, {
    ...traffic,
    spins,
    name: "producer 2",
    attach: (state) => goOn(rings, ring.buffer, state),
  });
  const orphan = receiver(undefined, {
    ...traffic,
    name: "consumer 2",
    *attach(state) {
      state.end = yield* rings.make("SpscConsumer", ring.buffer, TAKE_OVER);
    },
  });
  return {
    memory: ring.memory,
    timesOut: mortal !== undefined,
    threads: [
      sender(ring.end("SpscProducer"), { ...traffic, spins, ...(mortal === "producer" ? { successor: heir } : {}) }),
      receiver(ring.end("SpscConsumer"), { ...traffic, ...(mortal === "consumer" ? { successor: orphan } : {}) }),
    ],
    check: (_, memory) => must(receivedOf(memory, 0) === sizes.length, `${receivedOf(memory, 0)} records came`),
  };
}

/** Takes the place of a producer that was killed: what was published by then is counted in the ring. */
function* goOn(
  rings: ModelRings,
  buffer: SharedArrayBuffer,
  state: { end: ModelEnd | undefined; n: number },
  kind = "Spsc",
): Steps<void> {
  const end = yield* rings.make(`${kind}Producer`, buffer, TAKE_OVER);
  state.end = end;
  state.n = end["$SingleProducer$records"] as unknown as number;
}

/** One sends and closes, others receive what they can, and know exactly what they lost. */
export function broadcast(rings: ModelRings, traffic: Traffic & { readonly joins?: boolean }): Scenario {
  const { capacity, sizes, position = 0n, mortal, limit = 10, joins = false } = traffic;
  const ring = ringOf(rings, "broadcast", capacity, position);
  const ends = endsOf(capacity, sizes, position);
  const heir = sender(undefined, {
    ...traffic,
    name: "producer 2",
    attach: (state) => goOn(rings, ring.buffer, state, "Broadcast"),
  });
  const lost = () => {};
  return {
    memory: ring.memory,
    timesOut: mortal !== undefined,
    threads: [
      sender(ring.end("BroadcastProducer"), { ...traffic, ...(mortal === "producer" ? { successor: heir } : {}) }),
      witness(joins ? undefined : ring.end("BroadcastReader", { lost }), {
        limit,
        ends,
        joins,
        *attach(state) {
          state.end = yield* rings.make("BroadcastReader", ring.buffer, { lost });
        },
      }),
    ],
  };
}

/** Where each record ends. */
function endsOf(capacity: number, sizes: readonly number[], position: bigint): bigint[] {
  let at = position;
  return sizes.map((words) => {
    const bytes = BigInt(recordBytes(words * 4));
    const toEnd = BigInt(capacity) - (at % BigInt(capacity));
    at += (bytes > toEnd ? toEnd : 0n) + bytes;
    return at;
  });
}

/** Several producers and one consumer, which ends when all of them left. */
export interface MpscTraffic extends Omit<Traffic, "sizes" | "batch"> {
  /** Payloads in words, of each producer. */
  readonly producers: readonly (readonly number[])[];
  /** What takes the place of a killed producer sends. */
  readonly heir?: readonly number[];
  /** Somebody closes the ring at any time: what was not sent by then is refused. */
  readonly closes?: boolean;
}

/** Several producers send, one consumer receives. Who may be killed is the first producer. */
export function mpsc(rings: ModelRings, traffic: MpscTraffic): Scenario {
  const { capacity, producers, position, mortal, heir = [], closes = false } = traffic;
  const ring = ringOf(rings, "mpsc", capacity, position);
  const claimMsMax = mortal === "producer" ? 0 : Number.POSITIVE_INFINITY;
  const ends = producers.map(() => ring.end("MpscProducer"));
  function* isEnd(end: ModelEnd): Steps<boolean> {
    if (closes) return false;
    if (mortal !== "producer") return yield* isAllReceived(producers);
    const memory = end["memory"] as unknown as ModelEnd;
    for (let place = 0; place < producers.length; place++) if (yield* memory["isOccupied"]!(place)) return false;
    const position = (yield* propertyOf(end, "position")) as bigint;
    return (yield* load(TAIL_WORD)) === Number(BigInt.asIntN(32, position));
  }
  const orphan = receiver(undefined, {
    ...traffic,
    name: "consumer 2",
    isEnd,
    *attach(state) {
      state.end = yield* rings.make("MpscConsumer", ring.buffer, { ...TAKE_OVER, claimMsMax });
    },
  });
  const after = sender(undefined, {
    name: "producer 2",
    sizes: heir,
    series: producers.length,
    spins: true,
    last: "vacate",
    *attach(state) {
      // Somebody saw that it is gone.
      yield* ((ends[0] as ModelEnd)["memory"] as unknown as ModelEnd)["vacate"]!(0);
      if (heir.length === 0) state.isDone = true;
      else state.end = yield* rings.make("MpscProducer", ring.buffer);
    },
  });
  const threads: Program[] = producers.map((sizes, series) =>
    sender(ends[series] as ModelEnd, {
      name: `producer ${"AB"[series]}`,
      sizes,
      series,
      spins: mortal !== undefined,
      last: mortal === "producer" ? "vacate" : "stay",
      ...(mortal === "producer" && series === 0 ? { successor: after } : {}),
    }),
  );
  if (closes) threads.push(sender(ring.end("MpscProducer"), { name: "closer", sizes: [] }));
  const consumer = ring.end("MpscConsumer", { claimMsMax });
  threads.push(receiver(consumer, { ...traffic, isEnd, ...(mortal === "consumer" ? { successor: orphan } : {}) }));
  return {
    memory: ring.memory,
    timesOut: mortal !== undefined,
    threads,
    check(_, memory) {
      producers.forEach(({ length }, series) => {
        const count = receivedOf(memory, series);
        const isWhole = count === length || closes || (mortal === "producer" && series === 0);
        must(isWhole, `${count} of ${length} records of producer ${series} came`);
      });
    },
  };
}
