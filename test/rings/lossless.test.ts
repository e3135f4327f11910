import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { MessageBuffer } from "../../src/protocol/message-buffer.js";
import { allocateRing } from "../../src/rings/memory.js";
import { MpscConsumer } from "../../src/rings/mpsc-consumer.js";
import { MpscProducer } from "../../src/rings/mpsc-producer.js";
import { SpscConsumer, SpscProducer } from "../../src/rings/spsc.js";
import { CAPACITY, isRecordOf, OFFSET, position, RECORD_MAX, recordOf, wrapsBetween } from "./records.js";

interface Entry {
  readonly bytes: number;
  /** Which record; -1 is padding. */
  readonly n: number;
  readonly byteLength: number;
}

/** A lossless ring as one imagines it: positions that never wrap, entries in a list. */
class Model {
  readonly published: Entry[] = [];
  readonly staged: Entry[] = [];
  tail: bigint;
  head: bigint;

  /** An SPSC consumer looks for more only where it has taken all that it saw: so many entries are left of these. */
  #seen = 0;
  readonly #looksAlways: boolean;

  constructor(start: bigint, looksAlways: boolean) {
    this.tail = start;
    this.head = start;
    this.#looksAlways = looksAlways;
  }

  /** What becomes of a record, and whether padding goes before it. */
  add(n: number, byteLength: number): { readonly result: string; readonly isPadded: boolean } {
    if (byteLength > RECORD_MAX) return { result: "tooLarge", isPadded: false };
    const needed = Math.ceil((byteLength + 8) / 8) * 8;
    const toEnd = CAPACITY - Number(this.tail % BigInt(CAPACITY));
    const padding = toEnd < needed ? toEnd : 0;
    if (Number(this.tail - this.head) + padding + needed > CAPACITY)
      return { result: "backPressured", isPadded: false };
    if (padding > 0) this.#push({ bytes: padding, n: -1, byteLength: 0 });
    this.#push({ bytes: needed, n, byteLength });
    return { result: "sent", isPadded: padding > 0 };
  }

  publish(): void {
    this.published.push(...this.staged.splice(0));
  }

  /** The records that a poll of so many gives. */
  take(limit: number): Entry[] {
    const taken: Entry[] = [];
    this.look();
    while (taken.length < limit && this.#seen > 0) {
      const entry = this.published.shift() as Entry;
      this.#seen--;
      this.head += BigInt(entry.bytes);
      if (entry.n >= 0) taken.push(entry);
    }
    return taken;
  }

  /** The records that the next poll can give. */
  look(): number {
    if (this.#seen === 0 || this.#looksAlways) this.#seen = this.published.length;
    return this.published.slice(0, this.#seen).filter(({ n }) => n >= 0).length;
  }

  /** A new consumer has seen nothing. */
  forget(): void {
    this.#seen = 0;
  }

  #push(entry: Entry): void {
    this.staged.push(entry);
    this.tail += BigInt(entry.bytes);
  }
}

const STAGED_BYTES_MAX = CAPACITY / 4;
const size = fc.integer({ min: 0, max: RECORD_MAX + 4 });
const of = (kind: string, weight: number, sizes: fc.Arbitrary<number>) => ({
  weight,
  arbitrary: fc.record({ kind: fc.constant(kind), size: sizes }),
});
const step = fc.oneof(
  of("offer", 6, size),
  of("stage", 4, size),
  of("publish", 1, fc.constant(0)),
  of("commit", 3, size),
  of("abort", 1, size),
  of("poll", 3, fc.nat(12)),
  of("throw", 1, fc.nat(5)),
  of("reattach", 1, fc.constant(0)),
);
const steps = fc.array(step, { minLength: 1, maxLength: 200, size: "max" });

const KINDS = {
  spsc: { producer: SpscProducer, consumer: SpscConsumer },
  mpsc: { producer: MpscProducer, consumer: MpscConsumer },
} as const;

/** One ring, beside the one that it must be like. */
class Pair {
  readonly reached: Record<string, number>;
  readonly model: Model;
  readonly #kind: keyof typeof KINDS;
  readonly #memory: SharedArrayBuffer;
  producer: SpscProducer | MpscProducer;
  consumer: SpscConsumer | MpscConsumer;
  #offered = 0;

