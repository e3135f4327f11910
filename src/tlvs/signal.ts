import {
  duration,
  group,
  i8,
  i32,
  instrument,
  price,
  size,
  sizeOf,
  text,
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

/** A momentum indicator. 32 bytes. */
export const MomentumSignalTLV = /* @__PURE__ */ defineTLV(
  22,
  "MomentumSignal",
  {
    instrument,
    strength: price.doc("fixed-point 1e-8"),
    horizon: duration,
    confidence: u16.doc("0-10000"),
    direction: i8.doc("-1, 0, 1"),
    timeframe: u8.doc("0 tick, 1 second, 2 minute, 3 hour, 4 day"),
  },
  { doc: "a momentum indicator" },
);
export type MomentumSignalTLV = Infer<typeof MomentumSignalTLV>;

/** A position close to its liquidation. 48 bytes. */
export const LiquidationAlertTLV = /* @__PURE__ */ defineTLV(
  23,
  "LiquidationAlert",
  {
    instrument,
    liquidationPrice: price,
    markPrice: price,
    positionSize: size,
    positionId: u64,
    leverageBps: u16,
    side: u8,
    severity: u8.doc("0-255"),
  },
  { doc: "a position close to its liquidation" },
);
export type LiquidationAlertTLV = Infer<typeof LiquidationAlertTLV>;

/** A measured risk against its limit. 32 bytes. */
export const RiskMetricTLV = /* @__PURE__ */ defineTLV(
  24,
  "RiskMetric",
  {
    instrument: instrument.doc("all zero: the whole portfolio"),
    value: price.doc("fixed-point 1e-8"),
    limit: price.doc("fixed-point 1e-8"),
    strategyId: u16,
    metric: u8.doc(
      "1 exposure, 2 value at risk, 3 drawdown, 4 leverage, 5 concentration, 6 order rate, 200 and above the user's own",
    ),
    severity: u8.doc("1 info, 2 warning, 3 limit reached, 4 trading stopped"),
  },
  { doc: "a measured risk against its limit" },
);
export type RiskMetricTLV = Infer<typeof RiskMetricTLV>;

/** How a strategy performs. 32 bytes. */
export const PerformanceUpdateTLV = /* @__PURE__ */ defineTLV(
  25,
  "PerformanceUpdate",
  {
    realizedPnl: price,
    unrealizedPnl: price,
    tradeCount: u32,
    slippageBps: i32,
    maxDrawdownBps: u32,
    strategyId: u16,
    winRateBps: u16,
  },
  { doc: "how a strategy performs" },
);
export type PerformanceUpdateTLV = Infer<typeof PerformanceUpdateTLV>;

/** A position after a change. 48 bytes. */
export const PositionUpdateTLV = /* @__PURE__ */ defineTLV(
  26,
  "PositionUpdate",
  {
    instrument,
    quantity: price.doc("fixed-point, 1e-8 units of the base asset, negative = short"),
    averagePrice: price,
    realizedPnl: price,
    unrealizedPnl: price,
    strategyId: u16,
    reserved: zero(2),
  },
  { doc: "a position after a change" },
);
export type PositionUpdateTLV = Infer<typeof PositionUpdateTLV>;

/** A message for people. */
export const StrategyAlertTLV = /* @__PURE__ */ defineTLV(
  27,
  "StrategyAlert",
  {
    strategyId: u16,
    code: u16.doc("the strategy's own"),
    severity: u8.doc("1 info, 2 warning, 3 error, 4 critical"),
    reserved: zero(1),
    messageBytes: sizeOf("message", "u16"),
    message: text,
  },
  { doc: "a message for people" },
);
export type StrategyAlertTLV = Infer<typeof StrategyAlertTLV>;

/** Target weights of a portfolio. */
export const RebalanceSignalTLV = /* @__PURE__ */ defineTLV(
  28,
  "RebalanceSignal",
  { strategyId: u16, targetCount: sizeOf("targets", "u16"), targets: group({ instrument, weightBps: i32 }) },
  { doc: "target weights of a portfolio" },
);
export type RebalanceSignalTLV = Infer<typeof RebalanceSignalTLV>;
