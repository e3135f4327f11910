import { BroadcastChannel, threadId, type Worker } from "node:worker_threads";
import { AlphaPulseError } from "../protocol/errors.js";
import { HEADER_BYTES, PAYLOAD_BYTES_DEFAULT } from "../protocol/header.js";
import type { MessageBuffer } from "../protocol/message-buffer.js";
import type { SendResult } from "../protocol/publisher.js";
import { allocateRing } from "../rings/spsc-layout.js";
import { closeRing, doorbellOf, SpscConsumer, SpscProducer } from "../rings/spsc-ring.js";
import { handlerFailure, raise } from "./handler-failure.js";
import type { Link, LinkHandler, LinkOptions, Listener, Transport } from "./transport.js";

/** What a ring can be told beyond what all transports can. */
export interface RingOptions extends LinkOptions {
  /** Bytes of each direction's ring, a power of two; default 4 MiB. A message takes at most an eighth of it. */
  readonly capacityBytes?: number;
}

const CAPACITY_BYTES_DEFAULT = 4 << 20;
const CONNECT_TIMEOUT_MS_DEFAULT = 5_000;
const CLOSE_MS_MAX = 5_000;
/** Records that are handed over before other work of the event loop gets its turn. */
const POLL_LIMIT = 256;
/** Turns of the event loop without a record after which a reader sleeps. */
const IDLE_TURNS_MAX = 2;
const NAME = /^[A-Za-z0-9._-]{1,64}$/;
const KEEP_ALIVE_MS = 2 ** 30;

type Rendezvous =
  | {
      readonly kind: "connect";
      readonly id: string;
      readonly threadId: number;
      readonly up: SharedArrayBuffer;
      readonly down: SharedArrayBuffer;
    }
  | { readonly kind: "accepted"; readonly id: string; readonly threadId: number }
  | { readonly kind: "who" }
  | { readonly kind: "taken" };

/** Shared-memory rings between the threads of one process: `ring://market`. */
export const ringTransport: Transport = {
  scheme: "ring",
  guarantees: { isOrdered: true, isLossless: true, isDeduplicated: true, payloadBytesMax: PAYLOAD_BYTES_DEFAULT },
  listen: (name, onLink, options = {}) => listenRing(name, onLink, options),
  connect: (name, options = {}) => connectRing(name, options),
};

function messageOf(event: unknown): Rendezvous {
  return (event as { readonly data: Rendezvous }).data;
}

function channelOf(name: string): BroadcastChannel {
  if (!NAME.test(name)) {
    throw new AlphaPulseError("BAD_ADDRESS", `ring://${name}: a ring's name is 1 to 64 letters, figures, dots, _ or -`);
  }
  return new BroadcastChannel(`alphapulse:ring:${name}`);
}

/** How long a listener waits for another one of the same name to speak up. */
const TAKEN_MS = 150;
/** Names that this thread is about to listen at. */
const asking = new Set<string>();
const here = new Map<string, (message: Rendezvous) => void>();

async function listenRing(name: string, onLink: (link: Link) => void, _options: RingOptions): Promise<Listener> {
  const channel = channelOf(name);
  threads.watch();
  const inUse = new AlphaPulseError(
    "ADDRESS_IN_USE",
    `ring://${name} is in use: a relay of this process listens there`,
  );
  if (here.has(name) || asking.has(name)) {
    channel.close();
    throw inUse;
  }
  asking.add(name);
  const isTaken = await new Promise<boolean>((resolve) => {
    const timer = setTimeout(() => resolve(false), TAKEN_MS);
    channel.onmessage = (event) => {
      if (messageOf(event).kind !== "taken") return;
      clearTimeout(timer);
      resolve(true);
    };
    channel.postMessage({ kind: "who" } satisfies Rendezvous);
  });
  asking.delete(name);
  if (isTaken) {
    channel.close();
    throw inUse;
  }
  const receive = (message: Rendezvous): void => {
    if (message.kind === "who") channel.postMessage({ kind: "taken" } satisfies Rendezvous);
    if (message.kind !== "connect") return;
    const link = new RingLink(`ring://${name}#${message.threadId}`, message.up, message.down);
    threads.add(message.threadId, link);
    onLink(link);
    channel.postMessage({ kind: "accepted", id: message.id, threadId } satisfies Rendezvous);
  };
  channel.onmessage = (event) => receive(messageOf(event));
  here.set(name, receive);
  const close = async (): Promise<void> => {
    here.delete(name);
    channel.close();
  };
  return { address: `ring://${name}`, close, [Symbol.asyncDispose]: close };
}

