import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { AdapterError } from "../../src/adapters.js";
import { AlphaPulseError } from "../../src/protocol/errors.js";
import { fixed8 } from "../../src/protocol/fixed-point.js";
import { InstrumentId } from "../../src/protocol/instrument-id.js";
import { AssetType, Side, Venue } from "../../src/protocol/tables.js";
import { InstrumentDiscoveredTLV, QuoteTLV, TradeTLV } from "../../src/tlvs/market-data.js";
import { Bench, depth, futuresDepth, json, snapshotBody, ticker } from "./collector.js";

const trade = {
  e: "trade",
  E: 1_672_515_782_136,
  s: "BNBBTC",
  t: 12_345,
  p: "0.001",
  q: "100",
  T: 1_672_515_782_135,
  m: true,
  M: true,
};
const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

describe("frames", () => {
  test("a trade is the taker's, with the venue's id, raw and in a combined stream", () => {
    const bench = new Bench();
    bench.frame(trade);
    bench.frame({ stream: "bnbbtc@trade", data: { ...trade, t: 2 ** 53 - 1, m: false } });
    bench.frame({ ...trade, e: "aggTrade", a: 77, f: 1, l: 2 });
    const instrument = InstrumentId.of(Venue.Binance, AssetType.SpotPair, "BNBBTC");
    expect(bench.of(InstrumentDiscoveredTLV)).toEqual([
      { instrument, priceDecimals: 8, sizeDecimals: 8, symbol: "BNBBTC", metadata: new Uint8Array(0) },
    ]);
    expect(bench.of(TradeTLV)[0]).toEqual({
      instrument,
      price: 100_000n,
      volume: 10_000_000_000n,
      exchangeTimestamp: 1_672_515_782_135_000_000n,
      side: Side.Sell,
      flags: 0,
    });
    expect(bench.of(TradeTLV).map(({ side }) => side)).toEqual([Side.Sell, Side.Buy, Side.Sell]);
    expect(bench.messages.slice(1).map(({ reference }) => reference)).toEqual(["12345", "9007199254740991", "77"]);
    const { trades, aggTrades, sent, instruments, frames } = bench.adapter.stats();
    expect({ trades, aggTrades, sent, instruments, frames }).toEqual({
      trades: 2,
      aggTrades: 1,
      sent: 4,
      instruments: 1,
      frames: 3,
    });
  });

  test("a trade of nothing is none", () => {
    const bench = new Bench({ market: "usdm" });
    expect(bench.frame({ ...trade, p: "0", q: "0", X: "NA" })).toBeUndefined();
    expect(bench.adapter.stats().emptyTrades).toBe(1);
    expect(bench.of(TradeTLV)).toEqual([]);
  });

  test("a ticker is a quote: of spot without event type and time, of futures with both", () => {
    const spot = new Bench();
    spot.frame(ticker(400_900_217, "25.35190000", "31.21", "25.36520000", "40.66"));
    const futures = new Bench({ market: "usdm" });
    futures.frame({
      e: "bookTicker",
      ...ticker(1, "25.3519", "0", "25.3652", "40.66"),
      T: 1_568_014_460_891,
      E: 1_568_014_460_893,
    });
    expect([spot.of(QuoteTLV)[0], futures.of(QuoteTLV)[0]]).toEqual([
      {
        instrument: InstrumentId.of(Venue.Binance, AssetType.SpotPair, "BTCUSDT"),
        bidPrice: fixed8("25.3519"),
        askPrice: fixed8("25.3652"),
        bidSize: fixed8("31.21"),
        askSize: fixed8("40.66"),
        exchangeTimestamp: 0n,
      },
      expect.objectContaining({ bidSize: 0n, exchangeTimestamp: 1_568_014_460_891_000_000n }),
    ]);
  });

  test("instruments say venue and kind: spot pairs, perpetuals, what expires", () => {
    const idOf = (options: ConstructorParameters<typeof Bench>[0], s: string): InstrumentId => {
      const bench = new Bench(options);
      bench.frame({ ...trade, s });
      return bench.of(TradeTLV)[0]!.instrument as InstrumentId;
    };
    expect(idOf({ venue: Venue.BinanceUS }, "BTCUSD")).toEqual(
      InstrumentId.of(Venue.BinanceUS, AssetType.SpotPair, "BTCUSD"),
    );
    expect(idOf({ market: "usdm" }, "BTCUSDT")).toEqual(InstrumentId.of(Venue.Binance, AssetType.Perpetual, "BTCUSDT"));
    expect(idOf({ market: "usdm" }, "BTCUSDT_240927").assetType).toBe(AssetType.Future);
    expect(idOf({ market: "coinm" }, "BTCUSD_PERP").assetType).toBe(AssetType.Perpetual);
    expect(idOf({}, "币安人生USDT").symbol).toBeUndefined(); // a one-way id: InstrumentDiscovered has the symbol
  });

  test("prices and sizes beyond 2^53 stay exact", () => {
    const bench = new Bench();
    bench.frame(ticker(1, "1650000000.01", "184467440737.09551615", "1650000000.02", "90071992547.40993"));
    const [quote] = bench.of(QuoteTLV);
    expect([quote?.bidPrice, quote?.bidSize, quote?.askSize]).toEqual([
      165_000_000_001_000_000n,
      2n ** 64n - 1n,
      9_007_199_254_740_993_000n,
    ]);
  });

  test("what says nothing to it is ignored and counted", () => {
    const bench = new Bench();
    const others: unknown[] = [
      { result: null, id: 1 },
      { stream: "btcusdt@kline_1m", data: { e: "kline", E: 1, s: "BTCUSDT", k: { t: 1, s: "BTCUSDT", b: [["x"]] } } },
      { stream: "!miniTicker@arr", data: [{ e: "24hrMiniTicker", s: "BTCUSDT" }] },
      { stream: "btcusdt@depth5", data: { lastUpdateId: 160, bids: [["0.0024", "10"]], asks: [] } },
      { e: "ACCOUNT_UPDATE", a: { B: [] }, b: [["no", "levels"]], u: "text", p: 1, m: null },
      { e: 5 },
      { data: null, e: "trade" },
      [],
      "text",
      7,
      null,
    ];
    for (const other of others) expect(bench.frame(other)).toBeUndefined();
    expect(bench.adapter.stats()).toMatchObject({ ignored: others.length, errors: {}, instruments: 0 });
    expect(bench.messages).toEqual([]);
  });

  test.each<readonly [what: string, frame: string, code: string, message: RegExp]>([
    ["no JSON", "}", "BAD_FRAME", /^no value at byte 0$/],
    [
      "half a frame",
      '{"e":"trade","p',
      "BAD_FRAME",
      /^a string that does not end, or holds a control character, at byte 15$/,
    ],
    ["nothing", "", "BAD_FRAME", /at byte 0/],
    ["two frames", '{"e":"x"} {}', "BAD_FRAME", /^bytes behind the end of the frame at byte 10$/],
    ["a 0 byte", '{"e":"x"}\0', "BAD_FRAME", /^bytes behind the end of the frame at byte 9$/],
    ["no symbol", JSON.stringify({ ...trade, s: undefined }), "BAD_FRAME", /^"s" is not there at byte 0$/],
    ["an empty symbol", JSON.stringify({ ...trade, s: "" }), "BAD_FRAME", /^"s" is empty/],
    ["a quoted symbol", JSON.stringify({ ...trade, s: 'A"B' }), "BAD_FRAME", /quotes/],
    ["a long symbol", JSON.stringify({ ...trade, s: "X".repeat(256) }), "BAD_FRAME", /1 to 255 bytes/],
    ["a price that is a number", JSON.stringify({ ...trade, p: 1 }), "BAD_FRAME", /^"p" is not text at byte/],
    ["no price", JSON.stringify({ ...trade, p: "1e5" }), "BAD_FRAME", /^no decimal number at byte/],
    ["nine decimals", JSON.stringify({ ...trade, p: "0.123456789" }), "VALUE_RANGE", /more than 8 decimals/],
    ["a negative size", JSON.stringify({ ...trade, q: "-1" }), "VALUE_RANGE", /64 bits/],
    ["a price of 70 bits", JSON.stringify({ ...trade, p: "9999999999999.0" }), "VALUE_RANGE", /64 bits/],
    ["a fractional id", JSON.stringify({ ...trade, t: 1.5 }), "BAD_FRAME", /^"t" is no unsigned integer at byte/],
    ["a negative id", JSON.stringify({ ...trade, t: -1 }), "BAD_FRAME", /^"t" is no unsigned integer/],
    [
      "an id of 2^53",
      '{"e":"trade","s":"A","p":"1","q":"1","T":1,"m":true,"t":9007199254740992}',
      "VALUE_RANGE",
      /"t" is beyond 2\^53/,
    ],
    ["a side that is none", JSON.stringify({ ...trade, m: 1 }), "BAD_FRAME", /^"m" is not true or false/],
    ["a time in nanoseconds", JSON.stringify({ ...trade, T: 1_672_515_782_135_000 }), "VALUE_RANGE", /milliseconds/],
    ["no levels", JSON.stringify({ ...depth(1, 2), b: undefined }), "BAD_FRAME", /^"b" is not there/],
    ["levels that are none", JSON.stringify(depth(1, 2, [["1"]] as never)), "BAD_FRAME", /^no size in a level at byte/],
    ["a level that is none", JSON.stringify({ ...depth(1, 2), a: [1] }), "BAD_FRAME", /^no level in a list of levels/],
    [
      "a level with nine decimals",
      JSON.stringify(depth(1, 2, [["0.000000001", "1"]])),
      "VALUE_RANGE",
      /more than 8 decimals/,
    ],
    ["futures without pu", JSON.stringify(depth(1, 2)), "BAD_FRAME", /^"pu" is not there/],
  ])("%s is an error with a code, and the next frame is taken", (what, frame, code, message) => {
    const bench = new Bench({ market: what.startsWith("futures") ? "usdm" : "spot" });
    const error = bench.adapter.frame(utf8(frame), 0);
    expect(error).toBeInstanceOf(AdapterError);
    expect(error).toMatchObject({ code, message: expect.stringMatching(message) });
    expect(bench.events).toEqual([{ type: "error", error }]);
    expect(bench.adapter.stats().errors).toEqual({ [code]: 1 });
    expect(bench.messages).toEqual([]);
    expect(bench.frame(trade)).toBeUndefined();
    expect(bench.of(TradeTLV)).toHaveLength(1);
  });

  test("bytes that are no UTF-8 in a symbol, a frame too large, symbols too many", () => {
    const bench = new Bench({ instrumentsMax: 1 });
    const bytes = json(trade);
    bytes[bytes.indexOf(0x42)] = 0xff; // the B of BNBBTC
    expect(bench.adapter.frame(bytes, 0)).toMatchObject({ code: "BAD_FRAME", message: expect.stringMatching(/UTF-8/) });
    expect(bench.adapter.frame(new Uint8Array(16_777_217), 0)).toMatchObject({ code: "FRAME_TOO_LARGE" });
    expect(bench.adapter.frame(utf8(`${" ".repeat(200_000)}${JSON.stringify(trade)}`), 0)).toBeUndefined();
    expect(bench.frame({ ...trade, s: "ETHBTC" })).toMatchObject({ code: "TOO_MANY_INSTRUMENTS" });
  });

  test("mistakes of its own program are thrown", () => {
    const bench = new Bench({ onEvent: () => bench.frame(trade) });
    expect(() => bench.frame(trade, 0.5)).toThrow(AlphaPulseError);
    expect(() => bench.frame(trade, -1)).toThrow(expect.objectContaining({ code: "VALUE_RANGE" }));
    expect(() => bench.frame("}")).not.toThrow();
    expect(() => bench.adapter.frame(utf8("}"), 0)).toThrow(expect.objectContaining({ code: "REENTERED" }));
  });
});

