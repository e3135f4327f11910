import type { Socket } from "node:net";
import type { StreamLimits } from "./stream-options.js";

/** The places of a listener: so many links, and so many of one peer. A link gives its place back when its socket closes. */
export class LinkPlaces {
  readonly #limits: StreamLimits;
  readonly #onRefused: ((peer: string, count: number) => void) | undefined;
  readonly #takenBy = new Map<string, number>();
  #taken = 0;
  #refused = 0;

  /** @param onRefused told who found no place, and how many have found none so far */
  constructor(limits: StreamLimits, onRefused: ((peer: string, count: number) => void) | undefined) {
    this.#limits = limits;
    this.#onRefused = onRefused;
  }

  /** Gives a socket its place, or closes it where there is none. @returns whether there was one */
  take(socket: Socket, peer: string): boolean {
    const { linksMax, linksPerPeerMax } = this.#limits;
    const ofPeer = this.#takenBy.get(peer) ?? 0;
    if (this.#taken >= linksMax || ofPeer >= linksPerPeerMax) {
      socket.on("error", () => {}); // it is closed anyway
      socket.destroy();
      this.#onRefused?.(peer, ++this.#refused);
      return false;
    }
    this.#taken++;
    this.#takenBy.set(peer, ofPeer + 1);
    socket.once("close", () => this.#giveBack(peer));
    return true;
  }

  #giveBack(peer: string): void {
    this.#taken--;
    const left = (this.#takenBy.get(peer) ?? 1) - 1;
    if (left === 0) this.#takenBy.delete(peer);
    else this.#takenBy.set(peer, left);
  }
}
