import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { BookError, LevelChange, LevelList, OrderBook } from "../../src/books.js";
import { ValueRangeError } from "../../src/protocol/errors.js";
import { high, type Level, listOf, low, ModelBook, set, sidesOf } from "./levels.js";

const BID = 1;
const ASK = 2;
const I64_MIN = -(2n ** 63n);
const I64_MAX = 2n ** 63n - 1n;
const U64_MAX = 2n ** 64n - 1n;

/** Prices that meet each other often, around every place where halves carry. */
const anyPrice = fc.oneof(
  fc.bigInt({ min: -40n, max: 40n }),
  fc.bigInt({ min: 2n ** 32n - 8n, max: 2n ** 32n + 8n }),
  fc.bigInt({ min: 2n ** 53n - 8n, max: 2n ** 53n + 8n }),
  fc.bigInt({ min: -(2n ** 53n) - 8n, max: -(2n ** 53n) + 8n }),
  fc.bigInt({ min: I64_MIN, max: I64_MIN + 8n }),
  fc.bigInt({ min: I64_MAX - 8n, max: I64_MAX }),
  fc.bigInt({ min: I64_MIN, max: I64_MAX }),
);
const anySize = fc.oneof(
  { weight: 3, arbitrary: fc.constant(0n) },
  { weight: 3, arbitrary: fc.bigInt({ min: 1n, max: 3n }) },
  { weight: 1, arbitrary: fc.bigInt({ min: 2n ** 53n, max: U64_MAX }) },
);
const anyChange = fc.record({ side: fc.constantFrom(BID, ASK), price: anyPrice, size: anySize });

