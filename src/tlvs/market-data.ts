import {
  blob,
  group,
  instrument,
  price,
  size,
  sizeOf,
  text,
  timestamp,
  u8,
  u16,
  u64,
  zero,
} from "../protocol/schema/fields.js";
import { defineTLV, type Infer } from "../protocol/schema/tlv.js";

/** An executed trade. 40 bytes. */
export const TradeTLV = /* @__PURE__ */ defineTLV(
  1,
  "Trade",
  {
    instrument,
    price,
    volume: size,
    exchangeTimestamp: timestamp.doc("ns since the Unix epoch, the venue's own event time, 0 = not given"),
    side: u8.doc("the taker's side: 0 unknown, 1 buy, 2 sell"),
    flags: u8.doc("bit 0: part of a block trade; bit 1: liquidation"),
    reserved: zero(2),
  },
  { doc: "an executed trade" },
);
export type TradeTLV = Infer<typeof TradeTLV>;

/** Best bid and ask. 52 bytes. */
export const QuoteTLV = /* @__PURE__ */ defineTLV(
  2,
  "Quote",
  { instrument, bidPrice: price, askPrice: price, bidSize: size, askSize: size, exchangeTimestamp: timestamp },
  { doc: "best bid and ask" },
);
export type QuoteTLV = Infer<typeof QuoteTLV>;

/** A full order book snapshot, in one or several chunks. */
export const OrderBookTLV = /* @__PURE__ */ defineTLV(
  3,
  "OrderBook",
  {
    instrument,
    exchangeTimestamp: timestamp,
    updateId: u64.doc("the book version that this snapshot shows; deltas continue from it"),
    bidCount: sizeOf("bids", "u16"),
    askCount: sizeOf("asks", "u16"),
    chunkIndex: u16.doc("0-based"),
    chunkCount: u16.doc("at least 1"),
    flags: u8.doc("bit 0: depth-limited (levels beyond the last are unknown)"),
    reserved: zero(3),
    bids: group({ price, size }).doc("best first"),
    asks: group({ price, size }).doc("best first"),
  },
  { doc: "a full order book snapshot, in one or several chunks" },
);
export type OrderBookTLV = Infer<typeof OrderBookTLV>;

/** The price levels that changed between two book versions. */
export const OrderBookDeltaTLV = /* @__PURE__ */ defineTLV(
  7,
  "OrderBookDelta",
  {
    instrument,
    exchangeTimestamp: timestamp,
    version: u64.doc("the book version after these changes"),
    previousVersion: u64.doc("the book version that they apply to"),
    changeCount: sizeOf("changes", "u16"),
    flags: u8.doc("bit 0: more chunks of the same version follow"),
    reserved: zero(1),
    changes: group({
      price,
      size: size.doc("the new absolute size, 0 on remove"),
      side: u8.doc("1 bid, 2 ask"),
      action: u8.doc("0 add, 1 update, 2 remove"),
      reserved: zero(2),
    }),
  },
  { doc: "the price levels that changed between two book versions" },
);
export type OrderBookDeltaTLV = Infer<typeof OrderBookDeltaTLV>;

/** A new instrument: its symbol and its scale. */
export const InstrumentDiscoveredTLV = /* @__PURE__ */ defineTLV(
  10,
  "InstrumentDiscovered",
  {
    instrument,
    priceDecimals: u8,
    sizeDecimals: u8,
    symbolBytes: sizeOf("symbol", "u8"),
    reserved: zero(1),
    metadataBytes: sizeOf("metadata", "u16"),
    symbol: text,
    metadata: blob.doc("a MessagePack map, or empty"),
  },
  { doc: "a new instrument" },
);
export type InstrumentDiscoveredTLV = Infer<typeof InstrumentDiscoveredTLV>;

/** Whether an instrument's data can be trusted. 24 bytes. */
export const InstrumentStatusTLV = /* @__PURE__ */ defineTLV(
  13,
  "InstrumentStatus",
  {
    timestamp,
    instrument,
    status: u8.doc("1 syncing, 2 live, 3 stale, 4 halted"),
    reason: u8.doc("0 none, 1 gap, 2 wrong checksum, 3 crossed book, 4 silent feed, 5 disconnected, 6 venue says so"),
    reserved: zero(2),
  },
  { doc: "whether an instrument's data can be trusted" },
);
export type InstrumentStatusTLV = Infer<typeof InstrumentStatusTLV>;
