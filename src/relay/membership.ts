import type { Member } from "./member.js";

/** The members of a relay, within its limits. */
export class Membership implements Iterable<Member> {
  readonly #members = new Set<Member>();
  readonly #countByHost = new Map<string, number>();
  readonly #membersMax: number;
  readonly #membersPerPeerMax: number;

  constructor(membersMax: number, membersPerPeerMax: number) {
    this.#membersMax = membersMax;
    this.#membersPerPeerMax = membersPerPeerMax;
  }

  [Symbol.iterator](): Iterator<Member> {
    return this.#members[Symbol.iterator]();
  }

  /** Adds one, where there is room. @returns why there is none */
  add(member: Member): string | undefined {
    if (this.#members.size >= this.#membersMax) return `the relay has its ${this.#membersMax} members`;
    const host = hostOf(member.link.peer);
    if (host !== undefined) {
      const count = this.#countByHost.get(host) ?? 0;
      if (count >= this.#membersPerPeerMax) return `the relay has its ${this.#membersPerPeerMax} members from ${host}`;
      this.#countByHost.set(host, count + 1);
    }
    this.#members.add(member);
    member.isAdmitted = true;
    return undefined;
  }

  /** @returns whether it was there */
  delete(member: Member): boolean {
    if (!this.#members.delete(member)) return false;
    member.isAdmitted = false;
    const host = hostOf(member.link.peer);
    if (host === undefined) return true;
    const count = (this.#countByHost.get(host) as number) - 1;
    if (count === 0) this.#countByHost.delete(host);
    else this.#countByHost.set(host, count);
    return true;
  }
}

/** The host of a peer, where its address has one and a port: `127.0.0.1` of `tcp://127.0.0.1:7001`. */
export function hostOf(peer: string): string | undefined {
  return /^\w+:\/\/(\[[^\]]+\]|[^/:]+):\d+$/.exec(peer)?.[1];
}
