import fc from "fast-check";
import { afterEach, describe, expect, test } from "vitest";
import { ProtocolError } from "../../src/protocol/errors.js";
import { u8 } from "../../src/protocol/schema/fields.js";
import { defineTLV } from "../../src/protocol/schema/tlv.js";
import { RelayDomain } from "../../src/protocol/tables.js";
import { GoodbyeCode } from "../../src/tlvs/codes.js";
import { OrderBookTLV, QuoteTLV, TradeTLV } from "../../src/tlvs/market-data.js";
import { GoodbyeTLV } from "../../src/tlvs/session-control.js";
import { SignalIdentityTLV } from "../../src/tlvs/signal.js";
import { HeartbeatTLV } from "../../src/tlvs/system.js";
import { quoteOf, tradeOf } from "../samples.js";
import { opened as openedFor, scripted } from "./script.js";

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const opened: typeof openedFor = async (...given) => {
  const all = await openedFor(...given);
  cleanups.push(() => all.connection.close());
  return all;
};

const coded = (code: string) => expect.objectContaining({ code });
const IDENTITY = { signalId: 1n, signalNonce: 1, strategyId: 1, version: 1, adapterId: 0 };
const PUBLISHER = { source: 7, incarnation: 3 } as const;

describe("publishing", () => {
  test("without a source is NO_SOURCE, and a user's type without a domain NO_DOMAIN", async () => {
    const { connection, script } = await opened();
    expect(() => connection.publish(TradeTLV, tradeOf(1))).toThrow(coded("NO_SOURCE"));
    expect(() => connection.claim(TradeTLV)).toThrow(coded("NO_SOURCE"));
    const Mine = defineTLV(200, "Mine", { n: u8 });
    const other = await opened(PUBLISHER);
    expect(() => other.connection.publish(Mine, { n: 1 })).toThrow(coded("NO_DOMAIN"));
    const third = await opened({ ...PUBLISHER, domain: RelayDomain.Signal });
    expect(third.connection.publish(Mine, { n: 1 })).toBe("sent");
    expect(third.script.messages.at(-1)?.header.relayDomain).toBe(RelayDomain.Signal);
    expect(script.messages).toHaveLength(1); // its Hello
  });

  test("numbers every message of the source in one row, whatever its domain, within its incarnation", async () => {
    const { connection, script } = await opened(PUBLISHER);
    connection.publish(TradeTLV, tradeOf(1));
    connection.publish(HeartbeatTLV, { status: 2, intervalMs: 1, lastSequence: 1n });
    connection.claim(QuoteTLV).bidPriceUnits = 5;
    connection.commit();
    const headers = script.messages.slice(1).map(({ header }) => header);
    expect(headers.map(({ sequence }) => sequence - 3n * 2n ** 40n)).toEqual([1n, 2n, 3n]);
    expect(headers.map(({ relayDomain }) => relayDomain)).toEqual([1, 4, 1]);
    expect(connection.stats().published).toBe(3);
  });

  test("stamps what goes out never earlier than what went before, control and data alike", async () => {
    const times = [9, 5, 7, 3, 8];
    const clock = { nowUs: () => times.shift() ?? 4, nowNs: () => 0n };
    const { connection, script } = await opened({ ...PUBLISHER, clock });
    connection.publish(TradeTLV, tradeOf(1));
    connection.publish(HeartbeatTLV, { status: 2, intervalMs: 1, lastSequence: 1n });
    await connection.flush();
    const stamps = script.messages.map(({ header }) => header.timestamp);
    expect(stamps).toEqual([9_000n, 9_000n, 9_000n, 9_000n]);
  });

  test("what makes no valid message throws, sends nothing and numbers nothing", async () => {
    const { connection, script } = await opened(PUBLISHER);
    const wrong = { ...tradeOf(1), side: 300 };
    expect(() => connection.publish(TradeTLV, wrong)).toThrow(ProtocolError);
    expect(() => connection.publish(TradeTLV, tradeOf(1), SignalIdentityTLV, IDENTITY)).toThrow(
      coded("DOMAIN_MISMATCH"),
    );
    expect(connection.publish(TradeTLV, tradeOf(2))).toBe("sent");
    expect(script.counters).toEqual([1]);
    expect(script.got(TradeTLV)).toEqual([tradeOf(2)]);
  });

  test("after the end is answered with closed", async () => {
    const { connection, script } = await opened(PUBLISHER);
    await connection.close();
    expect(connection.publish(TradeTLV, tradeOf(1))).toBe("closed");
    expect(script.got(GoodbyeTLV)).toEqual([{ code: GoodbyeCode.ShuttingDown, reason: "closed" }]);
    expect(await connection.ended).toBeUndefined();
    await expect(connection.flush()).rejects.toThrow(coded("DISCONNECTED"));
    await expect(connection.subscribe({ types: [TradeTLV] }, {})).rejects.toThrow(coded("DISCONNECTED"));
    await connection.close();
  });
});

