import { afterEach, describe, expect, test } from "vitest";
import type { AlphaPulseError } from "../../src/protocol/errors.js";
import type { Connection } from "../../src/session/connection.js";
import { TradeTLV } from "../../src/tlvs/market-data.js";
import { BTC, tradeOf, until } from "../samples.js";
import { resources } from "../support/resources.js";
import { addressOf, Bed, range, STREAMS, toldAsLost } from "./bed.js";

const bed = new Bed();
afterEach(() => bed.clear());

/** Every field follows from the number, so that a wrong bit in any of them shows. */
const telling = (n: number) => ({
  ...tradeOf(n),
  volume: BigInt(n) * 3n,
  exchangeTimestamp: BigInt(n) << 20n,
  flags: n & 1,
});

/** Publishes the numbers from `from` on until there are `count` or the connection has ended. @returns the next one */
async function publish(connection: Connection, from: number, count: number): Promise<number> {
  let n = from;
  while (n < from + count) {
    const result = connection.publish(TradeTLV, telling(n));
    if (result === "closed") break;
    if (result === "sent") n++;
    else {
      expect(result).toBe("backPressured");
      await connection.ready();
    }
    if (n % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  return n;
}

/** Whether each is as it was published, and later than the one before. */
function expectTrue(trades: readonly TradeTLV[]): void {
  let last = 0;
  for (const trade of trades) {
    const n = Number(trade.price);
    expect(n).toBeGreaterThan(last);
    expect(trade).toMatchObject({ ...telling(n), instrument: BTC });
    last = n;
  }
}

describe.each(STREAMS)("over %s", (stream) => {
  /** The system keeps some megabytes of a TCP connection itself. */
  const scale = stream === "tcp" ? 5 : 1;

  test("bits that flip on the way in never make a message, and what they break is refused and counted", async () => {
    const { relay, place, address } = await bed.relay(stream);
    const proxy = await bed.proxy(place);
    const trades: TradeTLV[] = [];
    const reader = await bed.connect(address);
    await reader.subscribe({ types: [TradeTLV] }, { Trade: (trade) => void trades.push(trade.toObject()), gap() {} });
    let next = 1;
    let ends = 0;
    const codes = new Set<string>();
    const onFailure = ({ code }: AlphaPulseError): void => void codes.add(code);
    while (ends < 12) {
      const producer = await bed.connect(proxy.url, { source: 1_000 + ends, onFailure });
      proxy.corrupt(0.0005, "toServer");
      next = await publish(producer, next, 3_000);
      await Promise.race([producer.ended, producer.flush().catch(() => {})]);
      proxy.heal();
      await producer.close();
      ends++;
    }
    await until(() => relay.stats().members.length === 1 && relay.stats().isIdle);
    await until(() => trades.length === relay.stats().received);
    expectTrue(trades);
    const { refused, received } = relay.stats();
    expect(refused.checksum).toBeGreaterThan(5);
    expect(refused.malformed).toBeGreaterThan(5);
    expect(received).toBeLessThan(next - 1);
    expect([...codes].filter((code) => !["GOODBYE", "REJECTED", "DISCONNECTED"].includes(code))).toEqual([]);
  });

  test("bits that flip on the way out never reach a handler, and are told", async () => {
    const { relay, place } = await bed.relay(stream);
    const proxy = await bed.proxy(place);
    const producer = await bed.connect(relay, { source: 1_000 });
    const [trades, codes]: [TradeTLV[], string[]] = [[], []];
    let [told, malformed, next] = [0, 0, 1];
    for (let ends = 0; ends < 12; ends++) {
      const reader = await bed.connect(proxy.url, { onFailure: ({ code }) => void codes.push(code) });
      await reader.subscribe(
        { types: [TradeTLV] },
        { Trade: (trade) => void trades.push(trade.toObject()), gap: () => void told++ },
      );
      proxy.corrupt(0.0005, "toClient");
      next = await publish(producer, next, 1_000);
      await producer.flush();
      await Promise.race([reader.ended, reader.flush().catch(() => {})]);
      proxy.heal();
      malformed += reader.stats().malformed;
      await reader.close();
    }
    expectTrue(trades);
    expect(trades.length).toBeGreaterThan(50);
    expect(malformed).toBeGreaterThan(5);
    expect(told).toBeGreaterThanOrEqual(malformed);
    expect(codes.length).toBeGreaterThan(5);
  });

  // What the system keeps of a TCP connection, four times on this way, would take longer to fill than the suite has.
  test.runIf(stream === "unix")(
    "half the bandwidth that is needed makes producers wait, loses nothing and lets nothing grow",
    async () => {
      const linkOptions = { bufferBytesMax: 64 << 10 };
      const { place } = await bed.relay(stream, { slowSubscribers: "block", logBytes: 256 << 10 }, linkOptions);
      const proxy = await bed.proxy(place);
      const reader = await bed.reader(proxy.url);
      const other = await bed.proxy(place);
      const producer = await bed.connect(addressOf(other.place, linkOptions), { source: 1_000 });
      await publish(producer, 1, 10);
      await until(() => reader.prices.length === 10);
      const before = resources();
      const count = 60_000;
      const bytesPerSecond = 5 << 20;
      proxy.limit(bytesPerSecond, "toClient");
      let [waits, most, next] = [0, 0, 11];
      const begun = performance.now();
      while (next <= count) {
        const result = producer.publish(TradeTLV, telling(next));
        if (result === "sent") next++;
        else {
          expect(result).toBe("backPressured");
          waits++;
          await producer.ready();
        }
        most = Math.max(most, producer.stats().pendingBytes);
        if (next % 500 === 0) await new Promise((resolve) => setImmediate(resolve));
      }
      expect(waits).toBeGreaterThan(2);
      expect(most).toBeLessThanOrEqual(64 << 10);
      expect(resources().memoryBytes - before.memoryBytes).toBeLessThan(8 << 20);
      await until(() => reader.prices.length === count, 15_000);
      expect(performance.now() - begun).toBeGreaterThan((count * 74 * 1_000) / bytesPerSecond / 2);
      expect(reader.prices).toEqual(range(1, count));
      expect(reader.gaps).toEqual([]);
    },
  );

  test("a reader at half the bandwidth is told exactly what it misses, and another one misses nothing", async () => {
    const { relay, place, address } = await bed.relay(stream, { logBytes: 256 << 10 }, { bufferBytesMax: 64 << 10 });
    const proxy = await bed.proxy(place);
    const slow = await bed.reader(proxy.url);
    const fast = await bed.reader(address);
    const producer = await bed.connect(relay, { source: 1_000 });
    proxy.limit(1 << 20, "toClient");
    const count = 40_000 * scale;
    for (let next = 1; next <= count; next += 500) {
      await publish(producer, next, 500);
      await until(() => fast.prices.length === next + 499);
    }
    proxy.heal();
    await until(() => slow.prices.length + toldAsLost(slow).length >= count);
    expect([...slow.prices, ...toldAsLost(slow)].sort((a, b) => a - b)).toEqual(range(1, count));
    expect(toldAsLost(slow).length).toBeGreaterThan(1_000);
    expect(fast.prices).toEqual(range(1, count));
    expect(fast.gaps).toEqual([]);
  });
});
