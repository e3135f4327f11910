import type { Limits, Scenario } from "./explore.js";
import type { Change, ModelRings } from "./machine.js";
import { broadcast, mpsc, spsc } from "./scenarios.js";

/** A scenario by its name, and how far it is followed: in the suite, and by `npm run model`. */
export interface Case {
  make(rings: ModelRings): Scenario;
  /** Without a limit it is exhaustive. */
  readonly limits?: Limits;
  readonly deep?: Limits;
}

/** Positions carry into their high halves here. */
const CARRY = 2n ** 32n;
const bounded = (preemptionsMax: number): Limits => ({ preemptionsMax });

/** Payloads are in words; capacities of a few records, so that all of them are full, wrapped and padded. */
export const CASES = {
  "spsc, full and carrying": {
    make: (rings) => spsc(rings, { capacity: 32, sizes: [2, 2, 2, 2, 2], position: CARRY - 16n }),
  },
  "spsc, padded, in batches": {
    make: (rings) => spsc(rings, { capacity: 64, sizes: [4, 4, 4, 2], batch: 2, limit: 1 }),
  },
  "spsc, producer killed": {
    make: (rings) => spsc(rings, { capacity: 16, sizes: [0, 0, 0, 0], position: CARRY - 8n, mortal: "producer" }),
  },
  "spsc, consumer killed": {
    make: (rings) => spsc(rings, { capacity: 16, sizes: [0, 0, 0, 0], position: CARRY - 8n, mortal: "consumer" }),
  },
  "mpsc, two claims": {
    make: (rings) => mpsc(rings, { capacity: 16, producers: [[0], [0]] }),
  },
  "mpsc, whole laps": {
    make: (rings) => mpsc(rings, { capacity: 16, producers: [[0, 0, 0], [0]], position: CARRY - 8n }),
    limits: bounded(2),
    deep: bounded(5),
  },
  "mpsc, padded": {
    make: (rings) => mpsc(rings, { capacity: 32, producers: [[0, 2], [2]], position: CARRY - 16n }),
    limits: bounded(2),
    deep: bounded(5),
  },
  "mpsc, closed": {
    make: (rings) => mpsc(rings, { capacity: 16, producers: [[0]], closes: true }),
  },
  "mpsc, producer killed": {
    make: (rings) => mpsc(rings, { capacity: 16, producers: [[0, 0], [0]], position: CARRY - 8n, mortal: "producer" }),
    limits: bounded(2),
    deep: bounded(4),
  },
  "mpsc, producer killed and replaced": {
    make: (rings) =>
      mpsc(rings, { capacity: 32, producers: [[1], [1]], position: CARRY - 16n, mortal: "producer", heir: [1] }),
    limits: bounded(1),
    deep: bounded(4),
  },
  "mpsc, consumer killed": {
    make: (rings) => mpsc(rings, { capacity: 16, producers: [[0, 0], [0]], position: CARRY - 8n, mortal: "consumer" }),
    limits: bounded(2),
    deep: bounded(4),
  },
  "broadcast, overrun": {
    make: (rings) => broadcast(rings, { capacity: 32, sizes: [0, 0, 0, 0, 0] }),
  },
  "broadcast, torn": {
    make: (rings) => broadcast(rings, { capacity: 32, sizes: [2, 2, 2, 2], position: CARRY - 32n }),
    limits: bounded(2),
    deep: bounded(3),
  },
  "broadcast, padded, producer killed": {
    make: (rings) => broadcast(rings, { capacity: 64, sizes: [2, 4, 2, 4], position: CARRY - 24n, mortal: "producer" }),
    limits: bounded(1),
    deep: bounded(3),
  },
  "broadcast, joined late": {
    make: (rings) => broadcast(rings, { capacity: 32, sizes: [0, 2, 0, 2, 0], position: CARRY - 32n, joins: true }),
    limits: bounded(2),
    deep: bounded(4),
  },
} as const satisfies Readonly<Record<string, Case>>;

/** A fault that the model must find, and the case in which it does. */
export interface Mutant extends Change {
  readonly fault: string;
  readonly caughtBy: keyof typeof CASES;
}

const SINGLE = "single-producer.ts";
const PRODUCER = "mpsc-producer.ts";
const CONSUMER = "mpsc-consumer.ts";
const BROADCAST = "broadcast.ts";
const COPY = "    } else this.#copyShort(source.view, offset, byteLength, at + RECORD_HEADER_BYTES);\n";
const APPEND = "    this.#append(at, byteLength);\n";
const COPY_OUT = "copyWords(this.words, RECORDS_INDEX + (at >> 2), this.#copyWords, count >> 2);";
const FILL = "    this.#fill(from, (this.#head - from) | 0);\n";
const MOVE = "    this.#freed.move(this.#head);\n";
const STORE_FREED = "    Atomics.store(this.words, FREED_WORD, this.#head);\n";

