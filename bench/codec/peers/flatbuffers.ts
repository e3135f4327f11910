import type { BenchContext } from "../../harness.js";
import type { Coder, Peer } from "../peer.js";
import { type Book, LEVEL_COUNT, type Level, type Quote, type Trade } from "../samples.js";

interface Builder {
  clear(): void;
  prep(size: number, additionalBytes: number): void;
  writeInt64(value: bigint): void;
  addFieldInt8(slot: number, value: number, absent: number): void;
  addFieldInt16(slot: number, value: number, absent: number): void;
  addFieldInt64(slot: number, value: bigint, absent: bigint): void;
  addFieldOffset(slot: number, value: number, absent: number): void;
  startObject(fieldCount: number): void;
  endObject(): number;
  startVector(elementBytes: number, count: number, alignment: number): void;
  endVector(): number;
  finish(root: number): void;
  asUint8Array(): Uint8Array;
  offset(): number;
}

interface ByteBuffer {
  position(): number;
  readInt32(offset: number): number;
  readUint8(offset: number): number;
  readUint16(offset: number): number;
  readInt64(offset: number): bigint;
  readUint64(offset: number): bigint;
  __offset(at: number, slot: number): number;
  __vector(offset: number): number;
  __vector_len(offset: number): number;
}

interface FlatbuffersModule {
  readonly Builder: new (bytes: number) => Builder;
  readonly ByteBuffer: new (bytes: Uint8Array) => ByteBuffer;
}

type Filled<T> = { -readonly [Name in keyof T]: T[Name] };

/** A table as flatc writes its accessors; slot n stands at 4 + 2n of the vtable. */
class Table {
  #buffer: ByteBuffer | undefined;
  #at = 0;

  root(buffer: ByteBuffer): this {
    this.#at = buffer.readInt32(buffer.position()) + buffer.position();
    this.#buffer = buffer;
    return this;
  }

  u8(slot: number): number {
    const offset = this.#buffer!.__offset(this.#at, 4 + 2 * slot);
    return offset ? this.#buffer!.readUint8(this.#at + offset) : 0;
  }

  u16(slot: number): number {
    const offset = this.#buffer!.__offset(this.#at, 4 + 2 * slot);
    return offset ? this.#buffer!.readUint16(this.#at + offset) : 0;
  }

  u64(slot: number): bigint {
    const offset = this.#buffer!.__offset(this.#at, 4 + 2 * slot);
    return offset ? this.#buffer!.readUint64(this.#at + offset) : 0n;
  }

  i64(slot: number): bigint {
    const offset = this.#buffer!.__offset(this.#at, 4 + 2 * slot);
    return offset ? this.#buffer!.readInt64(this.#at + offset) : 0n;
  }

