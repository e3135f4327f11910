import { AlphaPulseError } from "../protocol/errors.js";
import type { Publish, Publisher, SendResult } from "../protocol/publisher.js";
import type { AnyTLV, CountsFor, FlyweightOf } from "../protocol/schema/tlv.js";
import type { Connection } from "../session/connection.js";
import { Balancer } from "./balancer.js";
import { type Endpoints, type KnownEndpoint, Lookup } from "./endpoints.js";
import { Member } from "./member.js";
import { checkedOptions, type PoolEvent, type PoolOptions, type PoolStats } from "./pool-options.js";

type Send = (connection: Connection) => SendResult;

/**
 * Connections to several relays, over which one program publishes. Each message goes to one of them. An endpoint that
 * fails is left out and tried again; what is found anew joins, what is found no more is drained.
 */
export class Pool implements Publisher, AsyncDisposable {
  readonly publish: Publish;
  readonly #options: ReturnType<typeof checkedOptions>;
  readonly #lookup: Lookup;
  readonly #balancer: Balancer;
  readonly #closing = new AbortController();
  /** The preferred ones first. */
  #members: Member[] = [];
  /** Endpoints that are no longer there, until they are drained. */
  readonly #leaving = new Set<Member>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #refreshTimer: ReturnType<typeof setTimeout> | undefined;
  #lookupsFailed = 0;
  #drained: Promise<boolean> | undefined;
  /** What waits for a connection. */
  #waiters: (() => void)[] = [];
  /** Where the claimed message stands, and its TLVs with their flyweights in turn. */
  #claimedAt: Connection | undefined;
  readonly #claimed: unknown[] = [];
  #latest: Connection | undefined;

