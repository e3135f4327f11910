import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { RecordedEvent } from "../../src/adapters.js";
import { OrderBookReconstructor } from "../../src/books.js";
import { formatFixed8 } from "../../src/protocol/fixed-point.js";
import type { MessageView } from "../../src/protocol/message-view.js";
import type { SendResult } from "../../src/protocol/publisher.js";
import { InstrumentStatusTLV, OrderBookDeltaTLV, OrderBookTLV } from "../../src/tlvs/market-data.js";
import { ModelBook, sidesOf } from "../books/levels.js";
import { Bench, depth, futuresDepth, json, snapshotBody, ticker } from "./collector.js";
import { TestPublisher } from "./test-publisher.js";

const SYNCING = 1;
const LIVE = 2;
const STALE = 3;
const GAP = 1;
const CROSSED = 3;

/** From and to of every delta. */
function chain(bench: Bench): (readonly [from: bigint, to: bigint])[] {
  return bench.of(OrderBookDeltaTLV).map(({ previousVersion, version }) => [previousVersion, version]);
}

function liveSpot(options: ConstructorParameters<typeof Bench>[0] = {}): Bench {
  const bench = new Bench(options);
  bench.frame(depth(90, 95));
  bench.snapshot(snapshotBody(100));
  bench.frame(depth(96, 101, [["8", "1"]]));
  expect(bench.book.state).toBe("live");
  return bench;
}

