import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { TLVBuilder } from "../../src/protocol/builder.js";
import { InstrumentId } from "../../src/protocol/instrument-id.js";
import { parseMessage } from "../../src/protocol/message.js";
import { allocateBuffer, messageBuffer } from "../../src/protocol/message-buffer.js";
import { MessageView } from "../../src/protocol/message-view.js";
import { restamp } from "../../src/protocol/restamp.js";
import { StreamFramer } from "../../src/protocol/stream-framer.js";
import { RelayDomain } from "../../src/protocol/tables.js";
import { DecimalsTLV, VenueReferenceTLV } from "../../src/tlvs/extension.js";
import { OrderBookTLV, QuoteTLV, TradeTLV } from "../../src/tlvs/market-data.js";

const instrument = InstrumentId.of(102, 13, "BTC-USD");
const trade = (n: number): TradeTLV => ({
  instrument,
  price: BigInt(n),
  volume: 5n,
  exchangeTimestamp: 7n,
  side: 1,
  flags: 0,
});
const TRADE_BYTES = 74;
const newBuilder = (): TLVBuilder => new TLVBuilder({ domain: RelayDomain.MarketData, source: 9 });

describe("a builder in the caller's memory", () => {
  test("writes the same bytes as in its own, and none outside them", () => {
    fc.assert(
      fc.property(fc.nat(200), fc.nat(0xff), fc.nat(40), (offset, fill, reference) => {
        const memory = messageBuffer(new Uint8Array(600).fill(fill));
        const text = "r".repeat(reference);
        const own = newBuilder().add(TradeTLV, trade(3)).add(VenueReferenceTLV, { reference: text });
        const expected = own.build({ sequence: 4, timestamp: 5_000n });
        const builder = newBuilder().into(memory, offset);
        const byteLength = builder.add(TradeTLV, trade(3)).add(VenueReferenceTLV, { reference: text }).seal(4, 5);
        expect(memory.bytes.subarray(offset, offset + byteLength)).toEqual(expected);
        expect(memory.bytes.subarray(0, offset).every((byte) => byte === fill)).toBe(true);
        expect(memory.bytes.subarray(offset + byteLength).every((byte) => byte === fill)).toBe(true);
      }),
    );
  });

  test("puts messages one behind the other, as a stream has them", () => {
    const memory = allocateBuffer(10 * TRADE_BYTES);
    const builder = newBuilder();
    let end = 0;
    for (let n = 1; n <= 10; n++) end += builder.into(memory, end).add(TradeTLV, trade(n)).seal(n, n);
    expect(end).toBe(10 * TRADE_BYTES);
    const view = new MessageView();
    for (let n = 1; n <= 10; n++) {
      expect(view.read(memory, (n - 1) * TRADE_BYTES, TRADE_BYTES)).toMatchObject({ sequence: n, timestampUs: n });
      expect(view.find(TradeTLV)?.price).toBe(BigInt(n));
    }
  });

  test("says NO_ROOM where the memory ends, writes nothing behind it and drops the message", () => {
    const memory = allocateBuffer(2 * TRADE_BYTES - 1);
    const builder = newBuilder();
    const first = builder.into(memory, 0).add(TradeTLV, trade(1)).seal(1, 1);
    const noRoom = expect.objectContaining({ code: "NO_ROOM" });
    expect(() => builder.into(memory, first).add(TradeTLV, trade(2))).toThrow(noRoom);
    expect(() => builder.into(memory, first).append(TradeTLV)).toThrow(noRoom);
    expect(() => builder.into(memory, memory.bytes.length - 31)).toThrow(noRoom);
    expect(() => builder.into(memory, -1)).toThrow(noRoom);
    expect(() => builder.into(memory, 0.5)).toThrow(noRoom);
    expect(builder.into(memory, first).addRaw(200, new Uint8Array(4)).byteLength).toBe(38);
  });
});

describe("a message that is stamped anew in place", () => {
  test("is the one that would have been built so", () => {
    fc.assert(
      fc.property(
        fc.maxSafeInteger().map(Math.abs),
        fc.integer({ min: 0, max: Math.floor(2 ** 53 / 1000) }),
        (sequence, us) => {
          const built = newBuilder().add(TradeTLV, trade(1)).build({ sequence: 1, timestamp: 2_000n });
          const expected = newBuilder()
            .add(TradeTLV, trade(1))
            .build({ sequence, timestamp: BigInt(us) * 1000n });
          const memory = allocateBuffer(200);
          memory.bytes.set(built, 7);
          restamp(memory, 7, sequence, us);
          expect(memory.bytes.subarray(7, 7 + built.byteLength)).toEqual(expected);
        },
      ),
    );
  });

  test("carries the other checksum where it is told", () => {
    const bytes = newBuilder().add(TradeTLV, trade(1)).build();
    restamp(messageBuffer(bytes), 0, 5, 6, "crc32");
    expect(parseMessage(bytes, { checksum: "crc32" }).header.sequence).toBe(5n);
  });

  test("must stand there whole", () => {
    const bytes = newBuilder().add(TradeTLV, trade(1)).build();
    const code = (cut: Uint8Array, offset: number) => {
      try {
        restamp(messageBuffer(cut), offset, 1, 1);
        return "none";
      } catch (error) {
        return (error as { code: string }).code;
      }
    };
    expect([code(bytes.slice(0, 73), 0), code(bytes.slice(0, 20), 0), code(bytes, 1)]).toEqual([
      "TRUNCATED",
      "TRUNCATED",
      "BAD_MAGIC",
    ]);
  });
});

