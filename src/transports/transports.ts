import { AlphaPulseError } from "../protocol/errors.js";
import type { Address, LinkOptions, Transport as TransportInterface } from "./transport.js";

/** A way to move messages: an interface, and {@link Transport.of}, which finds the one that serves an address. */
export type Transport = TransportInterface;

/** The transports that need nothing but Node, by scheme. Each is loaded when it is first used. */
const TRANSPORTS: Readonly<Record<string, () => Promise<Transport>>> = {
  tcp: async () => (await import("./tcp.js")).tcpTransport,
  unix: async () => (await import("./unix.js")).unixTransport,
  udp: async () => (await import("./udp.js")).udpTransport,
  ring: async () => (await import("./ring.js")).ringTransport,
  shm: async () => (await import("./shm.js")).shmTransport,
};

/** An address taken apart: who is responsible, and what it is told. */
export interface Resolved {
  readonly transport: Transport;
  readonly address: string;
  readonly options: LinkOptions;
}

async function resolve(address: Address): Promise<Resolved> {
  if (typeof address === "string") {
    const [, scheme = "", rest = ""] = /^([a-z][a-z0-9+]*):\/\/(.*)$/s.exec(address) ?? [];
    const load = Object.hasOwn(TRANSPORTS, scheme) ? TRANSPORTS[scheme] : undefined;
    if (load === undefined || rest === "") throw badAddress(address);
    return { transport: await load(), address: decoded(rest), options: {} };
  }
  if (typeof address !== "object" || address === null) throw badAddress(String(address));
  for (const [scheme, load] of Object.entries(TRANSPORTS)) {
    const value = (address as unknown as Readonly<Record<string, unknown>>)[scheme];
    if (typeof value === "string" && value !== "") return { transport: await load(), address: value, options: address };
  }
  throw badAddress(`an object of ${Object.keys(address).join(", ") || "nothing"}`);
}

/** Finds transports by their addresses. */
export const Transport = {
  /** The transport of a URL or an options object, loaded. @throws AlphaPulseError BAD_ADDRESS */
  of: resolve,
} as const;

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw badAddress(text);
  }
}

function badAddress(shown: string): AlphaPulseError {
  const known = Object.keys(TRANSPORTS)
    .map((scheme) => `${scheme}://`)
    .join(" or ");
  return new AlphaPulseError(
    "BAD_ADDRESS",
    `${shown} is no address: use ${known} and a path or name, such as unix:///run/market.sock`,
  );
}
