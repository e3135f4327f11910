import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ProtocolError, ValueRangeError } from "../../src/protocol/errors.js";
import { InstrumentId, readInstrument } from "../../src/protocol/instrument-id.js";
import { AssetType, Venue } from "../../src/protocol/tables.js";

const U64_MAX = 2n ** 64n - 1n;
const TOP_BIT = 2n ** 63n;
const PACKED_LIMIT = 38n ** 12n;
const ADDRESSES: readonly number[] = [AssetType.Token, AssetType.Pool];

const venue = fc.integer({ min: 0, max: 0xffff });
const assetType = fc.integer({ min: 0, max: 0xff });
const named = assetType.filter((type) => !ADDRESSES.includes(type));
const id = fc.tuple(venue, assetType, fc.bigInt({ min: 0n, max: U64_MAX })).map((parts) => new InstrumentId(...parts));

const charsOf = (first: number, last: number): string[] =>
  Array.from({ length: last - first + 1 }, (_, i) => String.fromCharCode(first + i));
const ascii = fc.string({ unit: fc.constantFrom(...charsOf(0x21, 0x7e)), minLength: 1, maxLength: 8 });
const packed = fc.string({
  unit: fc.constantFrom(..."ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-"),
  minLength: 9,
  maxLength: 12,
});
/** Symbols that fit neither form: a blank, other letters, lower case beyond 8, or too long for either. */
const oneWay = fc
  .string({ unit: "grapheme", minLength: 1, maxLength: 60 })
  .filter((text) => !/^[\x21-\x7e]{1,8}$/.test(text) && !/^[A-Z0-9-]{9,12}$/.test(text))
  .filter((text) => Buffer.byteLength(text) <= 255);

function codeOf(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    if (error instanceof ProtocolError) return error.code;
    throw error;
  }
  return "no error";
}

describe("a symbol", () => {
  test("of up to 8 printable characters is its own number, and comes back", () => {
    fc.assert(
      fc.property(venue, named, ascii, (at, type, symbol) => {
        const made = InstrumentId.of(at, type, symbol);
        expect(made.assetId).toBe(BigInt(`0x${Buffer.from(symbol).toString("hex").padEnd(16, "0")}`));
        expect(made.assetId < TOP_BIT).toBe(true);
        expect(made.symbol).toBe(symbol);
      }),
      { numRuns: 500 },
    );
  });

  test("of 9 to 12 capitals, figures and hyphens comes back", () => {
    fc.assert(
      fc.property(venue, named, packed, (at, type, symbol) => {
        const made = InstrumentId.of(at, type, symbol);
        expect(made.assetId >= TOP_BIT && made.assetId < TOP_BIT + PACKED_LIMIT).toBe(true);
        expect(made.symbol).toBe(symbol);
      }),
      { numRuns: 500 },
    );
  });

  test("of any other kind gives a one-way id: the hash that the protocol says, and no symbol", () => {
    fc.assert(
      fc.property(named, oneWay, (type, symbol) => {
        const made = InstrumentId.of(1, type, symbol);
        const digest = BigInt(`0x${createHash("sha256").update(symbol).digest("hex")}`);
        expect(made.assetId).toBe(TOP_BIT + PACKED_LIMIT + (digest % (TOP_BIT - PACKED_LIMIT)));
        expect(made.symbol).toBeUndefined();
      }),
      { numRuns: 500 },
    );
  });

  test("different symbols of the reversible forms have different ids", () => {
    fc.assert(
      fc.property(fc.oneof(ascii, packed), fc.oneof(ascii, packed), (a, b) => {
        expect(InstrumentId.of(1, 1, a).equals(InstrumentId.of(1, 1, b))).toBe(a === b);
      }),
      { numRuns: 500 },
    );
  });

  test.each([
    ["nothing", ""],
    ["256 bytes", "x".repeat(256)],
    ["128 letters of two bytes", "é".repeat(128)],
    ["half a surrogate pair", "AB\ud800"],
    ["the other half", "\udc00AB"],
  ])("of %s is INVALID_SYMBOL", (_, symbol) => {
    expect(codeOf(() => InstrumentId.of(1, 1, symbol))).toBe("INVALID_SYMBOL");
  });

  test("of 255 bytes is the longest", () => {
    expect(InstrumentId.of(1, 1, `${"é".repeat(127)}x`).symbol).toBeUndefined();
    expect(InstrumentId.of(1, 1, "x".repeat(255)).symbol).toBeUndefined();
  });

  test("is asked of any number without failing, and only one that makes this very id is told", () => {
    let told = 0;
    fc.assert(
      fc.property(
        fc.oneof(
          id,
          fc.tuple(named, packed).map(([type, text]) => InstrumentId.of(1, type, text)),
        ),
        (any) => {
          const { symbol } = any;
          if (symbol === undefined) return;
          told++;
          expect(InstrumentId.of(any.venue, any.assetType, symbol).equals(any)).toBe(true);
        },
      ),
      { numRuns: 500 },
    );
    expect(told).toBeGreaterThan(100);
  });

  test.each([
    ["zero", 0n],
    ["a hole in the text", 0x41_00_42_00_00_00_00_00n],
    ["a control character", 0x41_07_00_00_00_00_00_00n],
    ["a packed text that is too short for that form", TOP_BIT + 38n ** 11n],
    ["a packed text with a hole", TOP_BIT + 1n],
    ["the last packed number and one", TOP_BIT + PACKED_LIMIT],
    ["the greatest number", U64_MAX],
  ])("is undefined where the number is %s", (_, assetId) => {
    expect(new InstrumentId(1, AssetType.SpotPair, assetId).symbol).toBeUndefined();
  });
});

