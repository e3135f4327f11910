import fc from "fast-check";
import { afterEach, describe, expect, test } from "vitest";
import { RelayDomain } from "../../src/protocol/tables.js";
import { Relay } from "../../src/relay/relay.js";
import { QuoteTLV, TradeTLV } from "../../src/tlvs/market-data.js";
import { ControlTLV, RetransmitRequestTLV, UnsubscribeTLV } from "../../src/tlvs/session-control.js";
import { BTC, ETH, quoteOf, until } from "../samples.js";
import { RawClient } from "./client.js";

const relays: Relay[] = [];
afterEach(() => Promise.all(relays.splice(0).map((relay) => relay.close())));

function relayOf(options: Partial<ConstructorParameters<typeof Relay>[0]> = {}): Relay {
  const relay = new Relay({ domain: RelayDomain.MarketData, ...options });
  relays.push(relay);
  return relay;
}

function ask(client: RawClient, source: number, from: number, to: number, requestId = source): void {
  client.say(RetransmitRequestTLV, { fromSequence: BigInt(from), toSequence: BigInt(to), requestId, source });
}

const idle = (relay: Relay): Promise<void> => until(() => relay.stats().isIdle);
const INCARNATION = 9 * 2 ** 40;

describe("a session that comes back", () => {
  test("is sent what it asked for before anything live, once it has subscribed", async () => {
    const relay = relayOf();
    const producer = RawClient.at(relay);
    for (let n = 1; n <= 5; n++) producer.publish(7, n);
    const reader = RawClient.at(relay);
    reader.hello();
    ask(reader, 7, 3, 2 ** 40 - 1);
    await idle(relay);
    expect(reader.lines).toEqual([]);
    reader.subscribe();
    producer.publish(7, 6);
    await idle(relay);
    expect(reader.lines).toEqual(["ack #1", "7:3", "7:4", "7:5", "gap 7:3-5 r0 #7", "7:6"]);
    expect(relay.stats()).toMatchObject({ sent: 4, retransmitted: 3, lost: 0 });
  });

  test("is answered for several sources in one walk, each in its order", async () => {
    const relay = relayOf();
    const [a, b] = [RawClient.at(relay), RawClient.at(relay)];
    for (let n = 1; n <= 3; n++) {
      a.publish(7, n);
      b.publish(8, INCARNATION + n);
    }
    const reader = RawClient.at(relay);
    reader.hello();
    ask(reader, 7, 2, 9);
    ask(reader, 8, INCARNATION + 3, INCARNATION + 2 ** 40 - 1);
    reader.subscribe();
    await idle(relay);
    expect(reader.lines).toEqual([
      "ack #1",
      "7:2",
      "7:3",
      `8:${INCARNATION + 3}`,
      "gap 7:2-3 r0 #7",
      `gap 8:${INCARNATION + 3}-${INCARNATION + 3} r0 #8`,
    ]);
  });

  test("is told that nothing is newer than what it has", async () => {
    const relay = relayOf();
    const producer = RawClient.at(relay);
    for (let n = 1; n <= 3; n++) producer.publish(7, n);
    const reader = RawClient.at(relay);
    reader.hello();
    ask(reader, 7, 4, 100);
    reader.subscribe();
    await idle(relay);
    expect(reader.lines).toEqual(["ack #1", "gap 7:4-3 r0 #7"]);
  });

  test("is rejected for a source that is not known, or has started anew", async () => {
    const relay = relayOf();
    const producer = RawClient.at(relay);
    producer.publish(7, INCARNATION + 1);
    const reader = RawClient.at(relay);
    reader.hello();
    ask(reader, 7, 2 ** 40 + 4, 2 ** 40 + 9);
    ask(reader, 9, 1, 2);
    reader.subscribe();
    await idle(relay);
    expect(reader.lines).toEqual(["ack #1", "reject #7", "reject #9"]);
  });
});

