import { CircuitBreaker, type CircuitBreakerOptions, type Permit } from "../guards/circuit-breaker.js";
import { AlphaPulseError } from "../protocol/errors.js";
import { connect } from "../session/connect.js";
import type { Connection } from "../session/connection.js";
import type { ConnectOptions } from "../session/options.js";
import type { KnownEndpoint } from "./endpoints.js";

/** What a pool knows of one endpoint. */
export interface EndpointStats {
  /** Its address, as text. */
  readonly endpoint: string;
  readonly state: "connected" | "connecting" | "waiting" | "draining";
  readonly priority: number;
  readonly weight: number;
  /** Messages that it took, over all its connections. */
  readonly published: number;
  /** Messages that it did not take when it was asked. */
  readonly refused: number;
  /** Connections that were made, and attempts and connections that failed. */
  readonly connects: number;
  readonly failures: number;
  /** Bytes that wait to leave. */
  readonly pendingBytes: number;
  /** In how many ms it is tried again; 0 where it is not waiting. */
  readonly retryMs: number;
  /** The last failure. */
  readonly error: AlphaPulseError | undefined;
}

/** Who is told what becomes of an endpoint. */
export interface MemberHost {
  connected(member: Member): void;
  failed(member: Member, error: AlphaPulseError): void;
}

/** How endpoints are connected to. */
export interface MemberOptions {
  readonly connect: ConnectOptions;
  readonly breaker: CircuitBreakerOptions;
  /** A connection that lived for this long makes its endpoint a healthy one. */
  readonly healthyMs: number;
  readonly nowMs: () => number;
}

/** One endpoint: its connection while there is one, and when to try again while there is none. */
export class Member {
  endpoint: KnownEndpoint;
  /** Present while it can be published over. */
  connection: Connection | undefined;
  /** Its turn in weighted round robin. */
  turn = 0;
  refused = 0;
  readonly #options: MemberOptions;
  readonly #host: MemberHost;
  readonly #breaker: CircuitBreaker;
  #attempt: Promise<void> | undefined;
  #draining: Promise<boolean> | undefined;
  #isGone = false;
  #publishedBefore = 0;
  #connects = 0;
  #failures = 0;
  #error: AlphaPulseError | undefined;

  constructor(endpoint: KnownEndpoint, options: MemberOptions, host: MemberHost) {
    this.endpoint = endpoint;
    this.#options = options;
    this.#host = host;
    this.#breaker = new CircuitBreaker({
      failuresMax: 1,
      openMs: 250,
      rampMs: 0,
      probeMs: Number.POSITIVE_INFINITY, // connecting is bounded by itself
      nowMs: options.nowMs,
      ...options.breaker,
    });
  }

  get isConnecting(): boolean {
    return this.#attempt !== undefined && this.connection === undefined && this.#draining === undefined;
  }

  /** In how many ms it may be tried again. */
  get retryMs(): number {
    return this.#breaker.retryMs;
  }

  stats(): EndpointStats {
    const live = this.connection?.stats();
    const isConnected = this.connection !== undefined;
    return {
      endpoint: this.endpoint.key,
      state: this.#draining !== undefined ? "draining" : isConnected ? "connected" : this.#waitingState(),
      priority: this.endpoint.priority,
      weight: this.endpoint.weight,
      published: this.#publishedBefore + (live?.published ?? 0),
      refused: this.refused,
      connects: this.#connects,
      failures: this.#failures,
      pendingBytes: live?.pendingBytes ?? 0,
      retryMs: isConnected || this.isConnecting ? 0 : this.retryMs,
      error: this.#error,
    };
  }

  /** Connects, unless it does, has, or must wait. */
  tryConnect(): void {
    if (this.connection !== undefined || this.#attempt !== undefined || this.#isGone) return;
    const permit = this.#breaker.tryAcquire();
    if (permit === undefined) return;
    this.#attempt = this.#live(permit).then((failure) => {
      this.#attempt = undefined;
      if (failure === undefined) return;
      this.#failures++;
      this.#error = failure;
      this.#host.failed(this, failure);
    });
  }

  /**
   * Publishes no more here; what was sent is flushed, for so long at most, and the connection closed.
   * @returns whether the relay confirmed all
   */
  drain(withinMs: number, isGone: boolean): Promise<boolean> {
    this.#isGone ||= isGone;
    const { connection } = this;
    this.connection = undefined;
    if (connection === undefined) return this.#draining ?? Promise.resolve(true);
    this.#publishedBefore += connection.stats().published;
    this.#draining = flushed(connection, withinMs).finally(() => {
      this.#draining = undefined;
    });
    return this.#draining;
  }

  #waitingState(): "connecting" | "waiting" {
    return this.isConnecting ? "connecting" : "waiting";
  }

  /** From the first attempt to the end of the connection. */
  async #live(permit: Permit): Promise<AlphaPulseError | undefined> {
    const { connect: options, healthyMs, nowMs } = this.#options;
    let since = Number.POSITIVE_INFINITY;
    let failure: AlphaPulseError;
    try {
      // What ends it is told by `ended`: without a listener it would be an uncaught exception.
      const connection = await connect(this.endpoint.address, { ...options, onFailure: () => {} });
      if (this.#isGone) {
        permit.cancelled();
        await connection.close();
        return undefined;
      }
      since = nowMs();
      this.#connects++;
      this.connection = connection;
      this.#host.connected(this);
      const closed = new AlphaPulseError("DISCONNECTED", `${this.endpoint.key} closed the connection`);
      failure = (await connection.ended) ?? closed;
      if (this.connection !== connection) {
        permit.succeeded(); // it was drained
        return undefined;
      }
      this.#publishedBefore += connection.stats().published;
      this.connection = undefined;
    } catch (error) {
      failure = error as AlphaPulseError;
    }
    // One that is lost at once again and again must not be tried at once again and again.
    if (nowMs() - since >= healthyMs) {
      permit.succeeded();
      this.#breaker.tryAcquire()?.failed();
    } else permit.failed();
    return failure;
  }
}

async function flushed(connection: Connection, withinMs: number): Promise<boolean> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), withinMs);
  });
  const all = connection.flush().then(
    () => true,
    () => false,
  );
  const isFlushed = await Promise.race([all, late]);
  await Promise.race([connection.close().catch(() => {}), late]);
  clearTimeout(timer);
  return isFlushed;
}
