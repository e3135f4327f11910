import { InstrumentId, QuoteTLV } from "alphapulse";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { assetsOf } from "../../examples/demo/assets.js";
import { Action, BasisPair, type BasisSettings } from "../../examples/demo/basis-pair.js";
import { endsInZeros, StepFinder } from "../../examples/demo/powers-of-ten.js";
import { TopOfBook } from "../../examples/demo/top-of-book.js";

const BUY = 1;
const SELL = 2;
const half = (value: bigint, shift: bigint): number => Number((value >> shift) & 0xffff_ffffn);
const wide = fc.oneof(fc.bigInt(0n, 10n ** 6n), fc.bigInt(0n, 2n ** 64n - 1n)).chain((value) =>
  fc.nat(8).map((zeros) => {
    const step = 10n ** BigInt(zeros);
    return (value / step) * step;
  }),
);

describe("steps", () => {
  test("a number's trailing zeros are found exactly, at any width", () => {
    let found = 0;
    fc.assert(
      fc.property(wide, fc.nat(8), (value, k) => {
        const expected = value % 10n ** BigInt(k) === 0n;
        if (expected && value > 2n ** 53n && k > 2) found++;
        expect(endsInZeros(half(value, 0n), half(value, 32n), k)).toBe(expected);
      }),
      { numRuns: 2_000 },
    );
    expect(found).toBeGreaterThan(20);
  });

  test("the step divides all that was seen", () => {
    fc.assert(
      fc.property(fc.array(wide, { minLength: 1, maxLength: 10 }), (values) => {
        const steps = new StepFinder();
        for (const value of values) steps.see(half(value, 0n), half(value, 32n));
        for (const value of values) expect(value % BigInt(steps.step)).toBe(0n);
      }),
    );
  });
});

interface Prices {
  readonly bid: bigint;
  readonly ask: bigint;
}

function top(instrument: InstrumentId, { bid, ask }: Prices, size: bigint, nowUs: number): TopOfBook {
  const market = new TopOfBook(instrument, "BTCUSDT");
  market.isLive = true;
  quote(market, { bid, ask }, size, nowUs);
  return market;
}

function quote(market: TopOfBook, { bid, ask }: Prices, size: bigint, nowUs: number): void {
  const { instrument } = market;
  const bytes = QuoteTLV.encode({
    instrument,
    bidPrice: bid,
    askPrice: ask,
    bidSize: size,
    askSize: size,
    exchangeTimestamp: 0n,
  });
  market.take(QuoteTLV.flyweight().wrapBytes(bytes), nowUs);
}

const SPOT = InstrumentId.of(100, 13, "BTCUSDT");
const PERPETUAL = InstrumentId.of(100, 12, "BTCUSDT");
const unit = 10n ** 8n;

describe("the top of a book", () => {
  test("sets limits exactly, also where prices do not fit a number", () => {
    fc.assert(
      fc.property(
        fc.bigInt(1n, 2n ** 62n),
        fc.constantFrom(BUY, SELL),
        fc.constantFrom(0, 20, 200),
        (bid, side, ppm) => {
          const market = top(SPOT, { bid, ask: bid + 1n }, unit, 1);
          const leg = {
            price: -1n,
            set priceUnits(units: number) {
              this.price = BigInt(units);
            },
          };
          market.setLimit(leg as unknown as { price: bigint; priceUnits: number }, side, ppm);
          const touch = side === BUY ? bid + 1n : bid;
          const slippage = side === BUY ? leg.price - touch : touch - leg.price;
          expect(slippage).toBeGreaterThanOrEqual(0n);
          if (ppm === 0) expect(slippage).toBe(0n);
          // The slippage itself may be that of the nearest double; the price it is added to is exact.
          expect(slippage <= (touch * BigInt(ppm)) / 1_000_000n + 1_024n).toBe(true);
        },
      ),
    );
  });

  test("is not used stale, crossed, or while its book is not live", () => {
    const market = top(SPOT, { bid: 5n, ask: 6n }, unit, 1_000);
    expect(market.isUsable(1_500, 500)).toBe(true);
    expect(market.isUsable(1_501, 500)).toBe(false);
    market.isLive = false;
    expect(market.isUsable(1_500, 500)).toBe(false);
    expect(top(SPOT, { bid: 6n, ask: 6n }, unit, 1_000).isUsable(1_000, 500)).toBe(false);
  });
});

