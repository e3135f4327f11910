import { describe, expect, test } from "vitest";
import { Child, hasNative, startWorker, useDirectory } from "./processes.js";

// In a process of its own: a wrong answer would be a signal.
const PROGRAM = `
  const tell = async (work) => {
    try { return String(await work()); } catch (error) { return error.code ?? error.name; }
  };
  const memory = SharedMemory.create("ring", "spsc", { directory, capacityBytes: 1 << 20 });
  const views = {
    words: new Int32Array(memory.buffer),
    longs: new BigInt64Array(memory.buffer),
    bytes: new Uint8Array(memory.buffer, 640),
    data: new DataView(memory.buffer, 640, 64),
    buffer: Buffer.from(memory.buffer, 640),
  };
  const { buffer } = memory;
  const read = (words, index) => Atomics.load(words, index) + words[index];
  const write = (words, index) => { words[index] = 7; };
  for (let n = 0; n < 20_000; n++) { read(views.words, n & 1023); write(views.words, 160 + (n & 1023)); } // compiled
  memory.occupy(1);
  const pending = memory.sleepAsync(views.words, 300, Atomics.load(views.words, 300));
  memory.close();
  memory.close();
  const uses = {
    sleeper: () => pending,
    buffer: () => memory.buffer,
    sleep: () => memory.sleep(views.words, 160, 0, 10),
    sleepAsync: () => memory.sleepAsync(views.words, 160, 0),
    wake: () => memory.wake(views.words, 160),
    occupy: () => memory.occupy(2),
    vacate: () => memory.vacate(1),
    isOccupied: () => memory.isOccupied(1),
    unlink: () => memory.unlink(),
    load: () => Atomics.load(views.words, 160),
    store: () => Atomics.store(views.words, 160, 1),
    compareExchange: () => Atomics.compareExchange(views.longs, 80, 0n, 1n),
    notify: () => Atomics.notify(views.words, 160),
    compiledRead: () => read(views.words, 160),
    compiledWrite: () => write(views.words, 160),
    element: () => views.bytes[0],
    fill: () => views.bytes.fill(1),
    copy: () => new Uint8Array(8).set(views.bytes),
    getInt32: () => views.data.getInt32(0),
    setBigInt64: () => views.data.setBigInt64(0, 1n),
    nodeBuffer: () => views.buffer.readInt32LE(0),
    copyOfNodeBuffer: () => Buffer.from(views.buffer).length,
    slice: () => buffer.slice(0, 8).byteLength,
    newView: () => new Int32Array(buffer).length,
    bytes: () => buffer.byteLength,
  };
  for (const when of ["detached", "unmapped"]) {
    for (const [name, use] of Object.entries(uses)) say(when + " " + name + " " + (await tell(use)));
    for (let round = 0; round < 3; round++) { globalThis.gc(); await new Promise((resolve) => setImmediate(resolve)); }
  }
  const { readFileSync } = await import("node:fs");
  say("mapped " + readFileSync("/proc/self/maps", "utf8").includes(directory));
  say("end");
`;

const CLOSED = ["buffer", "sleep", "sleepAsync", "wake", "occupy", "vacate", "isOccupied", "unlink"];

describe.skipIf(!hasNative)("memory that was closed", () => {
  const directory = useDirectory();

  test("answers every use with an error, or as an empty view does: never with a signal", async () => {
    const child = new Child(directory(), PROGRAM, ["--expose-gc"]);
    const answers = new Map<string, string>();
    for (let line = await child.says(); line !== undefined && line !== "end"; line = await child.says()) {
      answers.set(line.slice(0, line.lastIndexOf(" ")), line.slice(line.lastIndexOf(" ") + 1));
    }
    child.process.stdin?.end();
    expect(await child.ended()).toBe(0);
    expect(answers.size).toBe(2 * 25 + 1);
    expect(answers.get("mapped")).toBe("false");
    for (const when of ["detached", "unmapped"]) {
      for (const use of CLOSED) expect(answers.get(`${when} ${use}`), use).toBe("RING_CLOSED");
      for (const use of ["load", "store", "compareExchange", "fill", "compiledRead", "getInt32", "slice", "newView"]) {
        expect(answers.get(`${when} ${use}`), use).toBe("TypeError");
      }
      expect(answers.get(`${when} element`)).toBe("undefined");
      expect(answers.get(`${when} bytes`)).toBe("0");
    }
  });

  test("that was never closed goes with its views, and a view that is left keeps it", async () => {
    const child = new Child(
      directory(),
      `const { readFileSync } = await import("node:fs");
       const isMapped = () => readFileSync("/proc/self/maps", "utf8").includes(directory);
       const collect = async () => {
         for (let round = 0; round < 5; round++) { globalThis.gc(); await new Promise((resolve) => setImmediate(resolve)); }
       };
       let view = (() => {
         const memory = SharedMemory.create("ring", "spsc", { directory, capacityBytes: 4096 });
         memory.occupy(1);
         return new Int32Array(memory.buffer);
       })();
       await collect();
       view[200] = 4;
       say(view[200] + " " + isMapped());
       view = undefined;
       await collect();
       const again = SharedMemory.open("ring", "spsc", { directory });
       say(again.occupy(1) + " " + again.occupy(0));
       again.close();
       await collect();
       say(String(isMapped()));`,
      ["--expose-gc"],
    );
    expect(await child.says()).toBe("4 true");
    expect(await child.says()).toBe("true true");
    expect(await child.says()).toBe("false");
    child.process.stdin?.end();
    expect(await child.ended()).toBe(0);
  });

  test("in one thread is whole in the others", async () => {
    const code = `
      const memory = SharedMemory.open("ring", "spsc", { directory });
      const words = new Int32Array(memory.buffer);
      parentPort.on("message", (message) => {
        if (message === "close") { memory.close(); parentPort.postMessage(words.length); parentPort.close(); }
        else parentPort.postMessage(Atomics.add(words, 200, 1));
      });
      parentPort.postMessage("up");`;
    const child = new Child(
      directory(),
      `SharedMemory.create("ring", "spsc", { directory, capacityBytes: 4096 }).close(); say("made");`,
    );
    expect(await child.says()).toBe("made");
    const [one, other] = [startWorker(directory(), code), startWorker(directory(), code)];
    const ask = (worker: typeof one, message: string): Promise<unknown> => {
      const answer = new Promise((resolve) => worker.once("message", resolve));
      worker.postMessage(message);
      return answer;
    };
    await Promise.all([one, other].map((worker) => new Promise((resolve) => worker.once("message", resolve))));
    expect(await ask(one, "add")).toBe(0);
    expect(await ask(other, "add")).toBe(1);
    expect(await ask(one, "close")).toBe(0);
    expect(await ask(other, "add")).toBe(2);
  });
});
