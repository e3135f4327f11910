import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { TLVBuilder } from "../../src/protocol/builder.js";
import { ProtocolError } from "../../src/protocol/errors.js";
import { Message, parseMessage } from "../../src/protocol/message.js";
import { messageBuffer } from "../../src/protocol/message-buffer.js";
import { MessageView } from "../../src/protocol/message-view.js";
import type { AnyTLV } from "../../src/protocol/schema/tlv.js";
import { RelayDomain } from "../../src/protocol/tables.js";
import { QuoteTLV, TradeTLV } from "../../src/tlvs/market-data.js";
import { quoteOf, tradeOf } from "../samples.js";
import { ALL_TLVS, INTERPRETED_TLVS } from "../tlv-table.js";
import { fromHex, readVectors } from "../vectors.js";

const GOLDEN = readVectors<{ hex: string }>("valid")
  .map(({ hex }) => fromHex(hex))
  .filter((bytes) => bytes.byteLength < 2_000);

/** Reads all there is to read; says how that ended. Whatever is no ProtocolError comes through. */
function outcomeOf(bytes: Uint8Array, checksum: "crc32c" | "none", tlvs: readonly AnyTLV[] = ALL_TLVS): string {
  try {
    const message = parseMessage(bytes, { checksum });
    expect(message).toBeInstanceOf(Message);
    expect(bytes.byteLength).toBe(32 + message.header.payloadSize);
    for (const { type, value } of message) tlvs.find((tlv) => tlv.type === type)?.decode(value);
    return "read";
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    const { offset } = error;
    if (offset !== undefined) expect(offset >= 0 && offset <= bytes.byteLength).toBe(true);
    return error.code;
  }
}

const mutation = fc.oneof(
  fc.record({ kind: fc.constant("set" as const), at: fc.nat(), byte: fc.integer({ min: 0, max: 255 }) }),
  fc.record({ kind: fc.constant("cut" as const), at: fc.nat(), byte: fc.constant(0) }),
  fc.record({ kind: fc.constant("put" as const), at: fc.nat(), byte: fc.integer({ min: 0, max: 255 }) }),
  fc.record({ kind: fc.constant("take" as const), at: fc.nat(), byte: fc.constant(0) }),
);

function mutate(bytes: Uint8Array, steps: readonly { kind: string; at: number; byte: number }[]): Uint8Array {
  const all = [...bytes];
  for (const { kind, at, byte } of steps) {
    const place = at % (all.length + 1);
    if (kind === "set") all[Math.min(place, Math.max(0, all.length - 1))] = byte;
    else if (kind === "cut") all.length = place;
    else if (kind === "put") all.splice(place, 0, byte);
    else all.splice(place, 1);
  }
  return Uint8Array.from(all);
}

describe("a reader", () => {
  test("makes a message or a ProtocolError of arbitrary bytes, and nothing else", () => {
    const codes = new Set<string>();
    const start = fc.constantFrom(
      [],
      [0xef, 0xbe, 0xad, 0xde],
      [0xef, 0xbe, 0xad, 0xde, 1],
      [0xef, 0xbe, 0xad, 0xde, 1, 1],
    );
    fc.assert(
      fc.property(start, fc.uint8Array({ size: "max", maxLength: 4_096 }), (first, bytes) => {
        codes.add(outcomeOf(Uint8Array.from([...first, ...bytes]), "crc32c"));
      }),
      { numRuns: 300 },
    );
    expect([...codes].sort()).toEqual(expect.arrayContaining(["BAD_MAGIC", "TRUNCATED", "UNSUPPORTED_VERSION"]));
  });

  test.each(["none", "crc32c"] as const)(
    "makes a message or a ProtocolError of mutated ones (checksum %s)",
    (checksum) => {
      const codes = new Map<string, number>();
      fc.assert(
        fc.property(
          fc.constantFrom(...GOLDEN),
          fc.array(mutation, { maxLength: 4 }),
          fc.boolean(),
          (golden, steps, mend) => {
            const bytes = mutate(golden, steps);
            // With a true size the walk over the TLVs is reached, whatever was put in or taken out.
            if (mend && bytes.byteLength >= 32) new DataView(bytes.buffer).setUint32(24, bytes.byteLength - 32, true);
            const code = outcomeOf(bytes, checksum);
            codes.set(code, (codes.get(code) ?? 0) + 1);
            expect(outcomeOf(bytes, checksum, INTERPRETED_TLVS)).toBe(code);
          },
        ),
        { numRuns: 3_000 },
      );
      const common = ["read", "TRUNCATED", "BAD_MAGIC", "SIZE_MISMATCH"];
      const deep = ["BAD_TLV", "TLV_TRUNCATED", "DOMAIN_MISMATCH", "BAD_LENGTH"];
      const wanted = [...common, ...(checksum === "none" ? deep : ["CHECKSUM_MISMATCH"])];
      expect([...codes.keys()]).toEqual(expect.arrayContaining(wanted));
    },
  );

  test("makes objects or ProtocolErrors of arbitrary bytes as the value of any TLV, the same by either codec", () => {
    let read = 0;
    const value = fc.uint8Array({ size: "max", maxLength: 200 });
    for (const [i, tlv] of ALL_TLVS.entries()) {
      const interpreted = INTERPRETED_TLVS[i] as AnyTLV;
      const exact = fc.uint8Array({ minLength: tlv.layout.fixedBytes, maxLength: tlv.layout.fixedBytes });
      fc.assert(
        fc.property(fc.oneof(exact, value), (bytes) => {
          const results = [tlv, interpreted].map((codec) => {
            try {
              const object = codec.decode(bytes);
              read++;
              return object;
            } catch (error) {
              if (!(error instanceof ProtocolError)) throw error;
              return [error.code, error.message, error.offset];
            }
          });
          expect(results[1]).toEqual(results[0]);
        }),
        { numRuns: 50 },
      );
    }
    expect(read).toBeGreaterThan(500);
  });
});

