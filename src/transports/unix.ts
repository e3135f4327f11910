import type { Socket } from "node:net";
import { AlphaPulseError } from "../protocol/errors.js";
import { checkPayloadBytesMax, HEADER_BYTES, PAYLOAD_BYTES_DEFAULT, PAYLOAD_BYTES_MAX } from "../protocol/header.js";
import type { MessageBuffer } from "../protocol/message-buffer.js";
import type { SendResult } from "../protocol/publisher.js";
import { cutOff, StreamFramer } from "../protocol/stream-framer.js";
import { handlerFailure, raise } from "./handler-failure.js";
import { connectToPath, listenAtPath } from "./socket-path.js";
import type { Link, LinkHandler, LinkOptions, Listener, Transport } from "./transport.js";

const BUFFER_BYTES_DEFAULT = 1 << 20;
const CONNECT_TIMEOUT_MS_DEFAULT = 5_000;
/** Writes gather in blocks of this size and leave once per turn of the event loop. */
const BLOCK_BYTES = 64 << 10;
const BLOCKS_KEPT = 8;
/** A message that stays incomplete for this long ends the connection (docs/protocol.md, "On a byte stream"). */
const INCOMPLETE_MS_MAX = 10_000;
/** How long a close waits for what was sent to leave. */
const CLOSE_MS_MAX = 5_000;

/** Unix domain sockets: `unix:///run/alphapulse/market.sock`. */
export const unixTransport: Transport = {
  scheme: "unix",
  guarantees: { isOrdered: true, isLossless: true, isDeduplicated: true, payloadBytesMax: PAYLOAD_BYTES_MAX },
  listen: (path, onLink, options = {}) => listenUnix(path, onLink, options),
  connect: (path, options = {}) => connectUnix(path, options),
};

async function listenUnix(path: string, onLink: (link: Link) => void, options: LinkOptions): Promise<Listener> {
  const address = `unix://${path}`;
  checkOptions(options);
  const { close } = await listenAtPath(path, address, (socket) => onLink(new UnixLink(socket, path, options)));
  return { address, close, [Symbol.asyncDispose]: close };
}

async function connectUnix(path: string, options: LinkOptions): Promise<Link> {
  checkOptions(options);
  const socket = await connectToPath(path, `unix://${path}`, options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS_DEFAULT);
  return new UnixLink(socket, path, options);
}

/** Told to who listens or connects, and not to whom a link arrives. @throws AlphaPulseError BAD_OPTION */
function checkOptions({ payloadBytesMax = PAYLOAD_BYTES_DEFAULT }: LinkOptions): void {
  checkPayloadBytesMax(payloadBytesMax);
}

class UnixLink implements Link {
  readonly peer: string;
  readonly isSameMemory = false;
  readonly payloadBytesMax: number;
  readonly #socket: Socket;
  readonly #framer: StreamFramer;
  readonly #bufferBytesMax: number;
  readonly #free: Buffer[] = [];
  #handler: LinkHandler | undefined;
  #block: Buffer;
  #filled = 0;
  #flushing = false;
  #pendingBytes = 0;
  #wanted = false;
  #isBroken = false;
  #error: AlphaPulseError | undefined;
  #incomplete: NodeJS.Timeout | undefined;
  /** Whether a message was completed since the timer was last set. */
  #hasProgress = false;
  readonly #flush = (): void => this.#writeBlock();

