import type { BenchContext } from "../../harness.js";
import type { Coder, Peer } from "../peer.js";
import type { Book, Level, Quote, Trade } from "../samples.js";

interface BinaryWriter {
  finish(): Uint8Array;
  fork(): this;
  join(): this;
  uint32(value: number): this;
  fixed64(value: bigint): this;
  sfixed64(value: bigint): this;
}

interface BinaryReader {
  pos: number;
  readonly len: number;
  uint32(): number;
  fixed64(): bigint;
  sfixed64(): bigint;
  skip(wireType: number): unknown;
}

interface Wire {
  readonly BinaryWriter: new () => BinaryWriter;
  readonly BinaryReader: new (bytes: Uint8Array) => BinaryReader;
}

type Filled<T> = { -readonly [Name in keyof T]: T[Name] };

const VARINT = 0;
const BIT64 = 1;
const DELIMITED = 2;
const tag = (field: number, wireType: number): number => (field << 3) | wireType;
const VENUE = tag(1, VARINT);
const ASSET_TYPE = tag(2, VARINT);
const ASSET_ID = tag(3, BIT64);
const WIDE_4 = tag(4, BIT64);
const WIDE_5 = tag(5, BIT64);
const WIDE_6 = tag(6, BIT64);
const WIDE_7 = tag(7, BIT64);
const WIDE_8 = tag(8, BIT64);
const SMALL_6 = tag(6, VARINT);
const SMALL_7 = tag(7, VARINT);
const SMALL_8 = tag(8, VARINT);
const BIDS = tag(9, DELIMITED);
const ASKS = tag(10, DELIMITED);
const LEVEL_PRICE = tag(1, BIT64);
const LEVEL_SIZE = tag(2, BIT64);

/** The same bytes as protobuf-es writes, by straight-line code over its writer and reader: as fast as its runtime can be. */
export async function protobufByHand(context: BenchContext): Promise<Peer | undefined> {
  const wire = await context.peer<Wire>("@bufbuild/protobuf/wire");
  if (wire === undefined) return undefined;
  const { BinaryReader } = wire;
  const writer = new wire.BinaryWriter();
  const coder = <T>(write: (value: T, to: BinaryWriter) => void, read: (from: BinaryReader) => T): Coder<T> => ({
    encode(value) {
      write(value, writer);
      return writer.finish();
    },
    decode: (bytes) => read(new BinaryReader(bytes)) as object,
  });
  return {
    name: "@bufbuild/protobuf by hand",
    trade: coder(writeTrade, readTrade),
    quote: coder(writeQuote, readQuote),
    book: coder(writeBook, readBook),
  };
}

function writeIdentity({ venue, assetType, assetId }: Trade | Quote | Book, to: BinaryWriter): BinaryWriter {
  return to.uint32(VENUE).uint32(venue).uint32(ASSET_TYPE).uint32(assetType).uint32(ASSET_ID).fixed64(assetId);
}

function writeTrade(trade: Trade, to: BinaryWriter): void {
  writeIdentity(trade, to).uint32(WIDE_4).sfixed64(trade.price).uint32(WIDE_5).fixed64(trade.volume);
  to.uint32(WIDE_6).fixed64(trade.exchangeTimestamp).uint32(SMALL_7).uint32(trade.side);
  to.uint32(SMALL_8).uint32(trade.flags);
}

function readTrade(from: BinaryReader): Trade {
  const trade: Filled<Trade> = {
    venue: 0,
    assetType: 0,
    assetId: 0n,
    price: 0n,
    volume: 0n,
    exchangeTimestamp: 0n,
    side: 0,
    flags: 0,
  };
  while (from.pos < from.len) {
    const field = from.uint32();
    if (field === VENUE) trade.venue = from.uint32();
    else if (field === ASSET_TYPE) trade.assetType = from.uint32();
    else if (field === ASSET_ID) trade.assetId = from.fixed64();
    else if (field === WIDE_4) trade.price = from.sfixed64();
    else if (field === WIDE_5) trade.volume = from.fixed64();
    else if (field === WIDE_6) trade.exchangeTimestamp = from.fixed64();
    else if (field === SMALL_7) trade.side = from.uint32();
    else if (field === SMALL_8) trade.flags = from.uint32();
    else from.skip(field & 7);
  }
  return trade;
}

