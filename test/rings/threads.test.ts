import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { messageBuffer } from "../../src/protocol/message-buffer.js";
import { allocateRing, ThreadMemory } from "../../src/rings/memory.js";
import { MpscConsumer } from "../../src/rings/mpsc-consumer.js";
import { SpscConsumer, SpscProducer } from "../../src/rings/spsc.js";
import { bundled } from "../support/bundle.js";
import { flood } from "./flood.js";
import type { Outcome, Task } from "./worker.js";

/** An event loop that was not woken looks again after 100 ms. */
const LOOK_MS = 90;

let program: Awaited<ReturnType<typeof bundled>>;
const workers: Worker[] = [];

beforeAll(async () => {
  program = await bundled(new URL("./worker.ts", import.meta.url));
});
afterEach(() => Promise.all(workers.splice(0).map((worker) => worker.terminate())));
afterAll(() => program.remove());

function started(task: Task) {
  const worker = new Worker(program.file, { workerData: task });
  workers.push(worker);
  const outcome = new Promise<Outcome>((resolve) => {
    worker.on("message", (message) => typeof message === "object" && resolve(message));
  });
  return { worker, outcome };
}

test.each([
  ["small", 1_024, 60_000],
  ["roomy", 1 << 16, 200_000],
])(
  "two threads exchange every record over a %s ring of %d bytes, %d of them, each as it was sent",
  async (_, capacityBytes, count) => {
    const ring = allocateRing("spsc", { capacityBytes, position: 2n ** 32n - 4_096n });
    const consumer = started({ role: "spscConsumer", ring, count });
    started({ role: "spscProducer", ring, count });
    expect(await consumer.outcome).toEqual({ seen: count, wrong: 0, lost: 0, lostWakeUps: 0 });
  },
);

test("an event loop and a thread that sleep between any two records are woken each time", async () => {
  const [ring, answers] = [0, 1].map(() => allocateRing("spsc", { capacityBytes: 1_024 })) as [
    SharedArrayBuffer,
    SharedArrayBuffer,
  ];
  const count = 2_000;
  const echo = started({ role: "echo", ring, answers, count });
  const producer = new SpscProducer(ring);
  const consumer = new SpscConsumer(answers);
  let seen = 0;
  let late = 0;
  for (let n = 0; n < count; n++) {
    const start = performance.now();
    expect(producer.offer(messageBuffer(new Uint8Array(8)), 0, 8)).toBe("sent");
    while (seen === n) {
      await consumer.ready();
      seen += consumer.poll(() => {}, 10);
    }
    if (performance.now() - start > LOOK_MS) late++;
  }
  expect(await echo.outcome).toMatchObject({ seen: count, lostWakeUps: 0 });
  expect(late).toBeLessThan(count / 50); // a machine that is busy is late now and then; lost wake-ups would be late each time
});

test("four producers in threads of their own send each its records in order, though one is ended at any moment", async () => {
  const ring = allocateRing("mpsc", { capacityBytes: 4_096 });
  const count = 20_000;
  const consumer = new MpscConsumer(ring, { claimMsMax: 2 });
  const next = [0, 0, 0, 0];
  let wrong = 0;
  const tasks = next.map((_, series) => started({ role: "mpscProducer", ring, count, series }));
  const victim = tasks[3]?.worker as Worker;
  const place = once(victim, "message").then(([number]) => number as number);
  const isVictimGone = once(victim, "exit");
  let isEnded = false;
  while (next[0] !== count || next[1] !== count || next[2] !== count) {
    await consumer.ready();
    consumer.poll(({ view, bytes }, offset, byteLength) => {
      const [n, series] = [view.getUint32(offset, true), view.getUint32(offset + 4, true)];
      if (n !== next[series]) wrong++;
      for (let i = 8; i < byteLength; i++) if (bytes[offset + i] !== ((n + series) & 255)) wrong++;
      next[series] = n + 1;
    }, 256);
    if (!isEnded && (next[3] as number) > 1_000) {
      isEnded = true;
      void victim.terminate();
      void isVictimGone.then(async () => new ThreadMemory(ring).vacate(await place));
    }
  }
  expect([wrong, isEnded]).toEqual([0, true]);
}, 30_000);

test("a reader in another thread is never given a torn record, and told of each that it lost", async () => {
  const ring = allocateRing("broadcast", { capacityBytes: 4_096 });
  const count = 300_000;
  const reader = started({ role: "broadcastReader", ring, count });
  await once(reader.worker, "message");
  flood(ring, count);
  const { seen, wrong, lost, lostWakeUps } = await reader.outcome;
  expect([seen + lost, wrong, lostWakeUps]).toEqual([count, 0, 0]);
});
