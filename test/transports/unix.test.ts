import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { connect as connectSocket, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { messageOf, Recorder, send } from "../../src/testing/conformance/recorder.js";
import type { Link, LinkOptions, Listener } from "../../src/transports/transport.js";
import { unixTransport } from "../../src/transports/unix.js";
import { until } from "../samples.js";

let directory = "";
const cleanups: (() => unknown)[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "alphapulse-"));
  cleanups.push(() => rmSync(directory, { recursive: true, force: true }));
});
afterEach(async () => {
  vi.useRealTimers();
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

interface Server {
  readonly listener: Listener;
  readonly links: Link[];
  readonly recorders: Recorder[];
}

async function listen(path: string, options: LinkOptions = {}): Promise<Server> {
  const links: Link[] = [];
  const recorders: Recorder[] = [];
  const onLink = (link: Link): void => {
    const recorder = new Recorder();
    link.start(recorder);
    links.push(link);
    recorders.push(recorder);
    cleanups.push(() => link.destroy());
  };
  const listener = await unixTransport.listen(path, onLink, options);
  cleanups.push(() => listener.close());
  return { listener, links, recorders };
}

/** A process that runs this program with `path` at hand, up to where it says so. */
async function started(path: string, program: string): Promise<ChildProcess> {
  const child = spawn(process.execPath, ["-e", `const path = ${JSON.stringify(path)}; ${program}`], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  cleanups.push(() => child.kill("SIGKILL"));
  await once(child.stdout as NonNullable<ChildProcess["stdout"]>, "data");
  return child;
}

async function killed(child: ChildProcess): Promise<void> {
  const exit = once(child, "exit");
  child.kill("SIGKILL");
  await exit;
}

/** A plain socket, so that bytes can be sent that are no messages. */
async function plain(path: string): Promise<Socket> {
  const socket = connectSocket(path);
  cleanups.push(() => socket.destroy());
  await once(socket, "connect");
  return socket;
}

const coded = (code: string) => expect.objectContaining({ code });

describe("listening at a path", () => {
  test("takes over the socket of a process that was killed while it listened", async () => {
    const path = join(directory, "stale.sock");
    const child = await started(path, "require('net').createServer().listen(path, () => console.log('up'))");
    await expect(listen(path)).rejects.toThrow(coded("ADDRESS_IN_USE"));
    await killed(child);
    expect(statSync(path).isSocket()).toBe(true); // it is still there
    await expect(unixTransport.connect(path)).rejects.toThrow(coded("NOT_LISTENING"));
    const server = await listen(path);
    const client = await unixTransport.connect(path);
    const recorder = new Recorder();
    client.start(recorder);
    cleanups.push(() => client.destroy());
    expect(send(client, messageOf(1, 10))).toBe("sent");
    await until(() => server.recorders[0]?.numbers.length === 1);
  });

  test("leaves alone what is not a socket", async () => {
    const path = join(directory, "file.sock");
    writeFileSync(path, "precious");
    await expect(listen(path)).rejects.toThrow(coded("ADDRESS_IN_USE"));
    expect(statSync(path).size).toBe(8);
  });

  test("makes the folders on the way, and says in its own words where it cannot", async () => {
    const path = join(directory, "a/b/c.sock");
    await listen(path);
    expect(existsSync(path)).toBe(true);
    const file = join(directory, "file");
    writeFileSync(file, "");
    await expect(listen(join(file, "x.sock"))).rejects.toThrow(coded("LISTEN_FAILED"));
    await expect(listen(join(file, "y/x.sock"))).rejects.toThrow(coded("LISTEN_FAILED"));
    await expect(listen(directory)).rejects.toThrow(coded("ADDRESS_IN_USE"));
  });

  test.runIf(process.platform === "linux")("fails where nothing can be made, and does not try for ever", async () => {
    await expect(listen("/proc/alphapulse/deep/x.sock")).rejects.toThrow(coded("LISTEN_FAILED"));
    await expect(listen("/proc/alphapulse.sock")).rejects.toThrow(coded("LISTEN_FAILED"));
  });

  test("can be done twice at once in directories that neither finds", async () => {
    const names = ["x.sock", "y.sock", "z.sock"];
    const servers = await Promise.all(names.map((name) => listen(join(directory, "a/b/c/d", name))));
    expect(servers).toHaveLength(3);
  });

  test("closed takes its file away", async () => {
    const path = join(directory, "closed.sock");
    const server = await listen(path);
    await server.listener.close();
    expect(existsSync(path)).toBe(false);
  });

  test("and connecting refuse a limit that cannot be, before a link arrives", async () => {
    const path = join(directory, "limit.sock");
    const options = { payloadBytesMax: -1 };
    await expect(listen(path, options)).rejects.toThrow(coded("BAD_OPTION"));
    await listen(path);
    await expect(unixTransport.connect(path, options)).rejects.toThrow(coded("BAD_OPTION"));
  });

  test("is told in the system's words to who connects where it cannot be", async () => {
    const file = join(directory, "file");
    writeFileSync(file, "");
    await expect(unixTransport.connect(join(file, "x.sock"))).rejects.toThrow(coded("CONNECT_FAILED"));
  });
});

describe.runIf(process.platform === "linux")("connecting to a listener whose queue is full", () => {
  /** One that takes nothing until it is told to: the queue is full once this resolves. */
  async function stopped(path: string): Promise<ChildProcess> {
    const child = await started(
      path,
      "require('net').createServer((s) => s.resume()).listen({ path, backlog: 1 }, () => console.log('up'))",
    );
    child.kill("SIGSTOP");
    const isStopped = () => /^State:\s+T/m.test(readFileSync(`/proc/${child.pid}/status`, "latin1"));
    await until(isStopped);
    let isFull = false;
    while (!isFull) {
      isFull = await plain(path).then(
        () => false,
        ({ code }) => code === "EAGAIN",
      );
    }
    return child;
  }

  test("waits until there is room in it", async () => {
    const path = join(directory, "full.sock");
    const child = await stopped(path);
    let connectedCount = 0;
    const connecting = Array.from({ length: 8 }, async () => {
      const link = await unixTransport.connect(path);
      cleanups.push(() => link.destroy());
      connectedCount++;
    });
    await new Promise((resolve) => setTimeout(resolve, 30)); // time in which none can
    expect(connectedCount).toBe(0);
    child.kill("SIGCONT");
    await Promise.all(connecting);
    expect(connectedCount).toBe(8);
  });

  test("ends with its time, or with its signal", async () => {
    const path = join(directory, "full.sock");
    await stopped(path);
    const timeout = expect.objectContaining({ code: "CONNECT_TIMEOUT", message: expect.stringContaining("40 ms") });
    await expect(unixTransport.connect(path, { connectTimeoutMs: 40 })).rejects.toThrow(timeout);
    const giveUp = new AbortController();
    const connecting = unixTransport.connect(path, { signal: giveUp.signal });
    giveUp.abort();
    await expect(connecting).rejects.toThrow(coded("ABORTED"));
  });
});

describe("a process that is killed", () => {
  const HALF = `
    const { readFileSync } = require("node:fs");
    const socket = require("node:net").connect(path, () => {
      socket.write(Buffer.from(process.env.BYTES, "hex"), () => console.log("sent"));
    });
    socket.pause();
  `;

  test.each([
    ["within a header", 10],
    ["within a payload", 400],
  ])("%s ends the link with CUT_OFF after its whole messages, and touches no other", async (_, cut) => {
    const path = join(directory, "link.sock");
    const server = await listen(path);
    const bystander = await plain(path);
    const bytes = Buffer.concat([messageOf(1, 300), messageOf(2, 600).subarray(0, cut)]);
    const child = await started(path, HALF.replace("process.env.BYTES", JSON.stringify(bytes.toString("hex"))));
    await until(() => server.recorders[1]?.numbers.length === 1);
    await killed(child);
    const recorder = server.recorders[1] as Recorder;
    await until(() => recorder.closings > 0);
    expect(recorder).toMatchObject({ numbers: [1], closings: 1, problems: [], error: { code: "CUT_OFF" } });
    bystander.write(messageOf(7, 10));
    await until(() => server.recorders[0]?.numbers.length === 1);
    expect(server.recorders[0]?.closings).toBe(0);
  });

  test("between messages is a plain end", async () => {
    const path = join(directory, "link.sock");
    const server = await listen(path);
    const whole = JSON.stringify(Buffer.from(messageOf(1, 300)).toString("hex"));
    const child = await started(path, HALF.replace("process.env.BYTES", whole));
    await until(() => server.recorders[0]?.numbers.length === 1);
    await killed(child);
    await until(() => server.recorders[0]?.closings === 1);
    expect(server.recorders[0]).toMatchObject({ numbers: [1], problems: [], error: undefined });
  });

  test.each([
    ["between messages", 0, undefined],
    ["within one", 50, "CUT_OFF"],
  ])("with what we sent it unread, %s: no other error either, and it is told while we send", async (_, cut, code) => {
    const path = join(directory, "link.sock");
    const server = await listen(path, { bufferBytesMax: 64 << 10 });
    const bytes = Buffer.concat([messageOf(1, 300), messageOf(2, 600).subarray(0, cut)]);
    const child = await started(path, HALF.replace("process.env.BYTES", JSON.stringify(bytes.toString("hex"))));
    await until(() => server.recorders[0]?.numbers.length === 1);
    const link = server.links[0] as Link;
    let n = 0;
    while (send(link, messageOf(n, 5_000)) === "sent") n++; // until nothing fits any more
    await killed(child);
    const recorder = server.recorders[0] as Recorder;
    await until(() => recorder.closings > 0);
    expect(recorder.closings).toBe(1);
    expect(recorder.error?.code).toBe(code);
    expect(send(link, messageOf(n, 10))).toBe("closed");
  });
});

describe("a stream that is no row of messages", () => {
  test("is told once as broken, is read no further, and can still be answered", async () => {
    const path = join(directory, "garbage.sock");
    const server = await listen(path);
    const socket = await plain(path);
    socket.write(Buffer.concat([messageOf(1, 20), Buffer.alloc(64, 0x41), messageOf(2, 20)]));
    await until(() => server.recorders[0]?.problems.length === 1);
    socket.write(messageOf(3, 20));
    const link = server.links[0] as Link;
    expect(send(link, messageOf(9, 100))).toBe("sent");
    const answer = once(socket, "data");
    await link.close();
    expect((await answer)[0]).toEqual(Buffer.from(messageOf(9, 100)));
    expect(server.recorders[0]).toMatchObject({ numbers: [1], closings: 1 });
    expect(server.recorders[0]?.problems).toHaveLength(1);
  });

  test("with a payload over the listener's limit is broken before the payload came", async () => {
    const path = join(directory, "large.sock");
    const server = await listen(path, { payloadBytesMax: 100 });
    const socket = await plain(path);
    socket.write(messageOf(1, 101).subarray(0, 32));
    await until(() => server.recorders[0]?.problems.length === 1);
    expect(server.recorders[0]?.problems[0]).toContain("passes the limit of 100");
  });
});

describe("a message that stays incomplete", () => {
  /** A link whose timers are told when to fire; its socket is real. */
  async function underTestTime() {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const path = join(directory, "slow.sock");
    const server = await listen(path);
    const socket = await plain(path);
    const arrived = async (bytes: Uint8Array): Promise<void> => {
      const before = server.recorders[0]?.idles ?? 0;
      socket.write(bytes);
      await until(() => (server.recorders[0]?.idles ?? 0) > before);
    };
    return { server, arrived };
  }

  test("for ten seconds ends the connection as INCOMPLETE, not before", async () => {
    const { server, arrived } = await underTestTime();
    const message = messageOf(1, 500);
    await arrived(message.subarray(0, 100));
    vi.advanceTimersByTime(6_000);
    await arrived(message.subarray(100, 101)); // a byte now and then does not help
    vi.advanceTimersByTime(3_999);
    expect(server.recorders[0]?.problems).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(server.recorders[0]?.problems).toEqual(["broken: a message stayed incomplete for 10000 ms"]);
  });

  test("is counted from its own beginning, on a stream where every read ends within a message", async () => {
    const { server, arrived } = await underTestTime();
    let rest = new Uint8Array(0);
    for (let n = 0; n < 20; n++) {
      const next = messageOf(n, 500);
      await arrived(Buffer.concat([rest, next.subarray(0, 200)]));
      rest = next.slice(200);
      vi.advanceTimersByTime(5_000);
    }
    expect(server.recorders[0]).toMatchObject({ problems: [], numbers: Array.from({ length: 19 }, (_, n) => n) });
    vi.advanceTimersByTime(5_000);
    expect(server.recorders[0]?.problems).toHaveLength(1);
  });

  test("because nobody reads it is not its sender's fault", async () => {
    const { server, arrived } = await underTestTime();
    const message = messageOf(1, 500);
    await arrived(message.subarray(0, 100));
    const link = server.links[0] as Link;
    link.pause();
    vi.advanceTimersByTime(60_000);
    link.resume();
    vi.advanceTimersByTime(9_000);
    await arrived(message.subarray(100));
    vi.advanceTimersByTime(60_000);
    expect(server.recorders[0]).toMatchObject({ problems: [], numbers: [1] });
    // Once it is read again, the time counts again.
    await arrived(message.subarray(0, 100));
    link.pause();
    vi.advanceTimersByTime(60_000);
    link.resume();
    vi.advanceTimersByTime(10_000);
    expect(server.recorders[0]?.problems).toHaveLength(1);
  });
});