describe("an address", () => {
  const hex = fc.string({ unit: fc.constantFrom(..."0123456789abcdefABCDEF"), minLength: 40, maxLength: 40 });

  test("gives its first 8 bytes, in any case of letters, and no symbol", () => {
    fc.assert(
      fc.property(venue, fc.constantFrom(...ADDRESSES), hex, (at, type, digits) => {
        const made = InstrumentId.ofAddress(at, type, `0x${digits}`);
        expect(made.assetId).toBe(BigInt(`0x${digits.slice(0, 16)}`));
        expect(made.symbol).toBeUndefined();
        expect(InstrumentId.ofAddress(at, type, `0x${digits.toUpperCase()}`).equals(made)).toBe(true);
      }),
    );
  });

  test.each([
    ["without 0x", "a".repeat(40)],
    ["with 0X", `0X${"a".repeat(40)}`],
    ["of 19 bytes", `0x${"a".repeat(38)}`],
    ["of 21 bytes", `0x${"a".repeat(42)}`],
    ["with a g", `0x${"g".repeat(40)}`],
    ["with a line behind", `0x${"a".repeat(40)}\n`],
    ["of nothing", ""],
  ])("%s is INVALID_ADDRESS", (_, address) => {
    expect(codeOf(() => InstrumentId.ofAddress(200, AssetType.Token, address))).toBe("INVALID_ADDRESS");
  });
});

test("a pair is the same in either order, within 64 bits", () => {
  fc.assert(
    fc.property(venue, id, id, (dex, a, b) => {
      const [low, high] = a.assetId < b.assetId ? [a.assetId, b.assetId] : [b.assetId, a.assetId];
      const made = InstrumentId.ofPair(dex, a, b);
      expect(made.assetId).toBe((low >> 1n) ^ BigInt.asUintN(64, high << 1n));
      expect(made.equals(InstrumentId.ofPair(dex, b, a))).toBe(true);
      expect([made.venue, made.assetType]).toEqual([dex, AssetType.Pool]);
    }),
  );
});

