import { crc32 as zlibCrc32 } from "node:zlib";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Checksum, checksumOf, crc32, crc32c } from "../../src/protocol/checksum.js";

/** The definition, a bit at a time: what the tables must be equal to. */
function bitwise(polynomial: number, bytes: Uint8Array, crc: number): number {
  let c = ~crc;
  for (const byte of bytes) {
    c ^= byte;
    for (let bit = 0; bit < 8; bit++) c = (c & 1) === 1 ? (c >>> 1) ^ polynomial : c >>> 1;
  }
  return ~c >>> 0;
}

const KINDS: [name: string, checksum: Checksum, polynomial: number][] = [
  ["CRC-32C", crc32c, 0x82f6_3b78],
  ["CRC-32", crc32, 0xedb8_8320],
];
const ascii = (text: string): Uint8Array => new TextEncoder().encode(text);
const of = (checksum: Checksum, bytes: Uint8Array): number =>
  checksum(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), 0, bytes.byteLength, 0);

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

describe.each(KINDS)("%s", (_, checksum, polynomial) => {
  test("equals its definition at every offset and every length around the eight-byte steps", () => {
    const bytes = Uint8Array.from({ length: 80 }, (_, i) => (i * 151 + 7) & 255);
    const view = new DataView(bytes.buffer);
    for (let start = 0; start < 17; start++) {
      for (let end = start; end <= 80; end++) {
        expect(checksum(view, start, end, 0)).toBe(bitwise(polynomial, bytes.subarray(start, end), 0));
      }
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

test("the kinds by name", () => {
  expect([checksumOf("crc32c"), checksumOf("crc32"), checksumOf("none")]).toEqual([crc32c, crc32, undefined]);
});
