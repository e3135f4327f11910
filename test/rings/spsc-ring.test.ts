import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { AlphaPulseError } from "../../src/protocol/errors.js";
import { messageBuffer } from "../../src/protocol/message-buffer.js";
import {
  allocateRing,
  CAPACITY_WORD,
  HEAD_WORD,
  MAGIC_WORD,
  RING_HEADER_BYTES,
  recordBytes,
  ringCapacity,
  TAIL_WORD,
  VERSION_WORD,
} from "../../src/rings/spsc-layout.js";
import { closeRing, doorbellOf, SpscConsumer, SpscProducer } from "../../src/rings/spsc-ring.js";

const CAPACITY = 1_024;
const RECORD_MAX = CAPACITY / 8 - 8;

/** A ring whose positions begin here: both sides look at the words when they are made. */
function ringAt(position: number, capacity = CAPACITY) {
  const memory = allocateRing(capacity);
  const words = new Int32Array(memory);
  words[TAIL_WORD] = position | 0;
  words[HEAD_WORD] = position | 0;
  return { memory, words, producer: new SpscProducer(memory), consumer: new SpscConsumer(memory) };
}

/** Record `n` of a size, recognisable in every byte, within a larger memory. */
function recordOf(n: number, byteLength: number) {
  const bytes = new Uint8Array(byteLength + 5).fill(0xee);
  for (let i = 0; i < byteLength; i++) bytes[3 + i] = (n * 31 + i) & 255;
  return messageBuffer(bytes);
}

const offer = (producer: SpscProducer, n: number, byteLength: number) =>
  producer.offer(recordOf(n, byteLength), 3, byteLength);

/** A ring as one imagines it: positions that never wrap. */
class Model {
  readonly waiting: { readonly n: number; readonly byteLength: number; readonly end: number }[] = [];
  tail: number;
  head: number;

  constructor(start: number) {
    this.tail = start;
    this.head = start;
  }

  offer(n: number, byteLength: number): { result: string; isPadded: boolean } {
    if (byteLength > RECORD_MAX) return { result: "tooLarge", isPadded: false };
    const needed = Math.ceil((byteLength + 8) / 8) * 8;
    const toEnd = CAPACITY - (this.tail % CAPACITY);
    const padding = toEnd < needed ? toEnd : 0;
    if (this.tail - this.head + padding + needed > CAPACITY) return { result: "backPressured", isPadded: false };
    this.tail += padding + needed;
    this.waiting.push({ n, byteLength, end: this.tail });
    return { result: "sent", isPadded: padding > 0 };
  }

  take(): { readonly n: number; readonly byteLength: number; readonly end: number } | undefined {
    const next = this.waiting.shift();
    if (next !== undefined) this.head = next.end;
    return next;
  }
}

const step = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({ kind: fc.constant("offer" as const), size: fc.integer({ min: 0, max: RECORD_MAX + 4 }) }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("poll" as const), size: fc.nat(12) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("throw" as const), size: fc.nat(5) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("reopen" as const), size: fc.constant(0) }) },
);

const start = fc.oneof(
  fc.constant(0),
  fc.nat(60).map((n) => 2 ** 31 - n * 8),
  fc.nat(60).map((n) => 2 ** 32 - n * 8),
  fc.nat(2 ** 29 - 1).map((n) => n * 8),
);

test("a ring gives each record once, whole and in order, and refuses exactly what it has no room for", () => {
  const reached = { padded: 0, full: 0, tooLarge: 0, threw: 0, wrapped31: 0, wrapped32: 0, emptied: 0, zero: 0 };
  fc.assert(
    fc.property(start, fc.array(step, { minLength: 1, maxLength: 200, size: "max" }), (from, steps) => {
      const ring = ringAt(from);
      let { producer, consumer } = ring;
      const model = new Model(from);
      const got: string[] = [];
      const wanted: string[] = [];
      let offered = 0;
      let throwAt = -1;
      const handler = (
        { bytes, view }: { bytes: Uint8Array; view: DataView },
        offset: number,
        byteLength: number,
      ): void => {
        expect(view.byteLength).toBe(bytes.byteLength);
        got.push(Buffer.from(bytes.subarray(offset, offset + byteLength)).toString("hex"));
        if (throwAt-- === 0) throw new Error("boom");
      };
      const take = (): void => {
        const { n, byteLength } = model.take() as { n: number; byteLength: number };
        wanted.push(Buffer.from(recordOf(n, byteLength).bytes.subarray(3, 3 + byteLength)).toString("hex"));
      };
      for (const { kind, size } of steps) {
        if (kind === "offer") {
          const { result, isPadded } = model.offer(offered, size);
          expect(offer(producer, offered, size)).toBe(result);
          if (result === "sent") offered++;
          if (isPadded) reached.padded++;
          if (result === "backPressured") reached.full++;
          if (result === "tooLarge") reached.tooLarge++;
          if (result === "sent" && size === 0) reached.zero++;
        } else if (kind === "poll") {
          const count = Math.min(size, model.waiting.length);
          throwAt = -1;
          expect(consumer.poll(handler, size)).toBe(count);
          for (let i = 0; i < count; i++) take();
          if (count > 0 && model.waiting.length === 0) reached.emptied++;
        } else if (kind === "throw") {
          throwAt = size;
          const willThrow = size < model.waiting.length;
          if (willThrow) {
            expect(() => consumer.poll(handler, 1_000)).toThrow("boom");
            reached.threw++;
          } else consumer.poll(handler, 1_000);
          for (let i = willThrow ? size + 1 : model.waiting.length; i > 0; i--) take();
        } else {
          // Whoever comes later to the same memory goes on where the other one was.
          producer = new SpscProducer(ring.memory);
          consumer = new SpscConsumer(ring.memory);
        }
        expect(got.splice(0)).toEqual(wanted.splice(0));
        expect(consumer.hasRecords).toBe(model.waiting.length > 0);
        expect(producer.pendingBytes).toBe(model.tail - model.head);
      }
      if (from < 2 ** 31 && model.tail >= 2 ** 31) reached.wrapped31++;
      if (from < 2 ** 32 && model.tail >= 2 ** 32) reached.wrapped32++;
    }),
    { numRuns: 150 },
  );
  expect(Math.min(...Object.values(reached))).toBeGreaterThan(3);
});

