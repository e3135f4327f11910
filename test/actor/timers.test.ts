import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Timer, TimerQueue } from "../../src/actor/timers.js";

interface Expected {
  readonly id: number;
  dueUs: number;
  order: number;
  readonly periodUs: number;
  readonly timer: Timer;
}

/** What a timer does when it is called, beside saying so: sets another one, or takes one away. */
type Nested = { readonly kind: "nothing" | "after" | "cancel" | "self"; readonly ms: number };

const nested: fc.Arbitrary<Nested> = fc.record({
  kind: fc.constantFrom("nothing", "nothing", "nothing", "after", "cancel", "self"),
  ms: fc.integer({ min: 0, max: 5 }),
});
const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant("after" as const), ms: fc.integer({ min: 0, max: 30 }), nested }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("every" as const), ms: fc.integer({ min: 3, max: 20 }), nested }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant("cancel" as const), ms: fc.nat(), nested: fc.constant(undefined) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant("advance" as const), ms: fc.nat(25), nested: fc.constant(undefined) }),
  },
);

test("timers are called in the order of their time, ties as they were set, each as often as it should be", () => {
  const reached = { ties: 0, cancelled: 0, repeated: 0, setWithin: 0, cancelledWithin: 0 };
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80, size: "max" }), (steps) => {
      let now = 1_000_000;
      let alarm: number | undefined;
      let waiting: Expected[] = [];
      const everything: Expected[] = [];
      const called: string[] = [];
      const wanted: string[] = [];
      let order = 0;
      const queue: TimerQueue = new TimerQueue(
        () => now,
        () => {
          alarm = queue.nextUs;
        },
      );
      const isBefore = (a: Expected, b: Expected): boolean =>
        a.dueUs < b.dueUs || (a.dueUs === b.dueUs && a.order < b.order);
      const cancel = (expected: Expected | undefined): void => {
        if (expected === undefined) return;
        if (waiting.includes(expected)) reached.cancelled++;
        waiting = waiting.filter((each) => each !== expected);
        expected.timer.cancel();
      };
      const add = (ms: number, isRepeated: boolean, then: Nested): Expected => {
        const id = everything.length;
        let calls = 0;
        const call = (): void => {
          called.push(`${id} at ${now}`);
          if (++calls > 1) reached.repeated++;
          if (then.kind === "after" && everything.length < 300) {
            add(then.ms, false, { kind: "nothing", ms: 0 });
            reached.setWithin++;
          } else if (then.kind === "cancel") {
            cancel(waiting[then.ms % Math.max(1, waiting.length)]);
            reached.cancelledWithin++;
          } else if (then.kind === "self") cancel(everything[id]);
        };
        const timer = isRepeated ? queue.every(ms, call) : queue.after(ms, call);
        const expected = { id, dueUs: now + ms * 1000, order: order++, periodUs: isRepeated ? ms * 1000 : 0, timer };
        everything.push(expected);
        waiting.push(expected);
        return expected;
      };
      const fireUpTo = (us: number): void => {
        for (;;) {
          const first = waiting.reduce<Expected | undefined>(
            (a, b) => (a === undefined || isBefore(b, a) ? b : a),
            undefined,
          );
          const isDue = first !== undefined && first.dueUs <= us;
          if (isDue) {
            if (waiting.some((each) => each !== first && each.dueUs === first.dueUs)) reached.ties++;
            wanted.push(`${first.id} at ${first.dueUs}`);
            if (first.periodUs === 0) waiting = waiting.filter((each) => each !== first);
            else {
              first.dueUs += first.periodUs;
              first.order = order++;
            }
          }
          const fired = queue.fireNext(us, (dueUs) => {
            now = Math.max(now, dueUs);
          });
          expect(fired).toBe(isDue);
          if (!fired) return;
        }
      };
      for (const { kind, ms, nested: then } of steps) {
        if (kind === "after" || kind === "every") add(ms, kind === "every", then);
        else if (kind === "cancel") cancel(everything[ms % Math.max(1, everything.length)]);
        else {
          const until = now + ms * 1000;
          fireUpTo(until);
          now = until;
          alarm = queue.nextUs; // whoever owns it sets its alarm anew
        }
        expect(called).toEqual(wanted);
        const next = waiting.length === 0 ? undefined : Math.min(...waiting.map(({ dueUs }) => dueUs));
        expect(queue.nextUs).toBe(next);
        // An alarm that is set only when it is told never comes too late.
        if (next !== undefined) expect(alarm).toBeLessThanOrEqual(next);
      }
    }),
    { numRuns: 200 },
  );
  expect(Math.min(...Object.values(reached))).toBeGreaterThan(20);
});

