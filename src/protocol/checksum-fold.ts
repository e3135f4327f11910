import type { Sum } from "./checksum-tables.js";

// Large inputs, in WebAssembly with 128-bit vectors.
//
// In a CRC a byte may be moved: where x^8d1 + x^8d2 + ... = 1 in the field of the polynomial (exponents negative), a byte
// counts the same when it is added (xor) to the bytes d1, d2, ... behind it and then becomes 0. So 16 bytes go forward by a
// handful of xors, without a table, until only the last few hundred bytes are left: those go through the tables.

/** How far forward a byte is added, in bytes, ascending. All that matters is that the equation above holds: a test proves it. */
export interface Distances {
  /** Few and far: for inputs of many KiB. */
  readonly wide: readonly number[];
  /** More and nearer: leaves fewer bytes to the tables. */
  readonly narrow: readonly number[];
}

/** Found by searching sums of two powers for equal ones; the nearest is far enough that a store is done when it is read. */
export const CASTAGNOLI_DISTANCES: Distances = { wide: [1747, 2830, 5321], narrow: [123, 145, 178, 195, 266] };
export const IEEE_DISTANCES: Distances = { wide: [1927, 2181, 4018], narrow: [145, 183, 211, 300] };

/** Inputs from here on are worth the copy and the fold. */
export const FOLD_BYTES_MIN = 1024;

const PAGE_BYTES = 65_536;
const CHUNK_BYTES = 65_536;
const BLOCK = 16;

/** What is used of the global; it is not in the language's own library of types. */
interface WebAssemblyRuntime {
  readonly WebAssembly: {
    readonly Module: new (bytes: Uint8Array) => object;
    readonly Instance: new (
      module: object,
    ) => {
      readonly exports: {
        readonly memory: { readonly buffer: ArrayBuffer };
        readonly fold0: Fold;
        readonly fold1: Fold;
      };
    };
  };
}

type Fold = (at: number, byteLength: number, out: number) => void;

/**
 * A checksum of large inputs: folds them in memory of its own, and gives what is left to `sum`. It takes a copy of
 * the input, 64 KiB at a time, so any memory will do. Each thread makes its own.
 *
 * @throws where the runtime has no WebAssembly, forbids it or knows no vectors
 */
export function foldingSum({ wide, narrow }: Distances, sum: Sum): Sum {
  // | zeros | chunk | zeros | left by the wide fold | left by the narrow fold |
  const chunkAt = aligned(reach(wide));
  const middleAt = chunkAt + aligned(CHUNK_BYTES + BLOCK) + aligned(reach(narrow));
  const lastAt = middleAt + aligned(reach(wide) + 2 * BLOCK);
  const memoryBytes = lastAt + aligned(reach(narrow) + 2 * BLOCK);
  const { WebAssembly } = globalThis as unknown as WebAssemblyRuntime;
  const module = new WebAssembly.Module(moduleBytes([foldBody(wide), foldBody(narrow)], memoryBytes));
  const { memory, fold0, fold1 } = new WebAssembly.Instance(module).exports;
  const bytes = new Uint8Array(memory.buffer);
  const view = new DataView(memory.buffer);
  return (input, start, end, crc) => {
    let c = crc;
    let from = start;
    for (; end - from >= FOLD_BYTES_MIN; from += CHUNK_BYTES) {
      let left = Math.min(CHUNK_BYTES, end - from);
      let at = chunkAt;
      bytes.set(new Uint8Array(input.buffer, input.byteOffset + from, left), at);
      view.setInt32(at, view.getInt32(at, true) ^ ~c, true);
      if (left >= 2 * reach(wide)) {
        fold0(at, left, middleAt);
        at = middleAt;
        left = leftBy(wide, left);
      }
      fold1(at, left, lastAt);
      c = sum(view, lastAt, lastAt + leftBy(narrow, left), -1);
    }
    return from < end ? sum(input, from, end, c) : c;
  };
}

function reach(distances: readonly number[]): number {
  return distances[distances.length - 1]!;
}

/** How many bytes a fold leaves of `byteLength`: it takes whole blocks, all that can still be added to bytes behind. */
function leftBy(distances: readonly number[], byteLength: number): number {
  return reach(distances) + ((byteLength - reach(distances)) & (BLOCK - 1));
}

function aligned(byteLength: number): number {
  return (byteLength + 63) & ~63;
}

// The module, made at first use from what follows (WebAssembly core specification 2, section 5, "Binary format").

type Code = readonly number[];

