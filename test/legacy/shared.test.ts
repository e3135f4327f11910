import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { OrderBookReconstructor } from "../../src/books.js";
import {
  readSharedOrderBookDelta,
  readSharedTrade,
  type SharedReadOptions,
  writeSharedOrderBookDelta,
  writeSharedTrade,
} from "../../src/legacy.js";
import { AlphaPulseError, ProtocolError } from "../../src/protocol/errors.js";
import { fixed8 } from "../../src/protocol/fixed-point.js";
import { InstrumentId } from "../../src/protocol/instrument-id.js";
import { AssetType, Side, Venue } from "../../src/protocol/tables.js";
import { OrderBookDeltaTLV, OrderBookTLV, type TradeTLV } from "../../src/tlvs/market-data.js";
import { BTC } from "./samples.js";

const TRADE: TradeTLV = {
  instrument: BTC,
  price: fixed8("121706.51"),
  volume: fixed8("0.00012345"),
  exchangeTimestamp: 1_755_000_000_123_456_789n,
  side: Side.Sell,
  flags: 0,
};

type Delta = OrderBookDeltaTLV;
type Change = Delta["changes"][number];

/** A delta with so many changes, each of its own price. */
function deltaOf(count: number): Delta {
  const changes = Array.from({ length: count }, (_, i): Change => {
    const side = i % 2 === 0 ? Side.Buy : Side.Sell;
    const price = fixed8(side === Side.Buy ? `${61_000 - i}.5` : `${62_000 + i}.5`);
    return { price, size: fixed8("0.25"), side, action: 1 };
  });
  return { instrument: BTC, exchangeTimestamp: 7n, version: 12n, previousVersion: 10n, flags: 0, changes };
}

function refusal(action: () => unknown): { code: string; field: unknown } {
  try {
    action();
  } catch (error) {
    if (!(error instanceof AlphaPulseError)) throw error;
    return { code: error.code, field: (error as { field?: unknown }).field };
  }
  return { code: "nothing", field: undefined };
}

/** A struct written field by field, as a compiler lays it out: no code of ours. */
function sharedTrade(set: { price?: number; volume?: number; side?: number; exchange?: string; symbol?: string } = {}) {
  const bytes = new Uint8Array(128);
  const view = new DataView(bytes.buffer);
  const put = (text: string, at: number) => bytes.set(new TextEncoder().encode(text), at);
  view.setBigUint64(0, TRADE.exchangeTimestamp, true);
  put(set.symbol ?? "BTC-USD", 8);
  put(set.exchange ?? "coinbase", 24);
  view.setFloat64(40, set.price ?? 121706.51, true);
  view.setFloat64(48, set.volume ?? 0.00012345, true);
  view.setUint8(56, set.side ?? 1);
  put("4711", 57);
  return bytes;
}

