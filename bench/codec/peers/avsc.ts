import type { BenchContext } from "../../harness.js";
import type { Coder, Peer } from "../peer.js";
import type { Book, Level, Quote, Trade } from "../samples.js";

interface AvroType {
  encode(value: unknown, buffer: Buffer, position: number): number;
  fromBuffer(buffer: Uint8Array, resolver: undefined, noCheck: boolean): object;
}

interface AvscModule {
  readonly default: {
    readonly Type: { forSchema(schema: unknown, options: { readonly registry: Record<string, unknown> }): AvroType };
    readonly types: { readonly LongType: { __with(methods: object): unknown } };
  };
}

const IDENTITY = { venue: "int", assetType: "int", assetId: "long" };
const LEVELS = {
  type: "array",
  items: {
    type: "record",
    name: "Level",
    fields: [
      { name: "price", type: "long" },
      { name: "size", type: "long" },
    ],
  },
};

/** Longs as bigint, by the hook that its documentation has for that; into a buffer that is used again. */
export async function avsc(context: BenchContext): Promise<Peer | undefined> {
  const module = await context.peer<AvscModule>("avsc");
  if (module === undefined) return undefined;
  const { Type, types } = module.default;
  const buffer = Buffer.alloc(4096);
  const eight = Buffer.alloc(8);
  const long = types.LongType.__with({
    fromBuffer: (bytes: Buffer) => bytes.readBigInt64LE(),
    toBuffer: (value: bigint) => {
      eight.writeBigInt64LE(value);
      return eight;
    },
    fromJSON: BigInt,
    toJSON: Number,
    isValid: (value: unknown) => typeof value === "bigint",
    compare: (a: bigint, b: bigint) => (a === b ? 0 : a < b ? -1 : 1),
  });
  const coder = <T>(name: string, fields: Readonly<Record<string, unknown>>): Coder<T> => {
    const schema = {
      type: "record",
      name,
      fields: Object.entries(fields).map(([field, type]) => ({ name: field, type })),
    };
    const type = Type.forSchema(schema, { registry: { long } });
    return {
      encode: (value) => buffer.subarray(0, type.encode(value, buffer, 0)),
      encodeInto: (value) => type.encode(value, buffer, 0),
      decode: (bytes) => type.fromBuffer(bytes, undefined, true),
      plain: plainOf<T>,
    };
  };
  return {
    name: "avsc",
    trade: coder<Trade>("Trade", {
      ...IDENTITY,
      price: "long",
      volume: "long",
      exchangeTimestamp: "long",
      side: "int",
      flags: "int",
    }),
    quote: coder<Quote>("Quote", {
      ...IDENTITY,
      bidPrice: "long",
      askPrice: "long",
      bidSize: "long",
      askSize: "long",
      exchangeTimestamp: "long",
    }),
    book: coder<Book>("Book", {
      ...IDENTITY,
      exchangeTimestamp: "long",
      updateId: "long",
      chunkIndex: "int",
      chunkCount: "int",
      flags: "int",
      bids: LEVELS,
      asks: { type: "array", items: "Level" },
    }),
  };
}

function plainOf<T>(decoded: object): T {
  const plain: Record<string, unknown> = { ...decoded };
  for (const side of ["bids", "asks"]) {
    if (side in plain) plain[side] = (plain[side] as Level[]).map((level) => ({ ...level }));
  }
  return plain as T;
}
