import { once } from "node:events";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { messageOf, type Recorder, send, sendAhead } from "../../src/testing/conformance/recorder.js";
import type { Link } from "../../src/transports/transport.js";
import { until } from "../samples.js";
import { StreamWorld, sequencesOf } from "./stream-world.js";

const AHEAD = 1_000_000;

/** Sends messages from number `first` on until there is no room. @returns how many went */
function fill(link: Link, payloadBytes: number, first = 0): number {
  let n = first;
  while (send(link, messageOf(n, payloadBytes)) === "sent") n++;
  return n - first;
}

/** Lets the system take what it can. */
async function settled(link: Link): Promise<void> {
  for (let before = -1; before !== link.pendingBytes; ) {
    before = link.pendingBytes;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

describe.each(["unix", "tcp"] as const)("a link over %s://", (scheme) => {
  let world: StreamWorld;
  beforeEach(() => {
    world = new StreamWorld(scheme);
  });
  afterEach(async () => {
    vi.useRealTimers();
    await world.takeAway();
  });

  /** The first link, with its recorder and a plain socket at its other end. */
  async function pair(options = {}) {
    await world.listen(options);
    const socket = await world.plain();
    await until(() => world.links.length === 1);
    return { link: world.links[0] as Link, recorder: world.recorders[0] as Recorder, socket };
  }

  test("sends ahead of all data that waits for a reader that stalled, but for the block that is being written", async () => {
    const { link, socket } = await pair();
    const payloadBytes = 1_000;
    let sent = 0;
    for (let room = 1; room > 0; ) {
      room = fill(link, payloadBytes, sent);
      sent += room;
      await settled(link);
    }
    const waitingBytes = link.pendingBytes;
    expect(waitingBytes).toBeGreaterThan(900 << 10);
    expect(sendAhead(link, messageOf(AHEAD, 18))).toBe("sent");
    const came = sequencesOf(socket);
    await until(() => came.length === sent + 1);
    expect(came.filter((n) => n !== AHEAD)).toEqual(Array.from({ length: sent }, (_, n) => n));
    const behindBytes = (came.length - 1 - came.indexOf(AHEAD)) * (32 + payloadBytes);
    expect(behindBytes).toBeGreaterThan(waitingBytes - (128 << 10));
  });

  test("writes what is sent in one turn in blocks, and a lone message in that turn", async () => {
    const { link, socket } = await pair();
    const chunks: number[] = [];
    socket.on("data", (chunk: Buffer) => chunks.push(chunk.byteLength));
    for (let n = 0; n < 2_000; n++) send(link, messageOf(n, 42));
    await until(() => chunks.reduce((sum, bytes) => sum + bytes, 0) === 2_000 * 74);
    expect(chunks.length).toBeLessThan(20);
    send(link, messageOf(0, 42));
    expect(link.pendingBytes).toBe(74);
    await null; // a microtask later the system has it
    expect(link.pendingBytes).toBe(0);
  });

  test("keeps no more than its buffer for a peer that never reads, however often it is asked", async () => {
    const bufferBytesMax = 256 << 10;
    await world.listen({ bufferBytesMax });
    const linkCount = 20;
    for (let n = 0; n < linkCount; n++) await world.plain();
    await until(() => world.links.length === linkCount);
    const before = process.memoryUsage().arrayBuffers;
    const message = messageOf(1, 5_000);
    for (let round = 0; round < 10; round++) {
      for (const link of world.links) while (send(link, message) === "sent");
      for (const link of world.links) while (sendAhead(link, message) === "sent");
      for (const link of world.links) expect(link.pendingBytes).toBeLessThanOrEqual(bufferBytesMax + (64 << 10));
      await new Promise((resolve) => setImmediate(resolve));
    }
    const grownBytes = process.memoryUsage().arrayBuffers - before;
    expect(grownBytes).toBeLessThan(linkCount * (bufferBytesMax + 4 * (64 << 10)));
  });

  test("breaks as INCOMPLETE after its own limit, although a byte comes now and then", async () => {
    const { recorder, socket } = await pair({ incompleteMs: 150 });
    const message = messageOf(2, 5_000);
    socket.write(messageOf(1, 10));
    let at = 0;
    const drip = setInterval(() => socket.write(message.subarray(at, ++at)), 10);
    try {
      await until(() => recorder.problems.length > 0);
    } finally {
      clearInterval(drip);
    }
    expect(recorder.problems).toEqual(["broken: a message stayed incomplete for 150 ms"]);
    expect(recorder.numbers).toEqual([1]);
    expect(at).toBeGreaterThan(3);
  });

  test("whose peer ends its half gets all that was sent before, then the end", async () => {
    const { link, recorder, socket } = await pair();
    socket.write(messageOf(1, 10));
    await until(() => recorder.numbers.length === 1);
    let sent = fill(link, 1_000);
    await settled(link);
    expect(link.pendingBytes).toBeGreaterThan(0);
    socket.end();
    await until(() => {
      const result = send(link, messageOf(sent, 10));
      if (result === "sent") sent++;
      return result === "closed";
    });
    const came = sequencesOf(socket);
    await once(socket, "end");
    expect(came).toEqual(Array.from({ length: sent }, (_, n) => n));
    await until(() => recorder.closings === 1);
    expect(recorder).toMatchObject({ problems: [], error: undefined });
  });

  test("whose peer ends its half and never reads is let go after five seconds", async () => {
    const { link, recorder, socket } = await pair();
    fill(link, 1_000);
    await settled(link);
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    socket.end();
    await until(() => send(link, messageOf(0, 10)) === "closed");
    vi.advanceTimersByTime(4_999);
    await new Promise((resolve) => setImmediate(resolve));
    expect(recorder.closings).toBe(0);
    vi.advanceTimersByTime(1);
    await until(() => recorder.closings === 1);
  });

  test("whose peer ends its half within a message is told CUT_OFF", async () => {
    const { recorder, socket } = await pair();
    socket.end(Buffer.concat([messageOf(1, 10), messageOf(2, 10).subarray(0, 40)]));
    await until(() => recorder.closings === 1);
    expect(recorder).toMatchObject({ numbers: [1], problems: [], error: { code: "CUT_OFF" } });
  });

  test("closed delivers all to a peer that reads slowly and goes on sending", async () => {
    const { link, recorder, socket } = await pair();
    const noise = messageOf(1, 5_000);
    const flood = setInterval(() => socket.writable && socket.write(noise), 1);
    try {
      await until(() => recorder.numbers.length > 10);
      const sent = fill(link, 1_000);
      await settled(link);
      const closing = link.close();
      const came = sequencesOf(socket);
      await until(() => came.length === sent);
      socket.end();
      await closing;
      expect(came).toEqual(Array.from({ length: sent }, (_, n) => n));
      expect(recorder).toMatchObject({ closings: 1, problems: [], error: undefined });
    } finally {
      clearInterval(flood);
    }
  });

  test("too many is closed at once and told of, and gives its place back when one ends", async () => {
    const refusals: [string, number][] = [];
    await world.listen({ linksMax: 3, onRefused: (...refusal) => refusals.push(refusal) });
    const clients = [await world.plain(), await world.plain(), await world.plain()];
    await until(() => world.links.length === 3);
    for (let n = 1; n <= 50; n++) {
      const socket = await world.plain();
      await once(socket.resume(), "end");
      expect(refusals).toHaveLength(n);
    }
    expect(refusals.at(-1)).toEqual([expect.stringContaining(scheme === "tcp" ? "127.0.0.1" : "link.sock"), 50]);
    expect(world.links).toHaveLength(3);
    clients[0]?.destroy();
    await until(() => world.recorders[0]?.closings === 1);
    const late = await world.plain();
    await until(() => world.links.length === 4);
    late.write(messageOf(7, 10));
    await until(() => world.recorders[3]?.numbers.length === 1);
  });

  test.each([
    ["linksMax", 0],
    ["incompleteMs", 0.5],
    ["bufferBytesMax", Number.NaN],
    ["connectTimeoutMs", 2 ** 31],
  ])("is not listened for with %s %d", async (name, value) => {
    await expect(world.listen({ [name]: value })).rejects.toMatchObject({ code: "BAD_OPTION" });
  });
});
