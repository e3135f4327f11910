import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  beginsEnvelope,
  checkEnvelope,
  ENVELOPE_HEADER_BYTES,
  type EnvelopeSuite,
  envelopeCounterOf,
  writeEnvelopeHeader,
} from "../../src/protocol/envelope.js";
import { ProtocolError } from "../../src/protocol/errors.js";
import { fromHex, readVectors, toHex } from "../vectors.js";

interface GoldenEnvelope {
  readonly label: string;
  readonly key: string;
  readonly hex: string;
  readonly messages: string;
}

const golden = readVectors<GoldenEnvelope>("envelopes").map((vector) => ({
  ...vector,
  bytes: fromHex(vector.hex),
  isPlain: vector.label.startsWith("0 False"),
  suite: { compression: Number(vector.label[0]), cipher: vector.key === "" ? 0 : 1, keyId: vector.key === "" ? 0 : 3 },
}));

const LIMIT = 1 << 20;
const viewOf = ({ buffer, byteOffset, byteLength }: Uint8Array): DataView =>
  new DataView(buffer, byteOffset, byteLength);

/** What the check says of an envelope. */
function verdict(bytes: Uint8Array, suite?: EnvelopeSuite, limit = LIMIT): number | string {
  try {
    return checkEnvelope(viewOf(bytes), 0, bytes.byteLength, limit, suite);
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    return error.code;
  }
}

describe("golden envelopes", () => {
  const plain = golden.filter(({ isPlain }) => isPlain);

  test.each(golden.map((vector) => [vector.label, vector] as const))(
    "%s: the header is taken",
    (_, { bytes, suite }) => {
      expect(beginsEnvelope(viewOf(bytes), 0, bytes.byteLength)).toBe(true);
      expect(verdict(bytes, suite)).toBe(bytes.byteLength);
    },
  );

  test("where neither is used, the body is the messages, and writing gives the same bytes", () => {
    expect(plain).toHaveLength(3);
    for (const { bytes, messages } of plain) {
      const body = bytes.subarray(ENVELOPE_HEADER_BYTES);
      expect(toHex(body)).toBe(messages);
      const written = new Uint8Array(bytes.byteLength);
      written.set(body, ENVELOPE_HEADER_BYTES);
      const counter = envelopeCounterOf(viewOf(bytes), 0);
      writeEnvelopeHeader(viewOf(written), 0, counter, body.byteLength, body.byteLength);
      expect(toHex(written)).toBe(toHex(bytes));
    }
  });

  test("whoever agreed on something else refuses them", () => {
    for (const { bytes, suite } of golden) {
      expect(verdict(bytes, { ...suite, cipher: 1 - suite.cipher })).toBe("BAD_ENVELOPE");
      expect(verdict(bytes, { ...suite, keyId: 7 })).toBe("BAD_ENVELOPE");
      // One envelope may do without the compression that was agreed; none may have one that was not.
      const other = verdict(bytes, { ...suite, compression: 2 });
      expect(other).toBe(suite.compression === 0 ? bytes.byteLength : "BAD_ENVELOPE");
    }
  });
});

describe("an envelope's header", () => {
  const whole = golden[0]?.bytes as Uint8Array;
  const changed = (offset: number, ...values: number[]): Uint8Array => {
    const bytes = whole.slice();
    bytes.set(values, offset);
    return bytes;
  };

  test.each<[string, Uint8Array, string]>([
    ["cut off", whole.subarray(0, ENVELOPE_HEADER_BYTES - 1), "TRUNCATED"],
    ["another magic", changed(0, 0xef), "BAD_MAGIC"],
    ["another version", changed(4, 2), "UNSUPPORTED_VERSION"],
    ["a compression that was not agreed", changed(5, 1), "BAD_ENVELOPE"],
    ["a cipher that was not agreed", changed(6, 1), "BAD_ENVELOPE"],
    ["a key that was not agreed", changed(7, 1), "BAD_ENVELOPE"],
    ["a counter of 2^48", changed(14, 1), "BAD_ENVELOPE"],
    ["a plainSize that is not the body's", changed(20, 73), "BAD_ENVELOPE"],
    ["a plainSize over the limit", changed(20, 1, 0, 16, 0), "TOO_LARGE"],
    ["a bodySize over the limit and 64 KiB", changed(16, 1, 0, 17, 0), "TOO_LARGE"],
  ])("%s is %s", (_, bytes, code) => {
    expect(verdict(bytes)).toBe(code);
  });

  test("sizes up to the limit pass, where compression may make them differ", () => {
    const bytes = changed(5, 1);
    viewOf(bytes).setUint32(16, LIMIT + (64 << 10), true);
    viewOf(bytes).setUint32(20, LIMIT, true);
    expect(verdict(bytes, { compression: 1, cipher: 0, keyId: 0 })).toBe(LIMIT + (64 << 10) + ENVELOPE_HEADER_BYTES);
  });

  test("any that is written is read", () => {
    const counter = fc.oneof(fc.nat(), fc.integer({ min: 0, max: 2 ** 48 - 1 }), fc.constant(2 ** 32));
    const byte = fc.nat(255);
    fc.assert(
      fc.property(counter, fc.nat(LIMIT), byte, byte, byte, (number, size, compression, cipher, keyId) => {
        const bytes = new Uint8Array(ENVELOPE_HEADER_BYTES);
        const suite = { compression, cipher, keyId };
        writeEnvelopeHeader(viewOf(bytes), 0, number, size, size, suite);
        expect(verdict(bytes, suite)).toBe(size + ENVELOPE_HEADER_BYTES);
        expect(envelopeCounterOf(viewOf(bytes), 0)).toBe(number);
      }),
    );
  });

  test("no counter of 2^48 is written: it would not be read", () => {
    const view = new DataView(new ArrayBuffer(ENVELOPE_HEADER_BYTES));
    expect(() => writeEnvelopeHeader(view, 0, 2 ** 48, 0, 0)).toThrow(expect.objectContaining({ code: "VALUE_RANGE" }));
  });

  test("any bytes are an envelope or a ProtocolError, and never more than the limits allow", () => {
    let taken = 0;
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 60 }),
      fc.tuple(fc.nat(23), fc.nat(255)).map(([offset, value]) => changed(offset, value)),
    );
    fc.assert(
      fc.property(bytes, (input) => {
        const found = verdict(input);
        if (typeof found !== "number") return;
        taken++;
        expect(found).toBeLessThanOrEqual(LIMIT + (64 << 10) + ENVELOPE_HEADER_BYTES);
      }),
      { numRuns: 1_000 },
    );
    expect(taken).toBeGreaterThan(20);
  });
});
