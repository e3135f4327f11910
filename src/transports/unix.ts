import type { Socket } from "node:net";
import { PAYLOAD_BYTES_MAX } from "../protocol/header.js";
import { connectUnlessAborted, listenUnlessAborted } from "./abort.js";
import { LinkPlaces } from "./link-places.js";
import { ReadMemory } from "./read-memory.js";
import { connectToPath, listenAtPath } from "./socket-path.js";
import { StreamLink, type StreamSocket } from "./stream-link.js";
import { streamLimitsOf } from "./stream-options.js";
import type { Link, Listener, Transport, UnixOptions } from "./transport.js";

/** Unix domain sockets: `unix:///run/alphapulse/market.sock`. */
export const unixTransport: Transport = {
  scheme: "unix",
  guarantees: {
    isOrdered: true,
    isLossless: true,
    isDeduplicated: true,
    tellsOfEnd: true,
    payloadBytesMax: PAYLOAD_BYTES_MAX,
  },
  listen: (path, onLink, options = {}) =>
    listenUnlessAborted(options.signal, `unix://${path}`, () => listenUnix(path, onLink, options)),
  connect: (path, options = {}) =>
    connectUnlessAborted(options.signal, `unix://${path}`, () => connectUnix(path, options)),
};

async function listenUnix(path: string, onLink: (link: Link) => void, options: UnixOptions): Promise<Listener> {
  const limits = streamLimitsOf(options);
  const address = `unix://${path}`;
  const places = new LinkPlaces(limits, options.onRefused);
  const { close } = await listenAtPath(path, address, (socket) => {
    if (places.take(socket, address)) onLink(new StreamLink(streamSocket(socket, address), limits));
  });
  return { address, close, [Symbol.asyncDispose]: close };
}

async function connectUnix(path: string, options: UnixOptions): Promise<Link> {
  const limits = streamLimitsOf(options);
  const address = `unix://${path}`;
  const reads = new ReadMemory();
  const { connectTimeoutMs } = limits;
  const socket = await connectToPath(path, address, {
    connectTimeoutMs,
    signal: options.signal,
    onread: reads.onread,
  });
  return new StreamLink({ ...streamSocket(socket, address), reads }, limits);
}

function streamSocket(socket: Socket, peer: string): StreamSocket {
  return { socket, peer, isPrivate: true };
}
