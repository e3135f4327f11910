import fc from "fast-check";
import { afterEach, describe, expect, test } from "vitest";
import { AlphaPulseError } from "../../src/protocol/errors.js";
import { Backoff } from "../../src/session/backoff.js";
import { Heartbeat } from "../../src/session/heartbeat.js";
import { Reconnector } from "../../src/session/reconnector.js";
import { PingTLV } from "../../src/tlvs/session-control.js";
import { until } from "../samples.js";
import { opened as openedFor } from "./script.js";

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

describe("a heartbeat", () => {
  function beating() {
    const told: string[] = [];
    let turn = (): void => {};
    const every = (_: number, task: () => void): (() => void) => {
      turn = task;
      return () => void told.push("stopped");
    };
    const heart = new Heartbeat(
      5_000,
      () => void told.push("ping"),
      () => void told.push("gone"),
      every,
    );
    return { heart, told, turn: () => turn() };
  }

  test("ends after three Pings without a sign of life, not earlier", () => {
    const { told, turn } = beating();
    for (let n = 0; n < 3; n++) turn();
    expect(told).toEqual(["ping", "ping", "ping"]);
    turn();
    expect(told).toEqual(["ping", "ping", "ping", "stopped", "gone"]);
  });

  test("begins anew with whatever comes, and does not count while nothing is read on purpose", () => {
    const { heart, told, turn } = beating();
    for (let n = 0; n < 30; n++) {
      if (n % 3 === 2) heart.hasHeard = true;
      turn();
    }
    heart.isPaused = true;
    for (let n = 0; n < 30; n++) turn();
    expect(told).toEqual(new Array(60).fill("ping"));
  });

  test("over a link: an end that answers nothing is DISCONNECTED, one that answers stays", async () => {
    const silent = await openedFor({ pingIntervalMs: 5 }, { pong: false });
    const alive = await openedFor({ pingIntervalMs: 5 });
    cleanups.push(() => alive.connection.close());
    expect(await silent.connection.ended).toMatchObject({ code: "DISCONNECTED" });
    expect(silent.failures[0]?.message).toContain("stopped answering");
    await until(() => alive.script.got(PingTLV).length > 5);
    expect(alive.failures).toEqual([]);
  });

  test("a connection that is paused keeps its session, however long it hears no answer", async () => {
    const { connection, script, failures } = await openedFor({ pingIntervalMs: 5 });
    cleanups.push(() => connection.close());
    connection.pause();
    await until(() => script.got(PingTLV).length > 8);
    connection.resume();
    await connection.flush();
    expect(failures).toEqual([]);
  });

  test("with an interval of Infinity there is none", async () => {
    const { connection, script } = await openedFor({ pingIntervalMs: Number.POSITIVE_INFINITY }, { pong: false });
    cleanups.push(() => connection.close());
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(script.got(PingTLV)).toEqual([]);
  });
});

test("a delay lies anywhere from 0 to a ceiling that doubles up to its bound", () => {
  let bounded = 0;
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 1_000 }),
      fc.integer({ min: 1, max: 100_000 }),
      fc.array(fc.double({ min: 0, max: 0.999_999, noNaN: true }), { maxLength: 60, size: "max" }),
      (firstDelayMs, delayMsMax, draws) => {
        let at = 0;
        const backoff = new Backoff({ firstDelayMs, delayMsMax, random: () => draws[at++] as number });
        for (const [attempt, draw] of draws.entries()) {
          const ceiling = Math.min(delayMsMax, firstDelayMs * 2 ** attempt);
          if (ceiling === delayMsMax) bounded++;
          expect(backoff.ceilingMs).toBe(ceiling);
          expect(backoff.nextMs()).toBe(draw * ceiling);
        }
        backoff.reset();
        expect(backoff.ceilingMs).toBe(Math.min(delayMsMax, firstDelayMs));
      },
    ),
  );
  expect(bounded).toBeGreaterThan(50);
});

describe("a reconnector", () => {
  const gone = new AlphaPulseError("DISCONNECTED", "gone");
  const failing = async (): Promise<void> => {
    throw gone;
  };
  /** Time that passes only by waiting. */
  function patient(options: object) {
    let nowMs = 0;
    const delays: number[] = [];
    const after = (ms: number, task: () => void): (() => void) => {
      delays.push(ms);
      nowMs += ms;
      queueMicrotask(task);
      return () => {};
    };
    const all = { random: () => 0.5, firstDelayMs: 100, delayMsMax: 1_000, ...options };
    const reconnector = new Reconnector(all, () => nowMs, after);
    const pass = (ms: number): void => {
      nowMs += ms;
    };
    return { reconnector, delays, pass };
  }

  test("gives up after its time, with what the last attempt said", async () => {
    const { reconnector, delays } = patient({ giveUpAfterMs: 500 });
    await expect(reconnector.run(failing, gone, true)).rejects.toMatchObject({ code: "RECONNECT_FAILED", cause: gone });
    expect(delays).toEqual([50, 100, 200, 150]);
  });

  test("does not begin anew after a link that did not live, so that a relay that sends it away is not hurried", async () => {
    const { reconnector, delays, pass } = patient({});
    for (let n = 0; n < 3; n++) {
      await reconnector.run(async () => {}, gone, true);
      reconnector.up();
      pass(1);
      reconnector.down();
    }
    expect(delays).toEqual([50, 100, 200]);
    reconnector.up();
    pass(5_000);
    reconnector.down();
    await reconnector.run(async () => {}, gone, true);
    expect(delays.at(-1)).toBe(50);
  });

  test("tries no more when it is told to stop, whatever an attempt under way does", async () => {
    const { reconnector } = patient({});
    let attempts = 0;
    const running = reconnector.run(
      async () => {
        attempts++;
        reconnector.stop();
        throw gone;
      },
      gone,
      true,
    );
    expect(await running).toBe(false);
    expect(attempts).toBe(1);
  });
});
