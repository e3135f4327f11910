import { afterEach, describe, expect, test } from "vitest";
import { RelayDomain } from "../../src/protocol/tables.js";
import { firstTypeOf } from "../../src/protocol/walk.js";
import { Relay } from "../../src/relay/relay.js";
import { PingTLV, PongTLV, WelcomeTLV } from "../../src/tlvs/session-control.js";
import { localLinks } from "../../src/transports/local.js";
import type { DatagramSession, Link, LinkHandler } from "../../src/transports/transport.js";
import { until } from "../samples.js";
import { RawClient } from "./client.js";

const relays: Relay[] = [];
afterEach(() => Promise.all(relays.splice(0).map((relay) => relay.close())));

function relayOf(options: Partial<ConstructorParameters<typeof Relay>[0]> = {}): Relay {
  const relay = new Relay({ domain: RelayDomain.MarketData, ...options });
  relays.push(relay);
  return relay;
}

/** A session that answers pings. */
function answering(relay: Relay, name: string): RawClient {
  const client = RawClient.at(relay);
  client.onMessage = (message) => {
    const ping = message.get(PingTLV);
    if (ping !== undefined) client.say(PongTLV, ping);
  };
  client.hello({ name });
  return client;
}

function leaving(relay: Relay): string[] {
  const left: string[] = [];
  relay.on("left", (name, error) => left.push(`${name} ${error?.code}`));
  return left;
}

describe("pings", () => {
  test("end a session that answers none of three, and no other; plain clients get none", async () => {
    const relay = relayOf({ pingIntervalMs: 20 });
    const left = leaving(relay);
    const alive = answering(relay, "alive");
    const plain = RawClient.at(relay);
    const dead = RawClient.at(relay);
    dead.hello({ name: "dead" });
    await until(() => dead.isClosed);
    expect(dead.got(PingTLV)).toHaveLength(3);
    expect(left).toEqual(["dead PEER_SILENT"]);
    await until(() => alive.got(PingTLV).length > 5);
    expect(alive.isClosed).toBe(false);
    expect(plain.messages).toEqual([]);
  });

  test("count whatever comes as an answer", async () => {
    const relay = relayOf({ pingIntervalMs: 20 });
    const busy = RawClient.at(relay);
    busy.hello({ name: "busy" });
    let n = 0;
    const timer = setInterval(() => busy.publish(7, ++n), 5);
    await until(() => busy.got(PingTLV).length > 6);
    clearInterval(timer);
    expect(busy.isClosed).toBe(false);
  });

  test("are told by a monotonic clock, and can be left out", async () => {
    let now = 0;
    const relay = relayOf({ pingIntervalMs: 20, monotonicMs: () => now });
    const client = RawClient.at(relay);
    client.hello();
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect(client.got(PingTLV)).toHaveLength(0);
    now = 1_000_000; // however long it stood still: one ping, and not three missed ones
    await until(() => client.got(PingTLV).length === 1);
    const without = relayOf({ pingIntervalMs: Number.POSITIVE_INFINITY });
    const unpinged = RawClient.at(without);
    unpinged.hello();
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect(unpinged.got(PingTLV)).toHaveLength(0);
    expect(client.isClosed).toBe(false);
  });

  test("of a member are answered at once", () => {
    const client = RawClient.at(relayOf());
    client.hello();
    client.say(PingTLV, { nonce: 5n, timestamp: 6n });
    expect(client.got(PongTLV)).toEqual([{ nonce: 5n, timestamp: 6n }]);
  });
});

test("a member that the relay itself holds up is not taken for a silent one", async () => {
  const relay = relayOf({ pingIntervalMs: 20, logBytes: 1 << 16, slowSubscribers: "block" });
  const reader = answering(relay, "reader");
  reader.subscribe();
  reader.link.pause();
  const producer = answering(relay, "producer");
  for (let n = 1; n <= 500; n++) producer.publish(7, n);
  await until(() => producer.got(PingTLV).length > 6);
  expect([producer.isClosed, reader.isClosed]).toEqual([false, false]);
  reader.link.resume();
  await until(() => relay.stats().isIdle);
});

test("a session that neither publishes nor is subscribed is told that it idles; the others stay", async () => {
  const relay = relayOf({ idleTimeoutMs: 60 });
  const plain = RawClient.at(relay);
  const subscribed = answering(relay, "subscribed");
  subscribed.subscribe();
  const publishing = answering(relay, "publishing");
  let n = 0;
  const timer = setInterval(() => publishing.publish(7, ++n), 10);
  const idle = answering(relay, "idle");
  await until(() => idle.isClosed);
  expect(idle.lines).toEqual(["goodbye 5"]);
  const sinceThen = n;
  await until(() => n > sinceThen + 10);
  clearInterval(timer);
  expect([plain, subscribed, publishing].map(({ isClosed }) => isClosed)).toEqual([false, false, false]);
});

