import { AlphaPulseError } from "../protocol/errors.js";
import type { Link, Transport } from "../transports/transport.js";
import { CircuitBreaker } from "./circuit-breaker.js";
import { GuardedLink } from "./guarded-link.js";
import { RateLimiter } from "./rate-limiter.js";

/** What guards a transport. */
export interface GuardOptions {
  /** Asked before each `connect`: one for all addresses, or the one of an address. */
  readonly breaker?: CircuitBreaker | ((address: string) => CircuitBreaker);
  /** Asked before each `send`: one for all links together, or a new one for each. */
  readonly sendLimiter?: RateLimiter | (() => RateLimiter);
  /** What a token of the limiter is; default a message. A message of more bytes than its `burst` is `tooLarge`. */
  readonly limited?: "messages" | "bytes";
}

/** What says nothing of the other end: the caller's own mistakes and decisions. */
const OWN_FAULTS: ReadonlySet<string> = new Set(["ABORTED", "BAD_ADDRESS", "BAD_OPTION"]);

/**
 * The same transport behind guards. Its `connect` is refused with CIRCUIT_OPEN while a breaker is open. Its links answer
 * `backPressured` while the limiter has no tokens, and say `ready` when it has some again; session control, which goes
 * ahead, is not limited.
 *
 * @throws AlphaPulseError BAD_OPTION
 */
export function guarded(transport: Transport, options: GuardOptions = {}): Transport {
  const { breaker, sendLimiter, limited = "messages" } = options;
  check("breaker", "a CircuitBreaker", breaker, breaker instanceof CircuitBreaker);
  check("sendLimiter", "a RateLimiter", sendLimiter, sendLimiter instanceof RateLimiter);
  if (limited !== "messages" && limited !== "bytes") {
    throw new AlphaPulseError("BAD_OPTION", `guarded: limited ${String(limited)} is neither messages nor bytes`);
  }
  const limiterOf = typeof sendLimiter === "function" ? sendLimiter : () => sendLimiter;
  const guardedLink = (link: Link): Link => {
    const limiter = limiterOf();
    return limiter === undefined ? link : new GuardedLink(link, limiter, limited === "bytes");
  };
  return {
    scheme: transport.scheme,
    guarantees: transport.guarantees,
    listen: (address, onLink, linkOptions) =>
      transport.listen(address, (link) => onLink(guardedLink(link)), linkOptions),
    async connect(address, linkOptions) {
      const connect = (): Promise<Link> => transport.connect(address, linkOptions);
      const asked = typeof breaker === "function" ? breaker(address) : breaker;
      return guardedLink(await (asked === undefined ? connect() : asked.run(connect, isOthersFault)));
    },
  };
}

function check(name: string, kind: string, value: unknown, isOne: boolean): void {
  if (value === undefined || typeof value === "function" || isOne) return;
  throw new AlphaPulseError("BAD_OPTION", `guarded: ${name} is neither ${kind} nor a function that has one`);
}

function isOthersFault(error: unknown): boolean {
  return !(error instanceof AlphaPulseError && OWN_FAULTS.has(error.code));
}