describe("a request", () => {
  test("for what is not there is answered with the exact gaps, and then with its end", async () => {
    const relay = relayOf();
    const producer = RawClient.at(relay);
    for (const n of [3, 4, 7, 8, 6]) producer.publish(7, n);
    const reader = RawClient.at(relay);
    reader.hello();
    reader.subscribe();
    ask(reader, 7, 1, 9, 5);
    await idle(relay);
    expect(reader.lines).toEqual([
      "ack #1",
      "7:3",
      "7:4",
      "7:7",
      "7:8",
      "7:6",
      "gap 7:1-2 r4 #5",
      "gap 7:5-5 r4 #5",
      "gap 7:1-8 r0 #5",
    ]);
  });

  test("of one that is up to date comes behind what it still gets live, and nothing comes twice", async () => {
    const relay = relayOf();
    const producer = RawClient.at(relay);
    const reader = RawClient.at(relay);
    reader.hello();
    reader.subscribe();
    reader.link.pause();
    for (let n = 1; n <= 1_000; n++) producer.publish(7, n);
    ask(reader, 7, 999, 1_000);
    producer.publish(7, 1_001);
    reader.link.resume();
    await idle(relay);
    const before = Array.from({ length: 1_000 }, (_, i) => `7:${i + 1}`);
    const { lines } = reader;
    expect(lines.slice(0, 1_001)).toEqual(["ack #1", ...before]);
    expect(lines.filter((line) => line === "7:999")).toHaveLength(2);
    expect(lines.slice(-4).sort()).toEqual(["7:1000", "7:1001", "7:999", "gap 7:999-1000 r0 #7"].sort());
  });

  test("is sent what the subscriptions want; the rest is neither sent nor missing", async () => {
    const relay = relayOf();
    const producer = RawClient.at(relay);
    for (let n = 1; n <= 6; n++) producer.publish(7, n, { instrument: n % 2 === 0 ? ETH : BTC });
    const reader = RawClient.at(relay);
    reader.hello();
    ask(reader, 7, 1, 6);
    reader.subscribe({ instruments: [{ instrument: ETH }] });
    await idle(relay);
    expect(reader.lines).toEqual(["ack #1", "7:2", "7:4", "7:6", "gap 7:1-6 r0 #7"]);
  });

  test("over more than 65,536 messages that its filter leaves out loses nothing", async () => {
    const relay = relayOf({ logBytes: 1 << 24 });
    const producer = RawClient.at(relay);
    for (let n = 1; n <= 70_000; n++) producer.publish(7, n, { instrument: n === 3 ? BTC : ETH });
    const reader = RawClient.at(relay);
    reader.hello();
    ask(reader, 7, 1, 2 ** 40 - 1);
    reader.subscribe({ instruments: [{ instrument: BTC }] });
    await idle(relay);
    expect(reader.lines).toEqual(["ack #1", "7:3", "gap 7:1-70000 r0 #7"]);
  });

  test("gets at most 65,536 messages, the rest as a gap behind them; and the event loop has its turns meanwhile", async () => {
    const relay = relayOf();
    const producer = RawClient.at(relay);
    for (let n = 1; n <= 70_000; n++) producer.publish(7, n);
    await idle(relay);
    const reader = RawClient.at(relay);
    reader.hello();
    ask(reader, 7, 1, 70_000);
    let turns = 0;
    const count = (): void => {
      turns++;
      if (relay.stats().isIdle) return;
      setImmediate(count);
    };
    reader.subscribe();
    setImmediate(count);
    await idle(relay);
    expect(turns).toBeGreaterThan(70_000 / 2_048 / 2);
    expect(reader.lines).toHaveLength(1 + 65_536 + 2);
    expect(reader.lines[65_536]).toBe("7:65536");
    expect(reader.lines.slice(-2)).toEqual(["gap 7:65537-70000 r4 #7", "gap 7:1-70000 r0 #7"]);
  });

  test("whose messages fall out of the log while its session does not read gets the rest, and is told exactly", async () => {
    const relay = relayOf({ logBytes: 1 << 16 });
    const producer = RawClient.at(relay);
    for (let n = 1; n <= 700; n++) producer.publish(7, n);
    await idle(relay);
    const reader = RawClient.at(relay);
    reader.hello();
    ask(reader, 7, 1, 700);
    reader.onMessage = () => {
      if (reader.lines.length !== 10) return;
      reader.link.pause();
      setImmediate(() => {
        // Of another size, so that nothing old lies where it lay.
        for (let n = 1; n <= 400; n++) producer.say(QuoteTLV, quoteOf(n));
        reader.link.resume();
      });
    };
    reader.subscribe();
    await until(() => relay.stats().isIdle && reader.got(QuoteTLV).length === 400);
    const [gone] = reader.lines.filter((line) => line.includes(" r4 "));
    const [, from, to] = /^gap 7:(\d+)-(\d+) r4 #7$/.exec(gone ?? "") ?? [];
    expect(from).toBe("10");
    expect(Number(to)).toBeGreaterThan(300);
    expect(Number(to)).toBeLessThan(450);
    const of = (first: number, last: number): string[] =>
      Array.from({ length: last - first + 1 }, (_, i) => `7:${first + i}`);
    expect(reader.lines).toEqual(["ack #1", ...of(1, 9), ...of(Number(to) + 1, 700), gone, "gap 7:1-700 r0 #7"]);
  });

  test("that makes no sense, or comes while another one of its source is open, is rejected", async () => {
    const relay = relayOf();
    const producer = RawClient.at(relay);
    producer.publish(7, 1);
    const reader = RawClient.at(relay);
    reader.hello();
    ask(reader, 7, 1, 1, 1);
    ask(reader, 7, 1, 1, 2);
    ask(reader, 8, 0, 1, 3);
    ask(reader, 8, 2, 1, 4);
    ask(reader, 8, 5, INCARNATION + 1, 5);
    reader.say(RetransmitRequestTLV, { fromSequence: 1n, toSequence: 2n ** 60n, requestId: 6, source: 9 });
    expect(reader.lines).toEqual(["reject #2", "reject #3", "reject #4", "reject #5", "reject #6"]);
    reader.lines.length = 0;
    reader.subscribe();
    await idle(relay);
    expect(reader.lines).toEqual(["ack #1", "7:1", "gap 7:1-1 r0 #1"]);
  });

  test("of a source without incarnations gets its present life, not the one before", async () => {
    const relay = relayOf();
    const producer = RawClient.at(relay);
    for (let n = 1; n <= 3; n++) producer.publish(7, n, { timestamp: 1_000_000n, instrument: BTC });
    for (let n = 1; n <= 2; n++) producer.publish(7, n, { timestamp: 2_000_000n, instrument: ETH });
    const reader = RawClient.at(relay);
    reader.hello();
    ask(reader, 7, 1, 3);
    reader.subscribe();
    await idle(relay);
    expect(reader.lines).toEqual(["ack #1", "7:1", "7:2", "gap 7:1-2 r0 #7"]);
    expect(reader.got(TradeTLV).every(({ instrument }) => instrument.equals(ETH))).toBe(true);
  });

  test("never gets a session its own messages, and is of use to sessions only", async () => {
    const relay = relayOf();
    const both = RawClient.at(relay);
    both.hello();
    both.publish(7, 1);
    ask(both, 7, 1, 1);
    both.subscribe();
    const stranger = RawClient.at(relay);
    ask(stranger, 7, 1, 1);
    await idle(relay);
    expect(both.lines).toEqual(["ack #1", "gap 7:1-1 r0 #7"]);
    expect(stranger.lines).toEqual(["goodbye 2"]);
  });
});

