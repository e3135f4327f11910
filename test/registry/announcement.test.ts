import { decode, encode } from "@msgpack/msgpack";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { AlphaPulseError } from "../../src/protocol/errors.js";
import { describeFields } from "../../src/protocol/schema/description.js";
import { i64, u8 } from "../../src/protocol/schema/fields.js";
import { defineTLV, TLV } from "../../src/protocol/schema/tlv.js";
import { announcedTLV, announcementOf } from "../../src/registry/announcement.js";
import { fingerprintOf } from "../../src/registry/fingerprint.js";
import { arbitraryOf } from "../../src/testing/values.js";
import { SchemaAnnounceTLV } from "../../src/tlvs/system.js";
import { arbitraryFields } from "../protocol/schemas.js";
import { FundingRateTLV, FundingRateV2TLV } from "./types.js";

const announcement = announcementOf(FundingRateTLV);
const withSchema = (schema: unknown): SchemaAnnounceTLV => ({ ...announcement, schema: encode(schema) });
const fields = [{ kind: "u8", name: "a" }];

describe("an announcement", () => {
  test("is this map, which docs/schemas.md tells to other languages", () => {
    const { schema, ...rest } = announcement;
    expect(rest).toEqual({ type: 200, version: 1, domain: 1, name: "FundingRate" });
    expect(decode(schema)).toEqual({
      fingerprint: fingerprintOf(FundingRateTLV),
      doc: "what a perpetual pays",
      fields: [
        { kind: "instrument", name: "instrument" },
        { kind: "i64", name: "rate", doc: "per interval, 1e-8" },
        { kind: "u64", name: "nextFundingAt", unit: "Us", doc: "ns since the Unix epoch" },
      ],
    });
  });

  test("can leave out what fields mean, also within groups", () => {
    const { fields: bare } = decode(announcementOf(FundingRateV2TLV, { docs: false }).schema) as { fields: object[] };
    expect(JSON.stringify(bare)).not.toContain('"doc"');
    expect(JSON.stringify(bare)).toContain('"notional"');
    expect(fingerprintOf(announcedTLV(announcementOf(FundingRateV2TLV, { docs: false })))).toBe(
      fingerprintOf(FundingRateV2TLV),
    );
  });

  test("travels as a SchemaAnnounce and gives the schema again, whatever the fields", () => {
    const any = arbitraryFields.chain((made) =>
      fc.tuple(fc.constant(made), arbitraryOf(new TLV(200, "Any", made, {}, true))),
    );
    fc.assert(
      fc.property(
        any,
        fc.integer({ min: 200, max: 254 }),
        fc.nat(255),
        fc.nat(4),
        ([made, value], type, version, domain) => {
          const tlv = defineTLV(type, "Any", made, { version, domain, doc: "any" });
          const wire = SchemaAnnounceTLV.decode(SchemaAnnounceTLV.encode(announcementOf(tlv)));
          const learned = announcedTLV(wire);
          expect(learned).toMatchObject({ type, name: "Any", version, domain, doc: "any" });
          expect(describeFields(learned.fields)).toEqual(describeFields(made));
          expect(fingerprintOf(learned)).toBe(fingerprintOf(tlv));
          expect(learned.decode(tlv.encode(value))).toEqual(tlv.decode(tlv.encode(value)));
        },
      ),
      { numRuns: 200 },
    );
  });

  test("from another language needs only the fields, and may say more than is known here", () => {
    const learned = announcedTLV(withSchema({ fields, since: "2026", tags: ["a"] }));
    expect(learned.decode(new Uint8Array([7]))).toEqual({ a: 7 });
  });

  test("that no receiver would take is refused where it is made", () => {
    const doc = "x".repeat(1_000);
    const wide = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`f${i}`, i64.doc(doc)]));
    const tlv = defineTLV(200, "Wordy", wide);
    expect(() => announcementOf(tlv)).toThrow(expect.objectContaining({ code: "BAD_ANNOUNCEMENT" }));
    expect(() => announcementOf(tlv)).toThrow("leave out the docs");
    expect(announcedTLV(announcementOf(tlv, { docs: false })).layout.fixedBytes).toBe(160);
    expect(() => announcementOf(defineTLV(200, "Bad", { toString: u8 }))).toThrow(
      expect.objectContaining({ code: "BAD_SCHEMA" }),
    );
    expect(() => announcementOf(defineTLV(199, "Bad", { u8 }))).toThrow("only types 200 to 254");
  });
});

const nested = (depth: number): Uint8Array => new Uint8Array(depth + 1).fill(0x91, 0, depth);

/** 100 arrays in each other, each of which says that it has 30 million entries: 24 GB for whoever believes it. */
const greedy = Uint8Array.from({ length: 500 }, (_, i) => [0xdd, 0x01, 0xc9, 0xc3, 0x80][i % 5] as number);

