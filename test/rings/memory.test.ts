import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { AlphaPulseError } from "../../src/protocol/errors.js";
import { BroadcastProducer, BroadcastReader } from "../../src/rings/broadcast.js";
import {
  CAPACITY_WORD,
  KIND_WORD,
  MAGIC_WORD,
  RING_HEADER_BYTES,
  RING_KINDS,
  recordBytes,
  TAIL_WORD,
  VERSION_WORD,
} from "../../src/rings/layout.js";
import { allocateRing, ringCapacity, ThreadMemory } from "../../src/rings/memory.js";
import { MpscConsumer } from "../../src/rings/mpsc-consumer.js";
import { MpscProducer } from "../../src/rings/mpsc-producer.js";
import { SpscConsumer, SpscProducer } from "../../src/rings/spsc.js";
import { CAPACITY, OFFSET, recordOf } from "./records.js";

const lost = (): void => {};
const ENDS = {
  spsc: [(m: SharedArrayBuffer) => new SpscProducer(m), (m: SharedArrayBuffer) => new SpscConsumer(m)],
  mpsc: [(m: SharedArrayBuffer) => new MpscProducer(m), (m: SharedArrayBuffer) => new MpscConsumer(m)],
  broadcast: [
    (m: SharedArrayBuffer) => new BroadcastProducer(m),
    (m: SharedArrayBuffer) => new BroadcastReader(m, { lost }),
  ],
} as const;

const codeOf = (call: () => unknown): string => {
  try {
    call();
  } catch (error) {
    if (error instanceof AlphaPulseError) return error.code;
    throw error;
  }
  return "no error";
};

describe("the memory of a ring", () => {
  test.each([0, 512, 1_000, 1_025, 1_024.5, -1_024, 2 ** 31, Number.NaN])("cannot have a capacity of %s", (bytes) => {
    expect(codeOf(() => allocateRing("spsc", { capacityBytes: bytes }))).toBe("BAD_OPTION");
  });

  test.each([-8n, 4n, 1n << 63n])("cannot begin at position %s", (position) => {
    expect(codeOf(() => allocateRing("spsc", { capacityBytes: CAPACITY, position }))).toBe("BAD_OPTION");
  });

  test.each(RING_KINDS)("says itself what it is, so that other memory is refused by both ends (%s)", (kind) => {
    const memory = allocateRing(kind, { capacityBytes: 2_048 });
    expect(ringCapacity(memory, kind)).toBe(2_048);
    const spoilt = (word: number, value: number): SharedArrayBuffer => {
      const other = allocateRing(kind, { capacityBytes: 2_048 });
      new Int32Array(other)[word] = value;
      return other;
    };
    const others = RING_KINDS.filter((other) => other !== kind);
    for (const bad of [
      new SharedArrayBuffer(0),
      new SharedArrayBuffer(RING_HEADER_BYTES),
      new SharedArrayBuffer(8_192),
      spoilt(MAGIC_WORD, 1),
      spoilt(VERSION_WORD, 1),
      spoilt(CAPACITY_WORD, 1_024),
      spoilt(CAPACITY_WORD, -2_048),
      spoilt(KIND_WORD, 0),
      spoilt(KIND_WORD, 4),
      ...others.map((other) => allocateRing(other, { capacityBytes: 2_048 })),
    ]) {
      for (const end of ENDS[kind]) expect(codeOf(() => end(bad))).toBe("BAD_RING");
    }
  });

  test("holds records at multiples of eight bytes", () => {
    expect([0, 1, 8, 9, 16, 17].map(recordBytes)).toEqual([8, 16, 16, 24, 24, 32]);
  });
});

