import type { InstrumentId } from "../protocol/instrument-id.js";
import type { BoundedMap } from "./bounded-map.js";

/** What an object cache finds a thing by. */
export type ObjectKey = InstrumentId | string | number | bigint;

/** What became of a thing that was added. */
export type AddResult = "added" | "known" | "changed" | "collision";

/** Two things with one key. The first one stays. */
export interface Collision {
  /** `instrument`, `token`, `pool`, or a kind of one's own. */
  readonly kind: string;
  readonly key: ObjectKey;
  /** The whole identity of the thing that stays: a symbol, a contract address, or what a kind of one's own says. */
  readonly standing: string;
  /** That of the one that was not taken. */
  readonly refused: string;
}

/** A thing that was told anew, with other properties. */
export interface Change {
  readonly kind: string;
  readonly key: ObjectKey;
  readonly before: unknown;
  readonly after: unknown;
}

/** A thing that had to go, because it was used longest ago and there was no room. */
export interface Eviction {
  readonly kind: string;
  readonly key: ObjectKey;
  readonly object: unknown;
}

/** Who is told what happens in an object cache. Called when the cache has done it: a callback may use the cache. */
export interface ObjectEvents {
  /** Two things with one key, each time that it happens. */
  readonly onCollision?: (collision: Collision) => void;
  /** A known thing came with other properties, which now count. */
  readonly onChanged?: (change: Change) => void;
  /** A thing went to make room. */
  readonly onEvicted?: (eviction: Eviction) => void;
}

/** Counts of one kind of things. */
export interface ObjectStats {
  readonly size: number;
  /** Those that had to go. */
  readonly evicted: number;
  /** How often a thing came whose key another one has. */
  readonly collisions: number;
  /** How often a known thing came with other properties. */
  readonly changed: number;
}

/** How things of a kind are told apart. */
export interface ObjectRules<Value> {
  /** The whole identity behind the key; two things with one key and different identities are a collision. */
  readonly identityOf: (value: Value) => string;
  /** Whether nothing changed. */
  readonly isSame: (before: Value, after: Value) => boolean;
}

/** The things of one kind: bounded, each with its whole identity. */
export class ObjectTable<Key extends ObjectKey, Value> {
  readonly #kind: string;
  readonly #objects: BoundedMap<Key, Value>;
  readonly #rules: ObjectRules<Value>;
  readonly #events: ObjectEvents;
  #collisions = 0;
  #changed = 0;

  constructor(kind: string, objects: BoundedMap<Key, Value>, rules: ObjectRules<Value>, events: ObjectEvents) {
    this.#kind = kind;
    this.#objects = objects;
    this.#rules = rules;
    this.#events = events;
  }

  add(key: Key, value: Value): AddResult {
    const before = this.#objects.get(key);
    if (before === undefined) {
      this.#objects.set(key, value);
      return "added";
    }
    const standing = this.#rules.identityOf(before);
    const other = this.#rules.identityOf(value);
    if (standing !== other) {
      this.#collisions++;
      this.#events.onCollision?.({ kind: this.#kind, key, standing, refused: other });
      return "collision";
    }
    if (this.#rules.isSame(before, value)) return "known";
    this.#objects.set(key, value);
    this.#changed++;
    this.#events.onChanged?.({ kind: this.#kind, key, before, after: value });
    return "changed";
  }

  get(key: Key): Value | undefined {
    return this.#objects.get(key);
  }

  delete(key: Key): boolean {
    return this.#objects.delete(key);
  }

  values(): IterableIterator<Value> {
    return this.#objects.values();
  }

  stats(): ObjectStats {
    const { size, evicted } = this.#objects;
    return { size, evicted, collisions: this.#collisions, changed: this.#changed };
  }
}