const I32 = 0x7f;
const ADD: Code = [0x6a];
const SUB: Code = [0x6b];
const AND: Code = [0x71];
const GREATER_OR_EQUAL: Code = [0x4f];
const XOR_VECTORS: Code = [0xfd, 0x51];
const ZERO_VECTOR: Code = [0xfd, 0x0c, ...Array<number>(BLOCK).fill(0)];
const get = (local: number): Code => [0x20, local];
const set = (local: number): Code => [0x21, local];
const constant = (value: number): Code => [0x41, ...signed(value)];
const loadVector = (offset: number): Code => [0xfd, 0x00, 0, ...unsigned(offset)];
const storeVector = (offset: number): Code => [0xfd, 0x0b, 0, ...unsigned(offset)];

/** Runs `body` and adds a block to `local`, as long as it is below `end`. */
function whileBelow(local: number, end: number, body: Code): Code {
  const next = [...get(local), ...constant(BLOCK), ...ADD, ...set(local), 0x0c, 0]; // br 0: again
  const leave = [...get(local), ...get(end), ...GREATER_OR_EQUAL, 0x0d, 1]; // br_if 1: out of the block
  return [0x02, 0x40, 0x03, 0x40, ...leave, ...body, ...next, 0x0b, 0x0b]; // block loop ... end end
}

/**
 * The body of `fold(at, byteLength, out)`. Before `at` stand as many zeros as the fold reaches, and `byteLength` is at least
 * twice that.
 */
function foldBody(distances: readonly number[]): Code {
  const [at, byteLength, out, block, rest, end, to] = [0, 1, 2, 3, 4, 5, 6];
  const far = reach(distances);
  // Addresses are taken `far` bytes back, so that no offset is negative.
  const gather = distances.flatMap((distance) => [...get(block), ...loadVector(far - distance), ...XOR_VECTORS]);
  return [
    // end = at + byteLength; rest = at + the whole blocks of what can go forward
    ...[...get(at), ...get(byteLength), ...ADD, ...set(end)],
    ...[...get(byteLength), ...constant(far), ...SUB, ...constant(-BLOCK), ...AND, ...get(at), ...ADD, ...set(rest)],
    // What will be left is copied out and zeroed where it stood: nothing goes forward from there.
    ...[...get(rest), ...set(block), ...get(out), ...set(to)],
    ...whileBelow(block, end, [
      ...[...get(to), ...get(block), ...loadVector(0), ...storeVector(0)],
      ...[...get(block), ...ZERO_VECTOR, ...storeVector(0)],
      ...[...get(to), ...constant(BLOCK), ...ADD, ...set(to)],
    ]),
    // Nothing comes to the first blocks: what stands before them is zero.
    ...[...get(at), ...constant(far - (distances[0]! & -BLOCK)), ...SUB, ...set(block)],
    ...[...get(rest), ...constant(far), ...SUB, ...set(rest)],
    ...[...get(end), ...constant(far), ...SUB, ...set(end)],
    ...whileBelow(block, rest, [...get(block), ...get(block), ...loadVector(far), ...gather, ...storeVector(far)]),
    ...[...get(out), ...set(to)],
    ...whileBelow(block, end, [
      ...[...get(to), ...get(to), ...loadVector(0), ...gather, ...storeVector(0)],
      ...[...get(to), ...constant(BLOCK), ...ADD, ...set(to)],
    ]),
  ];
}

/** A module with one memory and functions `fold0`, `fold1`, ... of three i32 each, with four i32 locals. */
function moduleBytes(bodies: readonly Code[], memoryBytes: number): Uint8Array<ArrayBuffer> {
  const pages = unsigned(Math.ceil(memoryBytes / PAGE_BYTES));
  const code = bodies.map((body) => sized([1, 4, I32, ...body, 0x0b]));
  const folds = bodies.map((_, i) => [...name(`fold${i}`), 0, i]);
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0], // "\0asm", version 1
    ...section(1, [[0x60, 3, I32, I32, I32, 0]]), // types
    ...section(
      3,
      bodies.map(() => [0]),
    ), // functions, by type
    ...section(5, [[1, ...pages, ...pages]]), // memory: at least, at most
    ...section(7, [[...name("memory"), 2, 0], ...folds]), // exports
    ...section(10, code),
  ]);
}

function section(id: number, items: readonly Code[]): Code {
  return [id, ...sized([...unsigned(items.length), ...items.flat()])];
}

function name(text: string): Code {
  return sized([...text].map((character) => character.charCodeAt(0)));
}

function sized(code: Code): Code {
  return [...unsigned(code.length), ...code];
}

/** LEB128. */
function unsigned(value: number): Code {
  return value < 128 ? [value] : [(value & 127) | 128, ...unsigned(value >>> 7)];
}

function signed(value: number): Code {
  return value >= -64 && value < 64 ? [value & 127] : [(value & 127) | 128, ...signed(value >> 7)];
}