  constructor(socket: Socket, path: string, options: LinkOptions) {
    this.peer = `unix://${path}`;
    this.#socket = socket;
    this.#bufferBytesMax = options.bufferBytesMax ?? BUFFER_BYTES_DEFAULT;
    this.#block = Buffer.allocUnsafeSlow(BLOCK_BYTES);
    this.payloadBytesMax = options.payloadBytesMax ?? PAYLOAD_BYTES_DEFAULT;
    this.#framer = new StreamFramer((buffer, offset, byteLength) => {
      this.#hasProgress = true;
      // Where a handler has just ended the link, what is left is nobody's.
      if (socket.destroyed) return;
      try {
        this.#handler?.message(buffer, offset, byteLength);
      } catch (error) {
        this.#threw(error);
      }
    }, this);
    socket.on("error", (error: NodeJS.ErrnoException) => this.#failed(error));
    socket.on("close", () => this.#closed());
  }

  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  start(handler: LinkHandler): void {
    this.#handler = handler;
    this.#socket.on("data", (chunk: Buffer) => this.#read(chunk));
    this.#socket.on("end", () => {
      if (this.#framer.isWithin) this.#error ??= cutOff();
    });
    if (this.#socket.destroyed) this.#closed();
  }

  send(buffer: MessageBuffer, offset: number, byteLength: number): SendResult {
    if (!this.#socket.writable) return "closed";
    if (byteLength > HEADER_BYTES + this.payloadBytesMax) return "tooLarge";
    const pending = this.#pendingBytes;
    if (pending > 0 && pending + byteLength > this.#bufferBytesMax) {
      this.#wanted = true;
      return "backPressured";
    }
    if (byteLength > this.#block.byteLength - this.#filled) {
      this.#writeBlock();
      if (byteLength > BLOCK_BYTES) {
        this.#write(Buffer.from(buffer.bytes.subarray(offset, offset + byteLength)), byteLength);
        this.#pendingBytes += byteLength;
        return "sent";
      }
    }
    this.#block.set(buffer.bytes.subarray(offset, offset + byteLength), this.#filled);
    this.#filled += byteLength;
    this.#pendingBytes += byteLength;
    if (!this.#flushing) {
      this.#flushing = true;
      queueMicrotask(this.#flush);
    }
    return "sent";
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    if (!this.#isBroken) this.#socket.resume();
  }

  async close(): Promise<void> {
    if (this.#socket.destroyed) return;
    this.#writeBlock();
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => this.#socket.destroy(), CLOSE_MS_MAX);
      this.#socket.once("close", () => {
        clearTimeout(timer);
        resolve();
      });
      this.#socket.end(() => this.#socket.destroy());
    });
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #read(chunk: Buffer): void {
    if (this.#isBroken) return;
    try {
      this.#framer.push(chunk);
    } catch (error) {
      this.#isBroken = true;
      this.#socket.pause();
      this.#handler?.broken(error as AlphaPulseError);
      return;
    }
    this.#handler?.idle?.();
    this.#watchIncomplete();
  }

  #watchIncomplete(): void {
    if (!this.#framer.isWithin) {
      if (this.#incomplete !== undefined) clearTimeout(this.#incomplete);
      this.#incomplete = undefined;
      return;
    }
    if (this.#hasProgress) this.#incomplete?.refresh();
    this.#hasProgress = false;
    this.#incomplete ??= setTimeout(() => {
      if (this.#socket.isPaused()) {
        this.#incomplete?.refresh(); // it is not read: not the sender's fault
        return;
      }
      this.#isBroken = true;
      this.#handler?.broken(
        new AlphaPulseError("INCOMPLETE", `a message stayed incomplete for ${INCOMPLETE_MS_MAX} ms`),
      );
    }, INCOMPLETE_MS_MAX).unref();
  }

  #writeBlock(): void {
    this.#flushing = false;
    if (this.#filled === 0) return;
    const block = this.#block;
    const filled = this.#filled;
    this.#block = this.#free.pop() ?? Buffer.allocUnsafeSlow(BLOCK_BYTES);
    this.#filled = 0;
    this.#write(block.subarray(0, filled), filled, block);
  }

  #write(bytes: Buffer, count: number, block?: Buffer): void {
    this.#socket.write(bytes, () => {
      this.#pendingBytes -= count;
      if (block !== undefined && this.#free.length < BLOCKS_KEPT) this.#free.push(block);
      if (this.#socket.destroyed) return; // it has not left
      if (this.#wanted && this.#pendingBytes <= this.#bufferBytesMax / 2) {
        this.#wanted = false;
        this.#handler?.ready?.();
      }
    });
  }

  #threw(thrown: unknown): void {
    if (this.#socket.destroyed) return raise(thrown);
    this.#error = handlerFailure(this.peer, thrown);
    this.#socket.destroy();
  }

  #failed(error: NodeJS.ErrnoException): void {
    // A peer that was killed resets the connection: that is an end like any other, and the session says what it meant.
    if (error.code === "ECONNRESET" || error.code === "EPIPE") {
      if (this.#framer.isWithin) this.#error ??= cutOff();
      return;
    }
    this.#error ??= new AlphaPulseError("LINK_FAILED", `${this.peer}: ${error.message}`, { cause: error });
  }

  #closed(): void {
    if (this.#incomplete !== undefined) clearTimeout(this.#incomplete);
    const handler = this.#handler;
    this.#handler = undefined;
    handler?.closed(this.#error);
  }
}
