import { afterEach, describe, expect, test } from "vitest";
import { connect } from "../../src/session/connect.js";
import type { ConnectOptions } from "../../src/session/options.js";
import type { GapNotice } from "../../src/session/subscription.js";
import { ControlOpcode, GapReason, GoodbyeCode } from "../../src/tlvs/codes.js";
import { TradeTLV } from "../../src/tlvs/market-data.js";
import {
  ControlTLV,
  GapTLV,
  GoodbyeTLV,
  HelloTLV,
  RetransmitRequestTLV,
  SubscribeTLV,
} from "../../src/tlvs/session-control.js";
import { localLinks } from "../../src/transports/local.js";
import type { Link } from "../../src/transports/transport.js";
import { tradeOf, until } from "../samples.js";
import { ScriptedRelay, SOON, surviving } from "./attachable.js";
import type { Script } from "./script.js";

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function opened(relay: ScriptedRelay, options: ConnectOptions = {}) {
  const all = await surviving(relay, options);
  cleanups.push(() => all.connection.close().catch(() => {})); // some relays here never confirm
  return all;
}

const PUBLISHER = { source: 7, incarnation: 3 } as const;
const LIFE = 3 * 2 ** 40;
const coded = (code: string) => expect.objectContaining({ code });
const goodbye = (script: Script, code: number): void => {
  script.say(GoodbyeTLV, { code, reason: "so it is" });
  script.link.destroy();
};