describe("a ring", () => {
  test("that was closed still gives what was sent, and takes nothing more", () => {
    const { memory, producer, consumer } = ringAt(0);
    expect(offer(producer, 1, 10)).toBe("sent");
    const before = Atomics.load(doorbellOf(memory), 0);
    closeRing(memory);
    expect(Atomics.load(doorbellOf(memory), 0)).toBe(before + 1); // both sides are woken
    expect([producer.isClosed, consumer.isClosed]).toEqual([true, true]);
    expect(offer(producer, 2, 10)).toBe("closed");
    expect(offer(producer, 2, RECORD_MAX + 1)).toBe("tooLarge");
    expect(consumer.poll(() => {}, 10)).toBe(1);
    expect(consumer.hasRecords).toBe(false);
  });

  test("that is full and closed says closed: nobody waits for room that never comes", () => {
    const { memory, producer } = ringAt(0);
    while (offer(producer, 1, 100) === "sent");
    closeRing(memory);
    expect(offer(producer, 2, 100)).toBe("closed");
  });

  test("wakes its producer when half of it is free, if asked, and then no more", () => {
    const { memory, producer, consumer } = ringAt(0);
    const bell = doorbellOf(memory);
    let sent = 0;
    while (offer(producer, 1, 56) === "sent") sent++; // 64 bytes a record
    expect(sent).toBe(CAPACITY / 64);
    expect(producer.awaitRoom()).toBe(true);
    const before = Atomics.load(bell, 0);
    consumer.poll(() => {}, sent / 2 - 1);
    expect(Atomics.load(bell, 0)).toBe(before);
    consumer.poll(() => {}, 1);
    expect(Atomics.load(bell, 0)).toBe(before + 1);
    consumer.poll(() => {}, 1);
    expect(Atomics.load(bell, 0)).toBe(before + 1);
    expect(producer.awaitRoom()).toBe(false); // there is room already
  });

  test("wakes its consumer at each record for as long as it waits, and says when one waits already", () => {
    const { memory, producer, consumer } = ringAt(0);
    const bell = doorbellOf(memory);
    const rings = (): number => Atomics.load(bell, 0);
    offer(producer, 1, 8);
    expect(rings()).toBe(0); // nobody waits
    expect(consumer.awaitRecords()).toBe(false);
    consumer.poll(() => {}, 10);
    expect(consumer.awaitRecords()).toBe(true);
    offer(producer, 2, 8);
    expect(rings()).toBe(1);
    consumer.stopAwaiting();
    offer(producer, 3, 8);
    expect(rings()).toBe(1);
  });

  test("has room for eight of the longest records wherever it stands", () => {
    for (let from = 0; from < CAPACITY; from += 8) {
      const { producer, consumer } = ringAt(from);
      expect(producer.recordBytesMax).toBe(RECORD_MAX);
      for (let round = 0; round < 3; round++) {
        for (let n = 0; n < 7; n++) expect(offer(producer, n, RECORD_MAX)).toBe("sent");
        expect(consumer.poll(() => {}, 100)).toBe(7);
      }
    }
  });
});

describe("the memory of a ring", () => {
  const codeOf = (call: () => unknown): string => {
    try {
      call();
    } catch (error) {
      if (error instanceof AlphaPulseError) return error.code;
      throw error;
    }
    return "no error";
  };

  test.each([0, 512, 1_000, 1_025, 1_024.5, -1_024, 2 ** 31, Number.NaN])(
    "cannot have a capacity of %s",
    (capacity) => {
      expect(codeOf(() => allocateRing(capacity))).toBe("BAD_OPTION");
    },
  );

  test("says itself what it is, so that other memory is refused", () => {
    const memory = allocateRing(2_048);
    expect(ringCapacity(memory)).toBe(2_048);
    expect(memory.byteLength).toBe(RING_HEADER_BYTES + 2_048);
    const spoilt = (word: number, value: number): SharedArrayBuffer => {
      const other = allocateRing(2_048);
      new Int32Array(other)[word] = value;
      return other;
    };
    for (const bad of [
      new SharedArrayBuffer(0),
      new SharedArrayBuffer(RING_HEADER_BYTES),
      new SharedArrayBuffer(8_192),
      spoilt(MAGIC_WORD, 1),
      spoilt(VERSION_WORD, 2),
      spoilt(CAPACITY_WORD, 1_024),
    ]) {
      expect(codeOf(() => new SpscProducer(bad))).toBe("BAD_RING");
      expect(codeOf(() => new SpscConsumer(bad))).toBe("BAD_RING");
    }
  });

  test("holds records at multiples of eight bytes", () => {
    expect([0, 1, 8, 9, 16, 17].map(recordBytes)).toEqual([8, 16, 16, 24, 24, 32]);
  });
});
