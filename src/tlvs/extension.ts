import {
  bytes,
  instrument,
  size,
  textRest,
  timestamp,
  u8,
  u16,
  u32,
  u64,
  u128,
  zero,
} from "../protocol/schema/fields.js";
import { defineTLV, type Infer } from "../protocol/schema/tlv.js";

/** Pool contracts for quoter calls. 42 bytes. */
export const PoolAddressesTLV = /* @__PURE__ */ defineTLV(
  101,
  "PoolAddresses",
  { venueAPool: bytes(20), venueBPool: bytes(20), reserved: zero(2) },
  { doc: "pool contracts for quoter calls" },
);
export type PoolAddressesTLV = Infer<typeof PoolAddressesTLV>;

/** A third venue, for triangular arbitrage. 30 bytes. */
export const TertiaryVenueTLV = /* @__PURE__ */ defineTLV(
  102,
  "TertiaryVenue",
  { venueCRouter: bytes(20), venueCType: u8, feeCPpm: u32, reserved: zero(5) },
  { doc: "a third venue, for triangular arbitrage" },
);
export type TertiaryVenueTLV = Infer<typeof TertiaryVenueTLV>;

/** Bundle preferences. 43 bytes. */
export const MevBundleTLV = /* @__PURE__ */ defineTLV(
  103,
  "MevBundle",
  {
    targetBuilder: u32,
    bundleUuid: u32,
    maxBundleSize: u8,
    priorityFeeGwei: u64,
    targetBlockRange: u8.doc("1-3"),
    submissionStrategy: u8.doc("1 Flashbots, 2 MEV-Share"),
    relayPreferences: u64,
    reserved: zero(16),
  },
  { doc: "bundle preferences" },
);
export type MevBundleTLV = Infer<typeof MevBundleTLV>;

/** How slippage grows with size. 16 bytes. */
export const SlippageModelTLV = /* @__PURE__ */ defineTLV(
  104,
  "SlippageModel",
  { baseBps: u32, linearBps: u32.doc("per unit of optimal size"), quadraticBps: u32, maxBps: u32 },
  { doc: "how slippage grows with size" },
);
export type SlippageModelTLV = Infer<typeof SlippageModelTLV>;

/** The venue's own id of the event. */
export const VenueReferenceTLV = /* @__PURE__ */ defineTLV(
  105,
  "VenueReference",
  { reference: textRest.doc("e.g. a trade id or a transaction hash") },
  { doc: "the venue's own id of the event" },
);
export type VenueReferenceTLV = Infer<typeof VenueReferenceTLV>;

/** W3C trace context. 28 bytes. */
export const TraceContextTLV = /* @__PURE__ */ defineTLV(
  106,
  "TraceContext",
  { traceId: bytes(16), spanId: bytes(8), traceFlags: u8, reserved: zero(3) },
  { doc: "W3C trace context" },
);
export type TraceContextTLV = Infer<typeof TraceContextTLV>;

/** The fixed-point scale of the TLVs before it, where it is not 8 and 8. 4 bytes. */
export const DecimalsTLV = /* @__PURE__ */ defineTLV(
  107,
  "Decimals",
  { price: u8, size: u8, reserved: zero(2) },
  { doc: "the fixed-point scale of the TLVs before it, where it is not 8 and 8" },
);
export type DecimalsTLV = Infer<typeof DecimalsTLV>;

/** When the adapter read the event from the venue. 8 bytes. */
export const ReceiveTimestampTLV = /* @__PURE__ */ defineTLV(
  108,
  "ReceiveTimestamp",
  { receivedAt: timestamp },
  { doc: "when the adapter read the event from the venue" },
);
export type ReceiveTimestampTLV = Infer<typeof ReceiveTimestampTLV>;

/** The asset in which a fee was paid. 12 bytes. */
export const FeeAssetTLV = /* @__PURE__ */ defineTLV(
  109,
  "FeeAsset",
  { instrument },
  { doc: "the asset in which a fee was paid" },
);
export type FeeAssetTLV = Infer<typeof FeeAssetTLV>;

/** Which loan to take. 44 bytes. */
export const FlashLoanParamsTLV = /* @__PURE__ */ defineTLV(
  111,
  "FlashLoanParams",
  { amount: u128, token: bytes(20), feePpm: u32, provider: u16, reserved: zero(2) },
  { doc: "which loan to take" },
);
export type FlashLoanParamsTLV = Infer<typeof FlashLoanParamsTLV>;

/** Whom to liquidate. 84 bytes. */
export const LiquidationTargetTLV = /* @__PURE__ */ defineTLV(
  112,
  "LiquidationTarget",
  {
    account: bytes(20),
    debtToken: bytes(20),
    collateralToken: bytes(20),
    debtAmount: u128,
    healthFactor: size.doc("fixed-point 1e-8"),
  },
  { doc: "whom to liquidate" },
);
export type LiquidationTargetTLV = Infer<typeof LiquidationTargetTLV>;

/** Sandwich sizes. 64 bytes. */
export const SandwichParamsTLV = /* @__PURE__ */ defineTLV(
  113,
  "SandwichParams",
  { victimTxHash: bytes(32), frontrunAmount: u128, backrunAmount: u128 },
  { doc: "sandwich sizes" },
);
export type SandwichParamsTLV = Infer<typeof SandwichParamsTLV>;

/** Gas hints. 24 bytes. */
export const GasHintsTLV = /* @__PURE__ */ defineTLV(
  121,
  "GasHints",
  { maxFeePerGas: u64.doc("wei"), maxPriorityFee: u64.doc("wei"), gasLimit: u64 },
  { doc: "gas hints" },
);
export type GasHintsTLV = Infer<typeof GasHintsTLV>;

/** Bridge parameters. 32 bytes. */
export const CrossChainTLV = /* @__PURE__ */ defineTLV(
  122,
  "CrossChain",
  { sourceChainId: u32, targetChainId: u32, bridge: bytes(20), maxDelaySec: u32 },
  { doc: "bridge parameters" },
);
export type CrossChainTLV = Infer<typeof CrossChainTLV>;

/** L2 parameters. 16 bytes. */
export const Layer2ParamsTLV = /* @__PURE__ */ defineTLV(
  123,
  "Layer2Params",
  { l1BaseFee: u64.doc("wei"), l1FeeScalar: u32, batchDelayMs: u32 },
  { doc: "L2 parameters" },
);
export type Layer2ParamsTLV = Infer<typeof Layer2ParamsTLV>;