describe("spot", () => {
  test("updates wait for the snapshot; what it holds is dropped, the rest applied", () => {
    const bench = new Bench();
    bench.frame(depth(98, 99, [["9", "5"]]));
    bench.frame(depth(100, 103, [["8", "2"]]));
    bench.frame(depth(104, 104, [["9", "0"]], [["11", "3"]]));
    expect(bench.names).toEqual(["InstrumentDiscovered", "InstrumentStatus"]);
    expect(bench.snapshot(snapshotBody(100))).toBeUndefined();
    expect(bench.names.slice(2)).toEqual(["OrderBook", "InstrumentStatus", "OrderBookDelta", "OrderBookDelta"]);
    expect(bench.statuses).toEqual([
      [SYNCING, 0],
      [LIVE, 0],
    ]);
    expect(bench.of(OrderBookTLV)[0]).toMatchObject({ updateId: 100n, flags: 1, chunkIndex: 0, chunkCount: 1 });
    expect(chain(bench)).toEqual([
      [100n, 103n],
      [103n, 104n],
    ]);
    expect(bench.of(OrderBookDeltaTLV)[1]?.changes).toEqual([
      { price: 900_000_000n, size: 0n, side: 1, action: 2 },
      { price: 1_100_000_000n, size: 300_000_000n, side: 2, action: 1 },
    ]);
    expect(bench.book).toMatchObject({
      updatesBuffered: 3,
      updatesDropped: 1,
      updatesApplied: 2,
      snapshotsUsed: 1,
      updateId: 104,
    });
    expect(sidesOf(bench.adapter.book("BTCUSDT")!).bids).toEqual([{ price: 800_000_000n, size: 200_000_000n }]);
  });

  test("a snapshot below the first update that waits is fetched again", () => {
    const bench = new Bench();
    bench.frame(depth(98, 99));
    expect(bench.snapshot(snapshotBody(97))).toBeUndefined();
    expect(bench.book).toMatchObject({ state: "syncing", snapshotsTooOld: 1, snapshotsUsed: 0 });
    expect(bench.events.filter(({ type }) => type === "snapshotNeeded")).toHaveLength(2);
    bench.snapshot(snapshotBody(98));
    expect(bench.book).toMatchObject({ state: "live", updateId: 99 });
  });

  test.each([
    ["reaches just up to it", 95, 100, "live", 0],
    ["holds it and goes on", 95, 103, "live", 1],
    ["begins right behind it", 101, 103, "live", 1],
    ["begins one too late", 102, 103, "syncing", 0],
  ] as const)("a snapshot that came before the stream waits for it: the first update %s", (_, U, u, state, applied) => {
    const bench = new Bench();
    bench.snapshot(snapshotBody(100), "BTCUSDT");
    expect(bench.of(OrderBookTLV)).toEqual([]); // nothing shows that the stream runs on from here
    bench.frame(depth(U, u));
    expect(bench.book).toMatchObject({ state, updatesApplied: applied });
    expect(bench.of(OrderBookTLV)).toHaveLength(state === "live" ? 1 : 0);
  });

  test("the update that waits must be unbroken: what is before a hole goes", () => {
    const bench = new Bench();
    bench.frame(depth(90, 99));
    bench.frame(depth(101, 105));
    expect(bench.snapshot(snapshotBody(95))).toBeUndefined();
    expect(bench.book).toMatchObject({ state: "syncing", gaps: 1, snapshotsTooOld: 1 });
    bench.snapshot(snapshotBody(103));
    expect(bench.book).toMatchObject({ state: "live", updateId: 105 });
  });

  test("live: older updates are ignored, overlapping ones applied, and the id becomes u", () => {
    const bench = liveSpot();
    bench.frame(depth(90, 100, [["1", "1"]]));
    expect(bench.book).toMatchObject({ updateId: 101, updatesDropped: 2 });
    bench.frame(depth(99, 104, [["7", "1"]]));
    bench.frame(depth(105, 105, [["7", "2"]]));
    expect(chain(bench)).toEqual([
      [100n, 101n],
      [101n, 104n],
      [104n, 105n],
    ]);
  });

  test("an update that changes nothing is none to subscribers, and the chain holds", () => {
    const bench = liveSpot();
    bench.frame(
      depth(102, 103, [
        ["8", "1"],
        ["3", "0"],
      ]),
    ); // what it is already, and a level that is unknown
    bench.frame(depth(104, 106, [["8", "2"]]));
    expect(chain(bench)).toEqual([
      [100n, 101n],
      [101n, 106n],
    ]);
  });

  test("a lost update: that book alone is stale, says so, and comes back with a snapshot", () => {
    const bench = liveSpot();
    bench.frame(depth(1, 2, [], [], "ETHUSDT"));
    bench.snapshot(snapshotBody(2), "ETHUSDT");
    bench.messages.length = 0;
    bench.events.length = 0;
    bench.frame(depth(103, 104, [["7", "1"]]));
    expect(bench.statuses).toEqual([[STALE, GAP]]);
    expect(bench.events).toEqual([
      expect.objectContaining({
        type: "state",
        symbol: "BTCUSDT",
        state: "stale",
        reason: "gap",
        detail: "the book is at 101, the next update begins at 103",
      }),
      expect.objectContaining({ type: "snapshotNeeded", symbol: "BTCUSDT" }),
    ]);
    expect(bench.adapter.book("BTCUSDT")?.bids.count).toBe(0);
    expect(bench.adapter.book("ETHUSDT")?.bids.count).toBe(1);

    bench.frame(depth(105, 106, [["6", "1"]]));
    expect(bench.names).toEqual(["InstrumentStatus"]); // nothing of a book that is stale
    bench.snapshot(snapshotBody(102), "BTCUSDT");
    expect(bench.adapter.stats().books[0]).toMatchObject({ state: "stale", snapshotsTooOld: 1 });
    bench.snapshot(snapshotBody(104), "BTCUSDT");
    expect(bench.names.slice(1)).toEqual(["OrderBook", "InstrumentStatus", "OrderBookDelta"]);
    expect(bench.adapter.stats().books[0]).toMatchObject({ state: "live", updateId: 106, gaps: 1, resyncs: 1 });
  });

  test("a crossed book is stale", () => {
    const bench = liveSpot();
    bench.frame(depth(102, 103, [["11", "1"]]));
    expect(bench.statuses.at(-1)).toEqual([STALE, CROSSED]);
    expect(bench.book).toMatchObject({ state: "stale", reason: "crossedBook", crossed: 1, bidCount: 0 });
    bench.frame(depth(104, 104));
    bench.snapshot(snapshotBody(104, [["12", "1"]]));
    expect(bench.book).toMatchObject({ state: "stale", crossed: 2 });
  });

  test("an update that can't be taken is a lost one, at once", () => {
    const bench = liveSpot();
    expect(bench.frame(depth(102, 103, [["0.123456789", "1"]]))).toMatchObject({ code: "VALUE_RANGE" });
    expect(bench.statuses.at(-1)).toEqual([STALE, GAP]);
    const other = liveSpot();
    other.frame("}");
    expect(other.book.state).toBe("live"); // it may have been anything: the next update tells
    other.frame(depth(103, 104));
    expect(other.book.state).toBe("stale");
  });

  test("more snapshots than needed change nothing", () => {
    const bench = liveSpot();
    bench.messages.length = 0;
    bench.snapshot(snapshotBody(500));
    bench.snapshot(snapshotBody(50));
    expect([bench.messages, bench.book.state, bench.book.snapshotsUnneeded]).toEqual([[], "live", 2]);
    const early = new Bench();
    early.snapshot(snapshotBody(50), "BTCUSDT");
    early.snapshot(snapshotBody(40), "BTCUSDT"); // older
    early.snapshot(snapshotBody(60), "BTCUSDT");
    early.frame(depth(61, 61));
    expect(early.book).toMatchObject({ state: "live", snapshotsUnneeded: 1, updateId: 61 });
  });

  test("updates that wait are bounded by bytes: the oldest go", () => {
    const bench = new Bench({ pendingBytesMax: 2_000 });
    for (let id = 1; id <= 100; id++) bench.frame(depth(id, id, [["9", `${id}`]]));
    expect(bench.book).toMatchObject({ updatesBuffered: 100, updatesOverBound: 87 });
    bench.snapshot(snapshotBody(80));
    expect(bench.book).toMatchObject({ state: "syncing", snapshotsTooOld: 1 });
    bench.snapshot(snapshotBody(90));
    expect(bench.book).toMatchObject({ state: "live", updateId: 100, updatesApplied: 10 });
  });

  test("whose snapshot it is must be known", () => {
    const bench = new Bench();
    expect(bench.snapshot(snapshotBody(1))).toMatchObject({
      code: "AMBIGUOUS_SNAPSHOT",
      message: expect.stringMatching(/0 symbols it could be of/),
    });
    bench.frame(ticker(1, "1", "1", "2", "1"));
    bench.frame(ticker(1, "1", "1", "2", "1", "ETHUSDT"));
    expect(bench.snapshot(snapshotBody(1))).toMatchObject({
      code: "AMBIGUOUS_SNAPSHOT",
      message: expect.stringMatching(/2 symbols it could be of/),
    });
    expect(bench.snapshot({ ...snapshotBody(1), symbol: "ETHUSDT" })).toBeUndefined(); // COIN-M says it itself
    expect(bench.adapter.stats().books.map(({ symbol }) => symbol)).toEqual(["ETHUSDT"]);
    expect(bench.snapshot({ ...snapshotBody(1), symbol: "ETHUSDT" }, "BTCUSDT")).toMatchObject({
      code: "BAD_FRAME",
      message: expect.stringMatching(/^a snapshot of ETHUSDT was given as one of BTCUSDT at byte/),
    });
    expect(bench.snapshot({ bids: [], asks: [] }, "ETHUSDT")).toMatchObject({
      code: "BAD_FRAME",
      message: /lastUpdateId/,
    });
  });

  test("in a recording it may be the only symbol of that recording", () => {
    const bench = new Bench();
    const event = (recording: number, body: object, kind: "frame" | "snapshot" = "frame"): RecordedEvent => ({
      atUs: 1,
      kind,
      bytes: json(body),
      symbol: undefined,
      recording,
    });
    const code = (given: RecordedEvent): string | undefined => bench.adapter.accept(given)?.code;
    expect(code(event(0, snapshotBody(5), "snapshot"))).toBe("AMBIGUOUS_SNAPSHOT");
    code(event(0, depth(1, 5, [], [], "BTCUSDT")));
    code(event(1, depth(1, 7, [], [], "ETHUSDT")));
    expect(code(event(1, snapshotBody(6), "snapshot"))).toBeUndefined();
    expect(bench.adapter.stats().books.map(({ state }) => state)).toEqual(["syncing", "live"]);
    code(event(0, depth(1, 5, [], [], "BNBUSDT")));
    code(event(0, depth(1, 5, [], [], "BTCUSDT")));
    expect(code(event(0, snapshotBody(5), "snapshot"))).toBe("AMBIGUOUS_SNAPSHOT");
  });
});

