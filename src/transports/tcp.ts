import { lookup } from "node:dns";
import { lookup as lookedUp } from "node:dns/promises";
import { type AddressInfo, connect, createServer, isIP, type LookupFunction, type Socket } from "node:net";
import { PAYLOAD_BYTES_MAX } from "../protocol/header.js";
import { connectUnlessAborted, listenUnlessAborted } from "./abort.js";
import { LinkPlaces } from "./link-places.js";
import { checkReach, hostAndPortOf, shownHostAndPort } from "./loopback.js";
import { ReadMemory } from "./read-memory.js";
import { closed, connected, listenError, listening } from "./sockets.js";
import { StreamLink, type StreamSocket } from "./stream-link.js";
import { streamLimitsOf } from "./stream-options.js";
import type { Link, Listener, TcpOptions, Transport } from "./transport.js";

/** A message leaves at once, and the system asks after an end that has been silent for hours. */
const SOCKET_OPTIONS = { noDelay: true, keepAlive: true } as const;

/** TCP, in plain text: `tcp://127.0.0.1:7001`. */
export const tcpTransport: Transport = {
  scheme: "tcp",
  guarantees: {
    isOrdered: true,
    isLossless: true,
    isDeduplicated: true,
    tellsOfEnd: true,
    payloadBytesMax: PAYLOAD_BYTES_MAX,
  },
  listen: (address, onLink, options = {}) =>
    listenUnlessAborted(options.signal, `tcp://${address}`, () => listenTcp(address, onLink, options)),
  connect: (address, options = {}) =>
    connectUnlessAborted(options.signal, `tcp://${address}`, () => connectTcp(address, options)),
};

async function listenTcp(address: string, onLink: (link: Link) => void, options: TcpOptions): Promise<Listener> {
  const limits = streamLimitsOf(options);
  const { host, port } = hostAndPortOf("tcp", address);
  const url = `tcp://${address}`;
  const ip = await ipOf(host, url);
  checkReach(url, ip, options.insecure);
  const places = new LinkPlaces(limits, options.onRefused);
  const server = createServer(SOCKET_OPTIONS, (socket) => {
    const { remoteAddress = "gone", remotePort = 0 } = socket;
    if (!places.take(socket, remoteAddress)) return;
    const peer = `tcp://${shownHostAndPort({ host: remoteAddress, port: remotePort })}`;
    onLink(new StreamLink(streamSocket(socket, peer), limits));
  });
  await listening(server, { host: ip, port }, url);
  const at = { host, port: (server.address() as AddressInfo).port };
  const close = (): Promise<void> => closed(server);
  return { address: `tcp://${shownHostAndPort(at)}`, close, [Symbol.asyncDispose]: close };
}

async function connectTcp(address: string, options: TcpOptions): Promise<Link> {
  const limits = streamLimitsOf(options);
  const place = hostAndPortOf("tcp", address);
  const url = `tcp://${address}`;
  if (isIP(place.host) !== 0) checkReach(url, place.host, options.insecure); // it is not looked up
  const reads = new ReadMemory();
  const lookup = lookupWithinReach(url, options.insecure);
  const socket = connect({ ...SOCKET_OPTIONS, ...place, lookup, onread: reads.onread }).pause();
  await connected(socket, url, limits.connectTimeoutMs, options.signal);
  return new StreamLink({ ...streamSocket(socket, url), reads }, limits);
}

function streamSocket(socket: Socket, peer: string): StreamSocket {
  return { socket, peer, isPrivate: false };
}

async function ipOf(host: string, url: string): Promise<string> {
  try {
    return (await lookedUp(host)).address;
  } catch (error) {
    throw listenError(url, error as Error);
  }
}

/** Looks up names, and refuses those that lead to another machine, before anything is sent there. */
function lookupWithinReach(url: string, insecure: boolean | undefined): LookupFunction {
  return (host, options, done) => {
    lookup(host, options, (error, found, family) => {
      try {
        const all = Array.isArray(found) ? found : [{ address: found }];
        if (error === null) for (const { address } of all) checkReach(url, address, insecure);
        done(error, found, family);
      } catch (refusal) {
        done(refusal as Error, found, family);
      }
    });
  };
}
