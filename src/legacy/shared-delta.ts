import { ProtocolError, ValueRangeError } from "../protocol/errors.js";
import { messageBuffer } from "../protocol/message-buffer.js";
import type { InputOf } from "../protocol/schema/fields.js";
import { bytes, timestamp, u8, u16, u32, u64, zero } from "../protocol/schema/fields.js";
import { defineStruct } from "../protocol/schema/struct.js";
import { Side } from "../protocol/tables.js";
import { OrderBookDeltaTLV } from "../tlvs/market-data.js";
import { bitsOfFloat, floatOfBits, floatOfUnits, unitsOfFloat } from "./floats.js";
import {
  type Conversion,
  conversionOf,
  instrumentOfTexts,
  paddedText,
  type SharedReadOptions,
  type SharedTexts,
  type SharedWriteOptions,
  textOf,
  textsOfInstrument,
} from "./shared.js";

//   0            8        24         40        48                56            58 or 60
//   | timestamp  | symbol | exchange | version | previousVersion | changeCount | 16 changes of 12 bytes | (zero) |  256

const NAME = "SharedOrderBookDelta";
const CHANGES_MAX = 16;
const TEXT_BYTES = 16;
const ASK_BIT = 0x80;

const HEAD = {
  timestamp,
  symbol: bytes(16),
  exchange: bytes(16),
  version: u64,
  previousVersion: u64,
  changeCount: u16,
} as const;

/** As compilers lay it out: floats stand at multiples of 4. */
const ALIGNED = /* @__PURE__ */ defineStruct(NAME, { ...HEAD, gap: zero(2), changes: bytes(192), padding: zero(4) });
/** As the fields stand one behind the other. */
const PACKED = /* @__PURE__ */ defineStruct(NAME, { ...HEAD, changes: bytes(192), padding: zero(6) });

/** One of the 16 changes; a float as its bits. */
const CHANGE = /* @__PURE__ */ defineStruct("PriceLevelChange", {
  priceBits: u32,
  volumeBits: u32,
  sideAndAction: u8.doc("top bit: 0 bid, 1 ask; the other bits: 0 add, 1 update, 2 remove"),
  reserved: zero(3),
});
const CHANGE_BYTES = 12;

/** Where the changes stand: at byte 60, where compilers align floats, or at byte 58, right behind their count. */
export interface SharedDeltaLayout {
  /** Default `aligned`. */
  readonly layout?: "aligned" | "packed";
}

/** A delta of the older shared memory, as this version says it. */
export interface SharedOrderBookDelta extends SharedTexts {
  readonly delta: OrderBookDeltaTLV;
}

/**
 * Reads SharedOrderBookDelta structs of 256 bytes each that make one delta: mostly one, or several as
 * {@link writeSharedOrderBookDelta} writes them, each from the version of the one before to the same version.
 *
 * @throws ProtocolError BAD_LENGTH, BAD_TEXT, INVALID_SYMBOL; VALUE_RANGE where a change count passes 16, a price is no number of
 * so many decimals, the exchange is no venue that is known, or the structs are not of one delta
 */
export function readSharedOrderBookDelta(
  structs: Uint8Array | readonly Uint8Array[],
  options: SharedReadOptions & SharedDeltaLayout = {},
): SharedOrderBookDelta {
  const conversion = conversionOf(options);
  const struct = options.layout === "packed" ? PACKED : ALIGNED;
  const all = structs instanceof Uint8Array ? [structs] : structs;
  const parts = all.map((part) => struct.decodeAt(messageBuffer(part).view, 0, part.byteLength));
  const [first] = parts;
  if (first === undefined) throw new ProtocolError("BAD_LENGTH", `${NAME}: no struct was given, expected at least one`);
  for (const part of parts.slice(1)) {
    const sameBook = sameBytes(part.symbol, first.symbol) && sameBytes(part.exchange, first.exchange);
    if (!sameBook || part.version !== first.version || part.previousVersion !== first.version) {
      const expected = `what goes on from version ${first.version} to the same, of the same instrument`;
      throw new ValueRangeError(NAME, "previousVersion", part.previousVersion, expected);
    }
  }
  const symbol = textOf(first.symbol, NAME, "symbol");
  const exchange = textOf(first.exchange, NAME, "exchange");
  const delta = {
    instrument: instrumentOfTexts({ exchange, symbol }, NAME, options),
    exchangeTimestamp: first.timestamp,
    version: first.version,
    previousVersion: first.previousVersion,
    flags: 0,
    changes: parts.flatMap((part) => readChanges(part.changes, part.changeCount, conversion)),
  };
  OrderBookDeltaTLV.encode(delta); // what is read must also fit the TLV
  return { delta, exchange, symbol };
}

