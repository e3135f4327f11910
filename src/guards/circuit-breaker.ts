import { CallWindow } from "./call-window.js";
import { CircuitOpenError } from "./circuit-open-error.js";
import { callable, milliseconds, share, whole } from "./options.js";
import { SteadyClock } from "./steady-clock.js";

/**
 * `closed`: all calls pass. `open`: none does. `halfOpen`: a counted number of probes. `recovering`: a share of the calls
 * that grows until all pass.
 */
export type CircuitState = "closed" | "open" | "halfOpen" | "recovering";

/** When a {@link CircuitBreaker} opens, and how it closes again. */
export interface CircuitBreakerOptions {
  /** Opens when this many calls of the last {@link CircuitBreakerOptions.windowMs} failed; default 5. */
  readonly failuresMax?: number;
  /** And they are at least this share of those calls, 0 to 1; default 0: the count alone decides. */
  readonly failureShare?: number;
  /** Default 10,000 ms. */
  readonly windowMs?: number;
  /** How long it stays open at first; default 1,000 ms. Each time that a probe fails it is twice as long. */
  readonly openMs?: number;
  /** The longest time; default 30,000 ms. */
  readonly openMsMax?: number;
  /** How many probes are let through when half-open, all of which must succeed; default 1. */
  readonly probeCount?: number;
  /** A probe that has no result by then has failed; default 30,000 ms. */
  readonly probeMs?: number;
  /** How long it takes after the probes until all calls pass; default 10,000 ms, 0 closes at once. */
  readonly rampMs?: number;
  /** The share of calls at the ramp's start, 0 to 1; default 0.1. */
  readonly rampFrom?: number;
  /** Told of each change when it is found, which is when the breaker is next used or asked. */
  readonly onChange?: (state: CircuitState, before: CircuitState) => void;
  /** Monotonic ms; default `performance.now`. */
  readonly nowMs?: () => number;
  /** 0 to below 1. Open times are drawn from their upper half, so that many clients do not come back at once. */
  readonly random?: () => number;
}

/** A call that may be made. Its result is told once: what is told later, or after the breaker went on, does not count. */
export interface Permit {
  /** The call went well. */
  succeeded(): void;
  /** It did not. */
  failed(): void;
  /** It was not made, or its result says nothing of the other end. */
  cancelled(): void;
}

type Outcome = "succeeded" | "failed" | "cancelled";

const OWNER = "CircuitBreaker";
const COUNT_MAX = 1_000_000;

/**
 * Keeps calls from an end that fails, and lets it recover. It has no timer: its state follows from its clock when it is
 * asked. Everything is synchronous.
 */
export class CircuitBreaker {
  readonly #clock: SteadyClock;
  readonly #window: CallWindow;
  readonly #failuresMax: number;
  readonly #failureShare: number;
  readonly #openMs: number;
  readonly #openMsMax: number;
  readonly #probeCount: number;
  readonly #probeMs: number;
  readonly #rampMs: number;
  readonly #rampFrom: number;
  readonly #onChange: CircuitBreakerOptions["onChange"];
  readonly #random: () => number;
  #state: CircuitState = "closed";
  /** Permits of an earlier epoch do not count. */
  #epoch = 0;
  /** When the state began, and until when it lasts at most. */
  #since = 0;
  #until = Number.POSITIVE_INFINITY;
  /** How often it has opened since it was closed. */
  #openings = 0;
  /** When the probes were given that have no result yet, the oldest first. */
  #probesOut: number[] = [];
  #probesGood = 0;
  /** The part of a call that the ramp has saved up. */
  #saved = 0;

  /** @throws AlphaPulseError BAD_OPTION */
  constructor(options: CircuitBreakerOptions = {}) {
    const { failuresMax = 5, failureShare = 0, windowMs = 10_000, openMs = 1_000, openMsMax = 30_000 } = options;
    const { probeCount = 1, probeMs = 30_000, rampMs = 10_000, rampFrom = 0.1 } = options;
    this.#failuresMax = whole(OWNER, "failuresMax", failuresMax, 1, COUNT_MAX);
    this.#failureShare = share(OWNER, "failureShare", failureShare);
    this.#window = new CallWindow(milliseconds(OWNER, "windowMs", windowMs, 1));
    this.#openMs = milliseconds(OWNER, "openMs", openMs, 1);
    this.#openMsMax = milliseconds(OWNER, "openMsMax", openMsMax, openMs);
    this.#probeCount = whole(OWNER, "probeCount", probeCount, 1, COUNT_MAX);
    this.#probeMs = milliseconds(OWNER, "probeMs", probeMs, 1);
    this.#rampMs = milliseconds(OWNER, "rampMs", rampMs);
    this.#rampFrom = share(OWNER, "rampFrom", rampFrom);
    this.#onChange = callable(OWNER, "onChange", options.onChange);
    this.#random = callable(OWNER, "random", options.random) ?? Math.random;
    this.#clock = new SteadyClock(callable(OWNER, "nowMs", options.nowMs));
  }

  /** What it is now. */
  get state(): CircuitState {
    this.#advance();
    return this.#state;
  }

