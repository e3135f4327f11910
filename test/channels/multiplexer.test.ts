import fc from "fast-check";
import { afterEach, describe, expect, test } from "vitest";
import { Multiplexer, type MultiplexerOptions } from "../../src/channels/multiplexer.js";
import type { AlphaPulseError } from "../../src/protocol/errors.js";
import { RelayDomain } from "../../src/protocol/tables.js";
import { Relay } from "../../src/relay/relay.js";
import { Connection } from "../../src/session/connection.js";
import { messageOf, Recorder, send } from "../../src/testing/conformance/recorder.js";
import { TradeTLV } from "../../src/tlvs/market-data.js";
import { localLinks } from "../../src/transports/local.js";
import { ringTransport } from "../../src/transports/ring.js";
import type { Link } from "../../src/transports/transport.js";
import { tradeOf, until } from "../samples.js";
import { unixCarrier } from "./channel-transport.js";
import { RawEnd, u32 } from "./raw-end.js";

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

interface Arrived {
  readonly name: string;
  readonly link: Link;
  readonly recorder: Recorder;
}

async function pair(near: MultiplexerOptions = {}, far: MultiplexerOptions = near) {
  const carrier = await unixCarrier({ bufferBytesMax: 64 << 10 });
  cleanups.push(() => carrier.cleanUp());
  const arrived: Arrived[] = [];
  const onChannel = (name: string, link: Link): void => {
    const recorder = new Recorder();
    arrived.push({ name, link, recorder });
    link.start(recorder);
  };
  const client = new Multiplexer(carrier.near, near);
  const server = new Multiplexer(carrier.far, { onChannel, ...far });
  const open = async (name: string): Promise<Arrived & { far: Arrived }> => {
    const link = await client.open(name);
    const recorder = new Recorder();
    link.start(recorder);
    return { name, link, recorder, far: arrived.at(-1) as Arrived };
  };
  return { client, server, arrived, open, carrier };
}

function raw(options: MultiplexerOptions = {}) {
  const [near, far] = localLinks("test");
  const end = new RawEnd(far);
  const mux = new Multiplexer(near, { checksum: "crc32c", ...options });
  let ended: AlphaPulseError | undefined | "not yet" = "not yet";
  void mux.ended.then((error) => {
    ended = error;
  });
  return { mux, end, ended: () => ended };
}