/** Faults that somebody could make in good faith. */
export const MUTANTS: readonly Mutant[] = [
  {
    fault: "a record is published before it is copied",
    file: SINGLE,
    from: COPY + APPEND,
    to: `    } else {\n  ${APPEND}    this.publish();\n  ${COPY.replace("} else ", "")}      return "sent";\n    }\n${APPEND}`,
    caughtBy: "spsc, full and carrying",
  },
  {
    fault: "TAIL is stored, and the sleeper's bit was looked at before",
    file: SINGLE,
    from: "const was = Atomics.exchange(words, TAIL_WORD, tail);",
    to: "const was = Atomics.load(words, TAIL_WORD); Atomics.store(words, TAIL_WORD, tail);",
    caughtBy: "spsc, full and carrying",
  },
  {
    fault: "nobody is woken",
    file: SINGLE,
    from: "if ((was & SLEEPER) !== 0) this.memory.wake(words, TAIL_WORD);",
    to: "",
    caughtBy: "spsc, full and carrying",
  },
  {
    fault: "a reader falls asleep in a ring that was closed meanwhile",
    file: "reader.ts",
    from: "return word < 0 || Atomics.load(this.words, CLOSED_WORD) === 1 ? -1 : word;",
    to: "return word;",
    caughtBy: "mpsc, closed",
  },
  {
    fault: "a sleeping producer is forgotten where there is not yet room enough",
    file: "room.ts",
    from: "else Atomics.or(words, HEAD_WORD, SLEEPER);",
    to: "",
    caughtBy: "spsc, padded, in batches",
  },
  {
    fault: "a record is given back before it is handed over",
    file: "spsc.ts",
    from: "    handler(buffer,",
    to: "    this.#freed.move(this.#head);\n    handler(buffer,",
    caughtBy: "spsc, full and carrying",
  },
  {
    fault: "padding is not written",
    file: SINGLE,
    from: "this.buffer.view.setInt32(at, recordWord(PADDING, bytes), true);",
    to: "",
    caughtBy: "spsc, padded, in batches",
  },
  {
    fault: "an heir does not count what was published and not yet counted",
    file: SINGLE,
    from: "    this.#recover();\n",
    to: "",
    caughtBy: "spsc, producer killed",
  },
  {
    fault: "an heir does not make a carry whole",
    file: SINGLE,
    from: "for (const word of [TAIL_WORD, LATEST_WORD, RECORDS_WORD]) repair(words, word);",
    to: "",
    caughtBy: "broadcast, padded, producer killed",
  },
  {
    fault: "TAIL is not looked at again behind the word that it leads to",
    file: PRODUCER,
    from: "if (Atomics.load(words, TAIL_WORD) !== tail) return false;",
    to: "",
    caughtBy: "mpsc, whole laps",
  },
  {
    fault: "a claim forgets who sleeps on its word",
    file: PRODUCER,
    from: "word | sleeper) !== free",
    to: "word) !== free",
    caughtBy: "mpsc, two claims",
  },
  {
    fault: "an heir gives up a dead claim on which the consumer fell asleep",
    file: PRODUCER,
    from: "if (isMine && !unclaim(this.memory, words, index, word)) continue;",
    to: "if (isMine) unclaim(this.memory, words, index, word);",
    caughtBy: "mpsc, producer killed and replaced",
  },
  {
    fault: "an heir leaves the dead claims of its place alone",
    file: PRODUCER,
    from: "    this.#settle();\n",
    to: "",
    caughtBy: "mpsc, producer killed and replaced",
  },
  {
    fault: "room is given back before it is made free",
    file: CONSUMER,
    from: FILL + MOVE,
    to: MOVE + FILL,
    caughtBy: "mpsc, whole laps",
  },
  {
    fault: "TAIL stays behind what is made free",
    file: CONSUMER,
    from: "    this.#helpTail();\n",
    to: "",
    caughtBy: "mpsc, producer killed",
  },
  {
    fault: "free words do not say of which lap they are",
    file: CONSUMER,
    from: "const lap = this.#lapOf(from) + 1;",
    to: "const lap = 5;",
    caughtBy: "mpsc, whole laps",
  },
  {
    fault: "a poll goes round the whole ring",
    file: CONSUMER,
    from: "while (count < limit && ((this.#head - this.#freed.low) | 0) < this.capacity) {",
    to: "while (count < limit) {",
    caughtBy: "mpsc, whole laps",
  },
  {
    fault: "the claim of a producer that lives is given up",
    file: CONSUMER,
    from: "!this.memory.isOccupied(placeOf(word)) && unclaim(",
    to: "unclaim(",
    caughtBy: "mpsc, producer killed",
  },
  {
    fault: "how far memory is made free is said when it is done",
    file: CONSUMER,
    from: STORE_FREED + FILL,
    to: FILL + STORE_FREED,
    caughtBy: "mpsc, consumer killed",
  },
  {
    fault: "a consumer does not end what the one before began",
    file: CONSUMER,
    from: "    this.#finishFreeing();\n",
    to: "",
    caughtBy: "mpsc, consumer killed",
  },
  {
    fault: "a reader looks for an overrun before it copies, and not after",
    file: BROADCAST,
    from: `${COPY_OUT}\n        if (!this.#isOverwritten()) {`,
    to: `const isGone = this.#isOverwritten();\n        ${COPY_OUT}\n        if (!isGone) {`,
    caughtBy: "broadcast, overrun",
  },
  {
    fault: "nobody is told that memory will be overwritten",
    file: BROADCAST,
    from: "Atomics.store(words, INTENT_WORD, intent);",
    to: "",
    caughtBy: "broadcast, overrun",
  },
  {
    fault: "the last record is taken for whole without a look",
    file: BROADCAST,
    from: "if (loadPosition(this.words, INTENT_WORD) - latest > BigInt(this.capacity)) continue;",
    to: "",
    caughtBy: "broadcast, joined late",
  },
];
