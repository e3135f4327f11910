// One end of a ring in a thread of its own, as a program: see threads.test.ts.
import { parentPort, workerData } from "node:worker_threads";
import { messageBuffer } from "../../src/protocol/message-buffer.js";
import { BroadcastReader } from "../../src/rings/broadcast.js";
import { MpscProducer } from "../../src/rings/mpsc-producer.js";
import { SpscConsumer, SpscProducer } from "../../src/rings/spsc.js";
import { blocking } from "../../src/rings/wait-strategy.js";
import { PatientMemory } from "./patient-memory.js";

export interface Task {
  readonly role: "spscProducer" | "mpscProducer" | "spscConsumer" | "broadcastReader" | "echo";
  readonly ring: SharedArrayBuffer;
  readonly answers?: SharedArrayBuffer;
  readonly count: number;
  readonly series?: number;
}

export interface Outcome {
  readonly seen: number;
  readonly wrong: number;
  readonly lost: number;
  /** Sleeps that nobody ended. */
  readonly lostWakeUps: number;
}

const { role, ring, answers, count, series = 0 } = workerData as Task;
const RECORD_MAX = 112;
const memory = new PatientMemory(ring);
const answerMemory = new PatientMemory(answers ?? ring);
const record = messageBuffer(new Uint8Array(RECORD_MAX));
let seen = 0;
let wrong = 0;
let lost = 0;

/** Record `n` of a series: its number, the series, and bytes that follow from both. */
function send(producer: SpscProducer | MpscProducer, n: number): void {
  const byteLength = 8 + ((n * 7) % (RECORD_MAX - 8));
  record.view.setUint32(0, n, true);
  record.view.setUint32(4, series, true);
  record.bytes.fill((n + series) & 255, 8, byteLength);
  while (producer.offer(record, 0, byteLength) !== "sent") producer.waitForRoom();
}

function read(reader: SpscConsumer | BroadcastReader): boolean {
  reader.poll(({ bytes, view }, offset, byteLength) => {
    const n = view.getUint32(offset, true);
    let isRight = n === seen + lost && byteLength === 8 + ((n * 7) % (RECORD_MAX - 8));
    for (let i = 8; i < byteLength; i++) if (bytes[offset + i] !== (n & 255)) isRight = false;
    if (!isRight) wrong++;
    seen++;
  }, 64);
  return reader.wait();
}

if (role === "spscProducer" || role === "mpscProducer") {
  const producer = role === "spscProducer" ? new SpscProducer(memory) : new MpscProducer(memory);
  if (producer instanceof MpscProducer) parentPort?.postMessage(producer.place);
  for (let n = 0; n < count; n++) send(producer, n);
  if (producer instanceof SpscProducer) producer.close();
} else if (role === "echo") {
  // Answers each record with one of its own: both sides sleep between any two.
  const consumer = new SpscConsumer(memory, { wait: blocking() });
  const producer = new SpscProducer(answerMemory);
  for (let n = 0; n < count; n++) {
    while (seen === n) read1(consumer);
    send(producer, n);
  }
} else {
  const reader =
    role === "spscConsumer"
      ? new SpscConsumer(memory, { wait: blocking() })
      : new BroadcastReader(memory, {
          wait: blocking(),
          lost: ({ records }) => {
            lost += Number(records);
          },
        });
  parentPort?.postMessage("reads");
  while (read(reader));
}
const lostWakeUps = memory.lostWakeUps + answerMemory.lostWakeUps;
parentPort?.postMessage({ seen, wrong, lost, lostWakeUps } satisfies Outcome);

/** Waits for one record, and takes it. */
function read1(consumer: SpscConsumer): void {
  consumer.wait();
  seen += consumer.poll(() => {}, 1);
}
