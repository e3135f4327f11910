/** The measurements behind docs/dependencies.md: what each dependency costs beside what stands in its place (checksums: checksum.ts). */
import { execFileSync } from "node:child_process";
import { createCipheriv } from "node:crypto";
import { EventEmitter as NodeEventEmitter } from "node:events";
import { median, type Subject } from "alphapulse/bench";
import type { BenchContext } from "../harness.js";

interface Msgpack {
  encode(value: unknown): Uint8Array;
  decode(bytes: Uint8Array): unknown;
}

interface Emitter {
  on(event: string, listener: (value: number) => void): unknown;
  emit(event: string, value: number): boolean;
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

const SEALED_BYTES = [72, 65_536] as const;
const TAG_BYTES = 16;

export async function run(context: BenchContext): Promise<void> {
  await compareEmitters(context);
  await compareMetadata(context);
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
    return (i) => {
      emitter.emit("state", i & 1);
      return heard;
    };
  };
  const subjects: Record<string, Subject> = { "node:events": emitting(new NodeEventEmitter()) };
  if (third !== undefined) subjects.eventemitter3 = emitting(new third.EventEmitter());
  await context.compare({ name: "emit to one listener", subjects });
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
    encoding[name] = () => encode(METADATA);
    decoding[name] = () => decode(bytes);
  }
  await context.compare({ name: "metadata: encode", subjects: encoding });
  await context.compare({ name: "metadata: decode", subjects: decoding });
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
    const subjects: Record<string, Subject> = { "node:crypto": () => sealWithNode()[0] };
    if (noble !== undefined) {
      const seal = () => noble.chacha20poly1305(key, nonce).encrypt(plain);
      if (Buffer.compare(seal(), sealWithNode()) !== 0) throw new Error("@noble/ciphers and node:crypto differ");
      subjects["@noble/ciphers"] = () => seal()[0];
    }
    await context.compare({ name: `ChaCha20-Poly1305 of ${bytes} B`, subjects });
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
