import fc from "fast-check";
import { describe, expect, expectTypeOf, test } from "vitest";
import { parseMessage } from "../../src/protocol/message.js";
import { blob, sizeOf, u8 } from "../../src/protocol/schema/fields.js";
import { defineTLV } from "../../src/protocol/schema/tlv.js";
import { RelayDomain } from "../../src/protocol/tables.js";
import { isControlType, isExtensionType } from "../../src/protocol/walk.js";
import { fakeClock } from "../../src/testing/fake-clock.js";
import { fromGolden, toGolden } from "../../src/testing/golden.js";
import { arbitraryMessage } from "../../src/testing/messages.js";
import { VenueReferenceTLV } from "../../src/tlvs/extension.js";
import { QuoteTLV, TradeTLV } from "../../src/tlvs/market-data.js";
import { HelloTLV } from "../../src/tlvs/session-control.js";
import { SignalIdentityTLV } from "../../src/tlvs/signal.js";
import { toHex } from "../vectors.js";

const refused = expect.objectContaining({ code: "BAD_OPTION" });

describe("arbitraryMessage", () => {
  test("makes valid messages, and says what is in them", () => {
    const reached = { extensions: 0, control: 0, several: 0, unsequenced: 0, beyondNumbers: 0 };
    const domains = new Set<number>();
    const types = new Set<number>();
    fc.assert(
      fc.property(arbitraryMessage({ valueBytesMax: 2_000 }), ({ bytes, header, tlvs }) => {
        const message = parseMessage(bytes);
        expect(message.header).toEqual(header);
        const found = [...message];
        expect(found.map(({ type }) => type)).toEqual(tlvs.map(({ tlv }) => tlv.type));
        tlvs.forEach(({ tlv, value }, i) => {
          expect(tlv.decode((found[i] as { value: Uint8Array }).value)).toEqual(value);
          types.add(tlv.type);
        });
        domains.add(header.relayDomain);
        if (tlvs.some(({ tlv }) => isExtensionType(tlv.type))) reached.extensions++;
        if (tlvs.some(({ tlv }) => isControlType(tlv.type))) reached.control++;
        if (tlvs.filter(({ tlv }) => !isExtensionType(tlv.type)).length > 1) reached.several++;
        if (header.sequence === 0n) reached.unsequenced++;
        if (header.sequence > Number.MAX_SAFE_INTEGER) reached.beyondNumbers++;
      }),
      { numRuns: 600 },
    );
    expect(Math.min(...Object.values(reached))).toBeGreaterThan(30);
    expect([...domains].sort()).toEqual([1, 2, 3, 4]);
    expect(types.size).toBeGreaterThan(60);
  });

  test("keeps to the types, the domain and the checksum that it is told, and knows the types of their values", () => {
    const tlvs = [TradeTLV, VenueReferenceTLV, SignalIdentityTLV] as const;
    const message = arbitraryMessage({ tlvs, domain: RelayDomain.MarketData, checksum: "crc32" });
    for (const { bytes, header, tlvs: found } of fc.sample(message, 100)) {
      expect(parseMessage(bytes, { checksum: "crc32" }).header).toEqual(header);
      expect(header.relayDomain).toBe(RelayDomain.MarketData);
      const [first] = found;
      expectTypeOf(first?.value).toEqualTypeOf<TradeTLV | VenueReferenceTLV | SignalIdentityTLV | undefined>();
      expect(first?.tlv).toBe(TradeTLV);
      expect(found.every(({ tlv }) => tlv === TradeTLV || tlv === VenueReferenceTLV)).toBe(true);
    }
  });

  test("puts types of one's own in their domain, and in any where they name none", () => {
    const Own = defineTLV(210, "Own", { kind: u8 }, { domain: RelayDomain.Execution });
    const Any = defineTLV(211, "Any", { noteBytes: sizeOf("note", "u8"), note: blob });
    const domainsOf = (tlv: typeof Own | typeof Any) =>
      new Set(fc.sample(arbitraryMessage({ tlvs: [tlv] }), 100).map(({ header }) => header.relayDomain));
    expect(domainsOf(Own)).toEqual(new Set([RelayDomain.Execution]));
    expect(domainsOf(Any).size).toBe(4);
  });

  test("refuses types of which no message can be made", () => {
    expect(() => arbitraryMessage({ tlvs: [] })).toThrow(refused);
    expect(() => arbitraryMessage({ tlvs: [VenueReferenceTLV] })).toThrow(refused);
    expect(() => arbitraryMessage({ tlvs: [TradeTLV], domain: RelayDomain.Signal })).toThrow(refused);
    expect(() => arbitraryMessage({ tlvs: [HelloTLV], domain: 5 })).toThrow(refused);
  });
});

