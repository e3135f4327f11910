import { type Fragment, readFragment } from "./fragments.js";
import { unsignedOf } from "./halves.js";
import { checkHeader, DOMAIN_OFFSET, HEADER_BYTES, SEQUENCE_OFFSET, SOURCE_OFFSET } from "./header.js";
import { allocateBuffer, type MessageBuffer } from "./message-buffer.js";

// docs/protocol.md, "Datagrams": the bounds of what one sender may have incomplete here.

/** Messages that may be incomplete at once. */
const INCOMPLETE_MAX = 8;
/** How long a message may stay incomplete, in ms. */
export const INCOMPLETE_MS = 250;
/** Messages that were completed or ended lately, so that late copies of their pieces begin nothing. */
const FINISHED_MAX = 64;

/** Memory that several reassemblers share, where their senders are not known to be real. */
export interface ReassemblyBudget {
  bytesLeft: number;
}

/** What a {@link Reassembler} needs. */
export interface ReassemblerOptions {
  /** The largest payload of a message, in bytes: twice that, with headers, is held. */
  readonly payloadBytesMax: number;
  /** Monotonic, in ms. */
  readonly now: () => number;
  /** Told of each message that is given up. `sequence` is NaN where it passes 2^53. */
  readonly onGivenUp: (source: number, sequence: number, why: string) => void;
}

interface Incomplete {
  readonly key: string;
  readonly source: number;
  readonly sequence: number;
  readonly count: number;
  readonly deadlineMs: number;
  readonly budget: ReassemblyBudget | undefined;
  /** One bit a piece. */
  readonly seen: Uint32Array;
  seenCount: number;
  /** Of each piece but the last; 0 until one of them came. */
  pieceBytes: number;
  /** The pieces in their places, once their length is known. */
  whole: MessageBuffer | undefined;
  /** The last piece, where it came first. */
  last: Uint8Array | undefined;
  lastBytes: number;
  /** Bytes that count against the bounds. */
  held: number;
}

/**
 * Puts the fragments of one sender together. Pieces that come twice change nothing; those that contradict each other end
 * their message. It has no timer: {@link Reassembler.expire} is called when {@link Reassembler.nextExpiryMs} has come.
 */
