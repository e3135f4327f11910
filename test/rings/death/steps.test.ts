import { afterEach, describe, expect, test, vi } from "vitest";
import { messageBuffer } from "../../../src/protocol/message-buffer.js";
import { BroadcastProducer, BroadcastReader } from "../../../src/rings/broadcast.js";
import { RECORDS_WORD } from "../../../src/rings/layout.js";
import { allocateRing, ThreadMemory } from "../../../src/rings/memory.js";
import { MpscConsumer } from "../../../src/rings/mpsc-consumer.js";
import { MpscProducer } from "../../../src/rings/mpsc-producer.js";
import { loadCount } from "../../../src/rings/position.js";
import type { RingReader } from "../../../src/rings/reader.js";
import { SpscConsumer, SpscProducer } from "../../../src/rings/spsc.js";

// A process that is killed stops between two instructions, and its moments are too short to be met by chance. Here an end
// stops before its k-th atomic operation, for every k, and the next one takes over.

const CAPACITY_BYTES = 1_024;
/** So that positions carry on the way. */
const POSITIONS = [0n, (1n << 32n) - 600n];
const OPERATIONS = ["load", "store", "exchange", "compareExchange", "and", "or"] as const;
const source = messageBuffer(new Uint8Array(128));

class Death extends Error {}
let isCounting = true;

/** What another end does meanwhile, which does not die. */
function meanwhile(work: () => void): void {
  isCounting = false;
  work();
  isCounting = true;
}

afterEach(() => vi.restoreAllMocks());

/** Runs something that dies before its k-th atomic operation; false where it had fewer. */
function diesAt(k: number, work: () => void): boolean {
  let left = k;
  for (const name of OPERATIONS) {
    const operation = Atomics[name] as (...args: unknown[]) => unknown;
    const counted = (...args: unknown[]): unknown => {
      if (isCounting && left-- <= 0) throw new Death(); // and all that it would do after
      return operation(...args);
    };
    vi.spyOn(Atomics, name).mockImplementation(counted as never);
  }
  try {
    work();
    return false;
  } catch (error) {
    if (error instanceof Death) return true;
    throw error;
  } finally {
    vi.restoreAllMocks();
  }
}

const lengthOf = (n: number): number => 4 + ((n * 13) % 117);

function offer(producer: SpscProducer | MpscProducer | BroadcastProducer, n: number): void {
  source.bytes.fill(n & 255);
  source.view.setUint32(0, n, true);
  expect(producer.offer(source, 0, lengthOf(n))).toBe("sent");
}

/** The numbers of all records that there are, each checked byte by byte. */
function readAll(reader: RingReader): number[] {
  const numbers: number[] = [];
  const read = (): number =>
    reader.poll(({ bytes, view }, offset, byteLength) => {
      const n = view.getUint32(offset, true);
      const body = bytes.subarray(offset + 4, offset + byteLength);
      expect([byteLength, body.every((byte) => byte === (n & 255))]).toEqual([lengthOf(n), true]);
      numbers.push(n);
    }, 7);
  while (read() > 0);
  return numbers;
}

const upTo = (end: number, from = 0): number[] => Array.from({ length: end - from }, (_, i) => from + i);

describe.each(POSITIONS)("an end that dies before any of its atomic operations, from position %d on", (position) => {
  const ring = (kind: "spsc" | "mpsc" | "broadcast"): SharedArrayBuffer =>
    allocateRing(kind, { capacityBytes: CAPACITY_BYTES, position });

  test.each(["spsc", "broadcast"] as const)(
    "%s producer: the next one knows what was published, to the record",
    (kind) => {
      const Producer = kind === "spsc" ? SpscProducer : BroadcastProducer;
      let deaths = 0;
      for (let k = 0; ; k++) {
        const memory = ring(kind);
        const reader =
          kind === "spsc" ? new SpscConsumer(memory) : new BroadcastReader(memory, { lost: () => expect.fail("lost") });
        const numbers: number[] = [];
        const isDead = diesAt(k, () => {
          const producer = new Producer(memory);
          for (let n = 0; n < 9; n++) offer(producer, n);
        });
        const producer = new Producer(memory, { takeOver: true });
        const first = Number(loadCount(new Int32Array(memory), RECORDS_WORD));
        for (let n = first; n < first + 20; n++) {
          offer(producer, n);
          numbers.push(...readAll(reader));
        }
        expect(numbers).toEqual(upTo(first + 20));
        expect(reader.position).toBe(producer.position);
        if (!isDead) break;
        deaths++;
      }
      expect(deaths).toBeGreaterThan(30);
    },
  );

  test("MPSC producer: its claim is passed, and what it committed is there", () => {
    let [deaths, abandoned] = [0, 0];
    for (let k = 0; ; k++) {
      const memory = ring("mpsc");
      const isHeirLate = k % 2 === 0;
      const other = new MpscProducer(memory);
      const consumer = new MpscConsumer(memory, { claimMsMax: 0 });
      let committed = 0;
      let dead: MpscProducer | undefined;
      const isDead = diesAt(k, () => {
        dead = new MpscProducer(memory);
        for (; committed < 9; committed++) offer(dead, committed);
      });
      if (isDead) new ThreadMemory(memory).vacate(dead?.place ?? 1);
      const numbers: number[] = [];
      const read = (): void => {
        for (let looks = 0; looks < 3; looks++) numbers.push(...readAll(consumer));
      };
      const heir = isHeirLate ? undefined : new MpscProducer(memory);
      if (isHeirLate) read(); // the consumer meets what the dead one left before any producer does
      offer(other, 100);
      read();
      const producer = heir ?? new MpscProducer(memory);
      for (let n = 101; n < 130; n++) {
        offer(n % 2 === 0 ? producer : other, n);
        read();
      }
      const sent = numbers.filter((n) => n < 100);
      expect([upTo(committed), upTo(committed + 1)]).toContainEqual(sent);
      expect(numbers.slice(sent.length)).toEqual(upTo(130, 100));
      abandoned += consumer.abandonedClaims;
      if (!isDead) break;
      deaths++;
    }
    expect(deaths).toBeGreaterThan(50);
    expect(abandoned).toBeGreaterThan(3);
  });

  test.each(["spsc", "mpsc"] as const)("%s consumer: the next one begins with its last poll, or behind it", (kind) => {
    const Consumer = kind === "spsc" ? SpscConsumer : MpscConsumer;
    let deaths = 0;
    for (let k = 0; ; k++) {
      const memory = ring(kind);
      const producer = kind === "spsc" ? new SpscProducer(memory) : new MpscProducer(memory);
      let sent = 0;
      let [polled, handed] = [0, 0];
      const isDead = diesAt(k, () => {
        const consumer = new Consumer(memory);
        for (let batch = 0; batch < 6; batch++) {
          meanwhile(() => {
            while (sent < 5 * (batch + 1)) offer(producer, sent++);
          });
          consumer.poll(() => handed++, 5);
          polled = handed;
        }
      });
      const heir = new Consumer(memory, { takeOver: true });
      const numbers = readAll(heir);
      expect([polled, handed]).toContain(sent - numbers.length);
      expect(numbers).toEqual(upTo(sent, sent - numbers.length));
      for (let n = sent; n < sent + 30; n++) {
        offer(producer, n);
        expect(readAll(heir)).toEqual([n]);
      }
      if (!isDead) break;
      deaths++;
    }
    expect(deaths).toBeGreaterThan(20);
  });
});
