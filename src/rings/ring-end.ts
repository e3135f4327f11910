import { AlphaPulseError } from "../protocol/errors.js";
import { type MessageBuffer, messageBuffer } from "../protocol/message-buffer.js";
import {
  bytesOf,
  CAPACITY_WORD,
  CLOSED_WORD,
  HEAD_WORD,
  KIND_WORD,
  PADDING,
  payloadBytesMaxOf,
  RECORD,
  RECORD_HEADER_BYTES,
  RECORD_SLEEPER,
  RING_HEADER_BYTES,
  RING_KINDS,
  type RingKind,
  SLEEPER,
  STATE_MASK,
  TAIL_WORD,
} from "./layout.js";
import { type RingMemory, ringCapacity, ThreadMemory } from "./memory.js";

/** What became of a record that was offered. */
export type OfferResult = "sent" | "backPressured" | "closed" | "tooLarge";

/** Receives a record: borrowed until it returns. */
export type RecordHandler = (buffer: MessageBuffer, offset: number, byteLength: number) => void;

/** How an end of a ring is made. */
export interface RingEndOptions {
  /**
   * Takes the place although another end has it: for who knows that the thread that had it is gone. Memory between
   * processes knows by itself. Default false.
   */
  readonly takeOver?: boolean;
}

/** The index of the first word of the records. */
export const RECORDS_INDEX = RING_HEADER_BYTES / 4;

/** What all ends of rings share. An end belongs to one thread. */
export abstract class RingEnd {
  /** The memory of the records. */
  readonly buffer: MessageBuffer;
  /** The longest record, in bytes. */
  readonly recordBytesMax: number;
  protected readonly memory: RingMemory;
  protected readonly words: Int32Array;
  protected readonly capacity: number;
  protected readonly mask: number;
  /** Whether it gave its place away, or was closed by itself alone: it is of no more use. */
  protected isGone = false;
  #place = -1;

  /** @throws AlphaPulseError BAD_RING where the memory holds no such ring */
  constructor(memory: SharedArrayBuffer | RingMemory, kind: RingKind) {
    this.memory = memory instanceof SharedArrayBuffer ? new ThreadMemory(memory) : memory;
    const { buffer } = this.memory;
    this.capacity = ringCapacity(buffer, kind);
    this.mask = this.capacity - 1;
    this.recordBytesMax = payloadBytesMaxOf(this.capacity);
    this.words = new Int32Array(buffer);
    this.buffer = messageBuffer(new Uint8Array(buffer, RING_HEADER_BYTES));
  }

  /** Whether either side closed the ring. What was published before can still be read. */
  get isClosed(): boolean {
    return Atomics.load(this.words, CLOSED_WORD) === 1;
  }

  /** Closes the ring for all and wakes those that sleep; nothing where this end gave its place away. */
  close(): void {
    if (!this.isGone) closeRing(this.memory);
  }

  /** Gives this end's place to whoever takes it next, who goes on from here. The end is of no more use. */
  vacate(): void {
    this.dropPlace();
  }

  protected dropPlace(): void {
    this.isGone = true;
    if (this.#place >= 0) this.memory.vacate(this.#place);
    this.#place = -1;
  }

  protected takePlace(place: number, who: string, { takeOver }: RingEndOptions): void {
    if (!this.tryPlace(place, takeOver)) {
      throw new AlphaPulseError(
        "RING_IN_USE",
        `this ring has a ${who} that lives: stop it; within one process, takeOver: true takes the place of a thread that is gone`,
      );
    }
  }

  protected tryPlace(place: number, takeOver = false): boolean {
    if (!this.memory.occupy(place, takeOver)) return false;
    this.#place = place;
    return true;
  }

  /** Answers for a record that is no size that the ring takes. */
  protected refuseSize(byteLength: number): "tooLarge" {
    if ((byteLength | 0) === byteLength && byteLength > this.recordBytesMax) return "tooLarge";
    throw new AlphaPulseError("BAD_OPTION", `a record has a whole number of bytes from 0, not ${byteLength}`);
  }

  /** @throws AlphaPulseError BAD_OPTION where a record does not lie within its source */
  protected checkSource(source: MessageBuffer, offset: number, byteLength: number): void {
    if ((offset | 0) === offset && offset >= 0 && offset + byteLength <= source.bytes.byteLength) return;
    throw badSource(offset, byteLength, source.bytes.byteLength);
  }

  protected corrupt(position: bigint): AlphaPulseError {
    return new AlphaPulseError(
      "BAD_RECORD",
      `there is no record at position ${position}: something else wrote into this ring; make it anew`,
    );
  }
}

/** Closes a ring for all and wakes those that sleep. */
function closeRing(memory: RingMemory): void {
  const words = new Int32Array(memory.buffer);
  Atomics.store(words, CLOSED_WORD, 1);
  rouse(memory, words, HEAD_WORD, SLEEPER);
  if (words[KIND_WORD] === MPSC) {
    const at = Atomics.load(words, HEAD_WORD) & ((words[CAPACITY_WORD] as number) - 8);
    rouse(memory, words, RECORDS_INDEX + at / 4, RECORD_SLEEPER);
  } else rouse(memory, words, TAIL_WORD, SLEEPER);
}

const MPSC = RING_KINDS.indexOf("mpsc") + 1;

/** Wakes those that sleep on a word. Their bit goes first, so that one who is about to sleep does not. */
function rouse(memory: RingMemory, words: Int32Array, index: number, bit: number): void {
  Atomics.and(words, index, ~bit);
  memory.wake(words, index); // also where the bit was gone: who took it may have died before it woke
}

/** Says of a record that it does not lie within its source. */
export function badSource(offset: number, byteLength: number, sourceBytes: number): AlphaPulseError {
  const text = `a record of ${byteLength} bytes at offset ${offset} is not within its ${sourceBytes} bytes`;
  return new AlphaPulseError("BAD_OPTION", text);
}

/** @throws AlphaPulseError BAD_OPTION where it is no time to wait */
export function checkTimeout(timeoutMs: number): void {
  if (!Number.isNaN(timeoutMs) && typeof timeoutMs === "number") return;
  throw new AlphaPulseError("BAD_OPTION", `a wait takes a number of milliseconds, or Infinity, not ${timeoutMs}`);
}

/** Whether a record of these two words can stand where `available` bytes follow. */
export function isRecord(word: number, ordinal: number, available: number): boolean {
  const bytes = bytesOf(word);
  const state = word & STATE_MASK;
  if (bytes === 0 || bytes > available) return false;
  return state === PADDING || (state === RECORD && bytes - RECORD_HEADER_BYTES >= (ordinal & 7));
}
