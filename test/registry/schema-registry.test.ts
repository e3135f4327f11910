import { encode } from "@msgpack/msgpack";
import fc from "fast-check";
import { describe, expect, expectTypeOf, test } from "vitest";
import { u8 } from "../../src/protocol/schema/fields.js";
import { type AnyTLV, defineTLV } from "../../src/protocol/schema/tlv.js";
import { announcementOf } from "../../src/registry/announcement.js";
import { SchemaRegistry } from "../../src/registry/schema-registry.js";
import { ErrorCode } from "../../src/tlvs/codes.js";
import { TradeTLV } from "../../src/tlvs/market-data.js";
import { ErrorTLV, type SchemaAnnounceTLV } from "../../src/tlvs/system.js";
import { ALL_TLVS } from "../tlv-table.js";
import { ForeignTLV, FundingRateTLV, FundingRateV2TLV, IcebergTLV } from "./types.js";

const failing = (code: string): object => expect.objectContaining({ code });
/** A type of which there can be many. */
const numbered = (type: number, name: string, version = 1): AnyTLV => defineTLV(type, name, { a: u8 }, { version });

describe("a registry", () => {
  test("knows every type of the protocol, by number and by name", () => {
    const registry = new SchemaRegistry();
    for (const tlv of ALL_TLVS) {
      expect(registry.find(tlv.type as number)).toBe(tlv);
      expect(registry.find(tlv.name as string)).toBe(tlv);
      expect(registry.schemaOf(tlv.type, 1_000)).toBe(tlv);
      expect(registry.versions(tlv.type)).toEqual([tlv]);
    }
    expect(registry.stats()).toMatchObject({ registered: 0, learned: 0 });
  });

  test("knows what was registered, with its types", () => {
    const registry = new SchemaRegistry().register(FundingRateTLV).register(IcebergTLV);
    expect(registry.find(200)).toBe(FundingRateTLV);
    expect(registry.find("Iceberg")).toBe(IcebergTLV);
    expect(registry.find(201)).toBeUndefined();
    expect(registry.find("Nothing")).toBeUndefined();
    expectTypeOf(registry.find(200)).toEqualTypeOf<typeof FundingRateTLV>();
    expectTypeOf(registry.find("Iceberg")).toEqualTypeOf<typeof IcebergTLV>();
    expectTypeOf(registry.find(201)).toEqualTypeOf<AnyTLV | undefined>();
    expectTypeOf(registry.find(200 as number)).toEqualTypeOf<AnyTLV | undefined>();
    expect(registry.stats().registered).toBe(2);
  });

  test("is its own: what one knows, another does not", () => {
    new SchemaRegistry().register(FundingRateTLV);
    expect(new SchemaRegistry().find(200)).toBeUndefined();
  });

  test("takes the same schema again, as one", () => {
    const again = defineTLV(200, "FundingRate", { ...FundingRateTLV.fields }, { domain: 1 });
    const registry = new SchemaRegistry().register(FundingRateTLV).register(again);
    expect(registry.find(200)).toBe(again);
    expect(registry.stats().registered).toBe(1);
  });

  test("refuses another schema of the same type and version, and says what differs", () => {
    const registry = new SchemaRegistry().register(FundingRateTLV);
    expect(() => registry.register(ForeignTLV)).toThrow(failing("SCHEMA_DIFFERS"));
    expect(() => registry.register(ForeignTLV)).toThrow(
      "field rate: i64 here, u64 given; field nextFundingAt is missing",
    );
    expect(registry.find(200)).toBe(FundingRateTLV);
  });

  test("refuses a name that another type has, the protocol's too", () => {
    const registry = new SchemaRegistry().register(FundingRateTLV);
    expect(() => registry.register(numbered(201, "FundingRate"))).toThrow("so is type 200");
    expect(() => registry.register(numbered(201, "Trade"))).toThrow("so is type 1.");
    expect(() => registry.register(TradeTLV)).toThrow(failing("BAD_SCHEMA"));
  });

  test("holds versions side by side; the last one registered is current, unless it says otherwise", () => {
    const registry = new SchemaRegistry().register(FundingRateTLV).register(FundingRateV2TLV);
    expect(registry.find(200)).toBe(FundingRateV2TLV);
    expect(registry.versions(200)).toEqual([FundingRateTLV, FundingRateV2TLV]);
    const other = new SchemaRegistry().register(FundingRateTLV).register(FundingRateV2TLV, { current: false });
    expect(other.find(200)).toBe(FundingRateTLV);
    expect(other.schemaOf(200, 1_000)).toBe(FundingRateTLV);
    expect(other.announcements().map(({ version }) => version)).toEqual([1]);
  });

  test("forgets a schema, and then takes another", () => {
    const registry = new SchemaRegistry().register(FundingRateTLV);
    expect(registry.forget(200, 2)).toBe(false);
    expect(registry.forget(200, 1)).toBe(true);
    expect(registry.find(200 as number)).toBeUndefined();
    expect(registry.schemaOf(200, 1_000)).toBeUndefined();
    expect(registry.register(ForeignTLV).find(200 as number)).toBe(ForeignTLV);
  });

  test("never reads a source by what came in the place of a forgotten schema", () => {
    const registry = new SchemaRegistry();
    registry.learn(announcementOf(FundingRateTLV), 1_000);
    registry.learn(announcementOf(FundingRateV2TLV), 1_001);
    registry.forget(200, 1);
    registry.learn(announcementOf(ForeignTLV), 1_002);
    expect(registry.schemaOf(200, 1_000)).toBeUndefined();
    expect(registry.schemaOf(200, 1_001)?.version).toBe(2);
    expect(registry.schemaOf(200, 1_002)?.fields).toHaveProperty("interval");
  });

  test.each([-1, 0.5, Number.NaN])("learns no %s schemas", (learnedMax) => {
    expect(() => new SchemaRegistry({ learnedMax })).toThrow(failing("BAD_OPTION"));
  });
});

