-- AlphaPulse: a dissector for Wireshark and tshark, 4.0 or later. How to install and filter: docs/wireshark.md.
--
-- What it says about the bytes is docs/protocol.md. Everything between the marks below is written from the schemas by
-- scripts/generate-docs.mjs; the rest of this file is written by hand.

-- generated: tables, by scripts/generate-docs.mjs
local DOMAINS = {
  [1] = "MarketData",
  [2] = "Signal",
  [3] = "Execution",
  [4] = "System",
}

local VENUES = {
  [1] = "Nyse",
  [2] = "Nasdaq",
  [3] = "Arca",
  [4] = "Iex",
  [10] = "Alpaca",
  [100] = "Binance",
  [101] = "Kraken",
  [102] = "Coinbase",
  [103] = "BinanceUS",
  [104] = "Gemini",
  [105] = "Bybit",
  [106] = "Okx",
  [107] = "Bitfinex",
  [108] = "Deribit",
  [200] = "Ethereum",
  [201] = "Bitcoin",
  [202] = "Polygon",
  [203] = "BnbChain",
  [204] = "Avalanche",
  [205] = "Arbitrum",
  [206] = "Optimism",
  [207] = "Base",
  [208] = "Solana",
  [300] = "UniswapV2",
  [301] = "UniswapV3",
  [302] = "SushiSwap",
  [303] = "Curve",
  [304] = "Balancer",
  [305] = "QuickSwap",
  [306] = "PancakeSwap",
}

local ASSET_TYPES = {
  [1] = "Stock",
  [2] = "Etf",
  [3] = "Bond",
  [4] = "Commodity",
  [5] = "Currency",
  [6] = "Index",
  [10] = "Future",
  [11] = "Option",
  [12] = "Perpetual",
  [13] = "SpotPair",
  [50] = "Token",
  [51] = "Pool",
}

local SOURCES = {
  [1] = "BinanceCollector",
  [2] = "KrakenCollector",
  [3] = "CoinbaseCollector",
  [4] = "PolygonCollector",
  [5] = "AlpacaCollector",
  [20] = "MarketDataRelay",
  [21] = "SignalRelay",
  [22] = "ExecutionRelay",
  [23] = "SystemRelay",
  [40] = "ArbitrageStrategy",
  [41] = "MomentumStrategy",
  [42] = "MarketMakingStrategy",
  [60] = "PortfolioManager",
  [61] = "RiskManager",
  [80] = "ExecutionEngine",
  [81] = "VenueConnector",
  [100] = "External",
}