describe("a SharedTrade", () => {
  test("is read field by field, floats as the decimals that they were made from", () => {
    expect(readSharedTrade(sharedTrade())).toEqual({
      trade: TRADE,
      exchange: "coinbase",
      symbol: "BTC-USD",
      tradeId: "4711",
    });
  });

  test("is written with every byte in its place", () => {
    expect(writeSharedTrade(TRADE, { tradeId: "4711" })).toEqual(sharedTrade());
  });

  test("has sides of its own: 0 buy, 1 sell", () => {
    expect(readSharedTrade(sharedTrade({ side: 0 })).trade.side).toBe(Side.Buy);
    expect(writeSharedTrade({ ...TRADE, side: Side.Buy })[56]).toBe(0);
    expect(refusal(() => readSharedTrade(sharedTrade({ side: 2 })))).toEqual({ code: "VALUE_RANGE", field: "side" });
  });

  test.each([
    ["Binance.US", Venue.BinanceUS],
    ["binance_us", Venue.BinanceUS],
    ["KRAKEN", Venue.Kraken],
  ])("finds the venue of %s", (exchange, venue) => {
    expect(readSharedTrade(sharedTrade({ exchange })).trade.instrument.venue).toBe(venue);
  });

  test("can mean another instrument, if its reader says so", () => {
    const other = new InstrumentId(60_000, AssetType.Stock, 5n);
    const read = (options: SharedReadOptions) => readSharedTrade(sharedTrade({ exchange: "dark pool" }), options);
    expect(refusal(() => read({}))).toEqual({ code: "VALUE_RANGE", field: "exchange" });
    expect(read({ instrumentOf: (exchange) => (exchange === "dark pool" ? other : BTC) }).trade.instrument).toEqual(
      other,
    );
  });

  test.each([
    ["no number", { price: Number.NaN }, "price"],
    ["infinity", { volume: Number.POSITIVE_INFINITY }, "volume"],
    ["a ninth decimal", { volume: 1e-9 }, "volume"],
    ["what arithmetic left behind", { price: 0.1 + 0.2 }, "price"],
    ["a size below zero", { volume: -1 }, "volume"],
    ["more than 64 bits", { price: 1e12 }, "price"],
  ])("is refused where it holds %s", (_, set, field) => {
    expect(refusal(() => readSharedTrade(sharedTrade(set)))).toEqual({ code: "VALUE_RANGE", field });
  });

  test("can be read with other decimals, or rounded by who allows it", () => {
    const small = sharedTrade({ price: 0.000000012 });
    expect(readSharedTrade(small, { decimals: { price: 12, size: 8 } }).trade.price).toBe(12_000n);
    expect(readSharedTrade(small, { rounding: "nearest" }).trade.price).toBe(1n);
    expect(readSharedTrade(sharedTrade({ price: 1.5e-8 }), { rounding: "nearest" }).trade.price).toBe(2n);
    expect(readSharedTrade(sharedTrade({ price: -1.5e-8 }), { rounding: "nearest" }).trade.price).toBe(-2n);
    expect(readSharedTrade(sharedTrade({ price: 1.4e-8 }), { rounding: "nearest" }).trade.price).toBe(1n);
  });

  test.each([
    ["flags", { flags: 1 }, {}, "flags"],
    ["an unknown side", { side: Side.Unknown }, {}, "side"],
    ["a price of 19 digits", { price: 1_234_567_890_123_456_789n }, {}, "price"],
    ["a size of 20 digits", { volume: 2n ** 64n - 1n }, {}, "volume"],
    ["a trade id of 33 bytes", {}, { tradeId: "x".repeat(33) }, "tradeId"],
    ["a symbol of 17 bytes", {}, { symbol: "x".repeat(17) }, "symbol"],
    ["an exchange with a zero in it", {}, { exchange: "a\0b" }, "exchange"],
    ["half a surrogate pair", {}, { tradeId: "\ud800" }, "tradeId"],
    ["a venue without a name", { instrument: new InstrumentId(60_000, 13, 5n) }, { symbol: "X" }, "exchange"],
    ["an id without a symbol", { instrument: new InstrumentId(Venue.Curve, AssetType.Pool, 5n) }, {}, "symbol"],
  ])("does not hold %s", (_, trade, options, field) => {
    expect(refusal(() => writeSharedTrade({ ...TRADE, ...trade }, options))).toEqual({ code: "VALUE_RANGE", field });
  });

  test("holds the nearest price where its writer allows it", () => {
    const wide = { ...TRADE, price: 1_234_567_890_123_456_789n };
    const written = writeSharedTrade(wide, { rounding: "nearest" });
    expect(new DataView(written.buffer).getFloat64(40, true)).toBe(12345678901.234568);
  });

  test.each([
    ["a symbol that is not UTF-8", 8, 0xff, "BAD_TEXT"],
    ["a text that goes on behind its zero", 23, 0x41, "BAD_TEXT"],
    ["no symbol", 8, 0, "BAD_TEXT"],
  ])("is refused with %s", (_, at, byte, code) => {
    const bytes = sharedTrade();
    bytes[at] = byte;
    expect(refusal(() => readSharedTrade(bytes)).code).toBe(code);
  });

  test("has texts that fill their fields to the last byte", () => {
    const texts = { symbol: "A".repeat(16), exchange: "€".repeat(5) };
    const written = writeSharedTrade(TRADE, { ...texts, tradeId: "9".repeat(32) });
    expect([written[23], written[24], written[56], written[88]]).toEqual([0x41, 0xe2, 1, 0x39]);
    expect(readSharedTrade(written, { instrumentOf: () => BTC })).toMatchObject({ ...texts, tradeId: "9".repeat(32) });
  });

  test("says what to give where the id does not hold its texts", () => {
    const venue = new InstrumentId(60_000, AssetType.SpotPair, 5n);
    expect(() => writeSharedTrade({ ...TRADE, instrument: venue })).toThrow("or give `exchange`");
    const pool = new InstrumentId(Venue.Curve, AssetType.Pool, 5n);
    expect(() => writeSharedTrade({ ...TRADE, instrument: pool })).toThrow("or give `symbol`");
    expect(refusal(() => writeSharedTrade({ ...TRADE, instrument: pool }, { symbol: "3pool" })).code).toBe("nothing");
  });

  test("takes up to 38 decimals", () => {
    const options = { decimals: { price: 38, size: 8 } };
    expect(readSharedTrade(sharedTrade({ price: 1e-38 }), options).trade.price).toBe(1n);
  });

  test("is refused with an empty symbol", () => {
    expect(refusal(() => readSharedTrade(sharedTrade({ symbol: "" }))).code).toBe("INVALID_SYMBOL");
  });

  test.each([0, 127, 129, 256])("has exactly 128 bytes, not %d", (count) => {
    expect(refusal(() => readSharedTrade(new Uint8Array(count))).code).toBe("BAD_LENGTH");
  });

  test.each([
    [{ rounding: "down" as "nearest" }],
    [{ decimals: { price: 39, size: 8 } }],
    [{ decimals: { price: 8, size: -1 } }],
    [{ decimals: { price: 8, size: 0.5 } }],
  ])("refuses the options %j", (options) => {
    expect(refusal(() => readSharedTrade(sharedTrade(), options)).code).toBe("BAD_OPTION");
    expect(refusal(() => writeSharedTrade(TRADE, options)).code).toBe("BAD_OPTION");
  });

  test("comes back from any price of up to 15 digits", () => {
    const amount = fc.bigInt({ min: -(10n ** 15n) + 1n, max: 10n ** 15n - 1n });
    fc.assert(
      fc.property(
        amount,
        fc.bigInt({ min: 0n, max: 10n ** 15n - 1n }),
        fc.integer({ min: 0, max: 18 }),
        (price, volume, n) => {
          const decimals = { price: n, size: 18 - n };
          const written = writeSharedTrade({ ...TRADE, price, volume }, { decimals });
          expect(readSharedTrade(written, { decimals }).trade).toEqual({ ...TRADE, price, volume });
        },
      ),
    );
  });

  test("comes back from any 64 bits, or they are refused: nothing is rounded silently", () => {
    let refused = 0;
    let held = 0;
    const amount = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
    fc.assert(
      fc.property(amount, fc.integer({ min: 0, max: 62 }), (wide, shift) => {
        const price = wide >> BigInt(shift);
        if (refusal(() => writeSharedTrade({ ...TRADE, price })).code !== "nothing") {
          refused++;
          expect(price > 10n ** 15n || price < -(10n ** 15n)).toBe(true);
          return;
        }
        held++;
        expect(readSharedTrade(writeSharedTrade({ ...TRADE, price })).trade.price).toBe(price);
      }),
      { numRuns: 500 },
    );
    expect(refused).toBeGreaterThan(20);
    expect(held).toBeGreaterThan(100);
  });
});

