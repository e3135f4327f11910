/** What time it is: the wall clock's live, the recording's in a replay. */
export interface Clock {
  /** ns since the Unix epoch. */
  nowNs(): bigint;
  /** Whole microseconds since the Unix epoch. */
  nowUs(): number;
}

/** How long the wall clock is followed by the monotonic one before it is looked at again. */
const ANCHOR_MS = 1_000;

/** The wall clock with the monotonic clock's resolution, set right once a second; never goes back. */
export class LiveClock implements Clock {
  #anchoredAt = Number.NEGATIVE_INFINITY;
  #offsetUs = 0;
  #lastUs = 0;

  nowUs(): number {
    const monotonicMs = performance.now();
    if (monotonicMs - this.#anchoredAt > ANCHOR_MS) {
      this.#anchoredAt = monotonicMs;
      this.#offsetUs = Date.now() * 1000 - monotonicMs * 1000;
    }
    const us = Math.floor(this.#offsetUs + monotonicMs * 1000);
    if (us > this.#lastUs) this.#lastUs = us;
    return this.#lastUs;
  }

  nowNs(): bigint {
    return BigInt(this.nowUs()) * 1000n;
  }
}

/** A clock that stands until it is told. */
export class ReplayClock implements Clock {
  #us = 0;

  nowUs(): number {
    return this.#us;
  }

  nowNs(): bigint {
    return BigInt(this.#us) * 1000n;
  }

  /** Goes forward to this time; an earlier one changes nothing. */
  advance(us: number): void {
    if (us > this.#us) this.#us = us;
  }
}