  private constructor(endpoints: Endpoints, options: PoolOptions) {
    this.#options = checkedOptions(options);
    const { balance, failBack, endpointsMax, lookupMs, refreshMs } = this.#options;
    this.#lookup = new Lookup(endpoints, endpointsMax, lookupMs, refreshMs);
    this.#balancer = new Balancer(balance, failBack);
    this.publish = ((...parts: unknown[]) => this.#publish(parts)) as Publish;
  }

  /**
   * Looks for endpoints, and resolves when the first is connected.
   *
   * @throws AlphaPulseError BAD_OPTION, LOOKUP_FAILED, BAD_ENDPOINTS, or NO_ENDPOINT where none of them can be connected to
   */
  static async open(endpoints: Endpoints, options: PoolOptions = {}): Promise<Pool> {
    const pool = new Pool(endpoints, options);
    pool.#take(await pool.#lookup.endpoints(pool.#closing.signal, true));
    pool.#scheduleRefresh();
    while (pool.#members.every(({ connection }) => connection === undefined)) {
      const failed = pool.#members.map((member) => member.stats());
      if (failed.every(({ failures }) => failures > 0)) {
        void pool.drain();
        const said = failed.map(({ error }) => error?.message).join("; ");
        throw new AlphaPulseError("NO_ENDPOINT", `no endpoint can be connected to: ${said}`, {
          cause: failed[0]?.error,
        });
      }
      await pool.#changed();
    }
    return pool;
  }

  /** What it has done so far. */
  stats(): PoolStats {
    const endpoints = [...this.#members, ...this.#leaving].map((member) => member.stats());
    return {
      connected: endpoints.filter(({ state }) => state === "connected").length,
      published: endpoints.reduce((sum, { published }) => sum + published, 0),
      lookupsFailed: this.#lookupsFailed,
      endpoints,
    };
  }

  claim<T extends AnyTLV>(tlv: T, counts?: CountsFor<T>): FlyweightOf<T> {
    this.#dropClaim();
    // Where nobody is there, it is built at the last one, which does not send it.
    const connection = this.#balancer.pick(this.#members)?.connection ?? (this.#latest as Connection);
    const flyweight = connection.claim(tlv, counts);
    this.#claimedAt = connection;
    this.#claimed.push(tlv, flyweight);
    return flyweight;
  }

  append<T extends AnyTLV>(tlv: T, counts?: CountsFor<T>): FlyweightOf<T> {
    const connection = this.#claimedAt;
    if (connection === undefined) throw new AlphaPulseError("NOTHING_CLAIMED", "append: claim a message first");
    this.#claimedAt = undefined; // what throws drops the message
    const flyweight = connection.append(tlv, counts);
    this.#claimedAt = connection;
    this.#claimed.push(tlv, flyweight);
    return flyweight;
  }

  commit(): SendResult {
    const claimedAt = this.#claimedAt;
    if (claimedAt === undefined) throw new AlphaPulseError("NOTHING_CLAIMED", "commit: claim a message first");
    const builtThere = this.#members.find(({ connection }) => connection === claimedAt);
    const first = builtThere ?? this.#balancer.pick(this.#members);
    const send: Send = (connection) =>
      connection === claimedAt ? connection.commit() : publishOver(connection, this.#claimedParts());
    const result = this.#offer(first, send);
    if (result === "sent") this.#dropClaim();
    return result;
  }

  /** Resolves when there may be room again: where a message was refused, where nobody was there, or the pool is closed. */
  async ready(): Promise<void> {
    while (this.#drained === undefined) {
      const first = this.#balancer.pick(this.#members);
      if (first !== undefined) {
        const { priority } = first.endpoint;
        const asked = this.#balancer.keepsOrder
          ? [first]
          : this.#members.filter(({ endpoint }) => endpoint.priority === priority);
        await Promise.race(asked.flatMap(({ connection }) => (connection === undefined ? [] : [connection.ready()])));
        return;
      }
      await this.#changed();
    }
  }

  /** Resolves when the relays that are connected have taken all that was published to them. @throws AlphaPulseError TIMEOUT or DISCONNECTED */
  async flush(): Promise<void> {
    await Promise.all(this.#members.map(({ connection }) => connection?.flush()));
  }

  /**
   * Takes no more, waits until all that was published has been taken by the relays, for `drainMs` at most, and closes.
   * @returns whether all relays confirmed all; which did not is told to `onEvent`
   */
  drain(): Promise<boolean> {
    this.#drained ??= this.#drainAll();
    return this.#drained;
  }

  /** As {@link Pool.drain}: for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.drain();
  }

  #publish(parts: unknown[]): SendResult {
    this.#dropClaim();
    return this.#offer(this.#balancer.pick(this.#members), (connection) => publishOver(connection, parts));
  }

  #dropClaim(): void {
    this.#claimedAt = undefined;
    this.#claimed.length = 0;
  }

  /** The claimed message as objects: what another connection can build it of. */
  #claimedParts(): unknown[] {
    return this.#claimed.map((part, n) => (n % 2 === 0 ? part : (part as { toObject(): unknown }).toObject()));
  }

  /** To the one that was chosen, then to each other that may take it. */
  #offer(first: Member | undefined, send: Send): SendResult {
    if (this.#drained !== undefined) return "closed";
    if (first === undefined) return "notConnected";
    const answer = this.#ask(first, send);
    if (answer === "sent" || answer === "tooLarge") return answer;
    let isFull = answer === "backPressured";
    let { priority } = first.endpoint;
    for (const member of this.#members) {
      if (isFull && this.#balancer.keepsOrder) break;
      if (member === first || (isFull && member.endpoint.priority > priority)) continue;
      const result = this.#ask(member, send);
      if (result === "sent") return "sent";
      if (result !== "backPressured") continue;
      isFull = true;
      priority = member.endpoint.priority;
    }
    return isFull ? "backPressured" : "notConnected";
  }

  #ask(member: Member, send: Send): SendResult {
    if (member.connection === undefined) return "notConnected";
    const result = send(member.connection);
    if (result !== "sent") member.refused++;
    return result;
  }

  /** The endpoints that there are now. */
  #take(found: readonly KnownEndpoint[]): void {
    const known = new Map(this.#members.map((member) => [member.endpoint.key, member]));
    const { connect, breaker, healthyMs, nowMs } = this.#options;
    const host = {
      connected: (member: Member) => this.#connected(member),
      failed: (member: Member, error: AlphaPulseError) => this.#failed(member, error),
    };
    this.#members = found.map((endpoint) => {
      const member = known.get(endpoint.key) ?? new Member(endpoint, { connect, breaker, healthyMs, nowMs }, host);
      if (!known.delete(endpoint.key)) this.#tell({ what: "joined", endpoint: endpoint.key });
      member.endpoint = endpoint;
      return member;
    });
    this.#members.sort((a, b) => a.endpoint.priority - b.endpoint.priority);
    for (const member of known.values()) {
      this.#tell({ what: "removed", endpoint: member.endpoint.key });
      this.#leaving.add(member);
      void this.#drainOne(member, true).then(() => this.#leaving.delete(member));
    }
    this.#tend();
  }

  /** Connects to those that are preferred and may be tried, lets go of those that are too many, and looks again in time. */
  #tend(): void {
    if (this.#drained !== undefined) return;
    const { size, failBack } = this.#options;
    const connectedCount = this.#members.filter(({ connection }) => connection !== undefined).length;
    let held = failBack ? 0 : connectedCount;
    let connectedBefore = 0;
    let waitMs = Number.POSITIVE_INFINITY;
    for (const member of this.#members) {
      if (member.connection !== undefined) {
        if (failBack) held++;
        if (++connectedBefore > size) void this.#drainOne(member, false);
      } else if (held < size) {
        member.tryConnect();
        if (member.isConnecting) held++;
        else if (member.retryMs > 0) waitMs = Math.min(waitMs, member.retryMs);
      }
    }
    clearTimeout(this.#timer);
    if (waitMs < Number.POSITIVE_INFINITY) this.#timer = setTimeout(() => this.#tend(), Math.ceil(waitMs)).unref();
  }

  #connected(member: Member): void {
    this.#latest = member.connection;
    this.#tell({ what: "connected", endpoint: member.endpoint.key });
    this.#tend();
    this.#wake();
  }

  #failed(member: Member, error: AlphaPulseError): void {
    this.#tell({ what: "failed", endpoint: member.endpoint.key, error });
    this.#tend();
    this.#wake();
  }

