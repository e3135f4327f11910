import { createHash } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { sha256 } from "../../src/protocol/sha256.js";

const platform = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
const ours = (bytes: Uint8Array): string => Buffer.from(sha256(bytes)).toString("hex");

test("equals the platform's for every length across the first blocks", () => {
  for (let length = 0; length <= 300; length++) {
    const bytes = Uint8Array.from({ length }, (_, i) => (i * 197 + length) & 255);
    expect(ours(bytes), `${length} bytes`).toBe(platform(bytes));
  }
});

test("equals the platform's for any bytes, wherever they lie, and leaves them as they were", () => {
  fc.assert(
    fc.property(fc.uint8Array({ size: "max", maxLength: 300 }), fc.nat(9), (bytes, before) => {
      const memory = new Uint8Array(before + bytes.byteLength + 3).fill(0xaa);
      memory.set(bytes, before);
      const within = memory.subarray(before, before + bytes.byteLength);
      expect(ours(within)).toBe(platform(bytes));
      expect(within).toEqual(bytes);
    }),
  );
});

test("the examples of FIPS 180-4", () => {
  const ascii = (text: string): Uint8Array => new TextEncoder().encode(text);
  expect(ours(ascii("abc"))).toBe("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  expect(ours(ascii("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"))).toBe(
    "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
  );
});
