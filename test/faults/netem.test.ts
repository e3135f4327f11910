import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { bundled } from "../support/bundle.js";
import { badNetwork, joinedBy } from "../support/netem.js";
import type { Findings } from "./far-end.js";

if (typeof joinedBy === "object") console.log(`nothing is tested over a bad network: missing is ${joinedBy.missing}`);

const directory = mkdtempSync(join(tmpdir(), "alphapulse-netem-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

function program(name: string, text: string): string {
  const file = join(directory, name);
  writeFileSync(file, text);
  return file;
}

/** Answers each datagram, and says where it listens. */
const ECHO = `
  const socket = require("node:dgram").createSocket("udp4");
  socket.on("message", (bytes, { port, address }) => socket.send(bytes, port, address));
  socket.bind(7000, process.argv[2], () => console.log("up"));
`;
/** Sends a thousand numbered datagrams and prints which came back, and how long the fastest took. */
const ASK = `
  const socket = require("node:dgram").createSocket("udp4");
  const sentAt = [];
  const came = [];
  let fastestMs = Infinity;
  socket.on("message", (bytes) => {
    const n = bytes.readUInt32LE();
    came.push(n);
    fastestMs = Math.min(fastestMs, performance.now() - sentAt[n]);
  });
  let n = 0;
  const timer = setInterval(() => {
    for (let i = 0; i < 20; i++) {
      const bytes = Buffer.alloc(100);
      bytes.writeUInt32LE(n);
      sentAt.push(performance.now());
      socket.send(bytes, 7000, process.argv[2]);
      if (++n === 1000) {
        clearInterval(timer);
        setTimeout(() => { console.log(JSON.stringify({ came, fastestMs })); socket.close(); }, 300);
        return;
      }
    }
  }, 5);
`;

/** What the program `ip` makes of it. */
const ip = (...args: string[]): string => String(spawnSync("ip", args).stdout);

describe.skipIf(typeof joinedBy === "object")("a bad network", () => {
  test("leaves nothing behind, and takes away what a dead process left, and nothing else", async () => {
    const dead = "alphapulse-999999999-a1";
    const alive = `alphapulse-${process.ppid}-a1`;
    for (const name of [dead, alive]) ip("netns", "add", name);
    try {
      const network = await badNetwork({ delayMs: 0, lossPercent: 0, reorderPercent: 0 });
      const during = ip("netns", "list");
      expect(during).toContain(alive);
      expect(during).not.toContain(dead);
      expect(during).toContain(`alphapulse-${process.pid}-`);
      await network[Symbol.asyncDispose]();
      expect(ip("netns", "list")).not.toContain(`alphapulse-${process.pid}-`);
    } finally {
      for (const name of [dead, alive]) ip("netns", "del", name);
    }
  });

  test("delays, loses and reorders as it was told", async () => {
    await using network = await badNetwork({ delayMs: 50, lossPercent: 1, reorderPercent: 0 });
    const [near, far] = network.hosts;
    const echo = far.run(program("echo.cjs", ECHO), [far.address]);
    await once(echo.stdout as NodeJS.ReadableStream, "data");
    const [said] = await once(near.run(program("ask.cjs", ASK), [far.address]).stdout as NodeJS.ReadableStream, "data");
    const { came, fastestMs } = JSON.parse(String(said)) as { came: number[]; fastestMs: number };
    expect(fastestMs).toBeGreaterThanOrEqual(99);
    expect(came.length).toBeGreaterThan(950);
    expect(came.length).toBeLessThan(999); // two ways, one in a hundred each
    expect(came).toEqual([...came].sort((a, b) => a - b));
  });

  test("lets packets overtake each other", async () => {
    await using network = await badNetwork({ delayMs: 50, lossPercent: 0, reorderPercent: 5 });
    const [near, far] = network.hosts;
    const echo = far.run(program("echo.cjs", ECHO), [far.address]);
    await once(echo.stdout as NodeJS.ReadableStream, "data");
    const [said] = await once(near.run(program("ask.cjs", ASK), [far.address]).stdout as NodeJS.ReadableStream, "data");
    const { came } = JSON.parse(String(said)) as { came: number[] };
    expect([...came].sort((a, b) => a - b)).toEqual(Array.from({ length: 1_000 }, (_, n) => n));
    const overtaken = came.filter((n, index) => index > 0 && n < (came[index - 1] as number));
    expect(overtaken.length).toBeGreaterThan(10);
  });

  /** A relay on one host, and a producer and a reader on the other, through loss, reordering and delay. */
  async function exchanged(scheme: "tcp" | "udp"): Promise<Findings> {
    const farEnd = await bundled(new URL("far-end.ts", import.meta.url));
    try {
      await using network = await badNetwork({ delayMs: 50, lossPercent: 1, reorderPercent: 2 });
      const [near, far] = network.hosts;
      const relay = far.run(farEnd.file, ["relay", scheme, far.address, "7001"]);
      await once(relay.stdout as NodeJS.ReadableStream, "data");
      const clients = near.run(farEnd.file, ["clients", scheme, far.address, "7001"]);
      const [said] = await Promise.race([
        once(clients.stdout as NodeJS.ReadableStream, "data"),
        once(clients, "exit").then(() => ["{}"]),
      ]);
      return JSON.parse(String(said)) as Findings;
    } finally {
      farEnd.remove();
    }
  }

  test("TCP that is cut five times as well: all that publish took comes once and in order", async () => {
    const findings = await exchanged("tcp");
    expect(findings).toMatchObject({ taken: 5_030, received: 5_030, twice: 0, outOfOrder: 0, missing: 0 });
    expect(findings.reconnects).toBe(5);
  });

  test("UDP: each message comes once or is told as lost, and the counters add up", async () => {
    const findings = await exchanged("udp");
    expect(findings).toMatchObject({ taken: 5_030, twice: 0, unexplained: 0 });
    expect(findings.missing).toBeGreaterThan(0);
    expect(findings.received).toBeGreaterThan(4_000);
    expect(findings.stats.received).toBe(findings.received);
    expect(findings.stats.lost).toBeGreaterThanOrEqual(findings.missing);
  });
});
