/** Stores a position where nobody else reads or writes yet. */
export function storePosition(words: Int32Array, index: number, position: bigint): void {
  const high = Number(BigInt.asIntN(32, position >> 32n));
  words[index] = Number(BigInt.asIntN(32, position));
  words[index + 1] = high;
  words[index + 2] = high;
}

/** A position that another thread moves, whole. The low word's lowest bits are not part of it. */
export function loadPosition(words: Int32Array, index: number): bigint {
  return joined(...loadHalves(words, index)) & ~7n;
}

/** A count that another thread moves, whole. */
export function loadCount(words: Int32Array, index: number): bigint {
  return joined(...loadHalves(words, index));
}

/** More looks than a writer that lives needs to carry. */
const LOOKS_MAX = 1_000;

function loadHalves(words: Int32Array, index: number): [high: number, low: number] {
  for (let looks = 1; ; looks++) {
    const after = Atomics.load(words, index + 2);
    const low = Atomics.load(words, index);
    const before = Atomics.load(words, index + 1);
    if (before === after) return [before, low];
    // Its writer died while it carried: what it left is from before where the low half is still large.
    if (looks > LOOKS_MAX) return [low < 0 ? after : before, low];
  }
}

/** Moves a position or count on, where this thread alone writes it. */
export function advance(words: Int32Array, index: number, low: number): void {
  if (low >>> 0 < (words[index] as number) >>> 0) carry(words, index, low);
  else words[index] = low;
}

function carry(words: Int32Array, index: number, low: number): void {
  const high = ((words[index + 1] as number) + 1) | 0;
  Atomics.store(words, index + 1, high);
  Atomics.store(words, index, low);
  Atomics.store(words, index + 2, high);
}

/** Both halves as one number. */
export function joined(high: number, low: number): bigint {
  return (BigInt(high) << 32n) | BigInt(low >>> 0);
}

/** Makes whole what a writer that died while it carried left. The low word, where others may set bits, stays. */
export function repair(words: Int32Array, index: number): void {
  const [high] = loadHalves(words, index);
  Atomics.store(words, index + 1, high);
  Atomics.store(words, index + 2, high);
}