describe("futures", () => {
  test.each([
    ["ends before it", 90, 99, 80, "live", 100, 0], // dropped, and the stream reaches back to the snapshot
    ["ends with it", 95, 100, 94, "live", 100, 1],
    ["holds it", 95, 103, 94, "live", 103, 1],
    ["begins behind it, but continues it", 102, 103, 100, "live", 103, 1],
    ["begins behind it and does not continue it", 101, 103, 99, "syncing", 0, 0],
  ] as const)("the first update %s", (_, U, u, pu, state, updateId, updatesApplied) => {
    const before = new Bench({ market: "usdm" });
    before.frame(futuresDepth(U, u, pu));
    before.snapshot(snapshotBody(100));
    expect(before.book).toMatchObject({ state, updateId, updatesApplied });
    const after = new Bench({ market: "usdm" });
    after.snapshot(snapshotBody(100), "BTCUSDT");
    after.frame(futuresDepth(U, u, pu));
    expect(after.book).toMatchObject({ state, updateId, updatesApplied });
  });

  test("from then on pu must be the book's id", () => {
    const bench = new Bench({ market: "coinm" });
    bench.frame(futuresDepth(95, 103, 94));
    bench.snapshot(snapshotBody(100));
    bench.frame(futuresDepth(110, 120, 103, [["8", "1"]]));
    bench.frame(futuresDepth(130, 140, 120, [["8", "2"]]));
    expect(bench.book).toMatchObject({ state: "live", updateId: 140 });
    expect(chain(bench)).toEqual([
      [100n, 120n],
      [120n, 140n],
    ]);
    bench.frame(futuresDepth(141, 150, 139));
    expect(bench.statuses).toEqual([
      [SYNCING, 0],
      [LIVE, 0],
      [STALE, GAP],
    ]);
    bench.frame(futuresDepth(160, 170, 150));
    bench.snapshot(snapshotBody(150));
    expect(bench.book).toMatchObject({ state: "live", updateId: 170, resyncs: 1 });
  });
});

