import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect as connectSocket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { TLVBuilder } from "../../src/protocol/builder.js";
import { AlphaPulseError } from "../../src/protocol/errors.js";
import { parseMessage } from "../../src/protocol/message.js";
import { StreamFramer } from "../../src/protocol/stream-framer.js";
import { RelayDomain, Source } from "../../src/protocol/tables.js";
import { Relay } from "../../src/relay/relay.js";
import { connect } from "../../src/session/connect.js";
import type { Connection } from "../../src/session/connection.js";
import type { GapNotice } from "../../src/session/subscription.js";
import { OrderBookTLV, QuoteTLV, TradeTLV } from "../../src/tlvs/market-data.js";
import { GoodbyeTLV } from "../../src/tlvs/session-control.js";
import { ArbitrageSignalTLV, SignalIdentityTLV } from "../../src/tlvs/signal.js";
import { BTC, ETH, quoteOf, tradeOf, until } from "../samples.js";
import { hasNative } from "../shm/processes.js";

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

function temporaryPath(name: string): string {
  const directory = mkdtempSync(join(tmpdir(), "alphapulse-"));
  cleanups.push(() => rmSync(directory, { recursive: true, force: true }));
  return join(directory, name);
}

async function relayAt(
  address: string | undefined,
  options: Partial<ConstructorParameters<typeof Relay>[0]> = {},
): Promise<Relay> {
  const relay = new Relay({ domain: RelayDomain.MarketData, ...options });
  if (address !== undefined) await relay.listen(address);
  cleanups.push(() => relay.close());
  return relay;
}

async function connected(target: string | Relay, options: Parameters<typeof connect>[1] = {}): Promise<Connection> {
  const connection = await connect(target, options);
  cleanups.push(() => connection.close());
  return connection;
}

let rings = 0;
const WAYS: [string, () => { listen: string | undefined; via: (relay: Relay) => string | Relay }][] = [
  ["the relay itself", () => ({ listen: undefined, via: (relay) => relay })],
  [
    "a ring",
    () => {
      const address = `ring://test-${process.pid}-${++rings}`;
      return { listen: address, via: () => address };
    },
  ],
  [
    "a Unix socket",
    () => {
      const address = `unix://${temporaryPath("relay.sock")}`;
      return { listen: address, via: () => address };
    },
  ],
];
if (hasNative) {
  WAYS.push([
    "shared memory",
    () => {
      const address = `shm://test-${process.pid}-${++rings}`;
      return { listen: address, via: () => address };
    },
  ]);
}

