import { createSocket } from "node:dgram";
import fc from "fast-check";
import { afterEach, describe, expect, test } from "vitest";
import { RelayDomain } from "../../src/protocol/tables.js";
import { Relay } from "../../src/relay/relay.js";
import { until } from "../samples.js";
import { DatagramProxy } from "../support/datagram-proxy.js";
import { resources } from "../support/resources.js";
import { Bed, type Reader, range, toldAsLost } from "./bed.js";
import { NumberedProducer } from "./reconnecting.js";

const bed = new Bed();
afterEach(() => bed.clear());

const WITHOUT_RECONNECT = { reconnect: false, pingIntervalMs: 500 };

async function listening(): Promise<{ relay: Relay; port: number; proxy: DatagramProxy }> {
  const relay = new Relay({ domain: RelayDomain.MarketData });
  bed.onEnd(() => relay.close());
  const { address } = await relay.listen("udp://127.0.0.1:0");
  const port = Number(new URL(address).port);
  const proxy = await DatagramProxy.start(port);
  bed.onEnd(() => proxy.close());
  return { relay, port, proxy };
}

/** Each number at most once; what did not come, of all but what followed the last one, was told. */
function expectEachOnceOrTold(reader: Reader): number[] {
  const got = new Set(reader.prices);
  expect(got.size).toBe(reader.prices.length);
  const told = new Set(toldAsLost(reader));
  const missing = range(1, Math.max(...reader.prices)).filter((n) => !got.has(n));
  expect(missing.filter((n) => !told.has(n))).toEqual([]);
  return missing;
}

const FAULTS: Readonly<Record<string, (proxy: DatagramProxy, way: "toServer" | "toClient") => void>> = {
  loss: (proxy, way) => proxy.lose(0.02, way),
  duplication: (proxy, way) => proxy.duplicate(0.2, way),
  reordering: (proxy, way) => proxy.reorder(0.1, way),
  "flipped bits": (proxy, way) => proxy.corrupt(0.00005, way),
  "all of it": (proxy, way) => {
    proxy.lose(0.02, way);
    proxy.duplicate(0.1, way);
    proxy.reorder(0.1, way);
    proxy.corrupt(0.00002, way);
  },
};

describe.each(Object.entries(FAULTS))("%s between datagram links", (name, begin) => {
  test("on the way out: each message comes once, or is told as lost, and the counters add up", async () => {
    const { relay, proxy } = await listening();
    const reader = await bed.reader(proxy.url, WITHOUT_RECONNECT);
    const producer = await NumberedProducer.start(bed, relay, { reconnect: false });
    begin(proxy, "toClient");
    await producer.publishAll(5_000);
    proxy.heal();
    await producer.publishAll(10);
    await until(() => reader.prices.includes(producer.taken));
    const missing = expectEachOnceOrTold(reader);
    const { received, lost, malformed } = reader.connection.stats();
    expect(received).toBe(reader.prices.length);
    expect(lost).toBeGreaterThanOrEqual(missing.length);
    if (name === "loss" || name === "all of it") expect(missing.length).toBeGreaterThan(0);
    if (name === "duplication") expect([missing, lost, malformed]).toEqual([[], 0, 0]);
  });

  test("on the way in: each message comes once, or is told as lost, and no other producer is hurt", async () => {
    const { relay, proxy } = await listening();
    const reader = await bed.reader(relay);
    const producer = await NumberedProducer.start(bed, proxy.url, WITHOUT_RECONNECT);
    await producer.publishAll(10);
    await until(() => reader.prices.length === 10);
    begin(proxy, "toServer");
    await producer.publishAll(5_000);
    proxy.heal();
    await producer.publishAll(10);
    // A message that came in broken is told to its sender as well, and ends its session.
    const isRefused = (): boolean => relay.stats().refused.checksum > 0;
    await until(() => isRefused() || reader.prices.includes(producer.taken));
    await until(() => relay.stats().received === reader.prices.length);
    const missing = expectEachOnceOrTold(reader);
    if (name === "loss" || name === "all of it") expect(missing.length).toBeGreaterThan(0);
  });
});

test("garbage in datagrams hurts nobody, and nobody is answered more than a datagram for each of theirs", async () => {
  const { relay, port } = await listening();
  const reader = await bed.reader(`udp://127.0.0.1:${port}`, WITHOUT_RECONNECT);
  const producer = await NumberedProducer.start(bed, `udp://127.0.0.1:${port}`, WITHOUT_RECONNECT);
  await producer.publishAll(1);
  const before = resources();
  const stranger = createSocket("udp4");
  bed.onEnd(() => stranger.close());
  let [sentBytes, sent, answers, answerBytes] = [0, 0, 0, 0];
  stranger.on("message", (bytes) => {
    answers++;
    answerBytes += bytes.byteLength;
  });
  const magic = fc.constantFrom("efbeadde01", "e1501ffaa101", "f2501faa01", "");
  await fc.assert(
    fc.asyncProperty(magic, fc.uint8Array({ minLength: 1, maxLength: 1_400, size: "max" }), async (start, rest) => {
      const bytes = Buffer.concat([Buffer.from(start, "hex"), rest]);
      sent++;
      sentBytes += bytes.byteLength;
      await new Promise((resolve) => stranger.send(bytes, port, "127.0.0.1", resolve));
      await producer.publishAll(1);
    }),
    { numRuns: 300 },
  );
  await until(() => reader.prices.length === 301);
  expect(reader.prices).toEqual(range(1, 301));
  expect(relay.stats().members.length).toBeLessThanOrEqual(3);
  expect(answers).toBeLessThanOrEqual(sent);
  expect(answerBytes).toBeLessThanOrEqual(sentBytes);
  expect(resources().memoryBytes - before.memoryBytes).toBeLessThan(8 << 20);
});
