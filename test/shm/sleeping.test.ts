import type { Segment } from "alphapulse-native-shm";
import { describe, expect, test } from "vitest";
import { RING_HEADER_BYTES } from "../../src/rings/layout.js";
import { native } from "../../src/shm/native.js";
import { SharedMemory } from "../../src/shm/shared-memory.js";
import { Child, codeOf, hasNative, startWorker, useDirectory } from "./processes.js";

const PING = RING_HEADER_BYTES / 4;
const PONG = PING + 32;
const OPEN = `const memory = SharedMemory.open("ring", "spsc", { directory }); const words = new Int32Array(memory.buffer);`;
/** Nobody sleeps so long unless a wake-up was lost. */
const LOST_MS = 5_000;
/** Answers so many turns. It sleeps in the futex itself: the sleep of a memory comes up each 100 ms, and would heal a lost wake-up. */
const answering = (turns: number): string => `${OPEN}
  const { createRequire } = await import("node:module");
  const { openSegment, futexWait } = createRequire(process.cwd() + "/x")("alphapulse-native-shm");
  const segment = openSegment(memory.path, words.byteLength);
  say("up");
  for (let turn = 1; turn <= ${turns}; turn++) {
    while (Atomics.load(words, ${PING}) !== turn) futexWait(segment, ${PING * 4}, turn - 1, ${LOST_MS});
    Atomics.store(words, ${PONG}, turn);
    memory.wake(words, ${PONG});
  }
  say("done");`;

