import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { dnsSrv } from "../../src/pool/dns-srv.js";
import { type Endpoints, Lookup } from "../../src/pool/endpoints.js";
import { Pool } from "../../src/pool/pool.js";
import { TradeTLV } from "../../src/tlvs/market-data.js";
import { tradeOf, until } from "../samples.js";
import { bundled } from "../support/bundle.js";
import { DnsServer } from "./dns-server.js";
import { Relays } from "./relays.js";

let relays: Relays;
beforeEach(() => {
  relays = new Relays();
});
afterEach(() => relays.cleanUp());

const opened = async (from: Endpoints, more = {}): Promise<Pool> =>
  relays.opened(await Pool.open(from, relays.options({ refreshMs: 10, lookupMs: 100, ...more })));
const failures = (): (string | undefined)[] =>
  relays.events.filter(({ what }) => what === "lookupFailed").map(({ error }) => error?.code);

describe("endpoints of a function", () => {
  test("that are found anew join, those that are found no more are drained", async () => {
    const [a, b] = [await relays.relay("a"), await relays.relay("b")];
    let names = ["a"];
    const pool = await opened(() => names.map((name) => relays.url(name)));
    for (let n = 0; n < 100; n++) expect(pool.publish(TradeTLV, tradeOf(n))).toBe("sent");
    names = ["b"];
    await until(
      () => pool.stats().endpoints.length === 1 && pool.stats().connected === 1 && a.stats().members.length === 0,
    );
    expect(pool.publish(TradeTLV, tradeOf(1))).toBe("sent");
    await pool.flush();
    expect([a.stats().received, b.stats().received]).toEqual([100, 1]);
    const told = relays.events.map(({ what, endpoint }) => `${what} ${endpoint?.slice(-6, -5)}`);
    expect(told).toEqual(["joined a", "connected a", "joined b", "removed a", "connected b"]);
  });

  test("that throws, hangs or returns garbage later: what was known last is kept, and each failure is told", async () => {
    await relays.relay("a");
    const good = [relays.url("a")];
    const answers: (() => unknown)[] = [
      () => good,
      () => {
        throw new Error("no");
      },
      () => Promise.reject(new Error("no")),
      () => new Promise(() => {}),
      () => "garbage",
      () => [],
    ];
    let n = 0;
    const pool = await opened((() => (answers[n++] ?? answers[0])?.()) as never);
    await until(() => n > answers.length);
    const expected = ["LOOKUP_FAILED", "LOOKUP_FAILED", "LOOKUP_FAILED", "BAD_ENDPOINTS", "BAD_ENDPOINTS"];
    expect(failures()).toEqual(expected);
    expect(pool.stats()).toMatchObject({ connected: 1, lookupsFailed: 5 });
    expect(pool.stats().endpoints[0]).toMatchObject({ connects: 1, failures: 0 });
  });

  test("that hangs at first is given up in time, also in a process that has nothing else to wait for", async () => {
    const { file, remove } = await bundled(new URL("./lookup-process.ts", import.meta.url));
    try {
      const { stdout } = await promisify(execFile)(process.execPath, [file], { timeout: 10_000 });
      expect(stdout).toBe("LOOKUP_FAILED\n");
    } finally {
      remove();
    }
  });

  test.each([
    ["keeps a process that asks for the first time", true],
    ["keeps no process that asks again", false],
  ])("that hangs %s", async (_, keeps) => {
    const lookup = new Lookup(() => new Promise(() => {}), 1, 60_000, undefined);
    const closing = new AbortController();
    const timers = (): number => process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;
    const before = timers();
    const looking = lookup.endpoints(closing.signal, keeps);
    expect(timers() - before).toBe(keeps ? 1 : 0);
    closing.abort();
    await expect(looking).rejects.toMatchObject({ code: "ABORTED" });
    expect(timers()).toBe(before);
  });

  test("is told when the pool is closed, and asked no more", async () => {
    await relays.relay("a");
    let asked = 0;
    let signal: AbortSignal | undefined;
    const pool = await opened((given) => {
      signal = given;
      asked++;
      return asked === 1 ? [relays.url("a")] : new Promise(() => {});
    });
    await until(() => asked === 2);
    await pool.drain();
    expect(signal?.aborted).toBe(true);
    expect(failures()).toEqual([]);
  });

  test.each([
    ["no list", 7],
    ["an empty list", []],
    ["no address", ["market"]],
    ["an empty object", [{}]],
    ["nothing", [undefined]],
    ["the same twice", ["ring://a", { address: "ring://a" }]],
    ["the same as text and as an object", ["ring://a", { ring: "a" }]],
    ["too many", Array.from({ length: 65 }, (_, n) => `ring://${n}`)],
    ["a priority that is none", [{ address: "ring://a", priority: -1 }]],
    ["a weight that is none", [{ address: "ring://a", weight: 0 }]],
  ])("that returns %s is refused", async (_, found) => {
    await expect(Pool.open((() => found) as never)).rejects.toMatchObject({ code: "BAD_ENDPOINTS" });
  });

  test("that is none is refused", async () => {
    await expect(Pool.open(7 as never)).rejects.toMatchObject({ code: "BAD_OPTION" });
    await expect(Pool.open(undefined as never)).rejects.toMatchObject({ code: "BAD_OPTION" });
  });
});

