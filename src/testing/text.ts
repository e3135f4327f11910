import fc from "fast-check";

/** The code points that UTF-8 writes in one, two, three and four bytes; surrogates are none. */
const RANGES = [
  [0, 0x7f],
  [0x80, 0x7ff],
  [0x800, 0xd7ff],
  [0xe000, 0xffff],
  [0x1_0000, 0x10_ffff],
] as const;

/** One character of any length in UTF-8. (The `binary` unit of fast-check builds tables for most of a second first.) */
export function arbitraryCharacter(): fc.Arbitrary<string> {
  const points = RANGES.map(([min, max]) => fc.integer({ min, max }));
  return fc.oneof({ withCrossShrink: true }, ...points).map((point) => String.fromCodePoint(point));
}

/** Two digits a byte. */
export function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
