import { CASTAGNOLI_DISTANCES, type Distances, FOLD_BYTES_MIN, foldingSum, IEEE_DISTANCES } from "./checksum-fold.js";
import { crc32ByTables, crc32cByTables, type Sum } from "./checksum-tables.js";
import { AlphaPulseError } from "./errors.js";

/** The checksums a message may carry; `none` skips verification (a writer always writes a true one). */
export type ChecksumKind = "crc32c" | "crc32" | "none";

/**
 * A checksum over `view[start, end)`, continued from `crc` (0 to begin). Returns an unsigned 32-bit number. Any memory will
 * do: a view at an odd offset, over a SharedArrayBuffer.
 */
export interface Checksum {
  (view: DataView, start: number, end: number, crc: number): number;
  /** Which checksum it is: what it is given to (a relay, a connection, a builder) writes and verifies this kind. */
  readonly kind: "crc32c" | "crc32";
  /** What computes large inputs here, such as `webassembly`, `tables` or the name of a package; for logs and statistics. */
  readonly backend: string;
  /**
   * The 32 bits of the checksum of the message at `offset`, signed or not: over its bytes but 28 to 31. Where it is absent, the two parts are taken one
   * after the other.
   */
  readonly ofMessage?: (view: DataView, offset: number, messageBytes: number) => number;
}

/** Which checksum to use: one of the library's own by its name, or an implementation. */
export type ChecksumChoice = ChecksumKind | Checksum;

/** Which checksum to write: a message always carries a true one. */
export type WrittenChecksum = Exclude<ChecksumChoice, "none">;

/** CRC-32C (Castagnoli), the protocol's checksum. Large inputs are folded in WebAssembly where the runtime has it. */
export const crc32c: Checksum = /* @__PURE__ */ checksum(
  "crc32c",
  (view, start, end, crc) =>
    end - start < FOLD_BYTES_MIN
      ? crc32cByTables.ofBytes(view, start, end, crc)
      : foldCrc32c().sum(view, start, end, crc),
  (view, offset, messageBytes) =>
    messageBytes < FOLD_BYTES_MIN
      ? crc32cByTables.ofMessage(view, offset, messageBytes)
      : inTwoParts(crc32c, view, offset, messageBytes),
  () => foldCrc32c().backend,
);

/** CRC-32 (IEEE), for programs built on zlib or crc32fast. Large inputs are folded in WebAssembly as well. */
export const crc32: Checksum = /* @__PURE__ */ checksum(
  "crc32",
  (view, start, end, crc) =>
    end - start < FOLD_BYTES_MIN
      ? crc32ByTables.ofBytes(view, start, end, crc)
      : foldCrc32().sum(view, start, end, crc),
  (view, offset, messageBytes) =>
    inTwoParts(messageBytes < FOLD_BYTES_MIN ? crc32ByTables.ofBytes : crc32, view, offset, messageBytes),
  () => foldCrc32().backend,
);

/** A message's checksum by any function: over what stands before the checksum's own bytes, then over what stands behind. */
export function inTwoParts(sum: Sum, view: DataView, offset: number, messageBytes: number): number {
  return sum(view, offset + 32, offset + messageBytes, sum(view, offset, offset + 28, 0));
}

const foldCrc32c = /* @__PURE__ */ once(() => foldOrTables(CASTAGNOLI_DISTANCES, crc32cByTables.ofBytes));
const foldCrc32 = /* @__PURE__ */ once(() => foldOrTables(IEEE_DISTANCES, crc32ByTables.ofBytes));

function foldOrTables(distances: Distances, byTables: Sum): { readonly sum: Sum; readonly backend: string } {
  try {
    return { sum: foldingSum(distances, byTables), backend: "webassembly" };
  } catch {
    return { sum: byTables, backend: "tables" }; // no WebAssembly here, or none with vectors
  }
}

function once<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

/** Makes an implementation of a function, which becomes it. */
export function checksum(
  kind: Checksum["kind"],
  sum: Sum,
  ofMessage: Checksum["ofMessage"],
  backend: () => string,
): Checksum {
  return Object.defineProperties(sum, {
    kind: { value: kind, enumerable: true },
    backend: { get: backend, enumerable: true },
    ofMessage: { value: ofMessage, enumerable: true },
  }) as Checksum;
}

/** The function of a choice that a writer has: a message always carries a true one. @throws AlphaPulseError BAD_OPTION */
export function writtenChecksumOf(choice: WrittenChecksum): Checksum {
  const made = checksumOf(choice);
  if (made !== undefined) return made;
  throw new AlphaPulseError("BAD_OPTION", "checksum none is for readers: a message always carries a true one");
}

const CHECK = /* @__PURE__ */ new DataView(
  /* @__PURE__ */ Uint8Array.from("123456789", (digit) => digit.charCodeAt(0)).buffer,
);
/** What the two kinds give for the text 123456789: the catalogue of parametrised CRC algorithms. */
const CHECK_VALUES: Readonly<Record<string, number>> = { crc32c: 0xe306_9283, crc32: 0xcbf4_3926 };

/**
 * The function of a choice; undefined for `none`.
 *
 * @throws AlphaPulseError BAD_OPTION, also where an implementation does not compute the kind that it says it is
 */
export function checksumOf(choice: ChecksumChoice): Checksum | undefined {
  if (choice === "crc32c" || choice === crc32c) return crc32c;
  if (choice === "crc32" || choice === crc32) return crc32;
  if (choice === "none") return undefined;
  if (typeof choice !== "function")
    throw new AlphaPulseError("BAD_OPTION", `checksum ${String(choice)} is none of crc32c, crc32 and none`);
  const expected = CHECK_VALUES[choice.kind];
  if (expected === undefined)
    throw new AlphaPulseError("BAD_OPTION", `checksum: kind ${String(choice.kind)} is neither crc32c nor crc32`);
  const computed = choice(CHECK, 0, CHECK.byteLength, 0);
  if (computed !== expected) {
    throw new AlphaPulseError(
      "BAD_OPTION",
      `checksum: ${choice.backend} says it is ${choice.kind}, but gives ${computed} for 123456789, not ${expected}`,
    );
  }
  return choice;
}