local TYPES = {
  [1] = { name = "Trade", abbreviation = "trade", doc = "an executed trade", domain = 1, fixed_bytes = 40, fields = {
    { kind = "instrument", name = "instrument" },
    { kind = "i64", name = "price", doc = "fixed-point, 1e-8 units of the quote currency", means = "price" },
    { kind = "u64", name = "volume", doc = "fixed-point, 1e-8 units of the base asset", means = "size" },
    { kind = "u64", name = "exchangeTimestamp", doc = "ns since the Unix epoch, the venue's own event time, 0 = not given", means = "time" },
    { kind = "u8", name = "side", doc = "the taker's side: 0 unknown, 1 buy, 2 sell", values = { [0] = "unknown", [1] = "buy", [2] = "sell" } },
    { kind = "u8", name = "flags", doc = "bit 0: part of a block trade; bit 1: liquidation" },
    { kind = "pad", size = 2 },
  } },
  [2] = { name = "Quote", abbreviation = "quote", doc = "best bid and ask", domain = 1, fixed_bytes = 52, fields = {
    { kind = "instrument", name = "instrument" },
    { kind = "i64", name = "bidPrice", doc = "fixed-point, 1e-8 units of the quote currency", means = "price" },
    { kind = "i64", name = "askPrice", doc = "fixed-point, 1e-8 units of the quote currency", means = "price" },
    { kind = "u64", name = "bidSize", doc = "fixed-point, 1e-8 units of the base asset", means = "size" },
    { kind = "u64", name = "askSize", doc = "fixed-point, 1e-8 units of the base asset", means = "size" },
    { kind = "u64", name = "exchangeTimestamp", doc = "ns since the Unix epoch", means = "time" },
  } },
  [3] = { name = "OrderBook", abbreviation = "orderBook", doc = "a full order book snapshot, in one or several chunks", domain = 1, fixed_bytes = 40, fields = {
    { kind = "instrument", name = "instrument" },
    { kind = "u64", name = "exchangeTimestamp", doc = "ns since the Unix epoch", means = "time" },
    { kind = "u64", name = "updateId", doc = "the book version that this snapshot shows; deltas continue from it" },
    { kind = "count", of = "bids", encoding = "u16" },
    { kind = "count", of = "asks", encoding = "u16" },
    { kind = "u16", name = "chunkIndex", doc = "0-based" },
    { kind = "u16", name = "chunkCount", doc = "at least 1" },
    { kind = "u8", name = "flags", doc = "bit 0: depth-limited (levels beyond the last are unknown)" },
    { kind = "pad", size = 3 },
    { kind = "group", name = "bids", doc = "best first", fields = {
      { kind = "i64", name = "price", doc = "fixed-point, 1e-8 units of the quote currency", means = "price" },
      { kind = "u64", name = "size", doc = "fixed-point, 1e-8 units of the base asset", means = "size" },
    } },
    { kind = "group", name = "asks", doc = "best first", fields = {
      { kind = "i64", name = "price", doc = "fixed-point, 1e-8 units of the quote currency", means = "price" },
      { kind = "u64", name = "size", doc = "fixed-point, 1e-8 units of the base asset", means = "size" },
    } },
  } },
  [4] = { name = "PoolSwap", abbreviation = "poolSwap", doc = "a DEX swap; the tail is there for concentrated-liquidity pools", domain = 1, fixed_bytes = 116, fields = {
    { kind = "bytes", name = "poolAddress", size = 20 },
    { kind = "bytes", name = "tokenIn", size = 20 },
    { kind = "bytes", name = "tokenOut", size = 20 },
    { kind = "u128", name = "amountIn", doc = "native token units" },
    { kind = "u128", name = "amountOut", doc = "native token units" },
    { kind = "u64", name = "blockNumber" },
    { kind = "u64", name = "exchangeTimestamp", doc = "ns since the Unix epoch (block time)", means = "time" },
    { kind = "u32", name = "logIndex" },
    { kind = "u16", name = "venue", means = "venue" },
    { kind = "u8", name = "tokenInDecimals" },
    { kind = "u8", name = "tokenOutDecimals" },
    { kind = "optional", name = "concentrated", fields = {
      { kind = "u160", name = "sqrtPriceX96", doc = "after the swap" },
      { kind = "u128", name = "liquidity", doc = "after the swap" },
      { kind = "i32", name = "tick", doc = "after the swap" },
    } },
  } },
  [5] = { name = "PoolMint", abbreviation = "poolMint", doc = "liquidity added to a pool", domain = 1, fixed_bytes = 160, fields = {
    { kind = "bytes", name = "poolAddress", size = 20 },
    { kind = "bytes", name = "provider", size = 20 },
    { kind = "bytes", name = "token0", size = 20 },
    { kind = "bytes", name = "token1", size = 20 },
    { kind = "u128", name = "amount0" },
    { kind = "u128", name = "amount1" },
    { kind = "u128", name = "liquidity" },
    { kind = "u64", name = "blockNumber" },
    { kind = "u64", name = "exchangeTimestamp", doc = "ns since the Unix epoch", means = "time" },
    { kind = "i32", name = "tickLower" },
    { kind = "i32", name = "tickUpper" },
    { kind = "u32", name = "logIndex" },
    { kind = "u16", name = "venue", means = "venue" },
    { kind = "u8", name = "token0Decimals" },
    { kind = "u8", name = "token1Decimals" },
  } },
  [6] = { name = "PoolBurn", abbreviation = "poolBurn", doc = "liquidity removed from a pool", domain = 1, fixed_bytes = 160, fields = {
    { kind = "bytes", name = "poolAddress", size = 20 },
    { kind = "bytes", name = "provider", size = 20 },
    { kind = "bytes", name = "token0", size = 20 },
    { kind = "bytes", name = "token1", size = 20 },
    { kind = "u128", name = "amount0" },
    { kind = "u128", name = "amount1" },
    { kind = "u128", name = "liquidity" },
    { kind = "u64", name = "blockNumber" },
    { kind = "u64", name = "exchangeTimestamp", doc = "ns since the Unix epoch", means = "time" },
    { kind = "i32", name = "tickLower" },
    { kind = "i32", name = "tickUpper" },
    { kind = "u32", name = "logIndex" },
    { kind = "u16", name = "venue", means = "venue" },
    { kind = "u8", name = "token0Decimals" },
    { kind = "u8", name = "token1Decimals" },
  } },
  [7] = { name = "OrderBookDelta", abbreviation = "orderBookDelta", doc = "the price levels that changed between two book versions", domain = 1, fixed_bytes = 40, fields = {
    { kind = "instrument", name = "instrument" },
    { kind = "u64", name = "exchangeTimestamp", doc = "ns since the Unix epoch", means = "time" },
    { kind = "u64", name = "version", doc = "the book version after these changes" },
    { kind = "u64", name = "previousVersion", doc = "the book version that they apply to" },
    { kind = "count", of = "changes", encoding = "u16" },
    { kind = "u8", name = "flags", doc = "bit 0: more chunks of the same version follow" },
    { kind = "pad", size = 1 },
    { kind = "group", name = "changes", fields = {
      { kind = "i64", name = "price", doc = "fixed-point, 1e-8 units of the quote currency", means = "price" },
      { kind = "u64", name = "size", doc = "the new absolute size, 0 on remove", means = "size" },
      { kind = "u8", name = "side", doc = "1 bid, 2 ask", values = { [1] = "bid", [2] = "ask" } },
      { kind = "u8", name = "action", doc = "0 add, 1 update, 2 remove", values = { [0] = "add", [1] = "update", [2] = "remove" } },
      { kind = "pad", size = 2 },
    } },
  } },
  [8] = { name = "PoolSync", abbreviation = "poolSync", doc = "the reserves of a constant-product pool", domain = 1, fixed_bytes = 76, fields = {
    { kind = "bytes", name = "poolAddress", size = 20 },
    { kind = "u128", name = "reserve0", doc = "native token units" },
    { kind = "u128", name = "reserve1", doc = "native token units" },
    { kind = "u64", name = "blockNumber" },
    { kind = "u64", name = "exchangeTimestamp", doc = "ns since the Unix epoch (block time)", means = "time" },
    { kind = "u32", name = "logIndex" },
    { kind = "u16", name = "venue", means = "venue" },
    { kind = "u8", name = "token0Decimals" },
    { kind = "u8", name = "token1Decimals" },
  } },
  [9] = { name = "ChainReorg", abbreviation = "chainReorg", doc = "blocks that no longer count: undo what was told of them", domain = 1, fixed_bytes = 88, fields = {
    { kind = "bytes", name = "oldHead", size = 32 },
    { kind = "bytes", name = "newHead", size = 32 },
    { kind = "u64", name = "forkBlock", doc = "the last block that both share" },
    { kind = "u64", name = "timestamp", doc = "ns since the Unix epoch", means = "time" },
    { kind = "u32", name = "chainId" },
    { kind = "u32", name = "depth", doc = "blocks undone" },
  } },
  [10] = { name = "InstrumentDiscovered", abbreviation = "instrumentDiscovered", doc = "a new instrument", domain = 1, fixed_bytes = 18, fields = {
    { kind = "instrument", name = "instrument" },
    { kind = "u8", name = "priceDecimals" },
    { kind = "u8", name = "sizeDecimals" },
    { kind = "len", of = "symbol", encoding = "u8" },
    { kind = "pad", size = 1 },
    { kind = "len", of = "metadata", encoding = "u16" },
    { kind = "text", name = "symbol" },
    { kind = "blob", name = "metadata", doc = "a MessagePack map, or empty" },
  } },
  [11] = { name = "PoolDiscovered", abbreviation = "poolDiscovered", doc = "a new DEX pool", domain = 1, fixed_bytes = 104, fields = {
    { kind = "instrument", name = "pool" },
    { kind = "instrument", name = "token0" },
    { kind = "instrument", name = "token1" },
    { kind = "bytes", name = "poolAddress", size = 20 },
    { kind = "bytes", name = "token0Address", size = 20 },
    { kind = "bytes", name = "token1Address", size = 20 },
    { kind = "u32", name = "feePpm", doc = "parts per million" },
    { kind = "u8", name = "token0Decimals" },
    { kind = "u8", name = "token1Decimals" },
    { kind = "u8", name = "poolType", doc = "1 constant product (V2), 2 concentrated (V3), 3 stable (Curve)", values = { [1] = "constant product", [2] = "concentrated", [3] = "stable" } },
    { kind = "len", of = "symbol", encoding = "u8" },
    { kind = "text", name = "symbol" },
  } },
  [12] = { name = "VenueUpdate", abbreviation = "venueUpdate", doc = "a venue changed its state", domain = 1, fixed_bytes = 14, fields = {
    { kind = "u64", name = "timestamp", doc = "ns since the Unix epoch", means = "time" },
    { kind = "u16", name = "venue", means = "venue" },
    { kind = "u8", name = "status", doc = "1 up, 2 degraded, 3 down, 4 halted", values = { [1] = "up", [2] = "degraded", [3] = "down", [4] = "halted" } },
    { kind = "pad", size = 1 },
    { kind = "len", of = "reason", encoding = "u16" },
    { kind = "text", name = "reason" },
  } },
  [13] = { name = "InstrumentStatus", abbreviation = "instrumentStatus", doc = "whether an instrument's data can be trusted", domain = 1, fixed_bytes = 24, fields = {
    { kind = "u64", name = "timestamp", doc = "ns since the Unix epoch", means = "time" },
    { kind = "instrument", name = "instrument" },
    { kind = "u8", name = "status", doc = "1 syncing, 2 live, 3 stale, 4 halted", values = { [1] = "syncing", [2] = "live", [3] = "stale", [4] = "halted" } },
    { kind = "u8", name = "reason", doc = "0 none, 1 gap, 2 wrong checksum, 3 crossed book, 4 silent feed, 5 disconnected, 6 venue says so", values = { [0] = "none", [1] = "gap", [2] = "wrong checksum", [3] = "crossed book", [4] = "silent feed", [5] = "disconnected", [6] = "venue says so" } },
    { kind = "pad", size = 2 },
  } },
  [20] = { name = "SignalIdentity", abbreviation = "signalIdentity", doc = "which strategy says it, and which signal it is", domain = 2, fixed_bytes = 16, fields = {
    { kind = "u64", name = "signalId" },
    { kind = "u32", name = "signalNonce", doc = "monotonic per source and strategy" },
    { kind = "u16", name = "strategyId" },
    { kind = "u8", name = "version" },
    { kind = "u8", name = "adapterId" },
  } },
  [21] = { name = "ArbitrageSignal", abbreviation = "arbitrageSignal", doc = "an arbitrage opportunity across venues", domain = 2, fixed_bytes = 52, fields = {
    { kind = "instrument", name = "base" },
    { kind = "instrument", name = "quote" },
    { kind = "i64", name = "estimatedProfit", doc = "fixed-point, 1e-8 units of the quote currency", means = "price" },
    { kind = "u64", name = "expiresAt", doc = "ns since the Unix epoch", means = "time" },
    { kind = "u32", name = "spreadBps" },
    { kind = "u16", name = "venueA", means = "venue" },
    { kind = "u16", name = "venueB", means = "venue" },
    { kind = "u16", name = "confidence", doc = "0-10000" },
    { kind = "count", of = "legs", encoding = "u8" },
    { kind = "pad", size = 1 },
    { kind = "group", name = "legs", fields = {
      { kind = "instrument", name = "instrument" },
      { kind = "i64", name = "price", doc = "fixed-point, 1e-8 units of the quote currency", means = "price" },
      { kind = "u64", name = "size", doc = "fixed-point, 1e-8 units of the base asset", means = "size" },
      { kind = "u8", name = "side", doc = "1 buy, 2 sell", values = { [1] = "buy", [2] = "sell" } },
      { kind = "pad", size = 3 },
    } },
  } },
  [22] = { name = "MomentumSignal", abbreviation = "momentumSignal", doc = "a momentum indicator", domain = 2, fixed_bytes = 32, fields = {
    { kind = "instrument", name = "instrument" },
    { kind = "i64", name = "strength", doc = "fixed-point 1e-8", means = "price" },
    { kind = "u64", name = "horizon", doc = "ns", means = "span" },
    { kind = "u16", name = "confidence", doc = "0-10000" },
    { kind = "i8", name = "direction", doc = "-1, 0, 1" },
    { kind = "u8", name = "timeframe", doc = "0 tick, 1 second, 2 minute, 3 hour, 4 day", values = { [0] = "tick", [1] = "second", [2] = "minute", [3] = "hour", [4] = "day" } },
  } },
  [23] = { name = "LiquidationAlert", abbreviation = "liquidationAlert", doc = "a position close to its liquidation", domain = 2, fixed_bytes = 48, fields = {
    { kind = "instrument", name = "instrument" },
    { kind = "i64", name = "liquidationPrice", doc = "fixed-point, 1e-8 units of the quote currency", means = "price" },
    { kind = "i64", name = "markPrice", doc = "fixed-point, 1e-8 units of the quote currency", means = "price" },
    { kind = "u64", name = "positionSize", doc = "fixed-point, 1e-8 units of the base asset", means = "size" },
    { kind = "u64", name = "positionId" },
    { kind = "u16", name = "leverageBps" },
    { kind = "u8", name = "side" },
    { kind = "u8", name = "severity", doc = "0-255" },
  } },
  [24] = { name = "RiskMetric", abbreviation = "riskMetric", doc = "a measured risk against its limit", domain = 2, fixed_bytes = 32, fields = {
    { kind = "instrument", name = "instrument", doc = "all zero: the whole portfolio" },
    { kind = "i64", name = "value", doc = "fixed-point 1e-8", means = "price" },
    { kind = "i64", name = "limit", doc = "fixed-point 1e-8", means = "price" },
    { kind = "u16", name = "strategyId" },
    { kind = "u8", name = "metric", doc = "1 exposure, 2 value at risk, 3 drawdown, 4 leverage, 5 concentration, 6 order rate, 200 and above the user's own", values = { [1] = "exposure", [2] = "value at risk", [3] = "drawdown", [4] = "leverage", [5] = "concentration", [6] = "order rate" } },
    { kind = "u8", name = "severity", doc = "1 info, 2 warning, 3 limit reached, 4 trading stopped", values = { [1] = "info", [2] = "warning", [3] = "limit reached", [4] = "trading stopped" } },
  } },
  [25] = { name = "PerformanceUpdate", abbreviation = "performanceUpdate", doc = "how a strategy performs", domain = 2, fixed_bytes = 32, fields = {
    { kind = "i64", name = "realizedPnl", doc = "fixed-point, 1e-8 units of the quote currency", means = "price" },
    { kind = "i64", name = "unrealizedPnl", doc = "fixed-point, 1e-8 units of the quote currency", means = "price" },
    { kind = "u32", name = "tradeCount" },
    { kind = "i32", name = "slippageBps" },
    { kind = "u32", name = "maxDrawdownBps" },
    { kind = "u16", name = "strategyId" },
    { kind = "u16", name = "winRateBps" },
  } },
  [26] = { name = "PositionUpdate", abbreviation = "positionUpdate", doc = "a position after a change", domain = 2, fixed_bytes = 48, fields = {
    { kind = "instrument", name = "instrument" },
    { kind = "i64", name = "quantity", doc = "fixed-point, 1e-8 units of the base asset, negative = short", means = "price" },
    { kind = "i64", name = "averagePrice", doc = "fixed-point, 1e-8 units of the quote currency", means = "price" },
    { kind = "i64", name = "realizedPnl", doc = "fixed-point, 1e-8 units of the quote currency", means = "price" },
    { kind = "i64", name = "unrealizedPnl", doc = "fixed-point, 1e-8 units of the quote currency", means = "price" },
    { kind = "u16", name = "strategyId" },
    { kind = "pad", size = 2 },
  } },
  [27] = { name = "StrategyAlert", abbreviation = "strategyAlert", doc = "a message for people", domain = 2, fixed_bytes = 8, fields = {
    { kind = "u16", name = "strategyId" },
    { kind = "u16", name = "code", doc = "the strategy's own" },
    { kind = "u8", name = "severity", doc = "1 info, 2 warning, 3 error, 4 critical", values = { [1] = "info", [2] = "warning", [3] = "error", [4] = "critical" } },
    { kind = "pad", size = 1 },
    { kind = "len", of = "message", encoding = "u16" },
    { kind = "text", name = "message" },
  } },
  [28] = { name = "RebalanceSignal", abbreviation = "rebalanceSignal", doc = "target weights of a portfolio", domain = 2, fixed_bytes = 4, fields = {
    { kind = "u16", name = "strategyId" },
    { kind = "count", of = "targets", encoding = "u16" },
    { kind = "group", name = "targets", fields = {
      { kind = "instrument", name = "instrument" },
      { kind = "i32", name = "weightBps" },
    } },
  } },
  [29] = { name = "DeFiSignal", abbreviation = "deFiSignal", doc = "a self-contained DeFi execution signal; always in the extended format", domain = 2, fixed_bytes = 280, fields = {
    { kind = "u16", name = "strategyId" },
    { kind = "u64", name = "signalId" },
    { kind = "u32", name = "signalNonce" },
    { kind = "u32", name = "chainId" },
    { kind = "u8", name = "version" },
    { kind = "u8", name = "adapterId" },
    { kind = "instrument", name = "baseInstrument" },
    { kind = "instrument", name = "quoteInstrument" },
    { kind = "bytes", name = "baseTokenAddress", size = 20 },
    { kind = "bytes", name = "quoteTokenAddress", size = 20 },
    { kind = "bytes", name = "venueARouter", size = 20 },
    { kind = "bytes", name = "venueBRouter", size = 20 },
    { kind = "u8", name = "venueAType", doc = "1 UniV2, 2 UniV3, 3 Curve", values = { [1] = "UniV2", [2] = "UniV3", [3] = "Curve" } },
    { kind = "u8", name = "venueBType", doc = "0 = unused" },
    { kind = "u32", name = "feeAPpm" },
    { kind = "u32", name = "feeBPpm" },
    { kind = "u8", name = "direction", doc = "0 sell base, 1 buy base", values = { [0] = "sell base", [1] = "buy base" } },
    { kind = "u8", name = "confidence", doc = "0-100" },
    { kind = "i128", name = "expectedProfit", doc = "Q64.64" },
    { kind = "u128", name = "requiredCapital", doc = "Q64.64" },
    { kind = "u128", name = "gasEstimate", doc = "Q64.64" },
    { kind = "u128", name = "amountIn", doc = "Q64.64" },
    { kind = "u128", name = "minOut", doc = "Q64.64" },
    { kind = "u128", name = "optimalSize", doc = "Q64.64" },
    { kind = "u64", name = "observedBlock" },
    { kind = "u64", name = "validThroughBlock" },
    { kind = "u64", name = "stateHash" },
    { kind = "u32", name = "executionFlags" },
    { kind = "u16", name = "slippageBps" },
    { kind = "u16", name = "priceImpactBps" },
    { kind = "u64", name = "replacesSignalId", doc = "0 = none" },
    { kind = "u32", name = "createdAtSec", doc = "for analytics only" },
    { kind = "pad", size = 4 },
  } },
  [30] = { name = "PoolArbitrageSignal", abbreviation = "poolArbitrageSignal", doc = "an arbitrage between two pools", domain = 2, fixed_bytes = 160, fields = {
    { kind = "instrument", name = "poolA" },
    { kind = "instrument", name = "poolB" },
    { kind = "instrument", name = "token0" },
    { kind = "instrument", name = "token1" },
    { kind = "u128", name = "poolAReserve0", doc = "native token units" },
    { kind = "u128", name = "poolAReserve1", doc = "native token units" },
    { kind = "u128", name = "poolBReserve0", doc = "native token units" },
    { kind = "u128", name = "poolBReserve1", doc = "native token units" },
    { kind = "u128", name = "optimalAmountIn", doc = "native token units" },
    { kind = "u128", name = "expectedProfitWei", doc = "after gas" },
    { kind = "u32", name = "gasCostGwei" },
    { kind = "u16", name = "confidence", doc = "0-10000" },
    { kind = "u32", name = "blockNumber" },
    { kind = "u32", name = "expiresAtBlock" },
    { kind = "pad", size = 2 },
  } },
  [31] = { name = "LiquidityImbalance", abbreviation = "liquidityImbalance", doc = "a pool ratio away from its average", domain = 2, fixed_bytes = 72, fields = {
    { kind = "instrument", name = "pool" },
    { kind = "instrument", name = "token0" },
    { kind = "instrument", name = "token1" },
    { kind = "u64", name = "currentRatio", doc = "fixed-point 1e-8", means = "size" },
    { kind = "u64", name = "historicalAverageRatio", doc = "fixed-point 1e-8, 30 days", means = "size" },
    { kind = "u32", name = "deviationBps" },
    { kind = "u64", name = "volume24h", doc = "fixed-point, 1e-8 units of the base asset", means = "size" },
    { kind = "u32", name = "feeTier", doc = "e.g. 3000 = 0.3 %" },
    { kind = "pad", size = 4 },
  } },
  [32] = { name = "ImpermanentLossAlert", abbreviation = "impermanentLossAlert", doc = "a liquidity position that loses against holding", domain = 2, fixed_bytes = 40, fields = {
    { kind = "instrument", name = "pool" },
    { kind = "u64", name = "entryRatio", doc = "fixed-point 1e-8", means = "size" },
    { kind = "u64", name = "currentRatio", doc = "fixed-point 1e-8", means = "size" },
    { kind = "i64", name = "positionValue", doc = "fixed-point, 1e-8 units of the quote currency", means = "price" },
    { kind = "u32", name = "lossBps" },
  } },
  [33] = { name = "MevOpportunity", abbreviation = "mevOpportunity", doc = "an MEV opportunity", domain = 2, fixed_bytes = 104, fields = {
    { kind = "u8", name = "opportunityType", doc = "1 sandwich, 2 backrun, 3 liquidation", values = { [1] = "sandwich", [2] = "backrun", [3] = "liquidation" } },
    { kind = "u8", name = "priority" },
    { kind = "pad", size = 2 },
    { kind = "u32", name = "chainId" },
    { kind = "bytes", name = "targetTxHash", size = 32 },
    { kind = "u128", name = "estimatedProfitWei" },
    { kind = "u128", name = "victimAmountIn" },
    { kind = "u128", name = "optimalFrontrunAmount" },
    { kind = "u64", name = "maxGasPriceGwei" },
    { kind = "u32", name = "targetBlock" },
    { kind = "u32", name = "deadlineBlock" },
  } },
  [34] = { name = "FlashLoanSignal", abbreviation = "flashLoanSignal", doc = "a flash loan worth taking", domain = 2, fixed_bytes = 60, fields = {
    { kind = "instrument", name = "token" },
    { kind = "u16", name = "provider" },
    { kind = "pad", size = 2 },
    { kind = "u128", name = "amount" },
    { kind = "i128", name = "expectedProfit" },
    { kind = "u64", name = "deadlineBlock" },
    { kind = "u32", name = "feePpm" },
  } },
  [35] = { name = "YieldFarmingUpdate", abbreviation = "yieldFarmingUpdate", doc = "a farm's yield", domain = 2, fixed_bytes = 52, fields = {
    { kind = "instrument", name = "pool" },
    { kind = "instrument", name = "rewardToken" },
    { kind = "u128", name = "totalValueLocked" },
    { kind = "u64", name = "rewardRate" },
    { kind = "u32", name = "aprBps" },
  } },
  [36] = { name = "GasOptimizationSignal", abbreviation = "gasOptimizationSignal", doc = "when to send a transaction", domain = 2, fixed_bytes = 32, fields = {
    { kind = "u64", name = "baseFee", doc = "wei" },
    { kind = "u64", name = "priorityFee", doc = "wei" },
    { kind = "u64", name = "blockNumber" },
    { kind = "u32", name = "chainId" },
    { kind = "u32", name = "recommendedDelayMs" },
  } },
  [40] = { name = "OrderRequest", abbreviation = "orderRequest", doc = "a new order", domain = 3, fixed_bytes = 68, fields = {
    { kind = "instrument", name = "instrument" },
    { kind = "u64", name = "clientOrderId", doc = "the requester's source in the high 16 bits, its own counter below" },
    { kind = "i64", name = "price", doc = "fixed-point, 1e-8 units of the quote currency", means = "price" },
    { kind = "u64", name = "quantity", doc = "fixed-point, 1e-8 units of the base asset", means = "size" },
    { kind = "i64", name = "stopPrice", doc = "fixed-point, 1e-8 units of the quote currency", means = "price" },
    { kind = "u64", name = "expiresAt", doc = "ns since the Unix epoch, 0 = never", means = "time" },
    { kind = "u64", name = "signalId", doc = "0 = none" },
    { kind = "u16", name = "strategyId" },
    { kind = "u8", name = "side", doc = "1 buy, 2 sell", values = { [1] = "buy", [2] = "sell" } },
    { kind = "u8", name = "orderType", doc = "1 limit, 2 market, 3 stop, 4 stop limit", values = { [1] = "limit", [2] = "market", [3] = "stop", [4] = "stop limit" } },
    { kind = "u8", name = "timeInForce", doc = "1 GTC, 2 IOC, 3 FOK, 4 GTD", values = { [1] = "GTC", [2] = "IOC", [3] = "FOK", [4] = "GTD" } },
    { kind = "u8", name = "flags", doc = "bit 0 post-only, bit 1 reduce-only" },
    { kind = "len", of = "account", encoding = "u8" },
    { kind = "pad", size = 1 },
    { kind = "text", name = "account", doc = "at most 32 bytes" },
  } },
  [41] = { name = "OrderAck", abbreviation = "orderAck", doc = "the venue's answer to an order", domain = 3, fixed_bytes = 32, fields = {
    { kind = "u64", name = "clientOrderId" },
    { kind = "u64", name = "venueOrderId" },
    { kind = "u64", name = "exchangeTimestamp", doc = "ns since the Unix epoch", means = "time" },
    { kind = "u16", name = "venue", means = "venue" },
    { kind = "u8", name = "status", doc = "1 accepted, 2 rejected, 3 cancelled, 4 expired, 5 modified", values = { [1] = "accepted", [2] = "rejected", [3] = "cancelled", [4] = "expired", [5] = "modified" } },
    { kind = "u8", name = "rejectReason", doc = "0 none, 1 unknown instrument, 2 price, 3 quantity, 4 insufficient funds, 5 duplicate id, 6 risk limit, 7 rate limit, 8 halted, 9 would take (post-only), 10 would increase (reduce-only), 11 stale data, 255 other (see VenueReference)", values = { [0] = "none", [1] = "unknown instrument", [2] = "price", [3] = "quantity", [4] = "insufficient funds", [5] = "duplicate id", [6] = "risk limit", [7] = "rate limit", [8] = "halted", [9] = "would take", [10] = "would increase", [11] = "stale data", [255] = "other" } },
    { kind = "pad", size = 4 },
  } },
  [42] = { name = "Fill", abbreviation = "fill", doc = "an execution", domain = 3, fixed_bytes = 56, fields = {
    { kind = "instrument", name = "instrument" },
    { kind = "u64", name = "clientOrderId" },
    { kind = "u64", name = "fillId" },
    { kind = "i64", name = "price", doc = "fixed-point, 1e-8 units of the quote currency", means = "price" },
    { kind = "u64", name = "quantity", doc = "fixed-point, 1e-8 units of the base asset", means = "size" },
    { kind = "i64", name = "fee", doc = "fixed-point, 1e-8 units of the quote currency, negative = rebate; in another asset: see FeeAsset", means = "price" },
    { kind = "u8", name = "side", doc = "1 buy, 2 sell", values = { [1] = "buy", [2] = "sell" } },
    { kind = "u8", name = "liquidity", doc = "1 maker, 2 taker", values = { [1] = "maker", [2] = "taker" } },
    { kind = "pad", size = 2 },
  } },
  [43] = { name = "Cancel", abbreviation = "cancel", doc = "a cancel request", domain = 3, fixed_bytes = 24, fields = {
    { kind = "u64", name = "clientOrderId" },
    { kind = "instrument", name = "instrument" },
    { kind = "u8", name = "reason", doc = "0 by request, 1 risk, 2 timeout, 3 shutdown", values = { [0] = "by request", [1] = "risk", [2] = "timeout", [3] = "shutdown" } },
    { kind = "pad", size = 3 },
  } },
  [44] = { name = "GasPrice", abbreviation = "gasPrice", doc = "a gas price update", domain = 3, fixed_bytes = 32, fields = {
    { kind = "u64", name = "baseFee", doc = "wei" },
    { kind = "u64", name = "priorityFee", doc = "wei" },
    { kind = "u64", name = "blockNumber" },
    { kind = "u32", name = "chainId" },
    { kind = "pad", size = 4 },
  } },
  [45] = { name = "ExecutionReport", abbreviation = "executionReport", doc = "the state of an order after an event", domain = 3, fixed_bytes = 80, fields = {
    { kind = "u64", name = "clientOrderId" },
    { kind = "u64", name = "venueOrderId" },
    { kind = "instrument", name = "instrument" },
    { kind = "u8", name = "status", doc = "1 new, 2 partially filled, 3 filled, 4 cancelled, 5 rejected, 6 expired", values = { [1] = "new", [2] = "partially filled", [3] = "filled", [4] = "cancelled", [5] = "rejected", [6] = "expired" } },
    { kind = "u8", name = "side" },
    { kind = "pad", size = 2 },
    { kind = "i64", name = "lastPrice", doc = "fixed-point, 1e-8 units of the quote currency", means = "price" },
    { kind = "u64", name = "lastQuantity", doc = "fixed-point, 1e-8 units of the base asset", means = "size" },
    { kind = "u64", name = "cumulativeQuantity", doc = "fixed-point, 1e-8 units of the base asset", means = "size" },
    { kind = "u64", name = "leavesQuantity", doc = "fixed-point, 1e-8 units of the base asset", means = "size" },
    { kind = "i64", name = "averagePrice", doc = "fixed-point, 1e-8 units of the quote currency", means = "price" },
    { kind = "u64", name = "exchangeTimestamp", doc = "ns since the Unix epoch", means = "time" },
  } },
  [46] = { name = "OrderModify", abbreviation = "orderModify", doc = "a change of a live order", domain = 3, fixed_bytes = 40, fields = {
    { kind = "u64", name = "clientOrderId" },
    { kind = "instrument", name = "instrument" },
    { kind = "pad", size = 4 },
    { kind = "i64", name = "newPrice", doc = "fixed-point, 1e-8 units of the quote currency", means = "price" },
    { kind = "u64", name = "newQuantity", doc = "fixed-point, 1e-8 units of the base asset", means = "size" },
  } },
  [47] = { name = "CancelAll", abbreviation = "cancelAll", doc = "cancel every open order that matches; the kill switch", domain = 3, fixed_bytes = 16, fields = {
    { kind = "instrument", name = "instrument", doc = "all zero: every instrument" },
    { kind = "u16", name = "strategyId", doc = "0: every strategy" },
    { kind = "u8", name = "reason", doc = "as in Cancel", values = { [0] = "by request", [1] = "risk", [2] = "timeout", [3] = "shutdown" } },
    { kind = "u8", name = "flags", doc = "bit 0: refuse new orders until told otherwise; bit 1: accept them again" },
  } },
  [80] = { name = "Heartbeat", abbreviation = "heartbeat", doc = "a service is alive", domain = 4, fixed_bytes = 16, fields = {
    { kind = "u8", name = "status", doc = "1 starting, 2 healthy, 3 degraded, 4 unhealthy, 5 stopping", values = { [1] = "starting", [2] = "healthy", [3] = "degraded", [4] = "unhealthy", [5] = "stopping" } },
    { kind = "pad", size = 3 },
    { kind = "u32", name = "intervalMs" },
    { kind = "u64", name = "lastSequence", doc = "the last sequence that this source sent" },
  } },
  [81] = { name = "StatusReport", abbreviation = "statusReport", doc = "a service's health in numbers", domain = 4, fixed_bytes = 48, fields = {
    { kind = "u64", name = "uptime", doc = "ns", means = "span" },
    { kind = "u64", name = "messagesProcessed" },
    { kind = "u64", name = "errors" },
    { kind = "u64", name = "latencyP50", doc = "ns", means = "span" },
    { kind = "u64", name = "latencyP99", doc = "ns", means = "span" },
    { kind = "u32", name = "activeConnections" },
    { kind = "u8", name = "status", doc = "as in Heartbeat", values = { [1] = "starting", [2] = "healthy", [3] = "degraded", [4] = "unhealthy", [5] = "stopping" } },
    { kind = "pad", size = 3 },
  } },
  [82] = { name = "Snapshot", abbreviation = "snapshot", doc = "a chunk of a service's state", domain = 4, fixed_bytes = 24, fields = {
    { kind = "u64", name = "snapshotId" },
    { kind = "u32", name = "chunkIndex", doc = "0-based" },
    { kind = "u32", name = "chunkCount", doc = "at least 1" },
    { kind = "count", of = "positions", encoding = "u16" },
    { kind = "pad", size = 6 },
    { kind = "group", name = "positions", doc = "in chunk 0 only", fields = {
      { kind = "u64", name = "lastSequence", doc = "the state holds all of this source up to here" },
      { kind = "u16", name = "source", means = "source" },
      { kind = "u8", name = "relayDomain", means = "domain" },
      { kind = "pad", size = 5 },
    } },
    { kind = "rest", name = "data" },
  } },
  [83] = { name = "Error", abbreviation = "error", doc = "what went wrong with a message", domain = 4, fixed_bytes = 14, fields = {
    { kind = "u64", name = "refSequence" },
    { kind = "u16", name = "refSource", means = "source" },
    { kind = "u16", name = "code" },
    { kind = "len", of = "message", encoding = "u16" },
    { kind = "text", name = "message" },
  } },
  [84] = { name = "ConfigUpdate", abbreviation = "configUpdate", doc = "a new configuration", domain = 4, fixed_bytes = 8, fields = {
    { kind = "u64", name = "revision" },
    { kind = "rest", name = "body", doc = "a MessagePack map" },
  } },
  [85] = { name = "SchemaAnnounce", abbreviation = "schemaAnnounce", doc = "a TLV type registered at run time", domain = 4, fixed_bytes = 4, fields = {
    { kind = "u8", name = "type", doc = "200-254", means = "type" },
    { kind = "u8", name = "version" },
    { kind = "u8", name = "domain", means = "domain" },
    { kind = "len", of = "name", encoding = "u8" },
    { kind = "text", name = "name" },
    { kind = "rest", name = "schema", doc = "a MessagePack map" },
  } },
  [90] = { name = "Hello", abbreviation = "hello", doc = "session control: who connects, and what it can do", domain = 4, fixed_bytes = 24, fields = {
    { kind = "u8", name = "protocolVersion" },
    { kind = "u8", name = "role", doc = "1 producer, 2 consumer, 3 both", values = { [1] = "producer", [2] = "consumer", [3] = "both" } },
    { kind = "u8", name = "compressionMask", doc = "bit n: codec n" },
    { kind = "u8", name = "cipherMask", doc = "bit n: cipher n" },
    { kind = "bytes", name = "sessionNonce", size = 16, doc = "fresh random" },
    { kind = "len", of = "name", encoding = "u8" },
    { kind = "u8", name = "keyId", doc = "which shared secret, 0 without cipher" },
    { kind = "len", of = "token", encoding = "u16" },
    { kind = "text", name = "name" },
    { kind = "blob", name = "token", doc = "empty where no authentication is asked" },
  } },
  [91] = { name = "Welcome", abbreviation = "welcome", doc = "session control: what was agreed", domain = 4, fixed_bytes = 32, fields = {
    { kind = "u64", name = "sessionId" },
    { kind = "u8", name = "protocolVersion" },
    { kind = "u8", name = "compression", means = "compression" },
    { kind = "u8", name = "cipher", means = "cipher" },
    { kind = "u8", name = "keyId", doc = "as in Hello" },
    { kind = "pad", size = 4 },
    { kind = "bytes", name = "sessionNonce", size = 16, doc = "fresh random" },
  } },
  [92] = { name = "Subscribe", abbreviation = "subscribe", doc = "session control: what a consumer wants", domain = 4, fixed_bytes = 8, fields = {
    { kind = "u32", name = "subscriptionId" },
    { kind = "count", of = "types", encoding = "u8" },
    { kind = "u8", name = "flags", doc = "bit 0: conflate quotes (newest per instrument)" },
    { kind = "count", of = "instruments", encoding = "u16" },
    { kind = "group", name = "types", doc = "none = all types", fields = {
      { kind = "u8", name = "type", means = "type" },
    } },
    { kind = "group", name = "instruments", doc = "none = all instruments", fields = {
      { kind = "instrument", name = "instrument" },
    } },
  } },
  [93] = { name = "Unsubscribe", abbreviation = "unsubscribe", doc = "session control", domain = 4, fixed_bytes = 4, fields = {
    { kind = "u32", name = "subscriptionId" },
  } },
  [94] = { name = "RetransmitRequest", abbreviation = "retransmitRequest", doc = "session control: send these again", domain = 4, fixed_bytes = 24, fields = {
    { kind = "u64", name = "fromSequence", doc = "first wanted" },
    { kind = "u64", name = "toSequence", doc = "last wanted, inclusive" },
    { kind = "u32", name = "requestId" },
    { kind = "u16", name = "source", means = "source" },
    { kind = "pad", size = 2 },
  } },
  [95] = { name = "Gap", abbreviation = "gap", doc = "session control: these will not come", domain = 4, fixed_bytes = 24, fields = {
    { kind = "u64", name = "fromSequence" },
    { kind = "u64", name = "toSequence", doc = "inclusive" },
    { kind = "u32", name = "requestId", doc = "0 = not an answer" },
    { kind = "u16", name = "source", means = "source" },
    { kind = "u8", name = "reason", doc = "0 complete: all that was asked for was sent or filtered, 1 lost in transport, 2 dropped for a slow consumer, 3 ring overrun, 4 no longer retained, 5 conflated", values = { [0] = "complete: all that was asked for was sent or filtered", [1] = "lost in transport", [2] = "dropped for a slow consumer", [3] = "ring overrun", [4] = "no longer retained", [5] = "conflated" } },
    { kind = "pad", size = 1 },
  } },
  [96] = { name = "Ping", abbreviation = "ping", doc = "session control", domain = 4, fixed_bytes = 16, fields = {
    { kind = "u64", name = "nonce" },
    { kind = "u64", name = "timestamp", doc = "ns since the Unix epoch", means = "time" },
  } },
  [97] = { name = "Pong", abbreviation = "pong", doc = "session control: both fields as in the Ping", domain = 4, fixed_bytes = 16, fields = {
    { kind = "u64", name = "nonce" },
    { kind = "u64", name = "timestamp", doc = "ns since the Unix epoch", means = "time" },
  } },
  [98] = { name = "Goodbye", abbreviation = "goodbye", doc = "session control: why the session ends", domain = 4, fixed_bytes = 4, fields = {
    { kind = "u16", name = "code", doc = "see Sessions", values = { [1] = "NotAuthorized", [2] = "ProtocolError", [3] = "SlowConsumer", [4] = "ShuttingDown", [5] = "IdleTooLong", [6] = "TooManyConnections", [7] = "SourceInUse", [8] = "NothingInCommon" } },
    { kind = "len", of = "reason", encoding = "u16" },
    { kind = "text", name = "reason" },
  } },
  [99] = { name = "Control", abbreviation = "control", doc = "session control: everything else", domain = 4, fixed_bytes = 8, fields = {
    { kind = "u16", name = "opcode", doc = "1 SubscribeAck, 2 Reject (body: why, UTF-8), 3 SnapshotRequest (body: instruments of 12 bytes, none = all), 4 SchemaRequest (body: types, one byte each)", values = { [1] = "SubscribeAck", [2] = "Reject", [3] = "SnapshotRequest", [4] = "SchemaRequest" } },
    { kind = "pad", size = 2 },
    { kind = "u32", name = "requestId", doc = "the subscriptionId or the request that it belongs to" },
    { kind = "rest", name = "body" },
  } },
  [101] = { name = "PoolAddresses", abbreviation = "poolAddresses", doc = "pool contracts for quoter calls", domain = 0, fixed_bytes = 42, fields = {
    { kind = "bytes", name = "venueAPool", size = 20 },
    { kind = "bytes", name = "venueBPool", size = 20 },
    { kind = "pad", size = 2 },
  } },
  [102] = { name = "TertiaryVenue", abbreviation = "tertiaryVenue", doc = "a third venue, for triangular arbitrage", domain = 0, fixed_bytes = 30, fields = {
    { kind = "bytes", name = "venueCRouter", size = 20 },
    { kind = "u8", name = "venueCType" },
    { kind = "u32", name = "feeCPpm" },
    { kind = "pad", size = 5 },
  } },
  [103] = { name = "MevBundle", abbreviation = "mevBundle", doc = "bundle preferences", domain = 0, fixed_bytes = 43, fields = {
    { kind = "u32", name = "targetBuilder" },
    { kind = "u32", name = "bundleUuid" },
    { kind = "u8", name = "maxBundleSize" },
    { kind = "u64", name = "priorityFeeGwei" },
    { kind = "u8", name = "targetBlockRange", doc = "1-3" },
    { kind = "u8", name = "submissionStrategy", doc = "1 Flashbots, 2 MEV-Share", values = { [1] = "Flashbots", [2] = "MEV-Share" } },
    { kind = "u64", name = "relayPreferences" },
    { kind = "pad", size = 16 },
  } },
  [104] = { name = "SlippageModel", abbreviation = "slippageModel", doc = "how slippage grows with size", domain = 0, fixed_bytes = 16, fields = {
    { kind = "u32", name = "baseBps" },
    { kind = "u32", name = "linearBps", doc = "per unit of optimal size" },
    { kind = "u32", name = "quadraticBps" },
    { kind = "u32", name = "maxBps" },
  } },
  [105] = { name = "VenueReference", abbreviation = "venueReference", doc = "the venue's own id of the event", domain = 0, fixed_bytes = 0, fields = {
    { kind = "text-rest", name = "reference", doc = "e.g. a trade id or a transaction hash" },
  } },
  [106] = { name = "TraceContext", abbreviation = "traceContext", doc = "W3C trace context", domain = 0, fixed_bytes = 28, fields = {
    { kind = "bytes", name = "traceId", size = 16 },
    { kind = "bytes", name = "spanId", size = 8 },
    { kind = "u8", name = "traceFlags" },
    { kind = "pad", size = 3 },
  } },
  [107] = { name = "Decimals", abbreviation = "decimals", doc = "the fixed-point scale of the TLVs before it, where it is not 8 and 8", domain = 0, fixed_bytes = 4, fields = {
    { kind = "u8", name = "price" },
    { kind = "u8", name = "size" },
    { kind = "pad", size = 2 },
  } },
  [108] = { name = "ReceiveTimestamp", abbreviation = "receiveTimestamp", doc = "when the adapter read the event from the venue", domain = 0, fixed_bytes = 8, fields = {
    { kind = "u64", name = "receivedAt", doc = "ns since the Unix epoch", means = "time" },
  } },
  [109] = { name = "FeeAsset", abbreviation = "feeAsset", doc = "the asset in which a fee was paid", domain = 0, fixed_bytes = 12, fields = {
    { kind = "instrument", name = "instrument" },
  } },
  [111] = { name = "FlashLoanParams", abbreviation = "flashLoanParams", doc = "which loan to take", domain = 0, fixed_bytes = 44, fields = {
    { kind = "u128", name = "amount" },
    { kind = "bytes", name = "token", size = 20 },
    { kind = "u32", name = "feePpm" },
    { kind = "u16", name = "provider" },
    { kind = "pad", size = 2 },
  } },
  [112] = { name = "LiquidationTarget", abbreviation = "liquidationTarget", doc = "whom to liquidate", domain = 0, fixed_bytes = 84, fields = {
    { kind = "bytes", name = "account", size = 20 },
    { kind = "bytes", name = "debtToken", size = 20 },
    { kind = "bytes", name = "collateralToken", size = 20 },
    { kind = "u128", name = "debtAmount" },
    { kind = "u64", name = "healthFactor", doc = "fixed-point 1e-8", means = "size" },
  } },
  [113] = { name = "SandwichParams", abbreviation = "sandwichParams", doc = "sandwich sizes", domain = 0, fixed_bytes = 64, fields = {
    { kind = "bytes", name = "victimTxHash", size = 32 },
    { kind = "u128", name = "frontrunAmount" },
    { kind = "u128", name = "backrunAmount" },
  } },
  [121] = { name = "GasHints", abbreviation = "gasHints", doc = "gas hints", domain = 0, fixed_bytes = 24, fields = {
    { kind = "u64", name = "maxFeePerGas", doc = "wei" },
    { kind = "u64", name = "maxPriorityFee", doc = "wei" },
    { kind = "u64", name = "gasLimit" },
  } },
  [122] = { name = "CrossChain", abbreviation = "crossChain", doc = "bridge parameters", domain = 0, fixed_bytes = 32, fields = {
    { kind = "u32", name = "sourceChainId" },
    { kind = "u32", name = "targetChainId" },
    { kind = "bytes", name = "bridge", size = 20 },
    { kind = "u32", name = "maxDelaySec" },
  } },
  [123] = { name = "Layer2Params", abbreviation = "layer2Params", doc = "L2 parameters", domain = 0, fixed_bytes = 16, fields = {
    { kind = "u64", name = "l1BaseFee", doc = "wei" },
    { kind = "u32", name = "l1FeeScalar" },
    { kind = "u32", name = "batchDelayMs" },
  } },
}
-- /generated