/** JSON text of a value with random white space, key order and escapes. */
function written(value: unknown, random: () => number): string {
  const space = (): string => ["", "", "", " ", "\n", "\t \r\n"][Math.floor(random() * 6)] as string;
  if (typeof value === "string") {
    const units = [...value].map((letter) =>
      random() < 0.1 ? `\\u${letter.charCodeAt(0).toString(16).padStart(4, "0")}` : JSON.stringify(letter).slice(1, -1),
    );
    return `"${units.join("")}"`;
  }
  if (Array.isArray(value))
    return `[${space()}${value.map((item) => written(item, random) + space()).join(`,${space()}`)}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const entries = Object.entries(value)
    .map((entry) => ({ entry, key: random() }))
    .sort((a, b) => a.key - b.key);
  const members = entries.map(
    ({ entry: [key, item] }) => `${written(key, random)}${space()}:${space()}${written(item, random)}`,
  );
  return `{${space()}${members.join(`${space()},${space()}`)}${space()}}`;
}

describe("frames of any shape", () => {
  const number = fc
    .integer({ min: 0, max: 10 ** 12 })
    .map((units) => `${Math.floor(units / 1e4)}.${String(units % 1e4).padStart(4, "0")}`);
  const levels = fc.array(fc.tuple(number, number), { maxLength: 5 });
  const noise = fc.record(
    { k: fc.jsonValue(), x: fc.jsonValue(), U2: fc.jsonValue(), "": fc.jsonValue() },
    { requiredKeys: [] },
  );
  const event = fc.oneof(
    fc.tuple(levels, levels).map(([b, a]) => futuresDepth(11, 20, 10, b, a)),
    fc.tuple(number, number, number, number).map(([b, B, a, A]) => ({ e: "bookTicker", ...ticker(20, b, B, a, A) })),
    fc.tuple(number, number, number, number).map(([b, B, a, A]) => ticker(20, b, B, a, A)),
    fc.tuple(number, number, fc.boolean(), fc.nat()).map(([p, q, m, t]) => ({ ...trade, p, q, m, t })),
  );
  const frame = fc.tuple(event, noise, fc.boolean()).map(([made, more, isWrapped]) => {
    const whole = { ...more, ...made };
    return isWrapped ? { stream: "btcusdt@depth", data: whole } : whole;
  });
  const prepared = (): Bench => {
    const bench = new Bench({ market: "usdm" });
    bench.frame(futuresDepth(1, 10, 0));
    bench.snapshot(snapshotBody(10), "BTCUSDT");
    return bench;
  };

  test("white space, key order and escapes change nothing", () => {
    let messages = 0;
    fc.assert(
      fc.property(
        frame,
        fc.infiniteStream(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })),
        (value, stream) => {
          const plain = prepared();
          const shuffled = prepared();
          const answer = plain.frame(value);
          const random = (): number => stream.next().value as number;
          expect(shuffled.adapter.frame(utf8(written(value, random)), 1_000)?.code).toBe(answer?.code);
          expect(shuffled.messages).toEqual(plain.messages);
          messages += plain.messages.length - 4;
        },
      ),
      { numRuns: 400 },
    );
    expect(messages).toBeGreaterThan(200);
  });

  test("a key that comes twice counts as it does to JSON.parse", () => {
    const bench = new Bench();
    bench.adapter.frame(
      utf8(
        '{"data":{"e":"trade"},"stream":"x","data":{"e":"trade","s":"B","s":"A","p":"1","q":"1","t":1,"t":2,"T":1,"m":false}}',
      ),
      0,
    );
    expect(bench.messages.map(({ name, reference }) => [name, reference])).toEqual([
      ["InstrumentDiscovered", undefined],
      ["Trade", "2"],
    ]);
    expect(bench.of(InstrumentDiscoveredTLV)[0]?.symbol).toBe("A");
  });

  test("damaged frames and arbitrary bytes give an AdapterError or are taken, nothing else", () => {
    const reached = { taken: 0, refused: 0 };
    const damaged = fc
      .tuple(frame, fc.nat(), fc.nat(255), fc.constantFrom("set", "cut", "insert"))
      .map(([value, place, byte, how]) => {
        const bytes = json(value);
        const at = place % bytes.length;
        if (how === "cut") return bytes.slice(0, at);
        if (how === "insert") return Uint8Array.from([...bytes.slice(0, at), byte, ...bytes.slice(at)]);
        bytes[at] = byte;
        return bytes;
      });
    const bench = prepared();
    fc.assert(
      fc.property(
        fc.oneof(
          { weight: 5, arbitrary: damaged },
          { weight: 1, arbitrary: fc.uint8Array({ size: "max", maxLength: 300 }) },
        ),
        (bytes) => {
          const error = bench.adapter.frame(bytes, 0);
          const asSnapshot = bench.adapter.snapshot(bytes, 0, "BTCUSDT");
          if (asSnapshot !== undefined) expect(asSnapshot).toBeInstanceOf(AdapterError);
          if (error === undefined) {
            reached.taken++;
            expect(() => JSON.parse(new TextDecoder().decode(bytes))).not.toThrow(); // it never takes what is no JSON
          } else {
            reached.refused++;
            expect(error).toBeInstanceOf(AdapterError);
          }
        },
      ),
      { numRuns: 2_000 },
    );
    expect(Math.min(reached.taken, reached.refused)).toBeGreaterThan(100);
    expect(bench.frame(trade)).toBeUndefined();
  });

  test("any JSON that is none of its events is ignored", () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 6 }), (value) => {
        const bench = new Bench();
        expect(bench.frame(value)).toBeUndefined();
        expect(bench.adapter.stats().ignored).toBe(1);
      }),
    );
  });
});
