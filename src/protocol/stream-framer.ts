import { AlphaPulseError } from "./errors.js";
import { checkHeader, HEADER_BYTES, PAYLOAD_BYTES_DEFAULT } from "./header.js";
import { allocateBuffer, type MessageBuffer, messageBuffer } from "./message-buffer.js";

const FIRST_CARRY_BYTES = 4096;

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

  /** @param handler called with each whole message, borrowed until it returns */
  constructor(handler: MessageHandler, options: StreamFramerOptions = {}) {
    this.#payloadBytesMax = options.payloadBytesMax ?? PAYLOAD_BYTES_DEFAULT;
    this.#handler = handler;
  }

  /** Whether a message has begun and not ended. */
  get isWithin(): boolean {
    return this.#carried > 0;
  }

  /**
   * Takes the next bytes. After an error it has let go of what it held, and stands at the beginning of another stream.
   * @throws ProtocolError BAD_MAGIC, UNSUPPORTED_VERSION, BAD_DOMAIN or TOO_LARGE: the stream cannot be trusted any more
   */
  push(chunk: Uint8Array): void {
    let at = this.#carried > 0 ? this.#completeCarried(chunk) : 0;
    if (at === chunk.byteLength) return;
    const buffer = messageBuffer(chunk);
    while (chunk.byteLength - at >= HEADER_BYTES) {
      const messageBytes = checkHeader(buffer.view, at, chunk.byteLength - at, this.#payloadBytesMax);
      if (chunk.byteLength - at < messageBytes) break;
      this.#handler(buffer, at, messageBytes);
      at += messageBytes;
    }
    this.#keep(chunk, at, chunk.byteLength);
  }

  /** Fills up the message that was begun; returns how much of the chunk it took. */
  #completeCarried(chunk: Uint8Array): number {
    let at = 0;
    if (this.#carried < HEADER_BYTES) {
      at = Math.min(HEADER_BYTES - this.#carried, chunk.byteLength);
      this.#keep(chunk, 0, at);
      if (this.#carried < HEADER_BYTES) return at;
    }
    const carried = this.#carried;
    this.#carried = 0; // what throws here leaves nothing behind
    const messageBytes = checkHeader(this.#carry.view, 0, HEADER_BYTES, this.#payloadBytesMax);
    this.#carried = carried;
    const end = Math.min(at + messageBytes - carried, chunk.byteLength);
    this.#keep(chunk, at, end);
    if (this.#carried < messageBytes) return end;
    this.#carried = 0;
    this.#handler(this.#carry, 0, messageBytes);
    return end;
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

/** Why a stream that ended within a message has ended badly. */
export function cutOff(): AlphaPulseError {
  return new AlphaPulseError("CUT_OFF", "the stream ended within a message: its sender died or was cut off");
}
