import type { RelayLog } from "./log.js";
import type { Member } from "./member.js";

/** Producers are held up above the first share of the log and let go below the second. */
const PAUSE_ABOVE = 1 / 2;
const RESUME_BELOW = 1 / 4;
/** After this share of the log it is looked how far the slowest subscriber is behind. */
const LAG_CHECK_SHARE = 1 / 16;

/** Holds up the producers of a relay that must not lose anything, while a subscriber is far behind. */
export class ProducerHold {
  readonly #log: RelayLog;
  readonly #members: Iterable<Member>;
  #uncheckedBytes = 0;
  #isHeld = false;

  constructor(log: RelayLog, members: Iterable<Member>) {
    this.#log = log;
    this.#members = members;
  }

  /** Whether they are held up now. */
  get isHeld(): boolean {
    return this.#isHeld;
  }

  /** The log has taken so many bytes more. */
  took(byteLength: number): void {
    this.#uncheckedBytes += byteLength;
    if (this.#uncheckedBytes <= this.#log.capacityBytes * LAG_CHECK_SHARE) return;
    this.#uncheckedBytes = 0;
    if (this.#isHeld || this.#lag() <= this.#log.capacityBytes * PAUSE_ABOVE) return;
    this.#isHeld = true;
    for (const member of this.#members) member.link.pause();
  }

  /** Subscribers have been sent some. */
  delivered(): void {
    if (!this.#isHeld || this.#lag() >= this.#log.capacityBytes * RESUME_BELOW) return;
    this.#isHeld = false;
    for (const member of this.#members) member.link.resume();
  }

  #lag(): number {
    let lag = 0;
    for (const member of this.#members) lag = Math.max(lag, member.lagBytes);
    return lag;
  }
}
