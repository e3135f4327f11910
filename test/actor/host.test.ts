import fc from "fast-check";
import { afterEach, describe, expect, test } from "vitest";
import { Host, type SourceRun, type TimeOptions } from "../../src/actor/host.js";
import { until } from "../samples.js";

const hosts: Host[] = [];
afterEach(() => {
  for (const host of hosts.splice(0)) host.close();
});

const START = 1_755_000_000_000_000;
const REPLAY: TimeOptions = { clock: "replay", speed: "max" };

function hostOf(time: TimeOptions = REPLAY): Host {
  const host = new Host(time);
  hosts.push(host);
  return host;
}

interface Event {
  readonly atUs: number;
  readonly name: string;
}

const at = (us: number, name = ""): Event => ({ atUs: START + us, name });

/** A source of these batches that writes down what becomes of it. */
function sourceOf(batches: readonly (readonly Event[])[], on: (event: Event) => void, more: Partial<SourceRun> = {}) {
  const state = { returned: 0, finished: 0, failed: [] as unknown[] };
  async function* events() {
    try {
      for (const batch of batches) yield batch;
    } finally {
      state.returned++;
    }
  }
  const run: SourceRun = {
    events: events(),
    on: (event) => on(event as Event),
    waiting: () => undefined,
    finished: () => {
      state.finished++;
    },
    failed: (error) => {
      state.failed.push(error);
    },
    ...more,
  };
  return { run, state };
}

const noFailure = (error: unknown): void => {
  throw error;
};

