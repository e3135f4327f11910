import { spawn } from "node:child_process";
import { once } from "node:events";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Pool } from "../../src/pool/pool.js";
import type { PoolOptions } from "../../src/pool/pool-options.js";
import type { Relay } from "../../src/relay/relay.js";
import { connect } from "../../src/session/connect.js";
import { VenueReferenceTLV } from "../../src/tlvs/extension.js";
import { OrderBookTLV, TradeTLV } from "../../src/tlvs/market-data.js";
import { tradeOf, until } from "../samples.js";
import { Relays } from "./relays.js";

let relays: Relays;
beforeEach(() => {
  relays = new Relays();
});
afterEach(() => relays.cleanUp());

async function opened(names: readonly string[], options: PoolOptions = {}, connected = names.length): Promise<Pool> {
  const urls = names.map((name) => relays.url(name));
  const pool = relays.opened(await Pool.open(urls, relays.options(options)));
  await until(() => pool.stats().connected === connected);
  return pool;
}

function publishAll(pool: Pool, count: number): void {
  let sent = 0;
  for (let n = 1; n <= count; n++) if (pool.publish(TradeTLV, tradeOf(n)) === "sent") sent++;
  expect(sent).toBe(count);
}

/** A relay that soon takes no more, as one that subscribed does not read. */
async function stalledRelay(name: string): Promise<{ relay: Relay; goOn(): void }> {
  const relay = await relays.relay(name, { slowSubscribers: "block", logBytes: 256 << 10 });
  const reader = await connect(relays.url(name), {});
  await reader.subscribe({ types: [TradeTLV] }, { Trade() {} });
  reader.pause();
  relays.defer(() => reader.close());
  relays.defer(() => reader.resume());
  return { relay, goOn: () => reader.resume() };
}

