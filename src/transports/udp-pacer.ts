/** Time to wait in vain is at least this, in ms: what timers can tell apart. */
const WAIT_MS_MIN = 1;

/**
 * Datagrams that may leave in a ms, and at once after a rest. A receiver spends its time on datagrams, not on bytes: beyond
 * this, messages gather in fewer of them.
 */
const DATAGRAMS_PER_MS = 80;
const DATAGRAM_BURST = 128;

/** Two token buckets: so many bytes and so many datagrams may leave in a time, and at most a burst at once after a rest. */
export class Pacer {
  readonly #bytesPerMs: number;
  readonly #burstBytes: number;
  readonly #now: () => number;
  #tokens: number;
  #datagrams = DATAGRAM_BURST;
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
    this.#datagrams = Math.min(DATAGRAM_BURST, this.#datagrams + (nowMs - this.#filledAtMs) * DATAGRAMS_PER_MS);
    this.#filledAtMs = nowMs;
    return this.#tokens >= 0 && this.#datagrams >= 1;
  }

  /** So many bytes have left. */
  left(byteLength: number): void {
    this.#tokens -= byteLength;
    this.#datagrams--;
  }

  /** How long until {@link Pacer.mayLeave} is worth asking again, in ms; 0 is the next turn of the event loop. */
  waitMs(): number {
    if (this.#tokens >= 0) return 0; // datagrams come back within microseconds
    return Math.max(WAIT_MS_MIN, Math.ceil(-this.#tokens / this.#bytesPerMs));
  }
}
