import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { InstrumentId } from "../../src/protocol/instrument-id.js";
import { InstrumentMap } from "../../src/protocol/instrument-map.js";

/** Few ids, so that they are met again, that differ in any of their parts; as numbers, so that each use makes its own. */
const key = fc.tuple(
  fc.nat(3),
  fc.nat(2),
  fc.oneof(
    fc.bigInt(0n, 60n),
    fc.bigInt(0n, 20n).map((n) => n << 32n),
  ),
);
const idOf = ([venue, assetType, assetId]: readonly [number, number, bigint]): InstrumentId =>
  new InstrumentId(venue, assetType, assetId);

/** An id as a message holds it, at offset 3, with a reserved byte that must not count. */
function wireOf(id: InstrumentId): DataView {
  const view = new DataView(new ArrayBuffer(15));
  view.setUint32(3, id.venue | (id.assetType << 16) | (0xa5 << 24), true);
  view.setBigUint64(7, id.assetId, true);
  return view;
}

const operation = fc.oneof(
  { weight: 100, arbitrary: fc.record({ kind: fc.constant("set" as const), key, value: fc.nat() }) },
  { weight: 40, arbitrary: fc.record({ kind: fc.constant("delete" as const), key }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("clear" as const), key }) },
  { weight: 20, arbitrary: fc.record({ kind: fc.constant("getOrCreate" as const), key, value: fc.nat() }) },
);

test("behaves as a Map by text does: values, size and order, through growth, removal and putting again", () => {
  const reached = { grown: 0, removed: 0, readded: 0, replaced: 0 };
  fc.assert(
    fc.property(fc.array(operation, { size: "max", maxLength: 400 }), (operations) => {
      const map = new InstrumentMap<number>();
      const model = new Map<string, number>();
      const gone = new Set<string>();
      for (const step of operations) {
        const id = idOf(step.key);
        const name = String([id.venue, id.assetType, id.assetId]);
        if (step.kind === "delete") {
          const had = model.delete(name);
          expect(map.delete(id)).toBe(had);
          if (had) {
            reached.removed++;
            gone.add(name);
          }
        } else if (step.kind === "clear") {
          for (const [held] of [...map.entries()]) expect(map.delete(held)).toBe(true);
          model.clear();
        } else if (step.kind === "getOrCreate") {
          if (!model.has(name)) model.set(name, step.value);
          expect(map.getOrCreate(id, () => step.value)).toBe(model.get(name));
        } else {
          if (gone.delete(name)) reached.readded++;
          if (model.has(name)) reached.replaced++;
          model.set(name, step.value);
          expect(map.set(id, step.value)).toBe(map);
        }
        expect(map.size).toBe(model.size);
        expect(map.get(id)).toBe(model.get(name));
        expect(map.getAt(wireOf(id), 3)).toBe(model.get(name));
        expect(map.has(id)).toBe(model.has(name));
        if (model.size === 50) reached.grown++;
      }
      const entries = [...map.entries()].map(([id, value]) => [String([id.venue, id.assetType, id.assetId]), value]);
      expect(entries).toEqual([...model]);
      expect([...map.values()]).toEqual([...model.values()]);
      expect([...map].length).toBe(model.size);
    }),
    { numRuns: 30 },
  );
  expect(Math.min(...Object.values(reached))).toBeGreaterThan(5);
});

describe("a map", () => {
  test("that only ever replaces a few keys by others stays small and right", () => {
    const map = new InstrumentMap<number>();
    for (let n = 0; n < 20_000; n++) {
      map.set(new InstrumentId(1, 1, BigInt(n)), n);
      if (n >= 8) expect(map.delete(new InstrumentId(1, 1, BigInt(n - 8)))).toBe(true);
    }
    expect([...map.values()]).toEqual([19_992, 19_993, 19_994, 19_995, 19_996, 19_997, 19_998, 19_999]);
    expect(map.get(new InstrumentId(1, 1, 5n))).toBeUndefined();
  });

  test("holds 50,000 instruments and finds each", () => {
    const map = new InstrumentMap<number>();
    for (let n = 0; n < 50_000; n++) map.set(InstrumentId.of(100, 13, `S${n}`), n);
    expect(map.size).toBe(50_000);
    let wrong = 0;
    for (let n = 0; n < 50_000; n++) if (map.get(InstrumentId.of(100, 13, `S${n}`)) !== n) wrong++;
    expect(wrong).toBe(0);
  });

  test("may be emptied while it is walked", () => {
    const map = new InstrumentMap<number>();
    for (let n = 0; n < 100; n++) map.set(new InstrumentId(1, 1, BigInt(n)), n);
    const seen: number[] = [];
    for (const [id, value] of map) {
      seen.push(value);
      map.delete(id);
    }
    expect(seen).toEqual(Array.from({ length: 100 }, (_, n) => n));
    expect(map.size).toBe(0);
  });

  test("keeps a value of undefined apart from no value", () => {
    const map = new InstrumentMap<undefined>();
    const id = new InstrumentId(1, 1, 1n);
    map.set(id, undefined);
    expect([map.has(id), map.size, [...map.entries()].length]).toEqual([true, 1, 1]);
  });

  test("iterates over what it held when the iteration began, whatever is put and removed meanwhile", () => {
    const map = new InstrumentMap<number>();
    for (let n = 0; n < 5; n++) map.set(new InstrumentId(1, 1, BigInt(n)), n);
    const seen: number[] = [];
    for (const [id, value] of map) {
      seen.push(value);
      map.delete(id);
      for (let more = 0; more < 20; more++) map.set(new InstrumentId(2, 1, BigInt(value * 20 + more)), -1);
    }
    expect(seen).toEqual([0, 1, 2, 3, 4]);
    expect(map.size).toBe(100);
  });
});
