// SHA-256 (FIPS 180-4) of short inputs: one-way instrument ids need it, and this layer may import no node: module.

const ROUND_CONSTANTS = /* @__PURE__ */ fractionsOfRoots(64, 3);
const INITIAL_STATE = /* @__PURE__ */ fractionsOfRoots(8, 2);

/** The SHA-256 digest, 32 bytes. Made for inputs of a few hundred bytes: for more, use the platform's. */
export function sha256(input: Uint8Array): Uint8Array {
  const paddedBytes = Math.ceil((input.byteLength + 9) / 64) * 64;
  const padded = new Uint8Array(paddedBytes);
  padded.set(input);
  padded[input.byteLength] = 0x80;
  const view = new DataView(padded.buffer);
  view.setUint32(paddedBytes - 8, Math.floor(input.byteLength / 0x2000_0000));
  view.setUint32(paddedBytes - 4, (input.byteLength << 3) >>> 0);

  const state = INITIAL_STATE.slice();
  const schedule = new Uint32Array(64);
  for (let block = 0; block < paddedBytes; block += 64) compress(state, schedule, view, block);

  const digest = new DataView(new ArrayBuffer(32));
  state.forEach((word, i) => {
    digest.setUint32(i * 4, word);
  });
  return new Uint8Array(digest.buffer);
}

function compress(state: Uint32Array, w: Uint32Array, view: DataView, block: number): void {
  const at = (words: Uint32Array, i: number): number => words[i] as number;
  for (let i = 0; i < 16; i++) w[i] = view.getUint32(block + i * 4);
  for (let i = 16; i < 64; i++) {
    const x = at(w, i - 15);
    const y = at(w, i - 2);
    const s0 = rotate(x, 7) ^ rotate(x, 18) ^ (x >>> 3);
    const s1 = rotate(y, 17) ^ rotate(y, 19) ^ (y >>> 10);
    w[i] = at(w, i - 16) + s0 + at(w, i - 7) + s1;
  }
  let [a, b, c, d, e, f, g, h] = state as unknown as [number, number, number, number, number, number, number, number];
  for (let i = 0; i < 64; i++) {
    const s1 = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25);
    const t1 = (h + s1 + ((e & f) ^ (~e & g)) + at(ROUND_CONSTANTS, i) + at(w, i)) | 0;
    const s0 = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22);
    const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    h = g;
    g = f;
    f = e;
    e = (d + t1) | 0;
    d = c;
    c = b;
    b = a;
    a = (t1 + t2) | 0;
  }
  [a, b, c, d, e, f, g, h].forEach((word, i) => {
    state[i] = at(state, i) + word;
  });
}

function rotate(word: number, bits: number): number {
  return (word >>> bits) | (word << (32 - bits));
}

/** The first 32 bits of the fractional parts of the square or cube roots of the first primes (FIPS 180-4, 4.2.2 and 5.3.3). */
function fractionsOfRoots(count: number, root: 2 | 3): Uint32Array {
  const words = new Uint32Array(count);
  let found = 0;
  for (let n = 2; found < count; n++) {
    let prime = true;
    for (let d = 2; d * d <= n; d++) if (n % d === 0) prime = false;
    if (!prime) continue;
    const value = root === 2 ? Math.sqrt(n) : Math.cbrt(n);
    words[found++] = (value - Math.floor(value)) * 4_294_967_296;
  }
  return words;
}
