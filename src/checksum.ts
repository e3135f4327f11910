/**
 * Checksums by native code, for programs that carry messages of some KiB: the packages `fast-crc32c` for CRC-32C and
 * `@node-rs/crc32` for CRC-32, where they are installed. This package depends on neither.
 *
 * @packageDocumentation
 */
import { createRequire } from "node:module";
import { type Checksum, checksum, checksumOf, crc32, crc32c, inTwoParts } from "./protocol/checksum.js";
import { AlphaPulseError } from "./protocol/errors.js";
import { messageChecksum } from "./protocol/header.js";

export type { Checksum } from "./protocol/checksum.js";

/** What a native package computes: over bytes, continued from a checksum. */
type Native = (bytes: Uint8Array, crc: number) => number;

/** A package with native code, and the sizes in bytes at which it is faster than the library's own, as measured. */
interface NativePackage {
  readonly name: string;
  readonly bytesMin: number;
  readonly bytesLimit: number;
  /** Undefined where it is not native here. Throws where it is not installed. */
  readonly load: (require: NodeJS.Require) => Native | undefined;
}

// Of those that exist. zlib.crc32 (Node 20.20) and the CRC-32C of @node-rs/crc32 are slower than the library's own at nearly every size.
const PACKAGES: Readonly<Record<Checksum["kind"], NativePackage>> = {
  crc32c: { name: "fast-crc32c", bytesMin: 256, bytesLimit: 16_384, load: loadFastCrc32c },
  crc32: {
    name: "@node-rs/crc32",
    bytesMin: 256,
    bytesLimit: 32_768,
    load: (require) => require("@node-rs/crc32").crc32,
  },
};

/**
 * The fastest implementation of a kind that can be had here, to be given as `checksum` to builders, parsers, relays and
 * connections: the library's own, and between 256 bytes and 16 KiB (CRC-32: 32 KiB) a native package. Its `backend` names
 * the package; where there is none that loads, is native and computes what it should, it is the library's own.
 *
 * @param from where the package is looked for: a file's URL or path; default this package, which finds what is installed
 * beside it
 * @throws AlphaPulseError BAD_OPTION for another kind
 */
export function fastestChecksum(kind: Checksum["kind"], from: string | URL = import.meta.url): Checksum {
  const own = { crc32c, crc32 }[kind];
  if (own === undefined)
    throw new AlphaPulseError("BAD_OPTION", `checksum ${String(kind)} is neither crc32c nor crc32`);
  const { name, bytesMin, bytesLimit, load } = PACKAGES[kind];
  try {
    const native = load(createRequire(from));
    if (native === undefined) return own;
    checksumOf(withNative(own, name, native, 0, Number.POSITIVE_INFINITY)); // throws where it computes something else
    return withNative(own, name, native, bytesMin, bytesLimit);
  } catch {
    return own; // its `backend` says so
  }
}

function withNative(own: Checksum, name: string, native: Native, bytesMin: number, bytesLimit: number): Checksum {
  const sum = (view: DataView, start: number, end: number, crc: number): number => {
    const byteLength = end - start;
    if (byteLength < bytesMin || byteLength >= bytesLimit || view.buffer instanceof SharedArrayBuffer) {
      return own(view, start, end, crc); // native code is not promised to take shared memory
    }
    return native(new Uint8Array(view.buffer, view.byteOffset + start, byteLength), crc) >>> 0;
  };
  const ofMessage = (view: DataView, offset: number, messageBytes: number): number =>
    messageBytes < bytesMin
      ? messageChecksum(own, view, offset, messageBytes)
      : inTwoParts(sum, view, offset, messageBytes);
  return checksum(own.kind, sum, ofMessage, () => name);
}

/** Only where it uses the processor's instruction: otherwise this package becomes table code without a word. */
function loadFastCrc32c(require: NodeJS.Require): Native | undefined {
  const { calculate } = require("fast-crc32c");
  const part = createRequire(require.resolve("fast-crc32c"))("sse4_crc32");
  return part.hardware_support === true && part.calculate === calculate ? calculate : undefined;
}
