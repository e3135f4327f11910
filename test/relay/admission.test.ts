import { mkdtempSync, rmSync } from "node:fs";
import { connect as connectSocket, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { afterEach, describe, expect, test } from "vitest";
import { TLVBuilder } from "../../src/protocol/builder.js";
import { RelayDomain } from "../../src/protocol/tables.js";
import { AccessTokens } from "../../src/relay/access-tokens.js";
import { hostOf } from "../../src/relay/membership.js";
import { Relay } from "../../src/relay/relay.js";
import { HelloTLV, WelcomeTLV } from "../../src/tlvs/session-control.js";
import { localLinks } from "../../src/transports/local.js";
import type { Link } from "../../src/transports/transport.js";
import { until } from "../samples.js";
import { RawClient } from "./client.js";

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const SECRET = "a secret of enough bytes";
const OTHER = "another one of enough bytes";
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

function relayOf(options: Partial<ConstructorParameters<typeof Relay>[0]> = {}): Relay {
  const relay = new Relay({ domain: RelayDomain.MarketData, refusalDelayMs: 20, ...options });
  cleanups.push(() => relay.close());
  return relay;
}

function temporaryPath(): string {
  const directory = mkdtempSync(join(tmpdir(), "alphapulse-"));
  cleanups.push(() => rmSync(directory, { recursive: true, force: true }));
  return join(directory, "relay.sock");
}

/** A link of which some is otherwise. */
function changed(link: Link, changes: Partial<Link>): Link {
  return new Proxy(link, {
    get: (target, key) => {
      if (key in changes) return changes[key as keyof Link];
      const value = Reflect.get(target, key, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

const welcomed = (client: RawClient): boolean => client.got(WelcomeTLV).length === 1;

describe("a relay that asks for tokens", () => {
  test("lets in who shows a good one, and sends nothing before", async () => {
    const relay = relayOf({ auth: new AccessTokens([{ token: SECRET }]) });
    const client = RawClient.at(relay);
    expect(relay.stats().members).toHaveLength(0);
    client.hello({ token: bytes(SECRET) });
    expect(welcomed(client)).toBe(true);
    expect(relay.stats().members).toHaveLength(1);
  });

  test.each([
    ["a bad token", (client: RawClient) => client.hello({ token: bytes(OTHER) })],
    ["none", (client: RawClient) => client.hello()],
    ["data before a Hello", (client: RawClient) => client.publish(7, 1)],
    ["a Subscribe before a Hello", (client: RawClient) => client.subscribe()],
    ["a Hello that is too large", (client: RawClient) => client.hello({ token: new Uint8Array(65_500) })],
  ])("sends away who shows %s, after the same time, and reads nothing more", async (_, act) => {
    const relay = relayOf({ auth: new AccessTokens([{ token: SECRET }]) });
    const client = RawClient.at(relay);
    const start = performance.now();
    act(client);
    client.hello({ token: bytes(SECRET) });
    client.publish(7, 2);
    expect(client.messages).toEqual([]);
    await until(() => client.isClosed);
    expect(performance.now() - start).toBeGreaterThanOrEqual(19);
    expect(client.lines).toEqual(["goodbye 1"]);
    expect(client.messages).toHaveLength(1);
    expect(relay.stats()).toMatchObject({ received: 0, refused: { notAllowed: 1 } });
  });

  test("takes no token over a link that others can read", async () => {
    const relay = relayOf({ auth: new AccessTokens([{ token: SECRET }]) });
    const [client, server] = localLinks("open");
    relay.attach(changed(server, { isPrivate: false }));
    const raw = new RawClient(client);
    raw.hello({ token: bytes(SECRET) });
    await until(() => raw.isClosed);
    expect(raw.lines).toEqual(["goodbye 1"]);
  });

  test("holds each to the sources and roles of its token", async () => {
    const auth = new AccessTokens([
      { token: SECRET, sources: [7], roles: "producer" },
      { token: OTHER, roles: "consumer" },
    ]);
    const relay = relayOf({ auth });
    const producer = RawClient.at(relay);
    producer.hello({ token: bytes(SECRET) });
    producer.subscribe();
    producer.publish(7, 1);
    const reader = RawClient.at(relay);
    reader.hello({ token: bytes(OTHER) });
    reader.subscribe();
    producer.publish(7, 2);
    await until(() => relay.stats().isIdle);
    expect(producer.lines).toEqual(["reject #1"]);
    expect(reader.lines).toEqual(["ack #1", "7:2"]);
    reader.publish(9, 1);
    producer.publish(8, 1);
    expect([reader.lines.at(-1), producer.lines.at(-1)]).toEqual(["goodbye 1", "goodbye 1"]);
    expect(relay.stats()).toMatchObject({ received: 2, refused: { notAllowed: 2 } });
    const wrongRole = RawClient.at(relay);
    wrongRole.hello({ token: bytes(OTHER), role: 1 });
    await until(() => wrongRole.isClosed);
    expect(wrongRole.lines).toEqual(["goodbye 1"]);
  });

  test("changes its tokens under traffic: who keeps its token is not touched, who loses it is sent away", async () => {
    const auth = new AccessTokens([
      { token: SECRET, name: "old", sources: [7] },
      { token: OTHER, name: "kept", sources: [8] },
    ]);
    const relay = relayOf({ auth });
    const clients = [SECRET, OTHER].map((token) => {
      const client = RawClient.at(relay);
      client.hello({ token: bytes(token) });
      return client;
    });
    const [old, kept] = clients as [RawClient, RawClient];
    for (let n = 1; n <= 100; n++) {
      old.publish(7, n);
      kept.publish(8, n);
      if (n === 30) auth.add({ token: "a third one of enough bytes", name: "new" });
      if (n === 50) auth.replace([{ token: OTHER, name: "kept", sources: [8] }]);
    }
    expect(old.lines).toEqual(["goodbye 1"]);
    expect(kept.lines).toEqual([]);
    expect(relay.stats()).toMatchObject({ received: 150, members: [{ received: 100 }] });
    expect(auth.revoke({ name: "nobody" })).toBe(false);
    expect(auth.revoke({ token: OTHER })).toBe(true);
    expect(kept.lines).toEqual(["goodbye 1"]);
    const late = RawClient.at(relay);
    late.hello({ token: bytes(OTHER) });
    await until(() => late.isClosed);
  });

  test("keeps no more strangers than it is told, also where their links end late", async () => {
    const relay = relayOf({ auth: new AccessTokens([{ token: SECRET }]), unauthenticatedMax: 5 });
    const clients = Array.from({ length: 30 }, () => {
      const [client, server] = localLinks("flood");
      const raw = new RawClient(client);
      relay.attach(changed(server, { destroy: () => setImmediate(() => server.destroy()) }));
      return raw;
    });
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(clients.map(({ isClosed }) => isClosed)).toEqual([...Array(25).fill(true), ...Array(5).fill(false)]);
  });

  test("over a real socket: a client that dribbles is cut off in time, a flood locks nobody out, memory is bounded", async () => {
    const path = temporaryPath();
    const relay = relayOf({
      auth: new AccessTokens([{ token: SECRET }]),
      unauthenticatedMax: 10,
      helloTimeoutMs: 200,
    });
    await relay.listen(`unix://${path}`);
    const builder = new TLVBuilder({ domain: RelayDomain.System, source: 100 });
    const hello = builder
      .add(HelloTLV, {
        protocolVersion: 1,
        role: 2,
        compressionMask: 1,
        cipherMask: 1,
        sessionNonce: new Uint8Array(16),
        keyId: 0,
        name: "good",
        token: bytes(SECRET),
      })
      .build();
    const sockets: Socket[] = [];
    cleanups.push(() => sockets.forEach((socket) => void socket.destroy()));
    const open = (): Socket => {
      const socket = connectSocket(path);
      socket.on("error", () => {});
      sockets.push(socket);
      return socket;
    };
    const slow = open();
    let slowGot = 0;
    slow.on("data", (chunk) => {
      slowGot += chunk.byteLength;
    });
    const slowClosed = new Promise((resolve) => slow.on("close", resolve));
    let sent = 0;
    const dribble = setInterval(() => void slow.write(hello.subarray(sent, ++sent)), 10);
    await slowClosed;
    clearInterval(dribble);
    expect(sent).toBeLessThan(hello.byteLength);
    expect(slowGot).toBe(0);
    for (let n = 0; n < 100; n++) open();
    const good = open();
    good.write(hello);
    await until(() => relay.stats().members.some(({ name }) => name === "good"));
    await until(() => sockets.filter(({ closed }) => !closed).length <= 11);
  });
});

describe("tokens", () => {
  test("are shown nowhere", () => {
    const auth = new AccessTokens([{ token: SECRET, name: "desk" }]);
    expect(inspect(auth, { depth: 9, showHidden: true }) + JSON.stringify(auth)).not.toContain("secret");
    expect(() => new AccessTokens([{ token: "short", name: "desk" }])).toThrow(/token desk has 5 bytes/);
    expect(() => new AccessTokens([{ token: "short" }])).not.toThrow(/short/);
  });

  test.each([
    ["too short", [{ token: "fifteen bytes.." }]],
    ["too long", [{ token: new Uint8Array(65_536) }]],
    ["there twice", [{ token: SECRET }, { token: SECRET }]],
    ["of no source", [{ token: SECRET, sources: [70_000] }]],
    ["of no role", [{ token: SECRET, roles: "boss" as "both" }]],
  ])("that are %s are refused", (_, tokens) => {
    expect(() => new AccessTokens(tokens)).toThrow(expect.objectContaining({ code: "BAD_OPTION" }));
  });

  test("are found among many, whichever it is", () => {
    const tokens = Array.from({ length: 50 }, (_, n) => ({ token: `token number ${n} of fifty`, name: `${n}` }));
    const auth = new AccessTokens(tokens);
    expect(tokens.map(({ token }) => auth.grantOf(bytes(token))?.name)).toEqual(tokens.map(({ name }) => name));
    expect(auth.grantOf(bytes("token number 50 of fifty"))).toBeUndefined();
    expect(() => auth.add({ token: "token number 7 of fifty" })).toThrow(/there already/);
    expect(auth.count).toBe(50);
  });
});

test("a peer has its own limit where its address says who it is, and the relay one for all", async () => {
  const relay = relayOf({ membersMax: 4, membersPerPeerMax: 2 });
  const from = (peer: string): RawClient => RawClient.at(relay, peer);
  const greedy = [from("tcp://10.0.0.1:5001"), from("tcp://10.0.0.1:5002"), from("tcp://10.0.0.1:5003")];
  expect(greedy.map(({ lines }) => lines)).toEqual([[], [], ["goodbye 6"]]);
  expect(from("tcp://10.0.0.2:5001").lines).toEqual([]);
  greedy[0]?.link.destroy();
  expect(from("tcp://10.0.0.1:5004").lines).toEqual([]);
  expect(from("unix:///run/a.sock").lines).toEqual([]);
  expect(from("unix:///run/a.sock").lines).toEqual(["goodbye 6"]);
  expect(["tcp://[::1]:7", "udp://a.b:7", "unix:///a:7", "ring://a", "client"].map(hostOf)).toEqual([
    "[::1]",
    "a.b",
    undefined,
    undefined,
    undefined,
  ]);
});

test.each([
  ["unauthenticatedMax", 0],
  ["membersPerPeerMax", 1.5],
  ["helloTimeoutMs", Number.POSITIVE_INFINITY],
  ["pingIntervalMs", 0],
  ["challengeMs", Number.NaN],
  ["membersMax", -1],
])("%s %d is no option", (name, value) => {
  expect(() => new Relay({ domain: 1, [name]: value })).toThrow(expect.objectContaining({ code: "BAD_OPTION" }));
});