describe("a publisher whose link is cut", () => {
  test("sends again what was not confirmed, byte for byte, and then what was published meanwhile", async () => {
    const relay = new ScriptedRelay({ pong: false });
    const { connection, losses, outcomes } = await opened(relay, { ...PUBLISHER, timeoutMs: 50 });
    for (let n = 1; n <= 3; n++) expect(connection.publish(TradeTLV, tradeOf(n))).toBe("sent");
    const [first] = relay.scripts as [Script];
    const before = first.messages.filter(({ header }) => header.sequence > 0n);
    relay.isAway = true;
    first.link.destroy();
    expect(losses).toEqual([coded("DISCONNECTED")]);
    for (let n = 4; n <= 5; n++) expect(connection.publish(TradeTLV, tradeOf(n))).toBe("sent");
    relay.isAway = false;
    await until(() => relay.scripts.length === 2 && relay.latest.counters.length === 5);
    expect(relay.latest.counters).toEqual([1, 2, 3, 4, 5]);
    const again = relay.latest.messages.filter(({ header }) => header.sequence > 0n).slice(0, 3);
    expect(again.map(({ header }) => header)).toEqual(before.map(({ header }) => header));
    await until(() => outcomes.length === 1);
    expect(connection.stats()).toMatchObject({ published: 5, reconnects: 1, lost: 0 });
  });

  test("sends nothing again that a Pong confirmed", async () => {
    const relay = new ScriptedRelay();
    const { connection } = await opened(relay, PUBLISHER);
    for (let n = 1; n <= 3; n++) connection.publish(TradeTLV, tradeOf(n));
    await connection.flush();
    relay.latest.link.destroy();
    connection.publish(TradeTLV, tradeOf(4));
    await until(() => relay.scripts.length === 2 && relay.latest.counters.length > 0);
    expect(relay.latest.counters).toEqual([4]);
  });

  test("keeps no more than it may, answers backPressured then, and is ready again when it is back", async () => {
    const relay = new ScriptedRelay();
    const { connection } = await opened(relay, { ...PUBLISHER, holdBytesMax: 300 });
    relay.isAway = true;
    relay.latest.link.destroy();
    const answers = [1, 2, 3, 4, 5].map((n) => connection.publish(TradeTLV, tradeOf(n)));
    expect(answers).toEqual(["sent", "sent", "sent", "sent", "backPressured"]);
    let isReady = false;
    const ready = connection.ready().then(() => {
      isReady = true;
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect(isReady).toBe(false);
    relay.isAway = false;
    await ready;
    expect(connection.publish(TradeTLV, tradeOf(5))).toBe("sent");
    await connection.flush();
    expect(relay.latest.counters).toEqual([1, 2, 3, 4, 5]);
  });

  test("a flush that is under way is over when the next link has confirmed", async () => {
    const relay = new ScriptedRelay({ pong: false });
    const { connection } = await opened(relay, PUBLISHER);
    connection.publish(TradeTLV, tradeOf(1));
    const flushed = connection.flush();
    relay.options = { pong: true };
    relay.latest.link.destroy();
    await flushed;
    expect(relay.scripts).toHaveLength(2);
    expect(relay.latest.counters).toEqual([1]);
  });

  test("whose source is still held by the lost link tries again", async () => {
    const relay = new ScriptedRelay();
    const { connection, failures } = await opened(relay, PUBLISHER);
    connection.publish(TradeTLV, tradeOf(1));
    await connection.flush();
    relay.onScript = (script) => {
      if (relay.scripts.length <= 3)
        script.onMessage = ({ header }) => void (header.sequence > 0n && goodbye(script, 7));
    };
    relay.latest.link.destroy();
    connection.publish(TradeTLV, tradeOf(2));
    await until(() => relay.scripts.length === 4 && relay.latest.counters.length === 1);
    await connection.flush();
    expect(failures).toEqual([]);
  });

  test("fails where it gives up, and says how much was lost", async () => {
    const relay = new ScriptedRelay();
    const { connection, failures } = await opened(relay, { ...PUBLISHER, reconnect: { ...SOON, attemptsMax: 3 } });
    relay.isAway = true;
    relay.latest.link.destroy();
    for (let n = 1; n <= 4; n++) connection.publish(TradeTLV, tradeOf(n));
    expect(await connection.ended).toMatchObject({ code: "RECONNECT_FAILED" });
    expect(failures).toHaveLength(1);
    expect(failures[0]?.message).toContain("after 3 attempts");
    expect(failures[0]?.message).toContain("4 messages that were kept are lost");
    expect(connection.stats().lost).toBe(4);
    expect(connection.publish(TradeTLV, tradeOf(5))).toBe("closed");
  });
});

describe("a consumer whose link is cut", () => {
  /** One that has heard messages 1 to `heard` of source 7, cut off. */
  async function heard(count: number, onGap?: (gap: GapNotice) => void) {
    const relay = new ScriptedRelay();
    const all = await opened(relay);
    const prices: bigint[] = [];
    const handlers = { Trade: (trade: TradeTLV) => void prices.push(trade.price) };
    const gap = onGap === undefined ? {} : { gap: onGap };
    await all.connection.subscribe({ types: [TradeTLV] }, { ...handlers, ...gap } as object);
    const say = (n: number): void => relay.latest.say(TradeTLV, tradeOf(n), LIFE + n);
    for (let n = 1; n <= count; n++) say(n);
    return { ...all, relay, prices, say };
  }
  const complete = (script: Script, from: number, to: number, reason = 0): void => {
    const request = script.got(RetransmitRequestTLV)[0] as RetransmitRequestTLV;
    const range = { fromSequence: BigInt(LIFE + from), toSequence: BigInt(LIFE + to) };
    script.say(GapTLV, { ...range, requestId: request.requestId, source: request.source, reason });
  };

  test("asks for what came since, then subscribes, and says resumed when that was handed over", async () => {
    const { relay, prices, say, outcomes } = await heard(3);
    relay.latest.link.destroy();
    await until(() => relay.scripts.length === 2 && relay.latest.got(SubscribeTLV).length === 1);
    const kinds = relay.latest.messages.map(
      (message) => [HelloTLV, RetransmitRequestTLV, SubscribeTLV].find((tlv) => message.get(tlv))?.name,
    );
    expect(kinds).toEqual(["Hello", "RetransmitRequest", "Subscribe"]);
    const [request] = relay.latest.got(RetransmitRequestTLV) as [RetransmitRequestTLV];
    expect(request).toMatchObject({ fromSequence: BigInt(LIFE + 4), toSequence: BigInt(LIFE + 2 ** 40 - 1) });
    for (let n = 3; n <= 5; n++) say(n);
    expect(outcomes).toEqual([]);
    complete(relay.latest, 4, 5);
    await until(() => outcomes.length === 1);
    expect(outcomes).toEqual([{ sources: [{ source: request.source, kind: "resumed" }] }]);
    say(6);
    expect(prices).toEqual([1n, 2n, 3n, 4n, 5n, 6n]);
  });

  test("is told exactly what is not retained, as a gap and in the outcome", async () => {
    const gaps: GapNotice[] = [];
    const { relay, prices, say, outcomes, connection } = await heard(3, (gap) => void gaps.push(gap));
    relay.latest.link.destroy();
    await until(() => relay.scripts.length === 2 && relay.latest.got(SubscribeTLV).length === 1);
    say(8);
    complete(relay.latest, 4, 7, GapReason.NoLongerRetained);
    complete(relay.latest, 4, 8);
    await until(() => outcomes.length === 1);
    const { source } = relay.latest.got(RetransmitRequestTLV)[0] as RetransmitRequestTLV;
    expect(gaps).toEqual([{ source, from: LIFE + 4, to: LIFE + 7, reason: 4 }]);
    expect(outcomes[0]?.sources).toEqual([{ source, kind: "gap", from: LIFE + 4, to: LIFE + 7 }]);
    expect([prices, connection.stats().lost]).toEqual([[1n, 2n, 3n, 8n], 4]);
  });

  test("is told reset where the relay knows nothing of a source, and drops what it had", async () => {
    const gaps: GapNotice[] = [];
    const { relay, prices, say, outcomes } = await heard(3, (gap) => void gaps.push(gap));
    relay.latest.link.destroy();
    await until(() => relay.scripts.length === 2 && relay.latest.got(SubscribeTLV).length === 1);
    const { source, requestId } = relay.latest.got(RetransmitRequestTLV)[0] as RetransmitRequestTLV;
    const body = new TextEncoder().encode("never heard");
    relay.latest.say(ControlTLV, { opcode: ControlOpcode.Reject, requestId, body });
    await until(() => outcomes.length === 1);
    expect(outcomes[0]?.sources).toEqual([{ source, kind: "reset" }]);
    expect(gaps).toEqual([{ source, from: 0, to: 0, reason: 4 }]);
    for (let n = 2; n <= 4; n++) say(n); // its source sends again what the last relay did not confirm
    expect(prices).toEqual([1n, 2n, 3n, 4n]);
  });

  test("without a gap handler fails where something is lost: UNHANDLED_GAP, and does not come back", async () => {
    const { relay, failures } = await heard(3);
    relay.latest.link.destroy();
    await until(() => relay.scripts.length === 2 && relay.latest.got(SubscribeTLV).length === 1);
    complete(relay.latest, 4, 7, GapReason.NoLongerRetained);
    expect(failures).toEqual([coded("UNHANDLED_GAP")]);
    expect(relay.latest.closings).toBe(1);
  });

  test("that is cut again before it has its answers asks again, and forgets no gap", async () => {
    const gaps: GapNotice[] = [];
    const { relay, outcomes } = await heard(3, (gap) => void gaps.push(gap));
    relay.latest.link.destroy();
    await until(() => relay.scripts.length === 2 && relay.latest.got(SubscribeTLV).length === 1);
    complete(relay.latest, 4, 7, GapReason.NoLongerRetained);
    relay.latest.link.destroy();
    await until(() => relay.scripts.length === 3 && relay.latest.got(SubscribeTLV).length === 1);
    const request = relay.latest.got(RetransmitRequestTLV)[0] as RetransmitRequestTLV;
    expect(request.fromSequence).toBe(BigInt(LIFE + 8));
    complete(relay.latest, 8, 8);
    await until(() => outcomes.length === 1);
    expect(outcomes[0]?.sources).toEqual([{ source: request.source, kind: "gap", from: LIFE + 4, to: LIFE + 7 }]);
  });
});

describe("what ends a connection that would come back", () => {
  test("a relay that shuts down does not: it is looked for", async () => {
    const relay = new ScriptedRelay();
    const { outcomes, losses } = await opened(relay);
    goodbye(relay.latest, GoodbyeCode.ShuttingDown);
    await until(() => outcomes.length === 1);
    expect(losses).toEqual([coded("SHUTTING_DOWN")]);
  });

  test.each([
    [GoodbyeCode.NotAuthorized, "NOT_AUTHORIZED"],
    [GoodbyeCode.ProtocolError, "PROTOCOL"],
    [GoodbyeCode.NothingInCommon, "NOTHING_IN_COMMON"],
  ])("a Goodbye %s does: %s", async (code, word) => {
    const relay = new ScriptedRelay();
    const { connection, failures } = await opened(relay);
    goodbye(relay.latest, code);
    expect(await connection.ended).toMatchObject({ code: word });
    expect([failures.length, relay.scripts.length]).toEqual([1, 1]);
  });

  test("a handler that throws does", async () => {
    const relay = new ScriptedRelay();
    const { connection, failures } = await opened(relay);
    const wrong = (): void => {
      throw new Error("boom");
    };
    await connection.subscribe({ types: [TradeTLV] }, { Trade: wrong });
    relay.latest.say(TradeTLV, tradeOf(1), 1);
    expect(failures).toEqual([coded("HANDLER_FAILED")]);
    expect(relay.scripts).toHaveLength(1);
  });

  test("close does, also while it is away", async () => {
    const relay = new ScriptedRelay();
    const { connection } = await opened(relay, { reconnect: { firstDelayMs: 60_000, random: () => 0.9 } });
    relay.latest.link.destroy();
    await connection.close();
    expect(await connection.ended).toBeUndefined();
    expect(relay.scripts).toHaveLength(1);
  });
});

describe("tokens", () => {
  test("are asked for anew at each attempt, and reach the relay", async () => {
    const relay = new ScriptedRelay();
    let count = 0;
    const { outcomes } = await opened(relay, { token: async () => `secret-${++count}` });
    relay.latest.link.destroy();
    await until(() => outcomes.length === 1);
    const shown = relay.scripts.map((script) => new TextDecoder().decode(script.got(HelloTLV)[0]?.token));
    expect(shown).toEqual(["secret-1", "secret-2"]);
  });

  test("do not leave over a link that others can read: TOKEN_IN_CLEAR, without the token", async () => {
    const [client, server] = localLinks("open to all");
    const sent: unknown[] = [];
    server.start({ message: (...given) => void sent.push(given), broken() {}, closed() {} });
    const link = new Proxy(client, {
      get(target, name) {
        const value = name === "isPrivate" ? false : (target[name as keyof Link] as unknown);
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
    const error = await connect(link, { token: "hush" }).catch((why) => why);
    expect(error).toMatchObject({ code: "TOKEN_IN_CLEAR" });
    expect(JSON.stringify([String(error), error])).not.toContain("hush");
    expect(sent).toEqual([]);
  });

  test("that cannot be had are TOKEN_FAILED", async () => {
    const token = (): string => {
      throw new Error("no vault");
    };
    await expect(connect(new ScriptedRelay(), { token })).rejects.toThrow(coded("TOKEN_FAILED"));
  });
});

describe("options", () => {
  test.each<[string, ConnectOptions]>([
    ["timeoutMs", { timeoutMs: 0 }],
    ["pingIntervalMs", { pingIntervalMs: Number.NaN }],
    ["holdBytesMax", { holdBytesMax: -1 }],
    ["attemptsMax", { reconnect: { attemptsMax: 0 } }],
    ["firstDelayMs", { reconnect: { firstDelayMs: -1 } }],
    ["session", { session: false, reconnect: true }],
  ])("%s that cannot be is BAD_OPTION", async (name, options) => {
    const error = await connect(new ScriptedRelay(), options).catch((why) => why);
    expect(error).toMatchObject({ code: "BAD_OPTION" });
    expect(error.message).toContain(name);
  });

  test("a link cannot be replaced by another one: BAD_OPTION", async () => {
    await expect(connect(localLinks("one")[0], { reconnect: true })).rejects.toThrow(coded("BAD_OPTION"));
  });

  test("session: false says no Hello, and only publishes", async () => {
    const relay = new ScriptedRelay();
    const connection = await connect(relay, { ...PUBLISHER, session: false });
    await until(() => relay.scripts.length === 1);
    expect(connection.publish(TradeTLV, tradeOf(1))).toBe("sent");
    await expect(connection.subscribe({ types: [TradeTLV] }, {})).rejects.toThrow(coded("NO_SESSION"));
    await expect(connection.flush()).rejects.toThrow(coded("NO_SESSION"));
    await connection.close();
    expect(relay.latest.messages).toHaveLength(1);
  });

  test("a signal gives up what is being opened: ABORTED, and nothing stays open", async () => {
    const relay = new ScriptedRelay({ welcome: false });
    const giveUp = new AbortController();
    const opening = connect(relay, { signal: giveUp.signal });
    await until(() => relay.scripts.length === 1);
    giveUp.abort();
    await expect(opening).rejects.toThrow(coded("ABORTED"));
    expect(relay.latest.closings).toBe(1);
  });

  test("reconnect.initial waits for a relay that is not there yet", async () => {
    const relay = new ScriptedRelay();
    relay.isAway = true;
    await expect(surviving(relay)).rejects.toThrow(coded("DISCONNECTED"));
    const opening = opened(relay, { reconnect: { ...SOON, initial: true } });
    await new Promise((resolve) => setTimeout(resolve, 10));
    relay.isAway = false;
    const { connection } = await opening;
    expect(connection.stats().reconnects).toBe(0);
  });
});
