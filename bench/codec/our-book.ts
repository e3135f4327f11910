import { type FlyweightOf, OrderBookTLV, parseMessage } from "alphapulse";
import {
  CHECKSUM_OFFSET,
  HEADER_BYTES,
  marketDataBuilder,
  memoryFor,
  notVerifying,
  rowOf,
  sumOfHeader,
  UncheckedMessage,
  verifying,
} from "./framing.js";
import type { Subjects } from "./peer.js";
import { BOOK_MASK, bookInstruments, books, column, FIRST_US, halves, LEVEL_COUNT } from "./samples.js";

const COUNTS = { bids: LEVEL_COUNT, asks: LEVEL_COUNT };
const VALUE_BYTES = OrderBookTLV.byteLengthFor(COUNTS);

const timesLow = halves(books, ({ exchangeTimestamp }) => exchangeTimestamp, false);
const timesHigh = halves(books, ({ exchangeTimestamp }) => exchangeTimestamp, true);
const updateIds = column(books, ({ updateId }) => updateId);
const chunkIndices = column(books, ({ chunkIndex }) => chunkIndex);
const chunkCounts = column(books, ({ chunkCount }) => chunkCount);
const flags = column(books, ({ flags: bits }) => bits);
const bids = books.flatMap((book) => book.bids);
const asks = books.flatMap((book) => book.asks);
const bidPrices = column(bids, ({ price }) => price);
const bidSizes = column(bids, ({ size }) => size);
const askPrices = column(asks, ({ price }) => price);
const askSizes = column(asks, ({ size }) => size);
const objects = books.map((book, i) => ({
  instrument: bookInstruments[i]!,
  exchangeTimestamp: book.exchangeTimestamp,
  updateId: book.updateId,
  chunkIndex: book.chunkIndex,
  chunkCount: book.chunkCount,
  flags: book.flags,
  bids: book.bids,
  asks: book.asks,
}));

function fill(book: FlyweightOf<typeof OrderBookTLV>, n: number): void {
  book.instrument = bookInstruments[n]!;
  book.exchangeTimestampLow = timesLow[n]!;
  book.exchangeTimestampHigh = timesHigh[n]!;
  book.updateIdNumber = updateIds[n]!;
  book.chunkIndex = chunkIndices[n]!;
  book.chunkCount = chunkCounts[n]!;
  book.flags = flags[n]!;
  const first = n * LEVEL_COUNT;
  for (let i = 0; i < LEVEL_COUNT; i++) {
    const bid = book.bids.at(i);
    bid.priceUnits = bidPrices[first + i]!;
    bid.sizeUnits = bidSizes[first + i]!;
  }
  for (let i = 0; i < LEVEL_COUNT; i++) {
    const ask = book.asks.at(i);
    ask.priceUnits = askPrices[first + i]!;
    ask.sizeUnits = askSizes[first + i]!;
  }
}

function sumOfFixed(book: FlyweightOf<typeof OrderBookTLV>): number {
  const { instrument } = book;
  return (
    (instrument.venue +
      instrument.assetType +
      instrument.assetIdLow +
      instrument.assetIdHigh +
      book.exchangeTimestampLow +
      book.exchangeTimestampHigh +
      book.updateIdNumber +
      book.chunkIndex +
      book.chunkCount +
      book.flags) |
    0
  );
}

function sumOf(book: FlyweightOf<typeof OrderBookTLV>): number {
  let sum = sumOfFixed(book);
  for (let i = 0; i < book.bids.count; i++) {
    const bid = book.bids.at(i);
    sum += bid.priceUnits + bid.sizeUnits;
  }
  for (let i = 0; i < book.asks.count; i++) {
    const ask = book.asks.at(i);
    sum += ask.priceUnits + ask.sizeUnits;
  }
  return sum | 0;
}

function sumOfHalves(book: FlyweightOf<typeof OrderBookTLV>): number {
  let sum = sumOfFixed(book);
  for (let i = 0; i < book.bids.count; i++) {
    const bid = book.bids.at(i);
    sum += bid.priceLow + bid.priceHigh + bid.sizeLow + bid.sizeHigh;
  }
  for (let i = 0; i < book.asks.count; i++) {
    const ask = book.asks.at(i);
    sum += ask.priceLow + ask.priceHigh + ask.sizeLow + ask.sizeHigh;
  }
  return sum | 0;
}

