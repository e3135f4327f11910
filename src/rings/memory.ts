import { AlphaPulseError } from "../protocol/errors.js";
import {
  CAPACITY_MAX,
  CAPACITY_MIN,
  CAPACITY_WORD,
  FREED_WORD,
  freeWord,
  HEAD_WORD,
  INTENT_WORD,
  KIND_WORD,
  LATEST_WORD,
  LAYOUT_VERSION,
  MAGIC,
  MAGIC_WORD,
  PLACES_WORD,
  RING_HEADER_BYTES,
  RING_KINDS,
  type RingKind,
  TAIL_WORD,
  VERSION_WORD,
} from "./layout.js";
import { storePosition } from "./position.js";

/**
 * Memory that a ring lies in, and what only its owner can do with it: put a thread to sleep until a word changes, and
 * know who of those that use it lives. Threads of one process use {@link ThreadMemory}; memory between processes comes
 * from an addon.
 */
export interface RingMemory {
  /** The bytes: of the ring, and nothing else. */
  readonly buffer: SharedArrayBuffer | ArrayBuffer;
  /** Blocks this thread while the word holds the value, at most so long. May return early: who sleeps looks again. */
  sleep(words: Int32Array, index: number, value: number, timeoutMs: number): void;
  /** The same without blocking. Undefined where the word differs already. May resolve early, too. */
  sleepAsync(words: Int32Array, index: number, value: number): Promise<void> | undefined;
  /** Wakes all that sleep on the word. */
  wake(words: Int32Array, index: number): void;
  /**
   * Takes a place for an end; false where one that lives has it.
   *
   * @param isHolderGone whether the caller knows that who has the place is gone: heeded only where the memory cannot know
   */
  occupy(place: number, isHolderGone?: boolean): boolean;
  /** Gives it back. */
  vacate(place: number): void;
  /** Whether one that lives has the place. */
  isOccupied(place: number): boolean;
}

/** A ring's memory within one process, seen by this thread. */
export class ThreadMemory implements RingMemory {
  readonly buffer: SharedArrayBuffer;
  readonly #words: Int32Array;

  constructor(buffer: SharedArrayBuffer) {
    this.buffer = buffer;
    this.#words = new Int32Array(buffer, 0, buffer.byteLength >> 2);
  }

  sleep(words: Int32Array, index: number, value: number, timeoutMs: number): void {
    Atomics.wait(words, index, value, timeoutMs);
  }

  sleepAsync(words: Int32Array, index: number, value: number): Promise<void> | undefined {
    const wait = Atomics.waitAsync(words, index, value);
    return wait.async ? wait.value.then(nothing) : undefined;
  }

  wake(words: Int32Array, index: number): void {
    Atomics.notify(words, index);
  }

