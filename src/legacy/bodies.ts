import type { RawTLV } from "../protocol/message.js";
import {
  blob,
  bytes,
  type InputOf,
  i128,
  instrument,
  type ObjectOf,
  price,
  size,
  sizeOf,
  text,
  timestamp,
  u8,
  u16,
  u32,
  u64,
  u128,
  zero,
} from "../protocol/schema/fields.js";
import { defineStruct } from "../protocol/schema/struct.js";

// The bodies of the first version, packed, little-endian, without the header. Fields have the names of the TLV that each
// goes over to, so that a mapping is visible as a difference in width, not in words.

/** 32 bytes. */
export const LEGACY_TRADE = /* @__PURE__ */ defineStruct("LegacyTrade", {
  instrument,
  price,
  volume: size,
  side: u8.doc("1 buy, 2 sell"),
  flags: u8,
  reserved: zero(2),
});

/** 48 bytes. */
export const LEGACY_QUOTE = /* @__PURE__ */ defineStruct("LegacyQuote", {
  instrument,
  bidPrice: price,
  askPrice: price,
  bidSize: size,
  askSize: size,
  reserved: zero(4),
});

/** 64 bytes. */
export const LEGACY_ARBITRAGE = /* @__PURE__ */ defineStruct("LegacyArbitrageOpportunity", {
  base: instrument,
  quote: instrument,
  venueA: u16,
  venueB: u16,
  spreadBps: u32,
  estimatedProfit: price,
  confidence: u16.doc("0-10000"),
  expiresAt: timestamp,
  reserved: zero(14),
});

/** 112 bytes: PROTOCOL.md counts 144 with the header. */
export const LEGACY_POOL_ARBITRAGE = /* @__PURE__ */ defineStruct("LegacyPoolArbitrageSignal", {
  poolA: instrument,
  poolB: instrument,
  token0: instrument,
  token1: instrument,
  poolAReserve0: u64.doc("native token units"),
  poolAReserve1: u64.doc("native token units"),
  poolBReserve0: u64.doc("native token units"),
  poolBReserve1: u64.doc("native token units"),
  optimalAmountIn: u64.doc("native token units"),
  expectedProfitWei: u64.doc("after gas; ends at 18.4 ether"),
  gasCostGwei: u32,
  confidence: u16.doc("0-10000"),
  blockNumber: u32,
  expiresAtBlock: u32,
  reserved: zero(2),
});

/** 72 bytes: PROTOCOL.md counts 104 with the header. */
export const LEGACY_LIQUIDITY_IMBALANCE = /* @__PURE__ */ defineStruct("LegacyLiquidityImbalance", {
  pool: instrument,
  token0: instrument,
  token1: instrument,
  currentRatio: size,
  historicalAverageRatio: size,
  deviationBps: u32,
  volume24h: size,
  feeTier: u32,
  reserved: zero(4),
});

/** 80 bytes. */
export const LEGACY_MEV_OPPORTUNITY = /* @__PURE__ */ defineStruct("LegacyMevOpportunity", {
  opportunityType: u8,
  chainId: u8.doc("1 Ethereum, 137 Polygon; ends at 255"),
  priority: u8,
  reserved: zero(1),
  targetTxHash: bytes(32),
  estimatedProfitWei: u64,
  maxGasPriceGwei: u64,
  targetBlock: u32,
  deadlineBlock: u32,
  victimAmountIn: u64,
  optimalFrontrunAmount: u64,
  padding: zero(4),
});

/** 280 bytes and the extensions: PROTOCOL.md counts 312 with the header. */
export const LEGACY_DEFI_SIGNAL = /* @__PURE__ */ defineStruct("LegacyDeFiSignal", {
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
  venueAType: u8,
  venueBType: u8,
  feeAPpm: u32,
  feeBPpm: u32,
  direction: u8,
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
  replacesSignalId: u64,
  extensionOffset: u16.doc("bytes from the start of the message to the extensions"),
  extensionBytes: sizeOf("extensionRow", "u16"),
  createdAtSec: u32,
  extensionRow: blob,
});

/** At least 16 bytes; pools are announced in the same form. */
export const LEGACY_INSTRUMENT_DISCOVERED = /* @__PURE__ */ defineStruct("LegacyInstrumentDiscovered", {
  instrument,
  decimals: u8,
  symbolBytes: sizeOf("symbol", "u8"),
  metadataBytes: sizeOf("metadata", "u16"),
  symbol: text,
  metadata: blob,
});

type RowFields = "extensionOffset" | "extensionRow";

/** A DeFi signal of the first version, with its extensions taken apart. */
export type LegacyDeFiSignal = Omit<ObjectOf<typeof LEGACY_DEFI_SIGNAL.fields>, RowFields> & {
  /** Raw, in the order of the wire, by the types of the first version: 1 PoolAddresses, 2 TertiaryVenue, ... */
  readonly extensions: readonly RawTLV[];
};

/** The body of each kind of message, decoded. */
export interface LegacyBodies {
  readonly Trade: ObjectOf<typeof LEGACY_TRADE.fields>;
  readonly Quote: ObjectOf<typeof LEGACY_QUOTE.fields>;
  readonly InstrumentDiscovered: ObjectOf<typeof LEGACY_INSTRUMENT_DISCOVERED.fields>;
  /** In the form of InstrumentDiscovered: the first version says nothing more of a pool. */
  readonly PoolDiscovered: ObjectOf<typeof LEGACY_INSTRUMENT_DISCOVERED.fields>;
  readonly ArbitrageOpportunity: ObjectOf<typeof LEGACY_ARBITRAGE.fields>;
  readonly DeFiSignal: LegacyDeFiSignal;
  readonly PoolArbitrageSignal: ObjectOf<typeof LEGACY_POOL_ARBITRAGE.fields>;
  readonly LiquidityImbalance: ObjectOf<typeof LEGACY_LIQUIDITY_IMBALANCE.fields>;
  readonly MevOpportunity: ObjectOf<typeof LEGACY_MEV_OPPORTUNITY.fields>;
}

/** What the body of each kind can be encoded from. */
export interface LegacyInputs {
  readonly Trade: InputOf<typeof LEGACY_TRADE.fields>;
  readonly Quote: InputOf<typeof LEGACY_QUOTE.fields>;
  readonly InstrumentDiscovered: InputOf<typeof LEGACY_INSTRUMENT_DISCOVERED.fields>;
  readonly PoolDiscovered: InputOf<typeof LEGACY_INSTRUMENT_DISCOVERED.fields>;
  readonly ArbitrageOpportunity: InputOf<typeof LEGACY_ARBITRAGE.fields>;
  readonly DeFiSignal: Omit<InputOf<typeof LEGACY_DEFI_SIGNAL.fields>, RowFields> & {
    readonly extensions?: readonly RawTLV[];
  };
  readonly PoolArbitrageSignal: InputOf<typeof LEGACY_POOL_ARBITRAGE.fields>;
  readonly LiquidityImbalance: InputOf<typeof LEGACY_LIQUIDITY_IMBALANCE.fields>;
  readonly MevOpportunity: InputOf<typeof LEGACY_MEV_OPPORTUNITY.fields>;
}