  constructor(kind: keyof typeof KINDS, start: bigint, reached: Record<string, number>) {
    this.#kind = kind;
    this.reached = reached;
    this.model = new Model(start, kind === "mpsc");
    this.#memory = allocateRing(kind, { capacityBytes: CAPACITY, position: start });
    this.producer = new KINDS[kind].producer(this.#memory);
    this.consumer = new KINDS[kind].consumer(this.#memory);
  }

  run(kind: string, size: number): void {
    if (kind === "offer" || kind === "stage") this.#send(kind, size);
    else if (kind === "publish") this.#publish();
    else if (kind === "commit") this.#claim(size, true);
    else if (kind === "abort") this.#claim(size, false);
    else if (kind === "poll") this.#poll(size);
    else if (kind === "throw") this.#throw(size);
    else this.#reattach();
    expect(this.consumer.hasRecords).toBe(this.model.published.length > 0);
    expect(this.consumer.position).toBe(this.model.head);
  }

  count(what: string): void {
    this.reached[what] = (this.reached[what] ?? 0) + 1;
  }

  #send(kind: "offer" | "stage", byteLength: number): void {
    const { producer, model } = this;
    const { result, isPadded } = model.add(this.#offered, byteLength);
    const record = recordOf(this.#offered, byteLength);
    const isStaged = kind === "stage" && producer instanceof SpscProducer;
    const got = isStaged ? producer.stage(record, OFFSET, byteLength) : producer.offer(record, OFFSET, byteLength);
    expect(got).toBe(result);
    const stagedBytes = model.staged.reduce((sum, { bytes }) => sum + bytes, 0);
    // What is too large is refused at once; what finds no room publishes what was staged before.
    if (result === "sent" ? !isStaged || stagedBytes > STAGED_BYTES_MAX : result === "backPressured") model.publish();
    if (result === "sent") this.#offered++;
    this.count(result);
    if (isPadded) this.count("padded");
    if (result === "sent" && byteLength === 0) this.count("empty record");
  }

  #publish(): void {
    if (this.producer instanceof SpscProducer) this.producer.publish();
    this.model.publish();
  }

  #claim(byteLength: number, isCommitted: boolean): void {
    const { producer, model } = this;
    const tail = model.tail;
    const { result } = model.add(isCommitted ? this.#offered : -1, byteLength);
    const at = producer.tryClaim(byteLength);
    expect(at >= 0 ? "sent" : producer.refusal).toBe(result);
    if (at < 0) {
      if (result === "backPressured") model.publish();
      return;
    }
    const record = recordOf(this.#offered, byteLength);
    producer.buffer.bytes.set(record.bytes.subarray(OFFSET, OFFSET + byteLength), at);
    if (isCommitted) {
      this.#offered++;
      producer.commit();
      model.publish();
      return;
    }
    producer.abort();
    this.count("aborted");
    if (producer instanceof MpscProducer) model.publish();
    else {
      // It takes no room: neither the record nor the padding before it.
      while (model.tail > tail) model.tail -= BigInt(model.staged.pop()?.bytes ?? 0);
    }
  }

  #poll(limit: number): void {
    const wanted = this.model.take(limit);
    const handler = this.#expecting(wanted);
    expect(this.consumer.poll(handler, limit)).toBe(wanted.length);
    if (wanted.length > 0 && this.model.published.length === 0) this.count("emptied");
  }

  #throw(after: number): void {
    if (this.model.look() <= after) return this.#poll(1_000);
    const wanted = this.model.take(after + 1);
    const handler = this.#expecting(wanted);
    let left = wanted.length;
    expect(() =>
      this.consumer.poll((buffer, offset, byteLength) => {
        handler(buffer, offset, byteLength);
        if (--left === 0) throw new Error("boom");
      }, 1_000),
    ).toThrow("boom");
    this.count("threw");
  }

  #expecting(wanted: readonly Entry[]) {
    const entries = wanted.slice();
    return (buffer: MessageBuffer, offset: number, byteLength: number): void => {
      const entry = entries.shift();
      expect(byteLength).toBe(entry?.byteLength);
      expect(isRecordOf(entry?.n as number, buffer, offset, byteLength)).toBe(true);
    };
  }

