import type { AnyStruct } from "../protocol/schema/struct.js";
import {
  LEGACY_ARBITRAGE,
  LEGACY_DEFI_SIGNAL,
  LEGACY_INSTRUMENT_DISCOVERED,
  LEGACY_LIQUIDITY_IMBALANCE,
  LEGACY_MEV_OPPORTUNITY,
  LEGACY_POOL_ARBITRAGE,
  LEGACY_QUOTE,
  LEGACY_TRADE,
  type LegacyBodies,
} from "./bodies.js";

/** The message types of the first version. Only those of {@link LegacyBodies} have a body that is known. */
export const LegacyType = {
  Trade: 1,
  Quote: 2,
  OrderBook: 3,
  InstrumentDiscovered: 10,
  PoolDiscovered: 11,
  VenueUpdate: 12,
  ArbitrageOpportunity: 20,
  PositionUpdate: 21,
  StrategyAlert: 22,
  RebalanceSignal: 23,
  RiskMetric: 24,
  PerformanceUpdate: 25,
  /** The first version gives it no number; this is the one it has here. A reader can be told another. */
  DeFiSignal: 29,
  PoolArbitrageSignal: 30,
  LiquidityImbalance: 31,
  ImpermanentLossAlert: 32,
  MevOpportunity: 33,
  FlashLoanSignal: 34,
  YieldFarmingUpdate: 35,
  GasOptimizationSignal: 36,
  OrderRequest: 40,
  OrderStatus: 41,
  Fill: 42,
  OrderCancel: 43,
  OrderModify: 44,
  ExecutionReport: 45,
  Heartbeat: 100,
  Snapshot: 101,
  Error: 102,
  ConfigUpdate: 103,
  Custom: 200,
} as const;
export type LegacyType = (typeof LegacyType)[keyof typeof LegacyType];

/** A kind of message whose body is known. */
export type LegacyKind = keyof LegacyBodies;

/** The layout of each kind's body. */
export const LEGACY_STRUCTS: Readonly<Record<LegacyKind, AnyStruct>> = {
  Trade: LEGACY_TRADE,
  Quote: LEGACY_QUOTE,
  InstrumentDiscovered: LEGACY_INSTRUMENT_DISCOVERED,
  PoolDiscovered: LEGACY_INSTRUMENT_DISCOVERED,
  ArbitrageOpportunity: LEGACY_ARBITRAGE,
  DeFiSignal: LEGACY_DEFI_SIGNAL,
  PoolArbitrageSignal: LEGACY_POOL_ARBITRAGE,
  LiquidityImbalance: LEGACY_LIQUIDITY_IMBALANCE,
  MevOpportunity: LEGACY_MEV_OPPORTUNITY,
};

const KINDS = /* @__PURE__ */ new Map(
  (Object.keys(LEGACY_STRUCTS) as LegacyKind[])
    .filter((kind) => kind !== "DeFiSignal")
    .map((kind) => [LegacyType[kind] as number, kind]),
);

/** The kind of a message type; undefined where its body is not known. */
export function legacyKindOf(messageType: number, defiSignalType: number): LegacyKind | undefined {
  return messageType === defiSignalType ? "DeFiSignal" : KINDS.get(messageType);
}

/** A message type for people. */
export function legacyTypeName(messageType: number): string {
  const found = Object.entries(LegacyType).find(([, type]) => type === messageType);
  return found === undefined ? `type ${messageType}` : `type ${messageType} (${found[0]})`;
}
