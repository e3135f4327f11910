import { bytes, i128, instrument, price, size, u8, u16, u32, u64, u128, zero } from "../protocol/schema/fields.js";
import { defineTLV, type Infer } from "../protocol/schema/tlv.js";

/** A self-contained DeFi execution signal; always in the extended format. 280 bytes. */
export const DeFiSignalTLV = /* @__PURE__ */ defineTLV(
  29,
  "DeFiSignal",
  {
    strategyId: u16,
    signalId: u64,
    signalNonce: u32,
    chainId: u32,
    version: u8,
    adapterId: u8,
    baseInstrument: instrument,
    quoteInstrument: instrument,
    baseTokenAddress: bytes(20),
    quoteTokenAddress: bytes(20),
    venueARouter: bytes(20),
    venueBRouter: bytes(20),
    venueAType: u8.doc("1 UniV2, 2 UniV3, 3 Curve"),
    venueBType: u8.doc("0 = unused"),
    feeAPpm: u32,
    feeBPpm: u32,
    direction: u8.doc("0 sell base, 1 buy base"),
    confidence: u8.doc("0-100"),
    expectedProfit: i128.doc("Q64.64"),
    requiredCapital: u128.doc("Q64.64"),
    gasEstimate: u128.doc("Q64.64"),
    amountIn: u128.doc("Q64.64"),
    minOut: u128.doc("Q64.64"),
    optimalSize: u128.doc("Q64.64"),
    observedBlock: u64,
    validThroughBlock: u64,
    stateHash: u64,
    executionFlags: u32,
    slippageBps: u16,
    priceImpactBps: u16,
    replacesSignalId: u64.doc("0 = none"),
    createdAtSec: u32.doc("for analytics only"),
    reserved: zero(4),
  },
  { doc: "a self-contained DeFi execution signal; always in the extended format" },
);
export type DeFiSignalTLV = Infer<typeof DeFiSignalTLV>;

/** An arbitrage between two pools. 160 bytes. */
export const PoolArbitrageSignalTLV = /* @__PURE__ */ defineTLV(
  30,
  "PoolArbitrageSignal",
  {
    poolA: instrument,
    poolB: instrument,
    token0: instrument,
    token1: instrument,
    poolAReserve0: u128.doc("native token units"),
    poolAReserve1: u128.doc("native token units"),
    poolBReserve0: u128.doc("native token units"),
    poolBReserve1: u128.doc("native token units"),
    optimalAmountIn: u128.doc("native token units"),
    expectedProfitWei: u128.doc("after gas"),
    gasCostGwei: u32,
    confidence: u16.doc("0-10000"),
    blockNumber: u32,
    expiresAtBlock: u32,
    reserved: zero(2),
  },
  { doc: "an arbitrage between two pools" },
);
export type PoolArbitrageSignalTLV = Infer<typeof PoolArbitrageSignalTLV>;

/** A pool ratio away from its average. 72 bytes. */
export const LiquidityImbalanceTLV = /* @__PURE__ */ defineTLV(
  31,
  "LiquidityImbalance",
  {
    pool: instrument,
    token0: instrument,
    token1: instrument,
    currentRatio: size.doc("fixed-point 1e-8"),
    historicalAverageRatio: size.doc("fixed-point 1e-8, 30 days"),
    deviationBps: u32,
    volume24h: size,
    feeTier: u32.doc("e.g. 3000 = 0.3 %"),
    reserved: zero(4),
  },
  { doc: "a pool ratio away from its average" },
);
export type LiquidityImbalanceTLV = Infer<typeof LiquidityImbalanceTLV>;

/** A liquidity position that loses against holding. 40 bytes. */
export const ImpermanentLossAlertTLV = /* @__PURE__ */ defineTLV(
  32,
  "ImpermanentLossAlert",
  {
    pool: instrument,
    entryRatio: size.doc("fixed-point 1e-8"),
    currentRatio: size.doc("fixed-point 1e-8"),
    positionValue: price,
    lossBps: u32,
  },
  { doc: "a liquidity position that loses against holding" },
);
export type ImpermanentLossAlertTLV = Infer<typeof ImpermanentLossAlertTLV>;

/** An MEV opportunity. 104 bytes. */
export const MevOpportunityTLV = /* @__PURE__ */ defineTLV(
  33,
  "MevOpportunity",
  {
    opportunityType: u8.doc("1 sandwich, 2 backrun, 3 liquidation"),
    priority: u8,
    reserved: zero(2),
    chainId: u32,
    targetTxHash: bytes(32),
    estimatedProfitWei: u128,
    victimAmountIn: u128,
    optimalFrontrunAmount: u128,
    maxGasPriceGwei: u64,
    targetBlock: u32,
    deadlineBlock: u32,
  },
  { doc: "an MEV opportunity" },
);
export type MevOpportunityTLV = Infer<typeof MevOpportunityTLV>;

/** A flash loan worth taking. 60 bytes. */
export const FlashLoanSignalTLV = /* @__PURE__ */ defineTLV(
  34,
  "FlashLoanSignal",
  {
    token: instrument,
    provider: u16,
    reserved: zero(2),
    amount: u128,
    expectedProfit: i128,
    deadlineBlock: u64,
    feePpm: u32,
  },
  { doc: "a flash loan worth taking" },
);
export type FlashLoanSignalTLV = Infer<typeof FlashLoanSignalTLV>;

/** A farm's yield. 52 bytes. */
export const YieldFarmingUpdateTLV = /* @__PURE__ */ defineTLV(
  35,
  "YieldFarmingUpdate",
  { pool: instrument, rewardToken: instrument, totalValueLocked: u128, rewardRate: u64, aprBps: u32 },
  { doc: "a farm's yield" },
);
export type YieldFarmingUpdateTLV = Infer<typeof YieldFarmingUpdateTLV>;

/** When to send a transaction. 32 bytes. */
export const GasOptimizationSignalTLV = /* @__PURE__ */ defineTLV(
  36,
  "GasOptimizationSignal",
  { baseFee: u64.doc("wei"), priorityFee: u64.doc("wei"), blockNumber: u64, chainId: u32, recommendedDelayMs: u32 },
  { doc: "when to send a transaction" },
);
export type GasOptimizationSignalTLV = Infer<typeof GasOptimizationSignalTLV>;
