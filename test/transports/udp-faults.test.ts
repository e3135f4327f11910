import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { messageOf, send } from "../../src/testing/conformance/recorder.js";
import { DatagramProxy } from "../support/datagram-proxy.js";
import { type Accepted, HELLO, UdpBed, until } from "./udp-bed.js";

let bed: UdpBed;
beforeEach(() => {
  bed = new UdpBed();
});
afterEach(() => bed.cleanUp());

/** Sends messages, each in a datagram of its own, at most some thousand a second. */
async function sendApart({ link }: Accepted, count: number, payloadBytes = 100): Promise<void> {
  for (let n = 1; n <= count; n++) {
    expect(send(link, messageOf(n, payloadBytes))).toBe("sent");
    if (n % 4 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    else await new Promise(setImmediate);
  }
}

/** A session through a proxy, and what went through it. */
async function throughProxy(): Promise<[Accepted, Accepted, DatagramProxy]> {
  const listener = await bed.listen();
  const proxy = await DatagramProxy.start(Number(listener.address.split(":").at(-1)));
  bed.atEnd(() => proxy.close());
  const client = await bed.connect(proxy.url);
  send(client.link, HELLO);
  const server = await bed.next(1);
  for (const { link } of [client, server]) {
    link.datagrams?.beginEnvelopes();
    link.datagrams?.confirmPeer();
  }
  return [client, server, proxy];
}

describe("a path that loses, repeats and reorders", () => {
  test("each datagram that is lost is told once, and none is handed over twice", async () => {
    const [client, { link, recorder }, proxy] = await throughProxy();
    proxy.lose(0.05);
    proxy.duplicate(0.1);
    proxy.reorder(0.05);
    await sendApart(client, 600);
    proxy.lose(0);
    await sendApart(client, 1); // shows the loss of the last
    await until(() => recorder.numbers.filter((n) => n === 1).length >= 1);
    const { lost, duplicated, reordered } = proxy.counts;
    await until(() => new Set(recorder.numbers).size >= 600 - lost && recorder.lostCount >= lost);
    expect(Math.min(lost, duplicated, reordered)).toBeGreaterThan(5);
    expect(link.counts.duplicates).toBeGreaterThan(0);
    expect(recorder.numbers.filter((n) => n !== 1)).toHaveLength(new Set(recorder.numbers).size - 1);
    expect(recorder.lostCount, "5 ms late is not lost").toBe(lost);
    expect([recorder.closings, recorder.problems]).toEqual([0, []]);
  });

  test("a loss is told within a tenth of a second, also when nothing comes after the next", async () => {
    const [client, { recorder }, proxy] = await throughProxy();
    send(client.link, messageOf(1, 10));
    await until(() => recorder.numbers.length === 1);
    proxy.lose(1);
    send(client.link, messageOf(2, 10));
    await until(() => proxy.counts.lost === 1);
    proxy.lose(0);
    send(client.link, messageOf(3, 10));
    await until(() => recorder.numbers.length === 2);
    const sinceMs = performance.now();
    expect(recorder.losses).toEqual([]);
    await until(() => recorder.losses.length > 0);
    expect(performance.now() - sinceMs).toBeLessThan(100);
    expect(recorder.losses).toEqual([{ count: 1, why: expect.stringContaining("counters are missing") }]);
  });
});

describe("a message of 1 MiB in pieces", () => {
  test("of which one is lost is told with its source and sequence, and frees its memory", async () => {
    const [client, { link, recorder }, proxy] = await throughProxy();
    send(client.link, messageOf(41, 1 << 20));
    await until(() => recorder.numbers.includes(41));
    const counts = { ...link.counts };
    send(client.link, messageOf(42, 1 << 20));
    await until(() => link.counts.datagrams > counts.datagrams + 10);
    const before = proxy.counts.lost;
    proxy.lose(1);
    await until(() => proxy.counts.lost > before);
    proxy.lose(0);
    await until(() => recorder.losses.some(({ sequence }) => sequence === 42));
    const told = recorder.losses.find(({ sequence }) => sequence === 42);
    expect(told).toMatchObject({
      count: 1,
      source: 1,
      why: expect.stringMatching(/\d+ of 776 pieces came within 250 ms/),
    });
    expect(recorder.numbers).toEqual([41]);
    send(client.link, messageOf(43, 1 << 20));
    await until(() => recorder.numbers.includes(43));
  });

  test("nothing that is incomplete grows beyond twice the limit, whoever sends it", async () => {
    const listener = await bed.listen({ payloadBytesMax: 100_000 });
    const collector = await bed.raw();
    const cutter = await bed.connect(collector.address);
    for (let n = 1; n <= 30; n++) {
      send(cutter.link, messageOf(n, 90_000));
      await until(() => collector.came.length > 0 && collector.came.length === n * piecesOf(collector.came[0]));
    }
    const firstPieces = collector.came.filter((piece) => piece.readUInt16LE(8) === 0);
    expect(firstPieces.length).toBe(30);
    const heldBytes: number[] = [];
    for (let peer = 1; peer <= 20; peer++) {
      const spoofed = await bed.raw();
      for (const piece of firstPieces) await spoofed.send(piece, listener.address);
      const { link } = await bed.next(peer);
      await until(() => link.counts.datagrams === firstPieces.length);
      heldBytes.push(bed.accepted.reduce((sum, accepted) => sum + accepted.link.incompleteBytes, 0));
    }
    expect(Math.max(...heldBytes)).toBeGreaterThan(90_000);
    expect(Math.max(...heldBytes)).toBeLessThanOrEqual(2 * 100_032); // all 20 together
    const lostOf = (): number => bed.accepted.reduce((sum, { recorder }) => sum + recorder.lostCount, 0);
    await until(() => lostOf() >= 20 * firstPieces.length);
    expect(bed.accepted.every(({ recorder }) => recorder.losses.every(({ source }) => source === 1))).toBe(true);
  });
});

/** How many pieces its message has. */
function piecesOf(piece: Buffer | undefined): number {
  return piece?.readUInt16LE(10) ?? 0;
}
