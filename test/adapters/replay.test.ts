import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { BinanceAdapter, type BookStats, detectMarket, readRecordings } from "../../src/adapters.js";
import { OrderBookReconstructor } from "../../src/books.js";
import { InstrumentMap } from "../../src/protocol/instrument-map.js";
import type { MessageView } from "../../src/protocol/message-view.js";
import { InstrumentDiscoveredTLV, OrderBookDeltaTLV, OrderBookTLV, QuoteTLV } from "../../src/tlvs/market-data.js";
import { sidesOf } from "../books/levels.js";
import { TestPublisher } from "./test-publisher.js";

const DATA = new URL("../../../shared/data/", import.meta.url);

interface Recording {
  readonly files: readonly string[];
  /** Frames, updates that go into books, and tickers compared with the book of their id: known of these files. */
  readonly frames: number;
  readonly applied: number;
  readonly agreed: number;
  /** Whether the last ticker must show the final book. */
  readonly endsAlike: boolean;
}

const RECORDINGS: readonly Recording[] = [
  {
    files: ["binance-load/spot_btcusdt_20240808.txt.gz", "binance-load/spot_btcusdt_20240809.txt.gz"],
    frames: 99_573,
    applied: 6_493,
    agreed: 1_072,
    endsAlike: true,
  },
  {
    files: ["binance-load/usdm_btcusdt_20240808.txt.gz"],
    frames: 93_953,
    applied: 6_547,
    agreed: 629,
    endsAlike: true,
  },
  {
    files: ["binance-load/coinm_btcusd_perp_20240808.txt.gz"],
    frames: 48_269,
    applied: 26_824,
    agreed: 1_124,
    endsAlike: true,
  },
  { files: ["binance/spot_4sym_20210814.jsonl.gz"], frames: 1_003, applied: 528, agreed: 98, endsAlike: false },
  {
    files: ["binance/spot_depth_aggtrade_bookticker_10sym_20210405.jsonl.gz"],
    frames: 11_357,
    applied: 4_642,
    agreed: 1_155,
    endsAlike: false,
  },
  { files: ["binance/usdm_5sym_20210405.jsonl.gz"], frames: 8_421, applied: 4_395, agreed: 217, endsAlike: false },
  { files: ["binanceus/spot_10sym_20210405.jsonl.gz"], frames: 6_008, applied: 3_185, agreed: 743, endsAlike: false },
  { files: ["binanceus/spot_4sym_20210814.jsonl.gz"], frames: 608, applied: 354, agreed: 78, endsAlike: false },
];

/** What a subscriber has of an instrument. */
interface Seen {
  readonly symbol: string;
  readonly book: OrderBookReconstructor;
  quote: QuoteTLV | undefined;
}

/** Rebuilds all books from messages alone; every chain must hold. */
class Subscriber {
  readonly seen = new InstrumentMap<Seen>();
  deltas = 0;

  take(message: MessageView): void {
    const discovered = message.find(InstrumentDiscoveredTLV);
    if (discovered !== undefined) {
      const { instrument, symbol } = discovered;
      this.seen.set(instrument, { symbol, book: new OrderBookReconstructor(instrument), quote: undefined });
    }
    const snapshot = message.find(OrderBookTLV);
    if (snapshot !== undefined)
      expect(this.seen.get(snapshot.instrument)?.book.applySnapshot(snapshot)).toMatch(/applied|pending/);
    const delta = message.find(OrderBookDeltaTLV);
    if (delta !== undefined) {
      this.deltas++;
      const answer = this.seen.get(delta.instrument)?.book.applyDelta(delta);
      if (answer !== "applied") expect(answer).toBe("pending");
    }
    const quote = message.find(QuoteTLV);
    const seen = quote && this.seen.get(quote.instrument);
    if (quote !== undefined && seen !== undefined) seen.quote = quote.toObject() as QuoteTLV;
  }
}

function sum(
  books: readonly BookStats[],
  key: "updatesApplied" | "tickersAgreed" | "tickersDisagreed" | "gaps" | "crossed",
): number {
  return books.reduce((total, book) => total + book[key], 0);
}

describe("recorded data", () => {
  for (const { files, frames, applied, agreed, endsAlike } of RECORDINGS) {
    const paths = files.map((file) => fileURLToPath(new URL(file, DATA)));
    const isHere = paths.every((path) => existsSync(path));
    const name = files.join(" and ");
    test.skipIf(!isHere)(isHere ? name : `${name} is not here: skipped`, { timeout: 60_000 }, async () => {
      const subscriber = new Subscriber();
      const publisher = new TestPublisher((message) => subscriber.take(message));
      const adapter = new BinanceAdapter({ ...(await detectMarket(paths[0] as string)), output: publisher });
      for await (const batch of readRecordings(paths)) {
        for (const event of batch) expect(adapter.accept(event)).toBeUndefined();
      }

      const { books, ...stats } = adapter.stats();
      expect(stats).toMatchObject({ frames, errors: {}, unsent: 0 });
      expect(sum(books, "updatesApplied")).toBe(applied);
      expect([sum(books, "gaps"), sum(books, "crossed"), sum(books, "tickersDisagreed")]).toEqual([0, 0, 0]);
      expect(sum(books, "tickersAgreed")).toBe(agreed);
      expect(subscriber.deltas).toBeGreaterThan(applied / 2);
      for (const { symbol, book, quote } of subscriber.seen.values()) {
        const own = adapter.book(symbol);
        expect([book.state, own?.bids.count]).toEqual(["live", expect.any(Number)]);
        expect(sidesOf(book.book)).toEqual(own && sidesOf(own));
        const top = {
          bidPrice: own?.bids.price(0),
          bidSize: own?.bids.size(0),
          askPrice: own?.asks.price(0),
          askSize: own?.asks.size(0),
        };
        if (endsAlike) expect(quote).toMatchObject(top);
      }
    });
  }
});