// Much the same stands in the files of the other messages: code that they shared would see the flyweights of all.
export function ourBooks(): Subjects {
  const builder = marketDataBuilder();
  const row = rowOf(
    books.map((_, n) => {
      fill(builder.append(OrderBookTLV, COUNTS), n);
      const bytes = builder.seal(n + 1, FIRST_US + n);
      const message = builder.buffer.bytes.slice(0, bytes);
      builder.reset();
      return message;
    }),
  );
  const { buffer, byteLength, messages } = row;
  const memory = memoryFor(row);
  const verified = verifying();
  const unverified = notVerifying();
  const unchecked = new UncheckedMessage(OrderBookTLV.type, VALUE_BYTES);
  const flyweight = OrderBookTLV.flyweight();
  const value = new DataView(new ArrayBuffer(VALUE_BYTES));
  value.setUint16(28, LEVEL_COUNT, true);
  value.setUint16(30, LEVEL_COUNT, true);
  const valueOffset = HEADER_BYTES + 5;
  return {
    bytes: { "alphapulse, whole message": byteLength },
    encode: {
      "alphapulse: flyweight, checksum": (i) => {
        const n = i & BOOK_MASK;
        const at = n * byteLength;
        fill(builder.into(memory, at).append(OrderBookTLV, COUNTS), n);
        builder.seal(i, FIRST_US + i);
        return memory.view.getInt32(at + CHECKSUM_OFFSET, true);
      },
      "alphapulse: flyweight, no checksum": (i) => {
        unchecked.begin(i);
        unchecked.view.setUint16(valueOffset + 28, LEVEL_COUNT, true);
        unchecked.view.setUint16(valueOffset + 30, LEVEL_COUNT, true);
        fill(flyweight.wrap(unchecked.view, valueOffset, VALUE_BYTES), i & BOOK_MASK);
        return unchecked.view.getInt32(valueOffset + 40, true);
      },
      "alphapulse: flyweight, value alone": (i) => {
        fill(flyweight.wrap(value, 0, VALUE_BYTES), i & BOOK_MASK);
        return value.getInt32(40, true);
      },
      "alphapulse: object, checksum": (i) => {
        const n = i & BOOK_MASK;
        const at = n * byteLength;
        builder
          .into(memory, at)
          .add(OrderBookTLV, objects[n]!)
          .seal(i, FIRST_US + i);
        return memory.view.getInt32(at + CHECKSUM_OFFSET, true);
      },
      "alphapulse: object, value alone": (i) => {
        OrderBookTLV.encodeInto(value, 0, objects[i & BOOK_MASK]!);
        return value.getInt32(40, true);
      },
    },
    decode: {
      "alphapulse: flyweight, checksum": (i) => {
        const message = verified.read(buffer, (i & BOOK_MASK) * byteLength, byteLength);
        return (sumOfHeader(message) + sumOf(message.find(OrderBookTLV)!)) | 0;
      },
      "alphapulse: flyweight, no checksum": (i) => {
        const message = unverified.read(buffer, (i & BOOK_MASK) * byteLength, byteLength);
        return (sumOfHeader(message) + sumOf(message.find(OrderBookTLV)!)) | 0;
      },
      "alphapulse: flyweight of halves, no checksum": (i) => {
        const message = unverified.read(buffer, (i & BOOK_MASK) * byteLength, byteLength);
        return (sumOfHeader(message) + sumOfHalves(message.find(OrderBookTLV)!)) | 0;
      },
      "alphapulse: flyweight, value alone": (i) =>
        sumOf(flyweight.wrap(buffer.view, (i & BOOK_MASK) * byteLength + valueOffset, VALUE_BYTES)),
      "alphapulse: object, checksum": (i) =>
        verified.read(buffer, (i & BOOK_MASK) * byteLength, byteLength).get(OrderBookTLV),
      "alphapulse: object, no checksum": (i) =>
        unverified.read(buffer, (i & BOOK_MASK) * byteLength, byteLength).get(OrderBookTLV),
      "alphapulse: object, parseMessage": (i) => parseMessage(messages[i & BOOK_MASK]!).get(OrderBookTLV),
      "alphapulse: object, value alone": (i) =>
        OrderBookTLV.decodeAt(buffer.view, (i & BOOK_MASK) * byteLength + valueOffset, VALUE_BYTES),
    },
  };
}