let connected = 0;

async function connectRing(name: string, options: RingOptions): Promise<Link> {
  const capacity = options.capacityBytes ?? CAPACITY_BYTES_DEFAULT;
  const id = `${threadId}:${++connected}`;
  const request = { kind: "connect", id, threadId, up: allocateRing(capacity), down: allocateRing(capacity) } as const;
  const link = new RingLink(`ring://${name}`, request.down, request.up);
  const channel = channelOf(name);
  threads.watch();
  try {
    const local = here.get(name);
    if (local !== undefined) local(request);
    else {
      const timeoutMs = options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS_DEFAULT;
      threads.add(await acceptance(channel, name, request, timeoutMs), link);
    }
  } finally {
    channel.close();
  }
  return link;
}

/** Resolves to the thread that listens, once it has taken the link. */
function acceptance(
  channel: BroadcastChannel,
  name: string,
  request: Rendezvous & { id: string },
  timeoutMs: number,
): Promise<number> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      const advice = "start the relay first, in a thread of this process";
      reject(
        new AlphaPulseError("NOT_LISTENING", `nobody answered at ring://${name} within ${timeoutMs} ms: ${advice}`),
      );
    }, timeoutMs);
    channel.onmessage = (event) => {
      const message = messageOf(event);
      if (message.kind !== "accepted" || message.id !== request.id) return;
      clearTimeout(timer);
      resolve(message.threadId);
    };
    channel.postMessage(request);
  });
}

/** Ends the links of threads that died: they can no longer say so. Sees those that this thread starts after it watches. */
class ThreadWatch {
  readonly #links = new Map<number, Set<RingLink>>();
  #isWatching = false;

