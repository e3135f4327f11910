import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { Actor, Pipeline, RelayDomain } from "alphapulse";
import { describe, expect, test } from "vitest";
import collector from "../actors/collector.mjs";
import echo from "../actors/echo.mjs";
import ticker from "../actors/ticker.mjs";

const COUNT = 2_000;
const ALL = Array.from({ length: COUNT }, (_, i) => i + 1);

interface EchoConfig {
  readonly delayMs?: number;
  readonly failAt?: number;
  readonly exitAt?: number;
  readonly failIn?: string;
}

function pipelineOf(config: EchoConfig = {}, count = COUNT): Pipeline<"trades" | "quotes"> {
  return new Pipeline()
    .relay("trades", { domain: RelayDomain.MarketData, slowSubscribers: "block" })
    .relay("quotes", { domain: RelayDomain.MarketData })
    .actor("ticker", ticker, { outputs: { market: "trades" }, config: { count } })
    .actor("echo", echo, { inputs: { market: "trades" }, outputs: { quotes: "quotes" }, config })
    .actor("collector", collector, { inputs: { quotes: "quotes" } });
}

interface EchoState {
  seen: number[];
  late: number[];
  draw: number;
  ticks: number[];
}

describe.each(["thread", "worker", "process"] as const)("in placement %s", (placement) => {
  test("the same actors give the same: every message once, timers in the recording's time, nothing left over", async () => {
    const lines: string[] = [];
    const running = await pipelineOf().start({
      placement,
      clock: "replay",
      onLog: ({ level, actor, message }) => void lines.push(`${level} ${actor} ${message}`),
    });
    await running.finished;
    const state = (await running.snapshot("echo")) as EchoState;
    expect(state.seen).toEqual(ALL);
    expect(((await running.snapshot("collector")) as { got: number[] }).got).toEqual(ALL);
    expect(state.late).toEqual([]);
    expect(lines).toEqual(["info echo started"]);
    expect(running.stats().relays.quotes).toMatchObject({ received: COUNT, sent: COUNT, lost: 0 });
    await running.stop();
  });

  test("a handler that throws ends the run with an error that names actor, input and cause", async () => {
    const running = await pipelineOf({ failAt: 100 }).start({ placement, clock: "replay", onLog: () => {} });
    await expect(running.finished).rejects.toMatchObject({
      code: "HANDLER_FAILED",
      message: "actor echo, input market: a handler threw: told to fail at 100",
    });
  });

  test("timers that are set before time begins count from the first event, and setup's errors name the actor", async () => {
    const running = await pipelineOf({}, 1_000).start({ placement, clock: "replay", settleMs: 0 });
    await running.finished;
    const { ticks } = (await running.snapshot("echo")) as EchoState;
    await running.stop();
    const FIRST_US = 1_700_000_000_001_000;
    expect(ticks.slice(0, 3).map((us) => us - FIRST_US)).toEqual([100_000, 200_000, 300_000]);
    const failed = pipelineOf({ failIn: "setup" }).start({ placement, clock: "replay", onLog: () => {} });
    await expect(failed).rejects.toMatchObject({
      code: "ACTOR_FAILED",
      message: "actor echo: setup failed: told to fail in setup",
    });
  });

  test("what an actor sends when it stops still arrives", async () => {
    const running = await pipelineOf({}, 10).start({ placement, clock: "replay" });
    await running.finished;
    await running.stop();
    expect(running.stats().relays.quotes).toMatchObject({ received: 11, sent: 11 });
  });
});

test("an actor's random numbers come from the seed and its name, wherever it runs", async () => {
  const draws = new Map<string, number>();
  for (const [key, placement, seed] of [
    ["a", "thread", "x"],
    ["b", "worker", "x"],
    ["c", "thread", "y"],
  ] as const) {
    const running = await pipelineOf({}, 1).start({ placement, clock: "replay", seed });
    await running.finished;
    draws.set(key, ((await running.snapshot("echo")) as EchoState).draw);
    await running.stop();
  }
  expect(draws.get("a")).toBe(draws.get("b"));
  expect(draws.get("a")).not.toBe(draws.get("c"));
});

test("an actor's process that is killed ends the run with its name; nothing hangs", async () => {
  const running = await pipelineOf({ exitAt: 50 }).start({ placement: "process", clock: "replay", onLog: () => {} });
  await expect(running.finished).rejects.toMatchObject({
    code: "ACTOR_DIED",
    message: expect.stringContaining("killed by SIGKILL"),
  });
});