test("unsubscribing ends what comes, a subscription of the same id replaces, and what is not kept is rejected", async () => {
  const relay = relayOf();
  const producer = RawClient.at(relay);
  const reader = RawClient.at(relay);
  reader.hello();
  reader.subscribe({ instruments: [{ instrument: BTC }] });
  producer.publish(7, 1, { instrument: BTC });
  await idle(relay);
  reader.subscribe({ instruments: [{ instrument: ETH }] });
  producer.publish(7, 2, { instrument: BTC });
  producer.publish(7, 3, { instrument: ETH });
  await idle(relay);
  reader.say(UnsubscribeTLV, { subscriptionId: 1 });
  producer.publish(7, 4, { instrument: ETH });
  await idle(relay);
  reader.say(UnsubscribeTLV, { subscriptionId: 1 });
  for (const opcode of [3, 4, 9]) reader.say(ControlTLV, { opcode, requestId: opcode, body: new Uint8Array(0) });
  expect(reader.lines).toEqual([
    "ack #1",
    "7:1",
    "ack #1",
    "7:3",
    "ack #1",
    "reject #1",
    "reject #3",
    "reject #4",
    "reject #9",
  ]);
});

describe("any log, any filter, any range, while the log moves on", () => {
  const steps = fc.array(
    fc.record({
      source: fc.constantFrom(7, 8),
      skip: fc.constantFrom(0, 0, 0, 0, 1, 3),
      repeat: fc.integer({ min: 1, max: 300 }),
      isEther: fc.boolean(),
    }),
    { minLength: 1, maxLength: 12 },
  );
  const filter = fc.constantFrom([], [BTC], [ETH]);
  const wanted = fc.record({ from: fc.integer({ min: 1, max: 900 }), length: fc.integer({ min: 0, max: 2_000 }) });

  test("each message asked for is sent once, in its order, or not wanted, or told as no longer there", async () => {
    let dropped = 0;
    let resent = 0;
    await fc.assert(
      fc.asyncProperty(steps, filter, wanted, wanted, fc.integer({ min: 1, max: 400 }), steps, async (...drawn) => {
        const [before, instruments, of7, of8, pauseAfter, meanwhile] = drawn;
        const relay = relayOf({ logBytes: 1 << 16 });
        const producer = RawClient.at(relay);
        const counters = new Map([
          [7, 0],
          [8, 0],
        ]);
        const isEtherOf = new Map<string, boolean>();
        const publish = ({
          source,
          skip,
          repeat,
          isEther,
        }: {
          source: number;
          skip: number;
          repeat: number;
          isEther: boolean;
        }): void => {
          counters.set(source, (counters.get(source) as number) + skip);
          for (let i = 0; i < repeat; i++) {
            const counter = (counters.get(source) as number) + 1;
            counters.set(source, counter);
            isEtherOf.set(`${source}:${counter}`, isEther);
            producer.publish(source, counter, { instrument: isEther ? ETH : BTC });
          }
        };
        before.forEach(publish);
        await idle(relay);
        const reader = RawClient.at(relay);
        reader.hello();
        const ranges = [
          { source: 7, from: of7.from, asked: of7.from + of7.length, newest: counters.get(7) as number },
          { source: 8, from: of8.from, asked: of8.from + of8.length, newest: counters.get(8) as number },
        ];
        for (const { source, from, asked } of ranges) ask(reader, source, from, asked);
        let count = 0;
        reader.onMessage = () => {
          if (++count !== pauseAfter) return;
          reader.link.pause();
          setImmediate(() => {
            meanwhile.forEach(publish);
            reader.link.resume();
          });
        };
        reader.subscribe({ instruments: instruments.map((instrument) => ({ instrument })) });
        await idle(relay);
        for (const { source, from, asked, newest } of ranges) {
          const mine = reader.lines.filter(
            (line) => line.startsWith(`${source}:`) || line.startsWith(`gap ${source}:`),
          );
          if (newest === 0) {
            expect(reader.lines).toContain(`reject #${source}`);
            continue;
          }
          const to = Math.max(from - 1, Math.min(asked, newest));
          const end = mine.indexOf(`gap ${source}:${from}-${to} r0 #${source}`);
          expect(end).toBeGreaterThanOrEqual(0);
          const sent = mine
            .slice(0, end)
            .flatMap((line) => (line.startsWith("gap") ? [] : [Number(line.split(":")[1])]));
          const gone = new Set<number>();
          for (const line of mine.slice(0, end)) {
            const [, first, last] = /^gap \d+:(\d+)-(\d+) r4/.exec(line) ?? [];
            for (let n = Number(first); n <= Number(last); n++) {
              expect(gone.has(n)).toBe(false);
              gone.add(n);
            }
          }
          resent += sent.length;
          expect(sent).toEqual([...new Set(sent)].sort((a, b) => a - b));
          for (let n = from; n <= to; n++) {
            const isEther = isEtherOf.get(`${source}:${n}`);
            const isWanted = instruments.length === 0 || isEther === (instruments[0] === ETH);
            const isSent = sent.includes(n);
            if (isSent) expect(isWanted && isEther !== undefined && !gone.has(n)).toBe(true);
            else if (isEther === undefined) expect(gone.has(n)).toBe(true);
            else if (isWanted) {
              // It has fallen out of the log, before or during the walk.
              expect(gone.has(n)).toBe(true);
              dropped++;
            }
          }
          expect(sent.every((n) => n >= from && n <= to)).toBe(true);
          // Live messages come behind, above what was there when it subscribed.
          const live = mine
            .slice(end + 1)
            .flatMap((line) => (line.startsWith("gap") ? [] : [Number(line.split(":")[1])]));
          expect(live.every((n) => n > newest)).toBe(true);
          expect(live).toEqual([...new Set(live)].sort((a, b) => a - b));
        }
        await relay.close();
      }),
      { numRuns: 60 },
    );
    expect(dropped).toBeGreaterThan(100);
    expect(resent).toBeGreaterThan(100);
  });
});