describe("a place in a ring", () => {
  test.each(["spsc", "broadcast"] as const)("of the only producer is taken once (%s)", (kind) => {
    const memory = allocateRing(kind, { capacityBytes: CAPACITY });
    const [producer] = ENDS[kind];
    const first = producer(memory);
    expect(codeOf(() => producer(memory))).toBe("RING_IN_USE");
    first.vacate();
    expect(codeOf(() => producer(memory))).toBe("no error");
    expect(codeOf(() => new SpscProducer(allocateRing("spsc", { capacityBytes: CAPACITY }), { takeOver: true }))).toBe(
      "no error",
    );
  });

  test("is there for 128 producers of an MPSC ring, and for one consumer", () => {
    const memory = allocateRing("mpsc", { capacityBytes: CAPACITY });
    const producers = Array.from({ length: 128 }, () => new MpscProducer(memory));
    expect(new Set(producers.map(({ place }) => place)).size).toBe(128);
    expect(codeOf(() => new MpscProducer(memory))).toBe("RING_IN_USE");
    producers[77]?.vacate();
    expect(new MpscProducer(memory).place).toBe(77);
    const consumer = new MpscConsumer(memory);
    expect(codeOf(() => new MpscConsumer(memory))).toBe("RING_IN_USE");
    consumer.vacate();
    expect(codeOf(() => new MpscConsumer(memory))).toBe("no error");
  });

  test("of a producer that died with a claim is vacated by who knows it, and the others go on", () => {
    const memory = allocateRing("mpsc", { capacityBytes: CAPACITY });
    const dead = new MpscProducer(memory);
    const other = new MpscProducer(memory);
    const consumer = new MpscConsumer(memory, { claimMsMax: 1 });
    expect(dead.tryClaim(40)).toBeGreaterThan(0);
    expect(other.offer(recordOf(1, 8), OFFSET, 8)).toBe("sent");
    expect(consumer.wait(20)).toBe(false); // it lives, as far as anybody knows
    new ThreadMemory(memory).vacate(dead.place);
    expect(consumer.wait(5_000)).toBe(true);
    expect(consumer.poll(() => {}, 10)).toBe(1);
    expect(consumer.abandonedClaims).toBe(1);
  });
});

/** Some records in a ring, half of them read. */
function usedRing(kind: keyof typeof ENDS, start: bigint) {
  const memory = allocateRing(kind, { capacityBytes: CAPACITY, position: start });
  const [producerOf, readerOf] = ENDS[kind];
  const producer = producerOf(memory);
  const reader = readerOf(memory);
  const send = (n: number): void => {
    for (let i = 0; i < n; i++) producer.offer(recordOf(i, (i * 29) % 100), OFFSET, (i * 29) % 100);
  };
  send(8);
  reader.poll(() => {}, 4);
  send(4);
  return { memory, producer, reader };
}

const DAMAGED = ["spsc", "mpsc", "broadcast"] as const;

test("damage to any word of a lossless ring is told of as such, or does no harm: nothing crashes or goes on for ever", () => {
  const codes = new Set<string>();
  const words = (RING_HEADER_BYTES + CAPACITY) / 4;
  fc.assert(
    fc.property(
      fc.constantFrom(...DAMAGED),
      fc.constantFrom(0n, 2n ** 32n - 512n),
      fc.oneof(fc.integer({ min: TAIL_WORD, max: RING_HEADER_BYTES / 4 }), fc.nat(words - 1)),
      fc.oneof(fc.integer(), fc.nat(64), fc.constantFrom(-1, 0, 2, 3, 1 << 30)),
      fc.boolean(),
      (kind, start, word, value, isReopened) => {
        const { memory, producer, reader } = usedRing(kind, start);
        new Int32Array(memory)[word] = value;
        const [producerOf, readerOf] = ENDS[kind];
        let [by, to] = [producer, reader];
        codes.add(
          codeOf(() => {
            if (isReopened) {
              producer.vacate();
              reader.vacate();
              [by, to] = [producerOf(memory), readerOf(memory)];
            }
            for (let round = 0; round < 40; round++) {
              by.offer(recordOf(1, 40), OFFSET, 40);
              to.poll((buffer, offset, byteLength) => {
                expect(offset + byteLength).toBeLessThanOrEqual(buffer.bytes.byteLength);
                expect(byteLength).toBeGreaterThanOrEqual(0);
              }, 3);
            }
          }),
        );
      },
    ),
    { numRuns: 2_000 },
  );
  codes.delete("RING_IN_USE"); // where a place was damaged, which is seldom
  expect([...codes].sort()).toEqual(["BAD_RECORD", "BAD_RING", "no error"]);
}, 30_000);
