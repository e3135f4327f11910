import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { BroadcastProducer, BroadcastReader, type Loss } from "../../src/rings/broadcast.js";
import { allocateRing } from "../../src/rings/memory.js";
import { CAPACITY, isRecordOf, OFFSET, position, RECORD_MAX, recordOf, wrapsBetween } from "./records.js";

interface Published {
  readonly begin: bigint;
  readonly end: bigint;
  readonly byteLength: number;
}

/** What a producer published, at positions that never wrap. */
class Model {
  readonly records: Published[] = [];
  tail: bigint;
  staged = 0;

  constructor(start: bigint) {
    this.tail = start;
  }

  add(byteLength: number): void {
    const needed = BigInt(Math.ceil((byteLength + 8) / 8) * 8);
    const toEnd = BigInt(CAPACITY) - (this.tail % BigInt(CAPACITY));
    const begin = this.tail + (toEnd < needed ? toEnd : 0n);
    this.tail = begin + needed;
    this.records.push({ begin, end: this.tail, byteLength });
  }
}

/** A reader, beside an account of what it was given and what it was told that it lost. */
class Witness {
  readonly reader: BroadcastReader;
  readonly #model: Model;
  readonly #reached: Record<string, number>;
  /** The next record that it is to be given, and where it stands. */
  #next: number;
  #at: bigint;
  #lost: Loss | undefined;
  #isBehind = false;