describe("the order of checks", () => {
  // A message with every fault at once. Mended one after the other, each check shows the next.
  const start = new TLVBuilder({ domain: RelayDomain.MarketData, source: 1 }).build();
  function faulty(): { bytes: Uint8Array; set: (at: number, ...given: number[]) => void } {
    // Extension first; then control behind it; then a foreign type; then a Trade of 3 bytes; then a TLV that is cut.
    const tlvs = [107, 1, 0, 90, 0, 20, 0, 1, 3, 0, 0, 0, 1, 200];
    const bytes = new Uint8Array(32 + tlvs.length);
    bytes.set(start);
    bytes.set(tlvs, 32);
    const set = (at: number, ...given: number[]): void => bytes.set(given, at);
    set(0, 1);
    set(4, 9);
    set(5, 9);
    set(24, 0, 0, 0, 1);
    return { bytes, set };
  }

  test("is the protocol's", () => {
    const { bytes, set } = faulty();
    const found: string[] = [];
    const look = (given: Uint8Array = bytes): void => {
      found.push(outcomeOf(given, "crc32c"));
    };
    look(bytes.subarray(0, 31)); // though its magic is wrong as well
    look();
    set(0, 0xef);
    look();
    set(4, 1);
    look();
    set(5, 1);
    look();
    set(24, 13, 0, 0, 0);
    look();
    set(24, 15, 0, 0, 0);
    look();
    set(24, 14, 0, 0, 0);
    look();
    found.push(outcomeOf(bytes, "none"));
    set(45, 0); // the last TLV is whole now, and empty
    set(44, 2);
    found.push(outcomeOf(bytes, "none"));
    set(32, 2); // no extension first any more, but a control type behind it
    found.push(outcomeOf(bytes, "none"));
    set(35, 3);
    found.push(outcomeOf(bytes, "none")); // a foreign type still
    set(37, 4);
    found.push(outcomeOf(bytes, "none")); // values of a wrong length
    expect(found).toEqual([
      "TRUNCATED",
      "BAD_MAGIC",
      "UNSUPPORTED_VERSION",
      "BAD_DOMAIN",
      "TOO_LARGE",
      "SIZE_MISMATCH",
      "TRUNCATED",
      "CHECKSUM_MISMATCH",
      "TLV_TRUNCATED",
      "BAD_TLV",
      "BAD_TLV",
      "DOMAIN_MISMATCH",
      "BAD_LENGTH",
    ]);
  });

  test.each([
    ["one byte of a standard header", [1], "TLV_TRUNCATED"],
    ["a standard value cut", [1, 2, 0], "TLV_TRUNCATED"],
    ["type 0", [0, 0], "BAD_TLV"],
    ["type 0, alone", [0], "BAD_TLV"],
    ["255 alone", [255], "TLV_TRUNCATED"],
    ["255 and not 0", [255, 1], "BAD_TLV"],
    ["an extended header cut before its type", [255, 0], "TLV_TRUNCATED"],
    ["an extended header cut before its length", [255, 0, 1], "TLV_TRUNCATED"],
    ["an extended header cut within its length", [255, 0, 1, 0], "TLV_TRUNCATED"],
    ["an extended type 0, cut", [255, 0, 0], "BAD_TLV"],
    ["an extended type 255", [255, 0, 255, 0, 0], "BAD_TLV"],
    ["an extended value cut", [255, 0, 200, 2, 0, 9], "TLV_TRUNCATED"],
    ["an empty extended value", [255, 0, 200, 0, 0], "read"],
    ["nothing", [], "read"],
    ["a fault behind an extension that stands first", [107, 0, 0], "BAD_TLV"],
    ["a cut TLV behind one in the wrong domain", [20, 0, 1], "TLV_TRUNCATED"],
  ])("within the row of TLVs: %s", (_, tlvs, outcome) => {
    const bytes = Uint8Array.from([...start, ...tlvs]);
    bytes[24] = tlvs.length;
    expect(outcomeOf(bytes, "none")).toBe(outcome);
  });
});