describe("what is published", () => {
  test("tickers are compared with the book of the same id, whichever comes first", () => {
    const bench = liveSpot(); // at 101: bids 9 and 8, asks 11
    bench.frame(ticker(101, "9", "1", "11", "1")); // late, agrees
    bench.frame(ticker(102, "9", "1", "11", "5"));
    bench.frame(ticker(103, "9", "2", "11", "1"));
    bench.frame(ticker(104, "9", "7", "11", "1"));
    bench.frame(depth(102, 103, [["9", "2"]])); // its ticker came before, agrees
    bench.frame(depth(104, 104, [["9", "3"]])); // disagrees
    bench.frame(depth(105, 106, [["9", "4"]]));
    bench.frame(ticker(103, "9.1", "2", "11", "1")); // of a book that is past: disagrees
    bench.frame(ticker(105, "9", "4", "11", "1")); // no book had this id
    expect(bench.book).toMatchObject({ tickersAgreed: 2, tickersDisagreed: 2 });
  });

  test("times are the venue's, the transaction's where there is one, and of a status the receipt", () => {
    const bench = new Bench({ market: "usdm" });
    bench.frame(futuresDepth(95, 103, 94, [["7", "1"]]), 123);
    bench.snapshot({ ...snapshotBody(100), T: 1_500 }, undefined, 456);
    expect(bench.of(InstrumentStatusTLV).map(({ timestamp }) => timestamp)).toEqual([123_000n, 456_000n]);
    expect(bench.of(OrderBookTLV)[0]?.exchangeTimestamp).toBe(1_500_000_000n);
    expect(bench.of(OrderBookDeltaTLV)[0]?.exchangeTimestamp).toBe(1_672_515_782_100_000_000n);
    expect(liveSpot().of(OrderBookDeltaTLV)[0]?.exchangeTimestamp).toBe(1_672_515_782_136_000_000n);
  });

  test("books and deltas too large for a TLV come in chunks", () => {
    const bench = new Bench({ tlvBytesMax: 40 + 16 * 3 });
    const bids = Array.from({ length: 7 }, (_, i) => [`${99 - i}`, "1"] as const);
    const asks = Array.from({ length: 5 }, (_, i) => [`${100 + i}`, "2"] as const);
    bench.frame(depth(1, 2));
    bench.snapshot(snapshotBody(2, bids, asks));
    const books = bench.of(OrderBookTLV);
    expect(
      books.map(({ chunkIndex, chunkCount, bids, asks }) => [chunkIndex, chunkCount, bids.length, asks.length]),
    ).toEqual([
      [0, 4, 3, 0],
      [1, 4, 3, 0],
      [2, 4, 1, 2],
      [3, 4, 0, 3],
    ]);
    expect(books.flatMap(({ bids }) => bids).map(({ price }) => price / 100_000_000n)).toEqual([
      99n,
      98n,
      97n,
      96n,
      95n,
      94n,
      93n,
    ]);
    bench.frame(
      depth(
        3,
        4,
        bids.slice(0, 5).map(([price]) => [price, "3"]),
      ),
    );
    expect(bench.of(OrderBookDeltaTLV).map(({ flags, changes, version }) => [flags, changes.length, version])).toEqual([
      [1, 2, 4n],
      [1, 2, 4n],
      [0, 1, 4n],
    ]);
  });

  test("the largest chunks fit a TLV", () => {
    const bench = new Bench();
    const levels = Array.from({ length: 9_000 }, (_, i) => [`${20_000 - i}`, "1"] as const);
    bench.frame(depth(1, 2));
    bench.snapshot(snapshotBody(2, levels, []));
    bench.frame(
      depth(
        3,
        3,
        levels.map(([price]) => [price, "2"]),
      ),
    );
    expect(bench.of(OrderBookTLV).map(({ bids }) => bids.length)).toEqual([4_093, 4_093, 814]);
    expect(bench.of(OrderBookDeltaTLV).map(({ changes }) => changes.length)).toEqual([3_274, 3_274, 2_452]);
    expect(bench.adapter.book("BTCUSDT")?.bids.capacity).toBeGreaterThan(64); // memory grew on the way
  });

  test.each<SendResult>(["backPressured", "notConnected", "closed", "tooLarge"])(
    "what was %s is made good",
    (result) => {
      const bench = new Bench();
      bench.publisher.result = result;
      bench.frame(depth(1, 2));
      bench.snapshot(snapshotBody(2));
      expect(bench.messages).toEqual([]);
      bench.publisher.result = "sent";
      bench.frame(depth(3, 3, [["8", "1"]]));
      expect(bench.names).toEqual(["InstrumentDiscovered", "OrderBook", "InstrumentStatus", "OrderBookDelta"]);
      bench.publisher.result = result;
      bench.frame(depth(4, 5, [["8", "2"]]));
      bench.frame(depth(6, 6, [["7", "1"]]));
      bench.publisher.result = "sent";
      bench.messages.length = 0;
      bench.frame(depth(7, 8, [["6", "1"]]));
      expect(bench.names).toEqual(["OrderBook", "OrderBookDelta"]); // the whole book, since the chain was broken
      expect(bench.of(OrderBookTLV)[0]).toMatchObject({ updateId: 6n });
      expect(chain(bench)).toEqual([[6n, 8n]]);
      expect(bench.adapter.stats().unsent).toBeGreaterThan(2);
    },
  );

  test("whatever is lost on either side, a live book rebuilt from the messages is the adapter's own", () => {
    const reached = { live: 0, unsent: 0, gaps: 0 };
    const level = fc.tuple(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 0, max: 3 }));
    const anyStep = fc.record({
      bids: fc.array(level, { maxLength: 4 }),
      asks: fc.array(level, { maxLength: 4 }),
      isLost: fc.constantFrom(true, false, false, false, false),
      result: fc.constantFrom<SendResult>("sent", "sent", "sent", "sent", "backPressured"),
      withSnapshot: fc.boolean(),
    });
    const anySteps = fc.array(anyStep, { maxLength: 80, size: "max" });
    fc.assert(
      fc.property(anySteps, fc.constantFrom("spot" as const, "usdm" as const), (steps, market) => {
        const subscriber = new Subscriber();
        const publisher = new TestPublisher((message) => subscriber.take(message));
        const bench = new Bench({ market, output: publisher, tlvBytesMax: 40 + 20 * 3 });
        const venue = new VenueSide();
        for (const { bids, asks, isLost, result, withSnapshot } of steps) {
          publisher.result = result;
          const update = venue.change(market, bids, asks);
          if (!isLost) bench.frame(update);
          if (withSnapshot) bench.snapshot(venue.snapshot(), "BTCUSDT");
          const [own] = bench.adapter.stats().books;
          const book = bench.adapter.book("BTCUSDT");
          if (own?.state !== "live" || book === undefined) continue;
          if (own.updateId === venue.id) expect(sidesOf(book)).toEqual(venue.model.sides());
          if (isLost || result !== "sent" || subscriber.book?.state !== "live") continue;
          reached.live++;
          expect(sidesOf(subscriber.book.book)).toEqual(sidesOf(book));
        }
        reached.gaps += bench.adapter.stats().books[0]?.gaps ?? 0;
        reached.unsent += bench.adapter.stats().unsent;
      }),
      { numRuns: 150 },
    );
    for (const count of Object.values(reached)) expect(count).toBeGreaterThan(100);
  });
});