  /** Whoever comes later to the same memory goes on where the other one was. What was staged is gone. */
  #reattach(): void {
    const { producer: Producer, consumer: Consumer } = KINDS[this.#kind];
    this.model.publish(); // nothing that was staged is lost
    this.producer.vacate();
    this.consumer.vacate();
    this.producer = new Producer(this.#memory);
    this.consumer = new Consumer(this.#memory);
    this.model.forget();
    this.count("reattached");
  }

  close(): void {
    this.producer.close();
    this.model.publish();
    expect(this.producer.offer(recordOf(0, 8), OFFSET, 8)).toBe("closed");
    while (this.model.published.length > 0) this.#poll(1_000);
    expect(this.consumer.wait()).toBe(false);
  }
}

describe.each(["spsc", "mpsc"] as const)("an %s ring", (kind) => {
  test("gives each record once, whole and in order, and refuses exactly what it has no room for", () => {
    const reached: Record<string, number> = {};
    fc.assert(
      fc.property(position, steps, (start, all) => {
        const pair = new Pair(kind, start, reached);
        for (const { kind: what, size: n } of all) pair.run(what, n);
        pair.close();
        for (const bits of wrapsBetween(start, pair.model.tail)) pair.count(`passed 2^${bits}`);
      }),
      { numRuns: 150 },
    );
    const wraps = [31, 32, 53].map((bits) => `passed 2^${bits}`);
    const branches = ["sent", "backPressured", "tooLarge", "padded", "empty record", "aborted", "emptied", "threw"];
    const rare = [...branches, ...wraps, "reattached"].filter((what) => (reached[what] ?? 0) <= 3);
    expect(rare).toEqual([]);
  });

  test("has room for seven of the longest records wherever it stands", () => {
    for (let from = 0n; from < CAPACITY; from += 8n) {
      const memory = allocateRing(kind, { capacityBytes: CAPACITY, position: from });
      const producer = new KINDS[kind].producer(memory);
      const consumer = new KINDS[kind].consumer(memory);
      for (let round = 0; round < 3; round++) {
        for (let n = 0; n < 7; n++) expect(producer.offer(recordOf(n, RECORD_MAX), OFFSET, RECORD_MAX)).toBe("sent");
        expect(consumer.poll(() => {}, 100)).toBe(7);
      }
    }
  });

  test("that is full to the last byte is emptied by one poll, and takes as much again", () => {
    const memory = allocateRing(kind, { capacityBytes: CAPACITY });
    const producer = new KINDS[kind].producer(memory);
    const consumer = new KINDS[kind].consumer(memory);
    for (let round = 0; round < 3; round++) {
      let count = 0;
      while (producer.offer(recordOf(count, 8), OFFSET, 8) === "sent") count++;
      expect(count).toBe(CAPACITY / 16);
      expect(consumer.poll(() => {}, 1_000)).toBe(count);
    }
  });

  test.each([-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, -(2 ** 32)])(
    "takes no record of %s bytes",
    (byteLength) => {
      const producer = new KINDS[kind].producer(allocateRing(kind, { capacityBytes: CAPACITY }));
      expect(() => producer.offer(recordOf(0, 8), 0, byteLength)).toThrow(
        expect.objectContaining({ code: "BAD_OPTION" }),
      );
      expect(() => producer.tryClaim(byteLength)).toThrow(expect.objectContaining({ code: "BAD_OPTION" }));
      expect(producer.offer(recordOf(0, 8), 0, 8)).toBe("sent");
    },
  );
});
