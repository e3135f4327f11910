// Shows: a strategy as an actor, in a small pipeline: prices -> market relay -> momentum -> signal relay -> watcher.
// The same actors run in one thread, in worker threads and in processes of their own, and come to the same result.
import { Pipeline, type Placement, RelayDomain } from "alphapulse";
import momentum from "./04-momentum/momentum.js";
import prices from "./04-momentum/prices.js";
import watcher from "./04-momentum/watcher.js";

const pipeline = new Pipeline()
  // In a replay nobody has to hurry: producers wait for the slowest subscriber, so that nothing is lost.
  .relay("market", { domain: RelayDomain.MarketData, slowSubscribers: "block" })
  .relay("signals", { domain: RelayDomain.Signal })
  .actor("prices", prices, { outputs: { market: "market" }, config: { seconds: 120 } })
  .actor("momentum", momentum, { inputs: { market: "market" }, outputs: { signals: "signals" } })
  .actor("watcher", watcher, { inputs: { signals: "signals" } });

console.log(pipeline.toMermaid());

const results = new Set<string>();
for (const placement of ["thread", "worker", "process"] satisfies Placement[]) {
  const running = await pipeline.start({
    placement,
    clock: "replay",
    seed: "momentum",
    onLog: ({ actor, message, fields, atUs }) => {
      if (placement === "thread") console.log(new Date(atUs / 1000).toISOString(), actor, message, fields);
    },
  });
  await running.finished; // the source has ended, and everything that it caused is done
  const state = JSON.stringify({
    ...Object(await running.snapshot("momentum")),
    ...Object(await running.snapshot("watcher")),
  });
  const { market } = running.stats().relays;
  console.log(`${placement}: ${market?.received} trades, ${state}`);
  results.add(state);
  await running.stop();
}
if (results.size > 1) throw new Error("the placements do not agree");
