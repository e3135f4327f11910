import { afterEach, describe, expect, test } from "vitest";
import { AlphaPulseError } from "../../src/protocol/errors.js";
import type { AnyTLV } from "../../src/protocol/schema/tlv.js";
import { AccessTokens } from "../../src/relay/access-tokens.js";
import { Relay } from "../../src/relay/relay.js";
import { connect } from "../../src/session/connect.js";
import type { ConnectOptions } from "../../src/session/options.js";
import { GoodbyeCode } from "../../src/tlvs/codes.js";
import { TradeTLV } from "../../src/tlvs/market-data.js";
import {
  ControlTLV,
  GapTLV,
  GoodbyeTLV,
  RetransmitRequestTLV,
  SubscribeTLV,
  WelcomeTLV,
} from "../../src/tlvs/session-control.js";
import type { Link } from "../../src/transports/transport.js";
import { unixTransport } from "../../src/transports/unix.js";
import { ETH, tradeOf, until } from "../samples.js";
import { ScriptedRelay, SOON, surviving } from "./attachable.js";

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function opened(relay: ScriptedRelay, options: ConnectOptions = {}) {
  const all = await surviving(relay, options);
  cleanups.push(() => all.connection.close().catch(() => {}));
  return all;
}

let addresses = 0;
/** A scripted relay at an address, for moves. */
async function listening(relay: ScriptedRelay): Promise<string> {
  const path = `/tmp/alphapulse-strandings-${process.pid}-${++addresses}.sock`;
  const listener = await unixTransport.listen(path, (link) => relay.attach(link));
  cleanups.push(() => listener.close());
  return `unix://${path}`;
}

const PUBLISHER = { source: 7, incarnation: 3 } as const;
const SUBSCRIPTION = { types: [TradeTLV] as readonly AnyTLV[] } as const;

describe("a subscription that cannot be said", () => {
  const tooMany = { types: [TradeTLV], instruments: Array.from({ length: 6_000 }, () => ETH) } as const;

  test("rejects at once, and does not keep the connection from coming back", async () => {
    const relay = new ScriptedRelay();
    const { connection, outcomes } = await opened(relay);
    await expect(connection.subscribe(tooMany, { Trade() {}, gap() {} })).rejects.toMatchObject({
      code: "VALUE_RANGE",
    });
    relay.latest.link.destroy();
    await until(() => outcomes.length === 1);
    expect(relay.latest.got(SubscribeTLV)).toEqual([]);
  });

  test("because a link of datagrams is too small for it: TOO_LARGE, and not a time-out", async () => {
    const relay = new Relay({ domain: 1 });
    cleanups.push(() => relay.close());
    const { address } = await relay.listen("udp://127.0.0.1:0");
    const connection = await connect(address);
    cleanups.push(() => connection.close());
    const many = { types: [TradeTLV], instruments: Array.from({ length: 200 }, () => ETH) } as const;
    await expect(connection.subscribe(many, { Trade() {}, gap() {} })).rejects.toMatchObject({ code: "TOO_LARGE" });
  });
});

describe("a move while there is no link", () => {
  test("to a server that ends the session with its Welcome rejects, and the old address is still tried", async () => {
    const relay = new ScriptedRelay();
    const { connection, losses, outcomes } = await opened(relay, { reconnect: { ...SOON, random: () => 0.999 } });
    const other = new ScriptedRelay({ welcome: false });
    other.onScript = (script) => {
      script.onMessage = () => {
        const sessionNonce = new Uint8Array(16);
        const plain = { sessionId: 1n, protocolVersion: 1, compression: 0, cipher: 0, keyId: 0, sessionNonce };
        script.say(WelcomeTLV, plain);
        script.send(new Uint8Array(64).fill(0x41));
      };
    };
    const address = await listening(other);
    relay.isAway = true;
    relay.latest.link.destroy();
    await until(() => losses.length === 1);
    await expect(connection.moveTo(address)).rejects.toBeInstanceOf(AlphaPulseError);
    relay.isAway = false;
    await until(() => outcomes.length === 1);
    expect(connection.isConnected).toBe(true);
  });

  test.each<[string, boolean]>([
    ["while there is no link", true],
    ["whose old link dies amid it", false],
  ])("%s, to a server that agrees to no Subscribe: it goes back to the old address", async (_, isAway) => {
    const relay = new ScriptedRelay();
    const { connection, outcomes, failures } = await opened(relay, { timeoutMs: 100 });
    await connection.subscribe(SUBSCRIPTION, { gap() {} });
    const deaf = new ScriptedRelay({ acknowledge: false });
    const address = await listening(deaf);
    if (isAway) {
      relay.isAway = true;
      relay.latest.link.destroy();
    } else {
      deaf.onScript = (script) => {
        script.onMessage = (message) => {
          if (message.get(SubscribeTLV) !== undefined) relay.latest.link.destroy();
        };
      };
    }
    await expect(connection.moveTo(address)).rejects.toMatchObject({ code: "TIMEOUT" });
    relay.isAway = false;
    await until(() => outcomes.length === 1);
    expect(relay.latest.got(SubscribeTLV)).toHaveLength(1);
    expect(deaf.scripts).toHaveLength(1);
    expect(failures).toEqual([]);
  });
});