describe("a source that two connections want", () => {
  test("goes to the second once the first, half open, does not answer; the second is sent away meanwhile", async () => {
    const relay = relayOf({ challengeMs: 50 });
    const left = leaving(relay);
    const dead = RawClient.at(relay);
    dead.hello({ name: "dead" });
    dead.publish(7, 1);
    const second = RawClient.at(relay);
    second.hello({ name: "second" });
    second.publish(7, 2);
    expect(second.lines).toEqual(["goodbye 7"]);
    expect(dead.got(PingTLV)).toHaveLength(1);
    await until(() => dead.isClosed);
    expect(left).toEqual(["second undefined", "dead PEER_SILENT"]);
    const third = RawClient.at(relay);
    third.publish(7, 2);
    expect(relay.stats()).toMatchObject({ received: 2, refused: { sourceInUse: 1 } });
  });

  test("stays with the first that answers, and with one that has no session", async () => {
    const relay = relayOf({ challengeMs: 20 });
    const alive = answering(relay, "alive");
    alive.publish(7, 1);
    const plain = RawClient.at(relay);
    plain.publish(8, 1);
    for (const source of [7, 8]) RawClient.at(relay).publish(source, 2);
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect([alive.isClosed, plain.isClosed]).toEqual([false, false]);
    expect(plain.messages).toEqual([]);
  });
});

/** A relay's end of a link of datagrams, over a local one. */
class DatagramEnd implements DatagramSession {
  readonly calls: string[] = [];
  handler: LinkHandler | undefined;
  readonly link: Link;
  #isConfirmed = false;

  constructor(server: Link) {
    const end = this;
    this.link = new Proxy(server, {
      get(target, key) {
        if (key === "datagrams") return end;
        if (key === "send")
          return (...sent: Parameters<Link["send"]>) => (end.#isConfirmed ? target.send(...sent) : "notConnected");
        if (key === "sendAhead") {
          return (...sent: Parameters<Link["send"]>) => {
            const isWelcome = firstTypeOf(sent[0].view, sent[1], sent[2]) === WelcomeTLV.type;
            return end.#isConfirmed || isWelcome ? target.sendAhead(...sent) : "notConnected";
          };
        }
        if (key === "start") {
          return (handler: LinkHandler) => {
            end.handler = handler;
            target.start(handler);
          };
        }
        const value = Reflect.get(target, key, target);
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
  }

  static at(relay: Relay): { client: RawClient; end: DatagramEnd } {
    const [client, server] = localLinks("udp://127.0.0.1:5000");
    const raw = new RawClient(client);
    const end = new DatagramEnd(server);
    relay.attach(end.link);
    return { client: raw, end };
  }

  beginEnvelopes(): void {
    this.calls.push("beginEnvelopes");
  }

  confirmPeer(): void {
    this.#isConfirmed = true;
    this.calls.push("confirmPeer");
  }
}

describe("over datagrams", () => {
  test("the same Hello gets the same Welcome, and nothing else comes before the sessionId came back", async () => {
    const relay = relayOf({ pingIntervalMs: 10 });
    const { client, end } = DatagramEnd.at(relay);
    const producer = RawClient.at(relay);
    client.hello();
    client.hello();
    const [first, second] = client.bytes;
    expect(second).toEqual(first);
    expect(end.calls).toEqual(["beginEnvelopes"]);
    client.subscribe();
    producer.publish(7, 1);
    client.say(PingTLV, { nonce: 1n, timestamp: 0n });
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(client.messages).toHaveLength(2);
    client.say(PingTLV, { nonce: client.got(WelcomeTLV)[0]?.sessionId ?? 0n, timestamp: 0n });
    expect(end.calls).toEqual(["beginEnvelopes", "confirmPeer"]);
    await until(() => client.lines.includes("7:1"));
    expect(client.lines.filter((line) => line === "ack #1")).toHaveLength(1);
  });

  test("a plain producer is heard, a plain reader gets nothing, and nobody unknown is said goodbye to", async () => {
    const relay = relayOf();
    const reader = DatagramEnd.at(relay).client;
    const producer = DatagramEnd.at(relay).client;
    producer.publish(7, 1);
    await new Promise((resolve) => setTimeout(resolve, 130));
    producer.subscribe();
    expect(relay.stats().received).toBe(1);
    expect([reader.messages, producer.messages]).toEqual([[], []]);
    expect(producer.isClosed).toBe(true);
  });

  test("what a link loses is counted and told", () => {
    const relay = relayOf();
    const told: object[] = [];
    relay.on("lostInTransport", (loss) => told.push(loss));
    const { end } = DatagramEnd.at(relay);
    end.handler?.lost?.({ count: 3, why: "the counter jumped" });
    expect(relay.stats().lostInTransport).toBe(3);
    expect(told).toEqual([{ peer: "udp://127.0.0.1:5000", count: 3, source: undefined, why: "the counter jumped" }]);
  });
});
