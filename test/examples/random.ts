import type { Random } from "alphapulse";

/** A small generator (mulberry32, by Tommy Ettinger, public domain) for tests that must not depend on the library's. */
export function randomOf(seed: number): Random {
  let state = seed;
  const next = (): number => {
    state = (state + 0x6d2b_79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  return { next, int: (limit) => Math.floor(next() * limit) };
}
