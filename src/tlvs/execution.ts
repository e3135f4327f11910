import {
  instrument,
  price,
  size,
  sizeOf,
  textUpTo,
  timestamp,
  u8,
  u16,
  u32,
  u64,
  zero,
} from "../protocol/schema/fields.js";
import { defineTLV, type Infer } from "../protocol/schema/tlv.js";

/** A new order. */
export const OrderRequestTLV = /* @__PURE__ */ defineTLV(
  40,
  "OrderRequest",
  {
    instrument,
    clientOrderId: u64.doc("the requester's source in the high 16 bits, its own counter below"),
    price,
    quantity: size,
    stopPrice: price,
    expiresAt: timestamp.doc("ns since the Unix epoch, 0 = never"),
    signalId: u64.doc("0 = none"),
    strategyId: u16,
    side: u8.doc("1 buy, 2 sell"),
    orderType: u8.doc("1 limit, 2 market, 3 stop, 4 stop limit"),
    timeInForce: u8.doc("1 GTC, 2 IOC, 3 FOK, 4 GTD"),
    flags: u8.doc("bit 0 post-only, bit 1 reduce-only"),
    accountBytes: sizeOf("account", "u8"),
    reserved: zero(1),
    account: textUpTo(32).doc("at most 32 bytes"),
  },
  { doc: "a new order" },
);
export type OrderRequestTLV = Infer<typeof OrderRequestTLV>;

/** The venue's answer to an order. 32 bytes. */
export const OrderAckTLV = /* @__PURE__ */ defineTLV(
  41,
  "OrderAck",
  {
    clientOrderId: u64,
    venueOrderId: u64,
    exchangeTimestamp: timestamp,
    venue: u16,
    status: u8.doc("1 accepted, 2 rejected, 3 cancelled, 4 expired, 5 modified"),
    rejectReason: u8.doc(
      "0 none, 1 unknown instrument, 2 price, 3 quantity, 4 insufficient funds, 5 duplicate id, 6 risk limit, 7 rate limit, 8 halted, 9 would take (post-only), 10 would increase (reduce-only), 11 stale data, 255 other (see VenueReference)",
    ),
    reserved: zero(4),
  },
  { doc: "the venue's answer to an order" },
);
export type OrderAckTLV = Infer<typeof OrderAckTLV>;

/** An execution. 56 bytes. */
export const FillTLV = /* @__PURE__ */ defineTLV(
  42,
  "Fill",
  {
    instrument,
    clientOrderId: u64,
    fillId: u64,
    price,
    quantity: size,
    fee: price.doc("fixed-point, 1e-8 units of the quote currency, negative = rebate; in another asset: see FeeAsset"),
    side: u8.doc("1 buy, 2 sell"),
    liquidity: u8.doc("1 maker, 2 taker"),
    reserved: zero(2),
  },
  { doc: "an execution" },
);
export type FillTLV = Infer<typeof FillTLV>;

/** A cancel request. 24 bytes. */
export const CancelTLV = /* @__PURE__ */ defineTLV(
  43,
  "Cancel",
  { clientOrderId: u64, instrument, reason: u8.doc("0 by request, 1 risk, 2 timeout, 3 shutdown"), reserved: zero(3) },
  { doc: "a cancel request" },
);
export type CancelTLV = Infer<typeof CancelTLV>;

/** A gas price update. 32 bytes. */
export const GasPriceTLV = /* @__PURE__ */ defineTLV(
  44,
  "GasPrice",
  { baseFee: u64.doc("wei"), priorityFee: u64.doc("wei"), blockNumber: u64, chainId: u32, reserved: zero(4) },
  { doc: "a gas price update" },
);
export type GasPriceTLV = Infer<typeof GasPriceTLV>;

/** The state of an order after an event. 80 bytes. */
export const ExecutionReportTLV = /* @__PURE__ */ defineTLV(
  45,
  "ExecutionReport",
  {
    clientOrderId: u64,
    venueOrderId: u64,
    instrument,
    status: u8.doc("1 new, 2 partially filled, 3 filled, 4 cancelled, 5 rejected, 6 expired"),
    side: u8,
    reserved: zero(2),
    lastPrice: price,
    lastQuantity: size,
    cumulativeQuantity: size,
    leavesQuantity: size,
    averagePrice: price,
    exchangeTimestamp: timestamp,
  },
  { doc: "the state of an order after an event" },
);
export type ExecutionReportTLV = Infer<typeof ExecutionReportTLV>;

/** A change of a live order. 40 bytes. */
export const OrderModifyTLV = /* @__PURE__ */ defineTLV(
  46,
  "OrderModify",
  { clientOrderId: u64, instrument, reserved: zero(4), newPrice: price, newQuantity: size },
  { doc: "a change of a live order" },
);
export type OrderModifyTLV = Infer<typeof OrderModifyTLV>;

/** Cancel every open order that matches; the kill switch. 16 bytes. */
export const CancelAllTLV = /* @__PURE__ */ defineTLV(
  47,
  "CancelAll",
  {
    instrument: instrument.doc("all zero: every instrument"),
    strategyId: u16.doc("0: every strategy"),
    reason: u8.doc("as in Cancel"),
    flags: u8.doc("bit 0: refuse new orders until told otherwise; bit 1: accept them again"),
  },
  { doc: "cancel every open order that matches; the kill switch" },
);
export type CancelAllTLV = Infer<typeof CancelAllTLV>;