local MESSAGE_MAGIC = 0xDEADBEEF
local ENVELOPE_MAGIC = 0xA1FA50E1
local FRAGMENT_MAGIC = 0xA1FA50F2
local HEADER_BYTES = 32
local SHORT_HEADER_BYTES = 24 -- of envelopes and fragments
local TAG_BYTES = 16
local COMPRESSIONS = { [0] = "none", [1] = "LZ4", [2] = "Zstandard", [3] = "Snappy" }
local CIPHERS = { [0] = "none", [1] = "ChaCha20-Poly1305" }
local TYPE_NAMES = {}
for number, definition in pairs(TYPES) do TYPE_NAMES[number] = definition.name end
local NAMES = {
  venue = VENUES, source = SOURCES, domain = DOMAINS, type = TYPE_NAMES, compression = COMPRESSIONS, cipher = CIPHERS,
}
local BYTES_OF = {
  u8 = 1, i8 = 1, u16 = 2, i16 = 2, u32 = 4, i32 = 4, u64 = 8, i64 = 8, u128 = 16, i128 = 16, u160 = 20,
  instrument = 12,
}

local alphapulse = Proto("alphapulse", "AlphaPulse")

-- Preferences ---------------------------------------------------------------------------------------------------------

local CRC32C, CRC32, NONE = 1, 2, 3
alphapulse.prefs.checksum = Pref.enum("Checksum", CRC32C, "Which checksum messages carry", {
  { 1, "CRC-32C", CRC32C }, { 2, "CRC-32", CRC32 }, { 3, "none (do not verify)", NONE },
}, false)
alphapulse.prefs.ports = Pref.range("Ports", "", "TCP and UDP ports that carry nothing else", 65535)
alphapulse.prefs.payload_max = Pref.uint("Largest payload", 1048576, "Bytes; a message that says more is an error")

