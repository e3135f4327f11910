import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { messageBuffer } from "../../src/protocol/message-buffer.js";
import { allocateRing } from "../../src/rings/spsc-layout.js";
import { doorbellOf, SpscConsumer, SpscProducer } from "../../src/rings/spsc-ring.js";
import { bundled } from "../support/bundle.js";
import type { Outcome, Task } from "./worker.js";

let program: Awaited<ReturnType<typeof bundled>>;
const workers: Worker[] = [];

beforeAll(async () => {
  program = await bundled(new URL("./worker.ts", import.meta.url));
});
afterEach(() => Promise.all(workers.splice(0).map((worker) => worker.terminate())));
afterAll(() => program.remove());

function started(task: Task): { outcome: Promise<Outcome> } {
  const worker = new Worker(program.file, { workerData: task });
  workers.push(worker);
  return { outcome: once(worker, "message").then(([outcome]) => outcome as Outcome) };
}

test.each([
  ["small", 2_048, 60_000],
  ["roomy", 1 << 16, 200_000],
])(
  "two threads exchange every record over a %s ring of %d bytes, %d of them, each as it was sent",
  async (_, capacity, count) => {
    const ring = allocateRing(capacity);
    const unused = allocateRing(capacity);
    const consumer = started({ role: "consume", incoming: ring, outgoing: unused, count });
    const producer = started({ role: "produce", incoming: unused, outgoing: ring, count });
    const [sent, got] = await Promise.all([producer.outcome, consumer.outcome]);
    expect(got).toMatchObject({ seen: count, wrong: 0, missed: 0 });
    expect(sent.missed).toBe(0);
    expect(sent.sleeps + got.sleeps).toBeGreaterThan(20); // they did wait for each other
  },
);

test("two threads that sleep between any two records never miss a wake-up", async () => {
  const [there, back] = [allocateRing(1_024), allocateRing(1_024)];
  const count = 10_000;
  // One side pushes first, and then answers each answer.
  const first = new SpscProducer(there);
  first.offer(messageBuffer(Uint8Array.of(0, 0, 0, 0)), 0, 4);
  const pong = started({ role: "pong", incoming: there, outgoing: back, count });
  const ping = started({ role: "pong", incoming: back, outgoing: there, count: count - 1 });
  const [a, b] = await Promise.all([pong.outcome, ping.outcome]);
  expect([a, b]).toMatchObject([
    { seen: count, missed: 0 },
    { seen: count - 1, missed: 0, wrong: 0 },
  ]);
  expect(a.sleeps + b.sleeps).toBeGreaterThan(1_000);
});

test("a reader that waits within its event loop is woken too, however short it slept", async () => {
  const [there, back] = [allocateRing(1_024), allocateRing(1_024)];
  const count = 2_000;
  const pong = started({ role: "pong", incoming: there, outgoing: back, count });
  const producer = new SpscProducer(there);
  const consumer = new SpscConsumer(back);
  const record = messageBuffer(new Uint8Array(producer.recordBytesMax));
  let seen = 0;
  let sleeps = 0;
  for (let n = 0; n < count; n++) {
    const byteLength = 4 + ((n * 7) % (producer.recordBytesMax - 8));
    record.bytes.fill(n & 255, 4, byteLength);
    record.view.setUint32(0, n, true);
    expect(producer.offer(record, 0, byteLength)).toBe("sent");
    while (seen === n) {
      const bell = doorbellOf(back);
      const value = Atomics.load(bell, 0);
      if (consumer.awaitRecords()) {
        const wait = Atomics.waitAsync(bell, 0, value, 3_000);
        if (wait.async) {
          sleeps++;
          expect(await wait.value).toBe("ok");
        }
      }
      consumer.stopAwaiting();
      seen += consumer.poll(() => {}, 10);
    }
  }
  expect(await pong.outcome).toMatchObject({ seen: count, wrong: 0, missed: 0 });
  expect(sleeps).toBeGreaterThan(10); // a busy machine leaves little time to sleep
});
