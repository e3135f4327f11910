import { AssetType, type FlyweightOf, type InstrumentId, type QuoteTLV, Side, Venue } from "alphapulse";
import { StepFinder } from "./powers-of-ten.js";

const TWO_32 = 4_294_967_296;
/** Words of a quote: bid price, bid size, ask price, ask size, each low half first. */
const QUOTE_WORDS = 8;
const PPM = 1_000_000;
/** Every quote is looked at for its steps until there were so many, then one in so many. */
const FIRST_QUOTES = 64;
const QUOTES_PER_LOOK = 16;

const KINDS: Readonly<Record<number, string>> = {
  [AssetType.SpotPair]: "spot",
  [AssetType.Perpetual]: "perp",
  [AssetType.Future]: "future",
};

/** Something with a price to be set: a leg of a signal. */
interface Priced {
  price: bigint;
  priceUnits: number;
}

/**
 * The last quote of an instrument: as nearest doubles, to decide by, and exactly, to trade by. Some prices and sizes
 * do not fit a double, so nothing that goes on the wire is made from one that might not be exact.
 */
export class TopOfBook {
  readonly instrument: InstrumentId;
  readonly symbol: string;
  /** Whether the venue's book can be trusted. */
  isLive = false;
  /** Best prices in units of 1e-8, as the nearest double. */
  bid = 0;
  ask = 0;
  /** When the quote came: whole microseconds; 0 where none did. */
  quotedAtUs = 0;
  readonly #words = new Uint32Array(QUOTE_WORDS);
  readonly #priceStep = new StepFinder();
  readonly #sizeStep = new StepFinder();
  #quoteCount = 0;

  constructor(instrument: InstrumentId, symbol: string) {
    this.instrument = instrument;
    this.symbol = symbol;
  }

  /** Takes a quote. Allocates nothing. */
  take(quote: FlyweightOf<typeof QuoteTLV>, nowUs: number): void {
    const words = this.#words;
    words[0] = quote.bidPriceLow;
    words[1] = quote.bidPriceHigh;
    words[4] = quote.askPriceLow;
    words[5] = quote.askPriceHigh;
    this.bid = (words[1]! | 0) * TWO_32 + words[0]!;
    this.ask = (words[5]! | 0) * TWO_32 + words[4]!;
    this.quotedAtUs = nowUs;
    const count = ++this.#quoteCount;
    if (count > FIRST_QUOTES && count % QUOTES_PER_LOOK !== 0) return;
    this.#priceStep.see(words[0]!, words[1]!);
    this.#priceStep.see(words[4]!, words[5]!);
    this.#sizeStep.see(quote.bidSizeLow, quote.bidSizeHigh);
    this.#sizeStep.see(quote.askSizeLow, quote.askSizeHigh);
  }

  /** Forgets the quote. */
  clear(): void {
    this.quotedAtUs = 0;
  }

  /** Whether one may act on the quote: a live book, a recent quote, and a bid below its ask. */
  isUsable(nowUs: number, ageUsMax: number): boolean {
    return (
      this.isLive && this.quotedAtUs > 0 && nowUs - this.quotedAtUs <= ageUsMax && this.bid > 0 && this.bid < this.ask
    );
  }

  /** The mean of best bid and ask, in units of 1e-8. */
  get mid(): number {
    return (this.bid + this.ask) / 2;
  }

  /** The step that sizes come in, 1 to 10^8: units of 1e-8. */
  get lot(): number {
    return this.#sizeStep.step;
  }

  /** Best bid: exact, 1e-8. */
  get exactBid(): bigint {
    return this.#price(0);
  }

  /** Best ask: exact, 1e-8. */
  get exactAsk(): bigint {
    return this.#price(4);
  }

  /**
   * Gives a leg the limit price at which it meets the best level and may pay a little more, in whole price steps:
   * exact, whether it fits a number or not.
   *
   * @param slippagePpm how much worse than the best price it may get
   */
  setLimit(leg: Priced, side: number, slippagePpm: number): void {
    const touch = side === Side.Buy ? this.ask : this.bid;
    const { step } = this.#priceStep;
    const slippage = Math.floor((touch * slippagePpm) / PPM / step) * step;
    const signed = side === Side.Buy ? slippage : -slippage;
    if (Number.isSafeInteger(touch + signed)) leg.priceUnits = touch + signed;
    else leg.price = (side === Side.Buy ? this.exactAsk : this.exactBid) + BigInt(signed);
  }

  /** The symbol and which of its markets this is, for people. */
  get label(): string {
    const { assetType, venue } = this.instrument;
    const place = venue === Venue.Binance ? "" : venue === Venue.BinanceUS ? " (US)" : ` (venue ${venue})`;
    return `${this.symbol} ${KINDS[assetType] ?? `type ${assetType}`}${place}`;
  }

  #price(at: number): bigint {
    return (BigInt((this.#words[at + 1] as number) | 0) << 32n) | BigInt(this.#words[at] as number);
  }
}
