import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type MissingRun, SequenceTracker } from "../../src/protocol/sequence-tracker.js";

const SOURCE = 7;
const of = (incarnation: number, counter: number): number => incarnation * 2 ** 40 + counter;

function verdicts(...taken: [sequence: number, timestampUs?: number][]): string[] {
  const tracker = new SequenceTracker();
  return taken.map(([sequence, timestampUs = 0]) => {
    const verdict = tracker.take(SOURCE, sequence, timestampUs);
    return tracker.gapFrom > 0 ? `${verdict} ${tracker.gapFrom}-${tracker.gapTo}` : verdict;
  });
}

describe("a source's sequences", () => {
  test("the first one sets what is expected, and the expected one passes", () => {
    expect(verdicts([41], [42], [43])).toEqual(["first", "next", "next"]);
  });

  test("one above the expected opens a gap, one inside fills it once, any other below is a duplicate", () => {
    expect(verdicts([1], [5], [3], [3], [2], [4], [4], [5], [1])).toEqual([
      "first",
      "gap 2-4",
      "filled",
      "duplicate",
      "filled",
      "filled",
      "duplicate",
      "duplicate",
      "duplicate",
    ]);
  });

  test("another incarnation starts anew from 1, and what of it was missed is a gap", () => {
    expect(verdicts([of(3, 9)], [of(4, 1)], [of(4, 2)])).toEqual(["first", "restart", "next"]);
    expect(verdicts([of(3, 9)], [of(4, 3)], [of(4, 1)])).toEqual([
      "first",
      `restart ${of(4, 1)}-${of(4, 2)}`,
      "filled",
    ]);
  });

  test("the last 8 incarnations are remembered, and their messages dropped; the ninth is a restart", () => {
    const tracker = new SequenceTracker();
    for (let incarnation = 1; incarnation <= 10; incarnation++) tracker.take(SOURCE, of(incarnation, 1), 0);
    for (let incarnation = 2; incarnation <= 9; incarnation++) {
      expect(tracker.take(SOURCE, of(incarnation, 2), 1)).toBe("duplicate");
    }
    expect(tracker.take(SOURCE, of(1, 2), 1)).toBe("restart");
  });

  test("without incarnations, a lower counter with a later time stamp than any that passed is a restart", () => {
    expect(verdicts([8, 100], [9, 90], [1, 100], [1, 101], [2, 102])).toEqual([
      "first",
      "next",
      "duplicate",
      "restart",
      "next",
    ]);
    expect(verdicts([8, 100], [3, 101])).toEqual(["first", "restart 1-2"]);
    // With one, the clock says nothing.
    expect(verdicts([of(2, 8), 100], [of(2, 3), 101])).toEqual(["first", "duplicate"]);
  });

  test("a source that stops telling its incarnation is not dropped for ever", () => {
    expect(verdicts([8, 100], [of(2, 1), 200], [9, 150], [1, 201])).toEqual([
      "first",
      "restart",
      "duplicate",
      "restart",
    ]);
  });

  test.each([0, Number.NaN, -1])("%s is unsequenced: it passes and changes nothing", (sequence) => {
    expect(verdicts([sequence], [5], [sequence], [6])).toEqual(["next", "first", "next", "next"]);
  });

  test("the last counter of an incarnation is not followed by the next incarnation's 0", () => {
    const last = of(3, 2 ** 40 - 1);
    const tracker = new SequenceTracker();
    tracker.take(SOURCE, last - 1, 0);
    expect(tracker.take(SOURCE, last, 0)).toBe("next");
    expect(tracker.take(SOURCE, last + 1, 0)).toBe("restart");
  });

  test("what was seen elsewhere is held against the next message", () => {
    const tracker = new SequenceTracker();
    tracker.resumeFrom(SOURCE, of(3, 10), 500);
    expect(tracker.take(SOURCE, of(3, 13), 0)).toBe("gap");
    expect([tracker.gapFrom, tracker.gapTo]).toEqual([of(3, 11), of(3, 12)]);
    tracker.resumeFrom(SOURCE, of(4, 1), 600);
    expect(tracker.take(SOURCE, of(3, 14), 0)).toBe("duplicate");
  });

  test("what is given up is not missing any more, and neither is what is above what passed", () => {
    const tracker = new SequenceTracker();
    tracker.take(SOURCE, 1, 0);
    tracker.take(SOURCE, 10, 0);
    tracker.giveUp(SOURCE, 4, 6);
    expect(tracker.missingOf(SOURCE)).toEqual([
      { from: 2, to: 3 },
      { from: 7, to: 9 },
    ]);
    expect(tracker.take(SOURCE, 5, 0)).toBe("duplicate");
    tracker.giveUp(SOURCE, 11, 20);
    expect(tracker.take(SOURCE, 21, 0)).toBe("next");
  });
});

