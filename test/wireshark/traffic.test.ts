import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createConnection, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { AssetType, connect, InstrumentId, QuoteTLV, Relay, RelayDomain, TradeTLV, Venue } from "../../src/index.js";
import { PACKET_PAYLOAD_BYTES_MAX, type Packet } from "../support/pcap.js";
import { dissect, findAll, hasTshark } from "../support/tshark.js";

const RELAY_PORT = 9_000;
const TRADES = 500;
const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

if (!hasTshark) console.log("skipped: real traffic in Wireshark, because there is no tshark on this machine");

describe.skipIf(!hasTshark)("what clients and a relay really send each other", { timeout: 120_000 }, () => {
  test("is shown by the Wireshark dissector, from Hello to Goodbye", async () => {
    const directory = mkdtempSync(join(tmpdir(), "alphapulse-traffic-"));
    cleanups.push(() => rmSync(directory, { recursive: true, force: true }));
    const packets: Packet[] = [];
    const relay = new Relay({ domain: RelayDomain.MarketData });
    await relay.listen(`unix://${directory}/relay.sock`);
    const tap = await listenBetween(`${directory}/tap.sock`, `${directory}/relay.sock`, packets);

    const instrument = InstrumentId.of(Venue.Coinbase, AssetType.SpotPair, "BTC-USD");
    const subscriber = await connect(`unix://${directory}/tap.sock`, { name: "subscriber" });
    const received: bigint[] = [];
    const all = new Promise<void>((resolve) => {
      void subscriber.subscribe(
        { types: [TradeTLV], instruments: [instrument] },
        { Trade: ({ price }) => void (received.push(price) === TRADES && resolve()) },
      );
    });
    await subscriber.flush();
    const publisher = await connect(`unix://${directory}/tap.sock`, { name: "publisher", source: 1_000 });
    for (let i = 0; i < TRADES; i++) {
      const trade = { instrument, price: BigInt(i), volume: 1n, exchangeTimestamp: 0n, side: 1, flags: 0 };
      expect(publisher.publish(TradeTLV, trade)).toBe("sent");
    }
    const quote = { instrument, bidPrice: 1n, askPrice: 2n, bidSize: 1n, askSize: 1n, exchangeTimestamp: 0n };
    publisher.publish(QuoteTLV, quote); // not subscribed to
    await publisher.flush();
    await all;
    await relay.close();
    await tap();

    const shown = await dissect(packets);
    const messages = shown.flatMap(({ children }) => children);
    expect(messages.flatMap((message) => findAll(message, "alphapulse.fault"))).toEqual([]);
    const statuses = messages.flatMap((message) => findAll(message, "alphapulse.checksum.status"));
    expect(statuses).toHaveLength(messages.length);
    expect(new Set(statuses.map(({ show }) => show))).toEqual(new Set(["1"]));
    const prices = messages
      .flatMap((message) => findAll(message, "alphapulse.trade.price"))
      .map(({ show }) => BigInt(show));
    expect(prices.filter((price) => price === 7n)).toHaveLength(2); // to the relay, and on to the subscriber
    expect(prices).toHaveLength(2 * TRADES);
    expect(messages.flatMap((message) => findAll(message, "alphapulse.quote.bidPrice"))).toHaveLength(1);
    const counts = new Map<string, number>();
    for (const { show } of messages.flatMap((message) => findAll(message, "alphapulse.tlv.type")))
      counts.set(show, (counts.get(show) ?? 0) + 1);
    for (const [type, count] of [
      [90, 2],
      [91, 2],
      [92, 1],
      [99, 1],
      [98, 2],
    ] as const)
      expect(counts.get(String(type)), `messages of type ${type}`).toBe(count);
    expect(messages.flatMap((message) => findAll(message, "alphapulse.hello.name")).map(({ show }) => show)).toEqual([
      "subscriber",
      "publisher",
    ]);
    expect(shown.some(({ children }) => children.length > 1)).toBe(true); // several messages in a segment
  });
});

/** Passes bytes on between a path and another, and notes them as the packets of connections to {@link RELAY_PORT}. */
async function listenBetween(path: string, target: string, packets: Packet[]): Promise<() => Promise<void>> {
  let port = 40_000;
  const closed: Promise<unknown>[] = [];
  const server: Server = createServer((client) => {
    const ours = port++;
    const relay = createConnection(target);
    pass(client, relay, ours, RELAY_PORT, packets);
    pass(relay, client, RELAY_PORT, ours, packets);
    closed.push(once(client, "close"), once(relay, "close"));
  });
  server.listen(path);
  await once(server, "listening");
  cleanups.push(() => server.close());
  return async () => void (await Promise.all(closed));
}

function pass(source: Socket, target: Socket, from: number, to: number, packets: Packet[]): void {
  source.on("data", (chunk: Buffer) => {
    for (let at = 0; at < chunk.byteLength; at += PACKET_PAYLOAD_BYTES_MAX)
      packets.push({ protocol: "tcp", from, to, payload: chunk.subarray(at, at + PACKET_PAYLOAD_BYTES_MAX) });
    target.write(chunk);
  });
  source.on("end", () => target.end());
  source.on("error", () => target.destroy());
}
