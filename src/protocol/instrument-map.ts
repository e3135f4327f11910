import { hashOfWords, type InstrumentId } from "./instrument-id.js";

const FIRST_CAPACITY = 16;
/** Open addressing stays short below this share of used places. */
const LOAD_MAX = 0.6;
const GONE = -1;
/** Words of a place: the low and high half of the asset id, venue and asset type, and the index. */
const PLACE_WORDS = 4;

/**
 * A map keyed by instrument: all 96 bits count, and two ids that are equal are one key. Looking up allocates nothing, also
 * straight from the bytes of a message: {@link InstrumentMap.getAt}.
 */
export class InstrumentMap<T> {
  /** Per place {@link PLACE_WORDS}; the index is 0 where it is empty, {@link GONE} where removed, else 1 + that into keys and values. */
  #places = new Int32Array(FIRST_CAPACITY * PLACE_WORDS);
  #mask = FIRST_CAPACITY - 1;
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
    return this.#valueIn(this.#find(id));
  }

  /** The value of the instrument whose 12 bytes stand at `offset`, or undefined: nothing is decoded. */
  getAt(view: DataView, offset: number): T | undefined {
    // The reserved byte counts as 0 (docs/protocol.md, "InstrumentId").
    const tag = view.getInt32(offset, true) & 0xff_ffff;
    return this.#valueIn(this.#findWords(tag, view.getInt32(offset + 4, true), view.getInt32(offset + 8, true)));
  }

  /** Whether it holds the instrument. */
  has(id: InstrumentId): boolean {
    return this.#find(id) >= 0;
  }

  /** Puts a value, in place of the one before. */
  set(id: InstrumentId, value: T): this {
    const found = this.#find(id);
    if (found >= 0) {
      this.#values[this.#indexIn(found)] = value;
      return this;
    }
    if (this.#used + 1 > (this.#mask + 1) * LOAD_MAX) this.#rebuild();
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
    const index = this.#indexIn(place);
    this.#keys[index] = undefined;
    this.#values[index] = undefined;
    this.#places[place + 3] = GONE;
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

  /** Instruments and values in the order in which they were first put, as they are when the iteration begins. */
  *entries(): IterableIterator<[InstrumentId, T]> {
    const values = this.#values.slice();
    for (const [i, key] of this.#keys.slice().entries()) {
      if (key !== undefined) yield [key, values[i] as T];
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

  #indexIn(place: number): number {
    return (this.#places[place + 3] as number) - 1;
  }

  #valueIn(place: number): T | undefined {
    return place < 0 ? undefined : this.#values[this.#indexIn(place)];
  }

  #find(id: InstrumentId): number {
    return this.#findWords(tagOf(id), id.assetIdLow | 0, id.assetIdHigh | 0);
  }

  /** The first word of the place of these words, or -1. */
  #findWords(tag: number, low: number, high: number): number {
    const places = this.#places;
    const mask = this.#mask;
    let place = hashOf(tag, low, high) & mask;
    for (;;) {
      const at = place * PLACE_WORDS;
      const index = places[at + 3] as number;
      if (index === 0) return -1;
      if (places[at] === low && places[at + 1] === high && places[at + 2] === tag && index !== GONE) return at;
      place = (place + 1) & mask;
    }
  }

  #insert(id: InstrumentId, index: number): void {
    const tag = tagOf(id);
    let place = hashOf(tag, id.assetIdLow, id.assetIdHigh) & this.#mask;
    while (this.#places[place * PLACE_WORDS + 3] !== 0) place = (place + 1) & this.#mask;
    this.#places.set([id.assetIdLow, id.assetIdHigh, tag, index + 1], place * PLACE_WORDS);
    this.#used++;
  }

  /** Grows where it is full of keys; in any case drops what was removed. */
  #rebuild(): void {
    const entries = [...this.entries()];
    let capacity = FIRST_CAPACITY;
    while ((entries.length + 1) * 2 > capacity * LOAD_MAX) capacity *= 2;
    this.#places = new Int32Array(capacity * PLACE_WORDS);
    this.#mask = capacity - 1;
    this.#keys = entries.map(([key]) => key);
    this.#values = entries.map(([, value]) => value);
    this.#used = 0;
    entries.forEach(([key], index) => {
      this.#insert(key, index);
    });
  }
}

/** Venue and asset type as the first word of an id on the wire. */
function tagOf({ venue, assetType }: InstrumentId): number {
  return venue | (assetType << 16);
}

function hashOf(tag: number, low: number, high: number): number {
  return hashOfWords(tag & 0xffff, tag >>> 16, low, high);
}