describe("a claimed message", () => {
  test("is sent by commit, with all that was appended, once", async () => {
    const { connection, script } = await opened(PUBLISHER);
    expect(() => connection.commit()).toThrow(coded("NOTHING_CLAIMED"));
    expect(() => connection.append(TradeTLV)).toThrow(coded("NOTHING_CLAIMED"));
    connection.claim(TradeTLV).priceUnits = 1;
    connection.append(TradeTLV).priceUnits = 2;
    expect(connection.commit()).toBe("sent");
    expect([...(script.messages.at(-1) ?? [])].map(({ value }) => TradeTLV.decode(value).price)).toEqual([1n, 2n]);
    expect(() => connection.commit()).toThrow(coded("NOTHING_CLAIMED"));
  });

  test("that found no room stays claimed, and goes whole when it is committed again", async () => {
    const { connection, script } = await opened(PUBLISHER);
    script.link.pause();
    connection.claim(TradeTLV).priceUnits = 7;
    expect(connection.commit()).toBe("backPressured");
    script.link.resume();
    expect(connection.commit()).toBe("sent");
    expect(script.got(TradeTLV).map(({ price }) => price)).toEqual([7n]);
    expect(script.counters).toEqual([1]);
  });

  test("is dropped by the next claim", async () => {
    const { connection, script } = await opened(PUBLISHER);
    connection.claim(TradeTLV).priceUnits = 1;
    connection.claim(OrderBookTLV, { bids: 1, asks: 0 }).bids.at(0).priceUnits = 5;
    connection.commit();
    expect(script.got(TradeTLV)).toEqual([]);
    expect(script.got(OrderBookTLV)[0]?.bids).toEqual([{ price: 5n, size: 0n }]);
  });

  test("that was dropped, by a publish or by an error, is not sent as an empty one", async () => {
    const { connection, script } = await opened(PUBLISHER);
    connection.claim(TradeTLV).priceUnits = 1;
    connection.publish(QuoteTLV, quoteOf(2));
    expect(() => connection.commit()).toThrow(coded("NOTHING_CLAIMED"));
    connection.claim(TradeTLV);
    expect(() => connection.append(SignalIdentityTLV)).toThrow(coded("DOMAIN_MISMATCH"));
    expect(() => connection.commit()).toThrow(coded("NOTHING_CLAIMED"));
    expect(() => connection.claim(OrderBookTLV, { bids: -1, asks: 0 })).toThrow(coded("VALUE_RANGE"));
    expect(() => connection.commit()).toThrow(coded("NOTHING_CLAIMED"));
    connection.claim(TradeTLV);
    expect(() => connection.publish(TradeTLV, { ...tradeOf(1), side: 300 })).toThrow(coded("VALUE_RANGE"));
    expect(() => connection.commit()).toThrow(coded("NOTHING_CLAIMED"));
    expect(script.messages.filter(({ header }) => header.payloadSize === 0)).toEqual([]);
    expect(script.counters).toEqual([1]);
  });
});

