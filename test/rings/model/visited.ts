import type { Place } from "./thread.js";

/** The states that were seen, each by 64 bits of hash, and how they follow from each other. */
export class Visited {
  #slots = new Int32Array(1 << 12).fill(-1);
  #lows = new Int32Array(1 << 12);
  #highs = new Int32Array(1 << 12);
  #low = 0;
  #high = 0;
  #initial = new Int32Array(0);
  readonly #keys: number[] = [];
  readonly #parents: number[] = [];
  readonly #choices: number[] = [];
  readonly #from: number[] = [];
  readonly #to: number[] = [];

  get count(): number {
    return this.#parents.length;
  }

  get edges(): number {
    return this.#from.length;
  }

  /** Begins with memory as it is. */
  begin(memory: Int32Array): void {
    this.#initial = memory.slice();
    this.#low = 0;
    this.#high = 0;
  }

  initial(): Int32Array {
    return this.#initial.slice();
  }

  /** A word of memory changes. */
  change(index: number, was: number, is: number): void {
    if (was === is) return;
    this.#low ^= mixed(index, was, 0x3c6e_f372) ^ mixed(index, is, 0x3c6e_f372);
    this.#high ^= mixed(index, was, 0x510e_527f) ^ mixed(index, is, 0x510e_527f);
  }

  /** Remembers the state that memory and threads are in, and that it followed from another. */
  add(
    memory: Int32Array,
    at: readonly Place[],
    modes: readonly number[],
    turn: number,
    parent: number,
    choice: number,
  ): { readonly id: number; readonly isNew: boolean } {
    let low = this.#low ^ mixed(-2, turn, 0x3c6e_f372);
    let high = this.#high ^ mixed(-2, turn, 0x510e_527f);
    for (let t = 0; t < at.length; t++) {
      const where = (at[t] as Place).id * 4 + (modes[t] as number);
      low ^= mixed(memory.length + t, where, 0x3c6e_f372);
      high ^= mixed(memory.length + t, where, 0x510e_527f);
    }
    const { id, isNew } = this.#idOf(low, high);
    if (isNew) {
      this.#parents.push(parent);
      this.#choices.push(choice);
    }
    if (parent >= 0) {
      this.#from.push(parent);
      this.#to.push(id);
    }
    return { id, isNew };
  }

  /** A state from which none of these can be reached, or -1. */
  unreaching(ends: readonly number[]): number {
    const { count } = this;
    const first = new Int32Array(count).fill(-1);
    const next = new Int32Array(this.#to.length);
    this.#to.forEach((to, edge) => {
      next[edge] = first[to] as number;
      first[to] = edge;
    });
    const reaches = new Uint8Array(count);
    const open = [...ends];
    for (const end of ends) reaches[end] = 1;
    for (let id = open.pop(); id !== undefined; id = open.pop()) {
      for (let edge = first[id] as number; edge >= 0; edge = next[edge] as number) {
        const from = this.#from[edge] as number;
        if (reaches[from] === 0) {
          reaches[from] = 1;
          open.push(from);
        }
      }
    }
    return reaches.indexOf(0);
  }

  /** The choices that led to a state. */
  choicesTo(id: number): number[] {
    const choices: number[] = [];
    for (let at = id; (this.#parents[at] as number) >= 0; at = this.#parents[at] as number) {
      choices.push(this.#choices[at] as number);
    }
    return choices.reverse();
  }

  #idOf(low: number, high: number): { id: number; isNew: boolean } {
    if (this.count * 2 > this.#slots.length) this.#grow();
    let slot = low & (this.#slots.length - 1);
    for (; (this.#slots[slot] as number) >= 0; slot = (slot + 1) & (this.#slots.length - 1)) {
      if (this.#lows[slot] === low && this.#highs[slot] === high)
        return { id: this.#slots[slot] as number, isNew: false };
    }
    const id = this.count;
    this.#put(slot, id, low, high);
    this.#keys.push(low, high);
    return { id, isNew: true };
  }

  #put(slot: number, id: number, low: number, high: number): void {
    this.#slots[slot] = id;
    this.#lows[slot] = low;
    this.#highs[slot] = high;
  }

  #grow(): void {
    const size = this.#slots.length * 2;
    this.#slots = new Int32Array(size).fill(-1);
    this.#lows = new Int32Array(size);
    this.#highs = new Int32Array(size);
    for (let id = 0; id * 2 < this.#keys.length; id++) {
      const low = this.#keys[id * 2] as number;
      let slot = low & (size - 1);
      while ((this.#slots[slot] as number) >= 0) slot = (slot + 1) & (size - 1);
      this.#put(slot, id, low, this.#keys[id * 2 + 1] as number);
    }
  }
}

function mixed(index: number, value: number, seed: number): number {
  let hash = Math.imul(value ^ seed, 0x85eb_ca6b) ^ Math.imul(index + 1, 0x9e37_79b1);
  hash = Math.imul(hash ^ (hash >>> 16), 0x21f0_aaad);
  hash = Math.imul(hash ^ (hash >>> 15) ^ seed, 0x735a_2d97);
  return hash ^ (hash >>> 15);
}
