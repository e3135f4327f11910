import { ENVELOPE_HEADER_BYTES, writeEnvelopeHeader } from "../protocol/envelope.js";
import { FRAGMENT_HEADER_BYTES, FRAGMENTS_MAX, fragmentCount, writeFragment } from "../protocol/fragments.js";
import { copyBytes, type MessageBuffer, messageBuffer } from "../protocol/message-buffer.js";
import type { SendResult } from "../protocol/publisher.js";
import { Pacer } from "./udp-pacer.js";

/** Datagrams of what goes ahead that the system may not have let go. */
const AHEAD_MAX = 64;
/** Datagrams whose memory is kept to be used again. */
const FREE_MAX = 64;

/** One datagram that is being filled, waits or is on its way. Room for an envelope's header comes first. */
interface Datagram {
  readonly bytes: Buffer;
  readonly buffer: MessageBuffer;
  /** Where its body ends. */
  end: number;
  isEnveloped: boolean;
  isAhead: boolean;
}

export interface DatagramWriterOptions {
  readonly datagramBytesMax: number;
  readonly bufferBytesMax: number;
  readonly rateBytesPerSecond: number;
  readonly burstBytes: number;
  /** Monotonic, in ms. */
  readonly now: () => number;
  /** Hands a datagram to the system; `done` is called later, when it has left or could not. */
  readonly transmit: (bytes: Buffer, offset: number, byteLength: number, done: (error: Error | null) => void) => void;
  /** There is room again. */
  readonly onReady: () => void;
  /** The system did not take a datagram. */
  readonly onError: (error: NodeJS.ErrnoException) => void;
}

/**
 * Gathers messages in datagrams, one envelope each where these are agreed, and lets them leave at a bounded rate: what was
 * sent in one turn of the event loop leaves together, at its end.
 */
