import type { BenchContext } from "../../harness.js";
import type { Coder, Peer } from "../peer.js";
import type { Book, Level, Quote, Trade } from "../samples.js";

interface BebopView {
  length: number;
  startReading(buffer: Uint8Array): void;
  startWriting(): void;
  toArray(): Uint8Array;
  readByte(): number;
  readUint16(): number;
  readUint32(): number;
  readUint64(): bigint;
  readInt64(): bigint;
  writeByte(value: number): void;
  writeUint16(value: number): void;
  writeUint32(value: number): void;
  writeUint64(value: bigint): void;
  writeInt64(value: bigint): void;
}

/** What bebopc writes for structs, without the copy of a decoded record into one with methods. */
export async function bebop(context: BenchContext): Promise<Peer | undefined> {
  const module = await context.peer<{ readonly BebopView: { getInstance(): BebopView } }>("bebop");
  if (module === undefined) return undefined;
  const { BebopView } = module;

  function coder<T>(encodeInto: (record: T, view: BebopView) => number, readFrom: (view: BebopView) => T): Coder<T> {
    return {
      encode(record) {
        const view = BebopView.getInstance();
        view.startWriting();
        encodeInto(record, view);
        return view.toArray();
      },
      encodeInto(record) {
        const view = BebopView.getInstance();
        view.startWriting();
        return encodeInto(record, view);
      },
      decode(buffer) {
        const view = BebopView.getInstance();
        view.startReading(buffer);
        return readFrom(view) as object;
      },
    };
  }
  return {
    name: "bebop",
    trade: coder(tradeInto, tradeFrom),
    quote: coder(quoteInto, quoteFrom),
    book: coder(bookInto, bookFrom),
  };
}

function tradeInto(record: Trade, view: BebopView): number {
  const before = view.length;
  view.writeUint16(record.venue);
  view.writeByte(record.assetType);
  view.writeUint64(record.assetId);
  view.writeInt64(record.price);
  view.writeUint64(record.volume);
  view.writeUint64(record.exchangeTimestamp);
  view.writeByte(record.side);
  view.writeByte(record.flags);
  return view.length - before;
}

function tradeFrom(view: BebopView): Trade {
  const venue = view.readUint16();
  const assetType = view.readByte();
  const assetId = view.readUint64();
  const price = view.readInt64();
  const volume = view.readUint64();
  const exchangeTimestamp = view.readUint64();
  const side = view.readByte();
  const flags = view.readByte();
  return { venue, assetType, assetId, price, volume, exchangeTimestamp, side, flags };
}

function quoteInto(record: Quote, view: BebopView): number {
  const before = view.length;
  view.writeUint16(record.venue);
  view.writeByte(record.assetType);
  view.writeUint64(record.assetId);
  view.writeInt64(record.bidPrice);
  view.writeInt64(record.askPrice);
  view.writeUint64(record.bidSize);
  view.writeUint64(record.askSize);
  view.writeUint64(record.exchangeTimestamp);
  return view.length - before;
}

function quoteFrom(view: BebopView): Quote {
  const venue = view.readUint16();
  const assetType = view.readByte();
  const assetId = view.readUint64();
  const bidPrice = view.readInt64();
  const askPrice = view.readInt64();
  const bidSize = view.readUint64();
  const askSize = view.readUint64();
  const exchangeTimestamp = view.readUint64();
  return { venue, assetType, assetId, bidPrice, askPrice, bidSize, askSize, exchangeTimestamp };
}

function bookInto(record: Book, view: BebopView): number {
  const before = view.length;
  view.writeUint16(record.venue);
  view.writeByte(record.assetType);
  view.writeUint64(record.assetId);
  view.writeUint64(record.exchangeTimestamp);
  view.writeUint64(record.updateId);
  view.writeUint16(record.chunkIndex);
  view.writeUint16(record.chunkCount);
  view.writeByte(record.flags);
  levelsInto(record.bids, view);
  levelsInto(record.asks, view);
  return view.length - before;
}

function levelsInto(levels: readonly Level[], view: BebopView): void {
  const length0 = levels.length;
  view.writeUint32(length0);
  for (let i0 = 0; i0 < length0; i0++) {
    const level = levels[i0]!;
    view.writeInt64(level.price);
    view.writeUint64(level.size);
  }
}

function bookFrom(view: BebopView): Book {
  const venue = view.readUint16();
  const assetType = view.readByte();
  const assetId = view.readUint64();
  const exchangeTimestamp = view.readUint64();
  const updateId = view.readUint64();
  const chunkIndex = view.readUint16();
  const chunkCount = view.readUint16();
  const flags = view.readByte();
  const bids = levelsFrom(view);
  const asks = levelsFrom(view);
  return { venue, assetType, assetId, exchangeTimestamp, updateId, chunkIndex, chunkCount, flags, bids, asks };
}

function levelsFrom(view: BebopView): Level[] {
  const length0 = view.readUint32();
  const levels = new Array<Level>(length0);
  for (let i0 = 0; i0 < length0; i0++) {
    const price = view.readInt64();
    const size = view.readUint64();
    levels[i0] = { price, size };
  }
  return levels;
}
