import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { OrderBookReconstructor } from "../../src/books.js";
import { InstrumentId } from "../../src/protocol/instrument-id.js";
import { AssetType, Venue } from "../../src/protocol/tables.js";
import { OrderBookDeltaTLV, OrderBookTLV } from "../../src/tlvs/market-data.js";
import { type Level, ModelBook, sidesOf } from "./levels.js";

const BTC = InstrumentId.of(Venue.Binance, AssetType.SpotPair, "BTCUSDT");

type Sides = ReturnType<ModelBook["sides"]>;
type Change = OrderBookDeltaTLV["changes"][number];
type Message = { readonly snapshot: OrderBookTLV } | { readonly delta: OrderBookDeltaTLV };

function snapshotChunks(updateId: bigint, { bids, asks }: Sides, levelsMax = 1_000): OrderBookTLV[] {
  const levels = [...bids.map((level) => ({ bid: level })), ...asks.map((level) => ({ ask: level }))];
  const chunkCount = Math.max(1, Math.ceil(levels.length / levelsMax));
  return Array.from({ length: chunkCount }, (_, chunkIndex) => {
    const part = levels.slice(chunkIndex * levelsMax, (chunkIndex + 1) * levelsMax);
    return {
      instrument: BTC,
      exchangeTimestamp: 0n,
      updateId,
      chunkIndex,
      chunkCount,
      flags: 0,
      bids: part.flatMap((level) => ("bid" in level ? [level.bid] : [])),
      asks: part.flatMap((level) => ("ask" in level ? [level.ask] : [])),
    };
  });
}

function deltaChunks(
  previousVersion: bigint,
  version: bigint,
  changes: readonly Change[],
  changesMax = 1_000,
): OrderBookDeltaTLV[] {
  const chunkCount = Math.max(1, Math.ceil(changes.length / changesMax));
  return Array.from({ length: chunkCount }, (_, index) => ({
    instrument: BTC,
    exchangeTimestamp: 0n,
    version,
    previousVersion,
    flags: index < chunkCount - 1 ? 1 : 0,
    changes: changes.slice(index * changesMax, (index + 1) * changesMax),
  }));
}

const snapshots = OrderBookTLV.flyweight();
const deltas = OrderBookDeltaTLV.flyweight();

function give(book: OrderBookReconstructor, message: Message): string {
  if ("snapshot" in message) return book.applySnapshot(snapshots.wrapBytes(OrderBookTLV.encode(message.snapshot)));
  return book.applyDelta(deltas.wrapBytes(OrderBookDeltaTLV.encode(message.delta)));
}

const level = (price: bigint, size = 1n): Level => ({ price, size });
const bid = (price: bigint, size: bigint, action = 0): Change => ({ price, size, side: 1, action });
const two: Sides = { bids: [level(9n), level(8n)], asks: [level(11n), level(12n)] };

function live(sides: Sides = two): OrderBookReconstructor {
  const book = new OrderBookReconstructor(BTC);
  for (const snapshot of snapshotChunks(10n, sides)) give(book, { snapshot });
  expect(book.state).toBe("live");
  return book;
}

