import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createConnection, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { until } from "../samples.js";
import { type Place, StreamProxy } from "../support/fault-proxy.js";

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** What an end got. */
interface End {
  readonly socket: Socket;
  readonly bytes: () => Buffer;
  isEnded: boolean;
  error: string | undefined;
  isClosed: boolean;
}

function ended(socket: Socket): End {
  const chunks: Buffer[] = [];
  const end: End = { socket, bytes: () => Buffer.concat(chunks), isEnded: false, error: undefined, isClosed: false };
  socket.on("data", (chunk: Buffer) => chunks.push(chunk));
  socket.on("end", () => {
    end.isEnded = true;
  });
  socket.on("error", (error: NodeJS.ErrnoException) => {
    end.error = error.code;
  });
  socket.on("close", () => {
    end.isClosed = true;
  });
  cleanups.push(() => socket.destroy());
  return end;
}

/** A proxy before a server that keeps what it gets. */
async function proxied(kind: "unix" | "tcp", seed?: string) {
  const directory = mkdtempSync(join(tmpdir(), "alphapulse-"));
  cleanups.push(() => rmSync(directory, { recursive: true, force: true }));
  const place = (name: string): Place =>
    kind === "unix" ? { path: join(directory, name) } : { host: "127.0.0.1", port: 0 };
  const ends: End[] = [];
  const server = createServer({ allowHalfOpen: true }, (socket) => ends.push(ended(socket)));
  server.listen(place("server.sock"));
  await once(server, "listening");
  cleanups.push(() => server.close());
  const address = server.address();
  const to = typeof address === "object" && address !== null ? { host: "127.0.0.1", port: address.port } : undefined;
  const proxy = await StreamProxy.start(place("proxy.sock"), to ?? place("server.sock"), seed);
  cleanups.push(() => proxy.close());
  const connect = (): End => ended(createConnection({ ...proxy.place, allowHalfOpen: true }));
  const pair = async (): Promise<[End, End]> => {
    const count = ends.length;
    const client = connect();
    await until(() => ends.length > count);
    return [client, ends[count] as End];
  };
  return { proxy, ends, connect, pair };
}

const LARGE = Buffer.alloc(3 << 20, "0123456789abcdefghijklmnopqrstuvwxyz");
const digest = (bytes: Buffer): string => createHash("sha1").update(bytes).digest("hex");

