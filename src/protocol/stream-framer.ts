import { AlphaPulseError } from "./errors.js";
import { checkHeader, checkPayloadBytesMax, HEADER_BYTES, PAYLOAD_BYTES_DEFAULT } from "./header.js";
import { allocateBuffer, type MessageBuffer, messageBuffer } from "./message-buffer.js";

const FIRST_CARRY_BYTES = 4096;
const NOTHING = /* @__PURE__ */ new Uint8Array(0);

/** Called with each whole message: borrowed until it returns. */
export type MessageHandler = (buffer: MessageBuffer, offset: number, byteLength: number) => void;

/** What a {@link StreamFramer} may be told. */
export interface StreamFramerOptions {
  /** The limit of a payload in bytes; default 1 MiB. */
  readonly payloadBytesMax?: number;
}

/**
 * Cuts a stream of bytes, which may come in chunks that end anywhere, into whole messages (docs/protocol.md, "On a byte
 * stream"). A message within one chunk is handed over in place; only one that crosses chunks is copied. It looks at
 * headers only: `MessageView.read` checks the rest.
 */
export class StreamFramer {
  readonly #payloadBytesMax: number;
  readonly #handler: MessageHandler;
  /** The beginning of a message whose rest has not come. */
  #carry: MessageBuffer = allocateBuffer(FIRST_CARRY_BYTES);
  #carried = 0;
  /** What was not looked at because the handler threw. */
  #unread: Uint8Array = NOTHING;
  /** The chunk that was pushed last, and as a message's memory. */
  #chunk: Uint8Array = NOTHING;
  #chunkBuffer: MessageBuffer = this.#carry;
  /** How much of the chunk has been taken. */
  #at = 0;
  #isHandling = false;

  /** @param handler called with each whole message, borrowed until it returns */
  constructor(handler: MessageHandler, options: StreamFramerOptions = {}) {
    this.#payloadBytesMax = checkPayloadBytesMax(options.payloadBytesMax ?? PAYLOAD_BYTES_DEFAULT);
    this.#handler = handler;
  }

  /** Whether a message has begun and not ended. */
  get isWithin(): boolean {
    return this.#carried > 0 || this.#unread.byteLength > 0;
  }

  /**
   * Takes the next bytes: a chunk, or the first `byteLength` bytes of one that is used again and again. What the handler throws comes through; the stream goes on behind that message at the next push.
   * After an error of its own it has let go of what it held, and stands at the beginning of another stream.
   * @throws ProtocolError BAD_MAGIC, UNSUPPORTED_VERSION, BAD_DOMAIN or TOO_LARGE: the stream cannot be trusted any more;
   * AlphaPulseError REENTERED where its own handler calls it
   */
  push(chunk: Uint8Array, byteLength = chunk.byteLength): void {
    if (this.#isHandling) {
      throw new AlphaPulseError(
        "REENTERED",
        "a framer takes no bytes while its handler has a message: push them later",
      );
    }
    let bytes = chunk;
    let end = byteLength;
    if (this.#unread.byteLength > 0) {
      bytes = joined(this.#unread, chunk.subarray(0, byteLength));
      end = bytes.byteLength;
      this.#unread = NOTHING;
    }
    this.#at = 0;
    try {
      this.#cut(bytes, end);
    } catch (error) {
      if (this.#isHandling) this.#unread = Uint8Array.prototype.slice.call(bytes, this.#at, end);
      this.#isHandling = false;
      throw error;
    }
  }

  #cut(chunk: Uint8Array, end: number): void {
    if (this.#carried > 0) this.#completeCarried(chunk, end);
    if (this.#at === end) return;
    const buffer = this.#bufferOf(chunk);
    const { view } = buffer;
    const payloadBytesMax = this.#payloadBytesMax;
    let at = this.#at;
    while (end - at >= HEADER_BYTES) {
      const messageBytes = checkHeader(view, at, end - at, payloadBytesMax);
      if (end - at < messageBytes) break;
      this.#at = at + messageBytes;
      this.#hand(buffer, at, messageBytes);
      at = this.#at;
    }
    this.#keep(chunk, at, end);
  }

  /** Who reads into the same memory again and again has one made for it once. */
  #bufferOf(chunk: Uint8Array): MessageBuffer {
    if (chunk !== this.#chunk) {
      this.#chunk = chunk;
      this.#chunkBuffer = messageBuffer(chunk);
    }
    return this.#chunkBuffer;
  }

  /** Fills up the message that was begun. */
  #completeCarried(chunk: Uint8Array, chunkBytes: number): void {
    if (this.#carried < HEADER_BYTES) {
      this.#at = Math.min(HEADER_BYTES - this.#carried, chunkBytes);
      this.#keep(chunk, 0, this.#at);
      if (this.#carried < HEADER_BYTES) return;
    }
    const carried = this.#carried;
    this.#carried = 0; // what throws here leaves nothing behind
    const messageBytes = checkHeader(this.#carry.view, 0, HEADER_BYTES, this.#payloadBytesMax);
    this.#carried = carried;
    const end = Math.min(this.#at + messageBytes - carried, chunkBytes);
    this.#keep(chunk, this.#at, end);
    this.#at = end;
    if (this.#carried < messageBytes) return;
    this.#carried = 0;
    this.#hand(this.#carry, 0, messageBytes);
  }

  #hand(buffer: MessageBuffer, offset: number, messageBytes: number): void {
    this.#isHandling = true;
    this.#handler(buffer, offset, messageBytes);
    this.#isHandling = false;
  }

  #keep(chunk: Uint8Array, from: number, to: number): void {
    const needed = this.#carried + to - from;
    if (needed > this.#carry.bytes.byteLength) {
      let capacity = this.#carry.bytes.byteLength;
      while (capacity < needed) capacity *= 2;
      const larger = allocateBuffer(capacity);
      larger.bytes.set(this.#carry.bytes.subarray(0, this.#carried));
      this.#carry = larger;
    }
    if (to > from) this.#carry.bytes.set(chunk.subarray(from, to), this.#carried);
    this.#carried = needed;
  }
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  const all = new Uint8Array(a.byteLength + b.byteLength);
  all.set(a);
  all.set(b, a.byteLength);
  return all;
}

/** Why a stream that ended within a message has ended badly. */
export function cutOff(): AlphaPulseError {
  return new AlphaPulseError("CUT_OFF", "the stream ended within a message: its sender died or was cut off");
}
