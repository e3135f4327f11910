import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { afterEach, expect, test } from "vitest";
import { until } from "../samples.js";
import { DatagramProxy } from "../support/datagram-proxy.js";

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const COUNT = 1_000;

async function bound(): Promise<Socket> {
  const socket = createSocket({ type: "udp4", recvBufferSize: 4 << 20 });
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  cleanups.push(() => socket.close());
  return socket;
}

/** A proxy before a server that notes what it gets, and a client that sends numbers. */
async function proxied(seed?: string) {
  const server = await bound();
  const got: Buffer[] = [];
  const ports: number[] = [];
  server.on("message", (bytes, { port }) => {
    got.push(bytes);
    ports.push(port);
  });
  const proxy = await DatagramProxy.start(server.address().port, seed);
  cleanups.push(() => proxy.close());
  const client = await bound();
  const send = async (count: number, from = 0): Promise<void> => {
    for (let n = from; n < from + count; n++) {
      const bytes = Buffer.alloc(100, n & 255);
      bytes.writeUInt32LE(n);
      client.send(bytes, proxy.port, "127.0.0.1");
      if (n % 50 === 49) await new Promise((resolve) => setImmediate(resolve));
    }
  };
  const numbers = (): number[] => got.map((bytes) => bytes.readUInt32LE());
  return { server, client, proxy, got, ports, send, numbers };
}

const inOrder = Array.from({ length: COUNT }, (_, n) => n);

test("without faults every datagram passes once, in order, and answers find their client", async () => {
  const { server, client, proxy, ports, send, numbers } = await proxied();
  await send(COUNT);
  await until(() => numbers().length === COUNT);
  expect(numbers()).toEqual(inOrder);
  const answers: string[] = [];
  client.on("message", (bytes, { port }) => answers.push(`${port} ${bytes}`));
  server.send("answer", ports[0] as number, "127.0.0.1");
  await until(() => answers.length === 1);
  expect(answers).toEqual([`${proxy.port} answer`]);
});

test("loss, duplication and reordering meet as many as they say, and are counted", async () => {
  const { proxy, send, numbers } = await proxied();
  proxy.lose(0.1);
  proxy.duplicate(0.1);
  proxy.reorder(0.1);
  await send(COUNT);
  const { counts } = proxy;
  await until(() => numbers().length === COUNT - counts.lost + counts.duplicated);
  for (const met of [counts.lost, counts.duplicated, counts.reordered]) {
    expect(met).toBeGreaterThan(60);
    expect(met).toBeLessThan(150);
  }
  const distinct = new Set(numbers());
  expect(distinct.size).toBe(COUNT - counts.lost);
  expect(numbers().length - distinct.size).toBe(counts.duplicated);
  const late = numbers().filter((n, i, all) => i > 0 && n < (all[i - 1] as number));
  expect(late.length).toBeGreaterThan(5);
});

test("the same seed draws the same losses", async () => {
  const survivors = async (seed: string): Promise<number[]> => {
    const { proxy, send, numbers } = await proxied(seed);
    proxy.lose(0.5);
    await send(200);
    await until(() => numbers().length === 200 - proxy.counts.lost && proxy.counts.lost > 0);
    return numbers();
  };
  const first = await survivors("one");
  expect(await survivors("one")).toEqual(first);
  expect(await survivors("two")).not.toEqual(first);
});

test("a delay keeps the order", async () => {
  const { proxy, send, numbers } = await proxied();
  proxy.delay(40);
  const begun = performance.now();
  await send(100);
  await until(() => numbers().length > 0);
  expect(performance.now() - begun).toBeGreaterThanOrEqual(39);
  await until(() => numbers().length === 100);
  expect(numbers()).toEqual(inOrder.slice(0, 100));
});

test("corrupt flips bits of what passes", async () => {
  const { proxy, send, got } = await proxied();
  proxy.corrupt(0.01);
  await send(200);
  await until(() => got.length === 200);
  const damaged = got.filter((bytes, n) => {
    const whole = Buffer.alloc(100, n & 255);
    whole.writeUInt32LE(n);
    return !bytes.equals(whole);
  });
  expect(proxy.counts.corruptedBytes).toBeGreaterThan(100);
  expect(damaged.length).toBeGreaterThan(80);
});

test("a limited bandwidth makes datagrams wait, and loses what would wait too long", async () => {
  const { proxy, send, numbers } = await proxied();
  proxy.limit(100_000); // a thousand a second
  const begun = performance.now();
  await send(500);
  await until(() => numbers().length + proxy.counts.lost === 500);
  expect(numbers().length).toBeGreaterThan(150);
  expect(numbers().length).toBeLessThanOrEqual(performance.now() - begun + 1);
  expect(proxy.counts.lost).toBeGreaterThan(0);
  expect(numbers()).toEqual([...numbers()].sort((a, b) => a - b));
});

test("silence holds what comes, or swallows it", async () => {
  const { proxy, send, numbers } = await proxied();
  proxy.goSilent();
  await send(10);
  await new Promise((resolve) => setTimeout(resolve, 30));
  expect(numbers()).toEqual([]);
  proxy.resume();
  await until(() => numbers().length === 10);
  proxy.goSilent("swallow");
  await send(10, 10);
  await until(() => proxy.counts.lost === 10);
  proxy.resume();
  await send(10, 20);
  await until(() => numbers().length === 20);
  expect(numbers()).toEqual([...inOrder.slice(0, 10), ...inOrder.slice(20, 30)]);
});

test("cut gives each client another port", async () => {
  const { proxy, send, ports } = await proxied();
  await send(1);
  await until(() => ports.length === 1);
  expect(proxy.cut()).toBe(1);
  await send(1);
  await until(() => ports.length === 2);
  expect(ports[0]).not.toBe(ports[1]);
});
