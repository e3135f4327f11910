import { ValueRangeError } from "../protocol/errors.js";
import { messageBuffer } from "../protocol/message-buffer.js";
import type { InputOf } from "../protocol/schema/fields.js";
import { bytes, timestamp, u8, u64, zero } from "../protocol/schema/fields.js";
import { defineStruct } from "../protocol/schema/struct.js";
import { Side } from "../protocol/tables.js";
import { TradeTLV } from "../tlvs/market-data.js";
import { bitsOfFloat, floatOfBits, floatOfUnits, unitsOfFloat } from "./floats.js";
import {
  conversionOf,
  instrumentOfTexts,
  paddedText,
  type SharedReadOptions,
  type SharedTexts,
  type SharedWriteOptions,
  textOf,
  textsOfInstrument,
} from "./shared.js";

//   0            8        24         40      48       56     57        89
//   | timestamp  | symbol | exchange | price | volume | side | tradeId | (zero) |  128

/** The fields of the struct; a float as its bits. */
const SHARED_TRADE = /* @__PURE__ */ defineStruct("SharedTrade", {
  timestamp,
  symbol: bytes(16),
  exchange: bytes(16),
  priceBits: u64,
  volumeBits: u64,
  side: u8.doc("0 buy, 1 sell"),
  tradeId: bytes(32),
  padding: zero(39),
});
const NAME = "SharedTrade";
const TRADE_ID_BYTES = 32;
const TEXT_BYTES = 16;

/** A trade of the older shared memory, as this version says it. */
export interface SharedTrade extends SharedTexts {
  readonly trade: TradeTLV;
  /** The venue's own id, empty where there is none: what VenueReference says. */
  readonly tradeId: string;
}

/**
 * Reads a SharedTrade of 128 bytes.
 *
 * @throws ProtocolError BAD_LENGTH, BAD_TEXT, INVALID_SYMBOL; VALUE_RANGE where a price is no number of so many decimals, a
 * side is not 0 or 1, or the exchange is no venue that is known
 */
export function readSharedTrade(struct: Uint8Array, options: SharedReadOptions = {}): SharedTrade {
  const { priceDecimals, sizeDecimals, rounding } = conversionOf(options);
  const found = SHARED_TRADE.decodeAt(messageBuffer(struct).view, 0, struct.byteLength);
  const symbol = textOf(found.symbol, NAME, "symbol");
  const exchange = textOf(found.exchange, NAME, "exchange");
  const tradeId = textOf(found.tradeId, NAME, "tradeId");
  if (found.side > 1) throw new ValueRangeError(NAME, "side", found.side, "0 (buy) or 1 (sell)");
  const price = floatOfBits(found.priceBits, 64);
  const volume = floatOfBits(found.volumeBits, 64);
  const trade = {
    instrument: instrumentOfTexts({ exchange, symbol }, NAME, options),
    price: unitsOfFloat(price, 64, priceDecimals, rounding, { struct: NAME, field: "price" }),
    volume: unitsOfFloat(volume, 64, sizeDecimals, rounding, { struct: NAME, field: "volume" }),
    exchangeTimestamp: found.timestamp,
    side: found.side === 0 ? Side.Buy : Side.Sell,
    flags: 0,
  };
  TradeTLV.encode(trade); // what is read must also fit the TLV
  return { trade, exchange, symbol, tradeId };
}

/**
 * A trade as a SharedTrade of 128 bytes.
 *
 * @throws ValueRangeError where the struct cannot hold it: flags, a side that is not known, a text that is too long, a
 * price or size that no float of 64 bits says exactly
 */
export function writeSharedTrade(
  trade: InputOf<typeof TradeTLV.fields>,
  options: SharedWriteOptions & {
    /** The venue's own id of the trade, at most 32 bytes; default empty. */
    readonly tradeId?: string;
  } = {},
): Uint8Array {
  const { priceDecimals, sizeDecimals, rounding } = conversionOf(options);
  TradeTLV.encode(trade); // its checks
  const { price, volume, side, flags, exchangeTimestamp } = trade;
  if (side !== Side.Buy && side !== Side.Sell) throw new ValueRangeError(NAME, "side", side, "1 (buy) or 2 (sell)");
  if (flags !== 0) throw new ValueRangeError(NAME, "flags", flags, "0: the struct has none");
  const { exchange, symbol } = textsOfInstrument(trade.instrument, NAME, options);
  const priceFloat = floatOfUnits(price, 64, priceDecimals, rounding, { struct: NAME, field: "price" });
  const volumeFloat = floatOfUnits(volume, 64, sizeDecimals, rounding, { struct: NAME, field: "volume" });
  return SHARED_TRADE.encode({
    timestamp: exchangeTimestamp,
    symbol: paddedText(symbol, TEXT_BYTES, NAME, "symbol"),
    exchange: paddedText(exchange, TEXT_BYTES, NAME, "exchange"),
    priceBits: bitsOfFloat(priceFloat, 64),
    volumeBits: bitsOfFloat(volumeFloat, 64),
    side: side === Side.Buy ? 0 : 1,
    tradeId: paddedText(options.tradeId ?? "", TRADE_ID_BYTES, NAME, "tradeId"),
  });
}