/** What a subscriber makes of the messages. */
class Subscriber {
  book: OrderBookReconstructor | undefined;

  take(message: MessageView): void {
    const snapshot = message.find(OrderBookTLV);
    if (snapshot !== undefined) {
      this.book ??= new OrderBookReconstructor(snapshot.instrument);
      this.book.applySnapshot(snapshot);
    }
    const delta = message.find(OrderBookDeltaTLV);
    if (delta !== undefined) this.book?.applyDelta(delta);
    if (message.find(InstrumentStatusTLV)?.status === STALE) this.book?.reset("the adapter lost it");
  }
}

/** The venue's own book, bids at 1 to 20 and asks at 21 to 40, and what it says of it. */
class VenueSide {
  readonly model = new ModelBook();
  id = 10;

  change(
    market: "spot" | "usdm",
    bids: readonly (readonly [number, number])[],
    asks: readonly (readonly [number, number])[],
  ): object {
    const set = (side: number, above: number, levels: typeof bids): (readonly [string, string])[] =>
      levels.map(([at, size]) => {
        this.model.set(side, BigInt(at + above) * 10n ** 8n, BigInt(size) * 10n ** 8n);
        return [`${at + above}`, `${size}`];
      });
    const b = set(1, 0, bids);
    const a = set(2, 20, asks);
    const previous = this.id;
    this.id += 3;
    return market === "spot" ? depth(previous + 1, this.id, b, a) : futuresDepth(previous + 2, this.id, previous, b, a);
  }

  snapshot(): object {
    const { bids, asks } = this.model.sides();
    const text = (levels: typeof bids): [string, string][] =>
      levels.map(({ price, size }) => [formatFixed8(price), formatFixed8(size)]);
    return snapshotBody(this.id, text(bids), text(asks));
  }
}
