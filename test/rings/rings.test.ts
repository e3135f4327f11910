import { describe, expect, test } from "vitest";
import { type MessageBuffer, messageBuffer } from "../../src/protocol/message-buffer.js";
import { BroadcastProducer, BroadcastReader, type Loss } from "../../src/rings/broadcast.js";
import { allocateRing } from "../../src/rings/memory.js";
import { MpscConsumer } from "../../src/rings/mpsc-consumer.js";
import { MpscProducer } from "../../src/rings/mpsc-producer.js";
import { SpscConsumer, SpscProducer } from "../../src/rings/spsc.js";

const CAPACITY = 1_024;
const ROUNDS = 5_000;

const lengthOf = (n: number): number => 4 + ((n * 13) % 117);

/** Offers and polls in turns of changing size, so that the ring is often full, empty and padded, for several laps. */
function exchange(
  producer: { offer(source: MessageBuffer, offset: number, byteLength: number): string },
  reader: { poll(handler: (buffer: MessageBuffer, offset: number, byteLength: number) => void, limit: number): number },
  lost: () => number,
): { sent: number; got: number; wrong: number; full: number } {
  const source = messageBuffer(new Uint8Array(128));
  const seen = { sent: 0, got: 0, wrong: 0, full: 0 };
  for (let round = 0; round < ROUNDS; round++) {
    for (let i = 0; i <= (round * 7) % 13; i++) {
      source.view.setUint32(0, seen.sent, true);
      source.bytes.fill(seen.sent & 255, 4);
      if (producer.offer(source, 0, lengthOf(seen.sent)) === "sent") seen.sent++;
      else seen.full++;
    }
    reader.poll(
      ({ bytes, view }, offset, byteLength) => {
        const n = view.getUint32(offset, true);
        const body = bytes.subarray(offset + 4, offset + byteLength);
        if (n !== seen.got + lost() || byteLength !== lengthOf(n) || body.some((byte) => byte !== (n & 255)))
          seen.wrong++;
        seen.got++;
      },
      1 + (round % 9),
    );
  }
  return seen;
}

const STARTS = [0n, (1n << 31n) - 80n, (1n << 32n) - 1_600n, (1n << 53n) - 80n];

describe.each(STARTS)("from position %d on", (position) => {
  test("an SPSC ring gives every record once, whole and in order", () => {
    const memory = allocateRing("spsc", { capacityBytes: CAPACITY, position });
    const [producer, consumer] = [new SpscProducer(memory), new SpscConsumer(memory)];
    const seen = exchange(producer, consumer, () => 0);
    while (consumer.poll(() => seen.got++, 100) > 0);
    expect(seen).toMatchObject({ got: seen.sent, wrong: 0 });
    expect(seen.full).toBeGreaterThan(1_000);
    expect(consumer.position).toBe(producer.position);
    expect(consumer.position - position).toBeGreaterThan(CAPACITY * 100);
  });

  test("an MPSC ring does the same", () => {
    const memory = allocateRing("mpsc", { capacityBytes: CAPACITY, position });
    const [producer, consumer] = [new MpscProducer(memory), new MpscConsumer(memory)];
    const seen = exchange(producer, consumer, () => 0);
    while (consumer.poll(() => seen.got++, 100) > 0);
    expect(seen).toMatchObject({ got: seen.sent, wrong: 0 });
    expect(seen.full).toBeGreaterThan(1_000);
    expect(consumer.position - position).toBeGreaterThan(CAPACITY * 100);
  });

  test("a broadcast ring's reader knows exactly what it lost", () => {
    const memory = allocateRing("broadcast", { capacityBytes: CAPACITY, position });
    const losses: Loss[] = [];
    const producer = new BroadcastProducer(memory);
    const reader = new BroadcastReader(memory, { lost: (loss) => losses.push(loss) });
    const seen = exchange(producer, reader, () => Number(reader.lostRecords));
    while (reader.poll(() => seen.got++, 100) > 0);
    expect(seen).toMatchObject({ wrong: 0, full: 0 });
    expect(BigInt(seen.got) + reader.lostRecords).toBe(BigInt(seen.sent));
    expect(losses.length).toBeGreaterThan(100);
    expect(losses.reduce((sum, { bytes }) => sum + bytes, 0n)).toBe(reader.lostBytes);
    expect(reader.position).toBe(producer.position);
  });
});