test("what a server said that a move could not use does not come out of the next reconnect", async () => {
  const relay = new ScriptedRelay();
  const { connection, outcomes } = await opened(relay, { timeoutMs: 100 });
  await connection.subscribe(SUBSCRIPTION, { gap() {} });
  relay.latest.say(TradeTLV, tradeOf(1), 1);
  const other = new ScriptedRelay({ acknowledge: false });
  other.onScript = (script) => {
    script.onMessage = (message) => {
      const requestId = message.get(RetransmitRequestTLV)?.requestId;
      if (requestId !== undefined) script.say(ControlTLV, { opcode: 2, requestId, body: new Uint8Array(0) });
    };
  };
  await expect(connection.moveTo(await listening(other))).rejects.toMatchObject({ code: "TIMEOUT" });
  relay.onScript = (script) => {
    script.onMessage = (message) => {
      const request = message.get(RetransmitRequestTLV);
      if (request !== undefined) script.say(GapTLV, { ...request, toSequence: request.fromSequence - 1n, reason: 0 });
    };
  };
  relay.latest.link.destroy();
  await until(() => outcomes.length === 1);
  expect(outcomes[0]?.sources.map(({ kind }) => kind)).toEqual(["resumed"]);
});

describe("a close", () => {
  test("that gives up what it keeps rejects with UNSENT, says how many, and counts them", async () => {
    const relay = new ScriptedRelay();
    const { connection, losses } = await opened(relay, { ...PUBLISHER, timeoutMs: 20 });
    relay.isAway = true;
    relay.latest.link.destroy();
    await until(() => losses.length === 1);
    for (let n = 1; n <= 2; n++) connection.publish(TradeTLV, tradeOf(n));
    const closing = connection.close();
    expect(connection.close()).toBe(closing);
    await expect(closing).rejects.toMatchObject({ code: "UNSENT", message: expect.stringContaining("2 messages") });
    expect(await connection.ended).toMatchObject({ code: "UNSENT" });
    expect(connection.stats().lost).toBe(2);
  });

  test("counts what was sent and never confirmed, too", async () => {
    const relay = new ScriptedRelay({ pong: false });
    const { connection } = await opened(relay, { ...PUBLISHER, timeoutMs: 20 });
    connection.publish(TradeTLV, tradeOf(1));
    await expect(connection.close()).rejects.toMatchObject({ code: "UNSENT" });
    expect(connection.stats().lost).toBe(1);
  });

  test("ends an attempt that is under way", async () => {
    const relay = new ScriptedRelay();
    const { connection } = await opened(relay);
    relay.options = { welcome: false };
    relay.latest.link.destroy();
    await until(() => relay.scripts.length === 2);
    await connection.close();
    await until(() => relay.latest.closings === 1);
  });
});

test("an option that is found wrong once there is a link leaves no link open", async () => {
  const relay = new Relay({ domain: 1 });
  cleanups.push(() => relay.close());
  for (const wrong of [{ source: -1 }, { checksum: "foo" as never }, { name: "n".repeat(300) }]) {
    await expect(connect(relay, wrong)).rejects.toThrow();
  }
  await until(() => relay.stats().members.length === 0);
});

describe("a token that was revoked", () => {
  const old = "the old secret, long enough";
  const fresh = "the new secret, long enough";

  async function withToken(token: NonNullable<ConnectOptions["token"]>) {
    const auth = new AccessTokens([{ name: "a", token: old }]);
    const relay = new Relay({ domain: 1, auth });
    cleanups.push(() => relay.close());
    const all = await surviving(relay, { token });
    cleanups.push(() => all.connection.close());
    await new Promise((resolve) => setTimeout(resolve, SOON.firstDelayMs + 1)); // what ends at once is no rotation
    return { ...all, auth };
  }

  test("is replaced by what its function gives then", async () => {
    let token = old;
    const { auth, outcomes, failures } = await withToken(() => token);
    token = fresh;
    auth.add({ name: "b", token: fresh });
    auth.revoke({ name: "a" });
    await until(() => outcomes.length === 1);
    expect(failures).toEqual([]);
  });

  test.each<[string, NonNullable<ConnectOptions["token"]>]>([
    ["text", old],
    ["a function that gives it again", () => old],
  ])("fails the connection where it is %s", async (_, token) => {
    const { auth, connection } = await withToken(token);
    auth.revoke({ name: "a" });
    expect(await connection.ended).toMatchObject({ code: "NOT_AUTHORIZED" });
  });
});

test("messages kept for a relay that shuts down are told as lost without reconnect, too", async () => {
  const relay = new ScriptedRelay();
  const failures: AlphaPulseError[] = [];
  const connection = await connect(relay, {
    ...PUBLISHER,
    holdBytesMax: 1 << 20,
    onFailure: (error) => failures.push(error),
  });
  const { link }: { link: Link } = relay.latest;
  link.pause();
  connection.publish(TradeTLV, tradeOf(1));
  relay.latest.say(GoodbyeTLV, { code: GoodbyeCode.ShuttingDown, reason: "closing" });
  link.destroy();
  expect(await connection.ended).toMatchObject({ code: "UNSENT" });
  expect(failures).toHaveLength(1);
});
