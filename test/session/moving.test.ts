import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { RelayDomain } from "../../src/protocol/tables.js";
import { Relay } from "../../src/relay/relay.js";
import { connect } from "../../src/session/connect.js";
import type { Connection } from "../../src/session/connection.js";
import type { ConnectOptions } from "../../src/session/options.js";
import type { GapNotice } from "../../src/session/subscription.js";
import { TradeTLV } from "../../src/tlvs/market-data.js";
import type { Link } from "../../src/transports/transport.js";
import { unixTransport } from "../../src/transports/unix.js";
import { tradeOf, until } from "../samples.js";
import { SOON } from "./attachable.js";

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

let rings = 0;
/** A relay with two addresses, and the links that arrived over each. */
async function relayWithTwo() {
  const directory = mkdtempSync(join(tmpdir(), "alphapulse-"));
  cleanups.push(() => rmSync(directory, { recursive: true, force: true }));
  const path = join(directory, "relay.sock");
  const relay = new Relay({ domain: RelayDomain.MarketData });
  cleanups.push(() => relay.close());
  const links: Link[] = [];
  const listener = await unixTransport.listen(path, (link) => {
    links.push(link);
    relay.attach(link);
  });
  cleanups.push(() => listener.close());
  const ring = `ring://moving-${process.pid}-${++rings}`;
  await relay.listen(ring);
  return { relay, links, unix: `unix://${path}`, ring };
}

async function opened(address: string, options: ConnectOptions = {}) {
  const failures: unknown[] = [];
  const connection = await connect(address, { onFailure: (error) => void failures.push(error), ...options });
  cleanups.push(() => connection.close());
  return { connection, failures };
}

async function consuming(address: string, options: ConnectOptions = {}) {
  const all = await opened(address, options);
  const got: number[] = [];
  const gaps: GapNotice[] = [];
  await all.connection.subscribe(
    { types: [TradeTLV] },
    { Trade: (trade) => void got.push(trade.priceUnits), gap: (gap) => void gaps.push(gap) },
  );
  return { ...all, got, gaps };
}

/** Publishes without a pause until it is told to stop. @returns how many */
function flood(connection: Connection): () => Promise<number> {
  let isWanted = true;
  const done = (async () => {
    let n = 0;
    while (isWanted) {
      for (let i = 0; i < 50; i++) {
        while (connection.publish(TradeTLV, tradeOf(n + 1)) === "backPressured") await connection.ready();
        n++;
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
    return n;
  })();
  return () => {
    isWanted = false;
    return done;
  };
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, n) => n + 1);

describe.each<[string, ConnectOptions]>([
  ["that come back", { reconnect: SOON }],
  ["that do not", {}],
])("connections %s", (_, options) => {
  test("move twenty times each between a socket and a ring at full flow: every message once, in order", async () => {
    const { relay, unix, ring } = await relayWithTwo();
    const reader = await consuming(unix, options);
    const writer = await opened(unix, { ...options, source: 5 });
    const stop = flood(writer.connection);
    for (let move = 0; move < 20; move++) {
      const address = move % 2 === 0 ? ring : unix;
      await Promise.all([reader.connection.moveTo(address), writer.connection.moveTo(address)]);
    }
    const count = await stop();
    await writer.connection.flush();
    await until(() => reader.got.length >= count);
    expect(reader.got).toEqual(upTo(count));
    expect(count).toBeGreaterThan(1_000);
    expect([reader.gaps, reader.failures, writer.failures]).toEqual([[], [], []]);
    expect(relay.stats()).toMatchObject({ received: count, missing: 0 });
    expect(relay.stats().members).toHaveLength(2);
  }, 20_000);
});

test("a move to where nobody listens rejects, and the connection stays where it is", async () => {
  const { unix } = await relayWithTwo();
  const reader = await consuming(unix);
  const writer = await opened(unix, { source: 5 });
  const nowhere = "unix:///tmp/nobody-listens-here.sock";
  await expect(writer.connection.moveTo(nowhere)).rejects.toMatchObject({ code: "NOT_LISTENING" });
  await expect(reader.connection.moveTo(nowhere)).rejects.toMatchObject({ code: "NOT_LISTENING" });
  writer.connection.publish(TradeTLV, tradeOf(1));
  await until(() => reader.got.length === 1);
  expect([reader.failures, writer.failures]).toEqual([[], []]);
});

test("one move at a time: MOVING", async () => {
  const { unix, ring } = await relayWithTwo();
  const { connection } = await opened(unix);
  const first = connection.moveTo(ring);
  await expect(connection.moveTo(ring)).rejects.toMatchObject({ code: "MOVING" });
  await first;
});

test("the old links die amid each move: nothing is lost, nothing comes twice", async () => {
  const { unix, ring, links } = await relayWithTwo();
  const reader = await consuming(unix, { reconnect: SOON });
  const writer = await opened(unix, { reconnect: SOON, source: 5 });
  const stop = flood(writer.connection);
  for (let move = 0; move < 10; move++) {
    const moves = [reader, writer].map(({ connection }) => connection.moveTo(ring));
    for (let turn = 0; turn < move; turn++) await new Promise((resolve) => setImmediate(resolve));
    for (const link of links.splice(0)) link.destroy();
    await Promise.allSettled(moves);
    await Promise.allSettled([reader, writer].map(({ connection }) => connection.moveTo(unix)));
  }
  const count = await stop();
  await writer.connection.flush();
  await until(() => reader.got.length >= count);
  expect(reader.got).toEqual(upTo(count));
  expect([reader.gaps, reader.failures, writer.failures]).toEqual([[], [], []]);
}, 20_000);
