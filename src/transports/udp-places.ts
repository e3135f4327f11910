import type { UdpLink } from "./udp-link.js";

/** What one host has of a listener's places. */
interface Host {
  linkCount: number;
  /** Those that have not shown that they are real, silent longest first. */
  readonly unconfirmed: Set<UdpLink>;
}

/**
 * The places of a listener of datagrams: so many links, and so many of one host. Who has not shown that it is real gives
 * way to one that comes: anybody can write any address on a datagram.
 */
export class UdpPlaces {
  readonly #linksMax: number;
  readonly #linksPerPeerMax: number;
  readonly #hosts = new Map<string, Host>();
  /** As of a host, of all of them. */
  readonly #unconfirmed = new Set<UdpLink>();
  #linkCount = 0;

  constructor({ linksMax, linksPerPeerMax }: { readonly linksMax: number; readonly linksPerPeerMax: number }) {
    this.#linksMax = linksMax;
    this.#linksPerPeerMax = linksPerPeerMax;
  }

  get linkCount(): number {
    return this.#linkCount;
  }

  get confirmedCount(): number {
    return this.#linkCount - this.#unconfirmed.size;
  }

  /** Who is in the way of one more link of a host: nobody, a link that may have to go, or those that may not. */
  inTheWay(address: string): UdpLink | "full" | undefined {
    const host = this.#hosts.get(address);
    if (host !== undefined && host.linkCount >= this.#linksPerPeerMax) return first(host.unconfirmed) ?? "full";
    if (this.#linkCount >= this.#linksMax) return first(this.#unconfirmed) ?? "full";
    return undefined;
  }

  take(address: string, link: UdpLink): void {
    const host = this.#hosts.get(address) ?? { linkCount: 0, unconfirmed: new Set() };
    this.#hosts.set(address, host);
    host.linkCount++;
    this.#linkCount++;
    host.unconfirmed.add(link);
    this.#unconfirmed.add(link);
  }

  /** A datagram of it came. */
  heard(address: string, link: UdpLink): void {
    if (!this.#unconfirmed.delete(link)) return;
    this.#unconfirmed.add(link); // now it was silent shortest
    const unconfirmed = this.#hosts.get(address)?.unconfirmed;
    unconfirmed?.delete(link);
    unconfirmed?.add(link);
  }

  /** It has shown that it is real. */
  confirm(address: string, link: UdpLink): void {
    this.#unconfirmed.delete(link);
    this.#hosts.get(address)?.unconfirmed.delete(link);
  }

  /** Of a link that took one. */
  giveBack(address: string, link: UdpLink): void {
    this.confirm(address, link);
    this.#linkCount--;
    const host = this.#hosts.get(address);
    if (host !== undefined && --host.linkCount === 0) this.#hosts.delete(address);
  }
}

function first(links: Set<UdpLink>): UdpLink | undefined {
  const [link] = links;
  return link;
}
