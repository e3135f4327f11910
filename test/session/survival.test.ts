import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { RelayDomain } from "../../src/protocol/tables.js";
import { Relay } from "../../src/relay/relay.js";
import type { Connection } from "../../src/session/connection.js";
import type { GapNotice } from "../../src/session/subscription.js";
import { TradeTLV } from "../../src/tlvs/market-data.js";
import type { Attachable, Link } from "../../src/transports/transport.js";
import { unixTransport } from "../../src/transports/unix.js";
import { tradeOf, until } from "../samples.js";
import { surviving } from "./attachable.js";

const built = new URL("../../dist/index.js", import.meta.url).href;
const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

function temporaryPath(): string {
  const directory = mkdtempSync(join(tmpdir(), "alphapulse-"));
  cleanups.push(() => rmSync(directory, { recursive: true, force: true }));
  return join(directory, "relay.sock");
}

async function opened(target: unknown, options = {}) {
  const all = await surviving(target as Attachable, { timeoutMs: 3_000, ...options });
  cleanups.push(() => all.connection.close());
  return all;
}

async function consuming(target: unknown) {
  const all = await opened(target);
  const got: number[] = [];
  const gaps: GapNotice[] = [];
  await all.connection.subscribe(
    { types: [TradeTLV] },
    { Trade: (trade) => void got.push(trade.priceUnits), gap: (gap) => void gaps.push(gap) },
  );
  return { ...all, got, gaps };
}

async function publishAll(connection: Connection, from: number, to: number): Promise<void> {
  for (let n = from; n <= to; n++) {
    let result = connection.publish(TradeTLV, tradeOf(n));
    while (result === "backPressured") {
      await connection.ready();
      result = connection.publish(TradeTLV, tradeOf(n));
    }
    expect(result).toBe("sent");
    if (n % 20 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, n) => n + 1);
/** Sockets and timers that keep the process alive. */
const handles = (): number => process.getActiveResourcesInfo().filter((name) => /Pipe|TCP|Timeout/.test(name)).length;

test("two hundred cuts amid the stream lose nothing, repeat nothing, change no order and leave nothing open", async () => {
  const path = temporaryPath();
  const relay = new Relay({ domain: RelayDomain.MarketData });
  cleanups.push(() => relay.close());
  const links: Link[] = [];
  const listener = await unixTransport.listen(path, (link) => {
    links.push(link);
    relay.attach(link);
  });
  cleanups.push(() => listener.close());
  const reader = await consuming({ unix: path });
  const writer = await opened({ unix: path }, { source: 5 });
  await publishAll(writer.connection, 1, 100);
  await writer.connection.flush();
  await until(() => reader.got.length === 100);
  const before = handles();
  const count = 20_000;
  const publishing = publishAll(writer.connection, 101, count);
  let isOver = false;
  void publishing.then(() => {
    isOver = true;
  });
  for (let cut = 0; cut < 200; cut++) {
    const times = (cut % 2 === 0 ? reader : writer).outcomes.length;
    for (const link of links.splice(0)) link.destroy();
    await until(() => (cut % 2 === 0 ? reader : writer).outcomes.length > times, 10_000);
  }
  await publishing;
  expect(isOver).toBe(true);
  await writer.connection.flush();
  await until(() => reader.got.length >= count);
  expect(reader.got).toEqual(upTo(count));
  expect([reader.gaps, reader.failures, writer.failures]).toEqual([[], [], []]);
  expect(reader.connection.stats().reconnects).toBeGreaterThanOrEqual(100);
  for (const { sources } of reader.outcomes) expect(sources).toEqual([{ source: 5, kind: "resumed" }]);
  expect(relay.stats()).toMatchObject({ received: count, missing: 0 });
  await until(() => handles() <= before);
}, 30_000);

/** A relay in a process of its own. */
async function relayProcess(path: string): Promise<ChildProcess> {
  const program = `import { Relay } from ${JSON.stringify(built)};
    const relay = new Relay({ domain: 1 });
    await relay.listen({ unix: ${JSON.stringify(path)} });
    console.log("up");`;
  const made = spawn(process.execPath, ["--input-type=module", "-e", program], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  cleanups.push(() => made.kill("SIGKILL"));
  await once(made.stdout as NonNullable<ChildProcess["stdout"]>, "data");
  return made;
}

test("a relay that is killed and started anew: both ends come back, each is told, nothing comes twice", async () => {
  const path = temporaryPath();
  const first = await relayProcess(path);
  const reader = await consuming({ unix: path });
  const writer = await opened({ unix: path }, { source: 5 });
  await publishAll(writer.connection, 1, 500);
  await writer.connection.flush();
  await until(() => reader.got.length === 500);
  const publishing = publishAll(writer.connection, 501, 2_000);
  const exit = once(first, "exit");
  first.kill("SIGKILL");
  await exit;
  await until(() => reader.losses.length > 0 && writer.losses.length > 0);
  await relayProcess(path);
  await publishing;
  await until(() => reader.outcomes.length > 0 && writer.outcomes.length > 0, 10_000);
  await publishAll(writer.connection, 2_001, 3_000);
  await writer.connection.flush();
  await until(() => reader.got.at(-1) === 3_000);
  expect(reader.got).toEqual([...new Set(reader.got)].sort((a, b) => a - b));
  expect(reader.got.slice(-1_000)).toEqual(upTo(3_000).slice(-1_000));
  // Which of the two is back first decides what the new relay can say; what it says has to be true.
  const missing = upTo(3_000).filter((n) => !reader.got.includes(n));
  const [outcome] = reader.outcomes.map(({ sources }) => sources[0]);
  if (outcome?.kind === "gap") expect(missing).toEqual(upTo(outcome.to % 2 ** 40).slice((outcome.from % 2 ** 40) - 1));
  else if (outcome?.kind === "resumed") expect(missing).toEqual([]);
  expect(reader.gaps).toHaveLength(outcome?.kind === "resumed" ? 0 : 1);
  expect([reader.failures, writer.failures]).toEqual([[], []]);
}, 20_000);