  async #refresh(): Promise<void> {
    try {
      const found = await this.#lookup.endpoints(this.#closing.signal, false);
      if (this.#drained === undefined) this.#take(found);
    } catch (error) {
      if (this.#drained !== undefined) return;
      this.#lookupsFailed++;
      this.#tell({ what: "lookupFailed", error: error as AlphaPulseError });
    }
    this.#scheduleRefresh();
  }

  #scheduleRefresh(): void {
    const { refreshMs } = this.#lookup;
    if (refreshMs === undefined || this.#drained !== undefined) return;
    this.#refreshTimer = setTimeout(() => void this.#refresh(), refreshMs).unref();
  }

  async #drainAll(): Promise<boolean> {
    this.#closing.abort();
    clearTimeout(this.#timer);
    clearTimeout(this.#refreshTimer);
    this.#dropClaim();
    queueMicrotask(() => this.#wake()); // whoever waits sees that it is closed
    const all = await Promise.all([...this.#members, ...this.#leaving].map((member) => this.#drainOne(member, true)));
    return all.every((isFlushed) => isFlushed);
  }

  async #drainOne(member: Member, isGone: boolean): Promise<boolean> {
    const isFlushed = await member.drain(this.#options.drainMs, isGone);
    if (!isFlushed) this.#tell({ what: "unflushed", endpoint: member.endpoint.key });
    return isFlushed;
  }

  /** What a listener throws is the program's own: no endpoint fails by it, and it is not silent. */
  #tell(event: PoolEvent): void {
    try {
      this.#options.onEvent(event);
    } catch (error) {
      queueMicrotask(() => {
        throw error;
      });
    }
  }

  /** Resolves when a connection came or went. */
  #changed(): Promise<void> {
    return new Promise((resolve) => this.#waiters.push(resolve));
  }

  #wake(): void {
    for (const resolve of this.#waiters.splice(0)) resolve();
  }
}

function publishOver(connection: Connection, parts: unknown[]): SendResult {
  return (connection.publish as (...parts: unknown[]) => SendResult)(...parts);
}