describe("in a replay", () => {
  test("sources are merged by time, the first named first at the same time, and the clock shows each event's", async () => {
    const reached = { ties: 0, batches: 0 };
    const times = fc.array(fc.array(fc.nat(30), { maxLength: 5 }), { maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(fc.array(times, { minLength: 1, maxLength: 4 }), async (sources) => {
        const host = hostOf();
        const seen: string[] = [];
        const states = sources.map((batches, s) => {
          // Each source's own events are in the order of time; its batches may be empty.
          let us = 1;
          const made = batches.map((steps) =>
            steps.map((stepUs, i) => {
              us += stepUs % 3 === 0 ? 0 : stepUs;
              return at(us, `${s}.${i}`);
            }),
          );
          const { run, state } = sourceOf(made, (event) => {
            expect(host.clock.nowUs()).toBe(event.atUs);
            seen.push(`${event.atUs - START} ${event.name.split(".")[0]}`);
          });
          host.addSource(run);
          if (made.filter((batch) => batch.length > 0).length > 1) reached.batches++;
          return { state, made };
        });
        await host.run();
        const expected = states
          .flatMap(({ made }, s) => made.flat().map(({ atUs }) => ({ us: atUs - START, s })))
          .sort((a, b) => a.us - b.us || a.s - b.s);
        expect(seen).toEqual(expected.map(({ us, s }) => `${us} ${s}`));
        if (expected.some(({ us, s }, i) => i > 0 && expected[i - 1]?.us === us && expected[i - 1]?.s !== s))
          reached.ties++;
        expect(states.map(({ state }) => state)).toEqual(states.map(() => ({ returned: 1, finished: 1, failed: [] })));
      }),
    );
    expect(Math.min(...Object.values(reached))).toBeGreaterThan(10);
  });

  test("a source that is slow to tell holds up the others: nothing is handed over too early", async () => {
    const host = hostOf();
    const seen: string[] = [];
    let tell: () => void = () => {};
    const told = new Promise<void>((resolve) => {
      tell = resolve;
    });
    async function* slow() {
      yield [at(1, "a")];
      await told;
      yield [at(2, "b")];
    }
    const on = (event: Event): void => void seen.push(event.name);
    host.addSource(sourceOf([[at(1, "x"), at(3, "y")]], on).run);
    host.addSource(sourceOf([], on, { events: slow() }).run);
    const running = host.run();
    await until(() => seen.length === 2);
    await new Promise((resolve) => setImmediate(resolve));
    expect(seen).toEqual(["x", "a"]);
    tell();
    await running;
    expect(seen).toEqual(["x", "a", "b", "y"]);
  });

  test("timers fire in the recording's time, before the event at which they are due, and see their own time", async () => {
    const host = hostOf();
    const seen: string[] = [];
    const timers = host.timersFor(noFailure);
    const now = (): number => host.clock.nowUs() - START;
    const { run } = sourceOf([[at(0, "first"), at(5_000, "second"), at(9_000, "third")]], ({ name }) => {
      seen.push(`${name} at ${now()}`);
      if (name !== "first") return;
      timers.after(5, () => seen.push(`due with the second at ${now()}`));
      timers.after(2, () => {
        seen.push(`between at ${now()}`);
        timers.after(1, () => seen.push(`set between at ${now()}`));
      });
      timers.every(4, () => seen.push(`every at ${now()}`));
      timers.after(60_000, () => seen.push("never"));
    });
    host.addSource(run);
    await host.run();
    expect(seen).toEqual([
      "first at 0",
      "between at 2000",
      "set between at 3000",
      "every at 4000",
      "due with the second at 5000",
      "second at 5000",
      "every at 8000",
      "third at 9000",
    ]);
  });

  test("timers that are set before the first event count from it", async () => {
    const host = hostOf();
    const seen: string[] = [];
    const timers = host.timersFor(noFailure);
    timers.every(500, () => seen.push(`every at ${host.clock.nowUs() - START}`));
    timers.after(0, () => seen.push("at once"));
    const { run } = sourceOf([[at(0, "first"), at(1_200_000, "last")]], ({ name }) => void seen.push(name));
    host.addSource(run);
    await host.run();
    expect(seen).toEqual(["first", "at once", "every at 500000", "every at 1000000", "last"]);
  });

  test("all that an event causes is done before the next one, in the order in which it was caused", async () => {
    const host = hostOf();
    const seen: string[] = [];
    const { run } = sourceOf([[at(0, "1"), at(0, "2"), at(7, "3")]], ({ name }) => {
      seen.push(`event ${name}`);
      host.schedule(() => {
        seen.push(`task of ${name}`);
        host.schedule(() => seen.push(`its task`));
      });
      host.schedule(() => seen.push(`second task of ${name}`));
    });
    host.addSource(run);
    await host.run();
    const block = (name: string): string[] => [
      `event ${name}`,
      `task of ${name}`,
      `second task of ${name}`,
      "its task",
    ];
    expect(seen).toEqual([...block("1"), ...block("2"), ...block("3")]);
  });

  test("a source that waits for room gets no event meanwhile, nor does any other", async () => {
    const host = hostOf();
    const seen: string[] = [];
    let release: () => void = () => {};
    let waiting: Promise<void> | undefined;
    const first = sourceOf(
      [[at(1, "a"), at(3, "c")]],
      ({ name }) => {
        seen.push(name);
        if (name !== "a") return;
        waiting = new Promise<void>((resolve) => {
          release = () => {
            waiting = undefined;
            resolve();
          };
        });
      },
      { waiting: () => waiting },
    );
    const second = sourceOf([[at(2, "b"), at(4, "d")]], ({ name }) => void seen.push(name));
    host.addSource(first.run);
    host.addSource(second.run);
    const running = host.run();
    await until(() => seen.length > 0);
    for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
    expect(seen).toEqual(["a"]);
    release();
    await running;
    expect(seen).toEqual(["a", "b", "c", "d"]);
  });

  test("a source that fails is told of, and the others go on", async () => {
    const host = hostOf();
    const seen: string[] = [];
    async function* failing() {
      yield [at(1, "a")];
      throw new Error("bad file");
    }
    const on = ({ name }: Event): void => void seen.push(name);
    const bad = sourceOf([], on, { events: failing() });
    const good = sourceOf([[at(2, "b"), at(3, "c")]], on);
    host.addSource(bad.run);
    host.addSource(good.run);
    await host.run();
    expect(seen).toEqual(["a", "b", "c"]);
    expect(bad.state.failed).toMatchObject([{ message: "bad file" }]);
    expect([bad.state.finished, good.state.finished]).toEqual([0, 1]);
  });

  test("a long one leaves the event loop its turns", async () => {
    const host = hostOf();
    let turns = 0;
    let isOver = false;
    const turn = (): void => {
      turns++;
      if (!isOver) setImmediate(turn);
    };
    setImmediate(turn);
    const events = Array.from({ length: 10_000 }, (_, n) => at(n));
    host.addSource(sourceOf([events], () => {}).run);
    await host.run();
    isOver = true;
    expect(turns).toBeGreaterThan(20);
  });

  test("ended before its end hands over nothing more, and gives its sources back", async () => {
    const host = hostOf();
    const seen: string[] = [];
    const stopping: Promise<void>[] = [];
    const { run, state } = sourceOf([[at(1, "a"), at(2, "b"), at(3, "c")], [at(4, "d")]], ({ name }) => {
      seen.push(name);
      if (name === "b") stopping.push(host.stopSources());
    });
    host.addSource(run);
    await host.run();
    await Promise.all(stopping);
    expect(seen).toEqual(["a", "b"]);
    expect(state).toMatchObject({ returned: 1 });
  });
});

describe("at a given speed", () => {
  test("a replay takes its time, divided by the speed, and timers keep theirs within it", async () => {
    const host = hostOf({ clock: "replay", speed: 20 });
    const began = performance.now();
    const seen: [name: string, ms: number][] = [];
    const note = (name: string): void => void seen.push([name, performance.now() - began]);
    const timers = host.timersFor(noFailure);
    const { run } = sourceOf([[at(0, "first"), at(2_000_000, "last")]], ({ name }) => {
      note(name);
      if (name === "first") timers.after(1_000, () => note("timer"));
    });
    host.addSource(run);
    await host.run();
    expect(seen.map(([name]) => name)).toEqual(["first", "timer", "last"]);
    const [first, timer, last] = seen.map(([, ms]) => ms) as [number, number, number];
    // Two seconds at twenty times the speed: a tenth of one. Timers of the platform may be a millisecond early.
    expect(timer - first).toBeGreaterThan(45);
    expect(last - first).toBeGreaterThan(95);
    expect(last - first).toBeLessThan(2_000);
  });

  test("a replay that waits for an event far away ends at once when it is ended", async () => {
    const host = hostOf({ clock: "replay", speed: 1 });
    const seen: string[] = [];
    host.addSource(sourceOf([[at(0, "now"), at(3_600_000_000, "in an hour")]], ({ name }) => void seen.push(name)).run);
    const running = host.run();
    await until(() => seen.length === 1);
    await new Promise((resolve) => setImmediate(resolve));
    await host.stopSources();
    await running;
    expect(seen).toEqual(["now"]);
  });
});

describe("live", () => {
  test("events are handed over as they come, each source for itself, and timers fire meanwhile", async () => {
    const host = hostOf({ clock: "live", speed: "max" });
    const seen: string[] = [];
    let tell: () => void = () => {};
    const told = new Promise<void>((resolve) => {
      tell = resolve;
    });
    async function* late() {
      await told;
      yield [at(0, "late")];
    }
    const on = ({ name }: Event): void => void seen.push(name);
    const timers = host.timersFor(noFailure);
    timers.after(1, () => {
      seen.push("timer");
      tell();
    });
    host.addSource(sourceOf([], on, { events: late() }).run);
    host.addSource(sourceOf([[at(9, "early")], [at(9, "early too")]], on).run);
    await host.run();
    expect(seen).toEqual(["early", "early too", "timer", "late"]);
  });

  test("timers go by the wall clock, in their order, until they are cleared", async () => {
    const host = hostOf({ clock: "live", speed: "max" });
    const seen: string[] = [];
    const timers = host.timersFor(noFailure);
    const began = performance.now();
    timers.after(8, () => seen.push("second"));
    timers.after(2, () => seen.push("first"));
    const often = timers.every(3, () => seen.push("often"));
    const never = timers.after(1, () => seen.push("never"));
    never.cancel();
    await until(() => seen.includes("second") && seen.filter((name) => name === "often").length >= 3);
    expect(performance.now() - began).toBeGreaterThan(7);
    often.cancel();
    expect(seen.filter((name) => name !== "often")).toEqual(["first", "second"]);
    timers.after(1, () => seen.push("cleared"));
    timers.clear();
    const others = host.timersFor(noFailure);
    await new Promise<void>((resolve) => {
      others.after(4, () => resolve());
    });
    expect(seen).not.toContain("cleared");
  });
});

test("what a timer throws goes to its own actor, and clearing one actor's timers leaves the others'", async () => {
  const host = hostOf();
  const failed: unknown[] = [];
  const seen: string[] = [];
  const bad = host.timersFor((error) => failed.push(error));
  const good = host.timersFor(noFailure);
  const doomed = host.timersFor(noFailure);
  const { run } = sourceOf([[at(0, "first"), at(9_000, "last")]], ({ name }) => {
    if (name !== "first") return;
    bad.after(1, () => {
      throw new Error("boom");
    });
    good.after(2, () => seen.push("good"));
    doomed.after(2, () => seen.push("doomed"));
    doomed.clear();
  });
  host.addSource(run);
  await host.run();
  expect(failed).toMatchObject([{ message: "boom" }]);
  expect(seen).toEqual(["good"]);
});