describe("back pressure", () => {
  test("is an answer, not a loss: nothing is numbered until there is room", async () => {
    const { connection, script } = await opened(PUBLISHER);
    script.link.pause();
    expect(connection.publish(TradeTLV, tradeOf(1))).toBe("backPressured");
    const ready = connection.ready();
    script.link.resume();
    await ready;
    expect(connection.publish(TradeTLV, tradeOf(2))).toBe("sent");
    expect(script.counters).toEqual([1]);
    expect(connection.stats()).toMatchObject({ published: 1, lost: 0 });
  });

  test("with messages kept holds their order, up to its bytes, and loses nothing", async () => {
    const reached = { held: 0, refused: 0, drained: 0 };
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom("publish", "publish", "publish", "claim", "pause", "resume", "turn"), {
          maxLength: 80,
          size: "max",
        }),
        fc.integer({ min: 0, max: 1_500 }),
        async (steps, holdBytesMax) => {
          const { connection, script } = await scripted({ ...PUBLISHER, holdBytesMax });
          const taken: bigint[] = [];
          let n = 0;
          for (const step of steps) {
            if (step === "pause") script.link.pause();
            else if (step === "resume") script.link.resume();
            else if (step === "turn") await new Promise((resolve) => setImmediate(resolve));
            else {
              n++;
              let result: string;
              if (step === "claim") {
                connection.claim(TradeTLV).priceUnits = n;
                result = connection.commit();
              } else result = connection.publish(TradeTLV, tradeOf(n));
              if (result === "sent") taken.push(BigInt(n));
              else {
                expect(result).toBe("backPressured");
                reached.refused++;
              }
              if (connection.isHolding) reached.held++;
            }
          }
          const wasHolding = connection.isHolding;
          script.link.resume();
          if (wasHolding) reached.drained++;
          expect(connection.isHolding).toBe(false);
          expect(script.got(TradeTLV).map(({ price }) => price)).toEqual(taken);
          expect(script.counters).toEqual(taken.map((_, i) => i + 1));
          expect(connection.stats()).toMatchObject({ published: taken.length, lost: 0 });
          await connection.close();
        },
      ),
      { numRuns: 150 },
    );
    expect(Math.min(...Object.values(reached))).toBeGreaterThan(10);
  });

  test("with messages kept: they go in order though the reader stops again and again", async () => {
    const { connection, script } = await opened({ ...PUBLISHER, holdBytesMax: 1 << 20 });
    script.onMessage = (message) => {
      if (message.header.sequence % 3n === 0n) script.link.pause();
    };
    for (let n = 1; n <= 50; n++) expect(connection.publish(TradeTLV, tradeOf(n))).toBe("sent");
    expect(connection.isHolding).toBe(true);
    const ready = connection.ready();
    while (connection.isHolding) script.link.resume();
    await ready;
    expect(script.counters).toEqual(Array.from({ length: 50 }, (_, n) => n + 1));
  });

  test("with messages kept when the link dies: they are counted as lost, and whoever waits is let go", async () => {
    const { connection, script, failures } = await opened({ ...PUBLISHER, holdBytesMax: 1 << 20 });
    script.link.pause();
    for (let n = 1; n <= 5; n++) connection.publish(TradeTLV, tradeOf(n));
    const ready = connection.ready();
    script.link.destroy();
    await ready;
    expect(connection.stats()).toMatchObject({ published: 5, lost: 5 });
    expect(failures).toMatchObject([{ code: "DISCONNECTED" }]);
  });

  test("a close waits for what is kept, and no longer than it may", async () => {
    const { connection, script } = await opened({ ...PUBLISHER, holdBytesMax: 1 << 20 });
    script.link.pause();
    connection.publish(TradeTLV, tradeOf(1));
    const closing = connection.close();
    script.link.resume();
    await closing;
    expect(script.counters).toEqual([1]);
    const stuck = await opened({ ...PUBLISHER, holdBytesMax: 1 << 20, timeoutMs: 20 });
    stuck.script.link.pause();
    stuck.connection.publish(TradeTLV, tradeOf(1));
    await expect(stuck.connection.close()).rejects.toMatchObject({ code: "UNSENT" });
    expect(stuck.connection.stats().lost).toBe(1);
  });
});
