import { crc32 as zlibCrc32 } from "node:zlib";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { TLVBuilder } from "../../src/protocol/builder.js";
import { type Checksum, checksum, checksumOf, crc32, crc32c, inTwoParts } from "../../src/protocol/checksum.js";
import { CASTAGNOLI_DISTANCES, FOLD_BYTES_MIN, foldingSum, IEEE_DISTANCES } from "../../src/protocol/checksum-fold.js";
import { crc32ByTables, crc32cByTables } from "../../src/protocol/checksum-tables.js";
import { parseMessage } from "../../src/protocol/message.js";
import { RelayDomain } from "../../src/protocol/tables.js";

/** The definition, a bit at a time: what the tables must be equal to. */
function bitwise(polynomial: number, bytes: Uint8Array, crc: number): number {
  let c = ~crc;
  for (const byte of bytes) {
    c ^= byte;
    for (let bit = 0; bit < 8; bit++) c = (c & 1) === 1 ? (c >>> 1) ^ polynomial : c >>> 1;
  }
  return ~c >>> 0;
}

const CASTAGNOLI = 0x82f6_3b78;
const IEEE = 0xedb8_8320;

type Sum = (view: DataView, start: number, end: number, crc: number) => number;

/** Every implementation, under the sizes that are given to it and all others. */
const IMPLEMENTATIONS: [name: string, sum: Sum, polynomial: number][] = [
  ["CRC-32C", crc32c, CASTAGNOLI],
  ["CRC-32", crc32, IEEE],
  ["CRC-32C by tables", crc32cByTables.ofBytes, CASTAGNOLI],
  ["CRC-32 by tables", crc32ByTables.ofBytes, IEEE],
  ["CRC-32C folded", foldingSum(CASTAGNOLI_DISTANCES, crc32cByTables.ofBytes), CASTAGNOLI],
  ["CRC-32 folded", foldingSum(IEEE_DISTANCES, crc32ByTables.ofBytes), IEEE],
];
const ascii = (text: string): Uint8Array => new TextEncoder().encode(text);
const of = (sum: Sum, bytes: Uint8Array): number =>
  sum(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), 0, bytes.byteLength, 0);

/** Check values as published: the catalogue of parametrised CRC algorithms, and RFC 3720, B.4 (iSCSI) for CRC-32C. */
const PUBLISHED: [string, Checksum, Uint8Array, number][] = [
  ["CRC-32 of 123456789", crc32, ascii("123456789"), 0xcbf4_3926],
  ["CRC-32 of nothing", crc32, ascii(""), 0],
  ["CRC-32 of the quick brown fox", crc32, ascii("The quick brown fox jumps over the lazy dog"), 0x414f_a339],
  ["CRC-32C of 123456789", crc32c, ascii("123456789"), 0xe306_9283],
  ["CRC-32C of nothing", crc32c, ascii(""), 0],
  ["CRC-32C of 32 bytes of 0 (RFC 3720)", crc32c, new Uint8Array(32), 0x8a91_36aa],
  ["CRC-32C of 32 bytes of 255 (RFC 3720)", crc32c, new Uint8Array(32).fill(255), 0x62a8_ab43],
  ["CRC-32C of 0 to 31 (RFC 3720)", crc32c, Uint8Array.from({ length: 32 }, (_, i) => i), 0x46dd_794e],
  ["CRC-32C of 31 to 0 (RFC 3720)", crc32c, Uint8Array.from({ length: 32 }, (_, i) => 31 - i), 0x113f_db5c],
];

test.each(PUBLISHED)("%s is as published", (_, checksum, bytes, value) => {
  expect(of(checksum, bytes)).toBe(value);
});

