import fc from "fast-check";
import { describe, expect, expectTypeOf, test } from "vitest";
import { InstrumentId } from "../../src/protocol/instrument-id.js";
import {
  bytes,
  group,
  optional,
  rest,
  size,
  sizeOf,
  text,
  textUpTo,
  u8,
  u64,
} from "../../src/protocol/schema/fields.js";
import { type AnyTLV, defineTLV } from "../../src/protocol/schema/tlv.js";
import { AssetType } from "../../src/protocol/tables.js";
import { arbitraryInstrumentId } from "../../src/testing/instruments.js";
import { arbitraryOf } from "../../src/testing/values.js";
import { FillTLV } from "../../src/tlvs/execution.js";
import { OrderBookTLV, PoolSwapTLV } from "../../src/tlvs/market-data.js";
import { ALL_TLVS, INTERPRETED_TLVS } from "../tlv-table.js";

const LONGEST = 65_535;

/** Samples of one TLV's values. */
const drawn = <T extends AnyTLV>(tlv: T, count: number) => fc.sample(arbitraryOf(tlv), count);

describe("arbitraryOf", () => {
  test("gives values with the type of the TLV", () => {
    expectTypeOf(arbitraryOf(FillTLV)).toEqualTypeOf<fc.Arbitrary<FillTLV>>();
    expectTypeOf(arbitraryOf(PoolSwapTLV)).toEqualTypeOf<fc.Arbitrary<PoolSwapTLV>>();
  });

  test.each(ALL_TLVS.map((tlv, i) => [tlv.name, tlv, INTERPRETED_TLVS[i] as AnyTLV] as const))(
    "%s: encodes, and decodes to what it was, by either codec",
    (_, generated, interpreted) => {
      fc.assert(
        fc.property(arbitraryOf(generated), (value) => {
          const encoded = generated.encode(value);
          expect(Buffer.from(interpreted.encode(value)).equals(encoded)).toBe(true);
          const isLong = encoded.byteLength > 5_000; // compared as bytes, which takes a tenth of the time
          for (const tlv of [generated, interpreted]) {
            if (isLong) expect(Buffer.from(tlv.encode(tlv.decode(encoded))).equals(encoded)).toBe(true);
            else expect(tlv.decode(encoded)).toEqual(value);
          }
        }),
        { numRuns: 50 },
      );
    },
  );

  test("reaches the edges of integers: the ends of their range, 0, and where a number stops being exact", () => {
    const Wide = defineTLV(200, "Wide", { small: u8, wide: u64 });
    const values = drawn(Wide, 2_000);
    const small = new Set(values.map((value) => value.small));
    const wide = new Set(values.map((value) => value.wide));
    expect([0, 255].filter((edge) => !small.has(edge))).toEqual([]);
    const edges = [0n, 1n, 2n ** 53n - 1n, 2n ** 53n, 2n ** 53n + 1n, 2n ** 64n - 1n];
    expect(edges.filter((edge) => !wide.has(edge))).toEqual([]);
  });

  test("reaches groups of no, one, and as many entries as fit, and values around the end of the short form", () => {
    const books = drawn(OrderBookTLV, 2_000);
    const counts = new Set(books.map(({ bids }) => bids.length));
    expect([0, 1].filter((count) => !counts.has(count))).toEqual([]);
    const lengths = books.map((book) => OrderBookTLV.byteLengthOf(book));
    expect(Math.max(...lengths)).toBeGreaterThan(LONGEST - 16); // no further entry fits
    expect(Math.max(...lengths)).toBeLessThanOrEqual(LONGEST);
    const Few = defineTLV(201, "Few", { count: sizeOf("all", "u8"), all: group({ u8 }) });
    const few = new Set(drawn(Few, 2_000).map(({ all }) => all.length));
    expect([0, 1, 254, 255].filter((count) => !few.has(count))).toEqual([]);
  });

  test("reaches text that is empty, of several bytes a character, and exactly as long as it may be", () => {
    const Texts = defineTLV(202, "Texts", {
      aBytes: sizeOf("a", "u8"),
      bBytes: sizeOf("b", "u16"),
      a: textUpTo(12),
      b: text,
    });
    const values = drawn(Texts, 3_000);
    const bytesOf = (name: "a" | "b") => new Set(values.map((value) => Buffer.byteLength(value[name])));
    expect([0, 12].filter((length) => !bytesOf("a").has(length))).toEqual([]);
    expect(Math.max(...bytesOf("a"))).toBe(12);
    expect(Math.max(...bytesOf("b"))).toBeGreaterThan(LONGEST - 20);
    expect(values.some(({ b }) => Buffer.byteLength(b) > b.length)).toBe(true);
    const totals = new Set(values.map((value) => Texts.byteLengthOf(value)));
    expect([255, 256, LONGEST].filter((length) => !totals.has(length))).toEqual([]);
  });

  test("reaches optional tails that are there, and absent without a key", () => {
    const swaps = drawn(PoolSwapTLV, 200);
    const there = swaps.filter((swap) => "concentrated" in swap).length;
    expect(there).toBeGreaterThan(20);
    expect(swaps.length - there).toBeGreaterThan(20);
  });

  test("makes values that fit however little room the schema leaves", () => {
    const Tight = defineTLV(203, "Tight", {
      most: bytes(LONGEST - 40),
      count: sizeOf("entries", "u16"),
      noteBytes: sizeOf("note", "u16"),
      entries: group({ size, at: u64 }),
      note: text,
      tail: optional({ amount: size }),
    });
    const Full = defineTLV(204, "Full", { all: bytes(LONGEST), nothing: rest });
    for (const tlv of [Tight, Full] as AnyTLV[]) {
      for (const value of fc.sample(arbitraryOf(tlv), 100))
        expect(tlv.encode(value).byteLength).toBeLessThanOrEqual(LONGEST);
    }
    expect(fc.sample(arbitraryOf(Tight), 100).some((value) => "tail" in value)).toBe(true);
  });

  test("keeps to the limit it is told, and refuses one that cannot be", () => {
    const lengths = fc
      .sample(arbitraryOf(OrderBookTLV, { valueBytesMax: 500 }), 500)
      .map((book) => OrderBookTLV.byteLengthOf(book));
    expect(Math.max(...lengths)).toBe(488); // of the 500, 40 are fixed and a level has 16
    for (const valueBytesMax of [39, 65_536, Number.NaN, 40.5]) {
      expect(() => arbitraryOf(OrderBookTLV, { valueBytesMax })).toThrow(
        expect.objectContaining({ code: "BAD_OPTION" }),
      );
    }
  });

  test("shrinks a long value to a short one", () => {
    const { counterexample } = fc.check(
      fc.property(arbitraryOf(OrderBookTLV), ({ bids }) => bids.length < 3),
      { numRuns: 1_000 },
    );
    const [book] = counterexample ?? [];
    expect(book?.bids.length).toBe(3);
    expect(book?.asks).toEqual([]);
    expect(book?.bids[0]).toEqual({ price: 0n, size: 0n });
  });
});

describe("arbitraryInstrumentId", () => {
  test("makes ids of each form", () => {
    const reached = { short: 0, packed: 0, hashed: 0, address: 0, opaque: 0 };
    for (const id of fc.sample(arbitraryInstrumentId(), 1_000)) {
      expect(id).toBeInstanceOf(InstrumentId);
      const { symbol, assetType, assetId } = id;
      if (assetType === AssetType.Token || assetType === AssetType.Pool) reached.address++;
      else if (symbol !== undefined) reached[symbol.length > 8 ? "packed" : "short"]++;
      else if (assetId >= 2n ** 63n + 38n ** 12n) reached.hashed++;
      else reached.opaque++;
    }
    expect(Math.min(...Object.values(reached))).toBeGreaterThan(20);
  });
});
