import { describe, expect, test } from "vitest";
import { CASES, type Case, MUTANTS } from "./model/cases.js";
import { explore, ModelError } from "./model/explore.js";
import { type ModelRings, ringsWith } from "./model/machine.js";

const rings = ringsWith([]);
/** The words that the threads of a case share, once they are known. */
const shared = new Map<string, Set<number>>();

function followed(name: string, { make, limits }: Case, with_: ModelRings) {
  const known = new Set(shared.get(name));
  shared.set(name, known);
  return explore(() => make(with_), limits, known);
}

describe("the rings, as they are coded, lose, tear and repeat nothing, and leave nobody asleep", () => {
  test.each(Object.entries<Case>(CASES))("%s", (name, one) => {
    const { states, ends } = followed(name, one, rings);
    expect(states).toBeGreaterThan(1_000);
    expect(ends).toBeGreaterThan(0);
  });
});

describe("the model finds the fault where", () => {
  test.each(MUTANTS.map((mutant) => [mutant.fault, mutant] as const))("%s", (_, mutant) => {
    expect(() => followed(mutant.caughtBy, CASES[mutant.caughtBy], ringsWith([mutant]))).toThrow(ModelError);
  });
});
