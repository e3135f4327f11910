import fc from "fast-check";
import { expect, test } from "vitest";
import { InstrumentId } from "../../src/protocol/instrument-id.js";
import { InstrumentMap } from "../../src/protocol/instrument-map.js";
import { BoundedMap } from "../../src/registry/bounded-map.js";

const step = fc.record({
  act: fc.constantFrom("set", "set", "get", "delete"),
  key: fc.nat(9),
});

test.each([
  ["a Map", (max: number, told: (key: number) => void) => new BoundedMap<number, number>(new Map(), max, told, "max")],
  [
    "an InstrumentMap",
    (max: number, told: (key: number) => void) => {
      const id = (key: number): InstrumentId => new InstrumentId(1, 1, BigInt(key));
      const map = new BoundedMap<InstrumentId, number>(
        new InstrumentMap(),
        max,
        (key) => told(Number(key.assetId)),
        "max",
      );
      return {
        get: (key: number) => map.get(id(key)),
        set: (key: number, value: number) => map.set(id(key), value),
        delete: (key: number) => map.delete(id(key)),
        values: () => map.values(),
        get size() {
          return map.size;
        },
        get evicted() {
          return map.evicted;
        },
      };
    },
  ],
])("over %s, the one used longest ago goes first, as in a list", (_, make) => {
  let evictions = 0;
  let hits = 0;
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 5 }), fc.array(step, { maxLength: 60, size: "max" }), (max, steps) => {
      const told: number[] = [];
      const map = make(max, (key) => told.push(key));
      let model: [key: number, value: number][] = []; // the one used last comes first
      const gone: number[] = [];
      steps.forEach(({ act, key }, value) => {
        const known = model.find(([each]) => each === key);
        const others = model.filter(([each]) => each !== key);
        if (act === "get") {
          expect(map.get(key)).toBe(known?.[1]);
          if (known !== undefined) hits++;
          model = known === undefined ? model : [known, ...others];
        } else if (act === "delete") {
          expect(map.delete(key)).toBe(known !== undefined);
          model = others;
        } else {
          map.set(key, value);
          model = [[key, value], ...others];
          if (model.length > max) gone.push((model.pop() as [number, number])[0]);
        }
        expect([...map.values()]).toEqual(model.map(([, each]) => each));
        expect(map.size).toBe(model.length);
      });
      expect(told).toEqual(gone);
      expect(map.evicted).toBe(gone.length);
      evictions += gone.length;
    }),
    { numRuns: 300 },
  );
  expect(evictions).toBeGreaterThan(500);
  expect(hits).toBeGreaterThan(200);
});

test("whoever is told of an eviction may put it back", () => {
  const told: string[] = [];
  const map: BoundedMap<string, number> = new BoundedMap(
    new Map(),
    2,
    (key, value) => {
      told.push(key);
      if (told.length === 1) map.set(key, value);
    },
    "max",
  );
  for (const [i, key] of ["a", "b", "c"].entries()) map.set(key, i);
  expect(told).toEqual(["a", "b"]);
  expect([...map.values()]).toEqual([0, 2]);
  expect(map.size).toBe(2);
});