  /** In how many ms it is worth asking again; 0: now. */
  get retryMs(): number {
    const now = this.#advance();
    const isFull = this.#state === "halfOpen" && !this.#hasProbeLeft();
    return this.#state === "open" || isFull ? this.#until - now : 0;
  }

  /** Leave to make one call, whose result is then told to the permit; undefined where it should not be made. */
  tryAcquire(): Permit | undefined {
    const now = this.#advance();
    if (this.#state === "open") return undefined;
    if (this.#state === "recovering" && !this.#isInShare(now)) return undefined;
    if (this.#state === "halfOpen") {
      if (!this.#hasProbeLeft()) return undefined;
      this.#probesOut.push(now);
      this.#awaitOldestProbe();
    }
    return this.#permit(now);
  }

  /**
   * Makes a call, synchronous or not, and takes what it throws or rejects with for a failure.
   *
   * @param isFailure whether an error says that the other end fails; default all do
   * @throws CircuitOpenError CIRCUIT_OPEN where it may not be made, and whatever the call throws
   */
  run<T>(call: () => T, isFailure: (error: unknown) => boolean = () => true): T {
    const permit = this.tryAcquire();
    if (permit === undefined) throw new CircuitOpenError(this.retryMs);
    const rejected = (error: unknown): never => {
      if (isFailure(error)) permit.failed();
      else permit.cancelled();
      throw error;
    };
    try {
      const result = call();
      if (!isPromise(result)) {
        permit.succeeded();
        return result;
      }
      return result.then((value) => {
        permit.succeeded();
        return value;
      }, rejected) as T;
    } catch (error) {
      return rejected(error);
    }
  }

  #permit(givenAt: number): Permit {
    const epoch = this.#epoch;
    let isTold = false;
    const tell = (outcome: Outcome): void => {
      if (isTold) return;
      isTold = true;
      const now = this.#advance();
      if (epoch === this.#epoch) this.#take(outcome, now, givenAt);
    };
    return {
      succeeded: () => tell("succeeded"),
      failed: () => tell("failed"),
      cancelled: () => tell("cancelled"),
    };
  }

  /** The result of a call of this epoch: the circuit is not open. */
  #take(outcome: Outcome, now: number, givenAt: number): void {
    if (this.#state === "halfOpen") this.#takeProbe(outcome, now, givenAt);
    else if (outcome !== "cancelled") {
      this.#window.add(now, outcome === "failed");
      const hasMany = this.#window.failureCount >= this.#failuresMax;
      if (outcome === "failed" && hasMany && this.#window.failureShare >= this.#failureShare) this.#open(now);
    }
  }

  #takeProbe(outcome: Outcome, now: number, givenAt: number): void {
    if (outcome === "failed") {
      this.#open(now);
      return;
    }
    this.#probesOut.splice(this.#probesOut.indexOf(givenAt), 1);
    if (outcome === "succeeded") this.#probesGood++;
    if (this.#probesGood === this.#probeCount) this.#recover(now);
    else this.#awaitOldestProbe();
  }

  #hasProbeLeft(): boolean {
    return this.#probesGood + this.#probesOut.length < this.#probeCount;
  }

  /** Where none is out, there is no end. */
  #awaitOldestProbe(): void {
    this.#until = (this.#probesOut[0] ?? Number.POSITIVE_INFINITY) + this.#probeMs;
  }

  /** Does what time alone does, and returns the time. */
  #advance(): number {
    const now = this.#clock.now();
    while (now >= this.#until) {
      if (this.#state === "open") this.#probe(this.#until);
      else if (this.#state === "recovering") this.#close(this.#until);
      else this.#open(this.#until); // a probe has no result
    }
    return now;
  }

  #open(now: number): void {
    const fullMs = Math.min(this.#openMs * 2 ** this.#openings, this.#openMsMax);
    this.#openings++;
    this.#epoch++;
    this.#go("open", now, now + fullMs * (0.5 + this.#random() / 2));
  }

  #probe(now: number): void {
    this.#epoch++;
    this.#probesOut = [];
    this.#probesGood = 0;
    this.#go("halfOpen", now, Number.POSITIVE_INFINITY); // its end is set by the first probe
  }

  #recover(now: number): void {
    this.#epoch++;
    this.#window.clear();
    this.#saved = 0;
    if (this.#rampMs === 0) this.#close(now);
    else this.#go("recovering", now, now + this.#rampMs);
  }

  #close(now: number): void {
    this.#openings = 0;
    this.#go("closed", now, Number.POSITIVE_INFINITY);
  }

  #go(state: CircuitState, now: number, until: number): void {
    const before = this.#state;
    this.#state = state;
    this.#since = now;
    this.#until = until;
    this.#onChange?.(state, before);
  }

  /** Counted, not drawn: with a share of a third, each third call passes. */
  #isInShare(now: number): boolean {
    const ramped = this.#rampFrom + ((1 - this.#rampFrom) * (now - this.#since)) / this.#rampMs;
    this.#saved += ramped;
    if (this.#saved < 1) return false;
    this.#saved -= 1;
    return true;
  }
}

function isPromise<T>(value: T): value is T & PromiseLike<Awaited<T>> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === "function";
}
