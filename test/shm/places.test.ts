import { readdirSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { CONSUMER_PLACE, PRODUCER_PLACE } from "../../src/rings/layout.js";
import { SharedMemory } from "../../src/shm/shared-memory.js";
import { until } from "../samples.js";
import { Child, hasNative, messageFrom, startWorker, useDirectory } from "./processes.js";

const RING = { capacityBytes: 4096 };
const OPEN = `const memory = SharedMemory.open("ring", "mpsc", { directory });`;

const KILL_COUNT = 12;

describe.skipIf(!hasNative)("the places of a ring between processes", () => {
  const directory = useDirectory();
  const create = (stale?: "join"): SharedMemory =>
    SharedMemory.create("ring", "mpsc", { ...RING, directory: directory(), ...(stale && { stale }) });
  const open = (): SharedMemory => SharedMemory.open("ring", "mpsc", { directory: directory() });

  test("are held once, by one memory or another, and free when they are given back", () => {
    using one = create();
    using other = open();
    expect(one.isOccupied(5)).toBe(false);
    expect(one.occupy(5)).toBe(true);
    expect([one.occupy(5), other.occupy(5)]).toEqual([false, false]);
    expect([one.isOccupied(5), other.isOccupied(5)]).toEqual([true, true]);
    other.vacate(5); // is not its own
    expect(other.occupy(5)).toBe(false);
    one.vacate(5);
    expect([one.isOccupied(5), other.isOccupied(5)]).toEqual([false, false]);
    expect(other.occupy(5)).toBe(true);
  });

  test("are held one by one", () => {
    using one = create();
    using other = open();
    const places = Array.from({ length: CONSUMER_PLACE + 1 }, (_, place) => place);
    for (const place of places) expect((place % 2 === 0 ? one : other).occupy(place)).toBe(true);
    for (const place of places) expect((place % 2 === 0 ? other : one).occupy(place)).toBe(false);
    one.vacate(64);
    expect(places.filter((place) => !other.isOccupied(place))).toEqual([64]);
  });

  test("are free once their memory is closed, though views of it live on", () => {
    using one = create();
    const other = open();
    const view = new Int32Array(other.buffer);
    expect(other.occupy(PRODUCER_PLACE)).toBe(true);
    other.close();
    expect(one.occupy(PRODUCER_PLACE)).toBe(true);
    expect(view.length).toBe(0);
  });

  test("are free once their process was killed, and the ring is left over when it was the last", async () => {
    const memory = create();
    const child = new Child(directory(), `${OPEN} say(String(memory.occupy(3))); await heard();`);
    expect(await child.says()).toBe("true");
    expect(memory.occupy(3)).toBe(false);
    memory.close();
    expect(() => create("join")).toThrow(/in use/);
    await child.kill();
    using joined = create("join");
    expect(joined.isOccupied(3)).toBe(false);
    expect(joined.occupy(3)).toBe(true);
  });

  test("are free once their process ended by itself without closing", async () => {
    using memory = create();
    const child = new Child(directory(), `${OPEN} say(String(memory.occupy(3))); await heard(); process.exit(0);`);
    await child.says();
    expect(memory.isOccupied(3)).toBe(true);
    child.tell("go");
    expect(await child.ended()).toBe(0);
    expect(memory.isOccupied(3)).toBe(false);
  });

  test("are free once their worker was terminated, whatever it did", async () => {
    using memory = create();
    const work = [
      "setInterval(() => {}, 1_000);",
      "for (;;) memory.sleep(words, 200, 0, Number.POSITIVE_INFINITY);",
      "void memory.sleepAsync(words, 200, 0); void memory.sleepAsync(words, 201, 0); setInterval(() => {}, 1_000);",
    ];
    for (const code of work) {
      const worker = startWorker(
        directory(),
        `${OPEN} const words = new Int32Array(memory.buffer); parentPort.postMessage(memory.occupy(7)); ${code}`,
      );
      expect(await messageFrom(worker)).toBe(true);
      expect(memory.isOccupied(7)).toBe(true);
      await worker.terminate();
      expect(memory.isOccupied(7)).toBe(false);
    }
  });

  test("fifty workers come and go, one place each, and leave no descriptor", { timeout: 60_000 }, async () => {
    using memory = create();
    const before = readdirSync("/proc/self/fd").length;
    for (let round = 0; round < 10; round++) {
      const workers = Array.from({ length: 5 }, (_, index) =>
        startWorker(
          directory(),
          `${OPEN} const words = new Int32Array(memory.buffer);
           parentPort.once("message", () => ${index % 2 === 0 ? "memory.close()" : "{}"});
           void memory.sleepAsync(words, 200, 0);
           parentPort.postMessage(memory.occupy(${index}));`,
        ),
      );
      expect(await Promise.all(workers.map(messageFrom))).toEqual([true, true, true, true, true]);
      const ended = workers.map((worker) => new Promise((resolve) => worker.once("exit", resolve)));
      for (const worker of workers) worker.postMessage("go");
      expect(await Promise.all(ended)).toEqual([0, 0, 0, 0, 0]);
      expect([0, 1, 2, 3, 4].filter((place) => memory.isOccupied(place))).toEqual([]);
    }
    await until(() => readdirSync("/proc/self/fd").length <= before);
  });

  test("a process that is killed while it makes rings leaves each name whole or free", {
    timeout: 60_000,
  }, async () => {
    const left = { whole: 0, free: 0 };
    for (let round = 0; round < KILL_COUNT; round++) {
      const child = new Child(
        directory(),
        `for (let made = 0; ; made++) {
           const memory = SharedMemory.create("ring", "mpsc", { directory, capacityBytes: 1 << 20, stale: "replace" });
           if (made === 0) say("up");
           memory.close();
           const other = SharedMemory.create("other", "mpsc", { directory, capacityBytes: 1 << 20 });
           other.unlink();
           other.close();
         }`,
      );
      await child.says();
      const killAt = performance.now() + ((round * 7.3) % 20);
      await until(() => performance.now() >= killAt);
      await child.kill();
      for (const name of readdirSync(directory()).filter((file) => !file.endsWith("~"))) {
        SharedMemory.open(name, "mpsc", { directory: directory() }).close();
        left.whole++;
      }
      if (!readdirSync(directory()).includes("other")) left.free++;
      for (const name of ["ring", "other"]) {
        const options = { capacityBytes: 1 << 20, directory: directory(), stale: "replace" } as const;
        using memory = SharedMemory.create(name, "mpsc", options);
        memory.unlink();
      }
      expect(readdirSync(directory())).toEqual([]);
    }
    expect(left.whole).toBeGreaterThan(0);
    expect(left.free).toBeGreaterThan(0);
  });

  test.each(["refuse", "join", "replace"])(
    'of those that create a name at once with stale "%s", one does, and no half of a ring is ever seen',
    { timeout: 60_000 },
    async (stale) => {
      const code = `
        for (let round; (round = await heard()) !== undefined; ) {
          let memory, said;
          try {
            memory = SharedMemory.create(round, "mpsc", { directory, capacityBytes: 1024, stale: "${stale}" });
            said = "created";
          } catch (error) { said = error.code; }
          try { SharedMemory.open(round, "mpsc", { directory }).close(); } catch (error) { said += " " + error.code; }
          say(said);
          await heard();
          memory?.close();
          say("closed");
        }`;
      const children = Array.from({ length: 4 }, () => new Child(directory(), code));
      for (let round = 0; round < 25; round++) {
        const name = `ring-${round % 5}`; // the name of a ring that is left over, from the sixth round on
        for (const child of children) child.tell(name);
        const answers = (await Promise.all(children.map((child) => child.says()))).sort();
        const isTaken = stale === "refuse" && round >= 5;
        const first = isTaken ? "RING_EXISTS" : "created";
        expect(answers, `round ${round}`).toEqual(["RING_EXISTS", "RING_EXISTS", "RING_EXISTS", first].sort());
        for (const child of children) child.tell("close");
        await Promise.all(children.map((child) => child.says()));
      }
      expect(readdirSync(directory()).sort()).toEqual([0, 1, 2, 3, 4].map((n) => `ring-${n}`));
    },
  );
});
