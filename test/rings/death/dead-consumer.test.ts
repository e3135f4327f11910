import { describe, expect, test } from "vitest";
import { messageBuffer } from "../../../src/protocol/message-buffer.js";
import { discardUnread } from "../../../src/rings/discard.js";
import { CONSUMER_PLACE } from "../../../src/rings/layout.js";
import { allocateRing, ThreadMemory } from "../../../src/rings/memory.js";
import { MpscConsumer } from "../../../src/rings/mpsc-consumer.js";
import { MpscProducer } from "../../../src/rings/mpsc-producer.js";
import { SpscConsumer, SpscProducer } from "../../../src/rings/spsc.js";
import { SharedMemory } from "../../../src/shm/shared-memory.js";
import { Child, codeOf, hasNative, useDirectory } from "../../shm/processes.js";

const CAPACITY_BYTES = 4_096;
const source = messageBuffer(new Uint8Array(100));
const ignore = (): void => {};

const KINDS = [
  { kind: "spsc", Producer: SpscProducer, Consumer: SpscConsumer },
  { kind: "mpsc", Producer: MpscProducer, Consumer: MpscConsumer },
] as const;

/** Offers until the ring is full; returns how many went. */
function fill(producer: SpscProducer | MpscProducer): number {
  let sent = 0;
  while (producer.offer(source, 0, 1 + ((sent * 7) % 100)) === "sent") sent++;
  return sent;
}

describe.each(KINDS)("what a dead consumer left unread in a ring: $kind", ({ kind, Producer, Consumer }) => {
  const directory = useDirectory();

  test.skipIf(!hasNative)("is freed once its process was killed, not before, and told to the record", async () => {
    using memory = SharedMemory.create("ring", kind, { capacityBytes: CAPACITY_BYTES, directory: directory() });
    const producer = new Producer(memory);
    expect(producer.hasConsumer).toBe(false);
    const sent = fill(producer);
    const name = Consumer.name;
    const child = new Child(
      directory(),
      `const { ${name} } = await import("alphapulse/rings");
       const consumer = new ${name}(SharedMemory.open("ring", "${kind}", { directory }));
       consumer.poll(() => {}, 5);
       say("up");
       await heard();`,
    );
    await child.says();
    expect(producer.hasConsumer).toBe(true);
    expect(codeOf(() => discardUnread(memory))).toBe("RING_IN_USE");
    const room = producer.room();
    await child.kill();
    expect(producer.hasConsumer).toBe(false);
    const bytes = producer.pendingBytes;
    expect(discardUnread(memory)).toEqual({ records: sent - 5, bytes });
    await room;
    expect([producer.pendingBytes, discardUnread(memory)]).toEqual([0, { records: 0, bytes: 0 }]);
    expect(producer.offer(source, 0, 50)).toBe("sent");
    const lengths: number[] = [];
    new Consumer(memory).poll((_buffer, _offset, byteLength) => lengths.push(byteLength), 100);
    expect(lengths).toEqual([50]);
  });

  test("is freed lap after lap, padding included, wherever the positions stand", () => {
    const position = (1n << 32n) - 10_000n;
    const ring = allocateRing(kind, { capacityBytes: CAPACITY_BYTES, position });
    const producer = new Producer(ring);
    let end = position;
    for (let round = 0; round < 50; round++) {
      const sent = fill(producer);
      const { records, bytes } = discardUnread(ring);
      expect(records).toBe(sent);
      expect(bytes).toBeGreaterThan(CAPACITY_BYTES - 128);
      end += BigInt(bytes);
    }
    expect(new Consumer(ring).position).toBe(end);
  });

  test("of a thread that is gone is freed by who says so", () => {
    const ring = allocateRing(kind, { capacityBytes: CAPACITY_BYTES });
    const producer = new Producer(ring);
    new Consumer(ring); // never gives its place back
    const sent = fill(producer);
    expect(codeOf(() => discardUnread(ring))).toBe("RING_IN_USE");
    expect(discardUnread(ring, { takeOver: true }).records).toBe(sent);
    expect(new ThreadMemory(ring).isOccupied(CONSUMER_PLACE)).toBe(false);
  });
});

describe("freeing what is unread", () => {
  test("passes claims of dead producers, and ends at one of a producer that lives", () => {
    const ring = allocateRing("mpsc", { capacityBytes: CAPACITY_BYTES });
    const [dead, living, other] = [new MpscProducer(ring), new MpscProducer(ring), new MpscProducer(ring)];
    other.offer(source, 0, 8);
    dead.tryClaim(8);
    other.offer(source, 0, 8);
    living.tryClaim(8);
    other.offer(source, 0, 8);
    expect(discardUnread(ring)).toEqual({ records: 1, bytes: 16 });
    new ThreadMemory(ring).vacate(dead.place);
    expect(discardUnread(ring)).toEqual({ records: 1, bytes: 32 });
    living.commit();
    expect(discardUnread(ring)).toEqual({ records: 2, bytes: 32 });
  });

  test("wakes a producer that waits for room, and leaves what is published after", async () => {
    const ring = allocateRing("spsc", { capacityBytes: CAPACITY_BYTES });
    const producer = new SpscProducer(ring);
    fill(producer);
    const room = producer.room();
    discardUnread(ring);
    await room;
    producer.offer(source, 0, 8);
    expect(new SpscConsumer(ring).poll(ignore, 10)).toBe(1);
  });

  test("is not for broadcast rings, whose readers nobody waits for, nor for other memory", () => {
    const ring = allocateRing("broadcast", { capacityBytes: CAPACITY_BYTES });
    expect(codeOf(() => discardUnread(ring))).toBe("BAD_RING");
    expect(codeOf(() => discardUnread(new SharedArrayBuffer(8)))).toBe("BAD_RING");
  });
});