describe.each(IMPLEMENTATIONS)("%s", (_, checksum, polynomial) => {
  test("equals its definition at every length to 300 and every offset within a word", () => {
    const bytes = Uint8Array.from({ length: 310 }, (_, i) => (i * 151 + 7) & 255);
    const view = new DataView(bytes.buffer, 1);
    for (let start = 0; start < 5; start++) {
      for (let end = start; end <= start + 300; end++) {
        expect(checksum(view, start, end, 0)).toBe(bitwise(polynomial, bytes.subarray(1 + start, 1 + end), 0));
      }
    }
  });

  test("equals its definition for what is large: around each threshold, chunk and block", () => {
    const bytes = Uint8Array.from({ length: 140_000 }, (_, i) => Math.imul(i, 0x9e37_79b1) >>> 24);
    const view = new DataView(bytes.buffer, 3);
    const edges = [FOLD_BYTES_MIN, 2 * 4018, 2 * 5321, 65_536, 65_536 + FOLD_BYTES_MIN, 131_072];
    for (const edge of edges) {
      const lengths = [-17, -16, -1, 0, 1, 15, 16, 17, 31].map((more) => edge + more);
      for (const byteLength of lengths) {
        const start = byteLength % 7;
        const expected = bitwise(polynomial, bytes.subarray(3 + start, 3 + start + byteLength), 0x1234_5678);
        expect(checksum(view, start, start + byteLength, 0x1234_5678), `${byteLength} bytes`).toBe(expected);
      }
    }
  });

  test("equals its definition for any large bytes, whatever was computed before", () => {
    const noise = new Uint8Array(30_000);
    let folded = 0;
    fc.assert(
      fc.property(fc.nat(20_000), fc.nat(9_000), fc.integer(), (byteLength, start, seed) => {
        for (let i = 0; i < noise.length; i++) noise[i] = Math.imul(i ^ seed, 0x9e37_79b1) >>> 23;
        if (byteLength >= FOLD_BYTES_MIN) folded++;
        const expected = bitwise(polynomial, noise.subarray(start, start + byteLength), seed >>> 0);
        expect(checksum(new DataView(noise.buffer), start, start + byteLength, seed >>> 0)).toBe(expected);
      }),
    );
    expect(folded).toBeGreaterThan(30);
  });

  test("sees nothing outside of its range, and changes nothing within", () => {
    for (const byteLength of [0, 3, 70, 1_024, 12_000]) {
      const bytes = new Uint8Array(byteLength + 64).fill(0xa5);
      const view = new DataView(bytes.buffer);
      const before = checksum(view, 32, 32 + byteLength, 0);
      bytes.fill(0x5a, 0, 32);
      bytes.fill(0x5a, 32 + byteLength);
      expect(checksum(view, 32, 32 + byteLength, 0)).toBe(before);
      expect(bytes.subarray(32, 32 + byteLength).every((byte) => byte === 0xa5)).toBe(true);
    }
  });

  test("reads memory that is shared", () => {
    for (const byteLength of [5, 70, 1_500, 70_000]) {
      const shared = new Uint8Array(new SharedArrayBuffer(byteLength + 1)).map((_, i) => i * 7);
      const view = new DataView(shared.buffer, 1, byteLength);
      expect(checksum(view, 0, byteLength, 0)).toBe(bitwise(polynomial, shared.subarray(1), 0));
    }
  });

  test("equals its definition for any bytes, anywhere in their memory, continued from anything", () => {
    let steps = 0;
    const bytes = fc.uint8Array({ size: "max", maxLength: 300 });
    fc.assert(
      fc.property(
        bytes,
        fc.nat(20),
        fc.nat(20),
        fc.integer({ min: 0, max: 0xffff_ffff }),
        (given, before, cut, crc) => {
          const memory = new Uint8Array(before + given.byteLength);
          memory.set(given, before);
          const view = new DataView(memory.buffer, before);
          const start = Math.min(cut, given.byteLength);
          if (given.byteLength - start > 16) steps++;
          expect(checksum(view, start, given.byteLength, crc)).toBe(bitwise(polynomial, given.subarray(start), crc));
        },
      ),
    );
    expect(steps).toBeGreaterThan(30);
  });

  test("over a whole equals that over its parts, one continued from the other", () => {
    fc.assert(
      fc.property(fc.uint8Array({ size: "max", maxLength: 300 }), fc.array(fc.nat(300)), (bytes, cuts) => {
        const view = new DataView(bytes.buffer);
        const places = [...cuts.map((cut) => Math.min(cut, bytes.byteLength)), 0, bytes.byteLength];
        places.sort((a, b) => a - b);
        const inParts = places.reduce((crc, end, i) => checksum(view, i === 0 ? 0 : (places[i - 1] ?? 0), end, crc), 0);
        expect(inParts).toBe(checksum(view, 0, bytes.byteLength, 0));
      }),
    );
  });

  test("notices every flipped bit", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 200 }), fc.nat(), (bytes, place) => {
        const before = of(checksum, bytes);
        const bit = place % (bytes.byteLength * 8);
        bytes[bit >> 3] = (bytes[bit >> 3] as number) ^ (1 << (bit & 7));
        expect(of(checksum, bytes)).not.toBe(before);
      }),
    );
  });
});

