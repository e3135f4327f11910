import type { RemoteInfo, Socket } from "node:dgram";
import { beginsFragment, FRAGMENT_HEADER_BYTES } from "../protocol/fragments.js";
import { checkHeader, HEADER_BYTES } from "../protocol/header.js";
import type { ReassemblyBudget } from "../protocol/reassembler.js";
import { shownHostAndPort } from "./loopback.js";
import type { Link, Listener } from "./transport.js";
import { UdpLink, type UdpRole } from "./udp-link.js";
import type { UdpSettings } from "./udp-options.js";
import { UdpPlaces } from "./udp-places.js";
import type { SocketBuffers } from "./udp-socket.js";

/** What a listener of datagrams has counted. */
export interface UdpListenerStats {
  /** Links that are there. */
  readonly links: number;
  /** Of these, those whose address has shown that it is real. */
  readonly confirmed: number;
  /** Links that were made. */
  readonly accepted: number;
  /** Datagrams of addresses without a link that are no message. */
  readonly strays: number;
  /** Datagrams that got no link because there were `linksMax`, or `linksPerPeerMax` of their host, all of them confirmed. */
  readonly refused: number;
  /** Links that gave way to a new one: the unconfirmed one that was silent longest. */
  readonly displaced: number;
  /** Links that were let go because they were silent for `idleMs`. */
  readonly idled: number;
}

/** A listener of datagrams: what a `Listener` is, and what it knows of its socket. */
export interface UdpListener extends Listener {
  readonly socketBuffers: SocketBuffers;
  stats(): UdpListenerStats;
}

/** One socket, and a link for each address that sends to it. */
export class UdpEndpoint {
  readonly #socket: Socket;
  readonly #settings: UdpSettings;
  readonly #role: UdpRole;
  readonly #buffers: SocketBuffers;
  readonly #onLink: (link: Link) => void;
  readonly #links = new Map<string, UdpLink>();
  readonly #places: UdpPlaces;
  /** Memory for pieces that all share who have not shown that they are real: as much as one that is. */
  readonly #budget: ReassemblyBudget;
  readonly #sweep: NodeJS.Timeout;
  readonly #counts = { accepted: 0, strays: 0, refused: 0, displaced: 0, idled: 0 };
  #isAccepting = true;
  #lastKey = "";
  #lastLink: UdpLink | undefined;

  constructor(
    socket: Socket,
    role: UdpRole,
    settings: UdpSettings,
    buffers: SocketBuffers,
    onLink: (link: Link) => void,
  ) {
    this.#socket = socket;
    this.#role = role;
    this.#settings = settings;
    this.#buffers = buffers;
    this.#onLink = onLink;
    this.#places = new UdpPlaces(settings);
    this.#budget = { bytesLeft: 2 * (HEADER_BYTES + settings.payloadBytesMax) };
    this.#sweep = setInterval(() => this.#letIdleGo(), Math.max(1, settings.idleMs / 4)).unref();
    socket.on("message", (datagram, from) => this.#receive(datagram, from));
    socket.on("error", (error) => {
      for (const link of this.#links.values()) link.failed(error);
    });
  }

  stats(): UdpListenerStats {
    const { linkCount: links, confirmedCount: confirmed } = this.#places;
    return { links, confirmed, ...this.#counts };
  }

  /** Makes no more links; the socket stays until the last one has ended. */
  close(): void {
    if (!this.#isAccepting) return;
    this.#isAccepting = false;
    this.#closeUnused();
  }

  #receive(datagram: Buffer, from: RemoteInfo): void {
    const key = `${from.address} ${from.port}`;
    const link = key === this.#lastKey ? this.#lastLink : (this.#links.get(key) ?? this.#open(key, datagram, from));
    if (link === undefined) return;
    this.#lastKey = key;
    this.#lastLink = link;
    this.#places.heard(from.address, link);
    link.receive(datagram);
  }

  /** Whoever sends no message gets no link: garbage costs nothing but a look. */
  #open(key: string, datagram: Buffer, from: RemoteInfo): UdpLink | undefined {
    if (!this.#isAccepting) return undefined;
    if (!this.#opensLink(datagram)) {
      this.#counts.strays++;
      return undefined;
    }
    const { address, port } = from;
    const inTheWay = this.#places.inTheWay(address);
    if (inTheWay === "full") {
      this.#counts.refused++;
      return undefined;
    }
    if (inTheWay !== undefined) {
      this.#counts.displaced++;
      inTheWay.letGo();
    }
    const link: UdpLink = new UdpLink({
      peer: `udp://${shownHostAndPort({ host: address, port })}`,
      role: this.#role,
      settings: this.#settings,
      socketBuffers: this.#buffers,
      now: () => performance.now(),
      transmit: (bytes, offset, byteLength, done) => this.#socket.send(bytes, offset, byteLength, port, address, done),
      release: () => this.#release(key, address, link),
      onConfirmed: () => this.#places.confirm(address, link),
      budget: this.#budget,
    });
    this.#links.set(key, link);
    this.#places.take(address, link);
    this.#counts.accepted++;
    this.#onLink(link);
    return this.#links.get(key) === link ? link : undefined; // it may have been refused
  }

  #opensLink({ buffer, byteOffset, byteLength }: Buffer): boolean {
    const view = new DataView(buffer, byteOffset, byteLength);
    const isPiece = beginsFragment(view, 0, byteLength);
    const offset = isPiece ? FRAGMENT_HEADER_BYTES : 0;
    try {
      const messageBytes = checkHeader(view, offset, byteLength - offset, this.#settings.payloadBytesMax);
      return isPiece || messageBytes <= byteLength;
    } catch {
      return false;
    }
  }

  #letIdleGo(): void {
    const sinceMs = performance.now() - this.#settings.idleMs;
    for (const link of this.#links.values()) {
      if (link.heardAtMs > sinceMs) continue;
      this.#counts.idled++;
      link.letGo();
    }
  }

  #release(key: string, address: string, link: UdpLink): void {
    if (this.#links.get(key) === link) this.#links.delete(key);
    this.#places.giveBack(address, link);
    if (this.#lastLink === link) {
      this.#lastKey = "";
      this.#lastLink = undefined;
    }
    this.#closeUnused();
  }

  #closeUnused(): void {
    if (this.#isAccepting || this.#links.size > 0) return;
    clearInterval(this.#sweep);
    this.#socket.close();
  }
}