  /** Structs of 16 bytes, read one after the other. */
  levels(slot: number, into: Filled<Level>[]): void {
    const buffer = this.#buffer!;
    const offset = buffer.__offset(this.#at, 4 + 2 * slot);
    const count = offset ? buffer.__vector_len(this.#at + offset) : 0;
    for (let i = 0; i < count; i++) {
      const at = buffer.__vector(this.#at + offset) + i * 16;
      into[i]!.price = buffer.readInt64(at);
      into[i]!.size = buffer.readUint64(at + 8);
    }
  }
}

/**
 * What flatc writes: tables, and levels as structs. One builder, used again. Its accessors read when asked, so decoding
 * reads all of them into one object, which is used again.
 */
export async function flatbuffers(context: BenchContext): Promise<Peer | undefined> {
  const module = await context.peer<FlatbuffersModule>("flatbuffers");
  if (module === undefined) return undefined;
  const { Builder, ByteBuffer } = module;
  const builder = new Builder(4096);
  const table = new Table();
  const coder = <T>(
    build: (value: T) => number,
    into: Filled<T>,
    read: (from: Table, to: Filled<T>) => void,
  ): Coder<T> => ({
    encode(value) {
      builder.clear();
      builder.finish(build(value));
      return builder.asUint8Array();
    },
    encodeInto(value) {
      builder.clear();
      builder.finish(build(value));
      return builder.offset();
    },
    decode(bytes) {
      read(table.root(new ByteBuffer(bytes)), into);
      return into as object;
    },
  });
  const levels = (): Filled<Level>[] => Array.from({ length: LEVEL_COUNT }, () => ({ price: 0n, size: 0n }));

  function addIdentity({ venue, assetType, assetId }: Trade | Quote | Book): void {
    builder.addFieldInt16(0, venue, 0);
    builder.addFieldInt8(1, assetType, 0);
    builder.addFieldInt64(2, assetId, 0n);
  }

  function buildTrade(trade: Trade): number {
    builder.startObject(8);
    addIdentity(trade);
    builder.addFieldInt64(3, trade.price, 0n);
    builder.addFieldInt64(4, trade.volume, 0n);
    builder.addFieldInt64(5, trade.exchangeTimestamp, 0n);
    builder.addFieldInt8(6, trade.side, 0);
    builder.addFieldInt8(7, trade.flags, 0);
    return builder.endObject();
  }

  function buildQuote(quote: Quote): number {
    builder.startObject(8);
    addIdentity(quote);
    builder.addFieldInt64(3, quote.bidPrice, 0n);
    builder.addFieldInt64(4, quote.askPrice, 0n);
    builder.addFieldInt64(5, quote.bidSize, 0n);
    builder.addFieldInt64(6, quote.askSize, 0n);
    builder.addFieldInt64(7, quote.exchangeTimestamp, 0n);
    return builder.endObject();
  }

  function buildLevels(side: readonly Level[]): number {
    builder.startVector(16, side.length, 8);
    for (let i = side.length - 1; i >= 0; i--) {
      builder.prep(8, 16);
      builder.writeInt64(BigInt(side[i]!.size)); // flatc writes these conversions
      builder.writeInt64(BigInt(side[i]!.price));
    }
    return builder.endVector();
  }

  function buildBook(book: Book): number {
    const bids = buildLevels(book.bids);
    const asks = buildLevels(book.asks);
    builder.startObject(10);
    addIdentity(book);
    builder.addFieldInt64(3, book.exchangeTimestamp, 0n);
    builder.addFieldInt64(4, book.updateId, 0n);
    builder.addFieldInt16(5, book.chunkIndex, 0);
    builder.addFieldInt16(6, book.chunkCount, 0);
    builder.addFieldInt8(7, book.flags, 0);
    builder.addFieldOffset(8, bids, 0);
    builder.addFieldOffset(9, asks, 0);
    return builder.endObject();
  }

  return {
    name: "flatbuffers",
    trade: coder<Trade>(
      buildTrade,
      { venue: 0, assetType: 0, assetId: 0n, price: 0n, volume: 0n, exchangeTimestamp: 0n, side: 0, flags: 0 },
      (from, to) => {
        readIdentity(from, to);
        to.price = from.i64(3);
        to.volume = from.u64(4);
        to.exchangeTimestamp = from.u64(5);
        to.side = from.u8(6);
        to.flags = from.u8(7);
      },
    ),
    quote: coder<Quote>(
      buildQuote,
      {
        venue: 0,
        assetType: 0,
        assetId: 0n,
        bidPrice: 0n,
        askPrice: 0n,
        bidSize: 0n,
        askSize: 0n,
        exchangeTimestamp: 0n,
      },
      (from, to) => {
        readIdentity(from, to);
        to.bidPrice = from.i64(3);
        to.askPrice = from.i64(4);
        to.bidSize = from.u64(5);
        to.askSize = from.u64(6);
        to.exchangeTimestamp = from.u64(7);
      },
    ),
    book: coder<Book>(
      buildBook,
      {
        venue: 0,
        assetType: 0,
        assetId: 0n,
        exchangeTimestamp: 0n,
        updateId: 0n,
        chunkIndex: 0,
        chunkCount: 0,
        flags: 0,
        bids: levels(),
        asks: levels(),
      },
      (from, to) => {
        readIdentity(from, to);
        to.exchangeTimestamp = from.u64(3);
        to.updateId = from.u64(4);
        to.chunkIndex = from.u16(5);
        to.chunkCount = from.u16(6);
        to.flags = from.u8(7);
        from.levels(8, to.bids as Filled<Level>[]);
        from.levels(9, to.asks as Filled<Level>[]);
      },
    ),
  };
}

function readIdentity(from: Table, to: Filled<Trade> | Filled<Quote> | Filled<Book>): void {
  to.venue = from.u16(0);
  to.assetType = from.u8(1);
  to.assetId = from.u64(2);
}
