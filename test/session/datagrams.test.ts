import { afterEach, describe, expect, test, vi } from "vitest";
import { connect } from "../../src/session/connect.js";
import type { Connection } from "../../src/session/connection.js";
import type { GapNotice } from "../../src/session/subscription.js";
import { TradeTLV } from "../../src/tlvs/market-data.js";
import { HelloTLV, PingTLV, PongTLV, SubscribeTLV, WelcomeTLV } from "../../src/tlvs/session-control.js";
import { localLinks } from "../../src/transports/local.js";
import type { Link, LinkHandler } from "../../src/transports/transport.js";
import { tradeOf } from "../samples.js";
import { Script, type ScriptOptions } from "./script.js";

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  vi.useRealTimers();
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const WELCOME = { sessionId: 77n, protocolVersion: 1, compression: 0, cipher: 0, keyId: 0 };

/** A link that says of itself that it is made of datagrams, to a scripted relay. */
function lossyLink(options: ScriptOptions) {
  vi.useFakeTimers();
  const [client, server] = localLinks("datagrams");
  const told: string[] = [];
  let handler: LinkHandler | undefined;
  const datagrams = {
    beginEnvelopes: () => void told.push("beginEnvelopes"),
    confirmPeer: () => void told.push("confirmPeer"),
  };
  const link = new Proxy(client, {
    get(target, name) {
      if (name === "datagrams") return datagrams;
      if (name === "start") {
        return (given: LinkHandler): void => {
          handler = given;
          target.start(given);
        };
      }
      const value = target[name as keyof Link] as unknown;
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
  const script = new Script(server, options);
  const lose = (count: number): void => handler?.lost?.({ count, why: "a test" });
  return { link, script, told, lose };
}

async function opened(options: ScriptOptions = {}) {
  const all = lossyLink({ ...options, welcome: false });
  all.script.onMessage = (message) => {
    if (message.get(HelloTLV) !== undefined) {
      all.script.say(WelcomeTLV, { ...WELCOME, sessionNonce: new Uint8Array(16) });
    }
  };
  const connection: Connection = await connect(all.link, { pingIntervalMs: Number.POSITIVE_INFINITY });
  cleanups.push(() => connection.close());
  return { ...all, connection };
}

describe("over datagrams", () => {
  test("Hello is said again, byte for byte, until Welcome; then the sessionId until its Pong", async () => {
    const { link, script, told } = lossyLink({ welcome: false, pong: false });
    let isOpen = false;
    const opening = connect(link).then((connection) => {
      isOpen = true;
      return connection;
    });
    await vi.advanceTimersByTimeAsync(600);
    const hellos = script.messages.map(({ header }) => header.checksum);
    expect(hellos).toEqual([hellos[0], hellos[0], hellos[0]]);
    expect(told).toEqual([]);
    script.say(WelcomeTLV, { ...WELCOME, sessionNonce: new Uint8Array(16) });
    script.say(WelcomeTLV, { ...WELCOME, sessionNonce: new Uint8Array(16) });
    expect(told).toEqual(["beginEnvelopes", "confirmPeer"]);
    await vi.advanceTimersByTimeAsync(600);
    expect(script.got(PingTLV).map(({ nonce }) => nonce)).toEqual([77n, 77n, 77n]);
    expect([isOpen, script.got(HelloTLV).length]).toEqual([false, 3]);
    script.say(PongTLV, { nonce: 77n, timestamp: 0n });
    const connection = await opening;
    await vi.advanceTimersByTimeAsync(1_000);
    expect(script.got(PingTLV)).toHaveLength(3);
    await connection.close();
  });

  test("Subscribe is said again until it is agreed to, with the same id", async () => {
    const { connection, script } = await opened({ acknowledge: false });
    const agreed = connection.subscribe({ types: [TradeTLV] }, {}).catch((error) => error);
    await vi.advanceTimersByTimeAsync(600);
    expect(script.got(SubscribeTLV).map(({ subscriptionId }) => subscriptionId)).toEqual([1, 1, 1]);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(await agreed).toMatchObject({ code: "TIMEOUT" });
    const asked = script.got(SubscribeTLV).length;
    await vi.advanceTimersByTimeAsync(1_000);
    expect(script.got(SubscribeTLV)).toHaveLength(asked);
  });

  test("who wants everything is told exactly what is missing; what comes late passes, once", async () => {
    const { connection, script, lose } = await opened();
    const seen: string[] = [];
    const gap = ({ source, from, to, reason }: GapNotice): void =>
      void seen.push(`gap ${source}: ${from}-${to} (${reason})`);
    const message = ({ sequence }: { sequence: number }): void => void seen.push(`message ${sequence}`);
    await connection.subscribe({ types: [] }, { message, gap });
    const say = (sequence: number): void => script.say(TradeTLV, tradeOf(1), sequence);
    for (const sequence of [1, 4, 3, 3, 5]) say(sequence);
    lose(2);
    const [, told] = seen;
    expect(told).toMatch(/^gap \d+: 2-3 \(1\)$/);
    expect(seen.filter((line) => line !== told)).toEqual([
      "message 1",
      "message 4",
      "message 3",
      "message 5",
      "gap 0: 0-0 (1)",
    ]);
    expect(connection.stats()).toMatchObject({ lost: 2, duplicates: 1, received: 4 });
  });

  test("who wants a part is told that something is missing, and how many count as lost", async () => {
    const { connection, script, lose } = await opened();
    const gaps: GapNotice[] = [];
    await connection.subscribe({ types: [TradeTLV] }, { gap: (gap) => void gaps.push(gap) });
    for (const sequence of [1, 4]) script.say(TradeTLV, tradeOf(1), sequence);
    expect(gaps).toEqual([]);
    lose(3);
    expect(gaps).toEqual([{ source: 0, from: 0, to: 0, reason: 1 }]);
    expect(connection.stats().lost).toBe(3);
  });
});
