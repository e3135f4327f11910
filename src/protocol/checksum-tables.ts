// Checksums by tables. Table k says what a byte does to the checksum when k more bytes come behind it: 256 words each,
// one table behind the other. Sixteen tables take 16 bytes in one step, eight take 8.

/** Computes over `view[start, end)`, continued from `crc`, and returns an unsigned 32-bit number. */
export type Sum = (view: DataView, start: number, end: number, crc: number) => number;

/** Castagnoli's polynomial, reflected. */
const CASTAGNOLI = 0x82f63b78;
/** The polynomial of IEEE 802.3, reflected. */
const IEEE = 0xedb88320;

const WORDS = 256;

// Tables are constants of a scope that is entered once: V8 compiles their address and length into the code. Over tables
// that it is handed, that two makers' calls share or that a bundler makes a `var` of the module, the same code takes a
// third longer to twice as long. They are filled at first use: who never verifies pays nothing at import.

/** CRC-32C. */
export const crc32cByTables = /* @__PURE__ */ (() => {
  const tables = new Int32Array(16 * WORDS);

  /** CRC-32C over `view[start, end)`, continued from `crc`. */
  function signedOfBytes(view: DataView, start: number, end: number, crc: number): number {
    if (tables[1] === 0) fillTables(tables, CASTAGNOLI);
    let c = ~crc;
    let at = start;
    // Written out here and below: V8 does not inline all of so many calls. What waits for the step before stands last, in
    // parentheses; the rest is looked up meanwhile.
    for (const last = end - 16; at <= last; at += 16) {
      const w0 = view.getInt32(at, true) ^ c;
      const w1 = view.getInt32(at + 4, true);
      const w2 = view.getInt32(at + 8, true);
      const w3 = view.getInt32(at + 12, true);
      c =
        tables[768 + (w3 & 255)]! ^
        tables[512 + ((w3 >>> 8) & 255)]! ^
        tables[256 + ((w3 >>> 16) & 255)]! ^
        tables[w3 >>> 24]! ^
        tables[1792 + (w2 & 255)]! ^
        tables[1536 + ((w2 >>> 8) & 255)]! ^
        tables[1280 + ((w2 >>> 16) & 255)]! ^
        tables[1024 + (w2 >>> 24)]! ^
        tables[2816 + (w1 & 255)]! ^
        tables[2560 + ((w1 >>> 8) & 255)]! ^
        tables[2304 + ((w1 >>> 16) & 255)]! ^
        tables[2048 + (w1 >>> 24)]! ^
        (tables[3840 + (w0 & 255)]! ^
          tables[3584 + ((w0 >>> 8) & 255)]! ^
          tables[3328 + ((w0 >>> 16) & 255)]! ^
          tables[3072 + (w0 >>> 24)]!);
    }
    if (end - at > 8) {
      const w0 = view.getInt32(at, true) ^ c;
      const w1 = view.getInt32(at + 4, true);
      c =
        tables[768 + (w1 & 255)]! ^
        tables[512 + ((w1 >>> 8) & 255)]! ^
        tables[256 + ((w1 >>> 16) & 255)]! ^
        tables[w1 >>> 24]! ^
        (tables[1792 + (w0 & 255)]! ^
          tables[1536 + ((w0 >>> 8) & 255)]! ^
          tables[1280 + ((w0 >>> 16) & 255)]! ^
          tables[1024 + (w0 >>> 24)]!);
      at += 8;
    }
    const left = end - at;
    if (left > 4) {
      const w0 = view.getInt32(at, true) ^ c;
      // The last word overlaps the one before it. Bytes that were counted there become 0, for which every table has 0.
      const w1 = view.getInt32(end - 4, true) & (-1 << (8 * (8 - left)));
      const behind = (left - 4) << 8;
      c =
        tables[768 + (w1 & 255)]! ^
        tables[512 + ((w1 >>> 8) & 255)]! ^
        tables[256 + ((w1 >>> 16) & 255)]! ^
        tables[w1 >>> 24]! ^
        (tables[behind + 768 + (w0 & 255)]! ^
          tables[behind + 512 + ((w0 >>> 8) & 255)]! ^
          tables[behind + 256 + ((w0 >>> 16) & 255)]! ^
          tables[behind + (w0 >>> 24)]!);
      return ~c;
    }
    if (left === 4) {
      const w0 = view.getInt32(at, true) ^ c;
      return (
        ~(
          tables[768 + (w0 & 255)]! ^
          tables[512 + ((w0 >>> 8) & 255)]! ^
          tables[256 + ((w0 >>> 16) & 255)]! ^
          tables[w0 >>> 24]!
        ) | 0
      );
    }
    for (; at < end; at++) c = tables[(c ^ view.getUint8(at)) & 255]! ^ (c >>> 8);
    return ~c;
  }

  /**
   * CRC-32C of the message at `offset`: of its bytes but 28 to 31, where the checksum itself stands. One run over both
   * parts takes three quarters of the time of two.
   */
  function ofMessage(view: DataView, offset: number, messageBytes: number): number {
    const end = offset + messageBytes;
    if (messageBytes < 36) return signedOfBytes(view, offset + 32, end, signedOfBytes(view, offset, offset + 28, 0));
    if (tables[1] === 0) fillTables(tables, CASTAGNOLI);
    let w0 = ~view.getInt32(offset, true);
    let w1 = view.getInt32(offset + 4, true);
    let w2 = view.getInt32(offset + 8, true);
    let w3 = view.getInt32(offset + 12, true);
    let c = 0;
    for (let step = 0; ; step++) {
      c =
        tables[768 + (w3 & 255)]! ^
        tables[512 + ((w3 >>> 8) & 255)]! ^
        tables[256 + ((w3 >>> 16) & 255)]! ^
        tables[w3 >>> 24]! ^
        tables[1792 + (w2 & 255)]! ^
        tables[1536 + ((w2 >>> 8) & 255)]! ^
        tables[1280 + ((w2 >>> 16) & 255)]! ^
        tables[1024 + (w2 >>> 24)]! ^
        tables[2816 + (w1 & 255)]! ^
        tables[2560 + ((w1 >>> 8) & 255)]! ^
        tables[2304 + ((w1 >>> 16) & 255)]! ^
        tables[2048 + (w1 >>> 24)]! ^
        (tables[3840 + (w0 & 255)]! ^
          tables[3584 + ((w0 >>> 8) & 255)]! ^
          tables[3328 + ((w0 >>> 16) & 255)]! ^
          tables[3072 + (w0 >>> 24)]!);
      if (step === 1) return signedOfBytes(view, offset + 36, end, ~c);
      w0 = view.getInt32(offset + 16, true) ^ c;
      w1 = view.getInt32(offset + 20, true);
      w2 = view.getInt32(offset + 24, true);
      w3 = view.getInt32(offset + 32, true);
    }
  }

  // Signed within the library: an unsigned number beyond 2^31 that crosses a call can be an allocation.
  const ofBytes: Sum = (view, start, end, crc) => signedOfBytes(view, start, end, crc) >>> 0;

  return { ofBytes, ofMessage };
})();

