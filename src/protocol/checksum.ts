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
  return kind === "none" ? undefined : kind === "crc32" ? crc32 : crc32c;
}

function slicingByEight(polynomial: number): Checksum {
  // Made at first use: a program that never verifies pays nothing at import.
  let made: Int32Array[] | undefined;
  return (view, start, end, crc) => {
    made ??= tables(polynomial);
    const [t0, t1, t2, t3, t4, t5, t6, t7] = made as unknown as EightTables;
    let c = ~crc;
    let at = start;
    for (const last = end - 8; at <= last; at += 8) {
      const a = view.getInt32(at, true) ^ c;
      const b = view.getInt32(at + 4, true);
      c =
        (t7[a & 255] as number) ^
        (t6[(a >>> 8) & 255] as number) ^
        (t5[(a >>> 16) & 255] as number) ^
        (t4[a >>> 24] as number) ^
        (t3[b & 255] as number) ^
        (t2[(b >>> 8) & 255] as number) ^
        (t1[(b >>> 16) & 255] as number) ^
        (t0[b >>> 24] as number);
    }
    for (; at < end; at++) c = (t0[(c ^ view.getUint8(at)) & 255] as number) ^ (c >>> 8);
    return ~c >>> 0;
  };
}

type EightTables = readonly [
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
];

function tables(polynomial: number): Int32Array[] {
  const first = new Int32Array(256);
  for (let byte = 0; byte < 256; byte++) {
    let c = byte;
    for (let bit = 0; bit < 8; bit++) c = (c & 1) === 1 ? (c >>> 1) ^ polynomial : c >>> 1;
    first[byte] = c;
  }
  const all = [first];
  for (let k = 1; k < 8; k++) {
    const before = all[k - 1] as Int32Array;
    all.push(before.map((c) => (first[c & 255] as number) ^ (c >>> 8)));
  }
  return all;
}
