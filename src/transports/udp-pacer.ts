/** Time to wait in vain is at least this, in ms: what timers can tell apart. */
const WAIT_MS_MIN = 1;

/** A token bucket: so many bytes a second may leave, and at most a burst at once after a rest. */
export class Pacer {
  readonly #bytesPerMs: number;
  readonly #burstBytes: number;
  readonly #now: () => number;
  #tokens: number;
  #filledAtMs: number;

  /** @param now monotonic, in ms */
  constructor(bytesPerSecond: number, burstBytes: number, now: () => number) {
    this.#bytesPerMs = bytesPerSecond / 1_000;
    this.#burstBytes = burstBytes;
    this.#now = now;
    this.#tokens = burstBytes;
    this.#filledAtMs = now();
  }

  /** Whether the next datagram may leave. The last one of a burst may go beyond it: the next waits the longer. */
  mayLeave(): boolean {
    if (this.#bytesPerMs === Number.POSITIVE_INFINITY) return true;
    const nowMs = this.#now();
    this.#tokens = Math.min(this.#burstBytes, this.#tokens + (nowMs - this.#filledAtMs) * this.#bytesPerMs);
    this.#filledAtMs = nowMs;
    return this.#tokens >= 0;
  }

  /** So many bytes have left. */
  left(byteLength: number): void {
    this.#tokens -= byteLength;
  }

  /** How long until {@link Pacer.mayLeave} is worth asking again, in ms. */
  waitMs(): number {
    return Math.max(WAIT_MS_MIN, Math.ceil(-this.#tokens / this.#bytesPerMs));
  }
}