describe("the payload's limit", () => {
  const build = (payloadBytes: number): Uint8Array => {
    const builder = new TLVBuilder({ domain: 1, source: 1, payloadBytesMax: 16 << 20 });
    for (let left = payloadBytes; left > 0; ) {
      const valueBytes = Math.min(65_535, left > 65_540 ? 65_535 : left - (left > 257 ? 5 : 2));
      builder.addRaw(200, new Uint8Array(valueBytes));
      left -= valueBytes + (valueBytes > 255 ? 5 : 2);
    }
    return builder.build();
  };

  test("is 1 MiB unless told otherwise, and 16 MiB at most for a builder", () => {
    expect(parseMessage(build(1 << 20)).header.payloadSize).toBe(1 << 20);
    expect(() => parseMessage(build((1 << 20) + 300))).toThrow(expect.objectContaining({ code: "TOO_LARGE" }));
    const largest = build(16 << 20);
    expect(parseMessage(largest, { payloadBytesMax: 16 << 20 }).header.payloadSize).toBe(16 << 20);
  });

  test("is seen before the bytes are there", () => {
    const header = build(400).slice(0, 32);
    expect(() => parseMessage(header, { payloadBytesMax: 399 })).toThrow(
      expect.objectContaining({ code: "TOO_LARGE" }),
    );
    expect(() => parseMessage(header, { payloadBytesMax: 400 })).toThrow(
      expect.objectContaining({ code: "TRUNCATED" }),
    );
  });
});

describe("a message", () => {
  const bytes = new TLVBuilder({ domain: RelayDomain.MarketData, source: 7 })
    .add(TradeTLV, tradeOf(1))
    .add(TradeTLV, tradeOf(2))
    .addRaw(150, Uint8Array.of(1, 2, 3))
    .build({ sequence: 2n ** 63n + 1n, timestamp: 2n ** 64n - 1n });

  test("gives the first TLV of a type, undefined for one it has not, and all in turn", () => {
    const message = parseMessage(bytes);
    expect(message.header).toMatchObject({ sequence: 2n ** 63n + 1n, timestamp: 2n ** 64n - 1n });
    expect(message.get(TradeTLV)).toEqual(tradeOf(1));
    expect(message.get(QuoteTLV)).toBeUndefined();
    const all = [...message];
    expect(all.map(({ type }) => type)).toEqual([1, 1, 150]);
    expect(all[2]?.value).toEqual(Uint8Array.of(1, 2, 3));
    expect([...message]).toHaveLength(3); // can be walked again
  });

  test("is read the same wherever in its memory it lies", () => {
    fc.assert(
      fc.property(fc.nat(40), fc.nat(40), (before, behind) => {
        const memory = new Uint8Array(before + bytes.byteLength + behind).fill(0xee);
        memory.set(bytes, before);
        const message = parseMessage(memory.subarray(before, before + bytes.byteLength));
        expect(message.get(TradeTLV)).toEqual(tradeOf(1));
        expect([...message].map(({ type }) => type)).toEqual([1, 1, 150]);
      }),
    );
  });

  test("can be walked by two at once", () => {
    const message = parseMessage(bytes);
    const pairs: string[] = [];
    for (const a of message) for (const b of message) pairs.push(`${a.type}:${b.type}`);
    expect(pairs).toEqual(["1:1", "1:1", "1:150", "1:1", "1:1", "1:150", "150:1", "150:1", "150:150"]);
  });

  test("seen through a view over borrowed bytes is the same, until it is let go", () => {
    const builder = new TLVBuilder({ domain: RelayDomain.MarketData, source: 9 });
    const memory = new Uint8Array(500);
    const whole = builder
      .add(QuoteTLV, quoteOf(5))
      .addRaw(150, Uint8Array.of(9))
      .build({ sequence: 77, timestamp: 1_999n });
    memory.set(whole, 100);
    const view = new MessageView().wrap(messageBuffer(memory), 100, whole.byteLength);
    expect([view.domain, view.source, view.sequence, view.timestamp, view.timestampUs, view.byteLength]).toEqual([
      1,
      9,
      77,
      1_999n,
      1,
      whole.byteLength,
    ]);
    const quote = view.find(QuoteTLV);
    expect(quote?.bidPrice).toBe(5n);
    expect(view.find(QuoteTLV)).toBe(quote);
    expect(view.find(TradeTLV)).toBeUndefined();
    expect(view.get(QuoteTLV)).toEqual(quoteOf(5));
    expect(view.copy()).toEqual(whole);
    view.release();
    const released = expect.objectContaining({ code: "RELEASED" });
    expect(() => quote?.bidPrice).toThrow(released);
    expect(() => view.source).toThrow(released);
    expect(() => view.timestampUs).toThrow(released);
    expect(() => view.get(QuoteTLV)).toThrow(released);
    expect(() => view.copy()).toThrow(released);
    expect(() => new MessageView().sequence).toThrow(released);
  });

  test("whose sequence no number holds says NaN, not another number", () => {
    const view = (sequence: bigint): number => {
      const built = new TLVBuilder({ domain: 1, source: 1 }).build({ sequence });
      return new MessageView().wrap(messageBuffer(built), 0, built.byteLength).sequence;
    };
    expect(view(2n ** 53n - 1n)).toBe(Number.MAX_SAFE_INTEGER);
    expect(view(2n ** 53n)).toBeNaN();
    expect(view(2n ** 64n - 1n)).toBeNaN();
  });
});
