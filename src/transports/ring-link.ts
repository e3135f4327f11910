import { AlphaPulseError } from "../protocol/errors.js";
import { checkHeader, checkPayloadBytesMax, HEADER_BYTES, PAYLOAD_BYTES_DEFAULT } from "../protocol/header.js";
import type { MessageBuffer } from "../protocol/message-buffer.js";
import type { SendResult } from "../protocol/publisher.js";
import { sizeError } from "../protocol/walk.js";
import { type RingMemory, ringBytes } from "../rings/memory.js";
import { SpscConsumer, SpscProducer } from "../rings/spsc.js";
import { handlerFailure, raise } from "./handler-failure.js";
import type { Link, LinkHandler, RingLinkOptions } from "./transport.js";

export const CAPACITY_BYTES_DEFAULT = 4 << 20;
const IDLE_TURNS_MAX_DEFAULT = 2;
const CLOSE_MS_MAX = 5_000;
/** Records that are handed over before other work of the event loop gets its turn. */
const POLL_LIMIT = 256;

/** Told to who listens or connects, and not to whom a link arrives. @throws AlphaPulseError BAD_OPTION */
export function checkRingLinkOptions(options: RingLinkOptions): void {
  const { payloadBytesMax = PAYLOAD_BYTES_DEFAULT, idleTurnsMax = IDLE_TURNS_MAX_DEFAULT } = options;
  checkPayloadBytesMax(payloadBytesMax);
  ringBytes({ capacityBytes: options.capacityBytes ?? CAPACITY_BYTES_DEFAULT });
  if (!(idleTurnsMax >= 0)) {
    throw new AlphaPulseError("BAD_OPTION", `idleTurnsMax is a number of turns, or Infinity, not ${idleTurnsMax}`);
  }
}

/** How a link between two rings is made. */
export interface RingPair {
  readonly peer: string;
  readonly incoming: RingMemory;
  readonly outgoing: RingMemory;
  /** Whether both ends are in this process. */
  readonly isSameMemory: boolean;
}

/** A link over two SPSC rings, one per direction, read by this thread's event loop. */
export class RingLink implements Link {
  readonly peer: string;
  readonly isSameMemory: boolean;
  readonly isPrivate = true;
  readonly payloadBytesMax: number;
  readonly #consumer: SpscConsumer;
  readonly #producer: SpscProducer;
  readonly #idleTurnsMax: number;
  #handler: LinkHandler | undefined;
  #isPaused = false;
  #isBroken = false;
  #isEnded = false;
  #isScheduled = false;
  #idleTurns = 0;
  /** Whether a send was back-pressured, and its sender is to be told of room. */
  #isWanted = false;
  /** Whether a wait for records, or for room, is outstanding. */
  #isSleeping = false;
  #isWatching = false;
  readonly #endings: (() => void)[] = [];
  readonly #turn = (): void => this.#poll();
  readonly #record = (buffer: MessageBuffer, offset: number, byteLength: number): void =>
    this.#take(buffer, offset, byteLength);

  constructor({ peer, incoming, outgoing, isSameMemory }: RingPair, options: RingLinkOptions = {}) {
    this.peer = peer;
    this.isSameMemory = isSameMemory;
    this.#consumer = new SpscConsumer(incoming);
    this.#producer = new SpscProducer(outgoing);
    this.#idleTurnsMax = options.idleTurnsMax ?? IDLE_TURNS_MAX_DEFAULT;
    this.payloadBytesMax = Math.min(
      checkPayloadBytesMax(options.payloadBytesMax ?? PAYLOAD_BYTES_DEFAULT),
      this.#producer.recordBytesMax - HEADER_BYTES,
    );
  }

  get pendingBytes(): number {
    return this.#isEnded ? 0 : this.#producer.pendingBytes;
  }

  start(handler: LinkHandler): void {
    if (this.#isEnded) {
      handler.closed();
      return;
    }
    this.#handler = handler;
    this.#schedule();
  }

