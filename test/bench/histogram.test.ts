import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { LatencyHistogram, median } from "../../src/bench.js";

describe("LatencyHistogram", () => {
  test("gives percentiles to three significant figures", () => {
    const histogram = new LatencyHistogram();
    for (let i = 1; i <= 10_000; i++) histogram.record(i * 100);
    const { p50, p99, p999, max, sampleCount, operationsPerSample } = histogram.summary();
    for (const [found, expected] of [
      [p50, 500_000],
      [p99, 990_000],
      [p999, 999_000],
      [max, 1_000_000],
    ] as const) {
      expect(Math.abs(found / expected - 1)).toBeLessThan(0.002);
    }
    expect([sampleCount, operationsPerSample]).toEqual([10_000, 1]);
  });

  test("divides what was timed together, and takes a time of 0 that a coarse clock gives", () => {
    const histogram = new LatencyHistogram(100);
    histogram.record(250);
    expect(histogram.percentile(50)).toBe(2.5);
    histogram.record(0);
    expect(histogram.summary()).toMatchObject({ sampleCount: 2, operationsPerSample: 100 });
  });

  test("is 0 where nothing was recorded", () => {
    expect(new LatencyHistogram().summary()).toMatchObject({ p50: 0, p999: 0, max: 0, sampleCount: 0 });
  });
});

describe("median", () => {
  test("has as many values on either side, whatever their order", () => {
    let even = 0;
    fc.assert(
      fc.property(fc.array(fc.integer(), { minLength: 1, maxLength: 20 }), (values) => {
        const middle = median(values);
        if (values.length % 2 === 0) even++;
        expect(values.filter((value) => value < middle).length).toBeLessThanOrEqual(values.length / 2);
        expect(values.filter((value) => value > middle).length).toBeLessThanOrEqual(values.length / 2);
      }),
    );
    expect(even).toBeGreaterThan(10);
  });

  test("of numbers that sort otherwise as text", () => {
    expect(median([10, 9, 100])).toBe(10);
    expect(median([4, 1, 3, 2])).toBe(2.5);
    expect(() => median([])).toThrow(RangeError);
  });
});
