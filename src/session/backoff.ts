import type { ReconnectOptions } from "./options.js";

const FIRST_DELAY_MS_DEFAULT = 100;
const DELAY_MS_MAX_DEFAULT = 10_000;

/**
 * How long to wait before each attempt: anything from 0 to a ceiling that doubles. Spread over all of it, clients that lost
 * the same relay at the same moment do not come back in waves.
 */
export class Backoff {
  readonly #firstMs: number;
  readonly #maxMs: number;
  readonly #random: () => number;
  #attempts = 0;

  constructor({ firstDelayMs, delayMsMax, random }: ReconnectOptions) {
    this.#firstMs = firstDelayMs ?? FIRST_DELAY_MS_DEFAULT;
    this.#maxMs = delayMsMax ?? DELAY_MS_MAX_DEFAULT;
    this.#random = random ?? Math.random;
  }

  /** Attempts since the last {@link Backoff.reset}. */
  get attempts(): number {
    return this.#attempts;
  }

  /** The longest that the next delay can be, in milliseconds. */
  get ceilingMs(): number {
    return Math.min(this.#maxMs, this.#firstMs * 2 ** this.#attempts);
  }

  /** The delay before the next attempt, in milliseconds. */
  nextMs(): number {
    const delay = this.#random() * this.ceilingMs;
    this.#attempts++;
    return delay;
  }

  /** The last attempt has proved itself: begins anew. */
  reset(): void {
    this.#attempts = 0;
  }
}
