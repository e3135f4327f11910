// `npm run soak -- rings [--messages N] [--sleeps N]`: threads that exchange for minutes. See test/README.md.
import { once } from "node:events";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { Worker } from "node:worker_threads";
import { messageBuffer } from "../../src/protocol/message-buffer.js";
import { allocateRing } from "../../src/rings/memory.js";
import { MpscConsumer } from "../../src/rings/mpsc-consumer.js";
import { SpscConsumer, SpscProducer } from "../../src/rings/spsc.js";
import { blocking } from "../../src/rings/wait-strategy.js";
import { flood } from "../rings/flood.js";
import { PatientMemory } from "../rings/patient-memory.js";
import type { Outcome, Task } from "../rings/worker.js";
import { bundled } from "../support/bundle.js";

const MESSAGES_DEFAULT = 100_000_000;
const SLEEPS_DEFAULT = 2_000_000;
const CAPACITY_BYTES = 1 << 16;
const PRODUCER_COUNT = 3;
/** Positions cross 2^32 on the way. */
const POSITION = 2n ** 32n - 2n ** 28n;

type Started = { readonly worker: Worker; readonly outcome: Promise<Outcome> };
type Start = (task: Task) => Started;

/** Exchanges so many messages in all, a third over each ring, and sleeps between so many; true where none was wrong. */
export async function ringsSoak(args: string[]): Promise<boolean> {
  const { values } = parseArgs({ args, options: { messages: { type: "string" }, sleeps: { type: "string" } } });
  const count = Math.ceil(Number(values.messages ?? MESSAGES_DEFAULT) / 3);
  const sleeps = Number(values.sleeps ?? SLEEPS_DEFAULT);
  const program = await bundled(pathToFileURL(resolve("test/rings/worker.ts")));
  const start: Start = (workerData) => {
    const worker = new Worker(program.file, { workerData });
    const outcome = new Promise<Outcome>((resolveOutcome, reject) => {
      worker.on("message", (message) => typeof message === "object" && resolveOutcome(message));
      worker.on("error", reject);
    });
    return { worker, outcome };
  };
  const parts: readonly (readonly [string, () => Promise<string | undefined>])[] = [
    [`SPSC, ${count} messages`, () => spsc(start, count)],
    [`MPSC, ${PRODUCER_COUNT} producers, ${count} messages`, () => mpsc(start, Math.ceil(count / PRODUCER_COUNT))],
    [`broadcast, ${count} messages`, () => broadcast(start, count)],
    [`${sleeps} sleeps on both sides`, () => pingPong(start, sleeps)],
  ];
  let isWell = true;
  try {
    for (const [name, part] of parts) {
      const before = performance.now();
      const fault = await part();
      process.stdout.write(`${fault === undefined ? "ok   " : "FAULT"} ${name}: ${fault ?? "each as it was sent"}, `);
      process.stdout.write(`${((performance.now() - before) / 1_000).toFixed(1)} s\n`);
      if (fault !== undefined) isWell = false;
    }
  } finally {
    program.remove();
  }
  return isWell;
}

async function spsc(start: Start, count: number): Promise<string | undefined> {
  const ring = allocateRing("spsc", { capacityBytes: CAPACITY_BYTES, position: POSITION });
  const consumer = start({ role: "spscConsumer", ring, count });
  start({ role: "spscProducer", ring, count });
  const { seen, wrong, lost, lostWakeUps } = await consumer.outcome;
  if (seen === count && wrong === 0 && lostWakeUps === 0) return undefined;
  return `${seen} seen, ${wrong} wrong, ${lost} lost, ${lostWakeUps} wake-ups lost`;
}

async function mpsc(start: Start, count: number): Promise<string | undefined> {
  const ring = allocateRing("mpsc", { capacityBytes: CAPACITY_BYTES, position: POSITION });
  const consumer = new MpscConsumer(ring);
  const next = new Array<number>(PRODUCER_COUNT).fill(0);
  let wrong = 0;
  const producers = next.map((_, series) => start({ role: "mpscProducer", ring, count, series }));
  while (next.some((n) => n !== count) && wrong === 0) {
    await consumer.ready();
    consumer.poll(({ view, bytes }, offset, byteLength) => {
      const n = view.getUint32(offset, true);
      const series = view.getUint32(offset + 4, true);
      if (n !== next[series]) wrong++;
      for (let i = 8; i < byteLength; i++) if (bytes[offset + i] !== ((n + series) & 255)) wrong++;
      next[series] = n + 1;
    }, 1_024);
  }
  await Promise.all(producers.map(({ worker }) => worker.terminate()));
  return wrong === 0 ? undefined : `${wrong} wrong, after ${next.join(", ")}`;
}

async function broadcast(start: Start, count: number): Promise<string | undefined> {
  const ring = allocateRing("broadcast", { capacityBytes: CAPACITY_BYTES, position: POSITION });
  const reader = start({ role: "broadcastReader", ring, count });
  await once(reader.worker, "message");
  flood(ring, count);
  const { seen, wrong, lost } = await reader.outcome;
  process.stdout.write(`      broadcast: ${seen} received, ${lost} told as lost\n`);
  if (seen === 0 || lost === 0) return "the reader never kept up, or was never overrun: this shows nothing";
  return seen + lost === count && wrong === 0 ? undefined : `${seen} seen, ${lost} lost, ${wrong} wrong`;
}

/** Both sides sleep between any two records. */
async function pingPong(start: Start, count: number): Promise<string | undefined> {
  const ring = allocateRing("spsc", { capacityBytes: 1_024 });
  const answers = allocateRing("spsc", { capacityBytes: 1_024 });
  const { outcome, worker } = start({ role: "echo", ring, answers, count });
  const memory = new PatientMemory(answers);
  const producer = new SpscProducer(new PatientMemory(ring));
  const consumer = new SpscConsumer(memory, { wait: blocking() });
  const record = messageBuffer(new Uint8Array(8));
  for (let n = 0; n < count; n++) {
    producer.offer(record, 0, 8);
    while (consumer.poll(() => {}, 1) === 0) consumer.wait();
  }
  const { seen, lostWakeUps } = await outcome;
  await worker.terminate();
  const lost = lostWakeUps + memory.lostWakeUps;
  return seen === count && lost === 0 ? undefined : `${seen} seen, ${lost} wake-ups lost`;
}
