// One side of rings between threads, as a program: see threads.test.ts.
import { parentPort, workerData } from "node:worker_threads";
import { messageBuffer } from "../../src/protocol/message-buffer.js";
import { doorbellOf, SpscConsumer, SpscProducer } from "../../src/rings/spsc-ring.js";

/** How long nobody can be asleep for, unless a wake-up was missed. */
const MISSED_MS = 3_000;

export interface Task {
  readonly role: "produce" | "consume" | "pong";
  readonly incoming: SharedArrayBuffer;
  readonly outgoing: SharedArrayBuffer;
  readonly count: number;
}

export interface Outcome {
  readonly seen: number;
  readonly wrong: number;
  readonly sleeps: number;
  readonly missed: number;
}

const { role, incoming, outgoing, count } = workerData as Task;
const producer = new SpscProducer(outgoing);
const consumer = new SpscConsumer(incoming);
let seen = 0;
let wrong = 0;
let sleeps = 0;
let missed = 0;

const sizeOf = (n: number): number => (n * 7) % Math.min(300, producer.recordBytesMax - 8);

function sleepUntil(memory: SharedArrayBuffer, mustWait: () => boolean): void {
  const bell = doorbellOf(memory);
  const value = Atomics.load(bell, 0);
  if (!mustWait()) return;
  sleeps++;
  if (Atomics.wait(bell, 0, value, MISSED_MS) === "timed-out") missed++;
}

const record = messageBuffer(new Uint8Array(producer.recordBytesMax));

function produce(n: number): void {
  const byteLength = 4 + sizeOf(n);
  record.bytes.fill(n & 255, 4, byteLength);
  record.view.setUint32(0, n, true);
  while (producer.offer(record, 0, byteLength) !== "sent") sleepUntil(outgoing, () => producer.awaitRoom());
}

function consume(): void {
  const handled = consumer.poll(({ bytes, view }, offset, byteLength) => {
    const n = view.getUint32(offset, true);
    let isRight = n === seen && byteLength === 4 + sizeOf(n);
    for (let i = 4; i < byteLength; i++) if (bytes[offset + i] !== (n & 255)) isRight = false;
    if (!isRight) wrong++;
    seen++;
  }, 64);
  if (handled > 0) return;
  sleepUntil(incoming, () => consumer.awaitRecords());
  consumer.stopAwaiting();
}

if (role === "produce") for (let n = 0; n < count; n++) produce(n);
else if (role === "consume") while (seen < count) consume();
else {
  // Answers each record with one of its own: both sides sleep between any two.
  for (let n = 0; n < count; n++) {
    while (seen === n) consume();
    produce(n);
  }
}
parentPort?.postMessage({ seen, wrong, sleeps, missed } satisfies Outcome);
