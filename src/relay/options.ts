import { type Checksum, type ChecksumChoice, checksumOf, type WrittenChecksum } from "../protocol/checksum.js";
import { type Clock, LiveClock } from "../protocol/clock.js";
import { AlphaPulseError } from "../protocol/errors.js";
import { RelayDomain } from "../protocol/tables.js";
import type { AccessTokens } from "./access-tokens.js";

/** How a relay is made. */
export interface RelayOptions {
  /** The one domain it carries, one of RelayDomain. */
  readonly domain: number;
  /** Bytes of its log, a power of two; default 16 MiB. A subscriber that falls further behind loses messages. */
  readonly logBytes?: number;
  /** Subscribers and producers together; default 1,000. More get a Goodbye. */
  readonly membersMax?: number;
  /** Of those, the ones from one host, where the address says which; default all. More get a Goodbye. */
  readonly membersPerPeerMax?: number;
  /** The tokens that it asks for. Without it, nobody needs one. A token is only taken over links that are private. */
  readonly auth?: AccessTokens;
  /** Links that have not shown a token yet, beside the members; default 100. Where one more comes, the oldest is let go. */
  readonly unauthenticatedMax?: number;
  /** How long a link may take to show its token; default 5,000 ms. */
  readonly helloTimeoutMs?: number;
  /** How large a Hello with a token may be; default 64 KiB. */
  readonly helloBytesMax?: number;
  /** How long after its Hello a link with a bad token is told so, whatever is wrong with it; default 250 ms. */
  readonly refusalDelayMs?: number;
  /** How often sessions are pinged; default 5,000 ms. Three missed answers end one. Infinity: never. */
  readonly pingIntervalMs?: number;
  /** How long a session may neither publish nor be subscribed; default Infinity. */
  readonly idleTimeoutMs?: number;
  /** How long the holder of a source that another connection wants may take to answer a ping; default 1,000 ms. */
  readonly challengeMs?: number;
  /**
   * What happens when a subscriber is about to fall out of the log: `gap` drops what is oldest and tells it with a Gap
   * message; `block` makes the producers wait. Default `gap`: one slow subscriber never holds up the others.
   */
  readonly slowSubscribers?: "gap" | "block";
  /**
   * Which checksum it verifies before it takes a message, by name or an implementation; default `crc32c`. What comes from this process's own memory
   * is not verified again.
   */
  readonly checksum?: ChecksumChoice;
  /** Stamps its own messages; default the wall clock. */
  readonly clock?: Clock;
  /** Tells how much time has passed, in ms; default `performance.now`. */
  readonly monotonicMs?: () => number;
  /** When it sends what it took: once per turn by default. A runtime that brings its own queue says so here. */
  readonly schedule?: (task: () => void) => void;
}

/** Options with their defaults, checked. */
export interface RelaySettings {
  readonly domain: number;
  readonly logBytes: number;
  readonly membersMax: number;
  readonly membersPerPeerMax: number;
  readonly auth: AccessTokens | undefined;
  readonly unauthenticatedMax: number;
  readonly helloTimeoutMs: number;
  readonly helloBytesMax: number;
  readonly refusalDelayMs: number;
  readonly pingIntervalMs: number;
  readonly idleTimeoutMs: number;
  readonly challengeMs: number;
  readonly blocks: boolean;
  /** What it verifies: undefined is nothing. */
  readonly checksum: Checksum | undefined;
  readonly writtenChecksum: WrittenChecksum;
  readonly clock: Clock;
  readonly monotonicMs: () => number;
}

const LOG_BYTES_DEFAULT = 16 << 20;
const MEMBERS_MAX_DEFAULT = 1_000;
const UNAUTHENTICATED_MAX_DEFAULT = 100;
const HELLO_BYTES_MAX_DEFAULT = 64 << 10;
/** What a timer can wait. */
const TIMER_MS_MAX = 2 ** 31 - 1;

/** @throws AlphaPulseError BAD_OPTION */
export function settingsOf(options: RelayOptions): RelaySettings {
  const { domain, slowSubscribers = "gap", checksum = "crc32c" } = options;
  if (!Object.values<number>(RelayDomain).includes(domain)) throw bad(`domain ${domain} is not one of RelayDomain`);
  if (slowSubscribers !== "gap" && slowSubscribers !== "block") {
    throw bad(`slowSubscribers ${String(slowSubscribers)} is neither gap nor block`);
  }
  const count = (name: keyof RelayOptions, byDefault: number): number => {
    const value = (options[name] ?? byDefault) as number;
    if (value === Number.POSITIVE_INFINITY || (Number.isInteger(value) && value >= 1)) return value;
    throw bad(`${name} ${String(value)} is no whole number of at least 1`);
  };
  const duration = (name: keyof RelayOptions, byDefault: number, canBeInfinite = false): number => {
    const value = (options[name] ?? byDefault) as number;
    const isInfinite = canBeInfinite && value === Number.POSITIVE_INFINITY;
    if (isInfinite || (typeof value === "number" && value > 0 && value <= TIMER_MS_MAX)) return value;
    throw bad(`${name} ${String(value)} is no time in ms`);
  };
  const membersMax = count("membersMax", MEMBERS_MAX_DEFAULT);
  return {
    domain,
    logBytes: options.logBytes ?? LOG_BYTES_DEFAULT,
    membersMax,
    membersPerPeerMax: count("membersPerPeerMax", membersMax),
    auth: options.auth,
    unauthenticatedMax: count("unauthenticatedMax", UNAUTHENTICATED_MAX_DEFAULT),
    helloTimeoutMs: duration("helloTimeoutMs", 5_000),
    helloBytesMax: count("helloBytesMax", HELLO_BYTES_MAX_DEFAULT),
    refusalDelayMs: duration("refusalDelayMs", 250),
    pingIntervalMs: duration("pingIntervalMs", 5_000, true),
    idleTimeoutMs: duration("idleTimeoutMs", Number.POSITIVE_INFINITY, true),
    challengeMs: duration("challengeMs", 1_000),
    blocks: slowSubscribers === "block",
    checksum: checksumOf(checksum),
    writtenChecksum: checksum === "none" ? "crc32c" : checksum,
    clock: options.clock ?? new LiveClock(),
    monotonicMs: options.monotonicMs ?? (() => performance.now()),
  };
}

function bad(why: string): AlphaPulseError {
  return new AlphaPulseError("BAD_OPTION", `Relay: ${why}`);
}
