import { AlphaPulseError } from "./errors.js";

/** The checksums a message may carry; `none` skips verification (a writer always writes a true one). */
export type ChecksumKind = "crc32c" | "crc32" | "none";

/** A checksum over `view[start, end)`, continued from `crc` (0 to begin). Returns an unsigned 32-bit number. */
export type Checksum = (view: DataView, start: number, end: number, crc: number) => number;

const CASTAGNOLI_REFLECTED = 0x82f63b78;
const IEEE_REFLECTED = 0xedb88320;

/** CRC-32C (Castagnoli), the protocol's checksum. Slicing by eight: 8 tables of 256 words. */
export const crc32c: Checksum = /* @__PURE__ */ slicingByEight(CASTAGNOLI_REFLECTED);

/** CRC-32 (IEEE), for peers built on zlib or crc32fast. */
export const crc32: Checksum = /* @__PURE__ */ slicingByEight(IEEE_REFLECTED);

/** The function of a kind; undefined for `none`. */
export function checksumOf(kind: ChecksumKind): Checksum | undefined {
  if (kind === "crc32c") return crc32c;
  if (kind === "crc32") return crc32;
  if (kind === "none") return undefined;
  throw new AlphaPulseError("BAD_OPTION", `checksum ${String(kind)} is none of crc32c, crc32 and none`);
}

function slicingByEight(polynomial: number): Checksum {
  // Made at first use: a program that never verifies pays nothing at import.
  let made: Int32Array | undefined;
  return (view, start, end, crc) => {
    if (made === undefined) made = tables(polynomial);
    const t = made;
    let c = ~crc;
    let at = start;
    for (const last = end - 8; at <= last; at += 8) {
      const a = view.getInt32(at, true) ^ c;
      const b = view.getInt32(at + 4, true);
      c =
        (t[1792 + (a & 255)] as number) ^
        (t[1536 + ((a >>> 8) & 255)] as number) ^
        (t[1280 + ((a >>> 16) & 255)] as number) ^
        (t[1024 + (a >>> 24)] as number) ^
        (t[768 + (b & 255)] as number) ^
        (t[512 + ((b >>> 8) & 255)] as number) ^
        (t[256 + ((b >>> 16) & 255)] as number) ^
        (t[b >>> 24] as number);
    }
    for (; at < end; at++) c = (t[(c ^ view.getUint8(at)) & 255] as number) ^ (c >>> 8);
    return ~c >>> 0;
  };
}

/** Eight tables of 256 words, one behind the other: table k is for a byte with k bytes behind it. */
function tables(polynomial: number): Int32Array {
  const all = new Int32Array(8 * 256);
  for (let byte = 0; byte < 256; byte++) {
    let c = byte;
    for (let bit = 0; bit < 8; bit++) c = (c & 1) === 1 ? (c >>> 1) ^ polynomial : c >>> 1;
    all[byte] = c;
  }
  for (let i = 256; i < all.length; i++) {
    const before = all[i - 256] as number;
    all[i] = (all[before & 255] as number) ^ (before >>> 8);
  }
  return all;
}
