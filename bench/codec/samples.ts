import { AssetType, InstrumentId, Venue } from "alphapulse";

// The messages that are measured: thousands of different values of several instruments, always the same ones. All values
// are held twice: as objects with bigint fields, which codecs of objects need, and as columns of numbers and halves, as an
// adapter has them that reads a venue's digits.

export interface Trade {
  readonly venue: number;
  readonly assetType: number;
  readonly assetId: bigint;
  readonly price: bigint;
  readonly volume: bigint;
  readonly exchangeTimestamp: bigint;
  readonly side: number;
  readonly flags: number;
}

export interface Quote {
  readonly venue: number;
  readonly assetType: number;
  readonly assetId: bigint;
  readonly bidPrice: bigint;
  readonly askPrice: bigint;
  readonly bidSize: bigint;
  readonly askSize: bigint;
  readonly exchangeTimestamp: bigint;
}

export interface Level {
  readonly price: bigint;
  readonly size: bigint;
}

export interface Book {
  readonly venue: number;
  readonly assetType: number;
  readonly assetId: bigint;
  readonly exchangeTimestamp: bigint;
  readonly updateId: bigint;
  readonly chunkIndex: number;
  readonly chunkCount: number;
  readonly flags: number;
  readonly bids: readonly Level[];
  readonly asks: readonly Level[];
}

/** Powers of two, so that going round is a mask. */
export const MESSAGE_COUNT = 4096;
export const BOOK_COUNT = 512;
export const LEVEL_COUNT = 20;
export const MESSAGE_MASK = MESSAGE_COUNT - 1;
export const BOOK_MASK = BOOK_COUNT - 1;

/** What the headers of our messages say. */
export const SOURCE = 1_000;
export const FIRST_US = 1_763_600_000_000_000;

const SYMBOLS = ["BTCUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT", "BTC-USD", "ETH-USD", "DOGEUSDT", "ADA-EUR"];
const VENUES = [Venue.Binance, Venue.Kraken, Venue.Coinbase];

const INSTRUMENTS = VENUES.flatMap((venue) =>
  SYMBOLS.map((symbol) => InstrumentId.of(venue, AssetType.SpotPair, symbol)),
);

let state = 0x2545_f491;
/** The next of a fixed row of numbers in [0, limit). */
function next(limit: number): number {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  return Math.floor(((state >>> 0) / 2 ** 32) * limit);
}

function nextPrice(): number {
  return 1_000_000 + next(9_000_000) * 1_000_000 + next(1_000_000);
}

function nextSize(): number {
  return 1 + next(5_000_000_000);
}

function nextTimestamp(): bigint {
  return BigInt(FIRST_US) * 1_000n + BigInt(next(2 ** 32));
}

// All objects are literals without a spread: one with a spread is ten times as slow to read, for every peer.

export const tradeInstruments = Array.from({ length: MESSAGE_COUNT }, () => INSTRUMENTS[next(INSTRUMENTS.length)]!);
export const trades: readonly Trade[] = tradeInstruments.map((instrument) => ({
  venue: instrument.venue,
  assetType: instrument.assetType,
  assetId: instrument.assetId,
  price: BigInt(nextPrice()),
  volume: BigInt(nextSize()),
  exchangeTimestamp: nextTimestamp(),
  side: 1 + next(2),
  flags: next(4),
}));
export const quoteInstruments = Array.from({ length: MESSAGE_COUNT }, () => INSTRUMENTS[next(INSTRUMENTS.length)]!);
export const quotes: readonly Quote[] = quoteInstruments.map((instrument) => {
  const bid = nextPrice();
  return {
    venue: instrument.venue,
    assetType: instrument.assetType,
    assetId: instrument.assetId,
    bidPrice: BigInt(bid),
    askPrice: BigInt(bid + 1 + next(1_000_000)),
    bidSize: BigInt(nextSize()),
    askSize: BigInt(nextSize()),
    exchangeTimestamp: nextTimestamp(),
  };
});
export const bookInstruments = Array.from({ length: BOOK_COUNT }, () => INSTRUMENTS[next(INSTRUMENTS.length)]!);
export const books: readonly Book[] = bookInstruments.map((instrument) => {
  const middle = nextPrice() + 100_000_000;
  const level = (side: number) => (_: unknown, i: number) => ({
    price: BigInt(middle + side * (i * 1_000_000 + next(1_000_000))),
    size: BigInt(nextSize()),
  });
  return {
    venue: instrument.venue,
    assetType: instrument.assetType,
    assetId: instrument.assetId,
    exchangeTimestamp: nextTimestamp(),
    updateId: BigInt(1 + next(2 ** 45)),
    chunkIndex: 0,
    chunkCount: 1,
    flags: next(2),
    bids: Array.from({ length: LEVEL_COUNT }, level(-1)),
    asks: Array.from({ length: LEVEL_COUNT }, level(1)),
  };
});

/** A column of numbers, all of them safe integers. */
export function column<T>(rows: readonly T[], read: (row: T) => bigint | number): Float64Array {
  return Float64Array.from(rows, (row) => {
    const value = Number(read(row));
    if (!Number.isSafeInteger(value)) throw new Error(`${value} is no safe integer`);
    return value;
  });
}

/** The lower or upper halves of a column of unsigned 64-bit integers. */
export function halves<T>(rows: readonly T[], read: (row: T) => bigint, upper: boolean): Uint32Array {
  return Uint32Array.from(rows, (row) => Number((read(row) >> (upper ? 32n : 0n)) & 0xffff_ffffn));
}
