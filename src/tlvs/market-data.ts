import {
  blob,
  bytes,
  group,
  i32,
  instrument,
  optional,
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
  u160,
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

/** A DEX swap; the tail is there for concentrated-liquidity pools. */
export const PoolSwapTLV = /* @__PURE__ */ defineTLV(
  4,
  "PoolSwap",
  {
    poolAddress: bytes(20),
    tokenIn: bytes(20),
    tokenOut: bytes(20),
    amountIn: u128.doc("native token units"),
    amountOut: u128.doc("native token units"),
    blockNumber: u64,
    exchangeTimestamp: timestamp.doc("ns since the Unix epoch (block time)"),
    logIndex: u32,
    venue: u16,
    tokenInDecimals: u8,
    tokenOutDecimals: u8,
    concentrated: optional({
      sqrtPriceX96: u160.doc("after the swap"),
      liquidity: u128.doc("after the swap"),
      tick: i32.doc("after the swap"),
    }),
  },
  { doc: "a DEX swap; the tail is there for concentrated-liquidity pools" },
);
export type PoolSwapTLV = Infer<typeof PoolSwapTLV>;

/** Liquidity added to a pool. 160 bytes. */
export const PoolMintTLV = /* @__PURE__ */ defineTLV(
  5,
  "PoolMint",
  {
    poolAddress: bytes(20),
    provider: bytes(20),
    token0: bytes(20),
    token1: bytes(20),
    amount0: u128,
    amount1: u128,
    liquidity: u128,
    blockNumber: u64,
    exchangeTimestamp: timestamp,
    tickLower: i32,
    tickUpper: i32,
    logIndex: u32,
    venue: u16,
    token0Decimals: u8,
    token1Decimals: u8,
  },
  { doc: "liquidity added to a pool" },
);
export type PoolMintTLV = Infer<typeof PoolMintTLV>;

/** Liquidity removed from a pool. 160 bytes. */
export const PoolBurnTLV = /* @__PURE__ */ defineTLV(
  6,
  "PoolBurn",
  {
    poolAddress: bytes(20),
    provider: bytes(20),
    token0: bytes(20),
    token1: bytes(20),
    amount0: u128,
    amount1: u128,
    liquidity: u128,
    blockNumber: u64,
    exchangeTimestamp: timestamp,
    tickLower: i32,
    tickUpper: i32,
    logIndex: u32,
    venue: u16,
    token0Decimals: u8,
    token1Decimals: u8,
  },
  { doc: "liquidity removed from a pool" },
);
export type PoolBurnTLV = Infer<typeof PoolBurnTLV>;

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

/** The reserves of a constant-product pool. 76 bytes. */
export const PoolSyncTLV = /* @__PURE__ */ defineTLV(
  8,
  "PoolSync",
  {
    poolAddress: bytes(20),
    reserve0: u128.doc("native token units"),
    reserve1: u128.doc("native token units"),
    blockNumber: u64,
    exchangeTimestamp: timestamp.doc("ns since the Unix epoch (block time)"),
    logIndex: u32,
    venue: u16,
    token0Decimals: u8,
    token1Decimals: u8,
  },
  { doc: "the reserves of a constant-product pool" },
);
export type PoolSyncTLV = Infer<typeof PoolSyncTLV>;

/** Blocks that no longer count: undo what was told of them. 88 bytes. */
export const ChainReorgTLV = /* @__PURE__ */ defineTLV(
  9,
  "ChainReorg",
  {
    oldHead: bytes(32),
    newHead: bytes(32),
    forkBlock: u64.doc("the last block that both share"),
    timestamp,
    chainId: u32,
    depth: u32.doc("blocks undone"),
  },
  { doc: "blocks that no longer count: undo what was told of them" },
);
export type ChainReorgTLV = Infer<typeof ChainReorgTLV>;

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

/** A new DEX pool. */
export const PoolDiscoveredTLV = /* @__PURE__ */ defineTLV(
  11,
  "PoolDiscovered",
  {
    pool: instrument,
    token0: instrument,
    token1: instrument,
    poolAddress: bytes(20),
    token0Address: bytes(20),
    token1Address: bytes(20),
    feePpm: u32.doc("parts per million"),
    token0Decimals: u8,
    token1Decimals: u8,
    poolType: u8.doc("1 constant product (V2), 2 concentrated (V3), 3 stable (Curve)"),
    symbolBytes: sizeOf("symbol", "u8"),
    symbol: text,
  },
  { doc: "a new DEX pool" },
);
export type PoolDiscoveredTLV = Infer<typeof PoolDiscoveredTLV>;

/** A venue changed its state. */
export const VenueUpdateTLV = /* @__PURE__ */ defineTLV(
  12,
  "VenueUpdate",
  {
    timestamp,
    venue: u16,
    status: u8.doc("1 up, 2 degraded, 3 down, 4 halted"),
    reserved: zero(1),
    reasonBytes: sizeOf("reason", "u16"),
    reason: text,
  },
  { doc: "a venue changed its state" },
);
export type VenueUpdateTLV = Infer<typeof VenueUpdateTLV>;

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