  constructor(memory: SharedArrayBuffer, model: Model, published: number, reached: Record<string, number>) {
    this.#model = model;
    this.#reached = reached;
    this.#next = published;
    this.reader = new BroadcastReader(memory, {
      lost: (loss) => {
        expect(this.#isBehind).toBe(true); // never without need
        this.#lost = loss;
        this.#count("overrun");
      },
    });
    this.#at = this.reader.position;
  }

  poll(limit: number, throwAt = -1): number {
    // It may be told early, by what the producer announces to write next.
    this.#isBehind = Number(this.#model.tail - this.#at) + CAPACITY / 16 + RECORD_MAX + 8 > CAPACITY;
    let count = 0;
    const poll = (): number =>
      this.reader.poll((buffer, offset, byteLength) => {
        if (this.#lost !== undefined) this.#skip(this.#lost);
        const { begin, end, byteLength: wanted } = this.#model.records[this.#next] as Published;
        expect(byteLength).toBe(wanted);
        expect(isRecordOf(this.#next, buffer, offset, byteLength)).toBe(true);
        if (begin !== this.#at) this.#count("padded");
        expect(this.reader.position).toBe(end);
        this.#at = end;
        this.#next++;
        if (count++ === throwAt) throw new Error("boom");
      }, limit);
    if (throwAt < 0) return poll();
    try {
      poll();
    } catch (error) {
      expect(error).toEqual(new Error("boom"));
      this.#count("threw");
    }
    return count;
  }

  /** Reads what is left. All that was published was given or is accounted for. */
  finish(): void {
    while (this.poll(7) > 0);
    expect(this.#next).toBe(this.#model.records.length);
    expect(this.reader.hasRecords).toBe(false);
    expect(this.reader.position).toBe(this.#model.tail);
  }

  #skip({ records, bytes }: Loss): void {
    expect(records).toBeGreaterThan(0n);
    // Padding before the first lost record may have been passed already.
    const from = [this.#at, this.#model.records[this.#next]?.begin];
    this.#next += Number(records);
    this.#at = this.#model.records[this.#next]?.begin as bigint;
    expect(from).toContain(this.#at - bytes);
    this.#lost = undefined;
  }

  #count(what: string): void {
    this.#reached[what] = (this.#reached[what] ?? 0) + 1;
  }
}

const of = (kind: string, weight: number, max: number) => ({
  weight,
  arbitrary: fc.record({ kind: fc.constant(kind), size: fc.nat(max) }),
});
const step = fc.oneof(
  of("offer", 8, RECORD_MAX),
  of("stage", 3, RECORD_MAX),
  of("commit", 3, RECORD_MAX),
  of("abort", 1, RECORD_MAX),
  of("poll", 3, 9),
  { weight: 1, arbitrary: fc.constant({ kind: "throw", size: 5 }) },
  of("join", 1, 0),
  of("burst", 1, 30),
  of("reattach", 1, 0),
);

test("readers are given each record whole and in order, or told exactly how many records and bytes they lost", () => {
  const reached: Record<string, number> = {};
  const count = (what: string): void => {
    reached[what] = (reached[what] ?? 0) + 1;
  };
  fc.assert(
    fc.property(position, fc.array(step, { minLength: 1, maxLength: 200, size: "max" }), (start, steps) => {
      const memory = allocateRing("broadcast", { capacityBytes: CAPACITY, position: start });
      const model = new Model(start);
      let producer = new BroadcastProducer(memory);
      const witnesses = [new Witness(memory, model, 0, reached)];
      const offer = (byteLength: number): void => {
        const record = recordOf(model.records.length, byteLength);
        expect(producer.offer(record, OFFSET, byteLength)).toBe("sent");
        model.add(byteLength);
      };
      for (const { kind, size } of steps) {
        count(kind);
        if (kind === "offer") offer(size);
        else if (kind === "burst") for (let i = 0; i < size; i++) offer((i * 37) % RECORD_MAX);
        else if (kind === "stage") {
          expect(producer.stage(recordOf(model.records.length, size), OFFSET, size)).toBe("sent");
          model.add(size);
          offer(3); // with the one before
        } else if (kind === "commit") {
          const at = producer.tryClaim(size);
          producer.buffer.bytes.set(recordOf(model.records.length, size).bytes.subarray(OFFSET, OFFSET + size), at);
          producer.commit();
          model.add(size);
        } else if (kind === "abort") {
          producer.tryClaim(size);
          producer.abort();
        } else if (kind === "join") {
          if (witnesses.length < 4) witnesses.push(new Witness(memory, model, model.records.length, reached));
        } else if (kind === "reattach") {
          producer.vacate();
          producer = new BroadcastProducer(memory);
        } else {
          for (const witness of witnesses) witness.poll(size, kind === "throw" ? 0 : -1);
        }
        expect(producer.position).toBe(model.tail);
      }
      producer.close();
      expect(producer.offer(recordOf(0, 8), OFFSET, 8)).toBe("closed");
      for (const witness of witnesses) witness.finish();
      for (const bits of wrapsBetween(start, model.tail)) count(`passed 2^${bits}`);
    }),
    { numRuns: 150 },
  );
  const wraps = [31, 32, 53].map((bits) => `passed 2^${bits}`);
  const wanted = ["overrun", "padded", "threw", "join", "abort", "commit", "reattach", ...wraps];
  expect(wanted.filter((what) => (reached[what] ?? 0) <= 3)).toEqual([]);
});

describe("a broadcast ring", () => {
  test("never makes its producer wait for a reader", () => {
    const memory = allocateRing("broadcast", { capacityBytes: CAPACITY });
    const producer = new BroadcastProducer(memory);
    const losses: Loss[] = [];
    const reader = new BroadcastReader(memory, { lost: (loss) => losses.push(loss) });
    for (let n = 0; n < 1_000; n++) expect(producer.offer(recordOf(n, 8), OFFSET, 8)).toBe("sent");
    expect(reader.poll(() => {}, 100)).toBe(1);
    expect(losses).toEqual([{ records: 999n, bytes: 999n * 16n }]);
    expect([reader.lostRecords, reader.lostBytes]).toEqual([999n, 999n * 16n]);
  });

  test("gives a reader that joins only what is published after", () => {
    const memory = allocateRing("broadcast", { capacityBytes: CAPACITY });
    const producer = new BroadcastProducer(memory);
    for (let n = 0; n < 100; n++) producer.offer(recordOf(n, 8), OFFSET, 8);
    const reader = new BroadcastReader(memory, { lost: () => expect.unreachable() });
    expect(reader.poll(() => {}, 100)).toBe(0);
    producer.offer(recordOf(100, 8), OFFSET, 8);
    expect(reader.poll((buffer, at, length) => expect(isRecordOf(100, buffer, at, length)).toBe(true), 100)).toBe(1);
  });
});
