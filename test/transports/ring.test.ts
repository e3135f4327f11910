import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { messageOf, Recorder, send } from "../../src/testing/conformance/recorder.js";
import { ringTransport } from "../../src/transports/ring.js";
import type { Link, Listener, RingLinkOptions } from "../../src/transports/transport.js";
import { until } from "../samples.js";
import { bundled } from "../support/bundle.js";
import type { Task } from "./ring-worker.js";

let program: Awaited<ReturnType<typeof bundled>>;
const cleanups: (() => unknown)[] = [];
let names = 0;
const freshName = (): string => `test-${process.pid}-${++names}`;

beforeAll(async () => {
  program = await bundled(new URL("./ring-worker.ts", import.meta.url));
});
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});
afterAll(() => program.remove());

async function worker(task: Task): Promise<Worker> {
  const made = new Worker(program.file, { workerData: task });
  cleanups.push(() => made.terminate());
  const [said] = await once(made, "message");
  expect(said).toBe("up");
  return made;
}

async function listen(name: string): Promise<{ listener: Listener; links: Link[]; recorders: Recorder[] }> {
  const links: Link[] = [];
  const recorders: Recorder[] = [];
  const listener = await ringTransport.listen(name, (link) => {
    const recorder = new Recorder();
    links.push(link);
    recorders.push(recorder);
    link.start(recorder);
    cleanups.push(() => link.destroy());
  });
  cleanups.push(() => listener.close());
  return { listener, links, recorders };
}

async function connect(name: string): Promise<{ link: Link; recorder: Recorder }> {
  const link = await ringTransport.connect(name);
  const recorder = new Recorder();
  link.start(recorder);
  cleanups.push(() => link.destroy());
  return { link, recorder };
}

const coded = (code: string) => expect.objectContaining({ code });

test("a name that was asked for and given up is free at once, also while others are asked about it", async () => {
  const name = freshName();
  const giveUp = new AbortController();
  const listening = ringTransport.listen(name, () => {}, { signal: giveUp.signal });
  await new Promise((resolve) => setImmediate(resolve)); // others are asked
  giveUp.abort();
  await expect(listening).rejects.toMatchObject({ code: "ABORTED" });
  await listen(name);
});

describe("between two threads, a ring", () => {
  test("carries every message there and back, in order, through back pressure", async () => {
    const name = freshName();
    const { links, recorders } = await listen(name);
    await worker({ role: "echo", name, capacityBytes: 1 << 15 });
    const [link, recorder] = [links[0] as Link, recorders[0] as Recorder];
    const count = 8_000;
    let waits = 0;
    for (let n = 0; n < count; n++) {
      const message = messageOf(n, 300 + (n % 200));
      while (send(link, message) !== "sent") {
        waits++;
        const before = recorder.readies;
        await until(() => recorder.readies > before);
      }
    }
    await until(() => recorder.numbers.length >= count, 10_000);
    expect(recorder.numbers).toEqual(Array.from({ length: count }, (_, n) => n));
    expect(recorder.problems).toEqual([]);
    expect(waits).toBeGreaterThan(0);
  });

  test("wakes a side that fell asleep, every time", async () => {
    const name = freshName();
    await worker({ role: "listen", name });
    const { link, recorder } = await connect(name);
    for (let n = 0; n < 300; n++) {
      // Long enough for both sides to find nothing and sleep, at different moments each time.
      for (let turn = 0; turn < n % 7; turn++) await new Promise((resolve) => setImmediate(resolve));
      expect(send(link, messageOf(n, 10))).toBe("sent");
      await until(() => recorder.numbers.length === n + 1);
    }
  });

  test("ends when the thread that connected is terminated, and touches no other link", async () => {
    const name = freshName();
    const { links, recorders } = await listen(name);
    const doomed = await worker({ role: "echo", name });
    await worker({ role: "echo", name });
    expect(recorders.length).toBe(2);
    await doomed.terminate();
    await until(() => recorders[0]?.closings === 1);
    expect(recorders[0]).toMatchObject({ closings: 1, error: undefined, problems: [] });
    expect(send(links[0] as Link, messageOf(1, 10))).toBe("closed");
    expect(send(links[1] as Link, messageOf(1, 10))).toBe("sent");
    await until(() => recorders[1]?.numbers.length === 1);
    expect(recorders[1]?.closings).toBe(0);
  });

  test("ends when the thread that listens is terminated", async () => {
    const name = freshName();
    await ringTransport.connect(name, { connectTimeoutMs: 1 }).catch(() => {}); // rings are in use before it starts
    const listening = await worker({ role: "listen", name });
    const { link, recorder } = await connect(name);
    await listening.terminate();
    await until(() => recorder.closings === 1);
    expect(send(link, messageOf(1, 10))).toBe("closed");
  });

  test("tells the other thread when it is closed here", async () => {
    const name = freshName();
    const { links } = await listen(name);
    const other = await worker({ role: "echo", name });
    const closed = once(other, "message");
    await (links[0] as Link).close();
    expect(await closed).toEqual(["closed"]);
  });
});

describe("the name of a ring", () => {
  test("is taken by one listener at a time, in any thread of the process", async () => {
    const name = freshName();
    await worker({ role: "listen", name });
    await expect(listen(name)).rejects.toThrow(coded("ADDRESS_IN_USE"));
  });
});

test.each([1_000, 512, 0, 2 ** 31])("a ring of %d bytes is refused", async (capacityBytes) => {
  const options: RingLinkOptions = { capacityBytes };
  await expect(ringTransport.connect(freshName(), options)).rejects.toThrow(coded("BAD_OPTION"));
});
