import type { CircuitBreakerOptions } from "../guards/circuit-breaker.js";
import { AlphaPulseError } from "../protocol/errors.js";
import type { ConnectOptions } from "../session/options.js";
import type { EndpointStats } from "./member.js";

/**
 * Who is given a message. `roundRobin`: each in turn, by weight. `leastPending`: the one with the fewest bytes that wait.
 * `failover`: the first that is there, the others when it is not.
 */
export type Balance = "roundRobin" | "leastPending" | "failover";

/** How a pool works. */
export interface PoolOptions {
  /** Default `roundRobin`. */
  readonly balance?: Balance;
  /** How many connections it holds at once, of the preferred endpoints that are there; default to all. */
  readonly size?: number;
  /** Whether it goes back to an endpoint that is preferred when that is there again; default true. */
  readonly failBack?: boolean;
  /** How each connection is made. A pool connects again by itself. */
  readonly connect?: Omit<ConnectOptions, "onFailure" | "reconnect">;
  /** When an endpoint that failed is tried again; default after 250 ms, twice as long each time, up to 30,000 ms. */
  readonly breaker?: Pick<CircuitBreakerOptions, "failuresMax" | "openMs" | "openMsMax" | "random">;
  /** A connection that lived for this long makes its endpoint a healthy one, whose back-off begins anew; default 5,000 ms. */
  readonly healthyMs?: number;
  /** The most endpoints that it takes; default 64. */
  readonly endpointsMax?: number;
  /** How often it looks for endpoints again; default what their source says. */
  readonly refreshMs?: number;
  /** How long a look may take; default 5,000 ms. */
  readonly lookupMs?: number;
  /** How long draining may take; default 5,000 ms. */
  readonly drainMs?: number;
  /** Told what happens. Nothing of it needs an answer. */
  readonly onEvent?: (event: PoolEvent) => void;
  /** Monotonic ms; default `performance.now`. */
  readonly nowMs?: () => number;
}

/** What happened in a pool. */
export interface PoolEvent {
  /**
   * An endpoint was found, is connected, failed or is no longer there; or the relay did not confirm within `drainMs` all
   * that was published. `lookupFailed`: the endpoints that were known last are kept.
   */
  readonly what: "joined" | "connected" | "failed" | "removed" | "unflushed" | "lookupFailed";
  /** Its address, as text; absent for a lookup. */
  readonly endpoint?: string;
  readonly error?: AlphaPulseError;
}

/** What a pool has done so far. */
export interface PoolStats {
  /** How many endpoints can be published to now. */
  readonly connected: number;
  /** Messages that were taken, over all endpoints that are known now. */
  readonly published: number;
  /** Looks for endpoints that failed. */
  readonly lookupsFailed: number;
  readonly endpoints: readonly EndpointStats[];
}

const BALANCES: readonly string[] = ["roundRobin", "leastPending", "failover"] satisfies Balance[];
const TIMER_MS_MAX = 2 ** 31 - 1;

/** The options with their defaults. @throws AlphaPulseError BAD_OPTION */
export function checkedOptions(options: PoolOptions) {
  const { balance = "roundRobin", failBack = true, connect = {}, breaker = {}, endpointsMax = 64 } = options;
  if (!BALANCES.includes(balance)) throw badOption("balance", balance, BALANCES.join(", "));
  return {
    balance,
    failBack,
    connect,
    breaker,
    endpointsMax: whole("endpointsMax", endpointsMax, 1_024),
    size: whole("size", options.size ?? endpointsMax, 1_024),
    healthyMs: whole("healthyMs", options.healthyMs ?? 5_000, TIMER_MS_MAX),
    lookupMs: whole("lookupMs", options.lookupMs ?? 5_000, TIMER_MS_MAX),
    drainMs: whole("drainMs", options.drainMs ?? 5_000, TIMER_MS_MAX),
    refreshMs: options.refreshMs,
    onEvent: options.onEvent ?? (() => {}),
    nowMs: options.nowMs ?? (() => performance.now()),
  } as const;
}

function whole(name: string, value: number, most: number): number {
  if (Number.isSafeInteger(value) && value >= 1 && value <= most) return value;
  throw badOption(name, value, `1 to ${most}`);
}

function badOption(name: string, value: unknown, expected: string): AlphaPulseError {
  return new AlphaPulseError("BAD_OPTION", `Pool: ${name} ${String(value)} is not one of ${expected}`);
}
