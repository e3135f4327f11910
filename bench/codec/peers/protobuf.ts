import type { BenchContext } from "../../harness.js";
import type { Coder, Peer } from "../peer.js";
import type { Book, Level, Quote, Trade } from "../samples.js";

interface Protobuf {
  create(schema: unknown, init: object): object;
  toBinary(schema: unknown, message: object): Uint8Array;
  fromBinary(schema: unknown, bytes: Uint8Array): object;
}

interface Codegen {
  fileDesc(base64: string): unknown;
  messageDesc(file: unknown, index: number): unknown;
}

/** google.protobuf.FieldDescriptorProto.Type and Label. */
const UINT32 = 13;
const FIXED64 = 6;
const SFIXED64 = 16;
const MESSAGE = 11;
const OPTIONAL = 1;
const REPEATED = 3;

type FieldRow = readonly [name: string, type: number];

const IDENTITY: readonly FieldRow[] = [
  ["venue", UINT32],
  ["asset_type", UINT32],
  ["asset_id", FIXED64],
];
/** Fixed widths: a varint of a price or a time takes 6 to 9 bytes, and longer. */
const MESSAGES: readonly (readonly [name: string, fields: readonly FieldRow[]])[] = [
  [
    "Trade",
    [
      ...IDENTITY,
      ["price", SFIXED64],
      ["volume", FIXED64],
      ["exchange_timestamp", FIXED64],
      ["side", UINT32],
      ["flags", UINT32],
    ],
  ],
  [
    "Quote",
    [
      ...IDENTITY,
      ["bid_price", SFIXED64],
      ["ask_price", SFIXED64],
      ["bid_size", FIXED64],
      ["ask_size", FIXED64],
      ["exchange_timestamp", FIXED64],
    ],
  ],
  [
    "Level",
    [
      ["price", SFIXED64],
      ["size", FIXED64],
    ],
  ],
  [
    "Book",
    [
      ...IDENTITY,
      ["exchange_timestamp", FIXED64],
      ["update_id", FIXED64],
      ["chunk_index", UINT32],
      ["chunk_count", UINT32],
      ["flags", UINT32],
      ["bids", MESSAGE],
      ["asks", MESSAGE],
    ],
  ],
];

/** What protoc-gen-es writes: a descriptor, and messages made with `create`. */
export async function protobufEs(context: BenchContext): Promise<Peer | undefined> {
  const protobuf = await context.peer<Protobuf>("@bufbuild/protobuf");
  const codegen = await context.peer<Codegen>("@bufbuild/protobuf/codegenv2");
  const wkt = await context.peer<{ readonly FileDescriptorProtoSchema: unknown }>("@bufbuild/protobuf/wkt");
  if (protobuf === undefined || codegen === undefined || wkt === undefined) return undefined;
  const { create, toBinary, fromBinary } = protobuf;

  const descriptor = create(wkt.FileDescriptorProtoSchema, {
    name: "bench.proto",
    package: "bench",
    syntax: "proto3",
    messageType: MESSAGES.map(([name, fields]) => ({
      name,
      field: fields.map(([field, type], i) => ({
        name: field,
        number: i + 1,
        type,
        label: type === MESSAGE ? REPEATED : OPTIONAL,
        ...(type === MESSAGE ? { typeName: ".bench.Level" } : {}),
      })),
    })),
  });
  const base64 = Buffer.from(toBinary(wkt.FileDescriptorProtoSchema, descriptor)).toString("base64");
  const file = codegen.fileDesc(base64);
  const coder = <T extends object>(name: string): Coder<T, object> => {
    const index = MESSAGES.findIndex(([message]) => message === name);
    const schema = codegen.messageDesc(file, index);
    return {
      prepare: (plain) => create(schema, plain),
      encode: (message) => toBinary(schema, message),
      decode: (bytes) => fromBinary(schema, bytes),
      plain: plainOf<T>,
    };
  };
  return {
    name: "@bufbuild/protobuf",
    trade: coder<Trade>("Trade"),
    quote: coder<Quote>("Quote"),
    book: coder<Book>("Book"),
  };
}

/** Without `$typeName`, which every message has. */
function plainOf<T>(decoded: object): T {
  const { $typeName: _, ...plain } = decoded as Record<string, unknown>;
  for (const side of ["bids", "asks"]) {
    if (side in plain) plain[side] = (plain[side] as Level[]).map(({ price, size }) => ({ price, size }));
  }
  return plain as T;
}
