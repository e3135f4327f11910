import type { Member } from "./member.js";
import type { Balance } from "./pool-options.js";

/** Chooses among the members that are connected, of the best priority that there is. Allocates nothing but what it asks for. */
export class Balancer {
  readonly #balance: Balance;
  readonly #failsBack: boolean;
  /** Whom failover stays with. */
  #current: Member | undefined;
  #turn = 0;

  constructor(balance: Balance, failsBack: boolean) {
    this.#balance = balance;
    this.#failsBack = failsBack;
  }

  /** Whether a member that has no room is stayed with, so that the order is kept. */
  get keepsOrder(): boolean {
    return this.#balance === "failover";
  }

  /** @param members the preferred ones first */
  pick(members: readonly Member[]): Member | undefined {
    const first = members.find(({ connection }) => connection !== undefined);
    if (first === undefined) return undefined;
    if (this.#balance === "failover") return this.#pickFailover(members, first);
    const { priority } = first.endpoint;
    return this.#balance === "roundRobin" ? pickByWeight(members, priority) : this.#pickLeast(members, priority);
  }

  #pickFailover(members: readonly Member[], first: Member): Member {
    const current = this.#current;
    const stays = !this.#failsBack && current?.connection !== undefined && members.includes(current);
    this.#current = stays ? current : first;
    return this.#current as Member;
  }

  /** Each time from another one on, so that idle ones are given as much. */
  #pickLeast(members: readonly Member[], priority: number): Member | undefined {
    let least: Member | undefined;
    let leastBytes = Number.POSITIVE_INFINITY;
    this.#turn = (this.#turn + 1) % members.length;
    for (let n = 0; n < members.length; n++) {
      const member = members[(this.#turn + n) % members.length] as Member;
      if (member.connection === undefined || member.endpoint.priority !== priority) continue;
      const { pendingBytes } = member.connection.stats();
      if (pendingBytes >= leastBytes) continue;
      least = member;
      leastBytes = pendingBytes;
    }
    return least;
  }
}

/** Smooth weighted round robin: whoever has waited for the most, by weight, is next; none gets its share in one go. */
function pickByWeight(members: readonly Member[], priority: number): Member | undefined {
  let best: Member | undefined;
  let total = 0;
  for (const member of members) {
    const { priority: own, weight } = member.endpoint;
    if (member.connection === undefined || own !== priority) continue;
    total += weight;
    member.turn += weight;
    if (best === undefined || member.turn > best.turn) best = member;
  }
  if (best !== undefined) best.turn -= total;
  return best;
}
