/** The row of types a message belongs to: one relay carries one domain (docs/protocol.md, "Message header"). */
export const RelayDomain = { MarketData: 1, Signal: 2, Execution: 3, System: 4 } as const;
export type RelayDomain = (typeof RelayDomain)[keyof typeof RelayDomain];

/** The name of a domain, for people. */
export function domainName(domain: number): string {
  const found = Object.entries(RelayDomain).find(([, value]) => value === domain);
  return found === undefined ? `domain ${domain}` : found[0];
}

/** Where an instrument trades (docs/protocol.md, "Venues"); 60000 and above are the user's own. */
export const Venue = {
  Nyse: 1,
  Nasdaq: 2,
  Arca: 3,
  Iex: 4,
  Alpaca: 10,
  Binance: 100,
  Kraken: 101,
  Coinbase: 102,
  BinanceUS: 103,
  Gemini: 104,
  Bybit: 105,
  Okx: 106,
  Bitfinex: 107,
  Deribit: 108,
  Ethereum: 200,
  Bitcoin: 201,
  Polygon: 202,
  BnbChain: 203,
  Avalanche: 204,
  Arbitrum: 205,
  Optimism: 206,
  Base: 207,
  Solana: 208,
  UniswapV2: 300,
  UniswapV3: 301,
  SushiSwap: 302,
  Curve: 303,
  Balancer: 304,
  QuickSwap: 305,
  PancakeSwap: 306,
} as const;
export type Venue = (typeof Venue)[keyof typeof Venue];

/** What kind of thing an instrument is (docs/protocol.md, "Asset types"). */
export const AssetType = {
  Stock: 1,
  Etf: 2,
  Bond: 3,
  Commodity: 4,
  Currency: 5,
  Index: 6,
  Future: 10,
  Option: 11,
  Perpetual: 12,
  SpotPair: 13,
  Token: 50,
  Pool: 51,
} as const;
export type AssetType = (typeof AssetType)[keyof typeof AssetType];

/** Who sends (docs/protocol.md, "Sources"); 1000 and above are the user's own. */
export const Source = {
  BinanceCollector: 1,
  KrakenCollector: 2,
  CoinbaseCollector: 3,
  PolygonCollector: 4,
  AlpacaCollector: 5,
  MarketDataRelay: 20,
  SignalRelay: 21,
  ExecutionRelay: 22,
  SystemRelay: 23,
  ArbitrageStrategy: 40,
  MomentumStrategy: 41,
  MarketMakingStrategy: 42,
  PortfolioManager: 60,
  RiskManager: 61,
  ExecutionEngine: 80,
  VenueConnector: 81,
  External: 100,
} as const;
export type Source = (typeof Source)[keyof typeof Source];

/** The side of an order, a fill or a taker. */
export const Side = { Unknown: 0, Buy: 1, Sell: 2 } as const;
export type Side = (typeof Side)[keyof typeof Side];
