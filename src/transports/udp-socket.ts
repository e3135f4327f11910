import { createSocket, type Socket } from "node:dgram";
import { lookup } from "node:dns/promises";
import { once } from "node:events";
import { isIP, isIPv6 } from "node:net";
import { AlphaPulseError } from "../protocol/errors.js";
import type { UdpSettings } from "./udp-options.js";

/** What the kernel holds for a socket, as it says itself, in bytes. */
export interface SocketBuffers {
  readonly receiveBytes: number;
  readonly sendBytes: number;
}

/** Linux gives twice what it was asked for, for what it notes beside the bytes, and says so. */
const KERNEL_FACTOR = process.platform === "linux" ? 2 : 1;
let isWarned = false;

/** The IP address of a host. @throws AlphaPulseError CONNECT_TIMEOUT where its name is not found in time, or the system's error */
export async function ipOf(host: string, timeoutMs: number): Promise<string> {
  if (isIP(host) !== 0) return host;
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_, reject) => {
    const error = new AlphaPulseError("CONNECT_TIMEOUT", `the address of ${host} was not found within ${timeoutMs} ms`);
    timer = setTimeout(reject, timeoutMs, error);
  });
  try {
    return (await Promise.race([lookup(host), timeout])).address;
  } finally {
    clearTimeout(timer);
  }
}

/** Whether an IP address is a multicast group. */
export function isMulticast(ip: string): boolean {
  if (isIPv6(ip)) return /^ff/i.test(ip);
  const first = Number(ip.slice(0, ip.indexOf(".")));
  return first >= 224 && first < 240;
}

/** A socket that is bound. @param ip undefined: wherever the system chooses @throws the system's error */
export async function boundSocket(family: string, port: number, ip?: string, reuseAddr = false): Promise<Socket> {
  const socket = createSocket({
    type: isIPv6(family) ? "udp6" : "udp4",
    reuseAddr,
    // All addresses are looked up before: a datagram waits for nothing.
    lookup: (host, _options, callback) => callback(null, host, isIP(host)),
  });
  try {
    const listening = once(socket, "listening"); // it may be told within bind
    socket.bind({ port, exclusive: true, ...(ip === undefined ? {} : { address: ip }) });
    await listening;
    return socket;
  } catch (error) {
    socket.close();
    throw error;
  }
}

/** Asks for buffers, reads what was given, and warns where that is less. */
export function sizedBuffers(socket: Socket, url: string, settings: UdpSettings): SocketBuffers {
  const { receiveBufferBytes, sendBufferBytes } = settings;
  const receiveBytes = sized(
    () => socket.setRecvBufferSize(receiveBufferBytes),
    () => socket.getRecvBufferSize(),
  );
  const sendBytes = sized(
    () => socket.setSendBufferSize(sendBufferBytes),
    () => socket.getSendBufferSize(),
  );
  if (receiveBytes < receiveBufferBytes || sendBytes < sendBufferBytes) {
    warn(
      `${url}: the kernel gave buffers of ${receiveBytes} bytes to receive and ${sendBytes} to send, not ${receiveBufferBytes} and ` +
        `${sendBufferBytes}: datagrams are lost sooner; raise net.core.rmem_max and net.core.wmem_max, or ask for less`,
      settings,
    );
  }
  return { receiveBytes, sendBytes };
}

function sized(ask: () => void, read: () => number): number {
  try {
    ask();
  } catch {
    // some systems refuse what is too much, and keep what they had
  }
  return read() / KERNEL_FACTOR;
}

function warn(text: string, { onWarning }: UdpSettings): void {
  if (onWarning !== undefined) onWarning(new AlphaPulseError("SOCKET_BUFFER_CUT", text));
  else if (!isWarned) {
    isWarned = true;
    process.emitWarning(text, { type: "AlphaPulseWarning", code: "SOCKET_BUFFER_CUT" });
  }
}
