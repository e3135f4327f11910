import fc from "fast-check";

/** Where integers stop being exact, or change their sign or their width: in numbers, in times, in each kind. */
const EDGES = [
  0n,
  2n ** 32n,
  2n ** 53n,
  (2n ** 53n - 1n) * 1000n, // the last time in ns that has whole microseconds below 2^53
  2n ** 63n,
  2n ** 64n,
  2n ** 127n,
  2n ** 128n,
];

/** Integers of up to 32 bits, one in four at an end of its range or 0. */
export function arbitrarySmall(min: number, max: number): fc.Arbitrary<number> {
  return fc.oneof(
    { withCrossShrink: true },
    { weight: 3, arbitrary: fc.integer({ min, max }) },
    { weight: 1, arbitrary: fc.constantFrom(0, min, max) },
  );
}

/** Integers of 64 bits and more, half of them within 2 of an edge. */
export function arbitraryWide(min: bigint, max: bigint): fc.Arbitrary<bigint> {
  const edges = [...EDGES, ...EDGES.map((edge) => -edge), min, max];
  const near = [...new Set(edges.flatMap((edge) => [edge - 2n, edge - 1n, edge, edge + 1n, edge + 2n]))];
  return fc.oneof(
    { withCrossShrink: true },
    fc.bigInt({ min, max }),
    fc.constantFrom(...near.filter((value) => value >= min && value <= max)),
  );
}
