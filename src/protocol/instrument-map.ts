import { hashOfWords, type InstrumentId } from "./instrument-id.js";

const FIRST_CAPACITY = 16;
/** Open addressing stays short below this share of used places. */
const LOAD_MAX = 0.6;
const GONE = -1;

/** A map keyed by instrument: all 96 bits count, and two ids that are equal are one key. Looking up allocates nothing. */
export class InstrumentMap<T> {
  /** Per place: 0 empty, {@link GONE} removed, else 1 + the index into keys and values. */
  #places = new Int32Array(FIRST_CAPACITY);
  #keys: (InstrumentId | undefined)[] = [];
  #values: (T | undefined)[] = [];
  #used = 0;
  #size = 0;

  /** How many instruments it holds. */
  get size(): number {
    return this.#size;
  }

  /** The value of an instrument, or undefined. */
  get(id: InstrumentId): T | undefined {
    const place = this.#find(id);
    return place < 0 ? undefined : this.#values[(this.#places[place] as number) - 1];
  }

  /** Whether it holds the instrument. */
  has(id: InstrumentId): boolean {
    return this.#find(id) >= 0;
  }

  /** Puts a value, in place of the one before. */
  set(id: InstrumentId, value: T): this {
    const found = this.#find(id);
    if (found >= 0) {
      this.#values[(this.#places[found] as number) - 1] = value;
      return this;
    }
    if (this.#used + 1 > this.#places.length * LOAD_MAX) this.#rebuild();
    const index = this.#keys.length;
    this.#keys.push(id);
    this.#values.push(value);
    this.#insert(id, index);
    this.#size++;
    return this;
  }

  /** Takes an instrument out; says whether it was there. */
  delete(id: InstrumentId): boolean {
    const place = this.#find(id);
    if (place < 0) return false;
    const index = (this.#places[place] as number) - 1;
    this.#keys[index] = undefined;
    this.#values[index] = undefined;
    this.#places[place] = GONE;
    this.#size--;
    return true;
  }

  /** The value of an instrument, made and kept where there is none yet. */
  getOrCreate(id: InstrumentId, create: (id: InstrumentId) => T): T {
    const known = this.get(id);
    if (known !== undefined) return known;
    const made = create(id);
    this.set(id, made);
    return made;
  }

  /** Instruments and values in the order in which they were first put. */
  *entries(): IterableIterator<[InstrumentId, T]> {
    for (let i = 0; i < this.#keys.length; i++) {
      const key = this.#keys[i];
      if (key !== undefined) yield [key, this.#values[i] as T];
    }
  }

  /** The values in the order in which their instruments were first put. */
  *values(): IterableIterator<T> {
    for (const [, value] of this.entries()) yield value;
  }

  /** As {@link InstrumentMap.entries}. */
  [Symbol.iterator](): IterableIterator<[InstrumentId, T]> {
    return this.entries();
  }

  #find(id: InstrumentId): number {
    const places = this.#places;
    const mask = places.length - 1;
    let place = hashOfWords(id.venue, id.assetType, id.assetIdLow, id.assetIdHigh) & mask;
    for (;;) {
      const index = places[place] as number;
      if (index === 0) return -1;
      if (index !== GONE && (this.#keys[index - 1] as InstrumentId).equals(id)) return place;
      place = (place + 1) & mask;
    }
  }

  #insert(id: InstrumentId, index: number): void {
    const mask = this.#places.length - 1;
    let place = hashOfWords(id.venue, id.assetType, id.assetIdLow, id.assetIdHigh) & mask;
    while (this.#places[place] !== 0) place = (place + 1) & mask;
    this.#places[place] = index + 1;
    this.#used++;
  }

  /** Grows where it is full of keys; in any case drops what was removed. */
  #rebuild(): void {
    const entries = [...this.entries()];
    let capacity = FIRST_CAPACITY;
    while ((entries.length + 1) * 2 > capacity * LOAD_MAX) capacity *= 2;
    this.#places = new Int32Array(capacity);
    this.#keys = entries.map(([key]) => key);
    this.#values = entries.map(([, value]) => value);
    this.#used = 0;
    entries.forEach(([key], index) => {
      this.#insert(key, index);
    });
  }
}