-- Fields --------------------------------------------------------------------------------------------------------------

local all_fields = {}

local function declare(field)
  all_fields[#all_fields + 1] = field
  return field
end

local header = {
  magic = declare(ProtoField.uint32("alphapulse.magic", "Magic", base.HEX)),
  version = declare(ProtoField.uint8("alphapulse.version", "Version")),
  domain = declare(ProtoField.uint8("alphapulse.relayDomain", "Domain", base.DEC, DOMAINS)),
  source = declare(ProtoField.uint16("alphapulse.source", "Source", base.DEC, SOURCES)),
  sequence = declare(ProtoField.uint64("alphapulse.sequence", "Sequence")),
  incarnation = declare(ProtoField.uint32("alphapulse.sequence.incarnation", "Incarnation")),
  counter = declare(ProtoField.uint64("alphapulse.sequence.counter", "Counter")),
  timestamp = declare(ProtoField.uint64("alphapulse.timestamp", "Timestamp")),
  payload_size = declare(ProtoField.uint32("alphapulse.payloadSize", "Payload size")),
  checksum = declare(ProtoField.uint32("alphapulse.checksum", "Checksum", base.HEX)),
  checksum_status = declare(ProtoField.uint8("alphapulse.checksum.status", "Checksum status", base.DEC,
    { [0] = "Bad", [1] = "Good", [2] = "Unverified" })),
}
local row = {
  unknown = declare(ProtoField.none("alphapulse.tlv", "TLV")),
  type = declare(ProtoField.uint8("alphapulse.tlv.type", "Type", base.DEC, TYPE_NAMES)),
  length = declare(ProtoField.uint16("alphapulse.tlv.length", "Length")),
  value = declare(ProtoField.bytes("alphapulse.tlv.value", "Value")),
}
local id = {
  venue = declare(ProtoField.uint16("alphapulse.instrument.venue", "Venue", base.DEC, VENUES)),
  asset_type = declare(ProtoField.uint8("alphapulse.instrument.assetType", "Asset type", base.DEC, ASSET_TYPES)),
  asset_id = declare(ProtoField.uint64("alphapulse.instrument.assetId", "Asset id")),
  symbol = declare(ProtoField.string("alphapulse.instrument.symbol", "Symbol")),
}
local envelope = {
  magic = declare(ProtoField.uint32("alphapulse.envelope.magic", "Magic", base.HEX)),
  version = declare(ProtoField.uint8("alphapulse.envelope.version", "Version")),
  compression = declare(ProtoField.uint8("alphapulse.envelope.compression", "Compression", base.DEC, COMPRESSIONS)),
  cipher = declare(ProtoField.uint8("alphapulse.envelope.cipher", "Cipher", base.DEC, CIPHERS)),
  key_id = declare(ProtoField.uint8("alphapulse.envelope.keyId", "Key id")),
  counter = declare(ProtoField.uint64("alphapulse.envelope.counter", "Counter")),
  body_size = declare(ProtoField.uint32("alphapulse.envelope.bodySize", "Body size")),
  plain_size = declare(ProtoField.uint32("alphapulse.envelope.plainSize", "Plain size")),
  body = declare(ProtoField.bytes("alphapulse.envelope.body", "Body")),
}
local fragment = {
  magic = declare(ProtoField.uint32("alphapulse.fragment.magic", "Magic", base.HEX)),
  version = declare(ProtoField.uint8("alphapulse.fragment.version", "Version")),
  source = declare(ProtoField.uint16("alphapulse.fragment.source", "Source", base.DEC, SOURCES)),
  index = declare(ProtoField.uint16("alphapulse.fragment.index", "Index")),
  count = declare(ProtoField.uint16("alphapulse.fragment.count", "Count")),
  length = declare(ProtoField.uint16("alphapulse.fragment.length", "Length")),
  domain = declare(ProtoField.uint8("alphapulse.fragment.relayDomain", "Domain", base.DEC, DOMAINS)),
  sequence = declare(ProtoField.uint64("alphapulse.fragment.sequence", "Sequence")),
  data = declare(ProtoField.bytes("alphapulse.fragment.data", "Data")),
}
local fault = declare(ProtoField.string("alphapulse.fault", "Fault"))
local zeros = declare(ProtoField.bytes("alphapulse.zero", "(zero)"))
local not_ours = declare(ProtoField.bytes("alphapulse.data", "Not a message"))

local PLAIN = {
  u8 = ProtoField.uint8, u16 = ProtoField.uint16, u32 = ProtoField.uint32,
  i8 = ProtoField.int8, i16 = ProtoField.int16, i32 = ProtoField.int32,
}

-- Gives a field of a schema what it is shown with, under its own name: alphapulse.trade.price.
local function declare_field(field, prefix)
  local kind = field.kind
  if kind == "pad" then return end
  local name = prefix .. "." .. (field.name or field.of)
  local label = field.name
  if PLAIN[kind] then
    field.shown = declare(PLAIN[kind](name, label, base.DEC, field.values or NAMES[field.means], nil, field.doc))
  elseif kind == "u64" then
    field.shown = declare(ProtoField.uint64(name, label, base.DEC, nil, nil, field.doc))
  elseif kind == "i64" then
    field.shown = declare(ProtoField.int64(name, label, base.DEC, nil, nil, field.doc))
  elseif kind == "u128" or kind == "i128" or kind == "u160" then
    field.shown = declare(ProtoField.bytes(name, label, base.NONE, field.doc))
    field.decimal = declare(ProtoField.string(name .. ".decimal", label .. ", decimal", base.ASCII, field.doc))
  elseif kind == "count" then
    field.shown = declare(PLAIN[field.encoding](name .. ".count", "number of " .. field.of, base.DEC))
  elseif kind == "len" then
    field.shown = declare(PLAIN[field.encoding](name .. ".length", "byte length of " .. field.of, base.DEC))
  elseif kind == "instrument" or kind == "text" or kind == "text-rest" then
    field.shown = declare(ProtoField.string(name, label, base.ASCII, field.doc))
  elseif kind == "group" or kind == "optional" then
    field.shown = declare(ProtoField.none(name, label, field.doc))
    for _, inner in ipairs(field.fields) do declare_field(inner, name) end
  else -- bytes, blob, rest
    field.shown = declare(ProtoField.bytes(name, label, base.NONE, field.doc))
  end
end

local function bytes_of(field) return field.size or BYTES_OF[field.encoding or field.kind] end

for _, definition in pairs(TYPES) do
  local name = "alphapulse." .. definition.abbreviation
  definition.shown = declare(ProtoField.none(name, definition.name, definition.doc))
  for _, field in ipairs(definition.fields) do
    declare_field(field, name)
    if field.fields then
      field.stride = 0
      for _, inner in ipairs(field.fields) do field.stride = field.stride + bytes_of(inner) end
    end
  end
end
alphapulse.fields = all_fields

local faulty = ProtoExpert.new("alphapulse.faulty", "Breaks the protocol", expert.group.PROTOCOL, expert.severity.ERROR)
local bad_checksum =
  ProtoExpert.new("alphapulse.checksum.bad", "Wrong checksum", expert.group.CHECKSUM, expert.severity.ERROR)
local odd = ProtoExpert.new("alphapulse.odd", "Unusual", expert.group.PROTOCOL, expert.severity.NOTE)
alphapulse.experts = { faulty, bad_checksum, odd }

-- Marks an item as wrong: with the code that a reader gives, and what is wrong.
local function fail(item, code, detail)
  local shown = item:add(fault, code)
  shown:set_generated()
  shown:append_text(": " .. detail)
  shown:add_proto_expert_info(code == "CHECKSUM_MISMATCH" and bad_checksum or faulty, code .. ": " .. detail)
end

-- Numbers and text ----------------------------------------------------------------------------------------------------

local xor, low_byte, drop_byte
if _VERSION == "Lua 5.1" or _VERSION == "Lua 5.2" then
  local bits = bit32 or bit
  xor = function(a, b) return bits.bxor(a, b) % 0x100000000 end
  low_byte = function(a) return a % 256 end
  drop_byte = function(a) return (a - a % 256) / 256 end
else -- operators that older versions could not even read
  xor, low_byte, drop_byte = load(
    "return function(a, b) return a ~ b end, function(a) return a & 255 end, function(a) return a >> 8 end")()
end

local function crc_table(polynomial)
  local made = {}
  for byte = 0, 255 do
    local crc = byte
    for _ = 1, 8 do
      local half = math.floor(crc / 2)
      crc = crc % 2 == 1 and xor(half, polynomial) or half
    end
    made[byte] = crc
  end
  return made
end

local TABLES = { [CRC32C] = crc_table(0x82F63B78), [CRC32] = crc_table(0xEDB88320) }

-- The checksum of strings, one behind the other.
local function checksum_of(kind, ...)
  local crcs = TABLES[kind]
  local crc = 0xFFFFFFFF
  for _, text in ipairs({ ... }) do
    for i = 1, #text do crc = xor(crcs[low_byte(xor(crc, text:byte(i)))], drop_byte(crc)) end
  end
  return xor(crc, 0xFFFFFFFF)
end

-- The integer of little-endian bytes as decimal text, of any length.
local function decimal(bytes, is_signed)
  local is_negative = is_signed and bytes:byte(-1) >= 128
  local digits = { 0 } -- to the base 10^7, the least first
  for i = #bytes, 0, -1 do
    local factor, carry = 256, 0
    if i > 0 then carry = is_negative and 255 - bytes:byte(i) or bytes:byte(i)
    else factor, carry = 1, is_negative and 1 or 0 end -- two's complement: all bits turned, and 1 added
    for d = 1, #digits do
      local value = digits[d] * factor + carry
      digits[d] = value % 10000000
      carry = math.floor(value / 10000000)
    end
    if carry > 0 then digits[#digits + 1] = carry end
  end
  local parts = { string.format("%s%d", is_negative and "-" or "", digits[#digits]) }
  for d = #digits - 1, 1, -1 do parts[#parts + 1] = string.format("%07d", digits[d]) end
  return table.concat(parts)
end

-- A whole number as decimal text, moved by so many decimals: "12170651000000", 8 gives "121706.51".
local function scaled(text, decimals)
  if decimals == 0 then return text end
  local sign, digits = text:match("^(-?)(%d+)$")
  digits = ("0"):rep(decimals + 1 - #digits) .. digits
  local fraction = digits:sub(-decimals):gsub("0+$", "")
  return sign .. digits:sub(1, -decimals - 1) .. (fraction == "" and "" or "." .. fraction)
end

-- Nanoseconds since 1970 as a date.
local function date_of(text)
  local digits = ("0"):rep(10 - #text) .. text
  local fine, seconds = pcall(os.date, "!%Y-%m-%d %H:%M:%S", tonumber(digits:sub(1, -10)))
  return fine and seconds .. "." .. digits:sub(-9) .. " UTC" or nil
end

-- Nanoseconds as seconds.
local function span_of(text) return scaled(text, 9) .. " s" end

-- Whether it is valid UTF-8: neither cut, nor too long a form, nor a surrogate, nor beyond U+10FFFF.
local function is_utf8(text)
  local i = 1
  while i <= #text do
    local first = text:byte(i)
    local more, least, most = 0, 0x80, 0xBF
    if first >= 0x80 then
      if first >= 0xC2 and first <= 0xDF then more = 1
      elseif first >= 0xE0 and first <= 0xEF then more = 2
      elseif first >= 0xF0 and first <= 0xF4 then more = 3
      else return false end
      if first == 0xE0 then least = 0xA0 elseif first == 0xED then most = 0x9F
      elseif first == 0xF0 then least = 0x90 elseif first == 0xF4 then most = 0x8F end
    end
    for k = 1, more do
      local byte = text:byte(i + k)
      if byte == nil or byte < least or byte > most then return false end
      least, most = 0x80, 0xBF
    end
    i = i + more + 1
  end
  return true
end

local BASE38 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-"

-- The symbol in the 8 little-endian bytes of an asset id; nil where it holds none.
local function symbol_of(bytes)
  local big = { bytes:reverse():byte(1, 8) }
  if big[1] < 128 then
    local symbol = bytes:reverse():gsub("%z+$", "")
    return symbol:match("^[!-~]+$")
  end
  big[1] = big[1] - 128
  local symbol = ""
  for _ = 1, 12 do
    local remainder = 0
    for i = 1, 8 do
      local value = remainder * 256 + big[i]
      big[i] = math.floor(value / 38)
      remainder = value % 38
    end
    if remainder > 0 then symbol = BASE38:sub(remainder, remainder) .. symbol
    elseif symbol ~= "" then return nil end -- an end with characters behind it
  end
  for i = 1, 8 do if big[i] ~= 0 then return nil end end -- a hash: 38^12 or more
  return #symbol >= 9 and symbol or nil
end

-- Values --------------------------------------------------------------------------------------------------------------

local show = {}

-- Raw bytes; without a range where there are none, because an empty one at the buffer's end is an error to Wireshark.
local function add_bytes(tree, shown, tvb, offset, bytes)
  if bytes > 0 then return tree:add(shown, tvb(offset, bytes)) end
  return tree:add(shown, "")
end

local function add_text(tree, shown, tvb, offset, bytes)
  if bytes == 0 then return tree:add(shown, "") end
  local range = tvb(offset, bytes)
  local item = tree:add_packet_field(shown, range, ENC_UTF_8 + ENC_STRING)
  if not is_utf8(range:raw()) then fail(item, "BAD_TEXT", "not valid UTF-8") end
  return item
end

local function show_small(tree, tvb, offset, field)
  return tree:add_le(field.shown, tvb(offset, BYTES_OF[field.kind]))
end
for kind in pairs(PLAIN) do show[kind] = show_small end

local function show_wide(tree, tvb, offset, field, decimals)
  local range = tvb(offset, 8)
  local item = tree:add_le(field.shown, range)
  local text = tostring(field.kind == "i64" and range:le_int64() or range:le_uint64())
  local meant
  if field.means == "price" or field.means == "size" then meant = scaled(text, decimals[field.means])
  elseif field.means == "time" and text ~= "0" then meant = date_of(text)
  elseif field.means == "span" then meant = span_of(text) end
  if meant then item:append_text(" (" .. meant .. ")") end
  return item, meant or text
end
show.u64, show.i64 = show_wide, show_wide

local function show_huge(tree, tvb, offset, field)
  local range = tvb(offset, BYTES_OF[field.kind])
  local text = decimal(range:raw(), field.kind == "i128")
  local item = tree:add(field.shown, range)
  item:append_text(" (" .. text .. ")")
  item:add(field.decimal, range, text):set_generated()
  return item, text
end
show.u128, show.i128, show.u160 = show_huge, show_huge, show_huge

function show.instrument(tree, tvb, offset, field)
  local range = tvb(offset, 12)
  local venue, asset_type, bytes = tvb(offset, 2):le_uint(), tvb(offset + 2, 1):uint(), tvb(offset + 4, 8):raw()
  local symbol = asset_type ~= 50 and asset_type ~= 51 and symbol_of(bytes) or nil
  local hex = bytes:reverse():gsub(".", function(c) return string.format("%02x", c:byte()) end):gsub("^0+(.)", "%1")
  local text = table.concat(
    { VENUES[venue] or venue, ASSET_TYPES[asset_type] or asset_type, symbol or "0x" .. hex }, ":")
  local item = tree:add(field.shown, range, text)
  item:add_le(id.venue, tvb(offset, 2))
  item:add(id.asset_type, tvb(offset + 2, 1))
  item:add_le(id.asset_id, tvb(offset + 4, 8))
  if symbol then item:add(id.symbol, tvb(offset + 4, 8), symbol):set_generated() end
  return item, text
end

function show.bytes(tree, tvb, offset, field) return tree:add(field.shown, tvb(offset, field.size)) end

function show.pad(tree, tvb, offset, field)
  local range = tvb(offset, field.size)
  local item = tree:add(zeros, range)
  if range:raw():find("[^%z]") then item:add_proto_expert_info(odd, "bytes that a writer leaves 0") end
  return item
end

local function show_size(tree, tvb, offset, field) return tree:add_le(field.shown, tvb(offset, bytes_of(field))) end
show.count, show.len = show_size, show_size

-- Fields of a fixed length; returns where they end, and what of them names an entry.
local function show_row(tree, tvb, offset, fields, decimals)
  local texts = {}
  for _, field in ipairs(fields) do
    local _, text = show[field.kind](tree, tvb, offset, field, decimals)
    if text then texts[#texts + 1] = field.name .. " " .. text end
    offset = offset + bytes_of(field)
  end
  return offset, table.concat(texts, ", ")
end

local function show_group(tree, tvb, offset, field, decimals, count)
  local stride = field.stride
  local item
  if count == 0 then item = tree:add(field.shown) else item = tree:add(field.shown, tvb(offset, count * stride)) end
  item:set_text(string.format("%s: %d", field.name, count))
  for i = 0, count - 1 do
    local entry = item:add(tvb(offset + i * stride, stride), "")
    local _, text = show_row(entry, tvb, offset + i * stride, field.fields, decimals)
    entry:set_text(string.format("[%d] %s", i, text))
  end
end

-- What the counts and lengths in a value say, by the name of what they are of; or nil, and what is wrong.
local function sizes_of(definition, tvb, offset, bytes)
  local fixed_bytes = definition.fixed_bytes
  if bytes < fixed_bytes then
    return nil, string.format("%d bytes, where %s has at least %d", bytes, definition.name, fixed_bytes)
  end
  local sizes, at, whole, takes_rest, tail_bytes = {}, offset, fixed_bytes, false, 0
  for _, field in ipairs(definition.fields) do
    local kind = field.kind
    if kind == "count" or kind == "len" then sizes[field.of] = tvb(at, bytes_of(field)):le_uint() end
    if kind == "group" then whole = whole + sizes[field.name] * field.stride
    elseif kind == "text" or kind == "blob" then whole = whole + sizes[field.name]
    elseif kind == "rest" or kind == "text-rest" then takes_rest = true
    elseif kind == "optional" then tail_bytes = field.stride
    else at = at + bytes_of(field) end
  end
  if bytes == whole or bytes == whole + tail_bytes or takes_rest and bytes > whole then return sizes end
  return nil, string.format("%d bytes, where its type and counts say %d", bytes, whole)
end

local function show_value(tree, tvb, offset, bytes, definition, decimals)
  local sizes, complaint = sizes_of(definition, tvb, offset, bytes)
  if not sizes then
    fail(add_bytes(tree, row.value, tvb, offset, bytes), "BAD_LENGTH", complaint)
    return
  end
  local at, ends = offset, offset + bytes
  for _, field in ipairs(definition.fields) do
    local kind, size = field.kind, sizes[field.name]
    if kind == "group" then
      show_group(tree, tvb, at, field, decimals, size)
      at = at + size * field.stride
    elseif kind == "optional" then
      if at < ends then
        at = show_row(tree:add(field.shown, tvb(at, ends - at)), tvb, at, field.fields, decimals)
      end
    elseif kind == "text" or kind == "text-rest" then
      size = size or ends - at
      add_text(tree, field.shown, tvb, at, size)
      at = at + size
    elseif kind == "blob" or kind == "rest" then
      size = size or ends - at
      add_bytes(tree, field.shown, tvb, at, size)
      at = at + size
    else
      show[kind](tree, tvb, at, field, decimals)
      at = at + bytes_of(field)
    end
  end
end

-- The row of TLVs -----------------------------------------------------------------------------------------------------

local function is_control(type) return type >= 90 and type < 100 end
local function is_extension(type) return type >= 100 and type < 200 end

local function domain_of(type)
  if type >= 100 then return 0 elseif type >= 80 then return 4 elseif type >= 40 then return 3 end
  return type >= 20 and 2 or 1
end

-- Every TLV of a row: type, offset, value_offset, value_bytes. Then where and why it cannot be read on, if so.
local function row_of(tvb, offset, ends)
  local tlvs = {}
  while offset < ends do
    local left = ends - offset
    local type = tvb(offset, 1):uint()
    local header_bytes = 2
    if type == 0 then return tlvs, offset, "BAD_TLV", "type 0 does not exist" end
    if type == 255 then
      header_bytes = 5
      if left > 1 and tvb(offset + 1, 1):uint() ~= 0 then return tlvs, offset, "BAD_TLV", "255 is not followed by 0" end
      if left > 2 then type = tvb(offset + 2, 1):uint() end
      if left > 2 and (type == 0 or type == 255) then
        return tlvs, offset, "BAD_TLV", "type " .. type .. " in the extended form does not exist"
      end
    end
    if left < header_bytes then return tlvs, offset, "TLV_TRUNCATED", "the payload ends in a TLV's header" end
    local bytes = header_bytes == 2 and tvb(offset + 1, 1):uint() or tvb(offset + 3, 2):le_uint()
    if bytes > left - header_bytes then
      return tlvs, offset, "TLV_TRUNCATED", string.format("type %d says %d bytes, the payload ends before", type, bytes)
    end
    tlvs[#tlvs + 1] = { type = type, offset = offset, value_offset = offset + header_bytes, value_bytes = bytes }
    offset = offset + header_bytes + bytes
  end
  return tlvs
end

-- Why a type may not stand at its place.
local function misplaced(tlvs, index, domain)
  local type, first = tlvs[index].type, tlvs[1].type
  if index == 1 and is_extension(type) then return "BAD_TLV", "an extension stands first" end
  if index > 1 and (is_control(type) or is_control(first)) and not is_extension(type) then
    return "BAD_TLV", "session control has company"
  end
  local belongs = domain_of(type)
  if belongs ~= 0 and belongs ~= domain then
    return "DOMAIN_MISMATCH", string.format("type %d belongs to domain %s", type, DOMAINS[belongs])
  end
end

-- The scale of each TLV: 8 decimals, or what the extension Decimals behind it says of market data.
local function scales_of(tlvs, tvb)
  local usual = { price = 8, size = 8 }
  local scales, current = {}, usual
  for index = #tlvs, 1, -1 do
    local tlv = tlvs[index]
    if tlv.type == 107 and tlv.value_bytes == 4 then
      current = { price = tvb(tlv.value_offset, 1):uint(), size = tvb(tlv.value_offset + 1, 1):uint() }
    end
    scales[index] = tlv.type < 20 and current or usual
  end
  return scales
end

local function show_tlv(tree, tvb, tlv, decimals)
  local definition = TYPES[tlv.type]
  local name = definition and definition.name or (tlv.type >= 200 and "user type" or "unknown type")
  local header_bytes = tlv.value_offset - tlv.offset
  local item = tree:add(definition and definition.shown or row.unknown, tvb(tlv.offset, header_bytes + tlv.value_bytes))
  item:set_text(string.format("%s (%d), %d bytes", name, tlv.type, tlv.value_bytes))
  item:add(row.type, tvb(tlv.offset + (header_bytes == 5 and 2 or 0), 1))
  local length_bytes = header_bytes == 5 and 2 or 1
  item:add(row.length, tvb(tlv.value_offset - length_bytes, length_bytes), tlv.value_bytes)
  if definition then show_value(item, tvb, tlv.value_offset, tlv.value_bytes, definition, decimals)
  else add_bytes(item, row.value, tvb, tlv.value_offset, tlv.value_bytes) end
  return item, name
end

local function show_payload(tree, tvb, offset, ends, domain)
  local tlvs, stop, code, detail = row_of(tvb, offset, ends)
  local scales, names = scales_of(tlvs, tvb), {}
  for index, tlv in ipairs(tlvs) do
    local item, name = show_tlv(tree, tvb, tlv, scales[index])
    local problem, why = misplaced(tlvs, index, domain)
    if problem then fail(item, problem, why) end
    names[index] = name
  end
  if code then fail(tree:add(not_ours, tvb(stop, ends - stop)), code, detail) end
  return names
end

-- Messages ------------------------------------------------------------------------------------------------------------

local function show_sequence(tree, tvb, offset)
  local item = tree:add_le(header.sequence, tvb(offset, 8))
  local counter = UInt64.new(tvb(offset, 4):le_uint(), tvb(offset + 4, 1):uint())
  local incarnation = math.floor(tvb(offset + 4, 4):le_uint() / 256) % 8192
  item:add(header.incarnation, tvb(offset + 5, 2), incarnation):set_generated()
  item:add(header.counter, tvb(offset, 5), counter):set_generated()
  if incarnation > 0 then item:append_text(string.format(" (%s of incarnation %d)", counter, incarnation)) end
  return counter
end

local function show_checksum(tree, tvb, offset, bytes)
  local range = tvb(offset + 28, 4)
  local carried, kind = range:le_uint(), alphapulse.prefs.checksum
  local item = tree:add_le(header.checksum, range)
  if kind == NONE then
    item:add(header.checksum_status, range, 2):set_generated()
    return
  end
  local payload = bytes > HEADER_BYTES and tvb:raw(offset + HEADER_BYTES, bytes - HEADER_BYTES) or ""
  local computed = checksum_of(kind, tvb:raw(offset, 28), payload)
  item:add(header.checksum_status, range, computed == carried and 1 or 0):set_generated()
  if computed == carried then item:append_text(" (correct)")
  else fail(item, "CHECKSUM_MISMATCH", string.format("the bytes give 0x%08x", computed)) end
end

-- Shows one message of which `bytes` are there; returns what to call it.
local function show_message(tree, tvb, offset, bytes)
  local item = tree:add(alphapulse, tvb(offset, bytes))
  if bytes < HEADER_BYTES then
    fail(item:add(not_ours, tvb(offset, bytes)), "TRUNCATED", "a header has 32 bytes")
    return "a message cut short"
  end
  item:add_le(header.magic, tvb(offset, 4))
  local version, domain = tvb(offset + 4, 1):uint(), tvb(offset + 5, 1):uint()
  local version_item = item:add(header.version, tvb(offset + 4, 1))
  local domain_item = item:add(header.domain, tvb(offset + 5, 1))
  item:add_le(header.source, tvb(offset + 6, 2))
  local counter = show_sequence(item, tvb, offset + 8)
  local time = item:add_le(header.timestamp, tvb(offset + 16, 8))
  time:append_text(" (" .. (date_of(tostring(tvb(offset + 16, 8):le_uint64())) or "no date") .. ")")
  local payload_bytes = tvb(offset + 24, 4):le_uint()
  local size_item = item:add_le(header.payload_size, tvb(offset + 24, 4))
  local code, detail, at
  if version ~= 1 then code, detail, at = "UNSUPPORTED_VERSION", "version " .. version, version_item
  elseif domain < 1 or domain > 4 then code, detail, at = "BAD_DOMAIN", "domain " .. domain, domain_item
  elseif payload_bytes > alphapulse.prefs.payload_max then
    code, detail, at = "TOO_LARGE", payload_bytes .. " bytes pass the limit of the preference", size_item
  elseif payload_bytes > bytes - HEADER_BYTES then
    code, at = "TRUNCATED", size_item
    detail = string.format("%d of %d bytes are there", bytes, HEADER_BYTES + payload_bytes)
  else
    show_checksum(item, tvb, offset, bytes)
  end
  if code then
    item:add_le(header.checksum, tvb(offset + 28, 4))
    fail(at, code, detail)
    if bytes > HEADER_BYTES then item:add(not_ours, tvb(offset + HEADER_BYTES, bytes - HEADER_BYTES)) end
    item:set_text("AlphaPulse, " .. code)
    return code
  end
  local names = show_payload(item, tvb, offset + HEADER_BYTES, offset + bytes, domain)
  local name = #names == 0 and "an empty message" or table.concat(names, "+", 1, math.min(#names, 4))
  if #names > 4 then name = string.format("%s+%d more", name, #names - 4) end
  local source = tvb(offset + 6, 2):le_uint()
  item:set_text(string.format(
    "AlphaPulse, %s: %s, source %s, sequence %s", DOMAINS[domain], name, SOURCES[source] or source, counter))
  return name
end

-- Names in a row, runs of the same one counted: "Hello, 20 x Trade".
local function listed(names)
  local parts, run = {}, 0
  for index, name in ipairs(names) do
    run = run + 1
    if name ~= names[index + 1] then
      parts[#parts + 1] = run == 1 and name or string.format("%d x %s", run, name)
      run = 0
    end
  end
  return table.concat(parts, ", ", 1, math.min(#parts, 8)) .. (#parts > 8 and ", ..." or "")
end

-- What shows the message, the envelope or the fragment at an offset, and how many bytes it has in all; nil where more
-- must be there to tell.
local show_unit

local function show_messages(tree, tvb, offset, ends)
  local names = {}
  while offset < ends do
    local shows, bytes = show_unit(tvb, offset, ends - offset, true)
    bytes = math.min(bytes or ends - offset, ends - offset)
    names[#names + 1] = shows(tree, tvb, offset, bytes)
    offset = offset + bytes
  end
  return listed(names)
end

local function show_envelope(tree, tvb, offset, bytes)
  local item = tree:add(alphapulse, tvb(offset, bytes), "AlphaPulse, envelope")
  if bytes < SHORT_HEADER_BYTES then
    fail(item:add(not_ours, tvb(offset, bytes)), "TRUNCATED", "the header of an envelope has 24 bytes")
    return "an envelope cut short"
  end
  local compression, cipher = tvb(offset + 5, 1):uint(), tvb(offset + 6, 1):uint()
  item:add_le(envelope.magic, tvb(offset, 4))
  item:add(envelope.version, tvb(offset + 4, 1))
  item:add(envelope.compression, tvb(offset + 5, 1))
  item:add(envelope.cipher, tvb(offset + 6, 1))
  item:add(envelope.key_id, tvb(offset + 7, 1))
  item:add_le(envelope.counter, tvb(offset + 8, 8))
  local body_item = item:add_le(envelope.body_size, tvb(offset + 16, 4))
  local plain_item = item:add_le(envelope.plain_size, tvb(offset + 20, 4))
  local body_bytes, plain_bytes = tvb(offset + 16, 4):le_uint(), tvb(offset + 20, 4):le_uint()
  local there = bytes - SHORT_HEADER_BYTES
  if plain_bytes > alphapulse.prefs.payload_max then
    fail(plain_item, "TOO_LARGE", plain_bytes .. " bytes pass the limit of the preference")
  elseif body_bytes > there then
    fail(body_item, "TRUNCATED", string.format("%d of %d bytes are there", there, body_bytes))
  elseif compression == 0 and cipher == 0 and plain_bytes ~= body_bytes then
    fail(plain_item, "BAD_ENVELOPE", "without compression and cipher, both sizes are the same")
  end
  if there == 0 then return "an empty envelope" end
  if compression == 0 and cipher == 0 then
    return "envelope of " .. show_messages(item, tvb, offset + SHORT_HEADER_BYTES, offset + bytes)
  end
  local body = item:add(envelope.body, tvb(offset + SHORT_HEADER_BYTES, there))
  if cipher ~= 0 then body:append_text(string.format(" (encrypted, the last %d bytes are the tag)", TAG_BYTES)) end
  return string.format("envelope (%s, %s)", COMPRESSIONS[compression] or compression, CIPHERS[cipher] or cipher)
end

local function show_fragment(tree, tvb, offset, bytes)
  local item = tree:add(alphapulse, tvb(offset, bytes), "AlphaPulse, fragment")
  if bytes < SHORT_HEADER_BYTES then
    fail(item:add(not_ours, tvb(offset, bytes)), "TRUNCATED", "the header of a fragment has 24 bytes")
    return "a fragment cut short"
  end
  item:add_le(fragment.magic, tvb(offset, 4))
  item:add(fragment.version, tvb(offset + 4, 1))
  item:add_le(fragment.source, tvb(offset + 6, 2))
  item:add_le(fragment.index, tvb(offset + 8, 2))
  item:add_le(fragment.count, tvb(offset + 10, 2))
  local length = item:add_le(fragment.length, tvb(offset + 12, 2))
  item:add(fragment.domain, tvb(offset + 14, 1))
  item:add_le(fragment.sequence, tvb(offset + 16, 8))
  local there = bytes - SHORT_HEADER_BYTES
  if tvb(offset + 12, 2):le_uint() > there then fail(length, "TRUNCATED", "not all of it is there") end
  if there > 0 then item:add(fragment.data, tvb(offset + SHORT_HEADER_BYTES, there)) end
  return string.format("fragment %d of %d", tvb(offset + 8, 2):le_uint() + 1, tvb(offset + 10, 2):le_uint())
end

local function show_data(tree, tvb, offset, bytes)
  local item = tree:add(alphapulse, tvb(offset, bytes), "AlphaPulse, not a message")
  fail(item:add(not_ours, tvb(offset, bytes)), "BAD_MAGIC", "no message begins here")
  return "BAD_MAGIC"
end

local MAGIC_TEXT = "\xEF\xBE\xAD\xDE"
local STARTS = { MAGIC_TEXT, "\xE1\x50\xFA\xA1", "\xF2\x50\xFA\xA1" }

-- Whether bytes are the first of a magic.
local function is_start(bytes)
  for _, magic in ipairs(STARTS) do if magic:sub(1, #bytes) == bytes then return true end end
  return false
end

function show_unit(tvb, offset, left, is_inner)
  if left < 4 then
    if is_start(tvb:raw(offset, left)) then return show_message, nil end
    return show_data, left
  end
  local magic = tvb(offset, 4):le_uint()
  if magic == MESSAGE_MAGIC then
    if left < HEADER_BYTES then return show_message, nil end
    local payload_bytes, domain = tvb(offset + 24, 4):le_uint(), tvb(offset + 5, 1):uint()
    local is_trusted = tvb(offset + 4, 1):uint() == 1 and domain >= 1 and domain <= 4
    if not is_trusted or payload_bytes > alphapulse.prefs.payload_max then return show_message, left end
    return show_message, HEADER_BYTES + payload_bytes
  elseif magic == ENVELOPE_MAGIC and not is_inner then
    if left < SHORT_HEADER_BYTES then return show_envelope, nil end
    local body_bytes = tvb(offset + 16, 4):le_uint()
    if body_bytes > alphapulse.prefs.payload_max + 65536 then return show_envelope, left end
    return show_envelope, SHORT_HEADER_BYTES + body_bytes
  elseif magic == FRAGMENT_MAGIC and not is_inner then
    if left < SHORT_HEADER_BYTES then return show_fragment, nil end
    return show_fragment, SHORT_HEADER_BYTES + tvb(offset + 12, 2):le_uint()
  end
  -- Reading goes on where the next message seems to begin.
  local next_start = tvb:raw(offset, left):find(MAGIC_TEXT, 2, true)
  return show_data, next_start and next_start - 1 or left
end

-- Entry points --------------------------------------------------------------------------------------------------------

local function dissect(tvb, pinfo, tree, is_stream)
  local length, offset, names = tvb:len(), 0, {}
  local can_wait = is_stream and pinfo.can_desegment > 0 and tvb:reported_len() == length
  while offset < length do
    local left = length - offset
    local shows, bytes = show_unit(tvb, offset, left, false)
    if can_wait and (bytes == nil or bytes > left) then
      pinfo.desegment_offset = offset
      pinfo.desegment_len = bytes and bytes - left or DESEGMENT_ONE_MORE_SEGMENT
      break
    end
    bytes = math.min(bytes or left, left)
    names[#names + 1] = shows(tree, tvb, offset, bytes)
    offset = offset + bytes
  end
  if #names > 0 then
    pinfo.cols.protocol = "AlphaPulse"
    pinfo.cols.info:set(listed(names) .. " ")
    pinfo.cols.info:fence() -- what else this packet holds comes behind it
  end
  return length
end

local TCP = 2 -- as Wireshark numbers the kinds of port

function alphapulse.dissector(tvb, pinfo, tree) return dissect(tvb, pinfo, tree, pinfo.port_type == TCP) end

-- Whether a message, an envelope or a fragment begins here: nil where too few bytes are there to tell.
local function begins(tvb)
  local length = tvb:len()
  if not is_start(tvb:raw(0, math.min(length, 4))) then return false end
  if length < 6 then return nil end
  if tvb(4, 1):uint() ~= 1 then return false end
  local magic, sixth = tvb(0, 4):le_uint(), tvb(5, 1):uint()
  if magic == MESSAGE_MAGIC then return sixth >= 1 and sixth <= 4 end
  if magic == ENVELOPE_MAGIC then return COMPRESSIONS[sixth] ~= nil end
  return true
end

alphapulse:register_heuristic("tcp", function(tvb, pinfo, tree)
  if tvb:len() == 0 then return false end
  local found = begins(tvb)
  if found == nil and pinfo.can_desegment > 0 then -- a segment cut within the magic: look again with the next one
    pinfo.desegment_offset = 0
    pinfo.desegment_len = DESEGMENT_ONE_MORE_SEGMENT
    return true
  end
  if not found then return false end
  pinfo.conversation = alphapulse
  dissect(tvb, pinfo, tree, true)
  return true
end)

alphapulse:register_heuristic("udp", function(tvb, pinfo, tree)
  if tvb:len() == 0 or not begins(tvb) then return false end
  dissect(tvb, pinfo, tree, false)
  return true
end)

local registered = ""
function alphapulse.prefs_changed()
  for _, protocol in ipairs({ "tcp.port", "udp.port" }) do
    local ports = DissectorTable.get(protocol)
    if registered ~= "" then ports:remove(registered, alphapulse) end
    if alphapulse.prefs.ports ~= "" then ports:add(alphapulse.prefs.ports, alphapulse) end
  end
  registered = alphapulse.prefs.ports
end

DissectorTable.get("tcp.port"):add_for_decode_as(alphapulse)
DissectorTable.get("udp.port"):add_for_decode_as(alphapulse)