describe("a SharedOrderBookDelta", () => {
  test("is read field by field, as compilers lay it out or packed", () => {
    for (const [layout, at] of [
      ["aligned", 60],
      ["packed", 58],
    ] as const) {
      const bytes = new Uint8Array(256);
      const view = new DataView(bytes.buffer);
      const put = (text: string, offset: number) => bytes.set(new TextEncoder().encode(text), offset);
      view.setBigUint64(0, 7n, true);
      put("BTC-USD", 8);
      put("coinbase", 24);
      view.setBigUint64(40, 12n, true);
      view.setBigUint64(48, 10n, true);
      view.setUint16(56, 2, true);
      view.setFloat32(at, 61_000.51, true);
      view.setFloat32(at + 4, 0.25, true);
      view.setUint8(at + 8, 1);
      view.setFloat32(at + 12, 62_000.1, true);
      view.setUint8(at + 20, 0x82);
      const changes = [
        { price: fixed8("61000.51"), size: fixed8("0.25"), side: Side.Buy, action: 1 },
        { price: fixed8("62000.1"), size: 0n, side: Side.Sell, action: 2 },
      ];
      const delta = { ...deltaOf(0), changes };
      expect(readSharedOrderBookDelta(bytes, { layout }).delta).toEqual(delta);
      expect(writeSharedOrderBookDelta(delta, { layout })).toEqual([bytes]);
    }
  });

  test.each([
    [0, 1],
    [16, 1],
    [17, 2],
    [100, 7],
  ])("of %d changes needs %d structs, and comes back whole", (count, structs) => {
    const written = writeSharedOrderBookDelta(deltaOf(count));
    expect(written.map(({ byteLength }) => byteLength)).toEqual(new Array(structs).fill(256));
    expect(readSharedOrderBookDelta(written)).toEqual({
      delta: deltaOf(count),
      exchange: "coinbase",
      symbol: "BTC-USD",
    });
  });

  test("in several structs keeps a reader's chain whole, struct by struct", () => {
    const reader = new OrderBookReconstructor(BTC);
    const empty = {
      instrument: BTC,
      exchangeTimestamp: 0n,
      chunkIndex: 0,
      chunkCount: 1,
      flags: 0,
      bids: [],
      asks: [],
    };
    reader.applySnapshot(OrderBookTLV.flyweight().wrapBytes(OrderBookTLV.encode({ ...empty, updateId: 10n })));
    for (const struct of writeSharedOrderBookDelta(deltaOf(40))) {
      const { delta } = readSharedOrderBookDelta(struct);
      reader.applyDelta(OrderBookDeltaTLV.flyweight().wrapBytes(OrderBookDeltaTLV.encode(delta)));
    }
    expect(reader).toMatchObject({ state: "live", version: 12n });
    expect(reader.book.bids.count + reader.book.asks.count).toBe(40);
  });

  test("is not joined with one that does not go on from it", () => {
    const [a, b] = writeSharedOrderBookDelta(deltaOf(17)) as [Uint8Array, Uint8Array];
    const other = writeSharedOrderBookDelta({ ...deltaOf(1), version: 13n, previousVersion: 12n }) as [Uint8Array];
    const eth = writeSharedOrderBookDelta({ ...deltaOf(17) }, { symbol: "ETH-USD" })[1] as Uint8Array;
    for (const wrong of [
      [a, other[0]],
      [a, a],
      [b, a],
      [a, eth],
    ]) {
      expect(refusal(() => readSharedOrderBookDelta(wrong)).code).toBe("VALUE_RANGE");
    }
    expect(refusal(() => readSharedOrderBookDelta([])).code).toBe("BAD_LENGTH");
  });

  const change = deltaOf(1).changes[0] as Change;
  test.each([
    ["a price of more than 7 digits", { ...change, price: fixed8("121706.515") }, "changes.price"],
    ["a size of more than 7 digits", { ...change, size: fixed8("1.00000001") }, "changes.volume"],
    ["a side that is not known", { ...change, side: 0 }, "changes.side"],
    ["an action beyond 7 bits", { ...change, action: 128 }, "changes.action"],
  ])("does not hold %s", (_, wrong, field) => {
    const write = () => writeSharedOrderBookDelta({ ...deltaOf(0), changes: [wrong] });
    expect(refusal(write)).toEqual({ code: "VALUE_RANGE", field });
  });

  test("does not hold flags: the chunks of a version are joined first", () => {
    const write = () => writeSharedOrderBookDelta({ ...deltaOf(1), flags: 1 });
    expect(refusal(write)).toEqual({ code: "VALUE_RANGE", field: "flags" });
  });

  test("of more than 16 changes by its own count is refused", () => {
    const [bytes] = writeSharedOrderBookDelta(deltaOf(16)) as [Uint8Array];
    bytes[56] = 17;
    expect(refusal(() => readSharedOrderBookDelta(bytes))).toEqual({ code: "VALUE_RANGE", field: "changeCount" });
  });

  test.each([0, 128, 255, 257])("has exactly 256 bytes, not %d", (count) => {
    expect(refusal(() => readSharedOrderBookDelta(new Uint8Array(count))).code).toBe("BAD_LENGTH");
  });

  test.each([
    [Number.NaN, 1, "changes.price"],
    [1, -1, "OrderBookDelta"],
    [1, 1e-9, "changes.volume"],
  ])("is refused with a price of %d and a volume of %d", (price, volume, named) => {
    const [bytes] = writeSharedOrderBookDelta(deltaOf(1)) as [Uint8Array];
    const view = new DataView(bytes.buffer);
    view.setFloat32(60, price, true);
    view.setFloat32(64, volume, true);
    expect(() => readSharedOrderBookDelta(bytes)).toThrow(named);
    expect(refusal(() => readSharedOrderBookDelta(bytes)).code).toBe("VALUE_RANGE");
  });

  test("gives each float its bits again, also those that need 9 digits", () => {
    const [bytes] = writeSharedOrderBookDelta(deltaOf(1)) as [Uint8Array];
    const view = new DataView(bytes.buffer);
    const decimals = { price: 12, size: 8 };
    let longest = 0;
    fc.assert(
      fc.property(fc.float({ min: Math.fround(0.001), max: 100_000, noNaN: true }), (price) => {
        view.setFloat32(60, price, true);
        const { delta } = readSharedOrderBookDelta(bytes, { decimals });
        longest = Math.max(longest, String(delta.changes[0]?.price).replace(/0+$/, "").length);
        expect(writeSharedOrderBookDelta(delta, { decimals })).toEqual([bytes]);
      }),
      { numRuns: 1_000 },
    );
    expect(longest).toBe(9);
  });

  test("comes back from any prices and sizes of up to 6 digits", () => {
    const amount = fc.tuple(fc.bigInt({ min: 0n, max: 999_999n }), fc.integer({ min: 0, max: 10 }));
    fc.assert(
      fc.property(
        fc.array(fc.tuple(amount, amount, fc.boolean(), fc.integer({ min: 0, max: 2 })), { maxLength: 40 }),
        (given) => {
          const changes = given.map(
            ([price, size, isBid, action]): Change => ({
              price: price[0] * 10n ** BigInt(price[1]),
              size: size[0] * 10n ** BigInt(size[1]),
              side: isBid ? Side.Buy : Side.Sell,
              action,
            }),
          );
          const delta = { ...deltaOf(0), changes };
          expect(readSharedOrderBookDelta(writeSharedOrderBookDelta(delta)).delta).toEqual(delta);
        },
      ),
    );
  });
});

