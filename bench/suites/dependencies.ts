/** The measurements behind docs/dependencies.md: what each dependency costs beside what stands in its place. */
import { execFileSync } from "node:child_process";
import { createCipheriv } from "node:crypto";
import { EventEmitter as NodeEventEmitter } from "node:events";
import * as zlib from "node:zlib";
import { crc32c } from "../../src/protocol/checksum.js";
import { type BenchContext, median, type Subject } from "../harness.js";

interface Msgpack {
  encode(value: unknown): Uint8Array;
  decode(bytes: Uint8Array): unknown;
}

interface Emitter {
  on(event: string, listener: (value: number) => void): unknown;
  emit(event: string, value: number): boolean;
}

interface FastCrc32c {
  readonly default: { calculate(bytes: Uint8Array): number };
}

interface NobleChacha {
  chacha20poly1305(key: Uint8Array, nonce: Uint8Array): { encrypt(plain: Uint8Array): Uint8Array };
}

interface Msgpackr {
  readonly Packr: new (options?: {
    useRecords?: boolean;
  }) => { pack(value: unknown): Uint8Array; unpack(bytes: Uint8Array): unknown };
}

/** A map as InstrumentDiscovered carries it: some short strings, integers and a flag. */
const METADATA = {
  base: "BTC",
  quote: "USDT",
  status: "TRADING",
  tickSize: "0.01000000",
  stepSize: "0.00001000",
  contractSize: 1,
  launchedAt: 1_502_942_400,
  marginTrading: true,
};

const CHECKSUM_BYTES = [74, 1024, 65_536] as const;
const SEALED_BYTES = [72, 65_536] as const;
const TAG_BYTES = 16;

export async function run(context: BenchContext): Promise<void> {
  await compareEmitters(context);
  await compareMetadata(context);
  await compareChecksums(context);
  await compareCiphers(context);
  compareImports(context);
}

async function compareEmitters(context: BenchContext): Promise<void> {
  const third = await context.peer<{ readonly EventEmitter: new () => Emitter }>("eventemitter3");
  let heard = 0;
  const emitting = (emitter: Emitter): Subject => {
    emitter.on("state", (value) => {
      heard += value;
    });
    return (batch) => {
      for (let i = 0; i < batch; i++) emitter.emit("state", i & 1);
      return heard;
    };
  };
  const subjects: Record<string, Subject> = { "node:events": emitting(new NodeEventEmitter()) };
  if (third !== undefined) subjects.eventemitter3 = emitting(new third.EventEmitter());
  context.compare({ name: "emit to one listener", batch: 10_000, subjects });
}

async function compareMetadata(context: BenchContext): Promise<void> {
  const msgpack = await context.peer<Msgpack>("@msgpack/msgpack");
  const msgpackr = await context.peer<Msgpackr>("msgpackr");
  const encoders: Record<string, (value: unknown) => Uint8Array> = {};
  const decoders: Record<string, (bytes: Uint8Array) => unknown> = {};
  if (msgpack !== undefined) {
    encoders["@msgpack/msgpack"] = (value) => msgpack.encode(value);
    decoders["@msgpack/msgpack"] = (bytes) => msgpack.decode(bytes);
  }
  if (msgpackr !== undefined) {
    const packr = new msgpackr.Packr({ useRecords: false });
    encoders.msgpackr = (value) => packr.pack(value);
    decoders.msgpackr = (bytes) => packr.unpack(bytes);
  }
  const toBytes = new TextEncoder();
  const toText = new TextDecoder();
  encoders.JSON = (value) => toBytes.encode(JSON.stringify(value));
  decoders.JSON = (bytes) => JSON.parse(toText.decode(bytes));

  const encoding: Record<string, Subject> = {};
  const decoding: Record<string, Subject> = {};
  for (const [name, encode] of Object.entries(encoders)) {
    const decode = decoders[name]!;
    const bytes = Uint8Array.from(encode(METADATA));
    context.report({
      name: "metadata: encoded",
      subject: name,
      value: bytes.byteLength,
      unit: "bytes",
      better: "lower",
    });
    encoding[name] = (batch) => {
      let total = 0;
      for (let i = 0; i < batch; i++) total += encode(METADATA).byteLength;
      return total;
    };
    decoding[name] = (batch) => {
      let total = 0;
      for (let i = 0; i < batch; i++) total += (decode(bytes) as typeof METADATA).contractSize;
      return total;
    };
  }
  context.compare({ name: "metadata: encode", batch: 500, subjects: encoding });
  context.compare({ name: "metadata: decode", batch: 500, subjects: decoding });
}

