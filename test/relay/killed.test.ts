import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { RelayDomain } from "../../src/protocol/tables.js";
import { Relay } from "../../src/relay/relay.js";
import { connect } from "../../src/session/connect.js";
import type { Connection } from "../../src/session/connection.js";
import type { ConnectOptions } from "../../src/session/options.js";
import type { GapNotice } from "../../src/session/subscription.js";
import { OrderBookTLV, TradeTLV } from "../../src/tlvs/market-data.js";
import { tradeOf, until } from "../samples.js";

const built = new URL("../../dist/index.js", import.meta.url).href;
const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function listening(): Promise<{ relay: Relay; path: string; left: string[] }> {
  const directory = mkdtempSync(join(tmpdir(), "alphapulse-"));
  cleanups.push(() => rmSync(directory, { recursive: true, force: true }));
  const path = join(directory, "relay.sock");
  const relay = new Relay({ domain: RelayDomain.MarketData });
  cleanups.push(() => relay.close());
  const left: string[] = [];
  relay.on("left", (name) => left.push(name));
  await relay.listen({ unix: path });
  return { relay, path, left };
}

async function connected(target: Relay | { unix: string }, options: ConnectOptions = {}): Promise<Connection> {
  const connection = await connect(target, options);
  cleanups.push(() => connection.close());
  return connection;
}

/** A process of its own that uses the built library; resolves once it has said something. */
async function child(path: string, program: string): Promise<ChildProcess> {
  const text = `import { connect, TradeTLV } from ${JSON.stringify(built)};
    const path = ${JSON.stringify(path)};
    ${program}`;
  const made = spawn(process.execPath, ["--input-type=module", "-e", text], { stdio: ["ignore", "pipe", "inherit"] });
  cleanups.push(() => made.kill("SIGKILL"));
  await once(made.stdout as NonNullable<ChildProcess["stdout"]>, "data");
  return made;
}

async function kill(made: ChildProcess): Promise<void> {
  const exit = once(made, "exit");
  made.kill("SIGKILL");
  await exit;
}

test("a subscriber that is killed is let go, and the others lose nothing", async () => {
  const { relay, path, left } = await listening();
  const doomed = await child(
    path,
    `const reader = await connect({ unix: path }, { name: "doomed" });
     await reader.subscribe({ types: [TradeTLV] }, { Trade() {} });
     console.log("up");`,
  );
  const got: number[] = [];
  const gaps: GapNotice[] = [];
  const reader = await connected({ unix: path });
  const handlers = { Trade: (trade: { priceUnits: number }) => void got.push(trade.priceUnits) };
  await reader.subscribe({ types: [TradeTLV] }, { ...handlers, gap: (gap) => void gaps.push(gap) });
  const producer = await connected(relay, { source: 5 });
  const count = 10_000;
  let exit: Promise<void> | undefined;
  for (let n = 1; n <= count; n++) {
    expect(producer.publish(TradeTLV, tradeOf(n))).toBe("sent");
    if (n === count / 4) exit = kill(doomed); // amid the stream
    if (n % 200 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  await exit;
  await until(() => got.length >= count && left.length > 0);
  expect(got).toEqual(Array.from({ length: count }, (_, n) => n + 1));
  expect([gaps, left]).toEqual([[], ["doomed"]]);
  expect(relay.stats()).toMatchObject({ received: count, lost: 0 });
  expect(relay.stats().members.map(({ name }) => name)).not.toContain("doomed");
});

test("a producer that is killed leaves its source to the next one, and what it sent whole has arrived", async () => {
  const { relay, path, left } = await listening();
  const got: bigint[] = [];
  const reader = await connected({ unix: path });
  await reader.subscribe({ types: [TradeTLV] }, { Trade: (trade) => void got.push(trade.price) });
  const trade = `{ instrument: { venue: 1, assetType: 1, assetId: 1n }, price: 7n, volume: 1n, exchangeTimestamp: 0n,
    side: 1, flags: 0 }`;
  const doomed = await child(
    path,
    `const producer = await connect({ unix: path }, { source: 9, name: "doomed" });
     producer.publish(TradeTLV, ${trade});
     await producer.flush();
     console.log("sent");
     setInterval(() => {}, 1_000);`,
  );
  await until(() => got.length === 1);
  const early: unknown[] = [];
  const rival = await connected({ unix: path }, { source: 9, onFailure: (error) => early.push(error) });
  rival.publish(TradeTLV, tradeOf(1));
  await until(() => early.length === 1); // the source is taken while the process lives
  await kill(doomed);
  await until(() => left.includes("doomed"));
  const heir = await connected({ unix: path }, { source: 9 });
  heir.publish(TradeTLV, tradeOf(8));
  await until(() => got.length === 2);
  expect(got).toEqual([7n, 8n]);
  expect(relay.stats().received).toBe(2);
});

test("a subscriber whose link cannot carry a message is told of that one, exactly, and gets all others", async () => {
  const relay = new Relay({ domain: RelayDomain.MarketData });
  cleanups.push(() => relay.close());
  const ring = `too-large-${process.pid}`;
  await relay.listen({ ring });
  const reader = await connect({ ring, capacityBytes: 1_024 });
  cleanups.push(() => reader.close());
  const seen: string[] = [];
  const counterOf = (sequence: number): number => sequence % 2 ** 40;
  await reader.subscribe(
    { types: [TradeTLV, OrderBookTLV] },
    {
      Trade: (trade) => void seen.push(`trade ${trade.price}`),
      OrderBook: () => void seen.push("a book"),
      gap: ({ from, to, source }) => void seen.push(`gap ${counterOf(from)} to ${counterOf(to)} of ${source}`),
    },
  );
  const producer = await connected(relay, { source: 5 });
  for (let n = 1; n <= 6; n++) {
    if (n === 2 || n === 4 || n === 5) {
      producer.claim(OrderBookTLV, { bids: 20, asks: 20 });
      expect(producer.commit()).toBe("sent");
    } else producer.publish(TradeTLV, tradeOf(n));
  }
  await until(() => seen.length >= 6);
  const gaps = ["gap 2 to 2 of 5", "gap 4 to 4 of 5", "gap 5 to 5 of 5"];
  expect(seen).toEqual(["trade 1", gaps[0], "trade 3", gaps[1], gaps[2], "trade 6"]);
  expect(reader.stats()).toMatchObject({ received: 3, lost: 3 });
  expect(relay.stats()).toMatchObject({ sent: 3, lost: 3 });
});