describe("a queue of timers", () => {
  const queueAt = (state: { now: number }): TimerQueue => new TimerQueue(() => state.now);
  const drain = (queue: TimerQueue, us: number): void => {
    while (queue.fireNext(us, () => {}));
  };

  test("counts fractions of a millisecond", () => {
    const queue = queueAt({ now: 5 });
    queue.after(0.001, () => {});
    expect(queue.nextUs).toBe(6);
  });

  test("calls every period, however late it is asked, each at its own time", () => {
    const queue = queueAt({ now: 0 });
    const times: number[] = [];
    queue.every(2, () => {});
    while (queue.fireNext(9_000, (dueUs) => times.push(dueUs)));
    expect(times).toEqual([2_000, 4_000, 6_000, 8_000]);
    expect(queue.nextUs).toBe(10_000);
  });

  test("that are cancelled again and again before their time holds only those that wait", () => {
    const queue = queueAt({ now: 0 });
    const calls: string[] = [];
    queue.after(5, () => calls.push("kept"));
    // As a strategy does that guards every order with a timer: far more than may wait at once.
    for (let n = 0; n < 1_100_000; n++) queue.after(60_000 + (n % 7), () => calls.push("cancelled")).cancel();
    queue.after(60_000, () => calls.push("last"));
    drain(queue, 10 ** 9);
    expect(calls).toEqual(["kept", "last"]);
  });

  test("refuses more than a million that wait", () => {
    const queue = queueAt({ now: 0 });
    const call = (): void => {};
    for (let n = 0; n < 1_000_000; n++) queue.after(1, call);
    expect(() => queue.after(1, call)).toThrow(expect.objectContaining({ code: "TOO_MANY_TIMERS" }));
    queue.clear();
    expect(queue.nextUs).toBeUndefined();
    queue.after(1, call);
    expect(queue.nextUs).toBe(1_000);
  });

  test.each([-1, Number.NaN])("has no timer of %s ms", (ms) => {
    const queue = queueAt({ now: 0 });
    expect(() => queue.after(ms, () => {})).toThrow(expect.objectContaining({ code: "BAD_OPTION" }));
    expect(() => queue.every(ms, () => {})).toThrow(expect.objectContaining({ code: "BAD_OPTION" }));
    expect(() => queue.every(0, () => {})).toThrow(expect.objectContaining({ code: "BAD_OPTION" }));
  });

  test("goes on after a timer that throws: that one has been called", () => {
    const queue = queueAt({ now: 0 });
    const calls: number[] = [];
    queue.after(1, () => {
      calls.push(1);
      throw new Error("boom");
    });
    queue.after(2, () => calls.push(2));
    expect(() => queue.fireNext(9_000, () => {})).toThrow("boom");
    drain(queue, 9_000);
    expect(calls).toEqual([1, 2]);
  });

  test("cleared calls none of them, nor does cancelling one afterwards do harm", () => {
    const queue = queueAt({ now: 0 });
    const calls: number[] = [];
    const timers = [1, 2, 3].map((ms) => queue.after(ms, () => calls.push(ms)));
    queue.clear();
    for (const timer of timers) timer.cancel();
    queue.after(4, () => calls.push(4));
    drain(queue, 9_000);
    expect(calls).toEqual([4]);
  });

  test("set before time began counts from where it begins", () => {
    const queue = queueAt({ now: 0 });
    const times: number[] = [];
    queue.after(2, () => {});
    queue.every(3, () => {});
    queue.after(1, () => {}).cancel();
    queue.rebase(1_000_000);
    while (queue.fireNext(1_007_000, (dueUs) => times.push(dueUs)));
    expect(times).toEqual([1_002_000, 1_003_000, 1_006_000]);
  });
});