describe("what would be wrapped or cut", () => {
  const outOfRange = expect.objectContaining({ code: "VALUE_RANGE" });

  test.each([-1, Number.NaN, 1.5, 2 ** 53, Number.POSITIVE_INFINITY])("a sequence or time of %d is refused", (bad) => {
    const builder = newBuilder().add(TradeTLV, trade(1));
    expect(() => builder.seal(bad, 1)).toThrow(outOfRange);
    expect(() => builder.seal(1, bad)).toThrow(outOfRange);
    const bytes = builder.build({ timestamp: 5_000n });
    expect(() => restamp(messageBuffer(bytes), 0, bad, 1)).toThrow(outOfRange);
    expect(() => restamp(messageBuffer(bytes), 0, 1, bad)).toThrow(outOfRange);
    expect(parseMessage(bytes).header.timestamp).toBe(5_000n);
  });

  test("a raw value that is no Uint8Array is refused", () => {
    for (const value of ["abc", [1, 2, 3], new Uint16Array(2)]) {
      expect(() => newBuilder().addRaw(200, value as unknown as Uint8Array)).toThrow(outOfRange);
    }
  });

  test.each([-1, 0.5, Number.NaN, 2 ** 25, Number.POSITIVE_INFINITY])("a limit of %d bytes is no limit", (limit) => {
    const options = { payloadBytesMax: limit };
    const badOption = expect.objectContaining({ code: "BAD_OPTION" });
    const bytes = newBuilder().build();
    expect(() => parseMessage(bytes, options)).toThrow(badOption);
    expect(() => new MessageView(options)).toThrow(badOption);
    expect(() => new StreamFramer(() => {}, options)).toThrow(badOption);
  });

  test("a writer without a checksum does not exist", () => {
    const options = { domain: 1, source: 1, checksum: "none" as unknown as "crc32" };
    expect(() => new TLVBuilder(options)).toThrow(expect.objectContaining({ code: "BAD_OPTION" }));
  });
});

test("copies are copies, also where the memory is a Buffer of Node's", () => {
  const memory = messageBuffer(Buffer.alloc(200));
  const builder = newBuilder().into(memory);
  const first = builder.add(TradeTLV, trade(1)).build({ sequence: 1 });
  const second = builder.add(TradeTLV, trade(2)).build({ sequence: 2 });
  const copy = new MessageView().read(memory, 0, TRADE_BYTES).copy();
  memory.bytes.fill(0);
  expect([first, second, copy].map((bytes) => parseMessage(bytes).header.sequence)).toEqual([1n, 2n, 2n]);
});

describe("a message view of one's own", () => {
  const memory = messageBuffer(
    newBuilder()
      .add(QuoteTLV, { instrument, bidPrice: 1n, askPrice: 2n, bidSize: 3n, askSize: 4n, exchangeTimestamp: 5n })
      .add(DecimalsTLV, { price: 2, size: 3 })
      .add(TradeTLV, trade(6))
      .add(TradeTLV, trade(7))
      .build({ sequence: 2 ** 40 * 3 + 5 }),
  );

  test("walks all TLVs without decoding them, and reads those it wants where they stand", () => {
    const view = new MessageView().read(memory);
    expect(view).toMatchObject({ firstType: QuoteTLV.type, counter: 5, incarnation: 3 });
    const prices: bigint[] = [];
    const types: number[] = [];
    for (const tlvs = view.tlvs(); tlvs.next(); ) {
      types.push(tlvs.type);
      if (tlvs.type === TradeTLV.type) prices.push(view.at(tlvs, TradeTLV).price);
      expect(view.find(DecimalsTLV)?.size).toBe(3); // a search within the walk does not disturb it
    }
    expect([types, prices]).toEqual([
      [2, 107, 1, 1],
      [6n, 7n],
    ]);
    expect(() => view.at(view.tlvs(), OrderBookTLV)).toThrow(expect.objectContaining({ code: "BAD_LENGTH" }));
  });

  test("lets go of what it read before, also where the next message is bad, and can be used again", () => {
    const view = new MessageView();
    const quote = view.read(memory).find(QuoteTLV);
    expect(quote?.askPrice).toBe(2n);
    const broken = messageBuffer(memory.bytes.slice());
    broken.bytes[40] = 0xff;
    expect(() => view.read(broken)).toThrow(expect.objectContaining({ code: "CHECKSUM_MISMATCH" }));
    expect(() => quote?.askPrice).toThrow(expect.objectContaining({ code: "RELEASED" }));
    expect(() => view.find(QuoteTLV)).toThrow(expect.objectContaining({ code: "RELEASED" }));
    expect(view.read(memory).find(TradeTLV)?.price).toBe(6n);
  });

  test("lets go of a walk that was kept, too", () => {
    const view = new MessageView().read(memory);
    const kept = view.tlvs();
    expect(kept.next()).toBe(true);
    view.release();
    expect(() => kept.next()).toThrow(expect.objectContaining({ code: "RELEASED" }));
  });

  test("checks as it is told", () => {
    const broken = messageBuffer(memory.bytes.slice());
    broken.bytes[28] = (broken.bytes[28] as number) ^ 1;
    expect(new MessageView({ checksum: "none" }).read(broken).source).toBe(9);
    expect(() => new MessageView({ payloadBytesMax: 50 }).read(memory)).toThrow(
      expect.objectContaining({ code: "TOO_LARGE" }),
    );
  });
});