describe("64 bits", () => {
  const compact = fc.tuple(venue, assetType, fc.bigInt({ min: 0n, max: 2n ** 40n - 1n }));

  test("hold every id below 2^40, and give it back", () => {
    fc.assert(
      fc.property(compact, (parts) => {
        const made = new InstrumentId(...parts);
        const bits = made.toU64();
        expect(bits).toBe((BigInt(parts[0]) << 48n) | (BigInt(parts[1]) << 40n) | parts[2]);
        expect(InstrumentId.fromU64(bits).equals(made)).toBe(true);
      }),
    );
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: U64_MAX }), (bits) => {
        expect(InstrumentId.fromU64(bits).toU64()).toBe(bits);
      }),
    );
  });

  test("hold no greater id: ID_NOT_COMPACT, never cut", () => {
    expect(codeOf(() => new InstrumentId(1, 1, 2n ** 40n).toU64())).toBe("ID_NOT_COMPACT");
    expect(codeOf(() => InstrumentId.of(Venue.Coinbase, AssetType.SpotPair, "BTC-USD").toU64())).toBe("ID_NOT_COMPACT");
    fc.assert(
      fc.property(venue, assetType, fc.bigInt({ min: 2n ** 40n, max: U64_MAX }), (at, type, assetId) => {
        expect(codeOf(() => new InstrumentId(at, type, assetId).toU64())).toBe("ID_NOT_COMPACT");
      }),
    );
  });

  test.each([-1n, U64_MAX + 1n, 5 as unknown as bigint])("are not %s", (bits) => {
    expect(codeOf(() => InstrumentId.fromU64(bits))).toBe("VALUE_RANGE");
  });
});

describe("an id", () => {
  test.each<[string, unknown, unknown, unknown]>([
    ["venue", -1, 1, 1n],
    ["venue", 0x1_0000, 1, 1n],
    ["venue", 1.5, 1, 1n],
    ["venue", 1n, 1, 1n],
    ["venue", "1", 1, 1n],
    ["venue", undefined, 1, 1n],
    ["assetType", 1, 0x100, 1n],
    ["assetType", 1, -1, 1n],
    ["assetType", 1, 1n, 1n],
    ["assetId", 1, 1, -1n],
    ["assetId", 1, 1, U64_MAX + 1n],
    ["assetId", 1, 1, 5],
  ])("whose %s does not fit is refused by that name (%s, %s, %s)", (field, at, type, assetId) => {
    const make = (): InstrumentId => new InstrumentId(at as number, type as number, assetId as bigint);
    expect(make).toThrow(ValueRangeError);
    expect(make).toThrow(expect.objectContaining({ code: "VALUE_RANGE", field }));
  });

  test("equals another where all three fields do, and differs where one differs", () => {
    fc.assert(
      fc.property(id, id, fc.integer({ min: 0, max: 63 }), (a, b, bit) => {
        expect(a.equals(new InstrumentId(a.venue, a.assetType, a.assetId))).toBe(true);
        expect(a.equals(b)).toBe(a.venue === b.venue && a.assetType === b.assetType && a.assetId === b.assetId);
        expect(a.equals(new InstrumentId(a.venue ^ 1, a.assetType, a.assetId))).toBe(false);
        expect(a.equals(new InstrumentId(a.venue, a.assetType ^ 1, a.assetId))).toBe(false);
        expect(a.equals(new InstrumentId(a.venue, a.assetType, a.assetId ^ (1n << BigInt(bit))))).toBe(false);
      }),
    );
  });

  test("looks like its three fields", () => {
    expect({ ...new InstrumentId(1, 2, 3n) }).toEqual({ venue: 1, assetType: 2, assetId: 3n });
    expect(new InstrumentId(1, 2, 3n)).not.toEqual(new InstrumentId(1, 2, 4n));
  });

  test.each([
    [InstrumentId.of(Venue.Coinbase, AssetType.SpotPair, "BTC-USD"), "Coinbase:SpotPair:BTC-USD"],
    [InstrumentId.of(60_001, AssetType.Perpetual, "1000SHIBUSDT"), "60001:Perpetual:1000SHIBUSDT"],
    [new InstrumentId(Venue.Kraken, 77, 5n), "Kraken:77:0x5"],
    [
      InstrumentId.ofAddress(Venue.Ethereum, AssetType.Token, "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48"),
      "Ethereum:Token:0xa0b86991c6218b36",
    ],
  ])("says what it is: %s", (made, shown) => {
    expect(`${made}`).toBe(shown);
  });

  test("that is remembered is always the one that was asked for, however many there are", () => {
    let same = 0;
    const wire = new DataView(new ArrayBuffer(12));
    const words = fc.tuple(venue, assetType, fc.integer({ min: 0, max: 9 }), fc.integer({ min: 0, max: 9 }));
    fc.assert(
      fc.property(fc.array(words, { minLength: 1_500, maxLength: 3_000 }), (all) => {
        for (const [at, type, low, high] of all) {
          wire.setUint32(0, at | (type << 16) | (low << 24), true); // the reserved byte does not count
          wire.setUint32(4, low, true);
          wire.setUint32(8, high, true);
          const found = readInstrument(wire, 0);
          expect(found.assetId).toBe((BigInt(high) << 32n) | BigInt(low));
          expect([found.venue, found.assetType]).toEqual([at, type]);
          if (readInstrument(wire, 0) === found) same++;
        }
      }),
      { numRuns: 5 },
    );
    expect(same).toBeGreaterThan(1_024); // more than the memo holds: places were taken over
  });
});