describe("an announcement", () => {
  test("of what was never seen in code is learned: that source's messages are decoded from then on", () => {
    const registry = new SchemaRegistry();
    const result = registry.learn(announcementOf(FundingRateTLV), 1_000);
    expect(result.outcome).toBe("learned");
    const learned = registry.schemaOf(200, 1_000) as AnyTLV;
    expect(learned).not.toBe(FundingRateTLV);
    const value = { instrument: { venue: 1, assetType: 2, assetId: 3n }, rate: -1n, nextFundingAt: 5n };
    expect(learned.decode(FundingRateTLV.encode(value))).toMatchObject(value);
    expect(registry.find(200 as number)).toBe(learned);
    expect(registry.find("FundingRate" as string)).toBe(learned);
  });

  test("says nothing of sources that announced nothing: learned is not registered", () => {
    const registry = new SchemaRegistry();
    registry.learn(announcementOf(FundingRateTLV), 1_000);
    expect(registry.schemaOf(200, 1_001)).toBeUndefined();
    expect(registry.announcements()).toEqual([]);
  });

  test("again, or of what is registered, is known", () => {
    const registry = new SchemaRegistry().register(FundingRateTLV);
    expect(registry.learn(announcementOf(FundingRateTLV), 1_000)).toEqual({ outcome: "known", tlv: FundingRateTLV });
    registry.learn(announcementOf(FundingRateV2TLV), 1_000);
    expect(registry.learn(announcementOf(FundingRateV2TLV), 1_001).outcome).toBe("known");
    expect(registry.stats()).toMatchObject({
      registered: 1,
      learned: 1,
      announcements: { learned: 1, known: 2, differs: 0, refused: 0 },
    });
  });

  test("decides which version each source's messages use, and what was registered as current for all others", () => {
    const registry = new SchemaRegistry().register(FundingRateTLV);
    registry.learn(announcementOf(FundingRateV2TLV), 1_000);
    expect(registry.schemaOf(200, 1_000)?.version).toBe(2);
    expect(registry.schemaOf(200, 1_001)).toBe(FundingRateTLV);
    registry.learn(announcementOf(FundingRateTLV), 1_000); // it went back
    expect(registry.schemaOf(200, 1_000)).toBe(FundingRateTLV);
  });

  test("that differs changes nothing: the first one stands, and the second producer is to be told why", () => {
    const registry = new SchemaRegistry();
    registry.learn(announcementOf(FundingRateTLV), 1_000);
    const first = registry.schemaOf(200, 1_000);
    const result = registry.learn(announcementOf(ForeignTLV), 1_001, 2 ** 40 + 7);
    if (result.outcome !== "differs") throw new Error(result.outcome);
    expect(result.tlv).toBe(first);
    expect(result.error.code).toBe("SCHEMA_DIFFERS");
    expect(result.differences).toEqual([
      "field rate: i64 here, u64 announced",
      "field nextFundingAt is missing in what is announced",
      "field interval: u8 announced, missing here",
    ]);
    const reply = ErrorTLV.decode(ErrorTLV.encode(result.reply));
    expect(reply).toMatchObject({ refSource: 1_001, refSequence: 2n ** 40n + 7n, code: ErrorCode.SchemaDiffers });
    for (const line of result.differences) expect(reply.message).toContain(line);
    expect(registry.schemaOf(200, 1_000)).toBe(first);
  });

  test("that differs makes its source's messages unknown: they are not read with somebody else's schema", () => {
    const registry = new SchemaRegistry().register(FundingRateTLV);
    registry.learn(announcementOf(ForeignTLV), 1_001);
    expect(registry.schemaOf(200, 1_001)).toBeUndefined();
    expect(registry.schemaOf(200, 1_000)).toBe(FundingRateTLV);
    registry.learn(announcementOf(FundingRateTLV), 1_001); // it was mended
    expect(registry.schemaOf(200, 1_001)).toBe(FundingRateTLV);
  });

  test("under the name of another type differs", () => {
    const registry = new SchemaRegistry().register(FundingRateTLV);
    expect(registry.learn(announcementOf(numbered(201, "FundingRate")), 1_000).outcome).toBe("differs");
    expect(registry.learn(announcementOf(numbered(201, "Trade")), 1_000).outcome).toBe("differs");
    expect(registry.schemaOf(1, 1_000)).toBe(TradeTLV);
  });

  test("that cannot be read is refused, with an answer, and touches no type of the protocol", () => {
    const registry = new SchemaRegistry().register(FundingRateTLV);
    const bad = { ...announcementOf(FundingRateTLV), schema: encode({ fields: [{ kind: "f64", name: "rate" }] }) };
    const result = registry.learn(bad, 1_000);
    if (result.outcome !== "refused") throw new Error(result.outcome);
    expect(result.error.code).toBe("BAD_SCHEMA");
    expect(ErrorTLV.decode(ErrorTLV.encode(result.reply)).code).toBe(ErrorCode.SchemaRefused);
    expect(registry.schemaOf(200, 1_000)).toBeUndefined();
    expect(registry.learn({ ...bad, type: 1 }, 1_000).outcome).toBe("refused");
    expect(registry.schemaOf(1, 1_000)).toBe(TradeTLV);
    expect(registry.stats().announcements.refused).toBe(2);
  });

  test("beyond the limit is refused; what is known already is not, and forgetting makes room", () => {
    const registry = new SchemaRegistry({ learnedMax: 2 });
    registry.learn(announcementOf(numbered(200, "A")), 1);
    registry.learn(announcementOf(numbered(200, "A", 2)), 1);
    const third = announcementOf(numbered(201, "B"));
    expect(registry.learn(third, 1)).toMatchObject({ outcome: "refused", error: { code: "TOO_MANY_SCHEMAS" } });
    expect(registry.schemaOf(201, 1)).toBeUndefined();
    expect(registry.learn(announcementOf(numbered(200, "A")), 2).outcome).toBe("known");
    registry.register(IcebergTLV); // one's own are not limited
    registry.forget(200, 1);
    expect(registry.learn(third, 1).outcome).toBe("learned");
    expect(registry.stats()).toMatchObject({ learned: 2, registered: 1 });
    expect(registry.schemaOf(200, 2)).toBeUndefined(); // it announced what was forgotten
  });

  test("learned before it is registered: the same one is taken over, another one is refused", () => {
    const registry = new SchemaRegistry({ learnedMax: 1 });
    registry.learn(announcementOf(FundingRateTLV), 1_000);
    expect(() => registry.register(ForeignTLV)).toThrow(failing("SCHEMA_DIFFERS"));
    registry.register(FundingRateTLV);
    expect(registry.schemaOf(200, 1_000)).toBe(FundingRateTLV);
    expect(registry.stats()).toMatchObject({ learned: 0, registered: 1 });
  });

  test("says whose sequence a view could not tell as 0", () => {
    const result = new SchemaRegistry().learn({ ...announcementOf(FundingRateTLV), domain: 9 }, 1, Number.NaN);
    expect(result).toMatchObject({ outcome: "refused", reply: { refSequence: 0n } });
  });
});

