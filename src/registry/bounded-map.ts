import { AlphaPulseError } from "../protocol/errors.js";

/** What keys are looked up in: a `Map`, or an InstrumentMap. */
interface Lookup<Key, Value> {
  get(key: Key): Value | undefined;
  set(key: Key, value: Value): unknown;
  delete(key: Key): boolean;
  readonly size: number;
}

/** A value in the ring of all values, from the one used last to the one used longest ago. */
interface Link<Key, Value> {
  key: Key;
  value: Value;
  newer: Link<Key, Value>;
  older: Link<Key, Value>;
}

/** A map of bounded size: what was used longest ago goes first, and whoever wants to know is told. */
export class BoundedMap<Key, Value> {
  readonly #links: Lookup<Key, Link<Key, Value>>;
  readonly #max: number;
  readonly #onEvicted: (key: Key, value: Value) => void;
  #newest: Link<Key, Value> | undefined;
  #evicted = 0;

  /** @throws AlphaPulseError BAD_OPTION where `max` is no whole number of at least 1 */
  constructor(
    links: Lookup<Key, Link<Key, Value>>,
    max: number,
    onEvicted: (key: Key, value: Value) => void,
    option: string,
  ) {
    if (!Number.isInteger(max) || max < 1) {
      throw new AlphaPulseError("BAD_OPTION", `ObjectCache: ${option} ${max} is no whole number of at least 1`);
    }
    this.#links = links;
    this.#max = max;
    this.#onEvicted = onEvicted;
  }

  /** How many values it holds. */
  get size(): number {
    return this.#links.size;
  }

  /** How many had to go. */
  get evicted(): number {
    return this.#evicted;
  }

  /** The value of a key, which counts as a use. */
  get(key: Key): Value | undefined {
    const link = this.#links.get(key);
    if (link === undefined) return undefined;
    this.#use(link);
    return link.value;
  }

  /** Puts a value, in place of the one before; that is a use too. May evict another. */
  set(key: Key, value: Value): void {
    const known = this.#links.get(key);
    if (known !== undefined) {
      known.value = value;
      this.#use(known);
      return;
    }
    const evicted = this.#links.size >= this.#max ? this.#evict() : undefined;
    const link = { key, value } as Link<Key, Value>;
    link.newer = link.older = link;
    this.#links.set(key, link);
    this.#putFirst(link);
    // Last of all: whoever is told may come back here.
    if (evicted !== undefined) this.#onEvicted(evicted.key, evicted.value);
  }

  /** Takes a value out, without telling anybody; says whether it was there. */
  delete(key: Key): boolean {
    const link = this.#links.get(key);
    if (link === undefined) return false;
    this.#links.delete(key);
    this.#takeOut(link);
    return true;
  }

  /** Its values, from the one used last to the one used longest ago. */
  *values(): IterableIterator<Value> {
    let link = this.#newest;
    for (let left = this.size; link !== undefined && left > 0; left--, link = link.older) yield link.value;
  }

  #use(link: Link<Key, Value>): void {
    if (link === this.#newest) return;
    this.#takeOut(link);
    this.#putFirst(link);
  }

  #putFirst(link: Link<Key, Value>): void {
    const first = this.#newest;
    if (first !== undefined) {
      // A ring: what is newer than the newest is the oldest.
      link.older = first;
      link.newer = first.newer;
      first.newer.older = link;
      first.newer = link;
    }
    this.#newest = link;
  }

  #takeOut(link: Link<Key, Value>): void {
    if (link.older === link) this.#newest = undefined;
    else if (link === this.#newest) this.#newest = link.older;
    link.newer.older = link.older;
    link.older.newer = link.newer;
    link.newer = link.older = link;
  }

  #evict(): Link<Key, Value> {
    const oldest = (this.#newest as Link<Key, Value>).newer;
    this.#links.delete(oldest.key);
    this.#takeOut(oldest);
    this.#evicted++;
    return oldest;
  }
}
