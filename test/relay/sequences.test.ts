import { afterEach, expect, test } from "vitest";
import { RelayDomain } from "../../src/protocol/tables.js";
import { Relay } from "../../src/relay/relay.js";
import { until } from "../samples.js";
import { RawClient } from "./client.js";

const relays: Relay[] = [];
afterEach(() => Promise.all(relays.splice(0).map((relay) => relay.close())));

function relayOf(options: Partial<ConstructorParameters<typeof Relay>[0]> = {}): Relay {
  const relay = new Relay({ domain: RelayDomain.MarketData, ...options });
  relays.push(relay);
  return relay;
}

function reading(relay: Relay): RawClient {
  const reader = RawClient.at(relay);
  reader.hello();
  reader.subscribe();
  reader.lines.length = 0;
  return reader;
}

const idle = (relay: Relay): Promise<void> => until(() => relay.stats().isIdle);

test("a duplicate is dropped and counted, a loss is told where it happened, and a late one passes", async () => {
  const relay = relayOf();
  const missing: object[] = [];
  relay.on("missing", (gap) => missing.push(gap));
  const reader = reading(relay);
  const producer = RawClient.at(relay);
  for (const sequence of [1, 2, 2, 6, 4, 1, 7]) producer.publish(7, sequence);
  await idle(relay);
  expect(reader.lines).toEqual(["7:1", "7:2", "gap 7:3-5 r1 #0", "7:6", "7:4", "7:7"]);
  expect(missing).toEqual([{ source: 7, from: 3, to: 5 }]);
  expect(relay.stats()).toMatchObject({ received: 5, duplicates: 2, missing: 2, sent: 5, lost: 0 });
});

test("unsequenced messages are passed on, however many", async () => {
  const relay = relayOf();
  const reader = reading(relay);
  const producer = RawClient.at(relay);
  for (let n = 0; n < 3; n++) producer.publish(7, 0);
  await idle(relay);
  expect(reader.lines).toEqual(["7:0", "7:0", "7:0"]);
});

test("what is known of a source outlives its connection: sent again, it is dropped; started anew, it is not", async () => {
  const relay = relayOf();
  const reader = reading(relay);
  const first = RawClient.at(relay);
  const incarnation = 3 * 2 ** 40;
  for (const n of [1, 2, 3]) first.publish(7, incarnation + n);
  first.link.destroy();
  const second = RawClient.at(relay);
  for (const n of [2, 3, 4]) second.publish(7, incarnation + n);
  second.link.destroy();
  const third = RawClient.at(relay);
  third.publish(7, 2 * incarnation + 2);
  await idle(relay);
  expect(reader.lines).toEqual([
    ...[1, 2, 3, 4].map((n) => `7:${incarnation + n}`),
    `gap 7:${2 * incarnation + 1}-${2 * incarnation + 1} r1 #0`,
    `7:${2 * incarnation + 2}`,
  ]);
  expect(relay.stats().duplicates).toBe(2);
});

test("plain readers are sent no session control, and nobody is told of the losses of its own source", async () => {
  const relay = relayOf();
  const plain = RawClient.at(relay);
  const producer = reading(relay);
  producer.publish(7, 1);
  producer.publish(7, 3);
  await until(() => plain.lines.length === 2);
  await idle(relay);
  expect(plain.lines).toEqual(["7:1", "7:3"]);
  expect(producer.lines).toEqual([]);
});

test("a loss that falls out of the log with what is around it is told with that, once", async () => {
  const relay = relayOf({ logBytes: 1 << 16 });
  const reader = reading(relay);
  reader.link.pause();
  const producer = RawClient.at(relay);
  for (let n = 1; n <= 2_000; n++) if (n % 100 > 2) producer.publish(7, n);
  await until(() => relay.stats().lost > 0);
  reader.link.resume();
  await idle(relay);
  const covered = reader.lines.flatMap((line) => {
    const [, from, to] = /^gap 7:(\d+)-(\d+)/.exec(line) ?? [0, line.split(":")[1], line.split(":")[1]];
    return Array.from({ length: Number(to) - Number(from) + 1 }, (_, i) => Number(from) + i);
  });
  expect(covered).toEqual(Array.from({ length: 1_997 }, (_, i) => i + 3));
});
