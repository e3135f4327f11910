import type { Random } from "../../../src/actor/random.js";
import { BroadcastProducer } from "../../../src/rings/broadcast.js";
import { RECORDS_WORD } from "../../../src/rings/layout.js";
import { MpscProducer } from "../../../src/rings/mpsc-producer.js";
import { loadCount } from "../../../src/rings/position.js";
import { SpscProducer } from "../../../src/rings/spsc.js";
import type { SharedMemory } from "../../../src/shm/shared-memory.js";
import type { Journal } from "./journal.js";
import { bytesOfRecord, recordOf, writeRecord } from "./records.js";

/** What a producer's process is told. */
export interface ProducerTask {
  readonly memory: SharedMemory;
  readonly journal: Journal;
  readonly random: Random;
  readonly end: number;
  readonly life: number;
  /** To stand still between a claim and its commit after so many records. */
  readonly haltsAt: number;
}

const BURST_MAX = 200;
const PAUSE_MS_MAX = 3;
const never = new Int32Array(new SharedArrayBuffer(4));

/** Writes records in bursts, in all ways there are, until it is asked to end. */
export async function produce({ memory, journal, random, end, life, haltsAt }: ProducerTask): Promise<void> {
  const producer = producerOf(memory);
  const isMpsc = producer instanceof MpscProducer;
  // The only producer goes on with what the ring counted; one of many begins again at 0, in a new life.
  const first = isMpsc ? 0 : Number(loadCount(new Int32Array(memory.buffer), RECORDS_WORD));
  journal.isUp(end, life);
  for (let n = first; !journal.isStopped; ) {
    for (let left = random.int(BURST_MAX); left > 0 && !journal.isStopped; left--) {
      const name = { end, life: isMpsc ? life : 0, n };
      if (n - first === haltsAt) {
        const at = producer.tryClaim(bytesOfRecord(name));
        if (at >= 0) halt(() => producer.buffer.bytes.fill(255, at, at + 5), journal, end, life);
      }
      const result = write(producer, name, random);
      if (result === "sent") {
        n++;
        if (isMpsc) journal.isCommitted(end, life, n);
      } else if (result !== "backPressured" || producer instanceof BroadcastProducer) throw new Error(result);
      else if (random.int(2) === 0) producer.waitForRoom();
      else await producer.room();
    }
    if (!isMpsc) producer.publish();
    if (random.int(3) > 0) Atomics.wait(never, 0, 0, random.next() * PAUSE_MS_MAX);
  }
  producer.vacate();
}

type Producer = SpscProducer | MpscProducer | BroadcastProducer;

/** The producer of whatever ring lies in a memory. */
export function producerOf(memory: SharedMemory): Producer {
  if (memory.kind === "spsc") return new SpscProducer(memory);
  return memory.kind === "mpsc" ? new MpscProducer(memory) : new BroadcastProducer(memory);
}

function write(producer: Producer, name: Parameters<typeof recordOf>[0], random: Random): string {
  const byteLength = bytesOfRecord(name);
  const way = random.int(4);
  if (way === 0) return producer.offer(recordOf(name), 0, byteLength);
  if (way === 1 && !(producer instanceof MpscProducer)) return producer.stage(recordOf(name), 0, byteLength);
  if (way === 2 && producer.tryClaim(byteLength) >= 0) producer.abort();
  const at = producer.tryClaim(byteLength);
  if (at < 0) return producer.refusal;
  writeRecord(producer.buffer, at, name);
  producer.commit();
  return "sent";
}

/** Stands still with a claim that it has begun to write, until it is killed. */
function halt(begin: () => void, journal: Journal, end: number, life: number): void {
  begin();
  journal.isHalted(end, life);
  for (;;) Atomics.wait(never, 0, 0);
}