export class Reassembler {
  /** Memory shared with others, for what begins from now on; undefined: only the bounds of one sender. */
  budget: ReassemblyBudget | undefined;
  readonly #options: ReassemblerOptions;
  readonly #messageBytesMax: number;
  /** Oldest first. */
  readonly #incomplete = new Map<string, Incomplete>();
  /** When each may be forgotten, oldest first. */
  readonly #finished = new Map<string, number>();
  readonly #fragment: Fragment = {
    source: 0,
    relayDomain: 0,
    sequenceLow: 0,
    sequenceHigh: 0,
    index: 0,
    count: 0,
    length: 0,
  };
  #heldBytes = 0;

  constructor(options: ReassemblerOptions, budget?: ReassemblyBudget) {
    this.#options = options;
    this.#messageBytesMax = HEADER_BYTES + options.payloadBytesMax;
    this.budget = budget;
  }

  /** Bytes that are held for messages that are not complete. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** Messages that are not complete. */
  get incompleteCount(): number {
    return this.#incomplete.size;
  }

  /** When the oldest message has to be given up, in ms of `now`; Infinity where none is held. */
  get nextExpiryMs(): number {
    for (const { deadlineMs } of this.#incomplete.values()) return deadlineMs;
    return Number.POSITIVE_INFINITY;
  }

  /**
   * Takes the fragment that fills `available` bytes from `offset` on; its bytes are copied.
   * @returns the message that it completed, from offset 0 on
   * @throws ProtocolError where it is no fragment
   */
  take(buffer: MessageBuffer, offset: number, available: number): MessageBuffer | undefined {
    const fragment = this.#fragment;
    readFragment(buffer.view, offset, available, fragment);
    this.expire();
    const { source, relayDomain, sequenceLow, sequenceHigh } = fragment;
    const key = `${source}/${relayDomain}/${sequenceHigh}/${sequenceLow}`;
    if (this.#finished.has(key)) return undefined;
    const message = this.#incomplete.get(key) ?? this.#begin(key, fragment);
    const piece = buffer.bytes.subarray(offset + available - fragment.length, offset + available);
    const fault = this.#place(message, fragment, piece);
    if (fault !== undefined) {
      this.#giveUp(message, fault);
      this.#finish(message);
      return undefined;
    }
    return message.seenCount === message.count ? this.#complete(message, fragment) : undefined;
  }

  /** Gives up what is too old. */
  expire(): void {
    const nowMs = this.#options.now();
    for (const message of this.#incomplete.values()) {
      if (message.deadlineMs > nowMs) break;
      this.#giveUp(message, `${message.seenCount} of ${message.count} pieces came within ${INCOMPLETE_MS} ms`);
    }
    for (const [key, untilMs] of this.#finished) {
      if (untilMs > nowMs) break;
      this.#finished.delete(key);
    }
  }

  /** Gives up everything, as the link ends. */
  clear(): void {
    for (const message of this.#incomplete.values()) {
      this.#giveUp(message, `${message.seenCount} of ${message.count} pieces came before the end`);
    }
  }

  #begin(key: string, { source, sequenceLow, sequenceHigh, count }: Fragment): Incomplete {
    if (this.#incomplete.size >= INCOMPLETE_MAX) this.#giveUpOldest(undefined);
    const sequence = unsignedOf(sequenceLow >>> 0, sequenceHigh >>> 0);
    const message: Incomplete = {
      key,
      source,
      sequence: Number.isSafeInteger(sequence) ? sequence : Number.NaN,
      count,
      deadlineMs: this.#options.now() + INCOMPLETE_MS,
      budget: this.budget,
      seen: new Uint32Array((count + 31) >>> 5),
      seenCount: 0,
      pieceBytes: 0,
      whole: undefined,
      last: undefined,
      lastBytes: 0,
      held: 0,
    };
    this.#incomplete.set(key, message);
    return message;
  }

  /** Puts a piece where it belongs. @returns why the message has to be given up */
  #place(message: Incomplete, { index, count, length }: Fragment, piece: Uint8Array): string | undefined {
    const isLast = index === count - 1;
    if (count !== message.count) return "pieces contradict each other in their count";
    if (
      isLast
        ? message.pieceBytes > 0 && length > message.pieceBytes
        : message.pieceBytes > 0 && length !== message.pieceBytes
    )
      return "pieces contradict each other in their length";
    // The last piece is no longer than the others, so these are at least as long.
    if (length * (isLast ? count : count - 1) > this.#messageBytesMax) return "it passes the size limit";
    const bit = 1 << (index & 31);
    const word = message.seen[index >>> 5] as number;
    if ((word & bit) !== 0) {
      return isSame(placed(message, index, length), piece) ? undefined : "pieces contradict each other";
    }
    const fault = isLast ? this.#placeLast(message, piece) : this.#placeOther(message, index, piece);
    if (fault !== undefined) return fault;
    message.seen[index >>> 5] = word | bit;
    message.seenCount++;
    return undefined;
  }

  #placeLast(message: Incomplete, piece: Uint8Array): string | undefined {
    message.lastBytes = piece.byteLength;
    if (message.whole !== undefined) {
      const at = (message.count - 1) * message.pieceBytes;
      if (at + piece.byteLength > this.#messageBytesMax) return "it passes the size limit";
      message.whole.bytes.set(piece, at);
      return undefined;
    }
    if (!this.#reserve(message, piece.byteLength)) return "there is no memory for it";
    message.last = Uint8Array.prototype.slice.call(piece);
    return undefined;
  }

  #placeOther(message: Incomplete, index: number, piece: Uint8Array): string | undefined {
    if (message.whole === undefined) {
      const pieceBytes = piece.byteLength;
      const bytes = Math.min(message.count * pieceBytes, this.#messageBytesMax);
      const lastAt = (message.count - 1) * pieceBytes;
      if (message.lastBytes > pieceBytes) return "pieces contradict each other in their length";
      if (lastAt + message.lastBytes > this.#messageBytesMax) return "it passes the size limit";
      if (!this.#reserve(message, bytes - message.held)) return "there is no memory for it";
      message.pieceBytes = pieceBytes;
      message.whole = allocateBuffer(bytes);
      if (message.last !== undefined) message.whole.bytes.set(message.last, lastAt);
      message.last = undefined;
    }
    message.whole.bytes.set(piece, index * message.pieceBytes);
    return undefined;
  }

  #complete(
    message: Incomplete,
    { source, relayDomain, sequenceLow, sequenceHigh }: Fragment,
  ): MessageBuffer | undefined {
    const messageBytes = (message.count - 1) * message.pieceBytes + message.lastBytes;
    const bytes = message.last ?? message.whole?.bytes.subarray(0, messageBytes) ?? new Uint8Array(0);
    const whole: MessageBuffer = { bytes, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength) };
    const { view } = whole;
    let isWhole = false;
    try {
      isWhole =
        checkHeader(view, 0, messageBytes, this.#options.payloadBytesMax) === messageBytes &&
        view.getUint16(SOURCE_OFFSET, true) === source &&
        view.getUint8(DOMAIN_OFFSET) === relayDomain &&
        view.getInt32(SEQUENCE_OFFSET, true) === sequenceLow &&
        view.getInt32(SEQUENCE_OFFSET + 4, true) === sequenceHigh;
    } catch {
      // no message at all: said below
    }
    this.#finish(message);
    if (isWhole) {
      this.#release(message);
      return whole;
    }
    this.#giveUp(message, "its pieces make no message that is what they say");
    return undefined;
  }

  /** Takes memory for a message, from the oldest others where there is none left. */
  #reserve(message: Incomplete, bytes: number): boolean {
    const { budget } = message;
    if (budget !== undefined && budget.bytesLeft < bytes) return false;
    while (this.#heldBytes + bytes > 2 * this.#messageBytesMax) this.#giveUpOldest(message);
    this.#heldBytes += bytes;
    message.held += bytes;
    if (budget !== undefined) budget.bytesLeft -= bytes;
    return true;
  }

  #giveUpOldest(but: Incomplete | undefined): void {
    for (const message of this.#incomplete.values()) {
      if (message === but) continue;
      this.#giveUp(message, "too many messages were incomplete at once");
      return;
    }
  }

  #giveUp(message: Incomplete, why: string): void {
    this.#release(message);
    this.#options.onGivenUp(message.source, message.sequence, why);
  }

  #release(message: Incomplete): void {
    this.#incomplete.delete(message.key);
    this.#heldBytes -= message.held;
    if (message.budget !== undefined) message.budget.bytesLeft += message.held;
  }

  /** Its late pieces begin nothing any more. What is unsequenced cannot be told from the next one. */
  #finish({ key, sequence }: Incomplete): void {
    if (sequence === 0) return;
    if (this.#finished.size >= FINISHED_MAX)
      for (const oldest of this.#finished.keys()) {
        this.#finished.delete(oldest);
        break;
      }
    this.#finished.set(key, this.#options.now() + INCOMPLETE_MS);
  }
}

function placed({ whole, last, pieceBytes }: Incomplete, index: number, length: number): Uint8Array {
  return last ?? (whole as MessageBuffer).bytes.subarray(index * pieceBytes, index * pieceBytes + length);
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.byteLength === b.byteLength && a.every((byte, i) => byte === b[i]);
}
