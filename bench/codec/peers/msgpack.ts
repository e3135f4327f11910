import type { BenchContext } from "../../harness.js";
import type { Coder, Peer } from "../peer.js";
import type { Book, Level, Quote, Trade } from "../samples.js";

interface MsgpackrModule {
  readonly Packr: new (options: {
    readonly structures: unknown[];
  }) => { pack(value: unknown): Uint8Array; unpack(bytes: Uint8Array): object };
}

interface MsgpackModule {
  readonly Encoder: new (options: { readonly useBigInt64: true }) => { encodeSharedRef(value: unknown): Uint8Array };
  readonly Decoder: new (options: { readonly useBigInt64: true }) => { decode(bytes: Uint8Array): object };
}

/** With shared structures: field names are not in the messages. */
export async function msgpackr(context: BenchContext): Promise<Peer | undefined> {
  const module = await context.peer<MsgpackrModule>("msgpackr");
  if (module === undefined) return undefined;
  const { Packr } = module;
  const coder = <T>(): Coder<T> => {
    const packr = new Packr({ structures: [] });
    return { encode: (value) => packr.pack(value), decode: (bytes) => packr.unpack(bytes), plain: plainOf<T> };
  };
  return { name: "msgpackr", trade: coder<Trade>(), quote: coder<Quote>(), book: coder<Book>() };
}

export async function msgpack(context: BenchContext): Promise<Peer | undefined> {
  const module = await context.peer<MsgpackModule>("@msgpack/msgpack");
  if (module === undefined) return undefined;
  const encoder = new module.Encoder({ useBigInt64: true });
  const decoder = new module.Decoder({ useBigInt64: true });
  const coder = <T>(): Coder<T> => ({
    encode: (value) => encoder.encodeSharedRef(value),
    decode: (bytes) => decoder.decode(bytes),
  });
  return { name: "@msgpack/msgpack", trade: coder<Trade>(), quote: coder<Quote>(), book: coder<Book>() };
}

/** Records have a class of their own: here compared as plain objects. */
function plainOf<T>(decoded: object): T {
  const plain: Record<string, unknown> = { ...decoded };
  for (const side of ["bids", "asks"]) {
    if (side in plain) plain[side] = (plain[side] as Level[]).map((level) => ({ ...level }));
  }
  return plain as T;
}