describe("channels over one link", () => {
  test("keep the order of each, whatever is sent, paused and sent ahead meanwhile, and none is left behind", async () => {
    let backPressured = 0;
    let pauses = 0;
    const step = fc.record({ of: fc.nat(3), bytes: fc.oneof(fc.nat(200), fc.nat(3_000), fc.constant(40_000)) });
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1_024, max: 50_000 }),
        fc.array(step, { size: "max", minLength: 100, maxLength: 400 }),
        async (windowBytes, steps) => {
          const { open } = await pair({ windowBytes, bufferBytesMax: 8 << 10 });
          const channels = [await open("a"), await open("b"), await open("c"), await open("d")];
          for (const { far } of channels) {
            far.recorder.onMessage = (n) => {
              if (n % 7 !== 3) return;
              pauses++;
              far.link.pause();
              setImmediate(() => far.link.resume());
            };
          }
          const counts = [0, 0, 0, 0];
          for (const { of, bytes } of steps) {
            const { link, recorder } = channels[of] as (typeof channels)[number];
            const n = counts[of] as number;
            while (send(link, messageOf(n, bytes)) === "backPressured") {
              backPressured++;
              const before = recorder.readies;
              await until(() => recorder.readies > before);
            }
            counts[of] = n + 1;
          }
          for (const [i, { far, link }] of channels.entries()) {
            const expected = Array.from({ length: counts[i] as number }, (_, n) => n);
            await until(() => far.recorder.numbers.length >= expected.length);
            expect(far.recorder.numbers).toEqual(expected);
            expect(far.recorder.problems).toEqual([]);
            expect(link.pendingBytes).toBe(0);
          }
          for (const cleanup of cleanups.splice(0)) await cleanup();
        },
      ),
      { numRuns: 15 },
    );
    expect(backPressured).toBeGreaterThan(100);
    expect(pauses).toBeGreaterThan(50);
  });

  test("a full one holds up no other, and holds a bounded number of bytes", async () => {
    const { open, server } = await pair({ windowBytes: 16 << 10, bufferBytesMax: 16 << 10 });
    const [full, free] = [await open("full"), await open("free")];
    full.far.link.pause();
    let sent = 0;
    while (send(full.link, messageOf(sent, 1_000)) === "sent") {
      sent++;
      await new Promise((resolve) => setImmediate(resolve));
    }
    for (let n = 0; n < 2_000; n++) {
      while (send(free.link, messageOf(n, 100)) !== "sent") await new Promise((resolve) => setImmediate(resolve));
    }
    await until(() => free.far.recorder.numbers.length === 2_000);
    expect(full.far.recorder.numbers.length).toBe(0);
    expect(server.stats().channels[0]?.unreadBytes).toBeLessThanOrEqual(16 << 10);
    expect(sent * 1_032).toBeLessThanOrEqual(33 << 10);
    full.far.link.resume();
    await until(() => full.far.recorder.numbers.length === sent);
  });

  test("have turns by bytes, not by messages", async () => {
    const { mux, end } = raw({ bufferBytesMax: 1 << 20 });
    end.windowBytes = 1 << 20;
    const [small, large] = [await mux.open("small"), await mux.open("large")];
    for (let n = 0; n < 5_000; n++) send(small, messageOf(n, 68));
    for (let n = 0; n < 5; n++) send(large, messageOf(n, 100_000));
    await until(() => end.dataOf(1).byteLength === 500_000 && large.pendingBytes === 0);
    const bytes = [0, 0, 0];
    for (const { opcode, channel, body } of end.frames) {
      if (opcode === 0x102) bytes[channel] = (bytes[channel] as number) + body.byteLength;
      expect(Math.abs((bytes[1] as number) - (bytes[2] as number))).toBeLessThanOrEqual(32 << 10);
    }
    expect(end.frames.map(({ sequence }) => sequence)).toEqual(end.frames.map((_, n) => n + 1));
  });

  test("what is sent ahead goes before the channel's own data, and never into the middle of a message", async () => {
    const { mux, end } = raw({ bufferBytesMax: 1 << 20 });
    end.windowBytes = 32 << 10;
    const link = await mux.open("a");
    for (let n = 0; n < 4; n++) send(link, messageOf(n, 40_000));
    await until(() => end.dataOf(1).byteLength >= 16 << 10);
    const ahead = messageOf(9, 10);
    expect(link.sendAhead({ bytes: ahead, view: new DataView(ahead.buffer) }, 0, ahead.byteLength)).toBe("sent");
    for (let n = 0; n < 50; n++) {
      end.send(0x103, 0x8000_0001, u32(4 << 10));
      await new Promise((resolve) => setImmediate(resolve));
      if (link.pendingBytes === 0) break;
    }
    const recorder = new Recorder();
    const all = end.dataOf(1);
    const view = new DataView(all.buffer);
    for (let at = 0; at < all.byteLength; ) {
      const byteLength = 32 + view.getUint32(at + 24, true);
      recorder.message({ bytes: all, view }, at, byteLength);
      at += byteLength;
    }
    expect(recorder.problems).toEqual([]);
    expect(recorder.numbers).toEqual([0, 9, 1, 2, 3]);
  });

  test("carry sessions with relays, each under its own name", async () => {
    const domains = { market: RelayDomain.MarketData, signals: RelayDomain.Signal };
    const relays = new Map(Object.entries(domains).map(([name, domain]) => [name, new Relay({ domain })]));
    cleanups.push(() => Promise.all([...relays.values()].map((relay) => relay.close())));
    const { client } = await pair({}, { onChannel: (name, channel) => relays.get(name)?.attach(channel) });
    const producer = await Connection.open(await client.open("market"), { source: 7 });
    const reader = await Connection.open(await client.open("market"), {});
    const idle = await Connection.open(await client.open("signals"), {});
    const got: bigint[] = [];
    await reader.subscribe({ types: [TradeTLV] }, { Trade: (trade) => void got.push(trade.price) });
    for (let n = 1; n <= 1_000; n++) expect(producer.publish(TradeTLV, tradeOf(n))).toBe("sent");
    await until(() => got.length === 1_000);
    expect(got).toEqual(Array.from({ length: 1_000 }, (_, n) => BigInt(n + 1)));
    await Promise.all([producer.close(), reader.close(), idle.close()]);
    await until(() => client.stats().channels.length === 0);
  });

  test("closed, delivers all and ends all; the other end is told without an error", async () => {
    const { client, server, open, arrived } = await pair();
    const links = [await open("a"), await open("b")];
    for (const { link } of links) for (let n = 0; n < 500; n++) send(link, messageOf(n, 200));
    await client.close();
    expect(await server.ended).toBeUndefined();
    expect(arrived.map(({ recorder }) => recorder.numbers.length)).toEqual([500, 500]);
    expect(arrived.map(({ recorder }) => [recorder.closings, recorder.error])).toEqual([
      [1, undefined],
      [1, undefined],
    ]);
    await expect(client.open("c")).rejects.toMatchObject({ code: "DISCONNECTED" });
  });
});

