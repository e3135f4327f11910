import { AlphaPulseError } from "../protocol/errors.js";
import { checkHeader, HEADER_BYTES } from "../protocol/header.js";
import type { MessageBuffer } from "../protocol/message-buffer.js";
import type { SendResult } from "../protocol/publisher.js";
import { handlerFailure, raise } from "../transports/handler-failure.js";
import type { Link, LinkHandler } from "../transports/transport.js";
import { ByteQueue } from "./byte-queue.js";
import { Outflow } from "./outflow.js";
import { ChannelCode } from "./wire.js";

/** What a channel needs of the multiplexer that it belongs to. */
export interface ChannelHost {
  readonly link: Link;
  /** Which bytes a channel takes unasked. */
  readonly windowBytes: number;
  readonly bufferBytesMax: number;
  readonly payloadBytesMax: number;
  /** The channel has something to send. */
  wake(channel: Channel): void;
  /** Tells the other end how many bytes more it may send. */
  grant(channel: Channel, bytes: number): void;
  /** Tells the other end that nothing more comes; called once. */
  sendEnd(channel: Channel, code: number): void;
  /** Both ends are done with it. */
  forget(channel: Channel): void;
}

/** What one channel holds now. */
export interface ChannelStats {
  readonly name: string;
  /** Bytes that wait to be sent: for credit, or for their turn. */
  readonly pendingBytes: number;
  /** Bytes that came and wait to be read. */
  readonly unreadBytes: number;
  /** How many bytes the other end would take now. */
  readonly creditBytes: number;
}

/** How long a close waits for what was sent to leave. */
const CLOSE_MS_MAX = 5_000;

