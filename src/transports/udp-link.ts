import { AlphaPulseError } from "../protocol/errors.js";
import { DOMAIN_OFFSET, HEADER_BYTES } from "../protocol/header.js";
import { type MessageBuffer, messageBuffer } from "../protocol/message-buffer.js";
import type { SendResult } from "../protocol/publisher.js";
import type { ReassemblyBudget } from "../protocol/reassembler.js";
import { RelayDomain } from "../protocol/tables.js";
import { firstTypeOf, isControlType } from "../protocol/walk.js";
import { handlerFailure, raise } from "./handler-failure.js";
import type { DatagramSession, Link, LinkHandler } from "./transport.js";
import type { UdpSettings } from "./udp-options.js";
import { type DatagramCounts, DatagramReader, HELLO_TYPE, openingTypeOf, WELCOME_TYPE } from "./udp-reader.js";
import type { SocketBuffers } from "./udp-socket.js";
import { DatagramWriter, type DatagramWriterOptions } from "./udp-writer.js";

/** How long a close waits for what was sent to leave. */
const CLOSE_MS_MAX = 5_000;
/** What a datagram that waits costs beside its bytes. */
const HELD_EXTRA_BYTES = 256;

/**
 * What an end of a datagram link is: it asked for it, was asked, or is one end of a multicast group, where one sends and
 * the others listen.
 */
export type UdpRole = "client" | "server" | "multicastSender" | "multicastListener";

export interface UdpLinkOptions {
  readonly peer: string;
  readonly role: UdpRole;
  readonly socketBuffers: SocketBuffers;
  readonly settings: UdpSettings;
  /** Monotonic, in ms. */
  readonly now: () => number;
  readonly transmit: DatagramWriterOptions["transmit"];
  /** The link has ended: what belongs to it can go. */
  readonly release: () => void;
  /** The sender has shown that it is real. */
  readonly onConfirmed?: () => void;
  /** Memory for pieces that those share who have not. */
  readonly budget?: ReassemblyBudget;
}

/** One end of a link made of datagrams. The socket hands it what comes, and takes what it sends. */
export class UdpLink implements Link {
  readonly peer: string;
  readonly isSameMemory = false;
  readonly isPrivate = false;
  readonly payloadBytesMax: number;
  readonly datagrams?: DatagramSession;
  /** What the kernel really holds for the socket, which the links of a listener share. */
  readonly socketBuffers: SocketBuffers;
  /** When the last datagram came, in ms of `now`. */
  heardAtMs: number;
  readonly #options: UdpLinkOptions;
  readonly #reader: DatagramReader;
  readonly #writer: DatagramWriter;
  /** What came while nobody takes it. */
  readonly #held: Buffer[] = [];
  #heldBytes = 0;
  #handler: LinkHandler | undefined;
  #isPaused = false;
  #isResuming = false;
  #isConfirmed: boolean;
  /** Whether a datagram came since the last Welcome went to a sender that may not be real. */
  #mayAnswer = false;
  #state: "open" | "closing" | "ended" = "open";
  #error: AlphaPulseError | undefined;
  #closing: Promise<void> | undefined;
  #watch: NodeJS.Timeout | undefined;