describe("endpoints of DNS", () => {
  let server: DnsServer;
  beforeEach(() => {
    server = new DnsServer();
  });
  afterEach(() => server.close());
  const srv = (port: number, priority: number, weight: number) => ({ port, priority, weight, target: `h${port}.test` });

  test("come in the order of priority, and are drawn by weight within one", async () => {
    const resolver = await server.open();
    server.records = [srv(3, 20, 0), srv(1, 10, 1), srv(2, 10, 9), srv(2, 10, 9)];
    let firsts = 0;
    for (let n = 0; n < 200; n++) {
      const found = await dnsSrv("_market._tcp.test", { resolver }).endpoints(new AbortController().signal);
      expect(found.map(({ address }) => address).sort()).toEqual([
        "tcp://h1.test:1",
        "tcp://h2.test:2",
        "tcp://h3.test:3",
      ]);
      expect(found[2]).toEqual({ address: "tcp://h3.test:3", priority: 20, weight: 1 });
      if (found[0]?.address === "tcp://h2.test:2") firsts++;
    }
    expect(firsts).toBeGreaterThan(155); // 180 of 200 are expected
    expect(firsts).toBeLessThan(200);
  });

  test("keep the order that was drawn when they are asked for again", async () => {
    const resolver = await server.open();
    server.records = Array.from({ length: 8 }, (_, n) => srv(n + 1, 10, 5));
    const source = dnsSrv("_market._tcp.test", { resolver });
    const first = await source.endpoints(new AbortController().signal);
    for (let n = 0; n < 5; n++) expect(await source.endpoints(new AbortController().signal)).toEqual(first);
    expect(source.refreshMs).toBe(30_000);
  });

  test("lead a pool from one relay to another, and failures keep what was known last", async () => {
    const [a, b] = [await relays.relay("1"), await relays.relay("2")];
    const resolver = await server.open();
    server.records = [srv(1, 1, 1)];
    const source = dnsSrv("_market._tcp.test", {
      resolver,
      refreshMs: 10,
      address: (_, port) => relays.url(`${port}`),
    });
    const pool = relays.opened(await Pool.open(source, relays.options()));
    expect(pool.publish(TradeTLV, tradeOf(1))).toBe("sent");
    server.code = 3;
    await until(() => pool.stats().lookupsFailed > 1);
    server.code = undefined; // says nothing: the resolver's own time-out
    server.code = 0;
    server.records = [{ port: 0, priority: 0, weight: 0, target: "." }]; // no such service
    const before = pool.stats().lookupsFailed;
    await until(() => pool.stats().lookupsFailed > before + 1);
    expect(pool.stats().connected).toBe(1);
    server.records = [srv(2, 1, 1)];
    await until(() => b.stats().members.length === 1 && a.stats().members.length === 0);
    expect(a.stats().received).toBe(1);
    expect(failures().every((code) => code === "LOOKUP_FAILED")).toBe(true);
  });

  test("are given up in time where nobody answers", async () => {
    const resolver = await server.open();
    server.code = undefined;
    const opening = Pool.open(dnsSrv("_market._tcp.test", { resolver }), { lookupMs: 100 });
    await expect(opening).rejects.toMatchObject({ code: "LOOKUP_FAILED" });
    expect(server.questions).toBe(1);
  });
});
