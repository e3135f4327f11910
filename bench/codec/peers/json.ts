import type { Coder, Peer } from "../peer.js";
import type { Book, Level, Quote, Trade } from "../samples.js";

type Texts<T> = { readonly [Name in keyof T]: T[Name] extends bigint ? string : T[Name] };

const utf8 = new TextEncoder();
const text = new TextDecoder();

function coder<T>(toJson: (plain: T) => unknown, fromJson: (parsed: never) => T): Coder<T> {
  return {
    encode: (plain) => utf8.encode(JSON.stringify(toJson(plain))),
    decode: (bytes) => fromJson(JSON.parse(text.decode(bytes)) as never) as object,
  };
}

/** JSON has no integers of 64 bits: they go as text. */
export const json: Peer = {
  name: "JSON",
  trade: coder<Trade>(
    ({ venue, assetType, assetId, price, volume, exchangeTimestamp, side, flags }) => ({
      venue,
      assetType,
      assetId: `${assetId}`,
      price: `${price}`,
      volume: `${volume}`,
      exchangeTimestamp: `${exchangeTimestamp}`,
      side,
      flags,
    }),
    ({ venue, assetType, assetId, price, volume, exchangeTimestamp, side, flags }: Texts<Trade>) => ({
      venue,
      assetType,
      assetId: BigInt(assetId),
      price: BigInt(price),
      volume: BigInt(volume),
      exchangeTimestamp: BigInt(exchangeTimestamp),
      side,
      flags,
    }),
  ),
  quote: coder<Quote>(
    ({ venue, assetType, assetId, bidPrice, askPrice, bidSize, askSize, exchangeTimestamp }) => ({
      venue,
      assetType,
      assetId: `${assetId}`,
      bidPrice: `${bidPrice}`,
      askPrice: `${askPrice}`,
      bidSize: `${bidSize}`,
      askSize: `${askSize}`,
      exchangeTimestamp: `${exchangeTimestamp}`,
    }),
    ({ venue, assetType, assetId, bidPrice, askPrice, bidSize, askSize, exchangeTimestamp }: Texts<Quote>) => ({
      venue,
      assetType,
      assetId: BigInt(assetId),
      bidPrice: BigInt(bidPrice),
      askPrice: BigInt(askPrice),
      bidSize: BigInt(bidSize),
      askSize: BigInt(askSize),
      exchangeTimestamp: BigInt(exchangeTimestamp),
    }),
  ),
  book: coder<Book>(
    (book) => ({
      venue: book.venue,
      assetType: book.assetType,
      assetId: `${book.assetId}`,
      exchangeTimestamp: `${book.exchangeTimestamp}`,
      updateId: `${book.updateId}`,
      chunkIndex: book.chunkIndex,
      chunkCount: book.chunkCount,
      flags: book.flags,
      bids: book.bids.map(levelToJson),
      asks: book.asks.map(levelToJson),
    }),
    (book: Texts<Book> & Record<"bids" | "asks", readonly Texts<Level>[]>) => ({
      venue: book.venue,
      assetType: book.assetType,
      assetId: BigInt(book.assetId),
      exchangeTimestamp: BigInt(book.exchangeTimestamp),
      updateId: BigInt(book.updateId),
      chunkIndex: book.chunkIndex,
      chunkCount: book.chunkCount,
      flags: book.flags,
      bids: book.bids.map(levelFromJson),
      asks: book.asks.map(levelFromJson),
    }),
  ),
};

function levelToJson({ price, size }: Level): Texts<Level> {
  return { price: `${price}`, size: `${size}` };
}

function levelFromJson({ price, size }: Texts<Level>): Level {
  return { price: BigInt(price), size: BigInt(size) };
}
