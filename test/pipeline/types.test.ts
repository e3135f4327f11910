import { Actor, FillTLV, Pipeline, QuoteTLV, RelayDomain, TradeTLV } from "alphapulse";
import { expect, expectTypeOf, test } from "vitest";

const strategy = new Actor(import.meta.url, {
  config: { threshold: 3 },
  inputs: { market: [TradeTLV, QuoteTLV] },
  outputs: { orders: { types: [FillTLV], onBackPressure: "fail" } },
  setup({ config, send, clock }) {
    expectTypeOf(config).toEqualTypeOf<{ threshold: number }>();
    expectTypeOf(clock.nowNs()).toBeBigInt();
    return {
      market: {
        Trade(trade) {
          expectTypeOf(trade.price).toBeBigInt();
          expectTypeOf(trade.priceUnits).toBeNumber();
          expectTypeOf(trade.exchangeTimestampUs).toBeNumber();
          // @ts-expect-error a trade has no bid
          void trade.bidPrice;
          // @ts-expect-error this output sends fills only
          if (trade.side === 9) send.orders(TradeTLV, trade.toObject());
        },
        gap({ from, to }) {
          expectTypeOf(from + to).toBeNumber();
        },
      },
    };
  },
});

test("types follow from what an actor says: wrong wirings do not compile", async () => {
  const pipeline = new Pipeline()
    .relay("market", { domain: RelayDomain.MarketData })
    .relay("execution", { domain: RelayDomain.Execution });
  const right = { inputs: { market: "market" }, outputs: { orders: "execution" } } as const;
  pipeline.actor("right", strategy, { ...right, config: { threshold: 4 } });
  // @ts-expect-error there is no relay "nowhere"
  pipeline.actor("a", strategy, { inputs: { market: "nowhere" }, outputs: { orders: "execution" } });
  // @ts-expect-error the input "market" leads nowhere
  pipeline.actor("b", strategy, { outputs: { orders: "execution" } });
  // @ts-expect-error it has no input "news"
  pipeline.actor("c", strategy, { inputs: { market: "market", news: "market" }, outputs: { orders: "execution" } });
  // @ts-expect-error it has no config "colour"
  pipeline.actor("d", strategy, { ...right, config: { colour: 1 } });
  // What types let through in plain JavaScript is said before anything starts.
  await expect(pipeline.start()).rejects.toMatchObject({ code: "UNKNOWN_RELAY" });
});

test("handlers of what an actor does not read, and async ones, do not compile", () => {
  const build = (): unknown[] => [
    new Actor(import.meta.url, {
      inputs: { market: [QuoteTLV] },
      setup: () => ({
        // @ts-expect-error an async handler would go on after its bytes were let go
        market: { async Quote() {} },
      }),
    }),
    // @ts-expect-error an output must say what happens when there is no room
    new Actor(import.meta.url, { outputs: { fills: { types: [FillTLV] } }, setup: () => ({}) }),
  ];
  expect(build).toThrow("must say onBackPressure");
});
