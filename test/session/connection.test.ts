import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { TLVBuilder } from "../../src/protocol/builder.js";
import { RelayDomain, Source } from "../../src/protocol/tables.js";
import { Relay } from "../../src/relay/relay.js";
import { connect } from "../../src/session/connect.js";
import { Connection } from "../../src/session/connection.js";
import type { GapNotice } from "../../src/session/subscription.js";
import { ControlOpcode, GoodbyeCode } from "../../src/tlvs/codes.js";
import { QuoteTLV, TradeTLV, VenueUpdateTLV } from "../../src/tlvs/market-data.js";
import { ControlTLV, GapTLV, GoodbyeTLV, PingTLV, PongTLV } from "../../src/tlvs/session-control.js";
import { localLinks } from "../../src/transports/local.js";
import { quoteOf, tradeOf, until } from "../samples.js";
import { opened as openedFor, Script } from "./script.js";

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const opened: typeof openedFor = async (...given) => {
  const all = await openedFor(...given);
  cleanups.push(() => all.connection.close());
  return all;
};

const coded = (code: string) => expect.objectContaining({ code });
const gapOf = (from: number, to: number, reason = 2) => ({
  fromSequence: BigInt(from),
  toSequence: BigInt(to),
  requestId: 0,
  source: 7,
  reason,
});
const PUBLISHER = { source: 7, incarnation: 3 } as const;

describe("a connection that is being made", () => {
  test("fails with TIMEOUT where nobody answers its Hello, and leaves nothing open", async () => {
    const [client, server] = localLinks("silent");
    const opening = Connection.open(client, { timeoutMs: 20 });
    const script = new Script(server, { welcome: false });
    await expect(opening).rejects.toThrow(coded("TIMEOUT"));
    expect(script.closings).toBe(1);
  });

  test("fails with what the relay's Goodbye says", async () => {
    const [client, server] = localLinks("refusing");
    const opening = Connection.open(client, {});
    const script = new Script(server, { welcome: false });
    script.say(GoodbyeTLV, { code: GoodbyeCode.TooManyConnections, reason: "full" });
    script.link.destroy();
    await expect(opening).rejects.toThrow(coded("TOO_MANY_CONNECTIONS"));
    await expect(opening).rejects.toThrow("full (Goodbye 6)");
  });

  test("fails with DISCONNECTED where the link ends first", async () => {
    const [client, server] = localLinks("ending");
    const opening = Connection.open(client, {});
    server.destroy();
    await expect(opening).rejects.toThrow(coded("DISCONNECTED"));
  });

  test("says who it is, and what it is, first of all", async () => {
    const { script } = await opened({ name: "a name", source: 5 });
    expect(script.messages[0]?.header).toMatchObject({ relayDomain: RelayDomain.System, source: 5, sequence: 0n });
    const [hello] = [...(script.messages[0] ?? [])];
    expect(hello?.type).toBe(90);
    expect(Buffer.from(hello?.value ?? []).toString("latin1")).toContain("a name");
  });

  test.each([0, 8_192, 1.5, -1])("cannot have incarnation %s", async (incarnation) => {
    const [client] = localLinks("any");
    await expect(Connection.open(client, { incarnation })).rejects.toThrow(coded("BAD_OPTION"));
  });
});

