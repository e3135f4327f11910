import { PingTLV } from "../tlvs/session-control.js";
import type { ControlStamp } from "./control-line.js";
import type { Member } from "./member.js";

/** Pings without an answer that end a session (docs/protocol.md, "Sessions on a connection"). */
const MISSED_MAX = 3;
/** How often in an interval it is looked who is due. */
const SWEEPS = 4;
const SWEEP_MS_MIN = 5;

/** What of a relay its liveness works with. */
export interface LivenessHost {
  readonly pingIntervalMs: number;
  readonly idleTimeoutMs: number;
  readonly challengeMs: number;
  readonly monotonicMs: () => number;
  readonly stamp: ControlStamp;
  readonly members: Iterable<Member>;
  /** Whether producers are held up: what they send is not read, and is no silence. */
  isHeld(): boolean;
  /** The member answers nothing. */
  silent(member: Member, why: string): void;
  /** The member does nothing. */
  idle(member: Member): void;
}

interface Pulse {
  /** When it was last pinged. */
  pingedAt: number;
  /** Pings in a row after which nothing came. */
  missed: number;
  /** When it was last seen to publish or be subscribed, and how much it had published then. */
  activeAt: number;
  received: number;
  isChallenged: boolean;
}

/** Finds out which sessions are dead, and which are of no use: one timer for all of them, and a monotonic clock. */
export class Liveness {
  readonly #host: LivenessHost;
  readonly #pulses = new WeakMap<Member, Pulse>();
  readonly #timer: NodeJS.Timeout | undefined;
  #nonces = 0n;

  constructor(host: LivenessHost) {
    this.#host = host;
    const shortestMs = Math.min(host.pingIntervalMs, host.idleTimeoutMs);
    if (shortestMs === Number.POSITIVE_INFINITY) return;
    this.#timer = setInterval(() => this.sweep(), Math.max(SWEEP_MS_MIN, shortestMs / SWEEPS)).unref();
  }

  /** Looks at all sessions, and pings those that are due. */
  sweep(): void {
    const now = this.#host.monotonicMs();
    for (const member of this.#host.members) {
      if (member.standing === "session" && member.isReachable && !member.isLeaving) this.#look(member, now);
    }
  }

  /** Somebody else claims a source of this member: where nothing comes from it in time, it is dead. */
  challenge(member: Member): void {
    // Without a session nobody answers a ping.
    if (member.standing !== "session" || !member.isReachable || member.isLeaving) return;
    const pulse = this.#pulseOf(member, this.#host.monotonicMs());
    if (pulse.isChallenged) return;
    pulse.isChallenged = true;
    member.hasSpoken = false;
    this.#ping(member);
    setTimeout(() => {
      pulse.isChallenged = false;
      if (member.hasSpoken || this.#host.isHeld()) return;
      this.#host.silent(
        member,
        `did not answer within ${this.#host.challengeMs} ms while another connection wants its source`,
      );
    }, this.#host.challengeMs).unref();
  }

  /** Pings nobody any more. */
  stop(): void {
    clearInterval(this.#timer);
  }

  #look(member: Member, now: number): void {
    const { pingIntervalMs, idleTimeoutMs } = this.#host;
    const pulse = this.#pulseOf(member, now);
    if (member.isSubscribed || member.received !== pulse.received) {
      pulse.activeAt = now;
      pulse.received = member.received;
    } else if (now - pulse.activeAt >= idleTimeoutMs) return this.#host.idle(member);
    if (now - pulse.pingedAt < pingIntervalMs) return;
    const isSilent = !member.hasSpoken && !this.#host.isHeld();
    pulse.missed = isSilent ? pulse.missed + 1 : 0;
    if (pulse.missed >= MISSED_MAX) {
      return this.#host.silent(member, `answered none of ${MISSED_MAX} pings, ${pingIntervalMs} ms apart`);
    }
    pulse.pingedAt = now;
    if (!pulse.isChallenged) member.hasSpoken = false;
    this.#ping(member);
  }

  #ping(member: Member): void {
    const timestamp = BigInt(this.#host.stamp.nowUs()) * 1000n;
    member.controls.sayAhead(PingTLV, { nonce: ++this.#nonces, timestamp });
  }

  #pulseOf(member: Member, now: number): Pulse {
    let pulse = this.#pulses.get(member);
    if (pulse === undefined) {
      // That it became a session is the first that was heard of it.
      pulse = { pingedAt: now, missed: 0, activeAt: now, received: member.received, isChallenged: false };
      member.hasSpoken = true;
      this.#pulses.set(member, pulse);
    }
    return pulse;
  }
}
