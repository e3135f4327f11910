import { AlphaPulseError } from "../protocol/errors.js";
import { callable, whole } from "./options.js";
import { SteadyClock } from "./steady-clock.js";

/** How fast, and how much at once. */
export interface RateLimiterOptions {
  /** How many tokens come back in {@link RateLimiterOptions.perMs}. */
  readonly tokens: number;
  /** Whole ms; default 1,000: so many tokens a second. */
  readonly perMs?: number;
  /** How many tokens it holds at most, and at first; default as many as `tokens`. */
  readonly burst?: number;
  /** Monotonic ms, of which whole microseconds count; default `performance.now`. */
  readonly nowMs?: () => number;
}

const OWNER = "RateLimiter";
const US_PER_MS = 1_000;

/**
 * A bucket of tokens that fills by time. It counts in whole parts of a token, so that nothing drifts however long it runs.
 * It has no timer.
 */
export class RateLimiter {
  /** How many tokens it holds at most. */
  readonly burst: number;
  readonly #clock: SteadyClock;
  readonly #tokens: number;
  /** Parts of a token: so many that in one microsecond a whole number of them comes back, `tokens`. */
  readonly #partsPerToken: number;
  readonly #partsMax: number;
  #parts: number;
  #atUs: number;

  /** @throws AlphaPulseError BAD_OPTION */
  constructor(options: RateLimiterOptions = {} as RateLimiterOptions) {
    const { tokens, perMs = 1_000 } = options;
    this.#tokens = whole(OWNER, "tokens", tokens, 1, 1e12);
    this.#partsPerToken = whole(OWNER, "perMs", perMs, 1, 1e9) * US_PER_MS;
    const burstMax = Math.floor(Number.MAX_SAFE_INTEGER / 2 / this.#partsPerToken);
    this.burst = whole(OWNER, "burst", options.burst ?? tokens, 1, burstMax);
    this.#partsMax = this.burst * this.#partsPerToken;
    this.#parts = this.#partsMax;
    this.#clock = new SteadyClock(callable(OWNER, "nowMs", options.nowMs));
    this.#atUs = this.#nowUs();
  }

  /** Takes tokens, all or none. @param count whole, at least 0 @throws AlphaPulseError BAD_OPTION */
  tryTake(count = 1): boolean {
    const parts = this.#partsOf(count);
    this.#fill();
    if (parts > this.#parts) return false;
    this.#parts -= parts;
    return true;
  }

  /** In how many ms {@link RateLimiter.tryTake} would take so many; 0: now, Infinity: never, as it holds fewer. */
  waitMs(count = 1): number {
    const parts = this.#partsOf(count);
    if (parts > this.#partsMax) return Number.POSITIVE_INFINITY;
    this.#fill();
    const missing = parts - this.#parts;
    return missing <= 0 ? 0 : wholeQuotientUp(missing, this.#tokens) / US_PER_MS;
  }

  #partsOf(count: number): number {
    if (Number.isSafeInteger(count) && count >= 0) return count * this.#partsPerToken;
    throw new AlphaPulseError("BAD_OPTION", `${OWNER}: ${String(count)} is no whole number of tokens`);
  }

  #fill(): void {
    const nowUs = this.#nowUs();
    const elapsedUs = nowUs - this.#atUs;
    this.#atUs = nowUs;
    const missing = this.#partsMax - this.#parts;
    // Compared before they are multiplied: the product of a long time would not be exact.
    if (elapsedUs >= wholeQuotientUp(missing, this.#tokens)) this.#parts = this.#partsMax;
    else this.#parts += elapsedUs * this.#tokens;
  }

  #nowUs(): number {
    return Math.round(this.#clock.now() * US_PER_MS);
  }
}

/** The least whole number whose product with `b` is at least `a`; both are safe integers. */
function wholeQuotientUp(a: number, b: number): number {
  return (a - (a % b)) / b + (a % b === 0 ? 0 : 1);
}
