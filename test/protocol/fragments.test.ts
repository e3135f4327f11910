import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ProtocolError } from "../../src/protocol/errors.js";
import {
  beginsFragment,
  FRAGMENT_HEADER_BYTES,
  fragmentCount,
  readFragment,
  writeFragment,
} from "../../src/protocol/fragments.js";
import { allocateBuffer, messageBuffer } from "../../src/protocol/message-buffer.js";
import { messageOf } from "../../src/testing/conformance/recorder.js";
import { fromHex, readVectors, toHex } from "../vectors.js";

interface GoldenFragments {
  readonly label: string;
  readonly message: string;
  readonly datagrams: readonly string[];
}

const golden = readVectors<GoldenFragments>("fragments");
const fragment = { source: 0, relayDomain: 0, sequenceLow: 0, sequenceHigh: 0, index: 0, count: 0, length: 0 };

function read(bytes: Uint8Array): typeof fragment {
  readFragment(messageBuffer(bytes).view, 0, bytes.byteLength, fragment);
  return { ...fragment };
}

/** A message cut into pieces, in order. */
function cut(message: Uint8Array, pieceBytes: number): Uint8Array[] {
  const count = fragmentCount(message.byteLength, pieceBytes);
  return Array.from({ length: count }, (_, index) => {
    const to = allocateBuffer(FRAGMENT_HEADER_BYTES + pieceBytes + 3);
    const written = writeFragment(messageBuffer(message), 0, message.byteLength, pieceBytes, index, to, 3);
    return to.bytes.slice(3, 3 + written);
  });
}

test.each(golden.map((vector) => [vector.label, vector] as const))(
  "golden fragments, %s: read, and written again byte for byte",
  (_, { message, datagrams }) => {
    const bytes = datagrams.map(fromHex).sort((a, b) => read(a).index - read(b).index);
    const pieceBytes = read(bytes[0] as Uint8Array).length;
    expect(bytes.every((each) => beginsFragment(messageBuffer(each).view, 0, each.byteLength))).toBe(true);
    expect(toHex(Buffer.concat(bytes.map((each) => each.subarray(FRAGMENT_HEADER_BYTES))))).toBe(message);
    expect(cut(fromHex(message), pieceBytes).map(toHex)).toEqual(bytes.map(toHex));
  },
);

describe("a fragment", () => {
  test("says which message it is of, and which piece", () => {
    fc.assert(
      fc.property(fc.nat(3_000), fc.integer({ min: 10, max: 2_000 }), (payloadBytes, pieceBytes) => {
        const message = messageOf(7, payloadBytes);
        const pieces = cut(message, pieceBytes);
        expect(toHex(Buffer.concat(pieces.map((each) => each.subarray(FRAGMENT_HEADER_BYTES))))).toBe(toHex(message));
        const expected = pieces.map(({ byteLength }, index) => ({
          ...{ source: 1, relayDomain: 1, sequenceLow: 7, sequenceHigh: 0 },
          ...{ index, count: pieces.length, length: byteLength - FRAGMENT_HEADER_BYTES },
        }));
        expect(pieces.map(read)).toEqual(expected);
      }),
    );
  });

  const whole = cut(messageOf(1, 100), 50)[0] as Uint8Array;
  const changed = (offset: number, ...values: number[]): Uint8Array => {
    const bytes = whole.slice();
    bytes.set(values, offset);
    return bytes;
  };

  test.each<[string, Uint8Array, string]>([
    ["whose header is cut off", whole.subarray(0, 23), "TRUNCATED"],
    ["whose piece is cut off", whole.subarray(0, whole.byteLength - 1), "TRUNCATED"],
    ["with more behind its piece", changed(12, 49), "SIZE_MISMATCH"],
    ["of another magic", changed(0, 0), "BAD_MAGIC"],
    ["of another version", changed(4, 2), "UNSUPPORTED_VERSION"],
    ["beyond its count", changed(8, 3), "BAD_LENGTH"],
    ["of no pieces", changed(10, 0), "BAD_LENGTH"],
    ["of no bytes", changed(12, 0).slice(0, FRAGMENT_HEADER_BYTES), "BAD_LENGTH"],
  ])("%s is %s", (_, bytes, code) => {
    expect(() => read(bytes)).toThrow(expect.objectContaining({ code }));
  });

  test("is read from any bytes or refused with a ProtocolError", () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 60 }),
      fc.tuple(fc.nat(23), fc.nat(255)).map(([offset, value]) => changed(offset, value)),
    );
    fc.assert(
      fc.property(bytes, (input) => {
        try {
          read(input);
        } catch (error) {
          expect(error).toBeInstanceOf(ProtocolError);
        }
      }),
      { numRuns: 500 },
    );
  });
});