describe("an open", () => {
  test("is refused where nobody takes channels, or not this name", async () => {
    const { client, server } = await pair({}, { accepts: (name) => name === "yes" });
    await expect(client.open("no")).rejects.toMatchObject({ code: "CHANNEL_REFUSED" });
    await expect(server.open("back")).rejects.toMatchObject({ code: "CHANNEL_REFUSED" });
    await client.open("yes");
  });

  test("is refused beyond the channels of either end, until one has ended", async () => {
    const { open } = await pair({ channelsMax: 100 }, { channelsMax: 2 });
    const [first] = [await open("a"), await open("b")];
    await expect(open("c")).rejects.toMatchObject({ code: "TOO_MANY_CHANNELS" });
    await first.link.close();
    await until(() => first.far.recorder.closings === 1);
    await open("c");
    const own = await pair({ channelsMax: 1 });
    await own.open("a");
    await expect(own.open("b")).rejects.toMatchObject({ code: "TOO_MANY_CHANNELS" });
  });

  test("that is not answered is given up in time, and a late answer opens nothing", async () => {
    const { mux, end, ended } = raw({ timeoutMs: 30 });
    end.windowBytes = 0;
    await expect(mux.open("a")).rejects.toMatchObject({ code: "TIMEOUT" });
    expect(end.frames.map(({ opcode }) => opcode)).toEqual([0x100, 0x104]);
    end.send(0x101, 0x8000_0001, [0, 0, 0, 0, ...u32(4_096)]);
    expect(mux.stats().channels.length).toBe(1);
    end.send(0x104, 0x8000_0001, [0, 0, 0, 0]);
    expect(mux.stats().channels).toEqual([]);
    expect(ended()).toBe("not yet");
  });

  test.each(["", "x".repeat(256), "ü".repeat(128), "\ud800"])("of the name %j is refused here", async (name) => {
    await expect(raw().mux.open(name)).rejects.toMatchObject({ code: "BAD_NAME" });
  });

  test("by both ends at once, of the same name, makes two channels", async () => {
    const names: string[] = [];
    const onChannel = (name: string): void => void names.push(name);
    const { client, server } = await pair({ onChannel });
    const [a, b] = await Promise.all([client.open("same"), server.open("same")]);
    expect(a).not.toBe(b);
    expect(names).toEqual(["same", "same"]);
    expect(client.stats().channels.length).toBe(2);
  });
});

describe("many channels at once", () => {
  test("are opened and ended in one turn over a carrier that holds a few of their frames", async () => {
    const count = 6_000;
    const { client, server } = await pair({ channelsMax: count, timeoutMs: 15_000 });
    const channels = await Promise.all(Array.from({ length: count }, (_, n) => client.open(`${n}`)));
    for (const channel of channels) channel.start(new Recorder());
    expect(server.stats().channels).toHaveLength(count);
    for (const channel of channels) channel.destroy();
    await until(() => client.stats().channels.length === 0 && server.stats().channels.length === 0);
    await client.open("another");
  });

  test("whose opens and ends are never read are too many at some time", async () => {
    const { mux, end, ended } = raw({ onChannel: () => {}, channelsMax: 10 });
    end.pause();
    for (let n = 1; n < 10_000 && ended() === "not yet"; n++) {
      end.send(0x100, n, [...u32(4_096), 0x61]);
      end.send(0x104, n, [1, 0, 0, 0]);
      if (n % 100 === 0) await Promise.resolve();
    }
    expect(await mux.ended).toMatchObject({ code: "CHANNEL_PROTOCOL", message: expect.stringContaining("4136") });
  });
});

test("an open that the other end ends without an answer fails at once", async () => {
  const { mux, end } = raw({ timeoutMs: 60_000 });
  end.windowBytes = 0; // no answer
  const opening = mux.open("a");
  end.send(0x104, 0x8000_0001, [0, 0, 0, 0]);
  await expect(opening).rejects.toMatchObject({ code: "CHANNEL_REFUSED" });
  expect(mux.stats().channels).toEqual([]);
});

