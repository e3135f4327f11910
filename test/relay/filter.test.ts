import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { TLVBuilder } from "../../src/protocol/builder.js";
import type { InstrumentId } from "../../src/protocol/instrument-id.js";
import { InstrumentId as Id } from "../../src/protocol/instrument-id.js";
import { Filter } from "../../src/relay/filter.js";
import { DecimalsTLV } from "../../src/tlvs/extension.js";
import { InstrumentStatusTLV, QuoteTLV, TradeTLV } from "../../src/tlvs/market-data.js";
import { quoteOf, tradeOf } from "../samples.js";

// Ids that are alike in all but one part, so that each part is looked at.
const IDS: readonly InstrumentId[] = [
  new Id(1, 1, 1n),
  new Id(2, 1, 1n),
  new Id(1, 2, 1n),
  new Id(1, 1, 2n),
  new Id(1, 1, 1n << 32n),
  new Id(1, 1, (1n << 32n) + 1n),
];

type Part = { readonly type: number; readonly id?: InstrumentId };

function messageOf(parts: readonly Part[]): Uint8Array {
  const builder = new TLVBuilder({ domain: 1, source: 1 });
  for (const { type, id } of parts) {
    if (type === TradeTLV.type) builder.add(TradeTLV, tradeOf(1, id));
    else if (type === QuoteTLV.type) builder.add(QuoteTLV, quoteOf(1, id));
    else if (type === InstrumentStatusTLV.type) {
      builder.add(InstrumentStatusTLV, { timestamp: 1n, instrument: id as InstrumentId, status: 1, reason: 0 });
    } else builder.addRaw(type, new Uint8Array(40).fill(1));
  }
  return builder.build();
}

const matches = (filter: Filter, bytes: Uint8Array, before = 0): boolean => {
  const memory = new Uint8Array(before + bytes.byteLength);
  memory.set(bytes, before);
  return filter.matches(new DataView(memory.buffer), before, bytes.byteLength);
};

const id = fc.constantFrom(...IDS);
const part: fc.Arbitrary<Part> = fc.oneof(
  fc.record({ type: fc.constantFrom(TradeTLV.type, QuoteTLV.type, InstrumentStatusTLV.type), id }),
  fc.record({ type: fc.constantFrom(200, 201, 19) }),
);
const type = fc.constantFrom(TradeTLV.type, QuoteTLV.type, InstrumentStatusTLV.type, 200, 201, 19, 254);

test("a message is wanted where any of its TLVs is: by type, and by instrument where the type has one", () => {
  const reached = { wanted: 0, unwanted: 0, byInstrument: 0 };
  fc.assert(
    fc.property(
      fc.array(part, { maxLength: 4 }),
      fc.array(type, { maxLength: 3 }),
      fc.array(id, { maxLength: 3 }),
      fc.nat(9),
      (parts, types, ids, before) => {
        const isTyped = (tlv: Part): boolean => types.length === 0 || types.includes(tlv.type);
        const isNamed = (tlv: Part): boolean =>
          ids.length === 0 || tlv.id === undefined || ids.some((each) => each.equals(tlv.id as InstrumentId));
        const isOpen = types.length === 0 && ids.length === 0;
        const isWanted = isOpen || parts.some((tlv) => isTyped(tlv) && isNamed(tlv));
        const filter = new Filter(types, ids);
        expect(filter.isOpen).toBe(isOpen);
        expect(matches(filter, messageOf(parts), before)).toBe(isWanted);
        reached[isWanted ? "wanted" : "unwanted"]++;
        if (parts.some(isTyped) && !isWanted) reached.byInstrument++;
      },
    ),
    { numRuns: 1_000 },
  );
  expect(Math.min(...Object.values(reached))).toBeGreaterThan(50);
});

describe("a filter", () => {
  test("lets what cannot be walked, or is too short for its type, through: its reader reports it", () => {
    const filter = new Filter([], [IDS[0] as InstrumentId]);
    const broken = messageOf([{ type: TradeTLV.type, id: IDS[1] as InstrumentId }]);
    expect(matches(filter, broken)).toBe(false);
    broken[33] = 200; // longer than the payload
    expect(matches(filter, broken)).toBe(true);
    const short = new TLVBuilder({ domain: 1, source: 1 }).addRaw(TradeTLV.type, new Uint8Array(5)).build();
    expect(matches(filter, short)).toBe(true);
  });

  test("wants no message without TLVs, unless it wants everything", () => {
    const empty = messageOf([]);
    expect(matches(new Filter([1], []), empty)).toBe(false);
    expect(matches(new Filter([], [IDS[0] as InstrumentId]), empty)).toBe(false);
    expect(matches(new Filter([], []), empty)).toBe(true);
  });

  test("takes the id's reserved byte as 0, whatever a message has there", () => {
    const bytes = messageOf([{ type: TradeTLV.type, id: IDS[0] as InstrumentId }]);
    bytes[34 + 3] = 77;
    expect(matches(new Filter([], [IDS[0] as InstrumentId]), bytes)).toBe(true);
  });

  test("looks at extensions too, where they are asked for", () => {
    const bytes = new TLVBuilder({ domain: 1, source: 1 })
      .add(TradeTLV, tradeOf(1))
      .add(DecimalsTLV, { price: 2, size: 2 })
      .build();
    expect(matches(new Filter([DecimalsTLV.type], []), bytes)).toBe(true);
    expect(matches(new Filter([QuoteTLV.type], []), bytes)).toBe(false);
  });
});