/** One end of a channel: a link like any other. */
export class Channel implements Link {
  readonly peer: string;
  readonly isSameMemory: boolean;
  readonly isPrivate: boolean;
  readonly payloadBytesMax: number;
  /** What its frames call it: a number and who opened it. */
  readonly number: number;
  readonly name: string;
  readonly outflow: Outflow;
  readonly #host: ChannelHost;
  readonly #inbox = new ByteQueue();
  readonly #over: Promise<void>;
  #resolveOver: () => void = () => {};
  #handler: LinkHandler | undefined;
  #isPaused = false;
  #isHanding = false;
  #isBroken = false;
  #isWanted = false;
  #isClosing = false;
  #isOver = false;
  #isEndSent = false;
  #isPeerDone = false;
  #error: AlphaPulseError | undefined;
  /** Bytes that came, and up to where the other end has been told that they were read. */
  #received = 0;
  #granted = 0;
  #closeTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(host: ChannelHost, number: number, name: string) {
    this.#host = host;
    this.number = number;
    this.name = name;
    this.peer = `${host.link.peer}#${name}`;
    this.isSameMemory = host.link.isSameMemory;
    this.isPrivate = host.link.isPrivate;
    this.payloadBytesMax = host.payloadBytesMax;
    this.outflow = new Outflow(host.bufferBytesMax);
    this.#over = new Promise((resolve) => {
      this.#resolveOver = resolve;
    });
  }

  get pendingBytes(): number {
    return this.outflow.byteLength;
  }

  /** Whether what is left to send is followed by the end. */
  get isClosing(): boolean {
    return this.#isClosing && !this.#isEndSent;
  }

  stats(): ChannelStats {
    const { byteLength: pendingBytes, creditBytes } = this.outflow;
    return { name: this.name, pendingBytes, unreadBytes: this.#inbox.byteLength, creditBytes };
  }

  start(handler: LinkHandler): void {
    this.#handler = handler;
    if (this.#isOver) this.#tellEnd();
    else this.#read();
  }

  send(buffer: MessageBuffer, offset: number, byteLength: number): SendResult {
    return this.#put(buffer, offset, byteLength, false);
  }

  sendAhead(buffer: MessageBuffer, offset: number, byteLength: number): SendResult {
    return this.#put(buffer, offset, byteLength, true);
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    if (!this.#isOver) this.#read();
  }

  async close(): Promise<void> {
    if (this.#isOver) return;
    if (!this.#isClosing) {
      this.#isClosing = true;
      this.#closeTimer = setTimeout(() => this.destroy(), CLOSE_MS_MAX);
      this.#host.wake(this);
    }
    await this.#over;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  destroy(): void {
    this.#finish(ChannelCode.Aborted);
  }

  /** What was sent has left, and it is closing. */
  flushed(): void {
    this.#finish(ChannelCode.Fine);
  }

  /** There may be room again. */
  sentSome(): void {
    if (!this.#isWanted || !this.outflow.hasRoom || this.#isOver) return;
    this.#isWanted = false;
    this.#handler?.ready?.();
  }

  /** Bytes of the row of messages have come. @returns whether they were granted */
  take(buffer: MessageBuffer, offset: number, count: number): boolean {
    if (this.#received + count - this.#granted > this.#host.windowBytes) return false;
    this.#received += count;
    if (this.#isOver || this.#isBroken) return true; // nobody reads them
    this.#inbox.push(buffer, offset, count);
    this.#read();
    return true;
  }

  /** The other end sends no more. */
  peerEnded(code: number): void {
    this.#isPeerDone = true;
    if (this.#isOver) this.#host.forget(this);
    else if (code !== ChannelCode.Fine) this.#finish(ChannelCode.Fine);
    else this.#read();
  }

  /** There is no other end any more. */
  carrierEnded(error: AlphaPulseError | undefined): void {
    this.#isEndSent = true; // nobody would get it
    this.#isPeerDone = true;
    this.#finish(ChannelCode.Fine, error);
  }

  #put(buffer: MessageBuffer, offset: number, byteLength: number, isAhead: boolean): SendResult {
    if (this.#isOver || this.#isClosing) return "closed";
    if (byteLength > HEADER_BYTES + this.payloadBytesMax) return "tooLarge";
    if (!this.outflow.offer(buffer, offset, byteLength, isAhead)) {
      this.#isWanted = true;
      return "backPressured";
    }
    this.#host.wake(this);
    return "sent";
  }

  /** Hands over what is whole, as long as somebody takes it, and says how much more may come. */
  #read(): void {
    if (this.#isHanding) return; // it goes on behind the message that is being handled
    this.#isHanding = true;
    this.#inbox.isBorrowed = true;
    let count = 0;
    while (this.#handOver()) count++;
    this.#inbox.isBorrowed = false;
    this.#inbox.drop(0);
    this.#isHanding = false;
    if (this.#isOver) return;
    if (count > 0) this.#handler?.idle?.();
    this.#grant();
    if (this.#isPeerDone && this.#isReading && !this.#isOver) this.#finish(ChannelCode.Fine, this.#cutOff());
  }

  get #isReading(): boolean {
    return this.#handler !== undefined && !this.#isPaused;
  }

  #handOver(): boolean {
    const inbox = this.#inbox;
    if (!this.#isReading || this.#isOver || this.#isBroken || inbox.byteLength < HEADER_BYTES) return false;
    const { buffer, start, byteLength } = inbox;
    let messageBytes = 0;
    try {
      messageBytes = checkHeader(buffer.view, start, byteLength, this.payloadBytesMax);
    } catch (error) {
      this.#isBroken = true;
      this.#handler?.broken(error as AlphaPulseError);
      return false;
    }
    if (byteLength < messageBytes) return false;
    inbox.drop(messageBytes);
    try {
      this.#handler?.message(buffer, start, messageBytes);
    } catch (error) {
      if (this.#isOver) raise(error);
      else this.#finish(ChannelCode.Aborted, handlerFailure(this.peer, error));
    }
    return true;
  }

  /** Bytes of a message that is not whole count as read while nothing else holds them up: it may be larger than the window. */
  #grant(): void {
    const read = this.#isReading ? this.#received : this.#received - this.#inbox.byteLength;
    const bytes = read - this.#granted;
    if (bytes * 2 < this.#host.windowBytes || this.#isPeerDone || this.#isBroken) return;
    this.#granted = read;
    this.#host.grant(this, bytes);
  }

  #cutOff(): AlphaPulseError | undefined {
    if (this.#inbox.byteLength === 0 || this.#isBroken) return undefined;
    return new AlphaPulseError("CUT_OFF", `${this.peer} ended within a message`);
  }

  #finish(code: number, error?: AlphaPulseError): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#error = error;
    if (this.#closeTimer !== undefined) clearTimeout(this.#closeTimer);
    this.outflow.clear();
    this.#inbox.clear();
    if (!this.#isEndSent) {
      this.#isEndSent = true;
      this.#host.sendEnd(this, code);
    }
    if (this.#isPeerDone) this.#host.forget(this);
    this.#resolveOver();
    this.#tellEnd();
  }

  #tellEnd(): void {
    const handler = this.#handler;
    this.#handler = undefined;
    handler?.closed(this.#error);
  }
}
