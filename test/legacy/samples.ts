import type { LegacyMessageInput } from "../../src/legacy.js";
import { InstrumentId } from "../../src/protocol/instrument-id.js";
import { AssetType, Venue } from "../../src/protocol/tables.js";

/** `count` bytes that differ from each other and from zero. */
export function bytesFrom(start: number, count: number): Uint8Array {
  return Uint8Array.from({ length: count }, (_, i) => ((start + i) % 255) + 1);
}

export const BTC = InstrumentId.of(Venue.Coinbase, AssetType.SpotPair, "BTC-USD");
const WETH = InstrumentId.ofAddress(Venue.Ethereum, AssetType.Token, "0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2");
const USDC = InstrumentId.ofAddress(Venue.Ethereum, AssetType.Token, "0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48");
export const POOL = InstrumentId.ofPair(Venue.UniswapV3, WETH, USDC);
export const TOKENS = { token0: USDC, token1: WETH };

const header = { source: 4, sequence: 77n, timestamp: 1_755_000_000_123_456_789n };
const U64_MAX = 2n ** 64n - 1n;

/** One message of every kind, with values at the ends of their fields. */
export const SAMPLES = {
  Trade: { kind: "Trade", header, body: { instrument: BTC, price: -5n, volume: U64_MAX, side: 2, flags: 3 } },
  Quote: {
    kind: "Quote",
    header,
    body: { instrument: BTC, bidPrice: 1n, askPrice: 2n ** 63n - 1n, bidSize: 3n, askSize: 4n },
  },
  InstrumentDiscovered: {
    kind: "InstrumentDiscovered",
    header,
    body: { instrument: BTC, decimals: 8, symbol: "BTC-USD ₿", metadata: new Uint8Array() },
  },
  PoolDiscovered: {
    kind: "PoolDiscovered",
    header,
    body: { instrument: POOL, decimals: 18, symbol: "USDC/WETH", metadata: Uint8Array.of(0x80) },
  },
  ArbitrageOpportunity: {
    kind: "ArbitrageOpportunity",
    header,
    body: {
      base: BTC,
      quote: WETH,
      venueA: 101,
      venueB: 65_535,
      spreadBps: 4_294_967_295,
      estimatedProfit: -(2n ** 63n),
      confidence: 9_999,
      expiresAt: U64_MAX,
    },
  },
  DeFiSignal: {
    kind: "DeFiSignal",
    header,
    body: {
      strategyId: 2,
      signalId: U64_MAX,
      signalNonce: 7,
      chainId: 42_161,
      version: 1,
      adapterId: 9,
      baseInstrument: WETH,
      quoteInstrument: USDC,
      baseTokenAddress: bytesFrom(1, 20),
      quoteTokenAddress: bytesFrom(21, 20),
      venueARouter: bytesFrom(41, 20),
      venueBRouter: bytesFrom(61, 20),
      venueAType: 2,
      venueBType: 1,
      feeAPpm: 3_000,
      feeBPpm: 500,
      direction: 1,
      confidence: 95,
      expectedProfit: -(2n ** 127n),
      requiredCapital: 2n ** 128n - 1n,
      gasEstimate: 1n << 64n,
      amountIn: 3n << 64n,
      minOut: 4n << 64n,
      optimalSize: 5n << 64n,
      observedBlock: 20_000_000n,
      validThroughBlock: 20_000_002n,
      stateHash: U64_MAX,
      executionFlags: 0xffff_ffff,
      slippageBps: 50,
      priceImpactBps: 12,
      replacesSignalId: 6n,
      createdAtSec: 1_755_000_000,
      extensions: [
        { type: 1, value: Uint8Array.from([...bytesFrom(81, 40), 0, 0]) },
        { type: 2, value: Uint8Array.from([...bytesFrom(5, 20), 3, 0x40, 0x0d, 3, 0, 0, 0, 0, 0, 0]) },
        { type: 3, value: Uint8Array.from([...bytesFrom(9, 27), ...new Array(16).fill(0)]) },
      ],
    },
  },
  PoolArbitrageSignal: {
    kind: "PoolArbitrageSignal",
    header,
    body: {
      poolA: POOL,
      poolB: BTC,
      ...TOKENS,
      poolAReserve0: U64_MAX,
      poolAReserve1: 2n,
      poolBReserve0: 3n,
      poolBReserve1: 4n,
      optimalAmountIn: 5n,
      expectedProfitWei: U64_MAX,
      gasCostGwei: 30,
      confidence: 8_000,
      blockNumber: 20_000_000,
      expiresAtBlock: 20_000_002,
    },
  },
  LiquidityImbalance: {
    kind: "LiquidityImbalance",
    header,
    body: {
      pool: POOL,
      ...TOKENS,
      currentRatio: 150_000_000n,
      historicalAverageRatio: 100_000_000n,
      deviationBps: 5_000,
      volume24h: U64_MAX,
      feeTier: 3_000,
    },
  },
  MevOpportunity: {
    kind: "MevOpportunity",
    header,
    body: {
      opportunityType: 2,
      chainId: 137,
      priority: 255,
      targetTxHash: bytesFrom(100, 32),
      estimatedProfitWei: U64_MAX,
      maxGasPriceGwei: 200n,
      targetBlock: 20_000_000,
      deadlineBlock: 20_000_003,
      victimAmountIn: 10n ** 18n,
      optimalFrontrunAmount: 10n ** 17n,
    },
  },
} as const satisfies Readonly<Record<string, LegacyMessageInput>>;

/** Bytes of each kind's body, the fixed part: PROTOCOL.md's sizes less the header of 32 bytes. */
export const BODY_BYTES: Readonly<Record<keyof typeof SAMPLES, number>> = {
  Trade: 64 - 32,
  Quote: 80 - 32,
  InstrumentDiscovered: 48 - 32,
  PoolDiscovered: 48 - 32,
  ArbitrageOpportunity: 96 - 32,
  DeFiSignal: 312 - 32,
  PoolArbitrageSignal: 144 - 32,
  LiquidityImbalance: 104 - 32,
  MevOpportunity: 112 - 32,
};
