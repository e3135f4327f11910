import { afterEach, expect, test } from "vitest";
import { AccessTokens } from "../../src/relay/access-tokens.js";
import { Relay } from "../../src/relay/relay.js";
import { connect } from "../../src/session/connect.js";
import { TradeTLV } from "../../src/tlvs/market-data.js";
import { ControlTLV, GoodbyeTLV, RetransmitRequestTLV, WelcomeTLV } from "../../src/tlvs/session-control.js";
import { unixTransport } from "../../src/transports/unix.js";
import { tradeOf, until } from "../samples.js";
import { RawClient } from "./client.js";

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

let sockets = 0;
async function listening(options: Partial<ConstructorParameters<typeof Relay>[0]> = {}) {
  const relay = new Relay({ domain: 1, ...options });
  cleanups.push(() => relay.close());
  const path = `/tmp/alphapulse-answers-${process.pid}-${++sockets}.sock`;
  await relay.listen(`unix://${path}`);
  const left: (string | undefined)[] = [];
  relay.on("left", (_, error) => left.push(error?.code));
  const client = new RawClient(await unixTransport.connect(path));
  cleanups.push(() => client.link.destroy());
  return { relay, client, left, path };
}

test("a session that asks for 4,096 sources of a relay that was started anew gets as many answers", async () => {
  const { client, left } = await listening();
  client.hello();
  await until(() => client.got(WelcomeTLV).length === 1);
  client.link.pause(); // it reads late
  for (let source = 1; source <= 4_096; source++) {
    while (client.link.pendingBytes > 1 << 15) await new Promise((resolve) => setImmediate(resolve));
    client.say(RetransmitRequestTLV, { fromSequence: 2n, toSequence: 9n, requestId: source, source });
  }
  client.subscribe();
  await new Promise((resolve) => setTimeout(resolve, 50));
  client.link.resume();
  await until(() => client.got(ControlTLV).length === 4_097);
  expect(client.got(ControlTLV).filter(({ opcode }) => opcode === 2)).toHaveLength(4_096);
  expect(left).toEqual([]);
}, 20_000);

test("a session that asks and never reads is let go, and `left` says why", async () => {
  const { client, left } = await listening();
  client.hello();
  await until(() => client.got(WelcomeTLV).length === 1);
  client.link.pause();
  while (left.length === 0) {
    for (let n = 0; n < 100; n++) {
      client.say(RetransmitRequestTLV, { fromSequence: 9n, toSequence: 2n, requestId: 1, source: 1 });
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(left).toEqual(["SLOW_CONSUMER"]);
}, 8_000);

test("nothing more is taken from a session that was told to go, and its source is free", async () => {
  const token = "a token, long enough for it";
  const auth = new AccessTokens([
    { name: "a", token },
    { name: "b", token: `${token} two` },
  ]);
  const { relay, client, path } = await listening({ auth });
  client.hello({ token: new TextEncoder().encode(token) });
  client.publish(7, 1);
  await until(() => relay.stats().received === 1);
  auth.revoke({ name: "a" });
  for (let n = 2; n <= 50; n++) client.publish(7, n);
  const next = await connect(`unix://${path}`, { source: 7, token: `${token} two`, onFailure: () => {} });
  cleanups.push(() => next.close());
  next.publish(TradeTLV, tradeOf(1));
  await next.flush();
  expect(relay.stats().received).toBe(2);
  await until(() => client.got(GoodbyeTLV).length === 1);
});

test("a session over datagrams that said Goodbye leaves its place free soon", async () => {
  const relay = new Relay({ domain: 1 });
  cleanups.push(() => relay.close());
  const { address } = await relay.listen("udp://127.0.0.1:0");
  const reader = await connect(address);
  await reader.subscribe({ types: [TradeTLV] }, { gap() {} });
  await reader.close();
  await until(() => relay.stats().members.length === 0, 5_000);
});

test("a relay that closes while it begins to listen leaves no listener behind", async () => {
  const relay = new Relay({ domain: 1 });
  const path = `/tmp/alphapulse-answers-${process.pid}-${++sockets}.sock`;
  const listening = relay.listen(`unix://${path}`);
  await relay.close();
  await expect(listening).rejects.toMatchObject({ code: "CLOSED" });
  await expect(unixTransport.connect(path)).rejects.toMatchObject({ code: "NOT_LISTENING" });
});