describe("asking the relay", () => {
  test("fails with TIMEOUT where it does not answer in time, and the session goes on", async () => {
    const { connection, script } = await opened({ ...PUBLISHER, timeoutMs: 20 }, { acknowledge: false, pong: false });
    await expect(connection.flush()).rejects.toThrow(coded("TIMEOUT"));
    await expect(connection.subscribe({ types: [TradeTLV] }, {})).rejects.toThrow(coded("TIMEOUT"));
    expect(connection.publish(TradeTLV, tradeOf(1))).toBe("sent");
    expect(script.counters).toEqual([1]);
    script.say(PongTLV, { nonce: 1n, timestamp: 0n }); // too late: nobody waits for it
    expect(connection.publish(TradeTLV, tradeOf(2))).toBe("sent");
  });

  test("a flush is over when everything before it was taken, not earlier", async () => {
    const { connection, script } = await opened({ ...PUBLISHER, holdBytesMax: 1 << 20 });
    script.link.pause();
    for (let n = 1; n <= 3; n++) connection.publish(TradeTLV, tradeOf(n));
    let isOver = false;
    const flushed = connection.flush().then(() => {
      isOver = true;
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect(isOver).toBe(false);
    script.link.resume();
    await flushed;
    expect(script.counters).toEqual([1, 2, 3]);
    expect(script.messages.at(-1)?.get(PingTLV)).toBeDefined(); // asked behind them
  });

  test("to subscribe is refused with the relay's own words", async () => {
    const { connection, script } = await opened({}, { acknowledge: false });
    const asking = connection.subscribe({ types: [TradeTLV] }, {});
    const body = new TextEncoder().encode("no such thing");
    script.say(ControlTLV, { opcode: ControlOpcode.Reject, requestId: 1, body });
    await expect(asking).rejects.toThrow(coded("REJECTED"));
    await expect(asking).rejects.toThrow("no such thing");
  });

  test("a request that is under way when the link ends fails with why", async () => {
    const { connection, script } = await opened({}, { acknowledge: false, pong: false });
    const asking = connection.subscribe({ types: [TradeTLV] }, {});
    const flushing = connection.flush();
    script.say(GoodbyeTLV, { code: GoodbyeCode.SlowConsumer, reason: "too slow" });
    script.link.destroy();
    await expect(asking).rejects.toThrow(coded("SLOW_CONSUMER"));
    await expect(flushing).rejects.toThrow("too slow");
  });

  test("is not answered by itself: a Ping of the relay gets its Pong, field by field", async () => {
    const { script } = await opened();
    script.say(PingTLV, { nonce: 123n, timestamp: 456n });
    expect(script.got(PongTLV)).toEqual([{ nonce: 123n, timestamp: 456n }]);
  });
});

describe("handlers", () => {
  test("named after nothing that is subscribed to are BAD_HANDLERS, before the relay is asked", async () => {
    const { connection, script } = await opened();
    const wrong = { Trades() {} } as object;
    await expect(connection.subscribe({ types: [TradeTLV] }, wrong)).rejects.toThrow(coded("BAD_HANDLERS"));
    await expect(connection.subscribe({ types: [TradeTLV] }, wrong)).rejects.toThrow("Trade, gap, message");
    expect(script.messages).toHaveLength(1);
  });

  test("get every TLV of their type, a message before its TLVs, each subscription with its own", async () => {
    const { connection, script } = await opened();
    const seen: string[] = [];
    await connection.subscribe(
      { types: [TradeTLV, QuoteTLV] },
      {
        message: (message) => void seen.push(`message of ${message.source}`),
        Trade: (trade) => void seen.push(`trade ${trade.price}`),
        Quote: (quote) => void seen.push(`quote ${quote.bidPrice}`),
      },
    );
    await connection.subscribe({ types: [TradeTLV] }, { Trade: (trade) => void seen.push(`again ${trade.price}`) });
    const builder = new TLVBuilder({ domain: 1, source: 9 });
    script.send(builder.add(TradeTLV, tradeOf(1)).add(QuoteTLV, quoteOf(2)).add(TradeTLV, tradeOf(3)).build());
    expect(seen).toEqual(["message of 9", "trade 1", "quote 2", "trade 3", "again 1", "again 3"]);
  });

  test("lose their flyweight and message when they return", async () => {
    const { connection, script } = await opened();
    const kept: (() => unknown)[] = [];
    await connection.subscribe(
      { types: [TradeTLV] },
      {
        Trade(trade, message) {
          const copy = trade.toObject();
          kept.push(
            () => trade.price,
            () => message.source,
            () => message.find(TradeTLV),
          );
          expect(message.get(TradeTLV)).toEqual(copy);
        },
      },
    );
    script.say(TradeTLV, tradeOf(1));
    for (const read of kept) expect(read).toThrow(coded("RELEASED"));
    expect(kept).toHaveLength(3);
  });

  test.each<[string, (n: number) => unknown, string]>([
    [
      "throws",
      () => {
        throw new Error("boom");
      },
      "HANDLER_FAILED",
    ],
    ["returns a promise", () => Promise.resolve(), "ASYNC_HANDLER"],
    ["returns a promise that fails", () => Promise.reject(new Error("later")), "ASYNC_HANDLER"],
  ])("one that %s fails the connection, once, by name, and is called no more", async (_, handler, code) => {
    const { connection, script, failures } = await opened();
    let calls = 0;
    const handlers = { Trade: () => handler(++calls) } as object;
    await connection.subscribe({ types: [TradeTLV], label: "actor x, input y" }, handlers);
    script.say(TradeTLV, tradeOf(1));
    script.say(TradeTLV, tradeOf(2));
    expect(calls).toBe(1);
    expect(failures).toEqual([coded(code)]);
    expect(failures[0]?.message).toContain("actor x, input y");
    expect(await connection.ended).toBe(failures[0]);
    expect(script.closings).toBe(1);
    expect(connection.publish).toBeDefined();
  });

  test("are told the time of each message before it", async () => {
    const times: number[] = [];
    const seen: number[][] = [];
    const { connection, script } = await opened({ beforeMessage: (us) => void times.push(us) });
    await connection.subscribe({ types: [TradeTLV] }, { Trade: () => void seen.push([...times]) });
    const builder = new TLVBuilder({ domain: 1, source: 9 });
    script.send(builder.add(TradeTLV, tradeOf(1)).build({ timestamp: 5_999n }));
    script.send(builder.add(TradeTLV, tradeOf(1)).build({ timestamp: 8_000n }));
    expect(seen).toEqual([[5], [5, 8]]);
  });
});

describe("a loss", () => {
  test("that no handler is told of is a failure: UNHANDLED_GAP", async () => {
    const { connection, script, failures } = await opened();
    await connection.subscribe({ types: [TradeTLV], label: "reader" }, {});
    script.say(GapTLV, gapOf(5, 9));
    expect(failures).toEqual([coded("UNHANDLED_GAP")]);
    expect(failures[0]?.message).toContain("messages 5 to 9 of source 7 are lost");
    expect(connection.stats().lost).toBe(5);
  });

  test("is told to every subscription, and counted", async () => {
    const { connection, script, failures } = await opened();
    const told: GapNotice[] = [];
    for (let i = 0; i < 2; i++) {
      await connection.subscribe({ types: [TradeTLV] }, { gap: (gap) => void told.push(gap) });
    }
    script.say(GapTLV, gapOf(5, 9, 2));
    expect(told).toEqual(new Array(2).fill({ source: 7, from: 5, to: 9, reason: 2 }));
    expect(failures).toEqual([]);
    expect(connection.stats().lost).toBe(5);
  });

  test("of a message that breaks the protocol is told as lost in transport, and the session goes on", async () => {
    const { connection, script, failures } = await opened({ checksum: "crc32c" });
    const told: GapNotice[] = [];
    const prices: bigint[] = [];
    await connection.subscribe(
      { types: [TradeTLV] },
      { gap: (gap) => void told.push(gap), Trade: (trade) => void prices.push(trade.price) },
    );
    const builder = new TLVBuilder({ domain: 1, source: 9 });
    const broken = builder.add(TradeTLV, tradeOf(1)).build();
    broken[40] = (broken[40] as number) ^ 1;
    script.send(broken);
    script.say(TradeTLV, tradeOf(2));
    expect([told, prices]).toEqual([[{ source: 0, from: 0, to: 0, reason: 1 }], [2n]]);
    expect(connection.stats()).toMatchObject({ malformed: 1, received: 1 });
    // Fifteen in a row may be, sixteen mean that the two ends disagree.
    for (let n = 0; n < 15; n++) script.send(broken);
    script.say(TradeTLV, tradeOf(3));
    for (let n = 0; n < 15; n++) script.send(broken);
    expect(failures).toEqual([]);
    script.send(broken);
    expect(failures).toEqual([coded("CHECKSUM_MISMATCH")]);
  });

  test("of a value that cannot be decoded is counted and told, and what comes behind it is read", async () => {
    const { connection, script, failures } = await opened();
    const prices: bigint[] = [];
    const gaps: unknown[] = [];
    await connection.subscribe(
      { types: [TradeTLV, VenueUpdateTLV] },
      {
        Trade: (trade) => void prices.push(trade.price),
        VenueUpdate: (update) => void update.toObject(),
        gap: (gap) => void gaps.push(gap),
      },
    );
    const builder = new TLVBuilder({ domain: 1, source: 9 });
    script.send(builder.addRaw(1, new Uint8Array(39)).build());
    const text = VenueUpdateTLV.encode({ timestamp: 1n, venue: 1, status: 1, reason: "ab" });
    text.set([0xff], text.byteLength - 1);
    script.send(builder.addRaw(12, text).build());
    script.send(builder.addRaw(1, new Uint8Array(40)).build());
    expect(failures).toEqual([]);
    expect(prices).toEqual([0n]);
    expect(gaps).toHaveLength(2);
    expect(connection.stats().malformed).toBe(2);
  });

  test("of a value that cannot be decoded fails who has no gap handler, as any loss does", async () => {
    const { connection, script, failures } = await opened();
    await connection.subscribe({ types: [TradeTLV] }, { Trade() {} });
    script.send(new TLVBuilder({ domain: 1, source: 9 }).addRaw(1, new Uint8Array(39)).build());
    expect(failures).toEqual([coded("UNHANDLED_GAP")]);
  });
});

describe("the end of a connection", () => {
  test("by a relay that shuts down is no failure, any other Goodbye is", async () => {
    const plain = await opened();
    plain.script.say(GoodbyeTLV, { code: GoodbyeCode.ShuttingDown, reason: "bye" });
    plain.script.link.destroy();
    expect(await plain.connection.ended).toBeUndefined();
    expect(plain.failures).toEqual([]);
    const sent = await opened();
    sent.script.say(GoodbyeTLV, { code: GoodbyeCode.SourceInUse, reason: "taken" });
    sent.script.link.destroy();
    expect(await sent.connection.ended).toMatchObject({ code: "SOURCE_IN_USE" });
    expect(sent.failures).toHaveLength(1);
  });

  test("without a word is DISCONNECTED", async () => {
    const { connection, script, failures } = await opened();
    script.link.destroy();
    expect(await connection.ended).toMatchObject({ code: "DISCONNECTED" });
    expect(failures).toHaveLength(1);
  });

  test("that nobody asked to be told of ends the program: it is never silent", async () => {
    const program = `
      import { Relay, connect, TradeTLV } from ${JSON.stringify(new URL("../../dist/index.js", import.meta.url).href)};
      const relay = new Relay({ domain: 1 });
      const reader = await connect(relay);
      await reader.subscribe({ types: [TradeTLV] }, { Trade() { throw new Error("boom"); } });
      const producer = await connect(relay, { source: 1 });
      producer.publish(TradeTLV, { instrument: { venue: 1, assetType: 1, assetId: 1n }, price: 1n, volume: 1n,
        exchangeTimestamp: 0n, side: 1, flags: 0 });
      setInterval(() => {}, 1_000);
    `;
    const args = ["--input-type=module", "-e", program];
    const [code, said] = await new Promise<[unknown, string]>((resolve) => {
      execFile(process.execPath, args, (error, _, stderr) => resolve([error?.code, stderr]));
    });
    expect(code).not.toBe(0);
    expect(said).toContain("HANDLER_FAILED");
    expect(said).toContain("boom");
  });
});

test.each(["crc32", "crc32c", "none"] as const)(
  "within one thread a relay that is told %s needs no telling",
  async (checksum) => {
    const relay = new Relay({ domain: RelayDomain.MarketData, checksum });
    cleanups.push(() => relay.close());
    const reader = await connect(relay, { timeoutMs: 2_000 });
    const prices: bigint[] = [];
    await reader.subscribe({ types: [TradeTLV] }, { Trade: (trade) => void prices.push(trade.price) });
    const producer = await connect(relay, { source: 5 });
    producer.publish(TradeTLV, tradeOf(5));
    await until(() => prices.length === 1);
    expect(relay.stats().refused).toMatchObject({ checksum: 0, malformed: 0 });
  },
);

describe.each(["crc32", "crc32c"] as const)("a relay and connections that are told %s", (checksum) => {
  test("understand each other, control and data, over a socket", async () => {
    const directory = mkdtempSync(join(tmpdir(), "alphapulse-"));
    cleanups.push(() => rmSync(directory, { recursive: true, force: true }));
    const path = join(directory, "relay.sock");
    const relay = new Relay({ domain: RelayDomain.MarketData, checksum });
    cleanups.push(() => relay.close());
    await relay.listen({ unix: path });
    const address = { unix: path };
    const reader = await connect(address, { checksum, timeoutMs: 2_000 });
    cleanups.push(() => reader.close());
    const prices: bigint[] = [];
    await reader.subscribe({ types: [TradeTLV] }, { Trade: (trade) => void prices.push(trade.price) });
    const producer = await connect(address, { checksum, source: Source.CoinbaseCollector, timeoutMs: 2_000 });
    cleanups.push(() => producer.close());
    expect(producer.publish(TradeTLV, tradeOf(5))).toBe("sent");
    await producer.flush();
    await until(() => prices.length === 1);
    expect(prices).toEqual([5n]);
    expect(relay.stats().refused).toMatchObject({ checksum: 0, malformed: 0 });
    expect(reader.stats().malformed).toBe(0);
  });
});