describe.each(WAYS)("over %s", (_, make) => {
  test("every subscriber gets every message once, in order, with true sequences", async () => {
    const { listen, via } = make();
    const relay = await relayAt(listen);
    const producer = await connected(via(relay), { source: Source.CoinbaseCollector, name: "producer" });
    const got: number[][] = [[], []];
    const sequences: number[] = [];
    for (const [i, prices] of got.entries()) {
      const reader = await connected(via(relay), { name: `reader ${i}` });
      await reader.subscribe(
        { types: [TradeTLV] },
        {
          Trade(trade, message) {
            prices.push(trade.priceUnits);
            if (i === 0) sequences.push(message.sequence % 2 ** 40);
          },
        },
      );
    }
    const expected: number[] = [];
    for (let n = 1; n <= 20_000; n++) {
      while (producer.publish(TradeTLV, tradeOf(n)) !== "sent") await producer.ready();
      expected.push(n);
    }
    await until(() => got.every((prices) => prices.length >= 20_000), 10_000);
    expect(got[0]).toEqual(expected);
    expect(got[1]).toEqual(expected);
    expect(sequences).toEqual(expected);
    expect(relay.stats()).toMatchObject({ received: 20_000, sent: 40_000, lost: 0, isIdle: true });
  });

  test("a subscription by type and instrument gets only those, and a connection never its own messages", async () => {
    const { listen, via } = make();
    const relay = await relayAt(listen);
    const both = await connected(via(relay), { source: 1_000 });
    const reader = await connected(via(relay));
    const own: number[] = [];
    const seen: string[] = [];
    await both.subscribe({ types: [TradeTLV] }, { Trade: (trade) => void own.push(trade.side) });
    await reader.subscribe(
      { types: [TradeTLV, QuoteTLV], instruments: [ETH] },
      {
        Trade: (trade) => void seen.push(`trade ${trade.price}`),
        Quote: (quote) => void seen.push(`quote ${quote.bidPrice}`),
      },
    );
    both.publish(TradeTLV, tradeOf(1, BTC));
    both.publish(TradeTLV, tradeOf(2, ETH));
    both.publish(QuoteTLV, quoteOf(3, BTC));
    both.publish(QuoteTLV, quoteOf(4, ETH));
    await until(() => seen.length === 2);
    await both.flush();
    expect(seen).toEqual(["trade 2", "quote 4"]);
    expect(own).toEqual([]);
  });

  test("two subscriptions of one connection each get what they asked for", async () => {
    const { listen, via } = make();
    const relay = await relayAt(listen);
    const producer = await connected(via(relay), { source: 1_000 });
    const reader = await connected(via(relay));
    const seen: string[] = [];
    for (const [name, instrument] of [
      ["btc", BTC],
      ["eth", ETH],
    ] as const) {
      await reader.subscribe(
        { types: [TradeTLV], instruments: [instrument] },
        { Trade: (trade) => void seen.push(`${name} ${trade.price}`) },
      );
    }
    producer.publish(TradeTLV, tradeOf(1, BTC));
    producer.publish(TradeTLV, tradeOf(2, ETH));
    await until(() => seen.length >= 2);
    expect(seen).toEqual(["btc 1", "eth 2"]);
  });

  test("a message of another domain is refused, counted, and its sender is told", async () => {
    const { listen, via } = make();
    const relay = await relayAt(listen);
    const failures: AlphaPulseError[] = [];
    const stray = await connected(via(relay), {
      source: Source.ArbitrageStrategy,
      onFailure: (error) => failures.push(error),
    });
    const refusals: string[] = [];
    relay.on("refused", ({ cause, detail }) => refusals.push(`${cause}: ${detail}`));
    stray.publish(SignalIdentityTLV, { signalId: 1n, signalNonce: 1, strategyId: 1, version: 1, adapterId: 0 });
    await until(() => failures.length === 1);
    expect(failures[0]).toMatchObject({ code: "REJECTED" });
    expect(refusals).toEqual(["domain: a message of domain Signal does not belong to this MarketData relay"]);
    expect(relay.stats()).toMatchObject({ received: 0, refused: { domain: 1 } });
  });

  test("a second live connection of one source is sent away, the first is not touched", async () => {
    const { listen, via } = make();
    const relay = await relayAt(listen);
    const first = await connected(via(relay), { source: 7 });
    first.publish(TradeTLV, tradeOf(1));
    await first.flush();
    const failures: AlphaPulseError[] = [];
    const second = await connected(via(relay), { source: 7, onFailure: (error) => failures.push(error) });
    second.publish(TradeTLV, tradeOf(2));
    await until(() => failures.length === 1);
    expect(failures[0]).toMatchObject({ code: "SOURCE_IN_USE" });
    expect(failures[0]?.message).toContain("Goodbye 7");
    expect(first.publish(TradeTLV, tradeOf(3))).toBe("sent");
    await first.flush();
    expect(relay.stats()).toMatchObject({ received: 2, refused: { sourceInUse: 1 } });
  });

  test("a handler that throws fails its own connection and no other", async () => {
    const { listen, via } = make();
    const relay = await relayAt(listen);
    const producer = await connected(via(relay), { source: 3 });
    const failures: AlphaPulseError[] = [];
    const bad = await connected(via(relay), { onFailure: (error) => failures.push(error) });
    const good = await connected(via(relay));
    let count = 0;
    await bad.subscribe(
      { types: [TradeTLV] },
      {
        Trade() {
          throw new Error("boom");
        },
      },
    );
    await good.subscribe({ types: [TradeTLV] }, { Trade: () => void count++ });
    producer.publish(TradeTLV, tradeOf(1));
    producer.publish(TradeTLV, tradeOf(2));
    await until(() => count === 2 && failures.length === 1);
    expect(failures[0]).toMatchObject({ code: "HANDLER_FAILED", message: "a handler threw: boom" });
  });

  test("an async handler and a flyweight kept past its handler are coded errors", async () => {
    const { listen, via } = make();
    const relay = await relayAt(listen);
    const producer = await connected(via(relay), { source: 3 });
    const failures: AlphaPulseError[] = [];
    const asyncReader = await connected(via(relay), { onFailure: (error) => failures.push(error) });
    const keeper = await connected(via(relay));
    const kept: { price: bigint }[] = [];
    // @ts-expect-error an async handler is refused by its type
    await asyncReader.subscribe({ types: [TradeTLV] }, { async Trade() {} });
    await keeper.subscribe({ types: [TradeTLV] }, { Trade: (trade) => void kept.push(trade) });
    producer.publish(TradeTLV, tradeOf(1));
    await until(() => failures.length === 1 && kept.length === 1);
    expect(failures[0]).toMatchObject({ code: "ASYNC_HANDLER" });
    expect(() => kept[0]?.price).toThrow(AlphaPulseError);
  });

  test("claim, append and commit send one message built in place", async () => {
    const { listen, via } = make();
    const relay = await relayAt(listen, { domain: RelayDomain.Signal });
    const producer = await connected(via(relay), { source: Source.ArbitrageStrategy });
    const reader = await connected(via(relay));
    const got: unknown[] = [];
    await reader.subscribe(
      { types: [ArbitrageSignalTLV] },
      {
        ArbitrageSignal: (signal, message) =>
          void got.push(signal.toObject().legs, message.get(SignalIdentityTLV)?.signalId),
      },
    );
    producer.claim(SignalIdentityTLV).signalId = 77n;
    const signal = producer.append(ArbitrageSignalTLV, { legs: 1 });
    const leg = signal.legs.at(0);
    leg.instrument = ETH;
    leg.priceUnits = -5;
    leg.size = 2n ** 63n;
    expect(producer.commit()).toBe("sent");
    await until(() => got.length === 2);
    expect(got).toEqual([[{ instrument: ETH, price: -5n, size: 2n ** 63n, side: 0 }], 77n]);
  });
});