function writeQuote(quote: Quote, to: BinaryWriter): void {
  writeIdentity(quote, to).uint32(WIDE_4).sfixed64(quote.bidPrice).uint32(WIDE_5).sfixed64(quote.askPrice);
  to.uint32(WIDE_6).fixed64(quote.bidSize).uint32(WIDE_7).fixed64(quote.askSize);
  to.uint32(WIDE_8).fixed64(quote.exchangeTimestamp);
}

function readQuote(from: BinaryReader): Quote {
  const quote: Filled<Quote> = {
    venue: 0,
    assetType: 0,
    assetId: 0n,
    bidPrice: 0n,
    askPrice: 0n,
    bidSize: 0n,
    askSize: 0n,
    exchangeTimestamp: 0n,
  };
  while (from.pos < from.len) {
    const field = from.uint32();
    if (field === VENUE) quote.venue = from.uint32();
    else if (field === ASSET_TYPE) quote.assetType = from.uint32();
    else if (field === ASSET_ID) quote.assetId = from.fixed64();
    else if (field === WIDE_4) quote.bidPrice = from.sfixed64();
    else if (field === WIDE_5) quote.askPrice = from.sfixed64();
    else if (field === WIDE_6) quote.bidSize = from.fixed64();
    else if (field === WIDE_7) quote.askSize = from.fixed64();
    else if (field === WIDE_8) quote.exchangeTimestamp = from.fixed64();
    else from.skip(field & 7);
  }
  return quote;
}

function writeBook(book: Book, to: BinaryWriter): void {
  writeIdentity(book, to).uint32(WIDE_4).fixed64(book.exchangeTimestamp).uint32(WIDE_5).fixed64(book.updateId);
  to.uint32(SMALL_6).uint32(book.chunkIndex).uint32(SMALL_7).uint32(book.chunkCount);
  to.uint32(SMALL_8).uint32(book.flags);
  for (const level of book.bids) writeLevel(BIDS, level, to);
  for (const level of book.asks) writeLevel(ASKS, level, to);
}

/** Levels have 18 bytes always, so the length is known beforehand and needs no fork. */
function writeLevel(field: number, { price, size }: Level, to: BinaryWriter): void {
  to.uint32(field).uint32(18).uint32(LEVEL_PRICE).sfixed64(price).uint32(LEVEL_SIZE).fixed64(size);
}

function readBook(from: BinaryReader): Book {
  const bids: Level[] = [];
  const asks: Level[] = [];
  const book: Filled<Book> = {
    venue: 0,
    assetType: 0,
    assetId: 0n,
    exchangeTimestamp: 0n,
    updateId: 0n,
    chunkIndex: 0,
    chunkCount: 0,
    flags: 0,
    bids,
    asks,
  };
  while (from.pos < from.len) {
    const field = from.uint32();
    if (field === BIDS) bids.push(readLevel(from));
    else if (field === ASKS) asks.push(readLevel(from));
    else if (field === VENUE) book.venue = from.uint32();
    else if (field === ASSET_TYPE) book.assetType = from.uint32();
    else if (field === ASSET_ID) book.assetId = from.fixed64();
    else if (field === WIDE_4) book.exchangeTimestamp = from.fixed64();
    else if (field === WIDE_5) book.updateId = from.fixed64();
    else if (field === SMALL_6) book.chunkIndex = from.uint32();
    else if (field === SMALL_7) book.chunkCount = from.uint32();
    else if (field === SMALL_8) book.flags = from.uint32();
    else from.skip(field & 7);
  }
  return book;
}

function readLevel(from: BinaryReader): Level {
  const end = from.uint32() + from.pos;
  let price = 0n;
  let size = 0n;
  while (from.pos < end) {
    const field = from.uint32();
    if (field === LEVEL_PRICE) price = from.sfixed64();
    else if (field === LEVEL_SIZE) size = from.fixed64();
    else from.skip(field & 7);
  }
  return { price, size };
}
