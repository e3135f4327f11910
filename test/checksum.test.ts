import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, test } from "vitest";
import { fastestChecksum } from "../src/checksum.js";
import { crc32, crc32c, inTwoParts } from "../src/protocol/checksum.js";

const folders: string[] = [];
afterEach(async () => {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true });
});

/** A folder in which these packages are installed: name and the text of its main file. Returns a file in it. */
async function folderWith(packages: Readonly<Record<string, string>>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "alphapulse-checksum-"));
  folders.push(folder);
  for (const [name, text] of Object.entries(packages)) {
    await mkdir(join(folder, "node_modules", name), { recursive: true });
    await writeFile(join(folder, "node_modules", name, "index.js"), text);
  }
  return join(folder, "program.js");
}

/** A CommonJS package that computes as one would, a bit at a time, and counts how often it is asked. */
const computing = (polynomial: number): string => `
  let calls = 0;
  const calculate = (bytes, initial) => {
    calls++;
    let c = ~(initial ?? 0);
    for (const byte of bytes) { c ^= byte; for (let i = 0; i < 8; i++) c = c & 1 ? (c >>> 1) ^ ${polynomial} : c >>> 1; }
    return ~c; // signed: what is returned must be unsigned all the same
  };
  globalThis.nativeCalls = () => calls;
  module.exports = { calculate, crc32c: calculate, crc32: calculate, hardware_support: true };`;
const CASTAGNOLI = 0x82f6_3b78;
const IEEE = 0xedb8_8320;
const nativeCalls = (): number => (globalThis as unknown as { nativeCalls(): number }).nativeCalls();
/** The packages of each kind, as they should be. */
const PACKAGES = {
  crc32c: {
    "fast-crc32c": "module.exports = { calculate: require('sse4_crc32').calculate };",
    sse4_crc32: computing(CASTAGNOLI),
  },
  crc32: { "@node-rs/crc32": computing(IEEE) },
};

describe("without packages", () => {
  test("it is the library's own", async () => {
    const from = await folderWith({});
    expect([fastestChecksum("crc32c", from), fastestChecksum("crc32", from)]).toEqual([crc32c, crc32]);
    expect(fastestChecksum("crc32c").kind).toBe("crc32c"); // whatever is installed here
  });

  test("a kind that there is not is refused", () => {
    expect(() => fastestChecksum("none" as "crc32")).toThrow(expect.objectContaining({ code: "BAD_OPTION" }));
  });
});

describe("a package that is installed", () => {
  test.each([
    ["crc32c", "fast-crc32c", 16_384, crc32c],
    ["crc32", "@node-rs/crc32", 32_768, crc32],
  ] as const)("computes %s in the middle of the sizes and nowhere else", async (kind, name, limit, own) => {
    const checksum = fastestChecksum(kind, await folderWith(PACKAGES[kind]));
    expect([checksum.kind, checksum.backend]).toEqual([kind, name]);
    const bytes = Uint8Array.from({ length: 70_003 }, (_, i) => Math.imul(i, 0x9e37_79b1) >>> 24);
    const view = new DataView(bytes.buffer, 3);
    for (const [byteLength, native] of [
      [0, 0],
      [255, 0],
      [256, 1],
      [1_024, 1],
      [limit - 1, 1],
      [limit, 0],
      [70_000, 0],
    ] as const) {
      const before = nativeCalls();
      expect(checksum(view, 0, byteLength, 0xcafe_babe)).toBe(own(view, 0, byteLength, 0xcafe_babe));
      expect(nativeCalls() - before, `calls for ${byteLength} bytes`).toBe(native);
    }
    for (const byteLength of [32, 74, 287, 288, 1_000, 40_000]) {
      expect(Number(checksum.ofMessage?.(view, 1, byteLength)) >>> 0).toBe(inTwoParts(own, view, 1, byteLength));
    }
  });

  test("is not given shared memory", async () => {
    const checksum = fastestChecksum("crc32c", await folderWith(PACKAGES.crc32c));
    const before = nativeCalls();
    const view = new DataView(new SharedArrayBuffer(1_024));
    expect(checksum(view, 0, 1_024, 7)).toBe(crc32c(view, 0, 1_024, 7));
    expect(nativeCalls()).toBe(before);
  });

  test("that computes something else, or does not load, is left alone", async () => {
    const wrong = await folderWith({ "@node-rs/crc32": computing(CASTAGNOLI) });
    expect(fastestChecksum("crc32", wrong)).toBe(crc32);
    const broken = await folderWith({ "@node-rs/crc32": "throw new Error('no binary for this platform')" });
    expect(fastestChecksum("crc32", broken)).toBe(crc32);
  });

  test("fast-crc32c counts only with the processor's instruction", async () => {
    expect(fastestChecksum("crc32c", await folderWith(PACKAGES.crc32c)).backend).toBe("fast-crc32c");
    const withoutPart = await folderWith({ "fast-crc32c": computing(CASTAGNOLI) });
    expect(fastestChecksum("crc32c", withoutPart)).toBe(crc32c);
    const old = await folderWith({
      ...PACKAGES.crc32c,
      sse4_crc32: `${computing(CASTAGNOLI)} module.exports.hardware_support = false;`,
    });
    expect(fastestChecksum("crc32c", old)).toBe(crc32c);
  });
});

const bench = fileURLToPath(new URL("../bench/package.json", import.meta.url));
const installed = existsSync(new URL("../bench/node_modules/@node-rs/crc32", import.meta.url));

test.skipIf(!installed).each([
  ["crc32c", crc32c],
  ["crc32", crc32],
] as const)("the real packages give the same: %s (skipped without npm ci --prefix bench)", (kind, own) => {
  const checksum = fastestChecksum(kind, bench);
  if (kind === "crc32") expect(checksum.backend).toBe("@node-rs/crc32"); // fast-crc32c may have been installed without its native part
  const bytes = Uint8Array.from({ length: 33_000 }, (_, i) => Math.imul(i, 0x9e37_79b1) >>> 24);
  const view = new DataView(bytes.buffer, 5);
  for (let byteLength = 0; byteLength < 32_900; byteLength += byteLength < 600 ? 1 : 991) {
    expect(checksum(view, 7, 7 + byteLength, 0xffff_0001)).toBe(own(view, 7, 7 + byteLength, 0xffff_0001));
  }
});
