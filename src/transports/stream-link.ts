import type { Socket } from "node:net";
import { AlphaPulseError } from "../protocol/errors.js";
import { HEADER_BYTES } from "../protocol/header.js";
import type { MessageBuffer } from "../protocol/message-buffer.js";
import type { SendResult } from "../protocol/publisher.js";
import { cutOff, StreamFramer } from "../protocol/stream-framer.js";
import { handlerFailure, raise } from "./handler-failure.js";
import { MessageDeadline } from "./message-deadline.js";
import type { ReadMemory } from "./read-memory.js";
import { SendQueue } from "./send-queue.js";
import type { StreamLimits } from "./stream-options.js";
import type { Link, LinkHandler } from "./transport.js";

/** How long a close waits for what was sent to leave. */
const CLOSE_MS_MAX = 5_000;
/** How long a socket that was closed goes on reading until the other end has ended too. */
const LINGER_MS_MAX = 1_000;

/** What a stream link is made of. */
export interface StreamSocket {
  /** Connected; paused where it has a memory to read into. */
  readonly socket: Socket;
  /** Where the socket reads into; without one it comes in chunks. */
  readonly reads?: ReadMemory;
  /** The other end, for people. */
  readonly peer: string;
  readonly isPrivate: boolean;
}

/** A link over a socket that is a stream of bytes. */
export class StreamLink implements Link {
  readonly peer: string;
  readonly isSameMemory = false;
  readonly isPrivate: boolean;
  readonly payloadBytesMax: number;
  readonly #socket: Socket;
  readonly #reads: ReadMemory | undefined;
  readonly #framer: StreamFramer;
  readonly #deadline: MessageDeadline;
  readonly #queue = new SendQueue();
  readonly #bufferBytesMax: number;
  #handler: LinkHandler | undefined;
  /** Takes what is sent. */
  #isOpen = true;
  /** Hands over what comes. */
  #isHandingOver = true;
  #isPaused = false;
  #isFlushing = false;
  #isWanted = false;
  /** Whether a message was completed since the last look at the deadline. */
  #hasProgress = false;
  #error: AlphaPulseError | undefined;
  /** Ends what takes too long: first that all leaves, then that the other end ends. */
  #endTimer: NodeJS.Timeout | undefined;
  #isOver = false;
  #tellOver: () => void = () => {};
  readonly #whenOver: Promise<void>;
  readonly #flush = (): void => {
    this.#isFlushing = false;
    this.#write(false);
  };
  readonly #wrote = (): void => this.#afterWrite();

  constructor({ socket, reads, peer, isPrivate }: StreamSocket, limits: StreamLimits) {
    this.peer = peer;
    this.isPrivate = isPrivate;
    this.payloadBytesMax = limits.payloadBytesMax;
    this.#socket = socket;
    this.#reads = reads;
    this.#bufferBytesMax = limits.bufferBytesMax;
    this.#framer = new StreamFramer((buffer, offset, byteLength) => this.#message(buffer, offset, byteLength), limits);
    const { incompleteMs } = limits;
    this.#deadline = new MessageDeadline(
      incompleteMs,
      () => this.#isPaused,
      () => this.#broke(new AlphaPulseError("INCOMPLETE", `a message stayed incomplete for ${incompleteMs} ms`)),
    );
    socket.allowHalfOpen = true; // what waits still leaves when the other end has ended
    socket.on("error", (error: NodeJS.ErrnoException) => this.#failed(error));
    socket.on("end", () => this.#peerEnded());
    socket.on("finish", () => this.#finished());
    socket.on("close", () => this.#over());
    this.#whenOver = new Promise((resolve) => {
      this.#tellOver = resolve;
    });
  }

  get pendingBytes(): number {
    return this.#queue.pendingBytes;
  }

  start(handler: LinkHandler): void {
    this.#handler = handler;
    if (this.#isOver || this.#socket.destroyed) {
      this.#over();
      return;
    }
    if (this.#reads === undefined) this.#socket.on("data", (chunk: Buffer) => this.#read(chunk, chunk.byteLength));
    else this.#reads.onRead = (bytes, byteLength) => this.#read(bytes, byteLength);
    if (!this.#isPaused) this.#socket.resume();
  }

  send(buffer: MessageBuffer, offset: number, byteLength: number): SendResult {
    if (!this.#isOpen) return "closed";
    if (byteLength > HEADER_BYTES + this.payloadBytesMax) return "tooLarge";
    const queue = this.#queue;
    const waiting = queue.dataBytes;
    if (waiting > 0 && waiting + byteLength > this.#bufferBytesMax) {
      this.#isWanted = true;
      return "backPressured";
    }
    if (queue.add(buffer, offset, byteLength)) this.#write(true);
    if (!this.#isFlushing) this.#flushSoon();
    return "sent";
  }

  sendAhead(buffer: MessageBuffer, offset: number, byteLength: number): SendResult {
    if (!this.#isOpen) return "closed";
    if (byteLength > HEADER_BYTES + this.payloadBytesMax) return "tooLarge";
    if (!this.#queue.addAhead(buffer, offset, byteLength)) {
      this.#isWanted = true;
      return "backPressured";
    }
    if (!this.#isFlushing) this.#flushSoon();
    return "sent";
  }

  pause(): void {
    this.#isPaused = true;
    if (this.#isHandingOver) this.#socket.pause();
  }

  resume(): void {
    this.#isPaused = false;
    if (this.#isHandingOver && this.#handler !== undefined) this.#socket.resume();
  }

  async close(): Promise<void> {
    if (this.#isOver || this.#socket.destroyed) return;
    this.#end();
    await this.#whenOver;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  destroy(): void {
    this.#isOpen = false;
    this.#isHandingOver = false;
    this.#socket.destroy();
  }

  #read(bytes: Uint8Array, byteLength: number): void {
    if (!this.#isHandingOver) return;
    try {
      this.#framer.push(bytes, byteLength);
    } catch (error) {
      this.#broke(error as AlphaPulseError);
      return;
    }
    this.#handler?.idle?.();
    this.#deadline.afterRead(this.#framer.isWithin, this.#hasProgress);
    this.#hasProgress = false;
  }

  #message(buffer: MessageBuffer, offset: number, byteLength: number): void {
    this.#hasProgress = true;
    if (!this.#isHandingOver) return; // a handler has just ended the link: what is left is nobody's
    try {
      this.#handler?.message(buffer, offset, byteLength);
    } catch (error) {
      this.#threw(error);
    }
  }

  /** What comes in is no row of messages. What waits to leave still leaves. */
  #broke(error: AlphaPulseError): void {
    this.#isHandingOver = false;
    this.#deadline.clear();
    this.#socket.pause();
    this.#handler?.broken(error);
  }

  /** What is sent in one turn leaves together, and before anything else happens. */
  #flushSoon(): void {
    this.#isFlushing = true;
    queueMicrotask(this.#flush);
  }

  /** Writes while the system takes it: then no more than one block is out of reach of what goes ahead. */
  #write(onlyFull: boolean): void {
    const socket = this.#socket;
    const queue = this.#queue;
    while (!queue.isWriting && !socket.destroyed) {
      const bytes = queue.next(onlyFull);
      if (bytes === undefined) {
        if (!this.#isOpen) socket.end();
        return;
      }
      socket.write(bytes, this.#wrote);
      if (socket.writableLength === 0) queue.written();
    }
  }

  /** Also called for writes that the system took at once, in a later turn. */
  #afterWrite(): void {
    const socket = this.#socket;
    if (socket.destroyed) return; // it has not left
    if (socket.writableLength === 0) this.#queue.written();
    this.#write(false);
    if (this.#isWanted && this.#queue.dataBytes <= this.#bufferBytesMax / 2) {
      this.#isWanted = false;
      this.#handler?.ready?.();
    }
  }

  /** Takes no more, and ends once what waits has left. */
  #end(): void {
    this.#isOpen = false;
    this.#endTimer ??= setTimeout(() => this.#socket.destroy(), CLOSE_MS_MAX);
    this.#write(false);
  }

  #peerEnded(): void {
    if (this.#framer.isWithin) this.#error ??= cutOff();
    this.#end();
  }

  /**
   * All has left: this end is over. The socket lives on until the other end has ended too: closed now, what the other end
   * still sends would be answered with a reset, which takes away what it has not read.
   */
  #finished(): void {
    this.#over();
    if (this.#socket.readableEnded) this.#socket.destroy();
    else {
      this.#endTimer = setTimeout(() => this.#socket.destroy(), LINGER_MS_MAX);
      this.#socket.resume();
    }
  }

  #threw(thrown: unknown): void {
    if (this.#socket.destroyed) return raise(thrown);
    this.#error = handlerFailure(this.peer, thrown);
    this.destroy();
  }

  #failed(error: NodeJS.ErrnoException): void {
    this.#isOpen = false;
    // A peer that was killed resets the connection: that is an end like any other, and the session says what it meant.
    if (error.code === "ECONNRESET" || error.code === "EPIPE") {
      if (this.#framer.isWithin) this.#error ??= cutOff();
      return;
    }
    this.#error ??= new AlphaPulseError("LINK_FAILED", `${this.peer}: ${error.message}`, { cause: error });
  }

  #over(): void {
    this.#isOver = true;
    this.#isOpen = false;
    this.#isHandingOver = false;
    this.#deadline.clear();
    this.#queue.clear();
    clearTimeout(this.#endTimer);
    this.#tellOver();
    const handler = this.#handler;
    this.#handler = undefined;
    handler?.closed(this.#error);
  }
}
