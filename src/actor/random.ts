/** A source of random numbers that gives the same ones for the same seed. Not for secrets. */
export interface Random {
  /** At least 0, below 1. */
  next(): number;
  /** An integer of at least 0, below `limit`. */
  int(limit: number): number;
}

/** A generator (xoshiro128**, by Blackman and Vigna) seeded with a text: equal texts give equal numbers. */
export function seededRandom(seed: string): Random {
  let [a, b, c, d] = expand(seed);
  const draw = (): number => {
    const rotated = Math.imul(b, 5);
    const result = Math.imul((rotated << 7) | (rotated >>> 25), 9) >>> 0;
    const t = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= t;
    d = (d << 11) | (d >>> 21);
    return result;
  };
  return {
    next: () => (draw() * 2 ** 21 + (draw() >>> 11)) / 2 ** 53,
    int: (limit) => Math.floor(((draw() * 2 ** 21 + (draw() >>> 11)) / 2 ** 53) * limit),
  };
}

/** Four words of a text, by FNV-1a and splitmix32. */
function expand(seed: string): [number, number, number, number] {
  let h = 0x811c_9dc5;
  for (let i = 0; i < seed.length; i++) h = Math.imul(h ^ seed.charCodeAt(i), 0x0100_0193);
  const word = (): number => {
    h = (h + 0x9e37_79b9) | 0;
    let t = h ^ (h >>> 16);
    t = Math.imul(t, 0x21f0_aaad);
    t ^= t >>> 15;
    t = Math.imul(t, 0x735a_2d97);
    return t ^ (t >>> 15);
  };
  return [word(), word(), word(), word() | 1];
}