describe("what is kept", () => {
  test("is so many open gaps, also where fills cut one into many; what is given up is told", () => {
    const given: MissingRun[] = [];
    const tracker = new SequenceTracker({ openGapsMax: 4, onGivenUp: (_, run) => given.push(run) });
    tracker.take(SOURCE, 1, 0);
    tracker.take(SOURCE, 1_000, 0);
    for (let sequence = 3; sequence < 999; sequence += 2) {
      tracker.take(SOURCE, sequence, 0);
      expect(tracker.missingOf(SOURCE).length).toBeLessThanOrEqual(4);
    }
    expect(given[0]).toEqual({ from: 2, to: 2 });
    expect(tracker.take(SOURCE, 2, 0)).toBe("duplicate");
  });

  test("is so many sources: a flood forgets those that are quiet, and not those that send", () => {
    const tracker = new SequenceTracker({ sourcesMax: 8 });
    tracker.take(1, 1, 0);
    for (let source = 100; source < 1_000; source++) {
      tracker.take(source, 5, 0);
      expect(tracker.take(1, source - 98, 0)).toBe("next");
      expect([...tracker.sources()].length).toBeLessThanOrEqual(8);
    }
    expect(tracker.take(100, 5, 0)).toBe("first");
  });
});

/** The rules of the protocol again, with nothing bounded: what passed of an incarnation is a set. */
class Model {
  #incarnation = -1;
  #last = 0;
  #passed = new Set<number>();
  #floor = 0;
  readonly #old: number[] = [];

  take(incarnation: number, counter: number): { verdict: string; gap: number[] } {
    if (this.#incarnation === -1) {
      this.#begin(incarnation, counter, counter);
      return { verdict: "first", gap: [] };
    }
    if (incarnation !== this.#incarnation) {
      if (this.#old.slice(-8).includes(incarnation)) return { verdict: "duplicate", gap: [] };
      this.#old.push(this.#incarnation);
      this.#begin(incarnation, counter, 1);
      return { verdict: "restart", gap: range(1, counter - 1) };
    }
    if (counter > this.#last) {
      const gap = range(this.#last + 1, counter - 1);
      this.#last = counter;
      this.#passed.add(counter);
      return { verdict: gap.length > 0 ? "gap" : "next", gap };
    }
    if (counter < this.#floor || this.#passed.has(counter)) return { verdict: "duplicate", gap: [] };
    this.#passed.add(counter);
    return { verdict: "filled", gap: [] };
  }

  #begin(incarnation: number, counter: number, floor: number): void {
    this.#incarnation = incarnation;
    this.#last = counter;
    this.#floor = floor;
    this.#passed = new Set([counter]);
    const at = this.#old.indexOf(incarnation);
    if (at >= 0) this.#old.splice(at, 1);
  }
}

function range(from: number, to: number): number[] {
  return from > to ? [] : Array.from({ length: to - from + 1 }, (_, i) => from + i);
}

test("any row of messages is judged as by a model that keeps everything", () => {
  const seen = new Set<string>();
  const message = fc.record({
    incarnation: fc.integer({ min: 1, max: 12 }).chain((n) => fc.constantFrom(n, 1, 1, 2, 2)),
    counter: fc.integer({ min: 1, max: 30 }),
  });
  fc.assert(
    fc.property(fc.array(message, { maxLength: 200, size: "max" }), (messages) => {
      const tracker = new SequenceTracker();
      const model = new Model();
      for (const { incarnation, counter } of messages) {
        const { verdict, gap } = model.take(incarnation, counter);
        expect(tracker.take(SOURCE, of(incarnation, counter), 0)).toBe(verdict);
        const told = tracker.gapFrom === 0 ? [] : range(tracker.gapFrom, tracker.gapTo);
        expect(told).toEqual(gap.map((missed) => of(incarnation, missed)));
        seen.add(verdict);
      }
    }),
    { numRuns: 300 },
  );
  expect([...seen].sort()).toEqual(["duplicate", "filled", "first", "gap", "next", "restart"]);
});