test("64 instruments that are read in turns are hardly ever made anew: two can share a slot of the memo", () => {
  const wire = new DataView(new ArrayBuffer(12));
  const read = (family: number, n: number): InstrumentId => {
    wire.setUint32(0, Venue.Binance | (AssetType.SpotPair << 16), true);
    wire.setUint32(4, n * 2_654_435_761, true);
    wire.setUint32(8, family, true);
    return readInstrument(wire, 0);
  };
  const numbers = Array.from({ length: 64 }, (_, n) => n);
  let same = 0;
  for (let family = 0; family < 20; family++) {
    const first = numbers.map((n) => read(family, n));
    same += numbers.filter((n) => read(family, n) === first[n]).length;
  }
  expect(same).toBeGreaterThan(20 * 64 - 16);
});

describe("an id as text", () => {
  test("is parsed back to the same id, whatever it was made from", () => {
    const shown = fc.oneof(
      id,
      fc.tuple(venue, named, fc.oneof(ascii, packed, oneWay)).map((parts) => InstrumentId.of(...parts)),
      fc.constantFrom("0x41", "0xf", "a:b:c", "1", ":").map((symbol) => InstrumentId.of(Venue.Kraken, 13, symbol)),
    );
    fc.assert(
      fc.property(shown, (made) => {
        const parsed = InstrumentId.parse(String(made));
        expect(parsed.equals(made), String(made)).toBe(true);
        expect(String(parsed)).toBe(String(made));
      }),
    );
  });

  test("reads what a person would write", () => {
    const kraken = InstrumentId.parse("Kraken:SpotPair:BTC/USD");
    expect(kraken.equals(InstrumentId.of(Venue.Kraken, AssetType.SpotPair, "BTC/USD"))).toBe(true);
    const address = `0x${"aB".repeat(20)}`;
    const pool = InstrumentId.parse(`UniswapV3:Pool:${address}`);
    expect(pool.equals(InstrumentId.ofAddress(Venue.UniswapV3, AssetType.Pool, address))).toBe(true);
    expect(String(InstrumentId.parse("60001:77:X"))).toBe("60001:77:X");
  });

  test.each([
    ["", "INVALID_SYMBOL"],
    ["Kraken", "INVALID_SYMBOL"],
    ["Kraken:SpotPair:", "INVALID_SYMBOL"],
    ["Krakken:SpotPair:BTC", "INVALID_SYMBOL"],
    ["Kraken:toString:BTC", "INVALID_SYMBOL"],
    [`Kraken:SpotPair:${"é".repeat(200)}`, "INVALID_SYMBOL"],
    ["UniswapV3:Pool:WETH", "INVALID_ADDRESS"],
    ["70000:SpotPair:BTC", "VALUE_RANGE"],
  ])("%j is %s", (text, code) => {
    expect(() => InstrumentId.parse(text)).toThrow(expect.objectContaining({ code }));
  });
});
