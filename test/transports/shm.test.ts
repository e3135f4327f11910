import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { connect as connectSocket } from "node:net";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { messageBuffer } from "../../src/protocol/message-buffer.js";
import { SharedMemory } from "../../src/shm/shared-memory.js";
import { messageOf, Recorder, send } from "../../src/testing/conformance/recorder.js";
import { type ShmOptions, shmTransport } from "../../src/transports/shm.js";
import type { Link, RingLinkOptions } from "../../src/transports/transport.js";
import { until } from "../samples.js";
import { hasNative } from "../shm/processes.js";
import { bundled } from "../support/bundle.js";

const MODULES = fileURLToPath(new URL("../../node_modules", import.meta.url));
const DIRECTORY = `/dev/shm/alphapulse-${process.getuid?.()}`;

let program: Awaited<ReturnType<typeof bundled>>;
const cleanups: (() => unknown)[] = [];
let names = 0;
/** What a killed listener leaves goes with the test. */
function freshName(): string {
  const name = `shm-test-${process.pid}-${++names}`;
  cleanups.push(() => rmSync(`${DIRECTORY}/${name}.link`, { force: true }));
  return name;
}

beforeAll(async () => {
  program = await bundled(new URL("./shm-process.ts", import.meta.url));
});
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});
afterAll(() => program.remove());

async function started(role: string, name: string): Promise<ChildProcess> {
  const env = { ...process.env, NODE_PATH: MODULES }; // the program lies elsewhere
  const child = spawn(process.execPath, [program.file, role, name], { env, stdio: ["pipe", "pipe", "inherit"] });
  cleanups.push(() => child.kill("SIGKILL"));
  const exited = once(child, "exit").then(() => ["exited"]);
  const [said] = await Promise.race([once(child.stdout as NonNullable<typeof child.stdout>, "data"), exited]);
  expect(String(said)).toBe("up\n");
  return child;
}

async function connected(name: string, options: RingLinkOptions = {}): Promise<{ link: Link; recorder: Recorder }> {
  const link = await shmTransport.connect(name, options);
  cleanups.push(() => link.destroy());
  const recorder = new Recorder();
  link.start(recorder);
  return { link, recorder };
}

const count = (length: number): number[] => Array.from({ length }, (_, n) => n);

describe.skipIf(!hasNative)("shared memory between two processes", () => {
  test("carries every message there and back, in order, through back pressure", async () => {
    const name = freshName();
    await started("listen", name);
    const { link, recorder } = await connected(name, { capacityBytes: 1 << 16 });
    for (let n = 0; n < 20_000; n++) {
      const message = messageOf(n, 300 + (n % 900));
      while (send(link, message) !== "sent") {
        const before = recorder.readies;
        await until(() => recorder.readies > before);
      }
    }
    await until(() => recorder.numbers.length === 20_000, 10_000);
    expect(recorder.numbers).toEqual(count(20_000));
    expect([recorder.problems, recorder.readies > 0]).toEqual([[], true]);
  });

  test("wakes an event loop that fell asleep, every time", async () => {
    const name = freshName();
    await started("listen", name);
    const { link, recorder } = await connected(name);
    for (let n = 0; n < 1_000; n++) {
      expect(send(link, messageOf(n, 40))).toBe("sent");
      await until(() => recorder.numbers.length > n);
      if (n % 4 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    expect(recorder.numbers).toEqual(count(1_000));
  });

  test("hands over what a process had published before it was killed, whole and in order, and then ends", async () => {
    for (let round = 0; round < 12; round++) {
      const name = freshName();
      const child = await started("flood", name);
      const { recorder } = await connected(name);
      await until(() => recorder.numbers.length > round * 700);
      child.kill("SIGKILL");
      await until(() => recorder.closings > 0);
      expect(recorder.numbers).toEqual(count(recorder.numbers.length));
      expect([recorder.problems, recorder.closings, recorder.error]).toEqual([[], 1, undefined]);
    }
  });

  test("leaves no file behind when processes are killed, and the name can be listened at again", async () => {
    const name = freshName();
    const first = await started("listen", name);
    const { link, recorder } = await connected(name);
    expect(readdirSync(DIRECTORY).filter((file) => file.startsWith(`link-${process.pid}-`))).toEqual([]);
    first.kill("SIGKILL");
    await until(() => recorder.closings > 0);
    expect(send(link, messageOf(0, 10))).toBe("closed");
    await expect(shmTransport.connect(name)).rejects.toMatchObject({ code: "NOT_LISTENING" });
    await started("listen", name);
    const again = await connected(name);
    expect(send(again.link, messageOf(5, 10))).toBe("sent");
    await until(() => again.recorder.numbers.length === 1);
  });

  test("removes what clients left that died before they had a link, and nothing else", async () => {
    const directory = mkdtempSync("/dev/shm/alphapulse-test-");
    cleanups.push(() => rmSync(directory, { recursive: true, force: true }));
    const options: ShmOptions = { directory };
    const [dead, living, other] = ["link-1-0123456789ab-up", "link-1-0123456789ab-down", "trades"].map((file) =>
      SharedMemory.create(file, "spsc", { directory, capacityBytes: 1_024 }),
    );
    dead?.close();
    other?.close();
    writeFileSync(`${directory}/link-1-ba9876543210-up`, "no ring");
    const listener = await shmTransport.listen("market", () => {}, options);
    cleanups.push(() => listener.close());
    expect(readdirSync(directory).sort()).toEqual([
      "link-1-0123456789ab-down",
      "link-1-ba9876543210-up",
      "market.link",
      "trades",
    ]);
    living?.close();
  });

  test("takes what is no message for the end of that link, and no other", async () => {
    const name = freshName();
    const listener = await shmTransport.listen(name, (link) => {
      link.start({ message() {}, broken: (error) => problems.push(error.code), closed() {} });
      cleanups.push(() => link.destroy());
    });
    const problems: string[] = [];
    cleanups.push(() => listener.close());
    const [bad, good] = [await connected(name), await connected(name)];
    bad.link.send(messageBuffer(new Uint8Array(64).fill(7)), 0, 64);
    const cut = messageOf(1, 100);
    good.link.send(messageBuffer(cut), 0, cut.byteLength - 8);
    await until(() => problems.length === 2);
    expect(problems.sort()).toEqual(["BAD_MAGIC", "TRUNCATED"]);
  });

  test("is not made with who offers no rings, and the listener goes on", async () => {
    const name = freshName();
    const links: Link[] = [];
    const listener = await shmTransport.listen(name, (link) => links.push(link));
    cleanups.push(() => listener.close());
    const offers = [
      "hello\n",
      '{"version":9,"up":"a","down":"b"}\n',
      '{"version":1,"up":"../x","down":"b"}\n',
      "x".repeat(4_096),
    ];
    for (const offer of offers) {
      const socket = connectSocket(`${DIRECTORY}/${name}.link`);
      socket.end(offer);
      socket.resume().on("error", () => {});
      await once(socket, "close");
    }
    expect(links).toEqual([]);
    await connected(name);
    await until(() => links.length === 1);
    links[0]?.destroy();
  });
});
