import type { Segment } from "alphapulse-native-shm";
import { AlphaPulseError } from "../protocol/errors.js";
import { PLACE_COUNT, RING_KINDS, type RingKind } from "../rings/layout.js";
import { type RingMemory, type RingOptions, ringBytes } from "../rings/memory.js";
import { pathOf } from "./directory.js";
import { native, systemCode } from "./native.js";
import { createRing, openRing, type StalePolicy, unlinkRing } from "./ring-file.js";

/** Where a ring is looked for. */
export interface SharedMemoryOptions {
  /** Its directory, of a file system in memory; default `/dev/shm/alphapulse-<uid>`, made for this user alone. */
  readonly directory?: string;
}

/** How a ring between processes is made. */
export interface CreateOptions extends RingOptions, SharedMemoryOptions {
  /** Permissions of the file, whatever the umask; default 0o600. */
  readonly mode?: number;
  /**
   * What becomes of a ring of this name that nobody uses any more: it is an error (`"refuse"`, the default), it goes on
   * where it stands if kind and capacity are the same (`"join"`), or it is thrown away (`"replace"`). One that is in use
   * is never touched.
   */
  readonly stale?: StalePolicy;
}

const MODE_DEFAULT = 0o600;
/** A thread that is asleep in the kernel cannot be ended: it comes up for a moment this often. */
const SLEEP_MS_MAX = 100;
const ALL = 2 ** 31 - 1;

/**
 * Memory that a ring lies in, between processes: a file that each of them maps. Each thread opens its own; what one holds,
 * the system takes back however its process or thread ends.
 */
export class SharedMemory implements RingMemory, Disposable {
  /** As given. */
  readonly name: string;
  readonly kind: RingKind;
  /** The file. */
  readonly path: string;
  #segment: Segment | undefined;
  /** A 1 for each place that this memory holds: to the system, who holds a lock may take it again. */
  readonly #held = new Uint8Array(PLACE_COUNT);
  /** By the number of the waiter. */
  readonly #sleepers: ((() => void) | undefined)[] = [];
  readonly #onWake = (waiter: number): void => this.#sleepers[waiter]?.();

  private constructor(name: string, kind: RingKind, path: string, segment: Segment) {
    this.name = name;
    this.kind = kind;
    this.path = path;
    this.#segment = segment;
  }

  /**
   * Makes a ring under a name. It appears when it is whole, and stays until somebody takes its name away.
   *
   * @throws AlphaPulseError RING_EXISTS where the name is taken: the text says by whom, and what to do; BAD_NAME, BAD_OPTION,
   * BAD_DIRECTORY, BAD_RING, RING_IN_USE, SHARED_MEMORY_FAILED, UNSUPPORTED, NATIVE_MISSING
   */
  static create(name: string, kind: RingKind, options: CreateOptions): SharedMemory {
    native(); // says first what is missing
    if (typeof options !== "object" || options === null) {
      throw new AlphaPulseError("BAD_OPTION", "a ring is created with options: { capacityBytes: 1 << 20 }");
    }
    const { mode = MODE_DEFAULT, stale = "refuse" } = options;
    ringBytes(options);
    checkKind(kind);
    if (!Number.isInteger(mode) || mode < 0 || mode > 0o777 || (mode & MODE_DEFAULT) !== MODE_DEFAULT) {
      throw new AlphaPulseError("BAD_OPTION", `a ring's mode is 0o600 to 0o777, and its owner reads and writes it`);
    }
    if (!["refuse", "join", "replace"].includes(stale)) {
      throw new AlphaPulseError("BAD_OPTION", `stale is "refuse", "join" or "replace", not ${JSON.stringify(stale)}`);
    }
    const path = pathOf(name, options.directory);
    return new SharedMemory(name, kind, path, createRing(path, kind, { ...options, mode, stale }));
  }

  /**
   * Attaches to a ring.
   *
   * @throws AlphaPulseError NO_RING where there is none; BAD_RING where it is of another kind or version, or no ring;
   * BAD_NAME, BAD_OPTION, BAD_DIRECTORY, RING_IN_USE, SHARED_MEMORY_FAILED, UNSUPPORTED, NATIVE_MISSING
   */
  static open(name: string, kind: RingKind, options: SharedMemoryOptions = {}): SharedMemory {
    native();
    checkKind(kind);
    const path = pathOf(name, options.directory);
    return new SharedMemory(name, kind, path, openRing(path, kind));
  }

  /** The bytes of the ring. Every view of them is empty once this memory is closed. @throws AlphaPulseError RING_CLOSED */
  get buffer(): ArrayBuffer {
    return this.#open().buffer;
  }

  sleep(words: Int32Array, index: number, value: number, timeoutMs: number): void {
    const timeout = timeoutMs < SLEEP_MS_MAX ? timeoutMs : SLEEP_MS_MAX;
    native().futexWait(this.#open(), words.byteOffset + index * 4, value, timeout);
  }

  /** @throws AlphaPulseError TOO_MANY_SLEEPERS where four promises of this memory wait already */
  sleepAsync(words: Int32Array, index: number, value: number): Promise<void> | undefined {
    const segment = this.#open();
    if (Atomics.load(words, index) !== value) return undefined;
    try {
      const waiter = native().startWaiting(segment, words.byteOffset + index * 4, value, this.#onWake);
      return new Promise((resolve) => {
        this.#sleepers[waiter] = resolve;
      });
    } catch (cause) {
      if (systemCode(cause) !== "EBUSY") throw cause;
      const text = `${this.path}: too many wait for it already: keep the promise, and wait for that one`;
      throw new AlphaPulseError("TOO_MANY_SLEEPERS", text, { cause });
    }
  }

  wake(words: Int32Array, index: number): void {
    native().futexWake(this.#open(), words.byteOffset + index * 4, ALL);
  }

  occupy(place: number): boolean {
    const segment = this.#open();
    if (this.#held[place] === 1 || !native().lockPlaces(segment, place, 1, false)) return false;
    this.#held[place] = 1;
    return true;
  }

  vacate(place: number): void {
    const segment = this.#open();
    if (this.#held[place] !== 1) return;
    native().unlockPlaces(segment, place, 1);
    this.#held[place] = 0;
  }

  isOccupied(place: number): boolean {
    const segment = this.#open();
    return this.#held[place] === 1 || native().arePlacesLocked(segment, place, 1);
  }

  /** Takes the name away: nobody can attach any more. Those who have the ring go on with it, and its memory goes with the last. */
  unlink(): void {
    unlinkRing(this.#open(), this.path);
  }

  /** Lets go of the ring: its places are free, who sleeps wakes up. The ring itself stays, under its name. Twice is once. */
  close(): void {
    if (this.#segment === undefined) return;
    native().closeSegment(this.#segment);
    this.#segment = undefined;
    for (const wake of this.#sleepers.splice(0)) wake?.();
  }

  /** As {@link SharedMemory.close}, by `using`. */
  [Symbol.dispose](): void {
    this.close();
  }

  #open(): Segment {
    if (this.#segment !== undefined) return this.#segment;
    throw new AlphaPulseError("RING_CLOSED", `${this.path} was closed here: open it again`);
  }
}

function checkKind(kind: RingKind): void {
  if (RING_KINDS.includes(kind)) return;
  throw new AlphaPulseError("BAD_OPTION", `a ring is ${RING_KINDS.join(", ")}, not ${JSON.stringify(kind)}`);
}
