import type { Socket } from "node:dgram";
import { once } from "node:events";
import { AlphaPulseError } from "../protocol/errors.js";
import { PAYLOAD_BYTES_MAX } from "../protocol/header.js";
import { connectUnlessAborted, listenUnlessAborted } from "./abort.js";
import { checkReach, type HostAndPort, hostAndPortOf, shownHostAndPort } from "./loopback.js";
import type { Link, Transport, UdpOptions } from "./transport.js";
import { UdpEndpoint, type UdpListener } from "./udp-endpoint.js";
import { UdpLink } from "./udp-link.js";
import { type UdpSettings, udpSettings } from "./udp-options.js";
import { boundSocket, ipOf, isMulticast, sizedBuffers } from "./udp-socket.js";

/** Datagrams: `udp://127.0.0.1:7002`, and multicast groups: `udp://239.1.2.3:7003`. What is lost is told, not sent again. */
export const udpTransport: Transport = {
  scheme: "udp",
  guarantees: {
    isOrdered: false,
    isLossless: false,
    isDeduplicated: false,
    tellsOfEnd: false,
    payloadBytesMax: PAYLOAD_BYTES_MAX,
  },
  listen: (address, onLink, options = {}) =>
    listenUnlessAborted(options.signal, `udp://${address}`, () => listenUdp(address, onLink, options)),
  connect: (address, options = {}) =>
    connectUnlessAborted(options.signal, `udp://${address}`, () => connectUdp(address, options)),
};

async function listenUdp(address: string, onLink: (link: Link) => void, options: UdpOptions): Promise<UdpListener> {
  const settings = udpSettings(options);
  const asked = hostAndPortOf("udp", address);
  const url = `udp://${address}`;
  const socket = await asListening(url, async () => {
    const ip = await ipOf(asked.host, settings.connectTimeoutMs);
    checkReach(url, reachOf(ip, settings), settings.insecure);
    const isGroup = isMulticast(ip);
    const opened = await boundSocket(ip, asked.port, ip, isGroup);
    if (isGroup) joined(opened, ip, settings);
    return opened;
  });
  const role = isMulticast(socket.address().address) ? "multicastListener" : "server";
  const socketBuffers = sizedBuffers(socket, url, settings);
  const endpoint = new UdpEndpoint(socket, role, settings, socketBuffers, onLink);
  const shown = shownHostAndPort({ host: asked.host, port: socket.address().port });
  const close = async (): Promise<void> => endpoint.close();
  return {
    address: `udp://${shown}`,
    socketBuffers,
    stats: () => endpoint.stats(),
    close,
    [Symbol.asyncDispose]: close,
  };
}

async function connectUdp(address: string, options: UdpOptions): Promise<UdpLink> {
  const settings = udpSettings(options);
  const { host, port } = hostAndPortOf("udp", address);
  const url = `udp://${address}`;
  if (port === 0) throw new AlphaPulseError("BAD_ADDRESS", `${url}: nobody listens at port 0`);
  try {
    const ip = await ipOf(host, settings.connectTimeoutMs);
    checkReach(url, reachOf(ip, settings), settings.insecure);
    return await connected(url, { host: ip, port }, settings);
  } catch (error) {
    throw error instanceof AlphaPulseError ? error : failure("CONNECT_FAILED", url, error);
  }
}

async function connected(url: string, { host, port }: HostAndPort, settings: UdpSettings): Promise<UdpLink> {
  const isGroup = isMulticast(host);
  const socket = await boundSocket(host, 0);
  try {
    if (isGroup) {
      socket.setMulticastTTL(settings.ttl);
      socket.setMulticastLoopback(settings.loopback);
      if (settings.interface !== undefined) socket.setMulticastInterface(settings.interface);
    }
    const isConnected = once(socket, "connect");
    socket.connect(port, host);
    await isConnected;
  } catch (error) {
    socket.close();
    throw error;
  }
  const link = new UdpLink({
    peer: url,
    role: isGroup ? "multicastSender" : "client",
    settings,
    socketBuffers: sizedBuffers(socket, url, settings),
    now: () => performance.now(),
    transmit: (bytes, offset, byteLength, done) => socket.send(bytes, offset, byteLength, done),
    release: () => socket.close(),
  });
  socket.on("message", (datagram) => link.receive(datagram));
  socket.on("error", (error) => link.failed(error));
  return link;
}

/** Where what is sent to an address goes: of a group, by its interface. */
function reachOf(ip: string, settings: UdpSettings): string {
  return isMulticast(ip) ? (settings.interface ?? ip) : ip;
}

function joined(socket: Socket, group: string, settings: UdpSettings): void {
  try {
    socket.addMembership(group, settings.interface);
  } catch (error) {
    socket.close();
    throw error;
  }
}

async function asListening(url: string, open: () => Promise<Socket>): Promise<Socket> {
  try {
    return await open();
  } catch (error) {
    if (error instanceof AlphaPulseError) throw error;
    if ((error as NodeJS.ErrnoException).code !== "EADDRINUSE") throw failure("LISTEN_FAILED", url, error);
    throw new AlphaPulseError("ADDRESS_IN_USE", `${url}: somebody listens there: choose another port`, {
      cause: error,
    });
  }
}

function failure(code: string, url: string, error: unknown): AlphaPulseError {
  return new AlphaPulseError(code, `${url}: ${(error as Error).message}`, { cause: error });
}