describe.each(["unix", "tcp"] as const)("a stream proxy over %s", (kind) => {
  test("without faults passes on both ways what was sent, and each end by itself", async () => {
    const { proxy, pair } = await proxied(kind);
    const [client, server] = await pair();
    client.socket.end(LARGE);
    await until(() => server.isEnded);
    expect(digest(server.bytes())).toBe(digest(LARGE));
    expect(client.isEnded).toBe(false);
    server.socket.end(LARGE.subarray(0, 1 << 20));
    await until(() => client.isClosed && server.isClosed);
    expect(digest(client.bytes())).toBe(digest(LARGE.subarray(0, 1 << 20)));
    expect([client.error, server.error]).toEqual([undefined, undefined]);
    await until(() => proxy.connectionCount === 0);
    expect(proxy.counts.forwardedBytes).toBe(4 << 20);
  });

  test("cut ends every connection on both sides, and takes new ones", async () => {
    const { proxy, pair } = await proxied(kind);
    const ends = [...(await pair()), ...(await pair())];
    expect(proxy.cut()).toBe(2);
    await until(() => ends.every(({ isClosed, isEnded }) => isClosed || isEnded));
    if (kind === "tcp") expect(ends.map(({ error }) => error)).toEqual(Array(4).fill("ECONNRESET"));
    expect(proxy.counts.cuts).toBe(2);
    const [client, server] = await pair();
    client.socket.write("again");
    await until(() => server.bytes().toString() === "again");
  });

  test("cut after so many bytes lets exactly these through, once", async () => {
    const { proxy, pair } = await proxied(kind);
    proxy.cutAfter(100_001, "toServer");
    const [client, server] = await pair();
    client.socket.write(LARGE);
    await until(() => server.isEnded && client.isClosed);
    expect(server.bytes().equals(LARGE.subarray(0, 100_001))).toBe(true);
    if (kind === "tcp") expect(client.error).toBe("ECONNRESET");
    const [second, other] = await pair();
    second.socket.write(LARGE.subarray(0, 200_000));
    await until(() => other.bytes().byteLength === 200_000);
  });

  test("a delay makes everything later, in order, and takes nothing from the throughput", async () => {
    const { proxy, pair } = await proxied(kind);
    const [client, server] = await pair();
    proxy.delay(150, "toServer");
    const begun = performance.now();
    client.socket.write(LARGE.subarray(0, 100_000));
    await until(() => server.bytes().byteLength === 100_000);
    const tookMs = performance.now() - begun;
    expect(tookMs).toBeGreaterThanOrEqual(149);
    expect(server.bytes().equals(LARGE.subarray(0, 100_000))).toBe(true);
    server.socket.write("answer"); // the other way is as fast as before
    const answered = performance.now();
    await until(() => client.bytes().byteLength === 6);
    expect(performance.now() - answered).toBeLessThan(149);
  });

  test("duplicate sends pieces twice", async () => {
    const { proxy, pair } = await proxied(kind);
    const [client, server] = await pair();
    proxy.duplicate(1);
    client.socket.write("abc");
    await until(() => server.bytes().toString() === "abcabc");
    expect(proxy.counts.duplicated).toBe(1);
  });

  test("corrupt flips single bits at its rate, the same ones for the same seed", async () => {
    const flips = async (seed: string): Promise<number[]> => {
      const { proxy, pair } = await proxied(kind, seed);
      const [client, server] = await pair();
      proxy.corrupt(0.01, "toServer");
      client.socket.write(LARGE.subarray(0, 20_000));
      await until(() => server.bytes().byteLength === 20_000);
      const got = server.bytes();
      const places = [...got.keys()].filter((at) => got[at] !== LARGE[at]);
      expect(places.length).toBe(proxy.counts.corruptedBytes);
      for (const at of places) {
        const difference = (got[at] as number) ^ (LARGE[at] as number);
        expect(difference & (difference - 1)).toBe(0);
      }
      server.socket.write(LARGE.subarray(0, 20_000)); // the other way stays whole
      await until(() => client.bytes().byteLength === 20_000);
      expect(client.bytes().equals(LARGE.subarray(0, 20_000))).toBe(true);
      return places;
    };
    const places = await flips("one");
    expect(places.length).toBeGreaterThan(120);
    expect(places.length).toBeLessThan(280);
    expect(await flips("two")).not.toEqual(places);
  });

  test("a limited bandwidth lets no more through, and the sender feels it", async () => {
    const { proxy, pair } = await proxied(kind);
    const [client, server] = await pair();
    proxy.limit(1_000_000, "toServer");
    const begun = performance.now();
    let hasLeft = false;
    const bytes = Buffer.concat(Array(6).fill(LARGE)); // fits neither the proxy nor the kernel
    client.socket.write(bytes, () => {
      hasLeft = true;
    });
    await until(() => server.bytes().byteLength >= 200_000);
    expect(performance.now() - begun).toBeGreaterThan(180);
    expect(hasLeft).toBe(false);
    expect(server.bytes().byteLength).toBeLessThan(300_000);
    proxy.heal();
    await until(() => hasLeft);
    client.socket.end();
    await until(() => server.isEnded);
    expect(digest(server.bytes())).toBe(digest(bytes));
  });

  test("silence that holds tells nobody anything, and brings everything later", async () => {
    const { proxy, pair } = await proxied(kind);
    const [client, server] = await pair();
    proxy.goSilent();
    client.socket.write("unheard");
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect([server.bytes().byteLength, server.isClosed, client.isClosed]).toEqual([0, false, false]);
    proxy.resume();
    await until(() => server.bytes().toString() === "unheard");
  });

  test("silence that swallows loses what comes meanwhile, and no more", async () => {
    const { proxy, pair } = await proxied(kind);
    const [client, server] = await pair();
    proxy.goSilent("swallow", "toServer");
    client.socket.write("lost");
    await until(() => proxy.counts.swallowedBytes === 4);
    proxy.resume();
    client.socket.write("heard");
    await until(() => server.bytes().toString() === "heard");
  });

  test("an end that dies in a silence leaves the other one half-open until it is over", async () => {
    const { proxy, pair } = await proxied(kind);
    const [client, server] = await pair();
    proxy.goSilent();
    client.socket.destroy();
    await until(() => client.isClosed);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect([server.isEnded, server.isClosed]).toEqual([false, false]);
    proxy.resume();
    await until(() => server.isEnded || server.isClosed);
  });

  test("refuses new connections, or takes and resets them, until it accepts again", async () => {
    const { proxy, connect, pair } = await proxied(kind);
    const [client, server] = await pair();
    proxy.refuse();
    const refused = connect();
    await until(() => refused.isClosed);
    expect(refused.error).toBe(kind === "tcp" ? "ECONNREFUSED" : "ENOENT");
    client.socket.write("still here");
    await until(() => server.bytes().toString() === "still here");
    await proxy.accept();
    proxy.dropNew();
    const dropped = connect();
    await until(() => dropped.isClosed || dropped.isEnded);
    if (kind === "tcp") expect(dropped.error).toBe("ECONNRESET");
    await proxy.accept();
    const [again, other] = await pair();
    again.socket.write("hello");
    await until(() => other.bytes().toString() === "hello");
  });
});
