import { BroadcastChannel, threadId, type Worker } from "node:worker_threads";
import { AlphaPulseError } from "../protocol/errors.js";
import { PAYLOAD_BYTES_MAX } from "../protocol/header.js";
import { allocateRing, ThreadMemory } from "../rings/memory.js";
import { abortedError, connectUnlessAborted, listenUnlessAborted } from "./abort.js";
import { CAPACITY_BYTES_DEFAULT, checkRingLinkOptions, RingLink } from "./ring-link.js";
import type { Link, Listener, RingLinkOptions, Transport } from "./transport.js";

const CONNECT_TIMEOUT_MS_DEFAULT = 5_000;
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
  | { readonly kind: "who"; readonly threadId: number }
  | { readonly kind: "taken" };

/** Shared-memory rings between the threads of one process: `ring://market`. */
export const ringTransport: Transport = {
  scheme: "ring",
  guarantees: {
    isOrdered: true,
    isLossless: true,
    isDeduplicated: true,
    tellsOfEnd: true,
    payloadBytesMax: PAYLOAD_BYTES_MAX,
  },
  listen: (name, onLink, options = {}) =>
    listenUnlessAborted(options.signal, `ring://${name}`, () => listenRing(name, onLink, options)),
  connect: (name, options = {}) =>
    connectUnlessAborted(options.signal, `ring://${name}`, () => connectRing(name, options)),
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
const TAKEN = { kind: "taken" } as const satisfies Rendezvous;
/** Names that this thread is about to listen at. */
const asking = new Set<string>();
const here = new Map<string, (message: Rendezvous) => void>();

async function listenRing(name: string, onLink: (link: Link) => void, options: RingLinkOptions): Promise<Listener> {
  checkRingLinkOptions(options);
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
  const { signal } = options;
  let giveUp = (): void => {};
  asking.add(name);
  const isTaken = await new Promise<boolean>((resolve) => {
    const timer = setTimeout(() => resolve(false), TAKEN_MS);
    giveUp = () => {
      clearTimeout(timer);
      asking.delete(name); // at once: whoever gave it up may ask again
      channel.close();
      resolve(false);
    };
    signal?.addEventListener("abort", giveUp);
    channel.onmessage = (event) => {
      const message = messageOf(event);
      // Of two that ask at once, the one in the thread of the lower number has the name.
      const isOutbid = message.kind === "who" && message.threadId < threadId;
      if (message.kind === "who" && !isOutbid) channel.postMessage(TAKEN);
      if (message.kind !== "taken" && !isOutbid) return;
      clearTimeout(timer);
      resolve(true);
    };
    channel.postMessage({ kind: "who", threadId } satisfies Rendezvous);
  });
  signal?.removeEventListener("abort", giveUp);
  if (signal?.aborted) throw abortedError(`listening at ring://${name}`, signal);
  asking.delete(name);
  if (isTaken) {
    channel.close();
    throw inUse;
  }
  const receive = (message: Rendezvous): void => {
    if (message.kind === "who") channel.postMessage(TAKEN);
    if (message.kind !== "connect") return;
    const link = ringLink(`ring://${name}#${message.threadId}`, message.up, message.down, options);
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

async function connectRing(name: string, options: RingLinkOptions): Promise<Link> {
  checkRingLinkOptions(options);
  const size = { capacityBytes: options.capacityBytes ?? CAPACITY_BYTES_DEFAULT };
  const id = `${threadId}:${++connected}`;
  const [up, down] = [allocateRing("spsc", size), allocateRing("spsc", size)];
  const request = { kind: "connect", id, threadId, up, down } as const;
  const channel = channelOf(name);
  const link = ringLink(`ring://${name}`, down, up, options);
  threads.watch();
  try {
    const local = here.get(name);
    if (local !== undefined) local(request);
    else {
      const timeoutMs = options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS_DEFAULT;
      threads.add(await acceptance(channel, name, request, timeoutMs), link);
    }
    return link;
  } catch (error) {
    link.destroy();
    throw error;
  } finally {
    channel.close();
  }
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
        for (const link of this.#links.get(id) ?? []) link.peerIsGone();
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
    link.onEnd(() => links.delete(link));
  }
}

const threads = /* @__PURE__ */ new ThreadWatch();

function ringLink(
  peer: string,
  incoming: SharedArrayBuffer,
  outgoing: SharedArrayBuffer,
  options: RingLinkOptions,
): RingLink {
  const memory = { incoming: new ThreadMemory(incoming), outgoing: new ThreadMemory(outgoing) };
  const link = new RingLink({ peer, ...memory, isSameMemory: true }, options);
  // A pending waitAsync does not keep the process alive, an open connection must.
  const keepAlive = setInterval(() => {}, KEEP_ALIVE_MS);
  link.onEnd(() => clearInterval(keepAlive));
  return link;
}
