import {
  group,
  instrument,
  price,
  size,
  sizeOf,
  timestamp,
  u8,
  u16,
  u32,
  u64,
  zero,
} from "../protocol/schema/fields.js";
import { defineTLV, type Infer } from "../protocol/schema/tlv.js";

/** Which strategy says it, and which signal it is. 16 bytes. */
export const SignalIdentityTLV = /* @__PURE__ */ defineTLV(
  20,
  "SignalIdentity",
  {
    signalId: u64,
    signalNonce: u32.doc("monotonic per source and strategy"),
    strategyId: u16,
    version: u8,
    adapterId: u8,
  },
  { doc: "which strategy says it, and which signal it is" },
);
export type SignalIdentityTLV = Infer<typeof SignalIdentityTLV>;

/** An arbitrage opportunity across venues. */
export const ArbitrageSignalTLV = /* @__PURE__ */ defineTLV(
  21,
  "ArbitrageSignal",
  {
    base: instrument,
    quote: instrument,
    estimatedProfit: price,
    expiresAt: timestamp,
    spreadBps: u32,
    venueA: u16,
    venueB: u16,
    confidence: u16.doc("0-10000"),
    legCount: sizeOf("legs", "u8"),
    reserved: zero(1),
    legs: group({ instrument, price, size, side: u8.doc("1 buy, 2 sell"), reserved: zero(3) }),
  },
  { doc: "an arbitrage opportunity across venues" },
);
export type ArbitrageSignalTLV = Infer<typeof ArbitrageSignalTLV>;