test("any bytes as a struct give a value or a ProtocolError, and nothing else", () => {
  const outcomes = new Map<string, number>();
  const instrumentOf = () => BTC;
  const outcomeOf = (read: () => unknown): void => {
    let outcome = "read";
    try {
      read();
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      outcome = error.code;
    }
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
  };
  const [delta] = writeSharedOrderBookDelta(deltaOf(16)) as [Uint8Array];
  const change = fc.record({ at: fc.nat(), byte: fc.integer({ min: 0, max: 255 }) });
  fc.assert(
    fc.property(fc.constantFrom(sharedTrade(), delta), fc.array(change, { maxLength: 3 }), (original, changes) => {
      const bytes = original.slice();
      for (const { at, byte } of changes) bytes[at % bytes.byteLength] = byte;
      for (const options of [{}, { instrumentOf, rounding: "nearest" }] as const) {
        outcomeOf(() =>
          bytes.byteLength === 128 ? readSharedTrade(bytes, options) : readSharedOrderBookDelta(bytes, options),
        );
      }
    }),
    { numRuns: 1_000 },
  );
  fc.assert(
    fc.property(fc.uint8Array({ size: "max", maxLength: 260 }), (bytes) => outcomeOf(() => readSharedTrade(bytes))),
  );
  expect([...outcomes.keys()]).toEqual(expect.arrayContaining(["read", "VALUE_RANGE", "BAD_TEXT", "BAD_LENGTH"]));
});
