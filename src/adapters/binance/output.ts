import type { BookSide, LevelChange } from "../../books/book-side.js";
import type { OrderBook } from "../../books/order-book.js";
import type { InstrumentId } from "../../protocol/instrument-id.js";
import type { Publisher, SendResult } from "../../protocol/publisher.js";
import type { FlyweightOf } from "../../protocol/schema/tlv.js";
import type { Side } from "../../protocol/tables.js";
import { VenueReferenceTLV } from "../../tlvs/extension.js";
import {
  InstrumentDiscoveredTLV,
  InstrumentStatusTLV,
  OrderBookDeltaTLV,
  OrderBookTLV,
  QuoteTLV,
  TradeTLV,
} from "../../tlvs/market-data.js";

/** Decimals of all that Binance sends (its filters allow no more). */
const DECIMALS = 8;
/** Bytes of the fixed part of OrderBook and of OrderBookDelta, and of their entries. */
const FIXED_BYTES = 40;
const LEVEL_BYTES = 16;
const CHANGE_BYTES = 20;
const DEPTH_LIMITED = 1; // OrderBook.flags, bit 0: Binance's snapshots stop at a depth
const MORE_CHUNKS = 1; // OrderBookDelta.flags, bit 0
const CHANGE_WORDS = 5;

/** Turns what the adapter found into messages: one TLV each, large ones in chunks. Allocates nothing for what comes often. */
export class MarketDataOutput {
  readonly #publisher: Publisher;
  readonly #levelsPerChunk: number;
  readonly #changesPerChunk: number;
  readonly #counts = { changes: 0, bids: 0, asks: 0, reference: 0 };
  /** Changes of the delta being collected: price low, price high, size low, size high, side | action << 8. */
  #changes = new Int32Array(64 * CHANGE_WORDS);
  #changeCount = 0;
  /** Messages that went. */
  sentCount = 0;
  /** Messages that did not. */
  unsentCount = 0;

  constructor(publisher: Publisher, tlvBytesMax: number) {
    this.#publisher = publisher;
    this.#levelsPerChunk = Math.max(1, Math.floor((tlvBytesMax - FIXED_BYTES) / LEVEL_BYTES));
    this.#changesPerChunk = Math.max(1, Math.floor((tlvBytesMax - FIXED_BYTES) / CHANGE_BYTES));
  }

