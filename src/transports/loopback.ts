import { isIPv4, isIPv6 } from "node:net";
import { AlphaPulseError } from "../protocol/errors.js";

/** Where a socket is: an IP address or a name, and a port. */
export interface HostAndPort {
  readonly host: string;
  readonly port: number;
}

/** Reads `host:port`; an IPv6 address stands in brackets. Port 0 is any that is free. @throws AlphaPulseError BAD_ADDRESS */
export function hostAndPortOf(scheme: string, address: string): HostAndPort {
  const [, v6, plain, digits] = /^(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9._-]+)):(\d{1,5})$/.exec(address) ?? [];
  const host = v6 ?? plain;
  const port = Number(digits);
  const isAddress = host !== undefined && (v6 === undefined ? !/^[\d.]+$/.test(host) || isIPv4(host) : isIPv6(v6));
  if (isAddress && port <= 65_535) return { host, port };
  throw new AlphaPulseError(
    "BAD_ADDRESS",
    `${scheme}://${address} is no address: use a host and a port, such as ${scheme}://127.0.0.1:7001 or ${scheme}://[::1]:7001`,
  );
}

/** As in a URL: `127.0.0.1:7001`, `[::1]:7001`. */
export function shownHostAndPort({ host, port }: HostAndPort): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Whether what is sent to this IP address stays on this machine. */
export function isLoopback(ip: string): boolean {
  const v4 = ip.replace(/^::ffff:/i, "");
  return isIPv4(v4) ? v4.startsWith("127.") : isIPv6(ip) && /^(0{0,4}:){2,7}0{0,3}1$/.test(ip);
}

/**
 * Refuses to leave this machine without encryption unless that was asked for.
 * @throws AlphaPulseError INSECURE
 */
export function checkReach(url: string, ip: string, insecure: boolean | undefined): void {
  if (insecure === true || isLoopback(ip)) return;
  throw new AlphaPulseError(
    "INSECURE",
    `${url} leaves this machine, where all can read and change what passes: say insecure: true to do so nevertheless`,
  );
}