const SETTINGS: BasisSettings = {
  memoryMs: 10_000,
  warmUpMs: 1_000,
  entryDeviations: 1.5,
  entryBpsMin: 2,
  addShare: 0.5,
  exitDeviations: 0,
  holdMsMax: 30_000,
  cooldownMs: 100,
  refusedRestMs: 1_000,
  quoteAgeMsMax: 1_000,
};

describe("a pair", () => {
  const around = (mid: bigint): Prices => ({ bid: (mid - 1n) * unit, ask: (mid + 1n) * unit });
  let nowUs = 1_700_000_000_000_000;
  const make = (): BasisPair =>
    new BasisPair(top(SPOT, around(60_000n), unit, nowUs), top(PERPETUAL, around(60_000n), unit, nowUs), SETTINGS);
  const pass = (pair: BasisPair, perpetual: bigint, ms: number): Action => {
    let action: Action = Action.None;
    for (let i = 0; i < ms && action === Action.None; i += 10) {
      nowUs += 10_000;
      quote(pair.a, around(60_000n), unit, nowUs);
      quote(pair.b, around(perpetual), unit, nowUs);
      action = pair.decide(nowUs);
    }
    return action;
  };

  test("enters where the edge is wide, waits for the end of its orders, and leaves when the basis is back", () => {
    const pair = make();
    expect(pass(pair, 60_000n, 2_000)).toBe(Action.None);
    expect(pass(pair, 60_060n, 20)).toBe(Action.Enter);
    expect(pair.chosen).toBe(1); // the perpetual is dear: sell it, buy spot
    pair.sent(2, nowUs);
    expect(pass(pair, 60_060n, 200)).toBe(Action.None);
    pair.filled(pair.a, BUY, 3n);
    pair.filled(pair.b, SELL, 3n);
    pair.settled(nowUs, false);
    pair.settled(nowUs, false);
    expect(pair.direction).toBe(1);
    expect(pass(pair, 60_000n, 300)).toBe(Action.Leave);
    expect([pair.held(pair.a), pair.held(pair.b)]).toEqual([3n, -3n]);
  });

  test("mends what is uneven before anything else", () => {
    const pair = make();
    pass(pair, 60_000n, 2_000);
    pair.filled(pair.a, BUY, 3n);
    pair.filled(pair.b, SELL, 2n);
    expect(pass(pair, 60_060n, 20)).toBe(Action.Mend);
  });

  test("asks for no more once it was refused, until it holds nothing", () => {
    const pair = make();
    pass(pair, 60_000n, 2_000);
    pair.sent(2, nowUs);
    pair.filled(pair.a, BUY, 3n);
    pair.filled(pair.b, SELL, 3n);
    pair.settled(nowUs, true);
    pair.settled(nowUs, true);
    expect(pair.isFull).toBe(true);
    expect(pass(pair, 60_200n, 1_500)).toBe(Action.None);
    pair.filled(pair.a, SELL, 3n);
    pair.filled(pair.b, BUY, 3n);
    pair.settled(nowUs, false);
    expect(pair.isFull).toBe(false);
  });

  test("does nothing on old quotes", () => {
    const pair = make();
    pass(pair, 60_000n, 2_000);
    quote(pair.b, around(60_100n), unit, nowUs);
    nowUs += 2_000_000;
    expect(pair.decide(nowUs)).toBe(Action.None);
  });
});

test("symbols fall apart into their assets", () => {
  expect(assetsOf("BTCUSDT")).toEqual(["BTC", "USDT"]);
  expect(assetsOf("BTCIDR")).toEqual(["BTC", "IDR"]);
  expect(assetsOf("ETHBTC")).toEqual(["ETH", "BTC"]);
  expect(assetsOf("WEIRD")).toEqual(["WEIRD", "WEIRD"]);
});
