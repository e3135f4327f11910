import { describe, expect, test } from "vitest";
import { messageBuffer } from "../../../src/protocol/message-buffer.js";
import { HEAD_WORD, RECORD_SLEEPER, SLEEPER, TAIL_WORD } from "../../../src/rings/layout.js";
import { MpscConsumer } from "../../../src/rings/mpsc-consumer.js";
import { MpscProducer } from "../../../src/rings/mpsc-producer.js";
import { RECORDS_INDEX } from "../../../src/rings/ring-end.js";
import { SpscConsumer, SpscProducer } from "../../../src/rings/spsc.js";
import { SharedMemory } from "../../../src/shm/shared-memory.js";
import { until } from "../../samples.js";
import { Child, hasNative, useDirectory } from "../../shm/processes.js";

const CAPACITY_BYTES = 4_096;
/** A wake-up takes microseconds, and one that was lost 100 ms; the rest is for a machine that is busy. */
const WOKEN_MS_MAX = 1_000;
const source = messageBuffer(new Uint8Array(100));

const RINGS = [
  { kind: "spsc", Producer: SpscProducer, Consumer: SpscConsumer, consumerWord: TAIL_WORD, bit: SLEEPER },
  { kind: "mpsc", Producer: MpscProducer, Consumer: MpscConsumer, consumerWord: RECORDS_INDEX, bit: RECORD_SLEEPER },
] as const;
const CONSUMERS = ["consumer.wait()", "await consumer.ready()"];
const PRODUCERS = ["producer.waitForRoom()", "await producer.room()"];

describe.skipIf(!hasNative).each(RINGS)("one end sleeps while the other is killed: $kind", (ring) => {
  const { kind, Producer, Consumer, consumerWord, bit } = ring;
  const directory = useDirectory();
  const child = async (code: string): Promise<Child> => {
    const started = new Child(
      directory(),
      `const { blocking, ${Producer.name}, ${Consumer.name} } = await import("alphapulse/rings");
       const memory = SharedMemory.open("ring", "${kind}", { directory });
       ${code}`,
    );
    expect(await started.says()).toBe("up");
    return started;
  };
  const create = (): SharedMemory =>
    SharedMemory.create("ring", kind, { capacityBytes: CAPACITY_BYTES, directory: directory() });

  test.each(CONSUMERS)("%s ends with the first record of the next producer", async (sleep) => {
    using memory = create();
    const words = new Int32Array(memory.buffer);
    const victim = await child(`const producer = new ${Producer.name}(memory); say("up"); await heard();`);
    const sleeper = await child(
      `const consumer = new ${Consumer.name}(memory, { wait: blocking() });
       say("up");
       ${sleep};
       say("read " + consumer.poll(() => {}, 10));`,
    );
    await until(() => (Atomics.load(words, consumerWord) & bit) !== 0);
    await victim.kill();
    const producer = new Producer(memory);
    const start = performance.now();
    producer.offer(source, 0, 100);
    expect(await sleeper.says()).toBe("read 1");
    expect(performance.now() - start).toBeLessThan(WOKEN_MS_MAX);
  });

  test.each(PRODUCERS)("%s ends once the next consumer has made room", async (sleep) => {
    using memory = create();
    const words = new Int32Array(memory.buffer);
    const victim = await child(`const consumer = new ${Consumer.name}(memory); say("up"); await heard();`);
    const sleeper = await child(
      `const producer = new ${Producer.name}(memory);
       while (producer.tryClaim(100) >= 0) producer.commit();
       say("up");
       ${sleep};
       say("room for " + producer.hasConsumer);`,
    );
    await until(() => (Atomics.load(words, HEAD_WORD) & SLEEPER) !== 0);
    await victim.kill();
    const consumer = new Consumer(memory);
    const start = performance.now();
    consumer.poll(() => {}, CAPACITY_BYTES);
    expect(await sleeper.says()).toBe("room for true");
    expect(performance.now() - start).toBeLessThan(WOKEN_MS_MAX);
  });
});
