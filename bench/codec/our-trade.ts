import { type FlyweightOf, parseMessage, TradeTLV } from "alphapulse";
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
import { column, FIRST_US, halves, MESSAGE_MASK, tradeInstruments, trades } from "./samples.js";

const VALUE_BYTES = 40;

const prices = column(trades, ({ price }) => price);
const volumes = column(trades, ({ volume }) => volume);
const timesLow = halves(trades, ({ exchangeTimestamp }) => exchangeTimestamp, false);
const timesHigh = halves(trades, ({ exchangeTimestamp }) => exchangeTimestamp, true);
const sides = column(trades, ({ side }) => side);
const flags = column(trades, ({ flags: bits }) => bits);
const objects = trades.map(({ price, volume, exchangeTimestamp, side, flags: bits }, i) => ({
  instrument: tradeInstruments[i]!,
  price,
  volume,
  exchangeTimestamp,
  side,
  flags: bits,
}));

function fill(trade: FlyweightOf<typeof TradeTLV>, n: number): void {
  trade.instrument = tradeInstruments[n]!;
  trade.priceUnits = prices[n]!;
  trade.volumeUnits = volumes[n]!;
  trade.exchangeTimestampLow = timesLow[n]!;
  trade.exchangeTimestampHigh = timesHigh[n]!;
  trade.side = sides[n]!;
  trade.flags = flags[n]!;
}

/** Numbers: each is checked to be below 2^53. */
function sumOf(trade: FlyweightOf<typeof TradeTLV>): number {
  const { instrument } = trade;
  return (
    (instrument.venue +
      instrument.assetType +
      instrument.assetIdLow +
      instrument.assetIdHigh +
      trade.priceUnits +
      trade.volumeUnits +
      trade.exchangeTimestampLow +
      trade.exchangeTimestampHigh +
      trade.side +
      trade.flags) |
    0
  );
}

/** Halves: nothing can be out of range. */
function sumOfHalves(trade: FlyweightOf<typeof TradeTLV>): number {
  const { instrument } = trade;
  return (
    (instrument.venue +
      instrument.assetType +
      instrument.assetIdLow +
      instrument.assetIdHigh +
      trade.priceLow +
      trade.priceHigh +
      trade.volumeLow +
      trade.volumeHigh +
      trade.exchangeTimestampLow +
      trade.exchangeTimestampHigh +
      trade.side +
      trade.flags) |
    0
  );
}

const builder = marketDataBuilder();
/** Trades as whole messages, one behind the other, as the C program has them. */
const row = rowOf(
  trades.map((_, n) => {
    fill(builder.append(TradeTLV), n);
    const bytes = builder.seal(n + 1, FIRST_US + n);
    const message = builder.buffer.bytes.slice(0, bytes);
    builder.reset();
    return message;
  }),
);
const { buffer, byteLength, messages } = row;
const memory = memoryFor(row);
const verified = verifying();

/** Builds a trade in memory of the caller's through the flyweight, with its checksum. */
export function buildTrade(i: number): number {
  const n = i & MESSAGE_MASK;
  const at = n * byteLength;
  fill(builder.into(memory, at).append(TradeTLV), n);
  builder.seal(i, FIRST_US + i);
  return memory.view.getInt32(at + CHECKSUM_OFFSET, true);
}

/** Verifies a trade and reads it through the flyweight. */
export function readTrade(i: number): number {
  const message = verified.read(buffer, (i & MESSAGE_MASK) * byteLength, byteLength);
  return (sumOfHeader(message) + sumOf(message.find(TradeTLV)!)) | 0;
}

const peeked = verifying();

/** What a relay looks at: who sent it, of which domain, and its sequence. */
export function peekTrade(i: number): number {
  const message = peeked.wrap(buffer, (i & MESSAGE_MASK) * byteLength, byteLength);
  return (message.domain + message.source + message.sequence) | 0;
}

// Much the same stands in the files of the other messages: code that they shared would see the flyweights of all.
export function ourTrades(): Subjects {
  const unverified = notVerifying();
  const unchecked = new UncheckedMessage(TradeTLV.type, VALUE_BYTES);
  const flyweight = TradeTLV.flyweight();
  const value = new DataView(new ArrayBuffer(VALUE_BYTES));
  const valueOffset = HEADER_BYTES + 2;
  return {
    bytes: { "alphapulse, whole message": byteLength },
    encode: {
      "alphapulse: flyweight, checksum": buildTrade,
      "alphapulse: flyweight, no checksum": (i) => {
        unchecked.begin(i);
        fill(flyweight.wrap(unchecked.view, valueOffset, VALUE_BYTES), i & MESSAGE_MASK);
        return unchecked.view.getInt32(valueOffset + 12, true);
      },
      "alphapulse: flyweight, value alone": (i) => {
        fill(flyweight.wrap(value, 0, VALUE_BYTES), i & MESSAGE_MASK);
        return value.getInt32(12, true);
      },
      "alphapulse: object, checksum": (i) => {
        const n = i & MESSAGE_MASK;
        const at = n * byteLength;
        builder
          .into(memory, at)
          .add(TradeTLV, objects[n]!)
          .seal(i, FIRST_US + i);
        return memory.view.getInt32(at + CHECKSUM_OFFSET, true);
      },
      "alphapulse: object, value alone": (i) => {
        TradeTLV.encodeInto(value, 0, objects[i & MESSAGE_MASK]!);
        return value.getInt32(12, true);
      },
    },
    decode: {
      "alphapulse: flyweight, checksum": readTrade,
      "alphapulse: flyweight, no checksum": (i) => {
        const message = unverified.read(buffer, (i & MESSAGE_MASK) * byteLength, byteLength);
        return (sumOfHeader(message) + sumOf(message.find(TradeTLV)!)) | 0;
      },
      "alphapulse: flyweight of halves, no checksum": (i) => {
        const message = unverified.read(buffer, (i & MESSAGE_MASK) * byteLength, byteLength);
        return (sumOfHeader(message) + sumOfHalves(message.find(TradeTLV)!)) | 0;
      },
      "alphapulse: flyweight, value alone": (i) =>
        sumOf(flyweight.wrap(buffer.view, (i & MESSAGE_MASK) * byteLength + valueOffset, VALUE_BYTES)),
      "alphapulse: object, checksum": (i) =>
        verified.read(buffer, (i & MESSAGE_MASK) * byteLength, byteLength).get(TradeTLV),
      "alphapulse: object, no checksum": (i) =>
        unverified.read(buffer, (i & MESSAGE_MASK) * byteLength, byteLength).get(TradeTLV),
      "alphapulse: object, parseMessage": (i) => parseMessage(messages[i & MESSAGE_MASK]!).get(TradeTLV),
      "alphapulse: object, value alone": (i) =>
        TradeTLV.decodeAt(buffer.view, (i & MESSAGE_MASK) * byteLength + valueOffset, VALUE_BYTES),
    },
  };
}
