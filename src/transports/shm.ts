import { randomBytes } from "node:crypto";
import { readdirSync } from "node:fs";
import type { Socket } from "node:net";
import { dirname, join } from "node:path";
import { AlphaPulseError } from "../protocol/errors.js";
import { PAYLOAD_BYTES_MAX } from "../protocol/header.js";
import { pathOf } from "../shm/directory.js";
import { native } from "../shm/native.js";
import { removeStaleRing } from "../shm/ring-file.js";
import { SharedMemory } from "../shm/shared-memory.js";
import { connectUnlessAborted, listenUnlessAborted } from "./abort.js";
import { Doorbell } from "./doorbell.js";
import { CAPACITY_BYTES_DEFAULT, checkRingLinkOptions, RingLink } from "./ring-link.js";
import { connectToPath, listenAtPath } from "./socket-path.js";
import type { Link, Listener, RingLinkOptions, Transport } from "./transport.js";

/** What shared memory between processes can be told beyond what all rings can. */
export interface ShmOptions extends RingLinkOptions {
  /** The directory of the name; default `/dev/shm/alphapulse-<uid>`. */
  readonly directory?: string;
}

const CONNECT_TIMEOUT_MS_DEFAULT = 5_000;
/** How long a client may take to say which rings it made. */
const OFFER_MS_MAX = 5_000;
const LINE_BYTES_MAX = 512;
const NAME = /^[A-Za-z0-9_-][A-Za-z0-9._-]{0,47}$/;
/** A ring that a client made, until the listener has taken its name away. */
const LINK_RING = /^link-\d+-[0-9a-f]{12}-(up|down)$/;
const VERSION = 1;

/** What a client offers: the names of two rings that it made, in the listener's directory. */
interface Offer {
  readonly version: number;
  readonly up: string;
  readonly down: string;
}

/**
 * Rings in memory that processes share: `shm://market`. A Unix socket beside them says who connects and who died, and wakes
 * an event loop that sleeps. Needs the addon.
 */
export const shmTransport: Transport = {
  scheme: "shm",
  guarantees: {
    isOrdered: true,
    isLossless: true,
    isDeduplicated: true,
    tellsOfEnd: true,
    payloadBytesMax: PAYLOAD_BYTES_MAX,
  },
  listen: (name, onLink, options = {}) =>
    listenUnlessAborted(options.signal, `shm://${name}`, () => listenShm(name, onLink, options)),
  connect: (name, options = {}) =>
    connectUnlessAborted(options.signal, `shm://${name}`, () => connectShm(name, options)),
};

async function listenShm(name: string, onLink: (link: Link) => void, options: ShmOptions): Promise<Listener> {
  const address = `shm://${name}`;
  checkRingLinkOptions(options);
  const path = socketPath(name, options);
  const waiting = new Set<Socket>();
  const server = await listenAtPath(path, address, (socket) => {
    socket.on("error", ignored);
    waiting.add(socket);
    accept(socket, address, options)
      .then(onLink, () => socket.destroy()) // who does not offer two rings is nobody
      .finally(() => waiting.delete(socket));
  });
  removeLeftOver(dirname(path));
  const close = async (): Promise<void> => {
    for (const socket of waiting) socket.destroy();
    await server.close();
  };
  return { address, close, [Symbol.asyncDispose]: close };
}

/** Clients that died while they connected leave rings with names behind. Those of clients that live are in use. */
function removeLeftOver(directory: string): void {
  for (const file of readdirSync(directory).filter((entry) => LINK_RING.test(entry))) {
    try {
      removeStaleRing(join(directory, file));
    } catch {} // is no ring, or no longer there: not ours to judge
  }
}

/** Opens what a client offers, and takes the names away: whoever dies from now on leaves no file behind. */
async function accept(socket: Socket, address: string, options: ShmOptions): Promise<Link> {
  const opened: SharedMemory[] = [];
  const open = (name: string): SharedMemory => {
    const memory = SharedMemory.open(name, "spsc", options);
    opened.push(memory);
    return memory;
  };
  try {
    const offer = offerOf(await lineOf(socket, OFFER_MS_MAX));
    const incoming = open(offer.up);
    const outgoing = open(offer.down);
    for (const memory of opened) memory.unlink();
    socket.write("ok\n"); // before the first byte of the doorbell
    return shmLink(address, socket, incoming, outgoing, options);
  } catch (error) {
    for (const memory of opened) memory.close();
    socket.end(`${error instanceof Error ? error.message : error}\n`);
    throw error;
  }
}

