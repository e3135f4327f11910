import { AlphaPulseError, ProtocolError, ValueRangeError } from "../protocol/errors.js";
import { type InstrumentFields, InstrumentId } from "../protocol/instrument-id.js";
import { messageBuffer } from "../protocol/message-buffer.js";
import { putText, readText, utf8Bytes } from "../protocol/schema/text.js";
import { AssetType, Venue } from "../protocol/tables.js";
import type { Rounding } from "./floats.js";

const DECIMALS_MAX = 38;

/** How the structs of the older shared memory are converted, in either direction. */
export interface SharedOptions {
  /** The decimals of prices and sizes in this version; default 8 and 8. */
  readonly decimals?: { readonly price: number; readonly size: number };
  /**
   * What to do where a float and a fixed-point amount cannot say the same: `refuse`, the default, is a VALUE_RANGE;
   * `nearest` takes the nearest.
   */
  readonly rounding?: Rounding;
}

/** How a struct is read. */
export interface SharedReadOptions extends SharedOptions {
  /**
   * Which instrument a struct's texts mean. Default: the venue whose name is that of the exchange but for case and
   * punctuation, a spot pair, the symbol as it stands.
   */
  readonly instrumentOf?: (exchange: string, symbol: string) => InstrumentFields;
}

/** How a struct is written. */
export interface SharedWriteOptions extends SharedOptions {
  /** At most 16 bytes; default: the venue's name in small letters. */
  readonly exchange?: string;
  /** At most 16 bytes; default: the symbol that the id holds. */
  readonly symbol?: string;
}

/** The texts of a struct, as they stand in it. */
export interface SharedTexts {
  readonly exchange: string;
  readonly symbol: string;
}

/** Options with all of their defaults. */
export interface Conversion {
  readonly priceDecimals: number;
  readonly sizeDecimals: number;
  readonly rounding: Rounding;
}

/** @throws AlphaPulseError BAD_OPTION */
export function conversionOf({ decimals = { price: 8, size: 8 }, rounding = "refuse" }: SharedOptions): Conversion {
  if (rounding !== "refuse" && rounding !== "nearest") {
    throw new AlphaPulseError("BAD_OPTION", `shared structs: rounding ${String(rounding)} is not refuse or nearest`);
  }
  for (const count of [decimals.price, decimals.size]) {
    if (Number.isInteger(count) && count >= 0 && count <= DECIMALS_MAX) continue;
    throw new AlphaPulseError("BAD_OPTION", `shared structs: decimals ${String(count)} are not 0 to ${DECIMALS_MAX}`);
  }
  return { priceDecimals: decimals.price, sizeDecimals: decimals.size, rounding };
}

/** Text that is filled up with zeros. @throws ProtocolError BAD_TEXT where it is not UTF-8 or goes on behind a zero */
export function textOf(padded: Uint8Array, struct: string, field: string): string {
  const end = padded.indexOf(0);
  const count = end < 0 ? padded.byteLength : end;
  if (padded.subarray(count).some((byte) => byte !== 0)) {
    throw new ProtocolError("BAD_TEXT", `${struct}.${field} goes on behind the zero that ends it`, count);
  }
  return readText(messageBuffer(padded).view, 0, count);
}

/** Text filled up with zeros. @throws ValueRangeError */
export function paddedText(text: unknown, byteCount: number, struct: string, field: string): Uint8Array {
  const count = typeof text === "string" ? utf8Bytes(text) : -1;
  if (count < 0 || count > byteCount || (text as string).includes("\0")) {
    throw new ValueRangeError(struct, field, text, `text without zeros, of at most ${byteCount} bytes`);
  }
  const { bytes, view } = messageBuffer(new Uint8Array(byteCount));
  putText(view, 0, text as string, count);
  return bytes;
}

/** The instrument of a struct's texts. @throws ValueRangeError where the exchange is no venue that is known */
export function instrumentOfTexts(texts: SharedTexts, struct: string, options: SharedReadOptions): InstrumentId {
  const { exchange, symbol } = texts;
  if (options.instrumentOf !== undefined) {
    const { venue, assetType, assetId } = options.instrumentOf(exchange, symbol);
    return new InstrumentId(venue, assetType, assetId);
  }
  const wanted = plainName(exchange);
  const known = Object.entries(Venue).find(([name]) => plainName(name) === wanted);
  if (known === undefined) {
    throw new ValueRangeError(struct, "exchange", exchange, "the name of a venue; or give `instrumentOf`");
  }
  return InstrumentId.of(known[1], AssetType.SpotPair, symbol);
}

/** The texts of an instrument. @throws ValueRangeError where its id does not hold them and none are given */
export function textsOfInstrument(id: InstrumentFields, struct: string, options: SharedWriteOptions): SharedTexts {
  const instrument = new InstrumentId(id.venue, id.assetType, id.assetId);
  const name = Object.entries(Venue)
    .find(([, venue]) => venue === id.venue)?.[0]
    .toLowerCase();
  const exchange = options.exchange ?? name;
  if (exchange === undefined) {
    throw new ValueRangeError(struct, "exchange", id.venue, "a venue that has a name; or give `exchange`");
  }
  const symbol = options.symbol ?? instrument.symbol;
  if (symbol === undefined) {
    const expected = "an id that its symbol can be read from; or give `symbol`";
    throw new ValueRangeError(struct, "symbol", String(instrument), expected);
  }
  return { exchange, symbol };
}

function plainName(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]/g, "");
}
