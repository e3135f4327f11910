import type { Socket } from "node:net";
import fc from "fast-check";
import { afterEach, describe, expect, test, vi } from "vitest";
import { TLVBuilder } from "../../src/protocol/builder.js";
import { HEADER_BYTES } from "../../src/protocol/header.js";
import { parseMessage } from "../../src/protocol/message.js";
import { RelayDomain } from "../../src/protocol/tables.js";
import { AccessTokens } from "../../src/relay/access-tokens.js";
import type { Relay } from "../../src/relay/relay.js";
import type { Connection } from "../../src/session/connection.js";
import { GoodbyeCode } from "../../src/tlvs/codes.js";
import { TradeTLV } from "../../src/tlvs/market-data.js";
import { GoodbyeTLV, HelloTLV } from "../../src/tlvs/session-control.js";
import { tradeOf, until } from "../samples.js";
import type { Place } from "../support/fault-proxy.js";
import { resources } from "../support/resources.js";
import { Bed, type Reader, range, STREAMS, type Stream } from "./bed.js";

const bed = new Bed();
afterEach(async () => {
  vi.useRealTimers();
  await bed.clear();
});

/** Two clients that must not be hurt, whatever the others do. */
class Bystanders {
  readonly producer: Connection;
  readonly reader: Reader;
  #published = 0;

  constructor(producer: Connection, reader: Reader) {
    this.producer = producer;
    this.reader = reader;
  }