test("CRC-32 is the platform's own", () => {
  fc.assert(
    fc.property(fc.uint8Array({ size: "max", maxLength: 1_000 }), (bytes) => {
      expect(of(crc32, bytes)).toBe(zlibCrc32(bytes));
    }),
  );
});

describe.each([
  ["CRC-32C", CASTAGNOLI, CASTAGNOLI_DISTANCES],
  ["CRC-32", IEEE, IEEE_DISTANCES],
])("the distances of %s", (_, polynomial, { wide, narrow }) => {
  test.each([
    ["wide", wide],
    ["narrow", narrow],
  ])("%s: a byte counts the same at its place as at all of them", (_, distances) => {
    const far = Math.max(...distances);
    expect(distances.toSorted((a, b) => a - b)).toEqual(distances);
    const moved = new Uint8Array(far + 1);
    for (const distance of distances) moved[distance] = 1;
    const stays = new Uint8Array(far + 1);
    stays[0] = 1;
    expect(bitwise(polynomial, moved, 0)).toBe(bitwise(polynomial, stays, 0));
  });
});

test.each([
  ["CRC-32C", crc32c],
  ["CRC-32", crc32],
])("%s over a message leaves out bytes 28 to 31", (_, checksum) => {
  const bytes = Uint8Array.from({ length: 3_100 }, (_, i) => Math.imul(i, 0x9e37_79b1) >>> 24);
  const view = new DataView(bytes.buffer);
  for (const offset of [0, 3]) {
    for (let byteLength = 32; byteLength < 3_000; byteLength += byteLength < 320 ? 1 : 97) {
      const whole = inTwoParts(checksum, view, offset, byteLength) | 0; // the same 32 bits, signed or not
      expect(Number(checksum.ofMessage?.(view, offset, byteLength)) | 0).toBe(whole);
      view.setUint32(offset + 28, ~view.getUint32(offset + 28));
      expect(Number(checksum.ofMessage?.(view, offset, byteLength)) | 0).toBe(whole);
    }
  }
});

describe("an implementation", () => {
  test("is taken for its kind", () => {
    const mine = checksum(
      "crc32",
      (...args) => crc32(...args),
      undefined,
      () => "mine",
    );
    expect(checksumOf(mine)).toBe(mine);
    const builder = new TLVBuilder({ domain: RelayDomain.MarketData, source: 1, checksum: mine });
    const bytes = builder.addRaw(200, new Uint8Array(2_000)).build();
    expect(parseMessage(bytes, { checksum: "crc32" }).header.checksum).toBe(
      parseMessage(bytes, { checksum: mine }).header.checksum,
    );
    expect(() => parseMessage(bytes)).toThrow(expect.objectContaining({ code: "CHECKSUM_MISMATCH" }));
  });

  test("that is of another kind than it says, or of none, is refused", () => {
    const wrong = checksum(
      "crc32c",
      (...args) => crc32(...args),
      undefined,
      () => "mine",
    );
    expect(() => checksumOf(wrong)).toThrow(/mine says it is crc32c/);
    const unnamed = ((...args: Parameters<Sum>) => crc32(...args)) as Checksum;
    expect(() => checksumOf(unnamed)).toThrow(expect.objectContaining({ code: "BAD_OPTION" }));
    expect(() => checksumOf("md5" as "crc32")).toThrow(expect.objectContaining({ code: "BAD_OPTION" }));
  });
});

test("the kinds by name", () => {
  expect([checksumOf("crc32c"), checksumOf("crc32"), checksumOf("none")]).toEqual([crc32c, crc32, undefined]);
});