async function connectShm(name: string, options: ShmOptions): Promise<Link> {
  const address = `shm://${name}`;
  checkRingLinkOptions(options);
  const timeoutMs = options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS_DEFAULT;
  const socket = await connectToPath(socketPath(name, options), address, {
    connectTimeoutMs: timeoutMs,
    signal: options.signal,
  });
  socket.on("error", ignored);
  const made: SharedMemory[] = [];
  try {
    const id = `link-${process.pid}-${randomBytes(6).toString("hex")}`;
    const size = { ...options, capacityBytes: options.capacityBytes ?? CAPACITY_BYTES_DEFAULT };
    const outgoing = SharedMemory.create(`${id}-up`, "spsc", size);
    made.push(outgoing);
    const incoming = SharedMemory.create(`${id}-down`, "spsc", size);
    made.push(incoming);
    const offer: Offer = { version: VERSION, up: outgoing.name, down: incoming.name };
    socket.write(`${JSON.stringify(offer)}\n`);
    const answer = await lineOf(socket, timeoutMs);
    if (answer !== "ok") throw new AlphaPulseError("CONNECT_FAILED", `cannot connect to ${address}: ${answer}`);
    return shmLink(address, socket, incoming, outgoing, options);
  } catch (error) {
    socket.destroy();
    for (const memory of made) {
      memory.unlink(); // its name may be gone
      memory.close();
    }
    throw error;
  }
}

/** An error of the socket is an end like any other: `close` follows. */
function ignored(): void {}

function isLinkRing(name: unknown): boolean {
  return typeof name === "string" && LINK_RING.test(name);
}

/** Where the listener's socket is. @throws AlphaPulseError BAD_ADDRESS, UNSUPPORTED, NATIVE_MISSING */
function socketPath(name: string, { directory }: ShmOptions): string {
  if (!NAME.test(name)) {
    throw new AlphaPulseError("BAD_ADDRESS", `shm://${name}: a name is 1 to 48 letters, figures, dots, _ or -`);
  }
  native(); // says what is missing before anything else fails
  return pathOf(`${name}.link`, directory);
}

function shmLink(
  peer: string,
  socket: Socket,
  incoming: SharedMemory,
  outgoing: SharedMemory,
  options: ShmOptions,
): Link {
  const bell = new Doorbell(socket);
  const link = new RingLink(
    { peer, isSameMemory: false, incoming: bell.over(incoming), outgoing: bell.over(outgoing) },
    options,
  );
  socket.on("close", () => {
    link.peerIsGone();
    bell.answer();
  });
  link.onEnd(() => {
    socket.end(() => socket.destroy());
    bell.answer();
    // What is still running looks at the rings once more.
    setImmediate(() => {
      incoming.close();
      outgoing.close();
    });
  });
  return link;
}

/** The next line that comes, less its end. What comes after it waits in the socket. */
function lineOf(socket: Socket, timeoutMs: number): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = "";
    const done = (problem?: string): void => {
      clearTimeout(timer);
      socket.pause();
      socket.off("data", read);
      socket.off("close", closed);
      socket.off("error", closed);
      if (problem === undefined) resolve(text.slice(0, text.indexOf("\n")));
      else reject(new AlphaPulseError("CONNECT_FAILED", `the other end ${problem}`));
    };
    const read = (chunk: Buffer): void => {
      text += chunk.toString("latin1");
      if (text.includes("\n")) done();
      else if (text.length > LINE_BYTES_MAX) done("talks of something else");
    };
    const closed = (): void => done("closed the socket");
    const timer = setTimeout(() => done(`said nothing for ${timeoutMs} ms`), timeoutMs);
    socket.on("data", read).on("close", closed).on("error", closed);
  });
}

/** @throws AlphaPulseError CONNECT_FAILED where the line is no offer of this version */
function offerOf(line: string): Offer {
  let offer: Partial<Offer> | null;
  try {
    offer = JSON.parse(line);
  } catch {
    offer = null;
  }
  if (offer?.version === VERSION && isLinkRing(offer.up) && isLinkRing(offer.down) && offer.up !== offer.down) {
    return offer as Offer; // no other ring of the directory: its name would be taken away
  }
  throw new AlphaPulseError("CONNECT_FAILED", "this is no offer of two rings that this version knows");
}
