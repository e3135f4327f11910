import type { ChecksumChoice } from "../protocol/checksum.js";
import type { Clock } from "../protocol/clock.js";
import { AlphaPulseError } from "../protocol/errors.js";
import type { ReconnectOutcome } from "./resumption.js";
import type { TokenSource } from "./token.js";

/** How a connection comes back after its link was lost. Delays are random from 0 to a ceiling that doubles. */
export interface ReconnectOptions {
  /** The ceiling of the first delay; default 100 ms. */
  readonly firstDelayMs?: number;
  /** Where the ceiling stops to double; default 10,000 ms. */
  readonly delayMsMax?: number;
  /** Attempts in a row that may fail before it gives up; default Infinity. */
  readonly attemptsMax?: number;
  /** How long after the loss it gives up; default Infinity. */
  readonly giveUpAfterMs?: number;
  /** Whether `connect` itself tries again where nobody listens yet; default false. */
  readonly initial?: boolean;
  /** From 0 to below 1; default Math.random. */
  readonly random?: () => number;
}

/** How {@link connect} connects. */
export interface ConnectOptions {
  /** Who publishes over this connection, one of Source or the user's own; without it the connection only reads. */
  readonly source?: number;
  /** What it calls itself; for the relay's statistics. */
  readonly name?: string;
  /**
   * What tells the relay who this is, or a function that is asked anew at each attempt. It leaves only over links that
   * others cannot read, and stands in no error.
   */
  readonly token?: TokenSource;
  /** False: no Hello, for relays that know none and for multicast. Such a connection only publishes. Default true. */
  readonly session?: boolean;
  /** Where messages of a user's type belong when the type names no domain: one of RelayDomain. */
  readonly domain?: number;
  /** Stamps what is published; default the wall clock. */
  readonly clock?: Clock;
  /** The source's incarnation, 1 to 8,191; default random. */
  readonly incarnation?: number;
  /**
   * Which checksum it writes and verifies, by name or an implementation; `none` verifies nothing and writes `crc32c`. Default `crc32c`, verified where
   * messages come from outside of this process's memory.
   */
  readonly checksum?: ChecksumChoice;
  /**
   * How many bytes of messages are kept: those that found no room or no link, to go before what is published later, and,
   * with `reconnect`, those that the relay has not confirmed, to be sent again. What does not fit is answered with
   * `backPressured`. Default 1 MiB with `reconnect`, 0 without.
   */
  readonly holdBytesMax?: number;
  /** Called with the time stamp of each data message, in whole microseconds, before its handlers. */
  readonly beforeMessage?: (timestampUs: number) => void;
  /** How long the relay may take to answer a request; default 5,000 ms. */
  readonly timeoutMs?: number;
  /** How often the relay is pinged; three intervals without a sign of it end the link. Default 5,000 ms; Infinity = never. */
  readonly pingIntervalMs?: number;
  /** Whether, and how, a lost link is replaced by a new one; default false. */
  readonly reconnect?: boolean | ReconnectOptions;
  /** The link was lost, and a new one is looked for. */
  readonly onDisconnect?: (error: AlphaPulseError) => void;
  /** It is back. Called once it is known what became of each source, and all that could be got again was handed over. */
  readonly onReconnect?: (outcome: ReconnectOutcome) => void;
  /** Gives up connecting: `connect` rejects with ABORTED. */
  readonly signal?: AbortSignal;
  /**
   * Called once when the connection fails: a handler threw, a gap had no handler, the other end was lost or broke the
   * protocol. Without it a failure is thrown as an uncaught exception: it is never silent.
   */
  readonly onFailure?: (error: AlphaPulseError) => void;
}

/** What a connection has done so far. */
export interface ConnectionStats {
  /** Data messages that were sent, or kept to be sent. */
  readonly published: number;
  /** Data messages that came in. */
  readonly received: number;
  /** Data messages that came in once more, and were dropped. */
  readonly duplicates: number;
  /** Messages that came in and were dropped because they break the protocol. */
  readonly malformed: number;
  /** Messages that were lost, on the way here where their number is known, and from here. */
  readonly lost: number;
  /** Links that replaced a lost one. */
  readonly reconnects: number;
  /** Bytes that wait to leave. */
  readonly pendingBytes: number;
}

const TIMEOUT_MS_DEFAULT = 5_000;
const PING_INTERVAL_MS_DEFAULT = 5_000;
const HOLD_BYTES_RECONNECTING = 1 << 20;
/** The longest that a timer of Node's can wait. */
const TIMER_MS_MAX = 2 ** 31 - 1;

/** What was asked for, with what was left out. */
export interface CheckedOptions extends ConnectOptions {
  readonly timeoutMs: number;
  readonly pingIntervalMs: number;
  readonly holdBytesMax: number;
  readonly hasSession: boolean;
  readonly reconnecting: ReconnectOptions | undefined;
}

/** @throws AlphaPulseError BAD_OPTION */
export function checkedOptions(options: ConnectOptions, canReconnect: boolean): CheckedOptions {
  const { reconnect = false, session = true, timeoutMs = TIMEOUT_MS_DEFAULT } = options;
  const reconnecting = reconnect === false ? undefined : reconnect === true ? {} : reconnect;
  const { holdBytesMax = reconnecting === undefined ? 0 : HOLD_BYTES_RECONNECTING } = options;
  const { pingIntervalMs = PING_INTERVAL_MS_DEFAULT } = options;
  checkTime("timeoutMs", timeoutMs, TIMER_MS_MAX);
  if (pingIntervalMs !== Number.POSITIVE_INFINITY) checkTime("pingIntervalMs", pingIntervalMs, TIMER_MS_MAX);
  if (!(holdBytesMax >= 0)) throw badOption(`holdBytesMax ${holdBytesMax} is no number of bytes`);
  if (!session && (reconnecting !== undefined || options.token !== undefined)) {
    throw badOption("session: false has no Hello, so that it can neither reconnect nor show a token");
  }
  if (reconnecting !== undefined) {
    if (!canReconnect) throw badOption("reconnect needs an address to connect to, not a link");
    checkReconnect(reconnecting);
  }
  return { ...options, timeoutMs, pingIntervalMs, holdBytesMax, hasSession: session, reconnecting };
}

function checkReconnect({ firstDelayMs, delayMsMax, attemptsMax, giveUpAfterMs }: ReconnectOptions): void {
  if (firstDelayMs !== undefined) checkTime("reconnect.firstDelayMs", firstDelayMs, TIMER_MS_MAX);
  if (delayMsMax !== undefined) checkTime("reconnect.delayMsMax", delayMsMax, TIMER_MS_MAX);
  if (giveUpAfterMs !== undefined) checkTime("reconnect.giveUpAfterMs", giveUpAfterMs, Number.POSITIVE_INFINITY);
  if (attemptsMax !== undefined && !(attemptsMax >= 1))
    throw badOption(`reconnect.attemptsMax ${attemptsMax} is not at least 1`);
}

function checkTime(name: string, ms: number, max: number): void {
  if (typeof ms !== "number" || !(ms > 0) || ms > max)
    throw badOption(`${name} ${String(ms)} is no time in milliseconds above 0`);
}

function badOption(what: string): AlphaPulseError {
  return new AlphaPulseError("BAD_OPTION", `connect: ${what}`);
}
