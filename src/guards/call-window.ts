const BUCKETS = 16;

/** How many calls ended in the last while, and how many of them badly. The window moves in sixteenths of its length. */
export class CallWindow {
  readonly #bucketMs: number;
  readonly #calls = new Uint32Array(BUCKETS);
  readonly #failures = new Uint32Array(BUCKETS);
  /** Which bucket is being filled, counted from the start of time. */
  #current = 0;
  #callCount = 0;
  #failureCount = 0;

  constructor(windowMs: number) {
    this.#bucketMs = windowMs / BUCKETS;
  }

  /** Failed calls within the window, as of the last {@link CallWindow.add}. */
  get failureCount(): number {
    return this.#failureCount;
  }

  /** The share of the calls within the window that failed. */
  get failureShare(): number {
    return this.#callCount === 0 ? 0 : this.#failureCount / this.#callCount;
  }

  /** A call has ended. */
  add(now: number, hasFailed: boolean): void {
    this.#moveTo(Math.floor(now / this.#bucketMs));
    const at = this.#current % BUCKETS;
    this.#calls[at] = (this.#calls[at] as number) + 1;
    this.#callCount++;
    if (!hasFailed) return;
    this.#failures[at] = (this.#failures[at] as number) + 1;
    this.#failureCount++;
  }

  /** Forgets all. */
  clear(): void {
    this.#calls.fill(0);
    this.#failures.fill(0);
    this.#callCount = 0;
    this.#failureCount = 0;
  }

  #moveTo(bucket: number): void {
    if (bucket - this.#current >= BUCKETS) this.clear();
    else {
      for (let left = this.#current + 1; left <= bucket; left++) this.#empty(left % BUCKETS);
    }
    this.#current = bucket;
  }

  #empty(at: number): void {
    this.#callCount -= this.#calls[at] as number;
    this.#failureCount -= this.#failures[at] as number;
    this.#calls[at] = 0;
    this.#failures[at] = 0;
  }
}