describe("golden messages", () => {
  test("of any message are JSON that gives the same bytes again", () => {
    fc.assert(
      fc.property(arbitraryMessage({ valueBytesMax: 2_000 }), ({ bytes }) => {
        const golden = toGolden(bytes);
        expect(JSON.parse(JSON.stringify(golden))).toEqual(golden);
        expect(toHex(fromGolden(golden))).toBe(toHex(bytes));
        expect(golden.hex).toBe(toHex(bytes));
      }),
      { numRuns: 300 },
    );
  });

  test("keep a type that is not known as its bytes", () => {
    const Own = defineTLV(210, "Own", { kind: u8 });
    const [message] = fc.sample(arbitraryMessage({ tlvs: [Own] }), 1);
    const bytes = message?.bytes as Uint8Array;
    expect(toGolden(bytes, { label: "one of ours" })).toMatchObject({ label: "one of ours", tlvs: [{ type: 210 }] });
    expect(toGolden(bytes).tlvs[0]?.raw).toHaveLength(2);
    expect(toGolden(bytes, { tlvs: [Own] }).tlvs[0]?.value).toEqual(message?.tlvs[0]?.value);
    expect(toHex(fromGolden(toGolden(bytes)))).toBe(toHex(bytes));
  });

  test("that do not say what a message has are errors that name it", () => {
    const [message] = fc.sample(arbitraryMessage({ tlvs: [QuoteTLV] }), 1);
    const golden = toGolden(message?.bytes as Uint8Array);
    const with_ = (change: object) => ({ ...golden, tlvs: [{ ...golden.tlvs[0], type: 2, ...change }] });
    const value = golden.tlvs[0]?.value;
    const bad = (field: string) => expect.objectContaining({ code: "VALUE_RANGE", tlv: "Quote", field });
    expect(() => fromGolden(with_({ value: { ...value, bidPrice: "x" } }))).toThrow(bad("bidPrice"));
    expect(() => fromGolden(with_({ value: { ...value, bidPrice: 5 } }))).toThrow(bad("bidPrice"));
    expect(() => fromGolden(with_({ value: { ...value, instrument: null } }))).toThrow(bad("instrument"));
    expect(() => fromGolden(with_({ type: 250 }))).toThrow(refused);
    expect(() => fromGolden(with_({ type: 250, raw: "0" }))).toThrow(refused);
    const header = { ...golden.header, sequence: "minus one" };
    expect(() => fromGolden({ ...golden, header })).toThrow(expect.objectContaining({ code: "VALUE_RANGE" }));
  });
});

describe("fakeClock", () => {
  test("stands until it is told, goes on, and goes back", () => {
    const clock = fakeClock(1_000);
    expect([clock.nowUs(), clock.nowUs(), clock.nowNs()]).toEqual([1_000, 1_000, 1_000_000n]);
    clock.advanceBy(5);
    expect(clock.nowUs()).toBe(1_005);
    clock.set(3);
    expect([clock.nowUs(), clock.nowNs()]).toEqual([3, 3_000n]);
    expect(fakeClock().nowUs()).toBe(0);
  });

  test("refuses what is no time, and stands where it was", () => {
    const clock = fakeClock(7);
    for (const us of [-1, 0.5, Number.NaN, 2 ** 53, "1" as never]) {
      expect(() => fakeClock(us)).toThrow(refused);
      expect(() => clock.set(us)).toThrow(refused);
      expect(() => clock.advanceBy(us)).toThrow(refused);
    }
    expect(() => clock.advanceBy(Number.MAX_SAFE_INTEGER)).toThrow(refused);
    expect(clock.nowUs()).toBe(7);
  });
});