  /** Says that there is an instrument. True where it went. */
  discovered(instrument: InstrumentId, symbol: string): boolean {
    return this.#count(
      this.#publisher.publish(InstrumentDiscoveredTLV, {
        instrument,
        priceDecimals: DECIMALS,
        sizeDecimals: DECIMALS,
        symbol,
        metadata: new Uint8Array(0),
      }),
    );
  }

  /** Says how far an instrument's book can be trusted. */
  status(instrument: InstrumentId, atUs: number, status: number, reason: number): boolean {
    const flyweight = this.#publisher.claim(InstrumentStatusTLV);
    flyweight.timestampUs = atUs;
    flyweight.instrument = instrument;
    flyweight.status = status;
    flyweight.reason = reason;
    return this.#commit();
  }

  /** A best bid and ask: eight words, as {@link RecentTops} has them. */
  quote(instrument: InstrumentId, top: Int32Array, timeMs: number): boolean {
    const quote = this.#publisher.claim(QuoteTLV);
    quote.instrument = instrument;
    quote.bidPriceLow = top[0]! >>> 0;
    quote.bidPriceHigh = top[1]! >>> 0;
    quote.bidSizeLow = top[2]! >>> 0;
    quote.bidSizeHigh = top[3]! >>> 0;
    quote.askPriceLow = top[4]! >>> 0;
    quote.askPriceHigh = top[5]! >>> 0;
    quote.askSizeLow = top[6]! >>> 0;
    quote.askSizeHigh = top[7]! >>> 0;
    quote.exchangeTimestampUs = timeMs * 1000;
    return this.#commit();
  }

  /** A trade: four words of price and size, the taker's side, and the venue's id of it. */
  trade(instrument: InstrumentId, words: Int32Array, side: number, timeMs: number, tradeId: number): boolean {
    const reference = `${tradeId}`;
    const trade = this.#publisher.claim(TradeTLV);
    trade.instrument = instrument;
    trade.priceLow = words[0]! >>> 0;
    trade.priceHigh = words[1]! >>> 0;
    trade.volumeLow = words[2]! >>> 0;
    trade.volumeHigh = words[3]! >>> 0;
    trade.exchangeTimestampUs = timeMs * 1000;
    trade.side = side;
    this.#counts.reference = reference.length;
    this.#publisher.append(VenueReferenceTLV, this.#counts).reference = reference;
    return this.#commit();
  }

  /** A whole book. False where a chunk of it did not go: the rest is not sent then. */
  book(instrument: InstrumentId, book: OrderBook, updateId: number, timeMs: number): boolean {
    const { bids, asks } = book;
    const levelCount = bids.count + asks.count;
    const chunkCount = Math.max(1, Math.ceil(levelCount / this.#levelsPerChunk));
    for (let chunk = 0; chunk < chunkCount; chunk++) {
      const from = chunk * this.#levelsPerChunk;
      const to = Math.min(from + this.#levelsPerChunk, levelCount);
      const bidFrom = Math.min(from, bids.count);
      const askFrom = Math.max(from - bids.count, 0);
      this.#counts.bids = Math.min(to, bids.count) - bidFrom;
      this.#counts.asks = Math.max(to - bids.count, 0) - askFrom;
      const flyweight = this.#publisher.claim(OrderBookTLV, this.#counts);
      flyweight.instrument = instrument;
      flyweight.exchangeTimestampUs = timeMs * 1000;
      flyweight.updateIdNumber = updateId;
      flyweight.chunkIndex = chunk;
      flyweight.chunkCount = chunkCount;
      flyweight.flags = DEPTH_LIMITED;
      writeLevels(flyweight.bids, bids, bidFrom);
      writeLevels(flyweight.asks, asks, askFrom);
      if (!this.#commit()) return false;
    }
    return true;
  }

  /** Begins a delta. */
  beginDelta(): void {
    this.#changeCount = 0;
  }

  /** Adds a level that changed: its four words, and what became of it. */
  addChange(side: Side, action: LevelChange, words: Int32Array, at: number): void {
    if (this.#changeCount * CHANGE_WORDS === this.#changes.length) this.#growChanges();
    const changes = this.#changes;
    const to = this.#changeCount * CHANGE_WORDS;
    changes[to] = words[at]!;
    changes[to + 1] = words[at + 1]!;
    changes[to + 2] = words[at + 2]!;
    changes[to + 3] = words[at + 3]!;
    changes[to + 4] = side | (action << 8);
    this.#changeCount++;
  }

  /** How many levels changed since {@link MarketDataOutput.beginDelta}. */
  get changeCount(): number {
    return this.#changeCount;
  }

  /** Sends the delta. False where a chunk of it did not go: the rest is not sent then. */
  delta(instrument: InstrumentId, previousVersion: number, version: number, timeMs: number): boolean {
    for (let from = 0; from < this.#changeCount; from += this.#changesPerChunk) {
      const to = Math.min(from + this.#changesPerChunk, this.#changeCount);
      this.#counts.changes = to - from;
      const delta = this.#publisher.claim(OrderBookDeltaTLV, this.#counts);
      delta.instrument = instrument;
      delta.exchangeTimestampUs = timeMs * 1000;
      delta.versionNumber = version;
      delta.previousVersionNumber = previousVersion;
      delta.flags = to < this.#changeCount ? MORE_CHUNKS : 0;
      this.#writeChanges(delta, from);
      if (!this.#commit()) return false;
    }
    return true;
  }

  #writeChanges(delta: FlyweightOf<typeof OrderBookDeltaTLV>, from: number): void {
    const changes = this.#changes;
    const { changes: group } = delta;
    for (let i = 0; i < group.count; i++) {
      const at = (from + i) * CHANGE_WORDS;
      const change = group.at(i);
      change.priceLow = changes[at]! >>> 0;
      change.priceHigh = changes[at + 1]! >>> 0;
      change.sizeLow = changes[at + 2]! >>> 0;
      change.sizeHigh = changes[at + 3]! >>> 0;
      change.side = changes[at + 4]! & 0xff;
      change.action = changes[at + 4]! >> 8;
    }
  }

  #growChanges(): void {
    const grown = new Int32Array(this.#changes.length * 2);
    grown.set(this.#changes);
    this.#changes = grown;
  }

  #commit(): boolean {
    return this.#count(this.#publisher.commit());
  }

  #count(result: SendResult): boolean {
    if (result === "sent") {
      this.sentCount++;
      return true;
    }
    this.unsentCount++;
    return false;
  }
}

function writeLevels(group: FlyweightOf<typeof OrderBookTLV>["bids"], side: BookSide, from: number): void {
  for (let i = 0; i < group.count; i++) {
    const level = group.at(i);
    level.priceLow = side.priceLow(from + i);
    level.priceHigh = side.priceHigh(from + i);
    level.sizeLow = side.sizeLow(from + i);
    level.sizeHigh = side.sizeHigh(from + i);
  }
}