  occupy(place: number, isHolderGone = false): boolean {
    const bit = 1 << (place & 31);
    return (Atomics.or(this.#words, PLACES_WORD + (place >> 5), bit) & bit) === 0 || isHolderGone;
  }

  vacate(place: number): void {
    Atomics.and(this.#words, PLACES_WORD + (place >> 5), ~(1 << (place & 31)));
  }

  isOccupied(place: number): boolean {
    return (Atomics.load(this.#words, PLACES_WORD + (place >> 5)) & (1 << (place & 31))) !== 0;
  }
}

function nothing(): void {}

/** How a ring is made. */
export interface RingOptions {
  /** Bytes for records, a power of two from 1 KiB to 1 GiB. A record takes at most an eighth of it. */
  readonly capacityBytes: number;
  /** Where positions begin, a multiple of 8; default 0. */
  readonly position?: bigint;
}

/** Bytes of memory that a ring takes. @throws AlphaPulseError BAD_OPTION */
export function ringBytes({ capacityBytes, position = 0n }: RingOptions): number {
  if (!Number.isInteger(capacityBytes) || !isCapacity(capacityBytes)) {
    throw new AlphaPulseError(
      "BAD_OPTION",
      `a ring's capacity is a power of two from 1 KiB to 1 GiB, not ${capacityBytes}`,
    );
  }
  if (typeof position !== "bigint" || position < 0n || position >= 1n << 63n || position % 8n !== 0n) {
    throw new AlphaPulseError("BAD_OPTION", `a ring's position is a multiple of 8 below 2^63, not ${position}`);
  }
  return RING_HEADER_BYTES + capacityBytes;
}

/** Makes an empty ring in zeroed memory of {@link ringBytes}. The magic is stored last: who finds it finds a ring. */
export function formatRing(buffer: SharedArrayBuffer | ArrayBuffer, kind: RingKind, options: RingOptions): void {
  const { capacityBytes, position = 0n } = options;
  checkKind(kind);
  const words = new Int32Array(buffer);
  words[VERSION_WORD] = LAYOUT_VERSION;
  words[KIND_WORD] = RING_KINDS.indexOf(kind) + 1;
  words[CAPACITY_WORD] = capacityBytes;
  for (const word of [TAIL_WORD, LATEST_WORD, INTENT_WORD, HEAD_WORD]) storePosition(words, word, position);
  words[FREED_WORD] = words[HEAD_WORD] as number;
  if (kind === "mpsc") fillFree(words, capacityBytes, position);
  Atomics.store(words, MAGIC_WORD, MAGIC);
}

function fillFree(words: Int32Array, capacity: number, position: bigint): void {
  const lap = Number(BigInt.asUintN(29, position / BigInt(capacity)));
  const at = Number(position % BigInt(capacity)) / 4;
  const records = words.subarray(RING_HEADER_BYTES / 4);
  records.fill(freeWord(lap + 1), 0, at);
  records.fill(freeWord(lap), at);
}

/** The memory of an empty ring between threads: hand it to a worker as it is. @throws AlphaPulseError BAD_OPTION */
export function allocateRing(kind: RingKind, options: RingOptions): SharedArrayBuffer {
  const buffer = new SharedArrayBuffer(ringBytes(options));
  formatRing(buffer, kind, options);
  return buffer;
}

/** The capacity of the ring that lies in this memory. @throws AlphaPulseError BAD_RING where there is no ring of this kind */
export function ringCapacity(buffer: SharedArrayBuffer | ArrayBuffer, kind: RingKind): number {
  const { byteLength } = buffer;
  if (byteLength < RING_HEADER_BYTES) throw badRing(`${byteLength} bytes are too few for a ring`);
  const words = new Int32Array(buffer, 0, RING_HEADER_BYTES / 4);
  if (Atomics.load(words, MAGIC_WORD) !== MAGIC) throw badRing("this memory holds no ring");
  const version = words[VERSION_WORD] as number;
  if (version !== LAYOUT_VERSION) {
    throw badRing(`this ring has layout version ${version}, and this program reads version ${LAYOUT_VERSION}`);
  }
  const found = RING_KINDS[(words[KIND_WORD] as number) - 1];
  if (found !== kind)
    throw badRing(`this is ${found === undefined ? "no known ring" : `a ring of kind ${found}`}, not ${kind}`);
  const capacity = words[CAPACITY_WORD] as number;
  if (byteLength !== RING_HEADER_BYTES + capacity || !isCapacity(capacity)) {
    throw badRing(`a ring of ${capacity} bytes does not fill ${byteLength} bytes of memory`);
  }
  return capacity;
}

function isCapacity(bytes: number): boolean {
  return (bytes & (bytes - 1)) === 0 && bytes >= CAPACITY_MIN && bytes <= CAPACITY_MAX;
}

function checkKind(kind: RingKind): void {
  if (RING_KINDS.includes(kind)) return;
  throw new AlphaPulseError("BAD_OPTION", `a ring is ${RING_KINDS.join(", ")}, not ${JSON.stringify(kind)}`);
}

function badRing(what: string): AlphaPulseError {
  return new AlphaPulseError("BAD_RING", what);
}