describe.skipIf(!hasNative)("sleeping on memory between processes", () => {
  const directory = useDirectory();
  const create = (): { memory: SharedMemory; words: Int32Array } => {
    const memory = SharedMemory.create("ring", "spsc", { capacityBytes: 4096, directory: directory() });
    return { memory, words: new Int32Array(memory.buffer) };
  };
  /** Sleeps in the futex until the word has another value; returns how long that took. */
  const sleepWhile = (segment: Segment, words: Int32Array, index: number, value: number): number => {
    const start = performance.now();
    while (Atomics.load(words, index) === value && performance.now() - start < LOST_MS) {
      native().futexWait(segment, index * 4, value, LOST_MS);
    }
    return performance.now() - start;
  };

  test("ends at once where the word has changed before", () => {
    using memory = create().memory;
    const words = new Int32Array(memory.buffer);
    words[PING] = 1;
    const start = performance.now();
    memory.sleep(words, PING, 0, LOST_MS);
    expect(performance.now() - start).toBeLessThan(90); // the longest it sleeps at a time is 100
    expect(memory.sleepAsync(words, PING, 0)).toBeUndefined();
  });

  test("ends in time, and soon enough for a thread that is to be ended", () => {
    const { memory, words } = create();
    const took = (timeoutMs: number): number => {
      const start = performance.now();
      memory.sleep(words, PING, 0, timeoutMs);
      return performance.now() - start;
    };
    expect(took(20)).toBeGreaterThanOrEqual(19);
    for (const instant of [0, -1]) expect(took(instant)).toBeLessThan(90);
    for (const long of [LOST_MS, Number.POSITIVE_INFINITY, Number.NaN]) expect(took(long)).toBeLessThan(LOST_MS / 2);
    memory.close();
  });

  test("takes views that begin within the memory, and no word outside of it", () => {
    const { memory, words } = create();
    const part = words.subarray(PING);
    const start = performance.now();
    memory.sleep(part, 0, 0, 10);
    expect(performance.now() - start).toBeGreaterThanOrEqual(9);
    for (const index of [-1, -PING - 1, words.length, 2 ** 40]) {
      expect(codeOf(() => memory.sleep(words, index, 0, 1))).toBe("EINVAL");
      expect(codeOf(() => memory.wake(words, index))).toBe("EINVAL");
    }
    memory.close();
  });

  test("ends when another process wakes it", async () => {
    const { memory, words } = create();
    const child = new Child(
      directory(),
      `${OPEN} say("up"); await heard(); Atomics.store(words, ${PING}, 1); memory.wake(words, ${PING}); await heard();`,
    );
    await child.says();
    child.tell("go");
    const segment = native().openSegment(memory.path, words.byteLength);
    expect(sleepWhile(segment, words, PING, 0)).toBeLessThan(LOST_MS);
    expect(words[PING]).toBe(1);
    native().closeSegment(segment);
    memory.close();
  });

  test("loses no wake-up in thousands of turns with another process that sleeps too", { timeout: 60_000 }, async () => {
    const turns = 5_000;
    const { memory, words } = create();
    const child = new Child(directory(), answering(turns));
    await child.says();
    const segment = native().openSegment(memory.path, words.byteLength);
    let longestMs = 0;
    for (let turn = 1; turn <= turns; turn++) {
      Atomics.store(words, PING, turn);
      memory.wake(words, PING);
      longestMs = Math.max(longestMs, sleepWhile(segment, words, PONG, turn - 1));
    }
    expect(await child.says()).toBe("done");
    expect(longestMs).toBeLessThan(LOST_MS);
    native().closeSegment(segment);
    memory.close();
  });

  test("without blocking: loses no wake-up either, with a process that blocks", { timeout: 60_000 }, async () => {
    const turns = 2_000;
    const { memory, words } = create();
    const child = new Child(directory(), answering(turns));
    await child.says();
    let sleepCount = 0;
    for (let turn = 1; turn <= turns; turn++) {
      Atomics.store(words, PING, turn);
      memory.wake(words, PING);
      for (;;) {
        const woken = memory.sleepAsync(words, PONG, turn - 1);
        if (woken === undefined) break;
        sleepCount++;
        await woken; // the test's own time limit tells of a lost one
      }
    }
    expect(sleepCount).toBeGreaterThan(turns / 4);
    memory.close();
  });

  test("without blocking: the event loop stays free, and four can wait at once", async () => {
    const { memory, words } = create();
    let woken = 0;
    const sleeps = [0, 1, 2, 3].map((n) => memory.sleepAsync(words, PING + n, 0)?.then(() => woken++));
    expect(codeOf(() => memory.sleepAsync(words, PONG, 0))).toBe("TOO_MANY_SLEEPERS");
    for (let turn = 0; turn < 100; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect(woken).toBe(0);
    Atomics.store(words, PING + 2, 1);
    memory.wake(words, PING + 2);
    await sleeps[2];
    expect(woken).toBe(1);
    const again = memory.sleepAsync(words, PONG, 0); // its waiter is free again
    for (const index of [PING, PING + 1, PING + 3, PONG]) {
      Atomics.store(words, index, 1);
      memory.wake(words, index);
    }
    await Promise.all([...sleeps, again]);
    memory.close();
  });

  test("without blocking: ends when the memory is closed, at once", async () => {
    const { memory, words } = create();
    const sleeps = [0, 1].map((n) => memory.sleepAsync(words, PING + n, 0));
    await new Promise((resolve) => setImmediate(resolve));
    const start = performance.now();
    memory.close();
    await Promise.all(sleeps);
    expect(performance.now() - start).toBeLessThan(450); // else a thread was not woken
  });

  test("without blocking: keeps no process alive, and ends with it", async () => {
    const { memory } = create();
    const child = new Child(
      directory(),
      `${OPEN} memory.sleepAsync(words, ${PING}, 0); say("sleeps"); input.return();`,
    );
    expect(await child.says()).toBe("sleeps");
    child.process.stdin?.end();
    expect(await child.ended()).toBe(0);
    memory.close();
  });

  test("a worker that sleeps uses no processor to speak of", async () => {
    const { memory, words } = create();
    const worker = startWorker(
      directory(),
      `${OPEN} parentPort.postMessage("sleeps");
       while (Atomics.load(words, ${PING}) === 0) memory.sleep(words, ${PING}, 0, Number.POSITIVE_INFINITY);`,
    );
    const exit = new Promise((resolve) => worker.once("exit", resolve));
    await new Promise((resolve) => worker.once("message", resolve));
    const usageBefore = process.cpuUsage();
    const start = performance.now();
    await new Promise((resolve) => setTimeout(resolve, 500)); // what is measured is a stretch of time
    const { user, system } = process.cpuUsage(usageBefore);
    expect((user + system) / 1000 / (performance.now() - start)).toBeLessThan(0.2); // this process has other threads
    Atomics.store(words, PING, 1);
    memory.wake(words, PING);
    expect(await exit).toBe(0);
    memory.close();
  });
});
