/**
 * The assets that quote others, and what one of each is worth in US dollars, very roughly: no more than what it takes
 * to make orders and limits of a sensible size in any of them.
 */
const QUOTE_ASSETS: Readonly<Record<string, number>> = {
  FDUSD: 1,
  USDT: 1,
  USDC: 1,
  BUSD: 1,
  TUSD: 1,
  USDP: 1,
  DAI: 1,
  USD: 1,
  EUR: 1.1,
  GBP: 1.3,
  AUD: 0.65,
  BRL: 0.2,
  PLN: 0.25,
  ZAR: 0.05,
  TRY: 0.03,
  UAH: 0.025,
  MXN: 0.05,
  RUB: 0.01,
  JPY: 0.007,
  NGN: 0.000_7,
  ARS: 0.001,
  COP: 0.000_25,
  BIDR: 0.000_06,
  IDRT: 0.000_06,
  IDR: 0.000_06,
  BVND: 0.000_04,
  BTC: 60_000,
  ETH: 3_000,
  BNB: 500,
  TRX: 0.15,
  XRP: 0.6,
  DOGE: 0.1,
};

const BY_LENGTH: readonly string[] = Object.keys(QUOTE_ASSETS).sort((a, b) => b.length - a.length);

/** Base and quote asset of a symbol: `["BTC", "USDT"]`; where the quote asset is no known one, twice the symbol. */
export function assetsOf(symbol: string): readonly [string, string] {
  const quote = BY_LENGTH.find((asset) => symbol.length > asset.length && symbol.endsWith(asset));
  return quote === undefined ? [symbol, symbol] : [symbol.slice(0, -quote.length), quote];
}

/** How much of a quote asset is about as much as these US dollars; of an unknown one as many. */
export function inQuoteAsset(dollars: number, asset: string): number {
  return dollars / (QUOTE_ASSETS[asset] ?? 1);
}
