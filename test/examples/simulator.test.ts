import { createHash } from "node:crypto";
import { type Publisher, RelayDomain, Source, TLVBuilder } from "alphapulse";
import { BinanceAdapter, type RecordedEvent } from "alphapulse/adapters";
import { describe, expect, test } from "vitest";
import { SIMULATED_MARKETS, simulate } from "../../examples/demo/simulator.js";
import { randomOf } from "./random.js";

const SECONDS = 20;

interface Update {
  readonly s: string;
  readonly U: number;
  readonly u: number;
  readonly pu?: number;
  readonly b: readonly (readonly [string, string])[];
  readonly a: readonly (readonly [string, string])[];
}

const run = (seed: number, seconds = SECONDS): RecordedEvent[] => [...simulate(randomOf(seed), seconds)].flat();
const jsonOf = ({ bytes }: RecordedEvent) => JSON.parse(new TextDecoder().decode(bytes));

function digestOf(events: readonly RecordedEvent[]): string {
  const hash = createHash("sha256");
  for (const { atUs, kind, bytes, symbol, recording } of events) {
    hash.update(`${atUs} ${kind} ${symbol} ${recording} `).update(bytes);
  }
  return hash.digest("hex");
}

/** A publisher that takes everything and keeps nothing. */
function sink(): Publisher {
  const builder = new TLVBuilder({ domain: RelayDomain.MarketData, source: Source.BinanceCollector });
  return {
    publish: () => "sent" as const,
    claim(tlv, counts) {
      builder.reset();
      return builder.append(tlv, counts);
    },
    append: (tlv, counts) => builder.append(tlv, counts),
    commit: () => "sent",
  };
}

describe("the simulator", () => {
  const events = run(1);

  test("gives the same for the same seed, and something else for another", () => {
    expect(digestOf(run(1))).toBe(digestOf(events));
    expect(digestOf(run(2))).not.toBe(digestOf(events));
  });

  test("is lively, and in order of time", () => {
    expect(events.length).toBeGreaterThan(SECONDS * 200);
    for (let i = 1; i < events.length; i++) {
      expect((events[i] as RecordedEvent).atUs).toBeGreaterThanOrEqual((events[i - 1] as RecordedEvent).atUs);
    }
    const spanUs = (events.at(-1) as RecordedEvent).atUs - (events[0] as RecordedEvent).atUs;
    expect(spanUs / 1e6).toBeGreaterThan(SECONDS - 1);
  });

  test("hands out bounded batches, made as they are asked for", () => {
    const batches = simulate(randomOf(3), 86_400);
    for (let i = 0; i < 5; i++) expect((batches.next().value as RecordedEvent[]).length).toBeLessThan(700);
    batches.return();
  });

  test("numbers its depth updates without a hole, and sends snapshots after the streams began", () => {
    const last = new Map<string, number>();
    let snapshots = 0;
    for (const event of events) {
      const market = SIMULATED_MARKETS[event.recording]?.market as string;
      if (event.kind === "snapshot") {
        expect(last.has(`${event.symbol} ${market}`)).toBe(true);
        snapshots++;
        continue;
      }
      const { stream, data } = jsonOf(event) as { stream: string; data: Update };
      if (!stream.includes("@depth")) continue;
      const key = `${data.s} ${market}`;
      const before = last.get(key);
      expect(data.u).toBeGreaterThanOrEqual(data.U);
      if (before !== undefined) expect(data.U).toBe(before + 1);
      if (market === "usdm" && before !== undefined) expect(data.pu).toBe(before);
      last.set(key, data.u);
    }
    expect(last.size).toBe(4);
    expect(snapshots).toBe(4);
  });

  test.each(SIMULATED_MARKETS.map(({ market }, i) => [market, i] as const))(
    "%s makes books that its own tickers agree with",
    (market, recording) => {
      const problems: unknown[] = [];
      const adapter = new BinanceAdapter({
        market,
        output: sink(),
        onEvent: (event) => event.type === "error" && problems.push(event.error),
      });
      for (const event of events) if (event.recording === recording) adapter.accept(event);
      expect(problems).toEqual([]);
      const { books, trades, tickers } = adapter.stats();
      expect(books).toHaveLength(2);
      expect(trades).toBeGreaterThan(50);
      expect(tickers).toBeGreaterThan(500);
      for (const book of books) {
        expect(book).toMatchObject({ state: "live", gaps: 0, crossed: 0, tickersDisagreed: 0 });
        expect(book.tickersAgreed).toBeGreaterThan(20);
        expect(Math.min(book.bidCount, book.askCount)).toBeGreaterThan(200);
      }
    },
  );
});
