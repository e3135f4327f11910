import { OrderBook } from "alphapulse/books";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Execution, Matcher, takerFee } from "../../examples/demo/matching.js";

const BUY = 1;
const SELL = 2;

interface Level {
  readonly price: bigint;
  readonly size: bigint;
}

/** Levels of one side; prices few enough that orders meet several. */
const levels = (least: bigint): fc.Arbitrary<Level[]> =>
  fc.uniqueArray(fc.record({ price: fc.bigInt(least, least + 20n), size: fc.bigInt(1n, 2n ** 63n) }), {
    selector: ({ price }) => price,
    maxLength: 12,
  });

function set(book: OrderBook, side: number, { price, size }: Level): void {
  const half = (value: bigint, shift: bigint): number => Number((value >> shift) & 0xffff_ffffn);
  book.set(side, half(price, 0n), half(price, 32n), half(size, 0n), half(size, 32n));
}

function bookOf(bids: readonly Level[], asks: readonly Level[]): OrderBook {
  const book = new OrderBook();
  for (const level of bids) set(book, BUY, level);
  for (const level of asks) set(book, SELL, level);
  return book;
}

const sum = (executions: readonly Execution[]): bigint =>
  executions.reduce((total, { quantity }) => total + quantity, 0n);

describe("the matcher", () => {
  test("fills the best levels first, never past limit, size or what a level has", () => {
    let partial = 0;
    fc.assert(
      fc.property(
        levels(100n),
        fc.constantFrom(BUY, SELL),
        fc.bigInt(95n, 125n),
        fc.bigInt(1n, 2n ** 64n - 1n),
        (side, taker, limit, quantity) => {
          const book = taker === BUY ? bookOf([], side) : bookOf(side, []);
          const executions = new Matcher(book).match(taker, limit, quantity);
          const within = side.filter(({ price }) => (taker === BUY ? price <= limit : price >= limit));
          const available = within.reduce((total, { size }) => total + size, 0n);
          expect(sum(executions)).toBe(available < quantity ? available : quantity);
          if (available < quantity && available > 0n) partial++;
          for (const { price, quantity: filled } of executions) {
            const level = within.find((one) => one.price === price);
            expect(level !== undefined && filled > 0n && filled <= level.size).toBe(true);
          }
          const prices = executions.map(({ price }) => price);
          const sorted = [...prices].sort((a, b) => Number(taker === BUY ? a - b : b - a));
          expect(prices).toEqual(sorted);
        },
      ),
    );
    expect(partial).toBeGreaterThan(5);
  });

  test("gives the same liquidity once, however many orders ask for it, until the level changes", () => {
    fc.assert(
      fc.property(
        levels(100n),
        fc.array(fc.bigInt(1n, 2n ** 62n), { minLength: 1, maxLength: 8 }),
        (asks, quantities) => {
          const matcher = new Matcher(bookOf([], asks));
          const filled = quantities.reduce((total, quantity) => total + sum(matcher.match(BUY, 200n, quantity)), 0n);
          const there = asks.reduce((total, { size }) => total + size, 0n);
          const wanted = quantities.reduce((total, quantity) => total + quantity, 0n);
          expect(filled).toBe(there < wanted ? there : wanted);
        },
      ),
    );
    const book = bookOf([], [{ price: 100n, size: 5n }]);
    const matcher = new Matcher(book);
    expect(sum(matcher.match(BUY, 100n, 5n))).toBe(5n);
    expect(sum(matcher.match(BUY, 100n, 5n))).toBe(0n);
    set(book, SELL, { price: 100n, size: 7n });
    expect(sum(matcher.match(BUY, 100n, 9n))).toBe(7n);
  });

  test("skips levels that are known to be gone", () => {
    const matcher = new Matcher(
      bookOf(
        [
          { price: 99n, size: 4n },
          { price: 98n, size: 4n },
        ],
        [],
      ),
    );
    expect(matcher.match(SELL, 90n, 6n, 98n)).toEqual([{ price: 98n, quantity: 4n }]);
  });

  test("charges a fee that is rounded up to the unit", () => {
    expect(takerFee(60_000n * 10n ** 8n, 10n ** 8n, 100)).toBe(6n * 10n ** 8n); // 1 for 60,000 at one basis point
    expect(takerFee(1n, 1n, 1)).toBe(1n);
    expect(takerFee(10n ** 8n, 10n ** 8n, 0)).toBe(0n);
  });
});