describe("OrderBook", () => {
  test("does what a map of levels does, and says so, for every price and size", () => {
    const reached = { grown: 0, crossed: 0, answers: new Set<number>() };
    fc.assert(
      fc.property(fc.array(anyChange, { minLength: 1, maxLength: 1_000, size: "max" }), (changes) => {
        const book = new OrderBook();
        const model = new ModelBook();
        for (const { side, price, size } of changes) {
          const answer = set(book, side, price, size);
          expect(answer).toBe(model.set(side, price, size));
          reached.answers.add(answer);
          if (book.crossed) reached.crossed++;
        }
        expect(sidesOf(book)).toEqual(model.sides());
        expect(book.crossed).toBe(model.crossed);
        if (book.bids.capacity > 64 || book.asks.capacity > 64) reached.grown++;
      }),
      { numRuns: 60 },
    );
    expect(reached.grown).toBeGreaterThan(10); // else no run ever outgrew the first memory
    expect(reached.crossed).toBeGreaterThan(0);
    expect([...reached.answers].sort()).toEqual(Object.values(LevelChange));
  });

  test("loads a snapshot as if its levels had been set one by one, in any order and with zeros and repeats", () => {
    const reached = { sorted: 0, unsorted: 0 };
    const anyLevels = fc.array(fc.record({ price: anyPrice, size: anySize }), { maxLength: 200, size: "max" });
    const bestFirst = (levels: readonly Level[], sign: bigint): Level[] => {
      const unique = new Map(levels.filter(({ size }) => size > 0n).map((level) => [level.price, level]));
      return [...unique.values()].sort((a, b) => ((a.price - b.price) * sign > 0n ? 1 : -1));
    };
    fc.assert(
      fc.property(anyLevels, anyLevels, fc.boolean(), (anyBids, anyAsks, isSorted) => {
        const bids = isSorted ? bestFirst(anyBids, -1n) : anyBids;
        const asks = isSorted ? bestFirst(anyAsks, 1n) : anyAsks;
        if (isSorted) reached.sorted++;
        else reached.unsorted++;
        const book = new OrderBook();
        set(book, BID, 7n, 7n); // must be gone
        book.load(listOf(bids), listOf(asks));
        const model = new ModelBook();
        for (const { price, size } of bids) model.set(BID, price, size);
        for (const { price, size } of asks) model.set(ASK, price, size);
        expect(sidesOf(book)).toEqual(model.sides());
        expect(set(book, BID, 5n, 9n)).toBe(model.set(BID, 5n, 9n)); // and it goes on from there
        expect(sidesOf(book)).toEqual(model.sides());
      }),
      { numRuns: 60 },
    );
    expect(Math.min(reached.sorted, reached.unsorted)).toBeGreaterThan(5);
  });

  test("takes halves signed or unsigned", () => {
    const book = new OrderBook();
    expect(book.set(BID, -1, -1, -1, 0)).toBe(LevelChange.Added);
    expect(book.set(BID, 0xffff_ffff, 0xffff_ffff, 0xffff_ffff, 0)).toBe(LevelChange.Unchanged);
    expect(book.bids.toArray()).toEqual([{ price: -1n, size: 0xffff_ffffn }]);
  });

  test("gives a level as bigint, as halves that never fail, and as a number that refuses to round", () => {
    const book = new OrderBook();
    const wide = 2n ** 53n;
    set(book, BID, wide, wide);
    set(book, BID, -wide - 1n, 1n);
    set(book, ASK, wide + 5n, U64_MAX);
    expect(book.bids.price(0)).toBe(wide);
    expect([book.bids.priceLow(0), book.bids.priceHigh(0)]).toEqual([low(wide), high(wide)]);
    expect([book.asks.sizeLow(0), book.asks.sizeHigh(0)]).toEqual([0xffff_ffff, 0xffff_ffff]);
    expect([book.bids.priceLow(1), book.bids.priceHigh(1)]).toEqual([low(-wide - 1n), high(-wide - 1n)]);
    expect(() => book.bids.priceUnits(0)).toThrow(ValueRangeError);
    expect(() => book.bids.sizeUnits(0)).toThrow(/bids\.size: 9007199254740992n does not fit/);
    expect(() => book.bids.priceUnits(1)).toThrow(ValueRangeError);
    expect(() => book.asks.sizeUnits(0)).toThrow(ValueRangeError);
    set(book, ASK, -wide, wide - 1n);
    expect(book.asks.priceUnits(0)).toBe(-(2 ** 53));
    expect(book.asks.sizeUnits(0)).toBe(2 ** 53 - 1);
  });

  test("has no level beyond its depth", () => {
    const book = new OrderBook();
    for (const index of [0, -1, 0.5, Number.NaN]) {
      expect(() => book.bids.price(index)).toThrow(expect.objectContaining({ code: "NO_LEVEL" }));
    }
    set(book, BID, 1n, 1n);
    expect(book.bids.price(0)).toBe(1n);
    expect(() => book.bids.sizeUnits(1)).toThrow(BookError);
    expect(book.bids.toArray(5)).toHaveLength(1);
  });

  test("is crossed where the best bid reaches the best ask, and never where a side is empty", () => {
    const book = new OrderBook();
    expect(book.crossed).toBe(false);
    set(book, BID, -5n, 1n);
    expect(book.crossed).toBe(false);
    set(book, ASK, -4n, 1n);
    expect(book.crossed).toBe(false);
    set(book, ASK, -5n, 1n);
    expect(book.crossed).toBe(true);
    book.clear();
    expect([book.bids.count, book.asks.count, book.crossed]).toEqual([0, 0, false]);
  });

  test("refuses more levels than it may have, and stays what it was", () => {
    const book = new OrderBook({ levelsMax: 100 });
    for (let i = 0n; i < 100n; i++) set(book, ASK, i, 1n);
    expect(() => set(book, ASK, 100n, 1n)).toThrow(expect.objectContaining({ code: "TOO_MANY_LEVELS" }));
    expect(book.asks.count).toBe(100);
    expect(set(book, ASK, 3n, 2n)).toBe(LevelChange.Updated);
    expect(set(book, ASK, 3n, 0n)).toBe(LevelChange.Removed);
    expect(set(book, ASK, 100n, 1n)).toBe(LevelChange.Added);
    expect(() =>
      book.load(new LevelList(), listOf(Array.from({ length: 101 }, (_, i) => ({ price: BigInt(i), size: 1n })))),
    ).toThrow(BookError);
  });
});

describe("LevelList", () => {
  test("grows to its limit and no further", () => {
    const list = new LevelList(100);
    for (let i = 0; i < 100; i++) list.push(i, 0, 1, 0);
    expect(() => list.push(100, 0, 1, 0)).toThrow(expect.objectContaining({ code: "TOO_MANY_LEVELS" }));
    expect(list.count).toBe(100);
    expect(list.words[99 * 4]).toBe(99);
    list.clear();
    list.push(7, 0, 1, 0);
    expect([list.count, list.words[0]]).toEqual([1, 7]);
  });
});