/** CRC-32, in the same way with eight tables. */
export const crc32ByTables = /* @__PURE__ */ (() => {
  const tables = new Int32Array(8 * WORDS);

  /** CRC-32 over `view[start, end)`, continued from `crc`. */
  function ofBytes(view: DataView, start: number, end: number, crc: number): number {
    if (tables[1] === 0) fillTables(tables, IEEE);
    let c = ~crc;
    let at = start;
    for (const last = end - 8; at <= last; at += 8) {
      const w0 = view.getInt32(at, true) ^ c;
      const w1 = view.getInt32(at + 4, true);
      c =
        tables[768 + (w1 & 255)]! ^
        tables[512 + ((w1 >>> 8) & 255)]! ^
        tables[256 + ((w1 >>> 16) & 255)]! ^
        tables[w1 >>> 24]! ^
        (tables[1792 + (w0 & 255)]! ^
          tables[1536 + ((w0 >>> 8) & 255)]! ^
          tables[1280 + ((w0 >>> 16) & 255)]! ^
          tables[1024 + (w0 >>> 24)]!);
    }
    if (end - at >= 4) {
      const w0 = view.getInt32(at, true) ^ c;
      c =
        tables[768 + (w0 & 255)]! ^
        tables[512 + ((w0 >>> 8) & 255)]! ^
        tables[256 + ((w0 >>> 16) & 255)]! ^
        tables[w0 >>> 24]!;
      at += 4;
    }
    for (; at < end; at++) c = tables[(c ^ view.getUint8(at)) & 255]! ^ (c >>> 8);
    return ~c >>> 0;
  }

  return { ofBytes };
})();

function fillTables(tables: Int32Array, polynomial: number): void {
  for (let byte = 0; byte < WORDS; byte++) {
    let c = byte;
    for (let bit = 0; bit < 8; bit++) c = (c & 1) === 1 ? (c >>> 1) ^ polynomial : c >>> 1;
    tables[byte] = c;
  }
  for (let i = WORDS; i < tables.length; i++) {
    const before = tables[i - WORDS]!;
    tables[i] = tables[before & 255]! ^ (before >>> 8);
  }
}