  /** Publishes so many more, and expects them all, once and in order. */
  async exchange(count: number): Promise<void> {
    for (let n = 0; n < count; n++) {
      while (this.producer.publish(TradeTLV, tradeOf(this.#published + 1)) !== "sent") await this.producer.ready();
      this.#published++;
      if (n % 100 === 99) await new Promise((resolve) => setImmediate(resolve));
    }
    const { prices, gaps } = this.reader;
    await until(() => prices.length >= this.#published);
    expect(gaps).toEqual([]);
    expect(prices.length).toBe(this.#published);
    expect(prices.at(-1)).toBe(this.#published);
  }

  expectAll(): void {
    expect(this.reader.prices).toEqual(range(1, this.#published));
  }
}

async function served(stream: Stream, options: Parameters<Bed["relay"]>[1] = {}) {
  const { relay, place, address } = await bed.relay(stream, options);
  const reader = await bed.reader(address);
  const producer = await bed.connect(address, { source: 1_000, name: "producer" });
  return { relay, place, address, bystanders: new Bystanders(producer, reader) };
}

const names = (relay: Relay): string[] =>
  relay
    .stats()
    .members.map(({ name }) => name)
    .sort();

/** So many sockets, connected as far as the system goes. */
async function opened(place: Place, count: number): Promise<Socket[]> {
  const sockets = range(1, count).map(() => bed.socket(place));
  await until(() => sockets.every((socket) => !socket.connecting));
  return sockets;
}

describe.each(STREAMS)("over %s", (stream) => {
  test("a flood of 2,000 connections stops at the limit, is told so, and leaves nothing behind", async () => {
    const { relay, place, bystanders } = await served(stream, { membersMax: 100 });
    const before = resources();
    let most = 0;
    relay.on("joined", () => {
      most = Math.max(most, relay.stats().members.length);
    });
    const sockets: Socket[] = [];
    const goodbyes: Buffer[][] = [];
    while (sockets.length < 2_000) {
      for (const socket of await opened(place, 100)) {
        const chunks: Buffer[] = [];
        socket.once("data", (chunk: Buffer) => chunks.push(chunk.subarray(0, 1_000)));
        socket.resume();
        socket.on("close", () => goodbyes.push(chunks));
        sockets.push(socket);
      }
      await bystanders.exchange(100);
      await until(() => relay.stats().members.length - 2 + goodbyes.length === sockets.length);
    }
    expect(relay.stats().members.length).toBe(100);
    expect(most).toBeLessThanOrEqual(100);
    expect(goodbyes.length).toBe(2_000 - 98);
    const codes = goodbyes.map((chunks) => parseMessage(Buffer.concat(chunks)).get(GoodbyeTLV)?.code);
    expect(new Set(codes)).toEqual(new Set([GoodbyeCode.TooManyConnections]));
    await bystanders.exchange(2_000);
    for (const socket of sockets) socket.destroy();
    await until(() => relay.stats().members.length === 2);
    bystanders.expectAll();
    await until(() => resources().files === before.files && resources().sockets === before.sockets);
    const after = resources();
    expect(after.timers).toBeLessThanOrEqual(before.timers);
    expect(after.memoryBytes - before.memoryBytes).toBeLessThan(8 << 20);
  });

  test("a slow-loris of 100 connections, each with a message that never ends, is let go after ten seconds", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const { relay, place, bystanders } = await served(stream);
    const whole = new TLVBuilder({ domain: RelayDomain.MarketData, source: 7 }).add(TradeTLV, tradeOf(1)).build();
    const sockets = await opened(place, 100);
    for (const socket of sockets) socket.resume();
    await until(() => relay.stats().members.length === 102);
    let refusals = 0;
    relay.on("refused", () => refusals++);
    for (let byteCount = 0; byteCount < 9; byteCount++) {
      for (const [index, socket] of sockets.entries()) {
        if (byteCount < (index % 9) + 1) socket.write(whole.subarray(byteCount, byteCount + 1));
      }
      await bystanders.exchange(50);
      vi.advanceTimersByTime(1_000);
    }
    expect(refusals).toBe(0);
    vi.advanceTimersByTime(10_000);
    await until(() => sockets.every(({ closed }) => closed));
    expect(refusals).toBe(100);
    expect(relay.stats().received).toBe(450); // nothing of theirs
    await until(() => relay.stats().members.length === 2);
    await bystanders.exchange(50);
    bystanders.expectAll();
  });

  test("garbage ends the connection that it came over, and no other", async () => {
    const { relay, place, bystanders } = await served(stream);
    const before = resources();
    let [broken, halves] = [0, 0];
    await fc.assert(
      fc.asyncProperty(garbage(), async (bytes) => {
        const socket = bed.socket(place);
        socket.resume();
        const refused = relay.stats().refused;
        const { malformed, checksum, domain, tooLarge } = refused;
        socket.end(bytes);
        await until(() => socket.closed);
        const now = relay.stats().refused;
        if (now.malformed > malformed) broken++;
        else if (now.checksum === checksum && now.domain === domain && now.tooLarge === tooLarge) halves++;
        await bystanders.exchange(10);
      }),
      { numRuns: 150 },
    );
    expect(broken).toBeGreaterThan(40);
    expect(halves).toBeGreaterThan(3); // a message that was only begun
    await until(() => relay.stats().members.length === 2);
    expect(names(relay)).toEqual(["producer", "reader"]);
    expect(relay.stats().received).toBe(1_500); // nothing of it passed
    bystanders.expectAll();
    expect(resources().memoryBytes - before.memoryBytes).toBeLessThan(8 << 20);
  });

  test("a header that promises the most keeps no memory for what has not come", async () => {
    const { relay, place, bystanders } = await served(stream);
    const before = resources();
    const header = headerOf({ payloadSize: 1 << 20 });
    const sockets = await opened(place, 200);
    for (const socket of sockets) socket.write(header);
    await until(() => relay.stats().members.length === 202);
    await bystanders.exchange(1_000);
    expect(resources().memoryBytes - before.memoryBytes).toBeLessThan(64 << 20);
    bystanders.expectAll();
  });
});

test("a slow-loris before authentication is let go in time, and keeps nobody out who has a token", async () => {
  const token = "a token that is long enough for anybody";
  const auth = new AccessTokens([{ token }]);
  const { relay, place, address } = await bed.relay("unix", { auth, helloTimeoutMs: 200, unauthenticatedMax: 20 });
  const reader = await bed.reader(address, { token });
  const sockets = await opened(place, 100);
  let heardBytes = 0;
  for (const socket of sockets) {
    socket.on("data", (bytes: Buffer) => {
      heardBytes += bytes.byteLength;
    });
    socket.write(headerOf({ domain: RelayDomain.System, payloadSize: 100 }).subarray(0, 20));
  }
  const producer = await bed.connect(address, { token, source: 1_000, name: "producer" });
  await new Bystanders(producer, reader).exchange(500);
  await until(() => sockets.every(({ closed }) => closed));
  expect(names(relay)).toEqual(["producer", "reader"]);
  expect(heardBytes).toBeLessThan(100 * 200); // no more than a Goodbye each
});

/** A header that is right but for what is given. */
function headerOf({ payloadSize = 0, version = 1, domain = 1, magic = 0xdeadbeef }): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt32LE(magic, 0);
  header.writeUInt8(version, 4);
  header.writeUInt8(domain, 5);
  header.writeUInt32LE(payloadSize, 24);
  return header;
}

/** Bytes that are no message of ours: noise, headers that promise anything, sessions that make no sense. */
function garbage(): fc.Arbitrary<Buffer> {
  const noise = fc.uint8Array({ minLength: 1, maxLength: 5_000, size: "max" }).map((bytes) => Buffer.from(bytes));
  const sizes = fc.oneof(
    fc.nat(0xffff_ffff),
    fc.constantFrom(1 << 20, (1 << 20) + 1, 16 << 20, 0x7fff_ffff, 0xffff_ffff),
  );
  const header = fc
    .record({
      payloadSize: sizes,
      version: fc.constantFrom(0, 1, 1, 1, 2, 255),
      domain: fc.constantFrom(0, 1, 1, 1, 2, 4, 5, 255),
    })
    .map((fields) => headerOf(fields));
  const builder = new TLVBuilder({ domain: RelayDomain.System, source: 9 });
  const hello = fc
    .uint8Array({ maxLength: 60 })
    .map((value) => Buffer.from(builder.addRaw(HelloTLV.type, value).build()));
  const control = fc
    .tuple(fc.integer({ min: 90, max: 99 }), fc.uint8Array({ maxLength: 60 }))
    .map(([type, value]) => Buffer.from(builder.addRaw(type, value).build()));
  return fc.oneof(
    noise,
    fc.tuple(header, noise).map((parts) => Buffer.concat(parts)),
    header,
    fc.tuple(hello, control, noise).map((parts) => Buffer.concat(parts)),
  );
}