test("a run that is stopped early has finished", async () => {
  const running = await pipelineOf({}, 100_000).start({ clock: "replay", speed: 1 });
  await running.stop();
  await running.finished;
});

test("an actor that throws when it stops is told to whoever stops it", async () => {
  const running = await pipelineOf({ failIn: "stop" }, 10).start({ clock: "replay", onLog: () => {} });
  await running.finished;
  const message = "actor echo: stop failed: told to fail in stop";
  await expect(running.stop()).rejects.toMatchObject({ code: "ACTOR_FAILED", message });
});

test.each([
  ["an event without a time", [[{ atUs: Number.NaN }]], "atUs is NaN"],
  ["time that goes back", [[{ atUs: 2_000 }], [{ atUs: 1_000 }]], "at least 2000"],
  ["no batch", [5], "arrays of events"],
])("a feed with %s ends the run with an error", async (_, batches, text) => {
  const feed = new Actor(import.meta.url, {
    setup: () => ({
      feed: {
        events: (async function* () {
          yield* batches as never[];
        })(),
        on() {},
      },
    }),
  });
  const running = await new Pipeline().actor("feed", feed, {}).start({ clock: "replay", onLog: () => {} });
  await expect(running.finished).rejects.toMatchObject({ code: "BAD_FEED", message: expect.stringContaining(text) });
});

test("an actor's module that starts a pipeline itself is refused where it is imported: no process starts others", async () => {
  const nested = new URL("../actors/nested.mjs", import.meta.url);
  const { stderr, code } = await new Promise<{ stderr: string; code: number | null }>((resolve) => {
    execFile(process.execPath, [fileURLToPath(nested)], (error, _stdout, text) =>
      resolve({ stderr: text, code: error === null ? 0 : Number(error.code) }),
    );
  });
  expect(code).toBe(1);
  expect(stderr).toContain("NESTED_PIPELINE");
});

test("mixed placements work together", async () => {
  const running = await new Pipeline()
    .relay("trades", { domain: RelayDomain.MarketData, slowSubscribers: "block" })
    .relay("quotes", { domain: RelayDomain.MarketData })
    .actor("ticker", ticker, { outputs: { market: "trades" }, config: { count: COUNT } })
    .actor("echo", echo, {
      inputs: { market: "trades" },
      outputs: { quotes: "quotes" },
      placement: "worker",
    })
    .actor("collector", collector, { inputs: { quotes: "quotes" }, placement: "process" })
    .start({ clock: "replay" });
  await running.finished;
  expect(((await running.snapshot("collector")) as { got: number[] }).got).toEqual(ALL);
  await running.stop();
});

describe("a wrong wiring is an error before anything starts", () => {
  const base = (): Pipeline<"trades"> => new Pipeline().relay("trades", { domain: RelayDomain.MarketData });
  const cases: [string, string, () => Pipeline<string>][] = [
    ["UNWIRED", "actor t: its output market leads to no relay", () => base().actor("t", ticker, {})],
    [
      "UNKNOWN_RELAY",
      "actor t, output market: there is no relay nowhere",
      () => (base() as Pipeline<string>).actor("t", ticker, { outputs: { market: "nowhere" } }),
    ],
    [
      "UNKNOWN_PORT",
      "actor t has no input x",
      () => base().actor("t", ticker, { inputs: { x: "trades" }, outputs: { market: "trades" } }),
    ],
    [
      "BAD_CONFIG",
      "actor t has no config colour",
      () => base().actor("t", ticker, { outputs: { market: "trades" }, config: { colour: 1 } }),
    ],
    [
      "NOTHING_WRITES",
      "actor c, input quotes: nothing writes Quote to relay trades",
      () => base().actor("c", collector, { inputs: { quotes: "trades" } }),
    ],
    [
      "WRONG_DOMAIN",
      "Trade belongs to MarketData, relay signals carries Signal",
      () =>
        new Pipeline()
          .relay("signals", { domain: RelayDomain.Signal })
          .actor("t", ticker, { outputs: { market: "signals" } }),
    ],
    [
      "SOURCE_IN_USE",
      "actors a and b both send as source 5",
      () =>
        base()
          .actor("a", ticker, { source: 5, outputs: { market: "trades" } })
          .actor("b", ticker, { source: 5, outputs: { market: "trades" } }),
    ],
  ];
  test.each(cases)("%s", async (code, text, make) => {
    await expect(make().start()).rejects.toMatchObject({ code, message: expect.stringContaining(text) });
  });
});

test("the picture of a pipeline names its actors, relays and types", () => {
  expect(pipelineOf().toMermaid()).toContain("relay_trades -- Trade --> echo");
});