describe("OrderBookReconstructor", () => {
  test("waits for a snapshot, then follows the deltas", () => {
    const book = new OrderBookReconstructor(BTC);
    expect([book.state, book.reason]).toEqual(["syncing", "none"]);
    expect(give(book, { delta: deltaChunks(9n, 10n, [bid(5n, 5n)])[0]! })).toBe("ignored");
    expect(give(book, { snapshot: snapshotChunks(10n, two)[0]! })).toBe("applied");
    expect([book.state, book.version, sidesOf(book.book)]).toEqual(["live", 10n, two]);
    const changes: Change[] = [bid(9n, 4n, 1), bid(8n, 0n, 2), { price: 10n, size: 7n, side: 2, action: 0 }];
    expect(give(book, { delta: deltaChunks(10n, 15n, changes)[0]! })).toBe("applied");
    expect(book.version).toBe(15n);
    expect(sidesOf(book.book)).toEqual({ bids: [level(9n, 4n)], asks: [level(10n, 7n), level(11n), level(12n)] });
  });

  test("shows a snapshot of several chunks only when it is whole", () => {
    const book = live();
    const chunks = snapshotChunks(20n, { bids: [level(7n), level(6n), level(5n)], asks: [level(20n)] }, 2);
    expect(chunks).toHaveLength(2);
    expect(give(book, { snapshot: chunks[0]! })).toBe("pending");
    expect([book.version, sidesOf(book.book)]).toEqual([10n, two]);
    expect(give(book, { snapshot: chunks[1]! })).toBe("applied");
    expect([book.version, book.book.bids.count, book.book.asks.count]).toEqual([20n, 3, 1]);
  });

  test("applies a delta of several chunks as one", () => {
    const book = live();
    const chunks = deltaChunks(10n, 11n, [bid(9n, 0n, 2), bid(8n, 0n, 2), bid(7n, 1n), bid(6n, 1n)], 3);
    expect(give(book, { delta: chunks[0]! })).toBe("pending");
    expect([book.version, sidesOf(book.book)]).toEqual([10n, two]);
    expect(give(book, { delta: chunks[1]! })).toBe("applied");
    expect([book.version, sidesOf(book.book).bids]).toEqual([11n, [level(7n), level(6n)]]);
  });

  test("is stale from a broken chain to the next whole snapshot, and says why", () => {
    const book = live();
    expect(give(book, { delta: deltaChunks(12n, 13n, [bid(9n, 2n, 1)])[0]! })).toBe("stale");
    expect([book.state, book.reason]).toEqual(["stale", "versionGap"]);
    expect(book.detail).toBe("a delta continues from 12, the book is at 10");
    expect(book.book.bids.count).toBe(0);
    expect(give(book, { delta: deltaChunks(13n, 14n, [])[0]! })).toBe("ignored");
    expect(give(book, { snapshot: snapshotChunks(5n, two)[0]! })).toBe("applied"); // an older one too: nothing better is there
    expect([book.state, book.reason, book.detail, book.version]).toEqual(["live", "none", "", 5n]);
  });

  test("ignores what it has: the same messages twice change nothing", () => {
    const book = live();
    const delta = deltaChunks(10n, 12n, [bid(9n, 3n, 1)])[0]!;
    const snapshot = snapshotChunks(10n, two)[0]!;
    expect(["applied", "ignored", "ignored"]).toEqual([{ delta }, { delta }, { snapshot }].map((it) => give(book, it)));
    expect([book.version, book.book.bids.size(0)]).toEqual([12n, 3n]);
  });

  test("finds a lost chunk: of a delta at the next one, of a snapshot when the deltas do not continue the book", () => {
    const open = live();
    give(open, { delta: deltaChunks(10n, 11n, [bid(9n, 2n, 1), bid(8n, 2n, 1)], 1)[0]! });
    expect(give(open, { delta: deltaChunks(11n, 12n, [bid(9n, 3n, 1)])[0]! })).toBe("stale");
    expect([open.reason, open.detail]).toEqual(["lostChunk", "the rest of delta 11 did not come"]);

    const book = live();
    const chunks = snapshotChunks(20n, { bids: [level(7n), level(6n)], asks: [level(20n)] }, 1);
    expect([0, 2].map((index) => give(book, { snapshot: chunks[index]! }))).toEqual(["pending", "ignored"]);
    expect([book.state, book.version]).toEqual(["live", 10n]);
    expect(give(book, { delta: deltaChunks(20n, 21n, [])[0]! })).toBe("stale");
  });

  test("a crossed book, a side that is none and too many levels are no book", () => {
    const crossed = live();
    expect(give(crossed, { delta: deltaChunks(10n, 11n, [bid(11n, 1n)])[0]! })).toBe("stale");
    expect([crossed.reason, crossed.detail]).toEqual([
      "crossedBook",
      "at version 11 the best bid is not below the best ask",
    ]);
    const sideless = live();
    expect(give(sideless, { delta: deltaChunks(10n, 11n, [{ ...bid(1n, 1n), side: 3 }])[0]! })).toBe("stale");
    expect(sideless.reason).toBe("badMessage");

    const small = new OrderBookReconstructor(BTC, { levelsMax: 2 });
    expect(give(small, { snapshot: snapshotChunks(1n, { ...two, bids: [level(9n), level(8n), level(7n)] })[0]! })).toBe(
      "stale",
    );
    expect(give(small, { snapshot: snapshotChunks(1n, two)[0]! })).toBe("applied");
    expect(give(small, { delta: deltaChunks(1n, 2n, [bid(3n, 1n)])[0]! })).toBe("stale");
    expect(small.reason).toBe("tooManyLevels");
  });

  test("is dropped by whoever learned that something was lost", () => {
    const book = live();
    book.reset("messages 5 to 9 were lost");
    expect([book.state, book.reason, book.detail]).toEqual(["stale", "reset", "messages 5 to 9 were lost"]);
  });

  test("refuses messages of another instrument", () => {
    const book = live();
    const instrument = InstrumentId.of(Venue.Binance, AssetType.SpotPair, "ETHUSDT");
    const wrong = expect.objectContaining({ code: "WRONG_INSTRUMENT" });
    expect(() => give(book, { delta: { ...deltaChunks(10n, 11n, [])[0]!, instrument } })).toThrow(wrong);
    expect(() => give(book, { snapshot: { ...snapshotChunks(10n, two)[0]!, instrument } })).toThrow(wrong);
    expect(book.state).toBe("live");
  });

  test("whatever is lost, doubled or out of order: live is the true book", () => {
    const reached = { live: 0, stale: 0, pending: 0, ignored: 0 };
    const anyStep = fc.record({
      changes: fc.array(
        fc.record({
          side: fc.constantFrom(1, 2),
          at: fc.bigInt({ min: 0n, max: 30n }),
          size: fc.bigInt({ min: 0n, max: 3n }),
        }),
        { minLength: 1, maxLength: 6 },
      ),
      fate: fc.constantFrom("arrives", "arrives", "arrives", "arrives", "lost", "twice", "late", "cut"),
      withSnapshot: fc.boolean(),
      chunk: fc.integer({ min: 1, max: 4 }),
    });
    fc.assert(
      fc.property(fc.array(anyStep, { minLength: 1, maxLength: 60, size: "max" }), (steps) => {
        const truth = new ModelBook();
        const history = new Map<bigint, Sides>();
        const book = new OrderBookReconstructor(BTC);
        let version = 0n;
        let late: Message[] = [];
        const check = (message: Message): void => {
          const answer = give(book, message);
          if (answer === "pending" || answer === "ignored") reached[answer]++;
          if (book.state === "live") {
            reached.live++;
            expect(sidesOf(book.book)).toEqual(history.get(book.version));
          } else {
            if (book.state === "stale") reached.stale++;
            expect(book.book.bids.count + book.book.asks.count).toBe(0);
          }
        };
        for (const { changes, fate, withSnapshot, chunk } of steps) {
          const previous = version;
          version += 3n;
          const made: Change[] = [];
          for (const { side, at, size } of changes) {
            const price = side === 1 ? at : 31n + at; // never crossed
            const action = truth.set(side, price, size);
            if (action !== 3) made.push({ price, size, side, action });
          }
          history.set(version, truth.sides());
          // The first chunks of a delta are no use without the last; a lost first chunk is told by a Gap, not by the delta.
          const parts: Message[] = deltaChunks(previous, version, made, chunk).map((delta) => ({ delta }));
          if (withSnapshot)
            parts.push(...snapshotChunks(version, truth.sides(), chunk).map((snapshot) => ({ snapshot })));
          if (fate === "late") late.push(...parts);
          else if (fate === "cut") for (const part of parts.slice(0, -1)) check(part);
          else if (fate !== "lost") {
            for (const part of parts) check(part);
            if (fate === "twice") for (const part of parts) check(part);
            for (const part of late) check(part);
            late = [];
          }
        }
      }),
      { numRuns: 150 },
    );
    for (const count of Object.values(reached)) expect(count).toBeGreaterThan(50);
  });
});
