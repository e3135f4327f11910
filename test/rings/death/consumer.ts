import type { Random } from "../../../src/actor/random.js";
import type { MessageBuffer } from "../../../src/protocol/message-buffer.js";
import { BroadcastReader } from "../../../src/rings/broadcast.js";
import { RECORDS_WORD } from "../../../src/rings/layout.js";
import { MpscConsumer } from "../../../src/rings/mpsc-consumer.js";
import { loadCount } from "../../../src/rings/position.js";
import type { RingReader } from "../../../src/rings/reader.js";
import { SpscConsumer } from "../../../src/rings/spsc.js";
import { backOff, blocking, spinThenBlock } from "../../../src/rings/wait-strategy.js";
import type { SharedMemory } from "../../../src/shm/shared-memory.js";
import type { Journal, Progress } from "./journal.js";
import { readRecord } from "./records.js";

/** What a reader's process is told. */
export interface ReaderTask {
  readonly memory: SharedMemory;
  readonly journal: Journal;
  readonly random: Random;
  readonly end: number;
  readonly life: number;
}

const LIMIT_MAX = 64;
const STRATEGIES = [blocking, spinThenBlock, backOff] as const;

/** The only consumer: each record once, in order and whole, and after a death from the last poll on. */
export async function consume({ memory, journal, random, end, life }: ReaderTask): Promise<void> {
  const wait = (STRATEGIES[random.int(STRATEGIES.length)] ?? blocking)();
  const consumer = memory.kind === "mpsc" ? new MpscConsumer(memory, { wait }) : new SpscConsumer(memory, { wait });
  const progress = journal.progressAt(consumer.position);
  for (const [producer, at] of progress.entries()) journal.storeCurrent(producer, at);
  journal.storeProgress(consumer.position, progress);
  journal.isUp(end, life);
  let abandoned = 0;
  await readAll(consumer, random, {
    record(buffer, offset, byteLength) {
      const name = readRecord(buffer, offset, byteLength);
      const next: Progress[number] = [name.life, name.n + 1];
      const fault = faultOf(progress[name.end] ?? [-1, -1], next, (old) => journal.committedOf(name.end, old));
      if (fault !== undefined) throw new Error(`after ${progress} came ${JSON.stringify(name)}: ${fault}`);
      progress[name.end] = next;
      journal.storeCurrent(name.end, next);
      journal.countRead(end);
    },
    polled() {
      journal.storeProgress(consumer.position, progress);
      if (!(consumer instanceof MpscConsumer)) return;
      journal.countAbandoned(consumer.abandonedClaims - abandoned);
      abandoned = consumer.abandonedClaims;
    },
  });
}

/** What is wrong with a record behind those that were read, if anything is. */
export function faultOf(
  [life, next]: Progress[number],
  [newLife, newNext]: Progress[number],
  committedOf: (life: number) => number,
): string | undefined {
  if (newLife === life) return newNext === next + 1 ? undefined : "not the next";
  if (newLife < life) return "of an earlier life";
  if (newNext !== 1) return "not the first of its life";
  for (let old = life; old < newLife; old++) {
    const read = old === life ? next : 0;
    const committed = committedOf(old);
    if (read !== committed && read !== committed + 1) return `life ${old} committed ${committed}, ${read} were read`;
  }
  return undefined;
}

/** One of several readers: what it reads and what it is told that it lost is all there was, each of it once. */
export async function read({ memory, journal, random, end, life }: ReaderTask): Promise<void> {
  let lost = 0;
  let first = -1;
  let count = 0;
  const reader = new BroadcastReader(memory, {
    wait: (STRATEGIES[random.int(STRATEGIES.length)] ?? blocking)(),
    lost: ({ records }) => {
      lost += Number(records);
      journal.countLost(end, Number(records));
    },
  });
  journal.isUp(end, life);
  await readAll(reader, random, {
    record(buffer, offset, byteLength) {
      const { n } = readRecord(buffer, offset, byteLength);
      if (first < 0) first = n - lost;
      if (n !== first + count + lost) throw new Error(`${n} came after ${count} from ${first} on, and ${lost} lost`);
      count++;
      journal.countRead(end);
    },
    polled() {},
  });
  const published = Number(loadCount(new Int32Array(memory.buffer), RECORDS_WORD));
  if (first >= 0 && first + count + lost !== published) {
    throw new Error(`of ${published} records ${count} were read from ${first} on, and ${lost} lost`);
  }
}

interface Listener {
  record(buffer: MessageBuffer, offset: number, byteLength: number): void;
  /** Called after each poll. */
  polled(): void;
}

/** Reads until the ring is closed and empty: on its thread, or on the event loop. */
async function readAll(reader: RingReader, random: Random, { record, polled }: Listener): Promise<void> {
  const isBlocking = random.int(3) > 0;
  for (;;) {
    if (isBlocking) {
      if (!reader.wait()) return;
    } else await reader.ready();
    const count = reader.poll(record, 1 + random.int(LIMIT_MAX));
    polled();
    if (count === 0 && reader.isClosed && !reader.hasRecords) return;
  }
}
