import { AlphaPulseError } from "../../src/protocol/errors.js";
import { HEADER_BYTES } from "../../src/protocol/header.js";
import { messageBuffer } from "../../src/protocol/message-buffer.js";
import type { SendResult } from "../../src/protocol/publisher.js";
import { connectUnlessAborted, listenUnlessAborted } from "../../src/transports/abort.js";
import { handlerFailure } from "../../src/transports/handler-failure.js";
import type {
  Link,
  LinkHandler,
  LinkOptions,
  Listener,
  Transport,
  TransportGuarantees,
} from "../../src/transports/transport.js";

/** What can be wrong with a transport, one thing at a time. */
export type Fault = (typeof FAULTS)[number];

export const FAULTS = [
  "loses a message now and then",
  "loses what was sent before a close",
  "takes messages while it closes, and loses them",
  "delivers a message twice",
  "swaps two messages",
  "changes a byte",
  "shortens large messages",
  "drops empty messages",
  "sends the memory and not a copy",
  "reads at offset 0",
  "answers sent to what is too large",
  "refuses its largest message",
  "throws where it should push back",
  "takes without a bound",
  "never says ready",
  "never says ready to what goes ahead",
  "says ready unasked",
  "says ready twice",
  "says ready after the end",
  "delivers while paused",
  "delivers while paused before the start",
  "forgets to go on after resume",
  "waits for the other direction",
  "keeps delivering after destroy",
  "tells of the end twice",
  "never tells of the end",
  "tells the other end nothing",
  "tells of a close as an error",
  "tells nobody who starts late",
  "answers sent after the end",
  "lets a handler's error through",
  "swallows a handler's error",
  "never finishes a close",
  "loses what came before the start",
  "counts no pending bytes back",
  "guarantees less than it carries",
  "guarantees nothing in particular",
  "names another scheme in its address",
  "shares an address",
  "throws away who listened before",
  "connects to nobody",
  "answers a connect never",
  "refuses without a code",
  "takes any address",
  "keeps taking links after a close",
  "ends its links with the listener",
  "never gives an address back",
  "mixes its links",
  "leaves a timer behind",
  "fails at a second close of the listener",
  "loses what is sent ahead",
  "cuts what is sent ahead",
  "delivers twice what is sent ahead",
  "takes ahead without a bound",
  "refuses all that is sent ahead",
  "does nothing when disposed of",
  "takes no notice of an aborted signal",
  "gives nothing up for a signal",
  "listens on after it gave up",
  "ends links by the signal that they were connected with",
  "stays on a signal",
] as const;

const BUFFER_BYTES = 64 << 10;
const AHEAD_BYTES = 8 << 10;
const PAYLOAD_BYTES_MAX = 16 << 10;