  send(buffer: MessageBuffer, offset: number, byteLength: number): SendResult {
    if (this.#isEnded) return "closed";
    if (byteLength > HEADER_BYTES + this.payloadBytesMax) return "tooLarge";
    const result = this.#producer.offer(buffer, offset, byteLength);
    if (result === "backPressured") {
      this.#isWanted = true;
      this.#watchRoom();
    }
    return result;
  }

  sendAhead(buffer: MessageBuffer, offset: number, byteLength: number): SendResult {
    return this.send(buffer, offset, byteLength); // a ring has one order
  }

  /** Called once, when it has ended. */
  onEnd(ending: () => void): void {
    this.#endings.push(ending);
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#schedule();
  }

  async close(): Promise<void> {
    const giveUpAt = performance.now() + CLOSE_MS_MAX;
    for (let turn = 0; !this.#isEnded && this.pendingBytes > 0 && performance.now() < giveUpAt; turn++) {
      await new Promise((resolve) => (turn < POLL_LIMIT ? setImmediate(resolve) : setTimeout(resolve, 1)));
    }
    this.destroy();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  destroy(): void {
    this.#end();
  }

  /** The other end is gone: what it published before is still handed over. */
  peerIsGone(): void {
    if (this.#isEnded) return;
    this.#producer.close();
    this.#consumer.close();
    this.#schedule();
  }

  #schedule(): void {
    if (this.#isScheduled || this.#isEnded) return;
    this.#isScheduled = true;
    setImmediate(this.#turn);
  }

  #poll(): void {
    this.#isScheduled = false;
    if (this.#isEnded || this.#isPaused || this.#handler === undefined) return;
    if (this.#isBroken) {
      if (this.#consumer.isClosed) this.#end();
      return;
    }
    const count = this.#consume();
    if (count > 0) {
      this.#idleTurns = 0;
      this.#schedule();
      this.#handler?.idle?.();
    } else if (this.#consumer.isClosed && !this.#consumer.hasRecords) {
      this.#end();
    } else if (this.#idleTurns++ < this.#idleTurnsMax) {
      this.#schedule();
    } else {
      this.#sleep();
    }
  }

  #consume(): number {
    try {
      return this.#consumer.poll(this.#record, POLL_LIMIT);
    } catch (error) {
      if (error instanceof AlphaPulseError && error.code === "BAD_RECORD") this.#break(error);
      else raise(error); // of what may not throw
      return 0;
    }
  }

  #take(buffer: MessageBuffer, offset: number, byteLength: number): void {
    // Nobody's, where a handler has just ended the link.
    if (this.#handler === undefined || this.#isBroken) return;
    if (!this.isSameMemory && !this.#isMessage(buffer, offset, byteLength)) return;
    try {
      this.#handler.message(buffer, offset, byteLength);
    } catch (error) {
      this.#threw(error);
    }
  }

  #isMessage(buffer: MessageBuffer, offset: number, byteLength: number): boolean {
    try {
      const messageBytes = checkHeader(buffer.view, offset, byteLength, this.payloadBytesMax);
      if (messageBytes !== byteLength) throw sizeError(messageBytes, byteLength);
      return true;
    } catch (error) {
      this.#break(error as AlphaPulseError);
      return false;
    }
  }

  #break(error: AlphaPulseError): void {
    this.#isBroken = true;
    this.#handler?.broken(error);
  }

  /** Waits for the next record, exactly one wait outstanding. */
  #sleep(): void {
    if (this.#isSleeping) return;
    this.#isSleeping = true;
    void this.#consumer.ready().then(() => {
      this.#isSleeping = false;
      this.#idleTurns = 0;
      this.#poll();
    });
  }

  /** Waits until the other side made room, exactly one wait outstanding. */
  #watchRoom(): void {
    if (this.#isWatching) return;
    this.#isWatching = true;
    void this.#producer.room().then(() => {
      this.#isWatching = false;
      if (!this.#isWanted || this.#isEnded) return;
      this.#isWanted = false;
      this.#handler?.ready?.();
    });
  }

  #threw(thrown: unknown): void {
    if (this.#isEnded) raise(thrown);
    else this.#end(handlerFailure(this.peer, thrown));
  }

  #end(error?: AlphaPulseError): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#consumer.close();
    this.#producer.close();
    const handler = this.#handler;
    this.#handler = undefined;
    for (const ending of this.#endings) ending();
    handler?.closed(error);
  }
}
