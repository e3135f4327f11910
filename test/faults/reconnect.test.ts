import { afterEach, describe, expect, test } from "vitest";
import type { ReconnectOutcome } from "../../src/session/resumption.js";
import { TradeTLV } from "../../src/tlvs/market-data.js";
import { tradeOf, until } from "../samples.js";
import { resources } from "../support/resources.js";
import { addressOf, Bed, range, STREAMS, toldAsLost } from "./bed.js";
import { MISHAPS, mishaps, NumberedProducer, QUICK } from "./reconnecting.js";

const bed = new Bed();
afterEach(() => bed.clear());

describe.each(STREAMS)("over %s", (stream) => {
  test("fifty cuts and silences: all that publish took arrives once and in order", async () => {
    const { relay, place } = await bed.relay(stream, { pingIntervalMs: 50, challengeMs: 100 });
    const [before, behind] = [await bed.proxy(place, "in"), await bed.proxy(place, "out")];
    const outcomes: ReconnectOutcome[] = [];
    const failures: string[] = [];
    const onFailure = ({ message }: Error): void => void failures.push(message);
    const reader = await bed.reader(addressOf(behind.place), {
      ...QUICK,
      onFailure,
      onReconnect: (outcome) => void outcomes.push(outcome),
    });
    const producer = await NumberedProducer.start(bed, addressOf(before.place), { onFailure });
    producer.publish(1);
    await until(() => reader.prices.length === 1);
    const atFirst = resources();
    const timer = setInterval(() => producer.publish(20), 2);
    const happened = await mishaps([before, behind], 50, `${stream} 1`).finally(() => clearInterval(timer));
    await until(() => producer.connection.isConnected && reader.connection.isConnected);
    producer.publish(1);
    await producer.connection.flush();
    await until(() => failures.length > 0 || reader.prices.at(-1) === producer.taken);

    expect(failures).toEqual([]);
    expect(reader.gaps).toEqual([]);
    expect(reader.prices).toEqual(range(1, producer.taken));
    expect(relay.stats().received).toBe(producer.taken);
    expect(happened.size).toBe(Object.keys(MISHAPS).length);
    expect(producer.connection.stats().reconnects).toBeGreaterThan(10);
    expect(reader.connection.stats().reconnects).toBeGreaterThan(10);
    expect(outcomes.flatMap(({ sources }) => sources).every(({ kind }) => kind === "resumed")).toBe(true);
    expect(producer.pendingBytesMost).toBeLessThan(3 << 20); // what is kept, and what waits in the link
    expect(resources().memoryBytes - atFirst.memoryBytes).toBeLessThan(16 << 20);
  });

  test("what is gone when a reader comes back is told as a gap, exactly, and the rest comes once", async () => {
    const { place, relay } = await bed.relay(stream, { logBytes: 64 << 10, pingIntervalMs: 50 });
    const proxy = await bed.proxy(place);
    const outcomes: ReconnectOutcome[] = [];
    const reader = await bed.reader(addressOf(proxy.place), {
      ...QUICK,
      onReconnect: (outcome) => void outcomes.push(outcome),
    });
    const producer = await NumberedProducer.start(bed, addressOf(place), {});
    await producer.publishAll(200);
    await until(() => reader.prices.length === 200);
    for (let outage = 0; outage < 4; outage++) {
      proxy.refuse();
      proxy.cut();
      await until(() => !reader.connection.isConnected);
      await producer.publishAll(2_000); // more than the log holds
      await producer.connection.flush();
      const count = outcomes.length;
      await proxy.accept();
      await until(() => outcomes.length > count);
    }
    await producer.publishAll(100);
    await until(() => reader.prices.at(-1) === producer.taken);
    const lost = toldAsLost(reader);
    expect([...reader.prices, ...lost].sort((a, b) => a - b)).toEqual(range(1, 8_300));
    expect(reader.prices).toEqual([...reader.prices].sort((a, b) => a - b));
    expect(lost.length).toBeGreaterThan(1_000);
    expect(outcomes.flatMap(({ sources }) => sources.map(({ kind }) => kind))).toEqual(Array(4).fill("gap"));
    expect(relay.stats().received).toBe(8_300);
  });

  test("while there is no relay, what is offered is kept up to its limit, then refused, and none of it is lost", async () => {
    const { place } = await bed.relay(stream);
    const proxy = await bed.proxy(place);
    const reader = await bed.reader(addressOf(place));
    const producer = await NumberedProducer.start(bed, addressOf(proxy.place), { holdBytesMax: 64 << 10 });
    producer.publish(10);
    await until(() => reader.prices.length === 10);
    proxy.refuse();
    proxy.cut();
    await until(() => !producer.connection.isConnected);
    producer.publish(5_000);
    expect(producer.taken).toBeGreaterThan(500);
    expect(producer.taken).toBeLessThanOrEqual(10 + (64 << 10) / 74);
    expect(producer.pendingBytesMost).toBeLessThanOrEqual(64 << 10);
    await proxy.accept();
    await until(() => producer.connection.isConnected);
    await producer.connection.flush();
    await producer.publishAll(1_000);
    await until(() => reader.prices.at(-1) === producer.taken);
    expect(reader.prices).toEqual(range(1, producer.taken));
  });

  test("an end that goes silent is found by pings on both sides, and its source is free for itself again", async () => {
    const { place, relay } = await bed.relay(stream, { pingIntervalMs: 50, challengeMs: 100 });
    const proxy = await bed.proxy(place);
    const reader = await bed.reader(addressOf(place));
    const lost: string[] = [];
    const producer = await NumberedProducer.start(bed, addressOf(proxy.place), {
      onDisconnect: ({ code }) => void lost.push(code),
    });
    const left: (string | undefined)[] = [];
    relay.on("left", (name, error) => left.push(name === "producer" ? error?.code : undefined));
    await producer.publishAll(10);
    await producer.connection.flush();
    const silentAt = performance.now();
    proxy.goSilent();
    await until(() => left.length === 1 && lost.length === 1);
    expect(performance.now() - silentAt).toBeGreaterThan(90); // three pings, not one
    expect(performance.now() - silentAt).toBeLessThan(2_000);
    producer.publish(10);
    proxy.cut();
    proxy.heal();
    await until(() => producer.connection.isConnected);
    await producer.connection.flush();
    await producer.publishAll(10);
    await until(() => reader.prices.at(-1) === producer.taken);
    expect(reader.prices).toEqual(range(1, 30));
  });

  test("a half-open producer does not keep its source: who comes back gets it within the challenge", async () => {
    const { place, relay } = await bed.relay(stream, { pingIntervalMs: 60_000, challengeMs: 100 });
    const proxy = await bed.proxy(place);
    const reader = await bed.reader(addressOf(place));
    const dead = await bed.connect(addressOf(proxy.place), { source: 1_000, name: "dead" });
    dead.publish(TradeTLV, tradeOf(7));
    await dead.flush();
    proxy.goSilent(); // it dies, and nobody tells the relay
    void dead.close();
    expect(relay.stats().members.map(({ name }) => name)).toContain("dead");
    const producer = await NumberedProducer.start(bed, addressOf(place), {});
    await producer.publishAll(100);
    await until(() => reader.prices.length === 101);
    expect(reader.prices).toEqual([7, ...range(1, 100)]);
    expect(relay.stats().members.map(({ name }) => name)).not.toContain("dead");
  });

  test("200 reconnects, of two ends, leave no file, socket or timer behind, and no memory", async () => {
    const { place } = await bed.relay(stream);
    const proxy = await bed.proxy(place);
    const reader = await bed.reader(addressOf(proxy.place), QUICK);
    const producer = await NumberedProducer.start(bed, addressOf(proxy.place), {});
    // A source of which nothing has come yet is not known, and so not asked for again.
    await producer.publishAll(1);
    await until(() => reader.prices.length === 1);
    const round = async (): Promise<void> => {
      const counts = [producer, reader].map(({ connection }) => connection.stats().reconnects);
      proxy.cut();
      await until(() =>
        [producer, reader].every(
          ({ connection }, index) =>
            connection.isConnected && connection.stats().reconnects > (counts[index] as number),
        ),
      );
      producer.publish(5);
      await producer.connection.flush();
    };
    for (let n = 0; n < 20; n++) await round();
    const before = resources();
    for (let n = 0; n < 80; n++) await round();
    await until(() => reader.prices.at(-1) === producer.taken);
    const after = resources();
    expect(reader.prices).toEqual(range(1, 501));
    expect(after.files).toBe(before.files);
    expect(after.sockets).toBe(before.sockets);
    expect(after.timers).toBeLessThanOrEqual(before.timers + 1);
    expect(after.memoryBytes - before.memoryBytes).toBeLessThan(4 << 20);
  });
});
