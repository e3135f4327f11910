import type { AlphaPulseError } from "../protocol/errors.js";
import { HEADER_BYTES } from "../protocol/header.js";
import type { MessageBuffer } from "../protocol/message-buffer.js";
import type { SendResult } from "../protocol/publisher.js";
import type { DatagramSession, Link, LinkHandler, LinkLoss } from "../transports/transport.js";
import type { RateLimiter } from "./rate-limiter.js";

/** Timers of the platform take no more. */
const TIMER_MS_MAX = 2 ** 31 - 1;

/** A link whose `send` asks a limiter first. */
export class GuardedLink implements Link {
  readonly peer: string;
  readonly isSameMemory: boolean;
  readonly isPrivate: boolean;
  readonly datagrams?: DatagramSession;
  readonly payloadBytesMax: number;
  readonly #link: Link;
  readonly #limiter: RateLimiter;
  readonly #countsBytes: boolean;
  #handler: LinkHandler | undefined;
  /** Set while the limiter has refused and not said that there are tokens again. */
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** How many tokens it waits for. */
  #cost = 0;
  /** Whether the link itself has refused and not said that there is room again. */
  #isBlocked = false;
  /** Whether somebody waits for `ready`. */
  #isWanted = false;
  #hasEnded = false;

  constructor(link: Link, limiter: RateLimiter, countsBytes: boolean) {
    this.#link = link;
    this.#limiter = limiter;
    this.#countsBytes = countsBytes;
    this.peer = link.peer;
    this.isSameMemory = link.isSameMemory;
    this.isPrivate = link.isPrivate;
    if (link.datagrams !== undefined) this.datagrams = link.datagrams;
    const limit = countsBytes ? Math.max(0, limiter.burst - HEADER_BYTES) : link.payloadBytesMax;
    this.payloadBytesMax = Math.min(link.payloadBytesMax, limit);
  }

  get pendingBytes(): number {
    return this.#link.pendingBytes;
  }

  start(handler: LinkHandler): void {
    this.#handler = handler;
    this.#link.start({
      message: (buffer, offset, byteLength) => handler.message(buffer, offset, byteLength),
      idle: () => handler.idle?.(),
      ready: () => {
        this.#isBlocked = false;
        this.#tellReady();
      },
      lost: (loss: LinkLoss) => handler.lost?.(loss),
      broken: (error) => handler.broken(error),
      closed: (error) => this.#closed(handler, error),
    });
  }

  send(buffer: MessageBuffer, offset: number, byteLength: number): SendResult {
    if (byteLength > HEADER_BYTES + this.payloadBytesMax && !this.#hasEnded) return "tooLarge";
    const cost = this.#countsBytes ? byteLength : 1;
    const waitMs = this.#hasEnded ? 0 : this.#limiter.waitMs(cost);
    if (waitMs > 0) {
      this.#isWanted = true;
      this.#cost = cost;
      this.#wakeIn(waitMs);
      return "backPressured";
    }
    const result = this.#link.send(buffer, offset, byteLength);
    if (result === "sent") this.#limiter.tryTake(cost);
    else if (result === "backPressured") this.#waitForRoom();
    return result;
  }

  sendAhead(buffer: MessageBuffer, offset: number, byteLength: number): SendResult {
    const result = this.#link.sendAhead(buffer, offset, byteLength);
    if (result === "backPressured") this.#waitForRoom();
    return result;
  }

  pause(): void {
    this.#link.pause();
  }

  resume(): void {
    this.#link.resume();
  }

  close(): Promise<void> {
    return this.#link.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  destroy(): void {
    this.#link.destroy();
  }

  #waitForRoom(): void {
    this.#isWanted = true;
    this.#isBlocked = true;
  }

  #wakeIn(waitMs: number): void {
    if (this.#timer !== undefined) return;
    const timer = setTimeout(
      () => {
        this.#timer = undefined;
        // Timers may come a little early, and others may have taken the tokens.
        const leftMs = this.#limiter.waitMs(this.#cost);
        if (leftMs > 0) this.#wakeIn(leftMs);
        else this.#tellReady();
      },
      Math.min(Math.ceil(waitMs), TIMER_MS_MAX),
    );
    // Node's timers can let a process end; a browser's need not.
    (timer as { unref?(): unknown }).unref?.();
    this.#timer = timer;
  }

  /** Once neither the limiter nor the link stands in the way. */
  #tellReady(): void {
    if (!this.#isWanted || this.#isBlocked || this.#timer !== undefined || this.#hasEnded) return;
    this.#isWanted = false;
    this.#handler?.ready?.();
  }

  #closed(handler: LinkHandler, error: AlphaPulseError | undefined): void {
    this.#hasEnded = true;
    if (this.#timer !== undefined) clearTimeout(this.#timer);
    this.#timer = undefined;
    handler.closed(error);
  }
}
