import { describe, expect, test } from "vitest";
import { messageBuffer } from "../../src/protocol/message-buffer.js";
import { BroadcastProducer, BroadcastReader } from "../../src/rings/broadcast.js";
import {
  FREED_WORD,
  freeWord,
  HEAD_WORD,
  RING_HEADER_BYTES,
  type RingKind,
  TAIL_WORD,
} from "../../src/rings/layout.js";
import { allocateRing, ThreadMemory } from "../../src/rings/memory.js";
import { MpscConsumer } from "../../src/rings/mpsc-consumer.js";
import { MpscProducer } from "../../src/rings/mpsc-producer.js";
import { SpscConsumer, SpscProducer } from "../../src/rings/spsc.js";
import { backOff, spinThenBlock } from "../../src/rings/wait-strategy.js";

const source = messageBuffer(new Uint8Array(64));
const coded = (code: string) => expect.objectContaining({ code });

function ends(kind: RingKind) {
  const memory = allocateRing(kind, { capacityBytes: 1_024 });
  if (kind === "mpsc") return { memory, reader: new MpscConsumer(memory), producer: new MpscProducer(memory) };
  if (kind === "spsc") return { memory, reader: new SpscConsumer(memory), producer: new SpscProducer(memory) };
  return { memory, reader: new BroadcastReader(memory, { lost() {} }), producer: new BroadcastProducer(memory) };
}

describe.each(["spsc", "mpsc", "broadcast"] as const)("a ring of kind %s", (kind) => {
  test.each([Number.NaN, 1.5, -1, 60, "0" as unknown as number])(
    "takes no record from offset %s of its source",
    (offset) => {
      const { producer, reader } = ends(kind);
      expect(() => producer.offer(source, offset, 8)).toThrow(coded("BAD_OPTION"));
      expect(producer.offer(source, 8, 8)).toBe("sent");
      expect(reader.poll((_, __, byteLength) => expect(byteLength).toBe(8), 10)).toBe(1);
    },
  );

  test.each([Number.NaN, undefined, -1])("is not polled for %s records, nor waited for that long", (limit) => {
    const { reader } = ends(kind);
    expect(() => reader.poll(() => {}, limit as number)).toThrow(coded("BAD_OPTION"));
    if (limit !== -1 && limit !== undefined) expect(() => reader.wait(limit)).toThrow(coded("BAD_OPTION"));
  });

  test("is not polled by a handler of its own", () => {
    const { producer, reader } = ends(kind);
    producer.offer(source, 0, 8);
    expect(() => reader.poll(() => reader.poll(() => {}, 1), 1)).toThrow(coded("REENTERED"));
    producer.offer(source, 0, 8);
    expect(reader.poll(() => {}, 1)).toBe(1);
  });

  test("takes nothing from an end that gave its place away, which does not close it either", () => {
    const { memory, producer, reader } = ends(kind);
    producer.vacate();
    expect([producer.offer(source, 0, 8), producer.tryClaim(8)]).toEqual(["closed", -1]);
    producer.close();
    const next =
      kind === "mpsc"
        ? new MpscProducer(memory)
        : kind === "spsc"
          ? new SpscProducer(memory)
          : new BroadcastProducer(memory);
    expect([next.isClosed, next.offer(source, 0, 8)]).toEqual([false, "sent"]);
    expect(reader.poll(() => {}, 9)).toBe(1);
    reader.vacate();
    expect(() => reader.poll(() => {}, 1)).toThrow(coded("RING_CLOSED"));
  });

  test("tells who commits what became of it", () => {
    const { producer, reader } = ends(kind);
    producer.tryClaim(8);
    expect(producer.commit()).toBe("sent");
    producer.tryClaim(8);
    producer.close();
    expect(producer.commit()).toBe("closed");
    expect([reader.poll(() => {}, 9), reader.wait(1_000)]).toEqual([1, kind === "mpsc" ? expect.any(Boolean) : false]);
  });

  test("lets a promise go when its own end goes", async () => {
    const { reader } = ends(kind);
    const ready = reader.ready();
    reader.vacate();
    await ready;
  });
});

test("a reader of a broadcast ring ends itself alone", async () => {
  const memory = allocateRing("broadcast", { capacityBytes: 1_024 });
  const producer = new BroadcastProducer(memory);
  const [one, other] = [0, 1].map(() => new BroadcastReader(memory, { lost() {} })) as [
    BroadcastReader,
    BroadcastReader,
  ];
  const ready = one.ready();
  one.close();
  await ready;
  expect([producer.offer(source, 0, 8), other.poll(() => {}, 9)]).toEqual(["sent", 1]);
});

test("rings and strategies that cannot be are told of", () => {
  expect(() => allocateRing("queue" as RingKind, { capacityBytes: 1_024 })).toThrow(coded("BAD_OPTION"));
  expect(() => new SpscProducer(new SharedArrayBuffer(10))).toThrow(coded("BAD_RING"));
  expect(() => new MpscConsumer(allocateRing("mpsc", { capacityBytes: 1_024 }), { claimMsMax: Number.NaN })).toThrow(
    coded("BAD_OPTION"),
  );
  expect(() => spinThenBlock(Number.POSITIVE_INFINITY)).toThrow(coded("BAD_OPTION"));
  expect(() => backOff({ pauseMsMax: 0 })).toThrow(coded("BAD_OPTION"));
});

test("a producer of an MPSC ring that did nothing while 4 GiB went by knows that the ring is full", () => {
  const memory = allocateRing("mpsc", { capacityBytes: 1_024 });
  const words = new Int32Array(memory);
  const idle = new MpscProducer(memory);
  // As the others would have left it: full, its positions beyond 2^32.
  const tail = 1_024 + 64;
  words[TAIL_WORD] = tail;
  words[HEAD_WORD] = tail - 1_024;
  words.fill(2 | (64 << 0), RING_HEADER_BYTES / 4);
  expect([idle.offer(source, 0, 8), idle.refusal]).toEqual(["backPressured", "backPressured"]);
});

test("an heir finds a dead claim behind what the consumer is giving back", () => {
  const memory = allocateRing("mpsc", { capacityBytes: 1_024 });
  const words = new Int32Array(memory);
  const [dead, other] = [new MpscProducer(memory), new MpscProducer(memory)];
  other.offer(source, 0, 8);
  dead.tryClaim(8);
  other.offer(source, 0, 8);
  // A consumer that died within the fill: consumed, free again, and HEAD not moved.
  words[FREED_WORD] = 16;
  words.fill(freeWord(1), RING_HEADER_BYTES / 4, RING_HEADER_BYTES / 4 + 4);
  new ThreadMemory(memory).vacate(dead.place);
  expect(new MpscProducer(memory).place).toBe(dead.place);
  expect(new MpscConsumer(memory).poll(() => {}, 9)).toBe(1);
});