async function compareChecksums(context: BenchContext): Promise<void> {
  const fast = await context.peer<FastCrc32c>("fast-crc32c");
  const native = fast !== undefined && (await context.peer("sse4_crc32")) !== undefined;
  const fallback = await context.peer<FastCrc32c>("fast-crc32c/impls/js_crc32c.js");
  if (fast !== undefined) context.note(`fast-crc32c runs ${native ? "its native part" : "its JavaScript fallback"}`);
  const nodeCrc32 = (zlib as { crc32?: (bytes: Uint8Array) => number }).crc32;
  if (nodeCrc32 === undefined) context.note(`node ${process.version} has no zlib.crc32`);

  for (const bytes of CHECKSUM_BYTES) {
    const input = someBytes(bytes);
    const view = new DataView(input.buffer, input.byteOffset, bytes);
    const subjects: Record<string, Subject> = { "alphapulse: crc32c": summing(() => crc32c(view, 0, bytes, 0)) };
    if (fast !== undefined) {
      const { calculate } = fast.default;
      if (calculate(input) !== crc32c(view, 0, bytes, 0)) throw new Error("fast-crc32c and ours differ");
      subjects[`fast-crc32c (${native ? "native" : "JavaScript"})`] = summing(() => calculate(input));
    }
    if (fallback !== undefined && native) {
      subjects["fast-crc32c (JavaScript)"] = summing(() => fallback.default.calculate(input));
    }
    if (nodeCrc32 !== undefined) subjects["zlib.crc32 (another polynomial)"] = summing(() => nodeCrc32(input));
    context.compare({ name: `checksum of ${bytes} B`, batch: Math.ceil(200_000 / bytes), subjects });
  }
}

function summing(checksum: () => number): Subject {
  return (batch) => {
    let total = 0;
    for (let i = 0; i < batch; i++) total += checksum() & 0xff;
    return total;
  };
}

async function compareCiphers(context: BenchContext): Promise<void> {
  const noble = await context.peer<NobleChacha>("@noble/ciphers/chacha.js");
  const key = someBytes(32);
  const nonce = someBytes(12);
  for (const bytes of SEALED_BYTES) {
    const plain = someBytes(bytes);
    const sealWithNode = (): Uint8Array => {
      const cipher = createCipheriv("chacha20-poly1305", key, nonce, { authTagLength: TAG_BYTES });
      return Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
    };
    const subjects: Record<string, Subject> = { "node:crypto": summing(() => sealWithNode()[0]!) };
    if (noble !== undefined) {
      const seal = () => noble.chacha20poly1305(key, nonce).encrypt(plain);
      if (Buffer.compare(seal(), sealWithNode()) !== 0) throw new Error("@noble/ciphers and node:crypto differ");
      subjects["@noble/ciphers"] = summing(() => seal()[0]!);
    }
    context.compare({ name: `ChaCha20-Poly1305 of ${bytes} B`, batch: Math.ceil(50_000 / bytes), subjects });
  }
}

/** The first import of a fresh process: what Node needs to load any module is in all of them. */
function compareImports(context: BenchContext): void {
  const subjects = {
    "an empty module": "data:text/javascript,export {}",
    alphapulse: "alphapulse",
  };
  const times = Object.values(subjects).map((): number[] => []);
  for (let round = 0; round < (context.quick ? 1 : 15); round++) {
    for (const [i, specifier] of Object.values(subjects).entries()) {
      const code = `const start = performance.now(); await import("${specifier}"); console.log(performance.now() - start);`;
      const args = ["--input-type=module", "--eval", code];
      times[i]!.push(Number(execFileSync(process.execPath, args, { cwd: context.root, encoding: "utf8" })));
    }
  }
  for (const [i, subject] of Object.keys(subjects).entries()) {
    context.report({ name: "first import", subject, value: median(times[i]!), unit: "ms", better: "lower" });
  }
}

function someBytes(count: number): Buffer {
  const bytes = Buffer.alloc(count);
  for (let i = 0; i < count; i++) bytes[i] = Math.imul(i, 0x9e37_79b1) >>> 24;
  return bytes;
}