describe("a broken rule ends the carrier with a Goodbye and a code, and all channels are told", () => {
  const OPEN = [...u32(4_096), 0x61];
  const rules: Record<string, (end: RawEnd) => void> = {
    "more bytes than were granted": (end) => {
      end.send(0x102, 0x8000_0001, new Uint8Array(40_000));
      end.send(0x102, 0x8000_0001, new Uint8Array(40_000));
    },
    "credit beyond the window": (end) => end.send(0x103, 0x8000_0001, u32(1)),
    "a channel that is not open": (end) => end.send(0x102, 0x8000_0009, [1]),
    "a number that is taken": (end) => {
      end.send(0x100, 1, OPEN);
      end.send(0x100, 1, OPEN);
    },
    "number 0": (end) => end.send(0x100, 0, OPEN),
    "an open of a channel of this end": (end) => end.send(0x100, 0x8000_0007, OPEN),
    "an answer that was not asked for": (end) => end.send(0x101, 0x8000_0001, [0, 0, 0, 0, ...u32(4_096)]),
    "an opcode that is none": (end) => end.send(0x1ff, 1, [1, 2, 3, 4, 5, 6, 7, 8]),
    "a body that is too short": (end) => end.send(0x103, 0x8000_0001, [1]),
    "a name that is too long": (end) => end.send(0x100, 1, [...u32(4_096), ...new Uint8Array(256).fill(0x61)]),
    "a window that is none": (end) => end.send(0x100, 1, [...u32(1), 0x61]),
    "a frame that was left out": (end) => end.send(0x103, 0x8000_0001, u32(0), 7),
    "a frame that comes twice": (end) => end.send(0x103, 0x8000_0001, u32(0), 1),
  };

  test.each(Object.entries(rules))("%s", async (_, breakRule) => {
    const { mux, end, ended } = raw({ windowBytes: 64 << 10, onChannel: () => {} });
    const recorder = new Recorder();
    (await mux.open("a")).start({ ...handlerOf(recorder), message: () => {}, broken: () => {} });
    breakRule(end);
    await until(() => ended() !== "not yet");
    expect(ended()).toMatchObject({ code: "CHANNEL_PROTOCOL" });
    expect(recorder.error).toBe(ended());
    expect(end.goodbyes.map(({ code }) => code)).toEqual([2]);
    expect(end.isClosed).toBe(true);
  });

  test("a wrong checksum", async () => {
    const [near, far] = localLinks("test");
    const mux = new Multiplexer(near, { checksum: "crc32" }); // and the other end writes CRC-32C
    new RawEnd(far).send(0x104, 1, [0, 0]);
    expect(await mux.ended).toMatchObject({ code: "CHECKSUM_MISMATCH" });
  });

  test("what is no row of messages breaks that channel alone", async () => {
    const { mux, end, ended } = raw();
    const broken: string[] = [];
    const handler = {
      message: () => {},
      broken: (error: AlphaPulseError) => void broken.push(error.code),
      closed() {},
    };
    (await mux.open("a")).start(handler);
    end.send(0x102, 0x8000_0001, new Uint8Array(40));
    end.send(0x102, 0x8000_0001, new Uint8Array(40));
    expect(broken).toEqual(["BAD_MAGIC"]);
    await mux.open("b");
    expect(ended()).toBe("not yet");
  });
});

function handlerOf(recorder: Recorder) {
  return { ready: () => recorder.ready(), closed: (error?: AlphaPulseError) => recorder.closed(error) };
}

describe("a carrier", () => {
  test("that may lose messages or carries too little is refused", async () => {
    const [near] = localLinks("test");
    const datagrams = Object.assign(Object.create(near), { datagrams: {} }) as Link;
    expect(() => new Multiplexer(datagrams)).toThrow(expect.objectContaining({ code: "UNFIT_CARRIER" }));
    const name = `small-${process.pid}`;
    const listener = await ringTransport.listen(name, (link) => cleanups.push(() => link.destroy()));
    cleanups.push(() => listener.close());
    const small = await ringTransport.connect(name, { capacityBytes: 16 << 10 } as never);
    cleanups.push(() => small.destroy());
    expect(() => new Multiplexer(small)).toThrow(expect.objectContaining({ code: "UNFIT_CARRIER" }));
  });

  test.each([
    { windowBytes: 100 },
    { channelsMax: 0 },
    { bufferBytesMax: 0.5 },
    { payloadBytesMax: -1 },
    { timeoutMs: 0 },
  ])("is not taken with the option %o", (options) => {
    const [near] = localLinks("test");
    expect(() => new Multiplexer(near, options)).toThrow(expect.objectContaining({ code: "BAD_OPTION" }));
  });
});