test("any announcements in any order: the first stands, each source has what it announced last, and every answer can be sent", () => {
  const reached = { learned: 0, known: 0, differs: 0, refused: 0 };
  const schema = fc.constantFrom<SchemaAnnounceTLV>(
    ...[FundingRateTLV, FundingRateV2TLV, ForeignTLV, IcebergTLV, numbered(201, "A"), numbered(201, "B")].map((tlv) =>
      announcementOf(tlv),
    ),
    { ...announcementOf(IcebergTLV), schema: new Uint8Array([1]) },
    { ...announcementOf(IcebergTLV), name: "\u{1f600}".repeat(30), schema: encode({ fields: [{ kind: "\ud83d" }] }) },
  );
  fc.assert(
    fc.property(fc.array(fc.tuple(schema, fc.nat(3)), { maxLength: 12, size: "max" }), (announced) => {
      const registry = new SchemaRegistry({ learnedMax: 3 });
      const standing = new Map<string, AnyTLV>();
      for (const [announcement, source] of announced) {
        const { type, version } = announcement;
        const result = registry.learn(announcement, source);
        reached[result.outcome]++;
        const key = `${type}/${version}`;
        if (result.outcome === "learned") {
          expect(standing.has(key)).toBe(false);
          standing.set(key, result.tlv);
        }
        if (result.outcome === "learned" || result.outcome === "known") {
          expect(registry.schemaOf(type, source)).toBe(standing.get(key));
        } else {
          expect(registry.schemaOf(type, source)).toBeUndefined();
          expect(ErrorTLV.decode(ErrorTLV.encode(result.reply)).message).toBe(result.error.message);
        }
      }
      expect(registry.stats().learned).toBe(standing.size);
      expect(standing.size).toBeLessThanOrEqual(3);
    }),
    { numRuns: 200 },
  );
  for (const [outcome, count] of Object.entries(reached)) expect(count, outcome).toBeGreaterThan(50);
});
