import { type FlyweightOf, parseMessage, QuoteTLV } from "alphapulse";
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
import { column, FIRST_US, halves, MESSAGE_MASK, quoteInstruments, quotes } from "./samples.js";

const VALUE_BYTES = 52;

const bidPrices = column(quotes, ({ bidPrice }) => bidPrice);
const askPrices = column(quotes, ({ askPrice }) => askPrice);
const bidSizes = column(quotes, ({ bidSize }) => bidSize);
const askSizes = column(quotes, ({ askSize }) => askSize);
const timesLow = halves(quotes, ({ exchangeTimestamp }) => exchangeTimestamp, false);
const timesHigh = halves(quotes, ({ exchangeTimestamp }) => exchangeTimestamp, true);
const objects = quotes.map(({ bidPrice, askPrice, bidSize, askSize, exchangeTimestamp }, i) => ({
  instrument: quoteInstruments[i]!,
  bidPrice,
  askPrice,
  bidSize,
  askSize,
  exchangeTimestamp,
}));

function fill(quote: FlyweightOf<typeof QuoteTLV>, n: number): void {
  quote.instrument = quoteInstruments[n]!;
  quote.bidPriceUnits = bidPrices[n]!;
  quote.askPriceUnits = askPrices[n]!;
  quote.bidSizeUnits = bidSizes[n]!;
  quote.askSizeUnits = askSizes[n]!;
  quote.exchangeTimestampLow = timesLow[n]!;
  quote.exchangeTimestampHigh = timesHigh[n]!;
}

function sumOf(quote: FlyweightOf<typeof QuoteTLV>): number {
  const { instrument } = quote;
  return (
    (instrument.venue +
      instrument.assetType +
      instrument.assetIdLow +
      instrument.assetIdHigh +
      quote.bidPriceUnits +
      quote.askPriceUnits +
      quote.bidSizeUnits +
      quote.askSizeUnits +
      quote.exchangeTimestampLow +
      quote.exchangeTimestampHigh) |
    0
  );
}

function sumOfHalves(quote: FlyweightOf<typeof QuoteTLV>): number {
  const { instrument } = quote;
  return (
    (instrument.venue +
      instrument.assetType +
      instrument.assetIdLow +
      instrument.assetIdHigh +
      quote.bidPriceLow +
      quote.bidPriceHigh +
      quote.askPriceLow +
      quote.askPriceHigh +
      quote.bidSizeLow +
      quote.bidSizeHigh +
      quote.askSizeLow +
      quote.askSizeHigh +
      quote.exchangeTimestampLow +
      quote.exchangeTimestampHigh) |
    0
  );
}

// Much the same stands in the files of the other messages: code that they shared would see the flyweights of all.
export function ourQuotes(): Subjects {
  const builder = marketDataBuilder();
  const row = rowOf(
    quotes.map((_, n) => {
      fill(builder.append(QuoteTLV), n);
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
  const unchecked = new UncheckedMessage(QuoteTLV.type, VALUE_BYTES);
  const flyweight = QuoteTLV.flyweight();
  const value = new DataView(new ArrayBuffer(VALUE_BYTES));
  const valueOffset = HEADER_BYTES + 2;
  return {
    bytes: { "alphapulse, whole message": byteLength },
    encode: {
      "alphapulse: flyweight, checksum": (i) => {
        const n = i & MESSAGE_MASK;
        const at = n * byteLength;
        fill(builder.into(memory, at).append(QuoteTLV), n);
        builder.seal(i, FIRST_US + i);
        return memory.view.getInt32(at + CHECKSUM_OFFSET, true);
      },
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
          .add(QuoteTLV, objects[n]!)
          .seal(i, FIRST_US + i);
        return memory.view.getInt32(at + CHECKSUM_OFFSET, true);
      },
      "alphapulse: object, value alone": (i) => {
        QuoteTLV.encodeInto(value, 0, objects[i & MESSAGE_MASK]!);
        return value.getInt32(12, true);
      },
    },
    decode: {
      "alphapulse: flyweight, checksum": (i) => {
        const message = verified.read(buffer, (i & MESSAGE_MASK) * byteLength, byteLength);
        return (sumOfHeader(message) + sumOf(message.find(QuoteTLV)!)) | 0;
      },
      "alphapulse: flyweight, no checksum": (i) => {
        const message = unverified.read(buffer, (i & MESSAGE_MASK) * byteLength, byteLength);
        return (sumOfHeader(message) + sumOf(message.find(QuoteTLV)!)) | 0;
      },
      "alphapulse: flyweight of halves, no checksum": (i) => {
        const message = unverified.read(buffer, (i & MESSAGE_MASK) * byteLength, byteLength);
        return (sumOfHeader(message) + sumOfHalves(message.find(QuoteTLV)!)) | 0;
      },
      "alphapulse: flyweight, value alone": (i) =>
        sumOf(flyweight.wrap(buffer.view, (i & MESSAGE_MASK) * byteLength + valueOffset, VALUE_BYTES)),
      "alphapulse: object, checksum": (i) =>
        verified.read(buffer, (i & MESSAGE_MASK) * byteLength, byteLength).get(QuoteTLV),
      "alphapulse: object, no checksum": (i) =>
        unverified.read(buffer, (i & MESSAGE_MASK) * byteLength, byteLength).get(QuoteTLV),
      "alphapulse: object, parseMessage": (i) => parseMessage(messages[i & MESSAGE_MASK]!).get(QuoteTLV),
      "alphapulse: object, value alone": (i) =>
        QuoteTLV.decodeAt(buffer.view, (i & MESSAGE_MASK) * byteLength + valueOffset, VALUE_BYTES),
    },
  };
}
