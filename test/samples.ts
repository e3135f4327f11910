import { InstrumentId } from "../src/protocol/instrument-id.js";
import { AssetType, Side, Venue } from "../src/protocol/tables.js";
import type { QuoteTLV, TradeTLV } from "../src/tlvs/market-data.js";

export const BTC = InstrumentId.of(Venue.Coinbase, AssetType.SpotPair, "BTC-USD");
export const ETH = InstrumentId.of(Venue.Coinbase, AssetType.SpotPair, "ETH-USD");

/** A trade whose price tells which one it is. */
export function tradeOf(n: number, instrument = BTC): TradeTLV {
  return {
    instrument,
    price: BigInt(n),
    volume: 1_500_000n,
    exchangeTimestamp: 1_755_000_000_000_000_000n,
    side: Side.Buy,
    flags: 0,
  };
}

/** A quote whose bid tells which one it is. */
export function quoteOf(n: number, instrument = BTC): QuoteTLV {
  return { instrument, bidPrice: BigInt(n), askPrice: BigInt(n + 1), bidSize: 1n, askSize: 2n, exchangeTimestamp: 0n };
}

/** Resolves when the condition holds; looks again each turn of the event loop. */
export async function until(condition: () => boolean, timeoutMs = 5_000): Promise<void> {
  const giveUpAt = performance.now() + timeoutMs;
  while (!condition()) {
    if (performance.now() > giveUpAt) throw new Error(`not within ${timeoutMs} ms: ${condition}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}