export class DatagramWriter {
  /** Bytes that were taken and have not left. */
  pendingBytes = 0;
  readonly #options: DatagramWriterOptions;
  readonly #pacer: Pacer;
  readonly #waiting: Datagram[] = [];
  readonly #free: Datagram[] = [];
  /** The one that is being filled. */
  #open: Datagram | undefined;
  #isFlushing = false;
  #isEnveloped = false;
  #counter = 0;
  #aheadCount = 0;
  #wanted = false;
  #timer: NodeJS.Timeout | undefined;
  #onDrained: (() => void) | undefined;
  #isEnded = false;
  readonly #flush = (): void => {
    this.#isFlushing = false;
    this.#pump();
  };

  constructor(options: DatagramWriterOptions) {
    this.#options = options;
    this.#pacer = new Pacer(options.rateBytesPerSecond, options.burstBytes, options.now);
  }

  /** Datagrams that wait for their turn. */
  get waitingCount(): number {
    return this.#waiting.length + (this.#open === undefined ? 0 : 1);
  }

  /** What is sent from now on travels in envelopes. */
  beginEnvelopes(): void {
    if (this.#isEnveloped) return;
    this.#close();
    this.#isEnveloped = true;
  }

  /** Whether one datagram carries it. */
  fits(messageBytes: number): boolean {
    return messageBytes <= this.#bodyBytesMax();
  }

  /** Copies a message; one that does not fit leaves in pieces. */
  send(buffer: MessageBuffer, offset: number, messageBytes: number): SendResult {
    if (this.pendingBytes > 0 && this.pendingBytes + messageBytes > this.#options.bufferBytesMax) {
      this.#wanted = true;
      return "backPressured";
    }
    if (this.fits(messageBytes)) this.#append(buffer, offset, messageBytes);
    else if (!this.#cut(buffer, offset, messageBytes)) return "tooLarge";
    if (!this.#isFlushing) {
      this.#isFlushing = true;
      queueMicrotask(this.#flush);
    }
    return "sent";
  }

  /** Copies a message that fits, and sends it before all that waits, in a datagram of its own. */
  sendAhead(buffer: MessageBuffer, offset: number, messageBytes: number, isEnveloped: boolean): SendResult {
    if (this.#aheadCount >= AHEAD_MAX) {
      this.#wanted = true;
      return "backPressured";
    }
    const datagram = this.#next(isEnveloped && this.#isEnveloped);
    datagram.isAhead = true;
    this.#aheadCount++;
    this.#put(datagram, buffer, offset, messageBytes);
    this.#transmit(datagram);
    return "sent";
  }

  /** Resolves once all that was sent has left. */
  drained(): Promise<void> {
    this.#pump();
    return new Promise((resolve) => {
      if (this.pendingBytes === 0) resolve();
      else this.#onDrained = resolve;
    });
  }

  /** Lets all that waits go. */
  end(): void {
    this.#isEnded = true;
    clearTimeout(this.#timer);
    this.#waiting.length = 0;
    this.#open = undefined;
    this.#onDrained?.();
  }

  #bodyBytesMax(): number {
    const { datagramBytesMax } = this.#options;
    return this.#isEnveloped ? datagramBytesMax - ENVELOPE_HEADER_BYTES : datagramBytesMax;
  }

  #append(buffer: MessageBuffer, offset: number, messageBytes: number): void {
    let open = this.#open;
    if (open !== undefined && open.end - ENVELOPE_HEADER_BYTES + messageBytes > this.#bodyBytesMax()) {
      this.#close();
      open = undefined;
    }
    open ??= this.#next(this.#isEnveloped);
    this.#open = open;
    this.#put(open, buffer, offset, messageBytes);
  }

  #cut(buffer: MessageBuffer, offset: number, messageBytes: number): boolean {
    const pieceBytes = this.#bodyBytesMax() - FRAGMENT_HEADER_BYTES;
    const count = fragmentCount(messageBytes, pieceBytes);
    if (count > FRAGMENTS_MAX) return false;
    this.#close();
    for (let index = 0; index < count; index++) {
      const datagram = this.#next(this.#isEnveloped);
      const written = writeFragment(buffer, offset, messageBytes, pieceBytes, index, datagram.buffer, datagram.end);
      datagram.end += written;
      this.pendingBytes += written;
      this.#waiting.push(datagram);
    }
    return true;
  }

  #put(datagram: Datagram, buffer: MessageBuffer, offset: number, messageBytes: number): void {
    copyBytes(buffer, offset, messageBytes, datagram.buffer, datagram.end);
    datagram.end += messageBytes;
    this.pendingBytes += messageBytes;
  }

  #next(isEnveloped: boolean): Datagram {
    const datagram = this.#free.pop() ?? allocated(ENVELOPE_HEADER_BYTES + this.#options.datagramBytesMax);
    datagram.end = ENVELOPE_HEADER_BYTES;
    datagram.isEnveloped = isEnveloped;
    datagram.isAhead = false;
    return datagram;
  }

  #close(): void {
    if (this.#open === undefined) return;
    this.#waiting.push(this.#open);
    this.#open = undefined;
  }

  /** Sends what may leave now. What is being filled goes on being filled while others wait. */
  #pump(): void {
    if (this.#isEnded) return;
    let sent = 0;
    while (sent < this.#waiting.length && this.#pacer.mayLeave()) this.#transmit(this.#waiting[sent++] as Datagram);
    if (sent > 0) this.#waiting.splice(0, sent);
    if (this.#waiting.length === 0 && this.#open !== undefined && this.#pacer.mayLeave()) {
      const open = this.#open;
      this.#open = undefined;
      this.#transmit(open);
    }
    if (this.#waiting.length > 0 || this.#open !== undefined) this.#pumpLater();
  }

  #pumpLater(): void {
    if (this.#isFlushing || this.#timer !== undefined) return;
    const waitMs = this.#pacer.waitMs();
    if (waitMs === 0) {
      this.#isFlushing = true;
      setImmediate(this.#flush);
      return;
    }
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#pump();
    }, waitMs);
  }

  #transmit(datagram: Datagram): void {
    const bodyBytes = datagram.end - ENVELOPE_HEADER_BYTES;
    let start = ENVELOPE_HEADER_BYTES;
    if (datagram.isEnveloped) {
      start = 0;
      writeEnvelopeHeader(datagram.buffer.view, 0, this.#counter++, bodyBytes, bodyBytes);
    }
    const byteLength = datagram.end - start;
    this.#pacer.left(byteLength);
    this.#options.transmit(datagram.bytes, start, byteLength, (error) => this.#left(datagram, bodyBytes, error));
  }

  #left(datagram: Datagram, bodyBytes: number, error: Error | null): void {
    this.pendingBytes -= bodyBytes;
    if (datagram.isAhead) this.#aheadCount--;
    if (this.#free.length < FREE_MAX) this.#free.push(datagram);
    if (this.#isEnded) return;
    if (error !== null) this.#options.onError(error);
    if (this.pendingBytes === 0) this.#onDrained?.();
    if (this.#wanted && !this.#isEnded && this.pendingBytes <= this.#options.bufferBytesMax / 2) {
      this.#wanted = false;
      this.#options.onReady();
    }
  }
}

function allocated(byteLength: number): Datagram {
  const bytes = Buffer.allocUnsafeSlow(byteLength);
  return { bytes, buffer: messageBuffer(bytes), end: 0, isEnveloped: false, isAhead: false };
}