const BAD: [what: string, announced: Partial<SchemaAnnounceTLV>, code: string, said: string][] = [
  ["of a type of the protocol", { type: 17 }, "BAD_ANNOUNCEMENT", "only types 200 to 254"],
  ["of an extension", { type: 199 }, "BAD_ANNOUNCEMENT", "only types 200 to 254"],
  ["of type 255", { type: 255 }, "BAD_ANNOUNCEMENT", "only types 200 to 254"],
  ["of a domain that does not exist", { domain: 5 }, "BAD_ANNOUNCEMENT", "domain 5"],
  ["with an empty name", { name: "" }, "BAD_SCHEMA", "PascalCase"],
  ["with a name that is code", { name: "A{}//" }, "BAD_SCHEMA", "PascalCase"],
  ["with a long name", { name: "A".repeat(65) }, "BAD_ANNOUNCEMENT", "more than 64"],
  ["without a schema", { schema: new Uint8Array(0) }, "BAD_ANNOUNCEMENT", "no MessagePack"],
  ["of no MessagePack", { schema: new Uint8Array([0xc1]) }, "BAD_ANNOUNCEMENT", "no MessagePack"],
  ["with bytes behind the map", { schema: new Uint8Array([0x80, 0]) }, "BAD_ANNOUNCEMENT", "no MessagePack"],
  ["of an array", { schema: encode([]) }, "BAD_ANNOUNCEMENT", "no MessagePack map"],
  ["of nothing", { schema: encode(null) }, "BAD_ANNOUNCEMENT", "no MessagePack map"],
  ["of an empty map", { schema: encode({}) }, "BAD_SCHEMA", "no array"],
  ["that says another fingerprint", { schema: encode({ fields, fingerprint: "00" }) }, "BAD_ANNOUNCEMENT", "another"],
  [
    "that says no text as fingerprint",
    { schema: encode({ fields, fingerprint: null }) },
    "BAD_ANNOUNCEMENT",
    "another",
  ],
  ["whose doc is a number", { schema: encode({ fields, doc: 1 }) }, "BAD_ANNOUNCEMENT", "its doc"],
  ["whose doc clears the screen", { schema: encode({ fields, doc: "\u001b[2J" }) }, "BAD_ANNOUNCEMENT", "its doc"],
  ["with raw bytes in it", { schema: encode({ fields, x: new Uint8Array(1) }) }, "BAD_ANNOUNCEMENT", "limits"],
  ["with a time in it", { schema: encode({ fields, x: new Date(0) }) }, "BAD_ANNOUNCEMENT", "limits"],
  ["with a key __proto__", { schema: encode({ fields, ["__proto__"]: 1 }) }, "BAD_ANNOUNCEMENT", "limits"],
  ["that says 4 billion fields", { schema: new Uint8Array([0xdd, 255, 255, 255, 255]) }, "BAD_ANNOUNCEMENT", "limits"],
  ["that says 4 billion keys", { schema: new Uint8Array([0xdf, 255, 255, 255, 255]) }, "BAD_ANNOUNCEMENT", "limits"],
  ["that says a text of 4 GB", { schema: new Uint8Array([0xdb, 255, 255, 255, 255]) }, "BAD_ANNOUNCEMENT", "limits"],
  ["that says 30 million entries, 100 times", { schema: greedy }, "BAD_ANNOUNCEMENT", "limits"],
  ["16,000 arrays deep", { schema: nested(16_000) }, "BAD_ANNOUNCEMENT", "no MessagePack map"],
  ["of more than 16 KiB", { schema: new Uint8Array(16_385) }, "BAD_ANNOUNCEMENT", "more than 16384"],
];

describe("an announcement that cannot be", () => {
  test.each(BAD)("%s is a typed error that says so", (_, announced, code, said) => {
    const judge = (): unknown => announcedTLV({ ...announcement, ...announced });
    expect(judge).toThrow(expect.objectContaining({ code }));
    expect(judge).toThrow(said);
    expect(fingerprintOf(announcedTLV(announcement))).toBe(fingerprintOf(FundingRateTLV)); // the next one is read
  });

  test("whatever its bytes or its MessagePack value, is a schema or a typed error", () => {
    const reached = { schemas: 0, errors: 0 };
    const good = announcementOf(FundingRateV2TLV).schema;
    const flipped = fc
      .array(fc.tuple(fc.nat(good.byteLength - 1), fc.nat(255)), { minLength: 1, maxLength: 3 })
      .map((flips) => {
        const bytes = good.slice();
        for (const [at, byte] of flips) bytes[at] = byte;
        return bytes;
      });
    const packable = fc
      .anything({ maxDepth: 4, withBigInt: false, withDate: true, withTypedArray: true })
      .map((value) => {
        try {
          return encode({ fields: value });
        } catch {
          return encode(null); // not every value can be packed
        }
      });
    const schema = fc.oneof(flipped, packable, fc.uint8Array({ maxLength: 64, size: "max" }));
    fc.assert(
      fc.property(schema, fc.nat(255), fc.nat(255), fc.string(), (bytes, type, domain, name) => {
        for (const announced of [
          { ...announcement, version: 2, schema: bytes },
          { type, version: 0, domain, name, schema: bytes },
        ]) {
          try {
            const tlv = announcedTLV(announced);
            reached.schemas++;
            expect(tlv.encode(tlv.decode(new Uint8Array(tlv.byteLengthFor())))).toHaveLength(tlv.byteLengthFor());
          } catch (error) {
            expect(error).toBeInstanceOf(AlphaPulseError);
            expect(["BAD_ANNOUNCEMENT", "BAD_SCHEMA"]).toContain((error as AlphaPulseError).code);
            reached.errors++;
          }
        }
      }),
      { numRuns: 1_000 },
    );
    expect(reached.schemas).toBeGreaterThan(5);
    expect(reached.errors).toBeGreaterThan(500);
  });
});