test("a subscriber that falls out of the log is told exactly what it missed, the others miss nothing", async () => {
  const path = temporaryPath("slow.sock");
  const relay = await relayAt(`unix://${path}`, { logBytes: 1 << 16 });
  // A foreign client that says Hello and Subscribe, and then does not read.
  const slow = connectSocket(path);
  cleanups.push(() => slow.destroy());
  const bytes: Buffer[] = [];
  const framer: { gaps: GapNotice[]; trades: number[] } = { gaps: [], trades: [] };
  const { HelloTLV, SubscribeTLV, GapTLV } = await import("../../src/tlvs/session-control.js");
  const builder = new TLVBuilder({ domain: RelayDomain.System, source: Source.External });
  const nonce = new Uint8Array(16);
  slow.write(
    builder
      .add(HelloTLV, {
        protocolVersion: 1,
        role: 2,
        compressionMask: 1,
        cipherMask: 1,
        sessionNonce: nonce,
        keyId: 0,
        name: "slow",
        token: new Uint8Array(0),
      })
      .build(),
  );
  slow.write(builder.add(SubscribeTLV, { subscriptionId: 1, flags: 0, types: [], instruments: [] }).build());
  await until(() => relay.stats().members.some(({ name }) => name === "slow"));
  slow.pause();

  const producer = await connected(relay, { source: 5 });
  const fast: number[] = [];
  const reader = await connected(relay);
  await reader.subscribe({ types: [TradeTLV] }, { Trade: (trade) => void fast.push(trade.priceUnits) });
  const TOTAL = 60_000;
  for (let n = 1; n <= TOTAL; n++) {
    expect(producer.publish(TradeTLV, tradeOf(n))).toBe("sent");
    if (n % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  await until(() => fast.length === TOTAL);
  expect(relay.stats().lost).toBeGreaterThan(0);

  const cut = new StreamFramer(({ bytes: all }, offset, length) => {
    const message = parseMessage(all.slice(offset, offset + length));
    const trade = message.get(TradeTLV);
    if (trade !== undefined) framer.trades.push(Number(trade.price));
    const gap = message.get(GapTLV);
    if (gap !== undefined) {
      const counter = (sequence: bigint): number => Number(sequence % 2n ** 40n);
      framer.gaps.push({
        source: gap.source,
        from: counter(gap.fromSequence),
        to: counter(gap.toSequence),
        reason: gap.reason,
      });
    }
  });
  slow.on("data", (chunk) => {
    bytes.push(chunk);
    cut.push(chunk);
  });
  slow.resume();
  await until(() => framer.trades.at(-1) === TOTAL, 10_000);
  // What came and what was told missing is the whole, each once.
  const told = framer.gaps.flatMap(({ from, to }) => Array.from({ length: to - from + 1 }, (_, i) => from + i));
  expect([...framer.trades, ...told].sort((a, b) => a - b)).toEqual(Array.from({ length: TOTAL }, (_, i) => i + 1));
  expect(framer.gaps.length).toBeGreaterThan(0);
  expect(framer.gaps.every(({ source, reason }) => source === 5 && reason === 2)).toBe(true);
  expect(relay.stats().lost).toBe(told.length);
});

test("a relay that blocks makes its producers wait and loses nothing", async () => {
  const path = temporaryPath("block.sock");
  const relay = await relayAt(`unix://${path}`, { logBytes: 1 << 18, slowSubscribers: "block" });
  const got: number[] = [];
  const reader = await connected(`unix://${path}`);
  await reader.subscribe({ types: [TradeTLV] }, { Trade: (trade) => void got.push(trade.priceUnits) });
  const producer = await connected(relay, { source: 5 });
  let waited = 0;
  for (let n = 1; n <= 100_000; n++) {
    while (producer.publish(TradeTLV, tradeOf(n)) === "backPressured") {
      waited++;
      await producer.ready();
    }
  }
  await until(() => got.length === 100_000, 10_000);
  expect(waited).toBeGreaterThan(0);
  expect(relay.stats().lost).toBe(0);
});

test("a relay that blocks loses nothing of large messages either", async () => {
  const path = temporaryPath("large.sock");
  const relay = await relayAt(`unix://${path}`, { logBytes: 1 << 16, slowSubscribers: "block" });
  let got = 0;
  const reader = await connected(`unix://${path}`);
  await reader.subscribe({ types: [OrderBookTLV] }, { OrderBook: () => void got++ });
  const producer = await connected(relay, { source: 5 });
  for (let n = 1; n <= 2_000; n++) {
    producer.claim(OrderBookTLV, { bids: 500 }).updateIdNumber = n;
    while (producer.commit() === "backPressured") await producer.ready();
  }
  await until(() => got === 2_000, 10_000);
  expect(relay.stats().lost).toBe(0);
});

test("the plainest clients need no Hello: one reads everything, one writes and is sent nothing back", async () => {
  const path = temporaryPath("plain.sock");
  const relay = await relayAt(`unix://${path}`);
  const reader = connectSocket(path);
  const writer = connectSocket(path);
  cleanups.push(
    () => reader.destroy(),
    () => writer.destroy(),
  );
  const got: bigint[] = [];
  const cut = new StreamFramer(({ bytes }, offset, length) => {
    got.push(parseMessage(bytes.slice(offset, offset + length)).get(TradeTLV)?.price ?? -1n);
  });
  reader.on("data", (chunk) => cut.push(chunk));
  let echoed = 0;
  writer.on("data", (chunk) => {
    echoed += chunk.byteLength;
  });
  const builder = new TLVBuilder({ domain: RelayDomain.MarketData, source: 9 });
  await until(() => relay.stats().members.length === 2);
  for (let n = 1; n <= 3; n++) writer.write(builder.add(TradeTLV, tradeOf(n)).build({ sequence: n }));
  await until(() => got.length === 3);
  expect(got).toEqual([1n, 2n, 3n]);
  expect(echoed).toBe(0);
});

test("garbage ends its own connection with a Goodbye and touches no other", async () => {
  const path = temporaryPath("garbage.sock");
  const relay = await relayAt(`unix://${path}`);
  const good = await connected(`unix://${path}`, { source: 4 });
  const bad = connectSocket(path);
  let code: number | undefined;
  const cut = new StreamFramer(({ bytes }, offset, length) => {
    code = parseMessage(bytes.slice(offset, offset + length)).get(GoodbyeTLV)?.code;
  });
  bad.on("data", (chunk) => cut.push(chunk));
  const closed = new Promise((resolve) => bad.on("close", resolve));
  bad.write(Buffer.alloc(64, 0x41));
  await closed;
  expect(code).toBe(2);
  expect(good.publish(TradeTLV, tradeOf(1))).toBe("sent");
  await good.flush();
  expect(relay.stats()).toMatchObject({ received: 1, refused: { malformed: 1 } });
});

test("a message with a wrong checksum is refused and the stream goes on", async () => {
  const path = temporaryPath("checksum.sock");
  const relay = await relayAt(`unix://${path}`, { checksum: "crc32c" });
  const socket = connectSocket(path);
  cleanups.push(() => socket.destroy());
  const builder = new TLVBuilder({ domain: RelayDomain.MarketData, source: 9 });
  const broken = builder.add(TradeTLV, tradeOf(1)).build({ sequence: 1 });
  broken[40] = (broken[40] as number) ^ 1;
  socket.write(broken);
  socket.write(builder.add(TradeTLV, tradeOf(2)).build({ sequence: 2 }));
  await until(() => relay.stats().received === 1);
  expect(relay.stats().refused.checksum).toBe(1);
});

describe("addresses", () => {
  test("a path in use is refused, a stale socket file is taken over, another file is left alone", async () => {
    const path = temporaryPath("busy.sock");
    await relayAt(`unix://${path}`);
    await expect(new Relay({ domain: 1 }).listen(`unix://${path}`)).rejects.toMatchObject({ code: "ADDRESS_IN_USE" });
    const file = temporaryPath("file.sock");
    writeFileSync(file, "precious");
    await expect(new Relay({ domain: 1 }).listen(`unix://${file}`)).rejects.toMatchObject({ code: "ADDRESS_IN_USE" });
    const ring = `ring://busy-${process.pid}`;
    await relayAt(ring);
    await expect(new Relay({ domain: 1 }).listen(ring)).rejects.toMatchObject({ code: "ADDRESS_IN_USE" });
  });

  test.each(["nonsense", "unix://", "unix://relative.sock", "http://x", "ring://a b"])(
    "%s is no address",
    async (address) => {
      await expect(connect(address)).rejects.toMatchObject({ code: "BAD_ADDRESS" });
    },
  );

  test("nobody listening is said as such", async () => {
    await expect(connect(`unix://${temporaryPath("none.sock")}`)).rejects.toMatchObject({ code: "NOT_LISTENING" });
    await expect(connect({ ring: "nobody", connectTimeoutMs: 30 })).rejects.toMatchObject({ code: "NOT_LISTENING" });
  });
});

test("a relay that closes says goodbye: its readers end without a failure", async () => {
  const relay = await relayAt(undefined);
  const reader = await connect(relay);
  await reader.subscribe({ types: [TradeTLV] }, {});
  await relay.close();
  expect(await reader.ended).toBeUndefined();
  await expect(connect(relay)).rejects.toMatchObject({ code: "SHUTTING_DOWN" });
});

describe.each(WAYS)("a relay that closes, over %s", (_, make) => {
  test("first sends all that it has taken", async () => {
    const { listen, via } = make();
    const relay = await relayAt(listen);
    const producer = await connected(via(relay), { source: 5 });
    const reader = await connected(via(relay));
    let count = 0;
    await reader.subscribe({ types: [TradeTLV] }, { Trade: () => void count++ });
    const TOTAL = 50_000;
    for (let n = 1; n <= TOTAL; n++) {
      while (producer.publish(TradeTLV, tradeOf(n)) !== "sent") await producer.ready();
    }
    await producer.flush();
    await relay.close();
    expect(await reader.ended).toBeUndefined();
    expect(count).toBe(TOTAL);
  });

  test("a message that the link cannot carry is answered so, and nothing ends", async () => {
    const { listen, via } = make();
    const relay = await relayAt(listen);
    const producer = await connected(via(relay), { source: 5 });
    producer.claim(OrderBookTLV, { bids: 4_000 });
    for (let i = 1; i < 20; i++) producer.append(OrderBookTLV, { bids: 4_000 });
    expect(producer.commit()).toBe("tooLarge");
    expect(producer.publish(TradeTLV, tradeOf(1))).toBe("sent");
    await producer.flush();
    expect(relay.stats().received).toBe(1);
  });
});
