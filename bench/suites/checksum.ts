/** Checksums: a small message, 1 KiB and 64 KiB, of both kinds, beside native packages and Node's own. */
import { createRequire } from "node:module";
import * as zlib from "node:zlib";
import type { Subject } from "alphapulse/bench";
import { fastestChecksum } from "../../src/checksum.js";
import { type Checksum, crc32, crc32c } from "../../src/protocol/checksum.js";
import { messageChecksum } from "../../src/protocol/header.js";
import type { BenchContext } from "../harness.js";

type OverBytes = (bytes: Uint8Array) => number;

const SIZES = [74, 1024, 65_536] as const;
const MESSAGE_BYTES = 74;
/** Messages of one buffer in turn, as the C limit has them: more than the first cache holds. */
const MESSAGES = 4096;

export async function run(context: BenchContext): Promise<void> {
  const from = `${context.root}bench/package.json`;
  const peers = await nativePeers(context, from);
  for (const own of [crc32c, crc32]) {
    const fastest = fastestChecksum(own.kind, from);
    context.note(`${own.kind}: alphapulse uses ${own.backend}, with alphapulse/checksum ${fastest.backend}`);
    const ours = { alphapulse: own, [`alphapulse: alphapulse/checksum (${fastest.backend})`]: fastest };
    await compareMessages(context, own.kind, ours);
    for (const byteLength of SIZES) await compareBytes(context, own.kind, byteLength, ours, peers[own.kind]);
  }
}

/** As a message needs it: in two parts, around the checksum's own bytes, anywhere in a buffer. */
async function compareMessages(
  context: BenchContext,
  kind: string,
  ours: Readonly<Record<string, Checksum>>,
): Promise<void> {
  const view = viewOf(someBytes(MESSAGES * MESSAGE_BYTES));
  const subjects: Record<string, Subject> = {};
  for (const [name, checksum] of Object.entries(ours)) {
    subjects[name] = (batch) => {
      let total = 0;
      for (let i = 0; i < batch; i++) {
        total += messageChecksum(checksum, view, (i & (MESSAGES - 1)) * MESSAGE_BYTES, MESSAGE_BYTES) & 0xff;
      }
      return total;
    };
  }
  await context.compare({ name: `${kind} of a message of ${MESSAGE_BYTES} B`, batch: MESSAGES, subjects });
}

async function compareBytes(
  context: BenchContext,
  kind: string,
  byteLength: number,
  ours: Readonly<Record<string, Checksum>>,
  peers: Readonly<Record<string, OverBytes>>,
): Promise<void> {
  const bytes = someBytes(byteLength);
  const view = viewOf(bytes);
  const subjects: Record<string, Subject> = {};
  for (const [name, checksum] of Object.entries(ours)) subjects[name] = summing(() => checksum(view, 0, byteLength, 0));
  const expected = ours.alphapulse!(view, 0, byteLength, 0);
  for (const [name, calculate] of Object.entries(peers)) {
    if (calculate(bytes) !== expected) throw new Error(`${name} and ours differ`);
    subjects[name] = summing(() => calculate(bytes));
  }
  await context.compare({ name: `${kind} of ${byteLength} B`, batch: Math.ceil(200_000 / byteLength), subjects });
}

async function nativePeers(
  context: BenchContext,
  from: string,
): Promise<Record<Checksum["kind"], Record<string, OverBytes>>> {
  const crc32cPeers: Record<string, OverBytes> = {};
  const crc32Peers: Record<string, OverBytes> = {};
  const fast = await context.peer<{ readonly default: { readonly calculate: OverBytes } }>("fast-crc32c");
  if (fast !== undefined)
    crc32cPeers[`fast-crc32c (${isNative(from) ? "native" : "JavaScript"})`] = fast.default.calculate;
  const rust = await context.peer<{ readonly crc32c: OverBytes; readonly crc32: OverBytes }>("@node-rs/crc32");
  if (rust !== undefined) {
    crc32cPeers["@node-rs/crc32"] = (bytes) => rust.crc32c(bytes);
    crc32Peers["@node-rs/crc32"] = (bytes) => rust.crc32(bytes);
  }
  const nodeCrc32 = (zlib as { crc32?: OverBytes }).crc32;
  if (nodeCrc32 === undefined) context.note(`node ${process.version} has no zlib.crc32`);
  else crc32Peers["zlib.crc32"] = nodeCrc32;
  return { crc32c: crc32cPeers, crc32: crc32Peers };
}

/** Without its native part fast-crc32c runs on as JavaScript, and does not say so. */
function isNative(from: string): boolean {
  try {
    const part = createRequire(createRequire(from).resolve("fast-crc32c"))("sse4_crc32");
    return part.hardware_support === true;
  } catch {
    return false;
  }
}

function summing(checksum: () => number): Subject {
  return (batch) => {
    let total = 0;
    for (let i = 0; i < batch; i++) total += checksum() & 0xff;
    return total;
  };
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function someBytes(count: number): Buffer {
  const bytes = Buffer.alloc(count);
  for (let i = 0; i < count; i++) bytes[i] = Math.imul(i, 0x9e37_79b1) >>> 24;
  return bytes;
}
