import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type FieldMap,
  i64,
  instrument,
  price,
  sizeOf,
  text,
  textUpTo,
  u64,
} from "../../src/protocol/schema/fields.js";
import { defineTLV, TLV } from "../../src/protocol/schema/tlv.js";
import { differencesOf } from "../../src/registry/difference.js";
import { canonicalText, fingerprintOf } from "../../src/registry/fingerprint.js";
import { arbitraryFields } from "../protocol/schemas.js";
import { ALL_TLVS } from "../tlv-table.js";
import { FundingRateTLV, FundingRateV2TLV } from "./types.js";

describe("a fingerprint", () => {
  test("is made over these lines, which docs/schemas.md tells to other languages", () => {
    expect(canonicalText(FundingRateV2TLV)).toBe(
      [
        "200 2 FundingRate",
        "instrument instrument",
        "i64 rate",
        "u64 nextFundingAt",
        "count:u16 tiers",
        "len:u8 note",
        "pad:5",
        "group tiers {",
        "i64 notional",
        "i64 rate",
        "}",
        "text note",
        "",
      ].join("\n"),
    );
  });

  test("is SHA-256 of them, in hex, for every type of the protocol", () => {
    for (const tlv of ALL_TLVS) {
      expect(fingerprintOf(tlv)).toBe(createHash("sha256").update(canonicalText(tlv)).digest("hex"));
    }
    expect(new Set(ALL_TLVS.map(fingerprintOf)).size).toBe(ALL_TLVS.length);
  });

  test("is what it was when this test was written: other processes and languages rely on it", () => {
    // printf '200 1 FundingRate\ninstrument instrument\ni64 rate\nu64 nextFundingAt\n' | sha256sum
    expect(fingerprintOf(FundingRateTLV)).toBe("64426d78dd31b02f9429ace339ca62c1999cd84fc33ee25e7e87c2222378a46b");
  });

  test("is what it was of all types of the protocol together", () => {
    const all = ALL_TLVS.map((tlv) => `${fingerprintOf(tlv)}\n`).join("");
    expect(createHash("sha256").update(all).digest("hex")).toBe(
      "2874a44d5cf4c69f102841062cf8b362b4668c6f9f67b250d68f8f4101f7775f",
    );
  });

  const fingerprint = (fields: FieldMap, type = 200, name = "Any", version = 1): string =>
    fingerprintOf(defineTLV(type, name, fields, { version }));
  const fields = { instrument, rate: i64, noteBytes: sizeOf("note", "u8"), note: text };

  test("says nothing of what decides no byte: meanings, units, a writer's limit, names that are not in an object", () => {
    const same = { instrument, rate: price.doc("other"), length: sizeOf("note", "u8"), note: textUpTo(5) };
    expect(fingerprint(same)).toBe(fingerprint(fields));
    expect(differencesOf(defineTLV(200, "Any", fields), defineTLV(200, "Any", same))).toEqual([]);
  });

  test.each<[string, string]>([
    ["the type", fingerprint(fields, 201)],
    ["the version", fingerprint(fields, 200, "Any", 2)],
    ["the name", fingerprint(fields, 200, "Other")],
    ["the name of a field", fingerprint({ instrument, paid: i64, noteBytes: sizeOf("note", "u8"), note: text })],
    ["the kind of a field", fingerprint({ ...fields, rate: u64 })],
    ["the size of a length", fingerprint({ ...fields, noteBytes: sizeOf("note", "u16") })],
    ["the order", fingerprint({ rate: i64, instrument, noteBytes: sizeOf("note", "u8"), note: text })],
  ])("changes with %s", (_, other) => {
    expect(other).not.toBe(fingerprint(fields));
  });
});

describe("differences", () => {
  test("are told field by field", () => {
    const there = defineTLV(201, "Funding", { instrument, rate: u64, extra: u64 });
    expect(differencesOf(FundingRateTLV, there)).toEqual([
      "type 200 here, 201 announced",
      "name FundingRate here, Funding announced",
      "field rate: i64 here, u64 announced",
      "field nextFundingAt is missing in what is announced",
      "field extra: u64 announced, missing here",
    ]);
  });

  test("of a group's entries name the group", () => {
    const { tiers: _, note, ...fixed } = FundingRateV2TLV.fields;
    const other = { ...fixed, tiers: { ...FundingRateV2TLV.fields.tiers, fields: { notional: u64, rate: i64 } }, note };
    const there = defineTLV(200, "FundingRate", other as FieldMap, { version: 2 });
    expect(differencesOf(FundingRateV2TLV, there, "given")).toEqual(["field tiers.notional: i64 here, u64 given"]);
  });

  test("of order and padding alone name the first place", () => {
    const a = defineTLV(200, "Any", { rate: i64, amount: i64 });
    const b = defineTLV(200, "Any", { amount: i64, rate: i64 });
    expect(differencesOf(a, b)).toEqual(["place 1: i64 rate here, i64 amount announced"]);
    expect(differencesOf(a, defineTLV(200, "Any", {}))).toHaveLength(2);
  });

  test("that are many are counted, not all told", () => {
    const many = Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`f${i}`, i64]));
    const told = differencesOf(defineTLV(200, "Any", many), defineTLV(200, "Any", {}));
    expect(told).toHaveLength(9);
    expect(told[8]).toBe("and 32 more");
  });

  test("are there exactly where fingerprints differ", () => {
    const reached = { same: 0, different: 0 };
    const two = fc.oneof(
      arbitraryFields.map((fields) => [fields, fields] as const),
      fc.tuple(arbitraryFields, arbitraryFields),
      // The same fields in another order, as far as the wire allows it.
      arbitraryFields.map((fields) => [fields, Object.fromEntries(swapped(Object.entries(fields)))] as const),
    );
    fc.assert(
      fc.property(two, ([a, b]) => {
        const [here, there] = [new TLV(200, "Any", a, {}, false), new TLV(200, "Any", b, {}, false)];
        const isSame = fingerprintOf(here) === fingerprintOf(there);
        reached[isSame ? "same" : "different"]++;
        expect(differencesOf(here, there).length === 0).toBe(isSame);
      }),
      { numRuns: 300 },
    );
    expect(reached.same).toBeGreaterThan(50);
    expect(reached.different).toBeGreaterThan(80);
  });
});

function swapped<F extends { readonly kind: string }>(row: [string, F][]): [string, F][] {
  const [first, second, ...others] = row;
  const isFixed = (entry: [string, F] | undefined): boolean =>
    entry !== undefined && !["group", "optional", "text", "blob", "rest", "textRest"].includes(entry[1].kind);
  return first !== undefined && second !== undefined && isFixed(first) && isFixed(second)
    ? [second, first, ...others]
    : row;
}