/** Publishes until there has been no room for a while: the relay reads no more. */
async function fill(pool: Pool): Promise<void> {
  for (let idleTurns = 0; idleTurns < 50; idleTurns++) {
    while (pool.publish(TradeTLV, tradeOf(1)) === "sent") idleTurns = 0;
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(pool.publish(TradeTLV, tradeOf(1))).toBe("backPressured");
}

const received = (...all: Relay[]): number[] => all.map((relay) => relay.stats().received);

describe("a pool", () => {
  test("gives messages to each relay in turn, by weight", async () => {
    const [a, b] = [await relays.relay("a"), await relays.relay("b")];
    const endpoints = [{ address: relays.url("a"), weight: 3 }, { address: { unix: `${relays.directory}/b.sock` } }];
    const pool = relays.opened(await Pool.open(endpoints, relays.options()));
    await until(() => pool.stats().connected === 2);
    publishAll(pool, 400);
    await pool.flush();
    expect(received(a, b)).toEqual([300, 100]);
    expect(pool.stats()).toMatchObject({ published: 400, endpoints: [{ published: 300 }, { published: 100 }] });
  });

  test("uses a higher priority number only while no lower one is there", async () => {
    const [a, b] = [await relays.relay("a"), await relays.relay("b")];
    const endpoints = [
      { address: relays.url("b"), priority: 2 },
      { address: relays.url("a"), priority: 1 },
    ];
    const pool = relays.opened(await Pool.open(endpoints, relays.options()));
    await until(() => pool.stats().connected === 2);
    publishAll(pool, 10);
    await pool.flush();
    expect(received(a, b)).toEqual([10, 0]);
    await a.close();
    await until(() => pool.stats().connected === 1);
    publishAll(pool, 10);
    await pool.flush();
    expect(received(b)).toEqual([10]);
  });

  test("offers what one has no room for to the next, and says back-pressured only where none has", async () => {
    const full = await stalledRelay("full");
    const other = await relays.relay("other");
    const pool = await opened(["full", "other"]);
    while ((pool.stats().endpoints[0]?.refused ?? 0) === 0) {
      publishAll(pool, 2_000);
      await new Promise((resolve) => setImmediate(resolve));
    }
    const before = pool.stats().endpoints[1]?.published as number;
    publishAll(pool, 100);
    expect(pool.stats().endpoints[1]?.published).toBeGreaterThanOrEqual(before + 99);
    await other.close();
    await until(() => pool.stats().connected === 1);
    expect(pool.publish(TradeTLV, tradeOf(1))).toBe("backPressured");
    const ready = pool.ready();
    full.goOn();
    await ready;
    expect(pool.publish(TradeTLV, tradeOf(1))).toBe("sent");
    expect(full.relay.stats().lost).toBe(0);
  });

  test("builds a claimed message anew where the one it was begun at does not take it", async () => {
    const [a, b] = [await relays.relay("a"), await relays.relay("b")];
    const seen: string[] = [];
    const reader = await connect(b, {});
    await reader.subscribe(
      { types: [OrderBookTLV, VenueReferenceTLV] },
      {
        OrderBook: (book) =>
          void seen.push(JSON.stringify(book.toObject(), (_, v) => (typeof v === "bigint" ? `${v}` : v))),
        VenueReference: (reference) => void seen.push(reference.reference),
      },
    );
    const pool = await opened(["a", "b"], { balance: "failover" });
    const book = pool.claim(OrderBookTLV, { bids: 2, asks: 1 });
    const expected = JSON.stringify(book.toObject(), (_, v) => (typeof v === "bigint" ? `${v}` : v));
    await a.close();
    await until(() => pool.stats().connected === 1);
    expect(pool.commit()).toBe("sent");
    expect(() => pool.commit()).toThrow(expect.objectContaining({ code: "NOTHING_CLAIMED" }));
    await until(() => seen.length === 1);
    expect(seen).toEqual([expected]);
    await b.close();
    await until(() => pool.stats().connected === 0);
    pool.claim(TradeTLV);
    expect(pool.commit()).toBe("notConnected"); // and it stays claimed
    const ready = pool.ready();
    const again = await relays.relay("a");
    await ready;
    expect(pool.commit()).toBe("sent");
    await pool.flush();
    expect(received(again)).toEqual([1]);
  });

  test.each([
    ["goes back to the preferred relay when that is there again", true],
    ["stays where it is when it is told so", false],
  ])("in failover %s", async (_, failBack) => {
    const url = new URL("../../dist/index.js", import.meta.url).href;
    const program = `import { Relay } from ${JSON.stringify(url)};
      const relay = new Relay({ domain: 1 });
      await relay.listen(${JSON.stringify(relays.url("first"))});
      console.log("up");`;
    const start = async () => {
      const made = spawn(process.execPath, ["--input-type=module", "-e", program], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      relays.defer(() => made.kill("SIGKILL"));
      await once(made.stdout, "data");
      return made;
    };
    const child = await start();
    const second = await relays.relay("second");
    const pool = await opened(["first", "second"], { balance: "failover", failBack });
    publishAll(pool, 10);
    await pool.flush();
    expect(received(second)).toEqual([0]);
    const exit = once(child, "exit");
    child.kill("SIGKILL");
    await exit;
    await until(() => pool.stats().connected === 1);
    publishAll(pool, 10);
    await pool.flush();
    expect(received(second)).toEqual([10]);
    expect(pool.stats().endpoints[0]).toMatchObject({ failures: expect.any(Number), connects: 1 });
    await start();
    await until(() => pool.stats().connected === 2);
    publishAll(pool, 10);
    await pool.flush();
    expect(received(second)).toEqual([failBack ? 10 : 20]);
  });

  test("in failover does not spill over while the preferred relay is slow: the order is kept", async () => {
    await stalledRelay("full");
    const other = await relays.relay("other");
    const pool = await opened(["full", "other"], { balance: "failover", drainMs: 50 });
    await fill(pool);
    expect(received(other)).toEqual([0]);
  });

  test("does not spill over to a higher priority number while a relay of the lower one is slow", async () => {
    await stalledRelay("full");
    const other = await relays.relay("other");
    const endpoints = [relays.url("full"), { address: relays.url("other"), priority: 1 }];
    const pool = relays.opened(await Pool.open(endpoints, relays.options({ drainMs: 50 })));
    await until(() => pool.stats().connected === 2);
    await fill(pool);
    expect(received(other)).toEqual([0]);
  });

  test("takes a stand-by for each that fails and keeps it, where it does not go back", async () => {
    const first = await relays.relay("a");
    await relays.relay("b");
    const standBy = await relays.relay("c");
    const pool = await opened(["a", "b", "c"], { size: 2, failBack: false }, 2);
    await first.close();
    await until(() => pool.stats().endpoints[2]?.state === "connected");
    await relays.relay("a");
    await until(() => pool.stats().endpoints[0]?.retryMs === 0); // it could be tried again
    expect(pool.stats().endpoints.map(({ state }) => state)).toEqual(["waiting", "connected", "connected"]);
    expect(standBy.stats().members.length).toBe(1);
  });

  test("holds as many connections as it is told, takes a stand-by when one fails and lets it go afterwards", async () => {
    const first = await relays.relay("a");
    const second = await relays.relay("b");
    const pool = await opened(["a", "b"], { size: 1 }, 1);
    expect(second.stats().members).toEqual([]);
    publishAll(pool, 5);
    await pool.flush();
    await first.close();
    await until(() => pool.stats().endpoints[1]?.state === "connected");
    publishAll(pool, 5);
    await relays.relay("a");
    await until(() => pool.stats().endpoints[0]?.state === "connected" && second.stats().members.length === 0);
    expect(received(second)).toEqual([5]); // drained, not cut
    expect(pool.stats()).toMatchObject({ connected: 1, published: 10 });
  });

  test("waits twice as long each time for one that is lost soon after it was connected", async () => {
    let relay = await relays.relay("a");
    const breaker = { openMs: 30, random: () => 0.999 };
    const pool = await opened(["a"], { breaker, healthyMs: 60_000 });
    const waits: number[] = [];
    for (let n = 0; n < 3; n++) {
      await relay.close();
      await until(() => pool.stats().endpoints[0]?.state === "waiting");
      waits.push(pool.stats().endpoints[0]?.retryMs as number);
      relay = await relays.relay("a");
      await until(() => pool.stats().connected === 1);
    }
    expect(waits[0]).toBeLessThanOrEqual(30);
    expect(waits[2]).toBeGreaterThan(60);
  });

  test("drains: all that was published is taken, then it is closed", async () => {
    const [a, b] = [await relays.relay("a"), await relays.relay("b")];
    const pool = await opened(["a", "b"]);
    publishAll(pool, 5_000);
    const draining = pool.drain();
    expect(pool.publish(TradeTLV, tradeOf(1))).toBe("closed");
    expect(await draining).toBe(true);
    expect(received(a, b)).toEqual([2_500, 2_500]);
    await until(() => a.stats().members.length === 0);
    await pool.ready();
    await pool[Symbol.asyncDispose]();
  });

  test("says which relay did not confirm in time", async () => {
    await stalledRelay("full");
    const pool = await opened(["full"], { drainMs: 100 });
    await fill(pool);
    const startedAt = performance.now();
    expect(await pool.drain()).toBe(false);
    expect(performance.now() - startedAt).toBeLessThan(2_000);
    expect(relays.events.at(-1)).toEqual({ what: "unflushed", endpoint: relays.url("full") });
  });

  test("says that none can be connected to, and why", async () => {
    const opening = Pool.open([relays.url("a"), relays.url("b")], relays.options());
    await expect(opening).rejects.toMatchObject({ code: "NO_ENDPOINT", cause: { code: "NOT_LISTENING" } });
    expect(relays.events.map(({ what }) => what)).toEqual(["joined", "joined", "failed", "failed"]);
  });

  test.each([
    { balance: "random" as never },
    { size: 0 },
    { endpointsMax: 1.5 },
    { drainMs: Number.POSITIVE_INFINITY },
    { refreshMs: 1 },
  ])("refuses the option %o", async (options) => {
    await expect(Pool.open(["ring://a"], options)).rejects.toMatchObject({ code: "BAD_OPTION" });
  });
});