/** A transport through a queue in memory, right but for its fault. `promised`: what it guarantees, if not everything. */
export function memoryTransport(
  fault?: Fault,
  promised: Partial<TransportGuarantees> = {},
): Transport & { cleanUp(): void } {
  const listeners = new Map<string, (link: Link) => void>();
  const timers: NodeJS.Timeout[] = [];
  let last: MemoryLink | undefined;
  const refusal = (code: string, address: string): Error =>
    fault === "refuses without a code" ? new Error(code) : new AlphaPulseError(code, `memory://${address}`);
  const check = (address: string): void => {
    if (!/^[a-z]/.test(address) && fault !== "takes any address") throw refusal("BAD_ADDRESS", address);
  };
  const guarantees: TransportGuarantees = {
    isOrdered: fault === "guarantees nothing in particular" ? (undefined as never) : true,
    isLossless: true,
    isDeduplicated: true,
    tellsOfEnd: true,
    payloadBytesMax: fault === "guarantees less than it carries" ? 100 : PAYLOAD_BYTES_MAX,
    ...promised,
  };

  async function listen(address: string, onLink: (link: Link) => void): Promise<Listener> {
    check(address);
    await turn();
    const isTaken = listeners.has(address);
    if (isTaken && fault !== "shares an address" && fault !== "throws away who listened before") {
      throw refusal("ADDRESS_IN_USE", address);
    }
    const links: Link[] = [];
    const take = (link: Link): void => {
      links.push(link);
      onLink(link);
    };
    if (!isTaken || fault === "throws away who listened before") listeners.set(address, take);
    let isClosed = false;
    const close = async (): Promise<void> => {
      if (isClosed && fault === "fails at a second close of the listener") throw new Error("not open");
      isClosed = true;
      const isMine = listeners.get(address) === take;
      if (fault === "never gives an address back") listeners.set(address, () => {});
      else if (isMine && fault !== "keeps taking links after a close") listeners.delete(address);
      if (fault === "ends its links with the listener") for (const link of links) link.destroy();
    };
    const scheme = fault === "names another scheme in its address" ? "ring" : "memory";
    return { address: `${scheme}://${address}`, close, [Symbol.asyncDispose]: close };
  }

  async function connect(address: string, { signal }: LinkOptions): Promise<Link> {
    check(address);
    await turn();
    const onLink = listeners.get(address);
    if (fault === "answers a connect never") await new Promise(() => {});
    if (onLink === undefined && fault !== "connects to nobody") throw refusal("NOT_LISTENING", address);
    const [client, server] = [new MemoryLink(fault), new MemoryLink(fault)];
    client.other = server;
    server.other = client;
    if (fault === "mixes its links" && last !== undefined) client.other = last;
    if (fault === "leaves a timer behind") timers.push(setTimeout(() => {}, 1 << 30));
    last ??= server;
    if (fault === "ends links by the signal that they were connected with") {
      signal?.addEventListener("abort", () => client.destroy());
    }
    onLink?.(server);
    return client;
  }

  const cleanUp = (): void => {
    for (const timer of timers) clearTimeout(timer);
  };

  /** The signal as the transport heeds it. */
  const heeded = (signal?: AbortSignal): AbortSignal | undefined => {
    if (fault === "takes no notice of an aborted signal" && signal?.aborted) return undefined;
    if (fault === "gives nothing up for a signal" && signal?.aborted === false) return undefined;
    if (fault === "stays on a signal") signal?.addEventListener("abort", () => {});
    return signal;
  };
  return {
    scheme: "memory",
    guarantees,
    listen: (address, onLink, { signal } = {}) =>
      listenUnlessAborted(heeded(signal), address, async () => {
        const listener = await listen(address, onLink);
        return fault === "listens on after it gave up" ? { ...listener, close: async () => {} } : listener;
      }),
    connect: (address, options = {}) =>
      connectUnlessAborted(heeded(options.signal), address, () => connect(address, options)),
    cleanUp,
  };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

class MemoryLink implements Link {
  readonly peer = "memory://";
  readonly isSameMemory = true;
  readonly isPrivate = true;
  readonly payloadBytesMax = PAYLOAD_BYTES_MAX;
  other: MemoryLink = this;
  readonly #fault: Fault | undefined;
  /** What this end has sent and the other has not read. */
  readonly #queue: Uint8Array[] = [];
  #pendingBytes = 0;
  #sentCount = 0;
  #handler: LinkHandler | undefined;
  #isPaused = false;
  #isWanted = false;
  #isScheduled = false;
  #isClosing = false;
  #isEnded = false;

  constructor(fault: Fault | undefined) {
    this.#fault = fault;
  }

  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  start(handler: LinkHandler): void {
    if (this.#isEnded) {
      if (this.#fault !== "tells nobody who starts late") handler.closed();
      return;
    }
    this.#handler = handler;
    if (this.#fault === "delivers while paused before the start") this.#isPaused = false;
    if (this.#fault === "loses what came before the start") this.other.#queue.length = 0;
    this.#schedule();
  }

  send(buffer: { readonly bytes: Uint8Array }, offset: number, byteLength: number): SendResult {
    const fault = this.#fault;
    if (this.#isEnded || this.#isClosing || this.#seesOtherEnd) {
      const isClosingOnly = !this.#isEnded && !this.#seesOtherEnd;
      if (isClosingOnly && fault === "takes messages while it closes, and loses them") return "sent";
      return fault === "answers sent after the end" ? "sent" : "closed";
    }
    const isTooLarge = byteLength > HEADER_BYTES + this.payloadBytesMax;
    if (isTooLarge && fault === "answers sent to what is too large") return "sent";
    const isRefused = fault === "refuses its largest message" && byteLength >= HEADER_BYTES + this.payloadBytesMax;
    if (isTooLarge || isRefused) return "tooLarge";
    const isFull = this.#pendingBytes + byteLength > BUFFER_BYTES && fault !== "takes without a bound";
    if (isFull || (fault === "waits for the other direction" && this.other.#pendingBytes > BUFFER_BYTES / 2)) {
      if (fault === "throws where it should push back") throw new Error("full");
      this.#isWanted = true;
      return "backPressured";
    }
    const from = fault === "reads at offset 0" ? 0 : offset;
    const message = buffer.bytes.subarray(from, from + byteLength);
    this.#put(fault === "sends the memory and not a copy" ? message : message.slice());
    return "sent";
  }

  /** Before all that waits. */
  sendAhead(buffer: { readonly bytes: Uint8Array }, offset: number, byteLength: number): SendResult {
    const fault = this.#fault;
    if (this.#isEnded || this.#isClosing || this.#seesOtherEnd) return "closed";
    if (byteLength > HEADER_BYTES + this.payloadBytesMax) return "tooLarge";
    const isFull = this.#pendingBytes + byteLength > BUFFER_BYTES + AHEAD_BYTES;
    if (fault === "refuses all that is sent ahead" || (isFull && fault !== "takes ahead without a bound")) {
      if (fault !== "never says ready to what goes ahead") this.#isWanted = true;
      return "backPressured";
    }
    const count = fault === "loses what is sent ahead" ? 0 : fault === "delivers twice what is sent ahead" ? 2 : 1;
    const message = buffer.bytes.slice(offset, offset + byteLength);
    if (fault === "cuts what is sent ahead") message.fill(0, byteLength - 8);
    for (let n = 0; n < count; n++) {
      this.#pendingBytes += byteLength;
      this.#queue.unshift(message);
    }
    this.other.#schedule();
    return "sent";
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#fault !== "does nothing when disposed of") await this.close();
  }

  pause(): void {
    if (this.#fault !== "delivers while paused") this.#isPaused = true;
  }

  resume(): void {
    if (this.#fault === "says ready unasked") this.other.#handler?.ready?.();
    this.#isPaused = false;
    if (this.#fault !== "forgets to go on after resume") this.#schedule();
  }

  async close(): Promise<void> {
    if (this.#fault === "never finishes a close") await new Promise(() => {});
    if (this.#fault === "loses what was sent before a close") this.#queue.length = 0;
    this.#isClosing = true;
    while (this.#queue.length > 0 && !this.#isEnded) await new Promise((resolve) => setImmediate(resolve));
    this.destroy();
  }

  destroy(): void {
    this.#end();
    this.#tellOther();
  }

  get #seesOtherEnd(): boolean {
    return this.other.#isEnded && this.#fault !== "tells the other end nothing";
  }

  #tellOther(): void {
    if (this.#fault !== "tells the other end nothing") this.other.#end();
  }

  #put(message: Uint8Array): void {
    const n = this.#sentCount++;
    const fault = this.#fault;
    if (fault === "changes a byte" && n === 400) message[message.byteLength - 1] = 0xa5;
    const isShortened = fault === "shortens large messages" && message.byteLength > 5_000;
    const isDropped =
      (fault === "loses a message now and then" && n === 300) ||
      (fault === "drops empty messages" && message.byteLength === HEADER_BYTES);
    if (!isDropped) this.#enqueue(isShortened ? message.subarray(0, 5_000) : message);
    if (fault === "delivers a message twice" && n === 200) this.#enqueue(message);
    if (fault === "swaps two messages" && n === 100) this.#queue.reverse();
    this.other.#schedule();
  }

  #enqueue(message: Uint8Array): void {
    this.#pendingBytes += message.byteLength;
    this.#queue.push(message);
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      this.#read();
    });
  }

  #read(): void {
    const sender = this.other;
    const isLeft = this.#fault === "keeps delivering after destroy";
    while ((!this.#isEnded || isLeft) && !this.#isPaused && this.#handler !== undefined) {
      const message = sender.#queue.shift();
      if (message === undefined) break;
      if (this.#fault !== "counts no pending bytes back") sender.#pendingBytes -= message.byteLength;
      try {
        this.#handler.message(messageBuffer(message), 0, message.byteLength);
      } catch (error) {
        if (this.#fault === "swallows a handler's error") continue;
        this.#end(this.#fault === "lets a handler's error through" ? undefined : handlerFailure(this.peer, error));
        this.#tellOther();
      }
    }
    if (sender.#queue.length === 0) sender.#wake();
  }

  #wake(): void {
    const isOver = this.#isEnded && this.#fault !== "says ready after the end";
    if (!this.#isWanted || isOver || this.#fault === "never says ready") return;
    this.#isWanted = false;
    this.#handler?.ready?.();
    if (this.#fault === "says ready twice") this.#handler?.ready?.();
  }

  #end(error?: AlphaPulseError): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    const fault = this.#fault;
    if (fault === "never tells of the end") return;
    const told = fault === "tells of a close as an error" ? new AlphaPulseError("LINK_FAILED", "closed") : error;
    if (fault === "says ready after the end") setImmediate(() => this.#wake());
    if (this.#handler !== undefined) setImmediate((handler: LinkHandler) => handler.closed(told), this.#handler);
    if (fault === "tells of the end twice") setImmediate(() => this.#handler?.closed());
  }
}