  watch(): void {
    if (this.#isWatching) return;
    this.#isWatching = true;
    process.on("worker", (worker: Worker) => {
      const id = worker.threadId;
      worker.once("exit", () => {
        for (const link of this.#links.get(id) ?? []) link.destroy();
        this.#links.delete(id);
      });
    });
  }

  add(thread: number, link: RingLink): void {
    let links = this.#links.get(thread);
    if (links === undefined) {
      links = new Set();
      this.#links.set(thread, links);
    }
    links.add(link);
    link.onEnd = () => links.delete(link);
  }
}

const threads = /* @__PURE__ */ new ThreadWatch();

class RingLink implements Link {
  readonly peer: string;
  readonly isSameMemory = true;
  readonly payloadBytesMax: number;
  onEnd: () => void = () => {};
  readonly #incoming: SharedArrayBuffer;
  readonly #outgoing: SharedArrayBuffer;
  readonly #consumer: SpscConsumer;
  readonly #producer: SpscProducer;
  #handler: LinkHandler | undefined;
  #keepAlive: NodeJS.Timeout | undefined;
  #paused = false;
  #ended = false;
  #scheduled = false;
  #idleTurns = 0;
  #wanted = false;
  /** Whether a wait for records, or for room, is outstanding. */
  #sleeping = false;
  #watching = false;
  readonly #turn = (): void => this.#poll();
  readonly #record = (buffer: MessageBuffer, offset: number, byteLength: number): void =>
    // Gone where a handler has just ended the link: what is left is nobody's.
    this.#handler?.message(buffer, offset, byteLength);

  constructor(peer: string, incoming: SharedArrayBuffer, outgoing: SharedArrayBuffer) {
    this.peer = peer;
    this.#incoming = incoming;
    this.#outgoing = outgoing;
    this.#consumer = new SpscConsumer(incoming);
    this.#producer = new SpscProducer(outgoing);
    this.payloadBytesMax = Math.min(PAYLOAD_BYTES_DEFAULT, this.#producer.recordBytesMax - HEADER_BYTES);
  }

  get pendingBytes(): number {
    return this.#producer.pendingBytes;
  }

  start(handler: LinkHandler): void {
    if (this.#ended) {
      handler.closed();
      return;
    }
    this.#handler = handler;
    // A pending waitAsync does not keep the process alive, an open connection must.
    this.#keepAlive = setInterval(() => {}, KEEP_ALIVE_MS);
    this.#schedule();
  }

  send(buffer: MessageBuffer, offset: number, byteLength: number): SendResult {
    if (byteLength > HEADER_BYTES + this.payloadBytesMax) return "tooLarge";
    const result = this.#producer.offer(buffer, offset, byteLength);
    if (result === "backPressured") {
      this.#wanted = true;
      if (!this.#producer.awaitRoom()) this.#schedule();
      else this.#watchRoom();
    }
    return result;
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#schedule();
  }

  async close(): Promise<void> {
    const giveUpAt = performance.now() + CLOSE_MS_MAX;
    while (!this.#ended && this.#producer.pendingBytes > 0 && performance.now() < giveUpAt) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    this.destroy();
  }

  destroy(): void {
    closeRing(this.#incoming);
    closeRing(this.#outgoing);
    this.#end();
  }

  #schedule(): void {
    if (this.#scheduled || this.#ended) return;
    this.#scheduled = true;
    setImmediate(this.#turn);
  }

  #poll(): void {
    this.#scheduled = false;
    if (this.#ended || this.#handler === undefined) return;
    if (this.#wanted && !this.#isFull()) {
      this.#wanted = false;
      this.#handler.ready?.();
    }
    if (this.#paused) {
      if (this.#wanted) this.#watchRoom();
      return;
    }
    let count: number;
    try {
      count = this.#consumer.poll(this.#record, POLL_LIMIT);
    } catch (error) {
      this.#failed(error);
      return;
    }
    if (count > 0) {
      this.#idleTurns = 0;
      this.#handler?.idle?.();
      this.#schedule();
    } else if (this.#consumer.isClosed && !this.#consumer.hasRecords) {
      this.#end();
    } else if (this.#idleTurns++ < IDLE_TURNS_MAX) {
      this.#schedule();
    } else {
      this.#sleep();
    }
  }

  #isFull(): boolean {
    return this.#producer.awaitRoom();
  }

  /** Waits for the next record, exactly one wait outstanding. The value is read before the last look, so none is missed. */
  #sleep(): void {
    if (this.#sleeping) {
      if (!this.#consumer.awaitRecords()) this.#schedule();
      return;
    }
    const doorbell = doorbellOf(this.#incoming);
    const value = Atomics.load(doorbell, 0);
    if (!this.#consumer.awaitRecords() || this.#consumer.isClosed) {
      this.#schedule();
      return;
    }
    const wait = Atomics.waitAsync(doorbell, 0, value);
    if (!wait.async) {
      this.#consumer.stopAwaiting();
      this.#schedule();
      return;
    }
    this.#sleeping = true;
    void wait.value.then(() => {
      this.#sleeping = false;
      this.#consumer.stopAwaiting();
      this.#idleTurns = 0;
      this.#poll();
    });
  }

  /** Waits until the other side made room, exactly one wait outstanding. */
  #watchRoom(): void {
    if (this.#watching || this.#ended) return;
    const doorbell = doorbellOf(this.#outgoing);
    const value = Atomics.load(doorbell, 0);
    if (!this.#isFull() || this.#producer.isClosed) {
      this.#schedule();
      return;
    }
    const wait = Atomics.waitAsync(doorbell, 0, value);
    if (!wait.async) {
      this.#schedule();
      return;
    }
    this.#watching = true;
    void wait.value.then(() => {
      this.#watching = false;
      if (!this.#wanted || this.#ended) return;
      if (this.#isFull() && !this.#producer.isClosed) {
        this.#watchRoom();
        return;
      }
      this.#wanted = false;
      this.#handler?.ready?.();
    });
  }

  #failed(thrown: unknown): void {
    if (this.#ended) return raise(thrown);
    closeRing(this.#incoming);
    closeRing(this.#outgoing);
    this.#end(handlerFailure(this.peer, thrown));
  }

  #end(error?: AlphaPulseError): void {
    if (this.#ended) return;
    this.#ended = true;
    clearInterval(this.#keepAlive);
    this.onEnd();
    const handler = this.#handler;
    this.#handler = undefined;
    handler?.closed(error);
  }
}
