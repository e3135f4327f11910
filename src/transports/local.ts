import type { AlphaPulseError } from "../protocol/errors.js";
import { HEADER_BYTES, PAYLOAD_BYTES_DEFAULT } from "../protocol/header.js";
import type { MessageBuffer } from "../protocol/message-buffer.js";
import type { SendResult } from "../protocol/publisher.js";
import { handlerFailure, raise } from "./handler-failure.js";
import type { Link, LinkHandler, TransportGuarantees } from "./transport.js";

/** What sending by a call guarantees. */
export const LOCAL_GUARANTEES: TransportGuarantees = {
  isOrdered: true,
  isLossless: true,
  isDeduplicated: true,
  tellsOfEnd: true,
  payloadBytesMax: PAYLOAD_BYTES_DEFAULT,
};

/** Both ends of a link within one thread: sending is a call of the other end's handler, with nothing in between. */
export function localLinks(name: string): [client: Link, server: Link] {
  const client = new LocalLink(name);
  const server = new LocalLink(name);
  client.join(server);
  server.join(client);
  return [client, server];
}

class LocalLink implements Link {
  readonly peer: string;
  readonly isSameMemory = true;
  readonly isPrivate = true;
  readonly payloadBytesMax = PAYLOAD_BYTES_DEFAULT;
  readonly pendingBytes = 0;
  /** Itself until it is joined. */
  #other: LocalLink = this;
  #handler: LinkHandler | undefined;
  #paused = false;
  #wanted = false;
  #ended = false;

  constructor(name: string) {
    this.peer = name;
  }

  join(other: LocalLink): void {
    this.#other = other;
  }

  start(handler: LinkHandler): void {
    if (this.#ended) {
      handler.closed();
      return;
    }
    this.#handler = handler;
    this.#other.#wakeSender();
  }

  send(buffer: MessageBuffer, offset: number, byteLength: number): SendResult {
    if (this.#ended) return "closed";
    if (byteLength > HEADER_BYTES + this.payloadBytesMax) return "tooLarge";
    const other = this.#other;
    if (other.#paused || other.#handler === undefined) {
      this.#wanted = true;
      return "backPressured";
    }
    try {
      other.#handler.message(buffer, offset, byteLength);
    } catch (error) {
      other.#failed(error); // its own affair: the sender has sent
    }
    return "sent";
  }

  sendAhead(buffer: MessageBuffer, offset: number, byteLength: number): SendResult {
    return this.send(buffer, offset, byteLength); // nothing waits
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#other.#wakeSender();
  }

  async close(): Promise<void> {
    this.destroy();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  destroy(): void {
    this.#end();
    this.#other.#end();
  }

  #wakeSender(): void {
    if (!this.#wanted || this.#ended) return;
    this.#wanted = false;
    this.#handler?.ready?.();
  }

  #failed(thrown: unknown): void {
    if (this.#ended) return raise(thrown);
    this.#end(handlerFailure(this.peer, thrown));
    this.#other.#end();
  }

  #end(error?: AlphaPulseError): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#handler?.closed(error);
  }
}