  constructor(options: UdpLinkOptions) {
    const { peer, role, settings, now, transmit, budget } = options;
    this.#options = options;
    this.peer = peer;
    this.socketBuffers = options.socketBuffers;
    this.payloadBytesMax = settings.sentPayloadBytesMax;
    this.#isConfirmed = role === "client" || role === "multicastSender";
    this.heardAtMs = now();
    this.#reader = new DatagramReader(
      {
        payloadBytesMax: settings.payloadBytesMax,
        now,
        plainType: role === "server" ? HELLO_TYPE : role === "client" ? WELCOME_TYPE : 0,
        onMessage: (buffer, offset, byteLength) => this.#hand(buffer, offset, byteLength),
        onLost: (loss) => this.#handler?.lost?.(loss),
      },
      budget,
    );
    this.#writer = new DatagramWriter({
      ...settings,
      now,
      transmit,
      onReady: () => this.#handler?.ready?.(),
      onError: (error) => this.failed(error),
    });
    if (role === "client" || role === "server") {
      this.datagrams = {
        beginEnvelopes: () => {
          this.#reader.beginEnvelopes();
          this.#writer.beginEnvelopes();
        },
        confirmPeer: () => this.#confirm(),
      };
    }
  }

  get pendingBytes(): number {
    return this.#writer.pendingBytes;
  }

  /** What became of the datagrams that came. */
  get counts(): Readonly<DatagramCounts> {
    return this.#reader.counts;
  }

  /** Bytes that are held for messages whose pieces have not all come. */
  get incompleteBytes(): number {
    return this.#reader.incompleteBytes;
  }

  start(handler: LinkHandler): void {
    this.#handler = handler;
    if (this.#state === "ended") this.#tellClosed();
    else this.#resumeSoon();
  }

  send(buffer: MessageBuffer, offset: number, byteLength: number): SendResult {
    if (this.#state !== "open") return "closed";
    if (buffer.view.getUint8(offset + DOMAIN_OFFSET) === RelayDomain.System) {
      if (openingTypeOf(buffer.view, offset, byteLength) !== 0) return this.sendAhead(buffer, offset, byteLength);
      const isControl = isControlType(firstTypeOf(buffer.view, offset, byteLength));
      if (isControl && !this.#writer.fits(byteLength)) return "tooLarge"; // it is never sent in pieces
    }
    if (!this.#isConfirmed) return "notConnected";
    if (byteLength > HEADER_BYTES + this.payloadBytesMax) return "tooLarge";
    return this.#writer.send(buffer, offset, byteLength);
  }

  /** To a sender that may not be real, one Welcome for each datagram that came, and nothing else. */
  sendAhead(buffer: MessageBuffer, offset: number, byteLength: number): SendResult {
    if (this.#state !== "open") return "closed";
    if (!this.#writer.fits(byteLength)) return "tooLarge";
    const openingType = openingTypeOf(buffer.view, offset, byteLength);
    if (!this.#isConfirmed) {
      const isAllowed = this.#options.role === "server" && openingType === WELCOME_TYPE && this.#mayAnswer;
      if (!isAllowed) return "notConnected";
      this.#mayAnswer = false;
    }
    return this.#writer.sendAhead(buffer, offset, byteLength, openingType === 0);
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#resumeSoon();
  }

  async close(): Promise<void> {
    if (this.#state === "ended") return;
    this.#state = "closing";
    this.#closing ??= this.#endOnceDrained();
    await this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  destroy(): void {
    this.#end();
  }

  /** A datagram came; its memory is this link's. */
  receive(datagram: Buffer): void {
    if (this.#state === "ended") return;
    this.heardAtMs = this.#options.now();
    this.#mayAnswer = true;
    if (this.#handler !== undefined && !this.#isPaused && this.#held.length === 0) {
      this.#take(datagram);
      return;
    }
    const bytes = datagram.byteLength + HELD_EXTRA_BYTES;
    if (this.#heldBytes + bytes > this.#options.settings.bufferBytesMax) {
      this.#reader.lost({ count: 1, why: "it came while nobody read, and there was no room to keep it" });
      return;
    }
    this.#held.push(datagram);
    this.#heldBytes += bytes;
  }

  /** The system reports an error. */
  failed(error: NodeJS.ErrnoException): void {
    if (error.code !== "ECONNREFUSED" && error.code !== "EMSGSIZE") {
      this.#reader.lost({ count: 1, why: `the system did not send it: ${error.message}` });
      return;
    }
    const neverHeard = this.#reader.counts.datagrams === 0 && error.code === "ECONNREFUSED";
    const [code, why] = neverHeard
      ? ["NOT_LISTENING", "nobody listens there: start the other end first"]
      : ["LINK_FAILED", error.message];
    this.#end(new AlphaPulseError(code, `${this.peer}: ${why}`, { cause: error }));
  }

  /** Its sender was silent too long. */
  letGo(): void {
    this.#end();
  }

  async #endOnceDrained(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, CLOSE_MS_MAX);
    });
    await Promise.race([this.#writer.drained(), timeout]);
    clearTimeout(timer);
    const { waitingCount } = this.#writer;
    if (waitingCount > 0) {
      this.#reader.lost({ count: waitingCount, why: `datagrams did not leave within ${CLOSE_MS_MAX} ms of the close` });
    }
    this.#end();
  }

  #confirm(): void {
    if (this.#isConfirmed || this.#options.role === "multicastListener") return;
    this.#isConfirmed = true;
    this.#reader.confirm();
    this.#options.onConfirmed?.();
  }

  #take(datagram: Buffer): void {
    this.#reader.take(messageBuffer(datagram));
    if (this.#state === "ended") return;
    this.#handler?.idle?.();
    this.#watchReader();
  }

  /** @returns whether the rest of what came is still wanted */
  #hand(buffer: MessageBuffer, offset: number, byteLength: number): boolean {
    try {
      this.#handler?.message(buffer, offset, byteLength);
    } catch (error) {
      if (this.#state === "ended") raise(error);
      else this.#end(handlerFailure(this.peer, error));
    }
    return this.#state !== "ended";
  }

  #resumeSoon(): void {
    if (this.#held.length === 0 || this.#isResuming) return;
    this.#isResuming = true;
    queueMicrotask(() => {
      this.#isResuming = false;
      while (this.#held.length > 0 && !this.#isPaused && this.#state !== "ended") {
        const datagram = this.#held.shift() as Buffer;
        this.#heldBytes -= datagram.byteLength + HELD_EXTRA_BYTES;
        this.#take(datagram);
      }
    });
  }

  /** Looks again at what may be late, as long as there is any. */
  #watchReader(): void {
    if (this.#watch !== undefined) return;
    const { dueMs } = this.#reader;
    if (dueMs === Number.POSITIVE_INFINITY) return;
    this.#watch = setTimeout(() => {
      this.#watch = undefined;
      this.#reader.expire();
      if (this.#state !== "ended") this.#watchReader();
    }, dueMs).unref();
  }

  #end(error?: AlphaPulseError): void {
    if (this.#state === "ended") return;
    this.#reader.end();
    if (this.#held.length > 0)
      this.#reader.lost({ count: this.#held.length, why: "the link ended before they were read" });
    this.#state = "ended";
    this.#error = error;
    clearTimeout(this.#watch);
    this.#held.length = 0;
    this.#writer.end();
    this.#options.release();
    this.#tellClosed();
  }

  #tellClosed(): void {
    const handler = this.#handler;
    this.#handler = undefined;
    handler?.closed(this.#error);
  }
}