/**
 * A delta as SharedOrderBookDelta structs of 256 bytes each. One holds 16 changes: the first goes from the delta's
 * previous version to its version, any further one from that version to the same, so that a reader's chain holds.
 *
 * @throws ValueRangeError where the struct cannot hold it: flags, a side or action that it does not know, a text that is
 * too long, a price or size that no float of 32 bits (about 7 digits) says exactly
 */
export function writeSharedOrderBookDelta(
  delta: InputOf<typeof OrderBookDeltaTLV.fields>,
  options: SharedWriteOptions & SharedDeltaLayout = {},
): Uint8Array[] {
  const conversion = conversionOf(options);
  OrderBookDeltaTLV.encode(delta); // its checks
  if (delta.flags !== 0) {
    throw new ValueRangeError(NAME, "flags", delta.flags, "0: join the chunks of a version before you write them");
  }
  const struct = options.layout === "packed" ? PACKED : ALIGNED;
  const texts = textsOfInstrument(delta.instrument, NAME, options);
  const symbol = paddedText(texts.symbol, TEXT_BYTES, NAME, "symbol");
  const exchange = paddedText(texts.exchange, TEXT_BYTES, NAME, "exchange");
  const structs: Uint8Array[] = [];
  for (let from = 0; from === 0 || from < delta.changes.length; from += CHANGES_MAX) {
    const changes = delta.changes.slice(from, from + CHANGES_MAX);
    structs.push(
      struct.encode({
        timestamp: delta.exchangeTimestamp,
        symbol,
        exchange,
        version: delta.version,
        previousVersion: from === 0 ? delta.previousVersion : delta.version,
        changeCount: changes.length,
        changes: writeChanges(changes, conversion),
      }),
    );
  }
  return structs;
}

type Change = InputOf<typeof OrderBookDeltaTLV.fields>["changes"][number];

function readChanges(row: Uint8Array, count: number, conversion: Conversion): Change[] {
  const { priceDecimals, sizeDecimals, rounding } = conversion;
  if (count > CHANGES_MAX) throw new ValueRangeError(NAME, "changeCount", count, `at most ${CHANGES_MAX}`);
  const { view } = messageBuffer(row);
  return Array.from({ length: count }, (_, i) => {
    const { priceBits, volumeBits, sideAndAction } = CHANGE.decodeAt(view, i * CHANGE_BYTES, CHANGE_BYTES);
    const price = floatOfBits(BigInt(priceBits), 32);
    const volume = floatOfBits(BigInt(volumeBits), 32);
    return {
      price: unitsOfFloat(price, 32, priceDecimals, rounding, { struct: NAME, field: "changes.price" }),
      size: unitsOfFloat(volume, 32, sizeDecimals, rounding, { struct: NAME, field: "changes.volume" }),
      side: (sideAndAction & ASK_BIT) === 0 ? Side.Buy : Side.Sell,
      action: sideAndAction & ~ASK_BIT,
    };
  });
}

function writeChanges(changes: readonly Change[], conversion: Conversion): Uint8Array {
  const { priceDecimals, sizeDecimals, rounding } = conversion;
  const { bytes: row, view } = messageBuffer(new Uint8Array(CHANGES_MAX * CHANGE_BYTES));
  changes.forEach(({ price, size, side, action }, i) => {
    if (side !== Side.Buy && side !== Side.Sell) {
      throw new ValueRangeError(NAME, "changes.side", side, "1 (bid) or 2 (ask)");
    }
    if (action >= ASK_BIT) throw new ValueRangeError(NAME, "changes.action", action, "0 to 127");
    const priceFloat = floatOfUnits(price, 32, priceDecimals, rounding, { struct: NAME, field: "changes.price" });
    const volumeFloat = floatOfUnits(size, 32, sizeDecimals, rounding, { struct: NAME, field: "changes.volume" });
    CHANGE.encodeInto(view, i * CHANGE_BYTES, {
      priceBits: Number(bitsOfFloat(priceFloat, 32)),
      volumeBits: Number(bitsOfFloat(volumeFloat, 32)),
      sideAndAction: action | (side === Side.Sell ? ASK_BIT : 0),
    });
  });
  return row;
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.every((byte, i) => byte === b[i]);
}
