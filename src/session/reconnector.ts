import { AlphaPulseError } from "../protocol/errors.js";
import { Backoff } from "./backoff.js";
import { isWorthRetrying } from "./goodbye.js";
import type { ReconnectOptions } from "./options.js";

/** Calls a task once after a time; the answer takes it back. */
export type After = (ms: number, task: () => void) => () => void;

/** Keeps the process alive, as the link did that it is to replace. */
const afterTimeout: After = (ms, task) => {
  const timer = setTimeout(task, ms);
  return () => clearTimeout(timer);
};

/** Tries until it succeeds, gives up, or is told to stop. */
export class Reconnector {
  readonly #options: ReconnectOptions;
  readonly #backoff: Backoff;
  readonly #nowMs: () => number;
  readonly #after: After;
  #upAtMs = 0;
  #stop: (() => void) | undefined;
  #run = 0;

  constructor(options: ReconnectOptions, nowMs: () => number = () => performance.now(), after: After = afterTimeout) {
    this.#options = options;
    this.#backoff = new Backoff(options);
    this.#nowMs = nowMs;
    this.#after = after;
  }

  /** A link is up. */
  up(): void {
    this.#upAtMs = this.#nowMs();
  }

  /** Whether the link that is up has lived for longer than the next wait could be. */
  get isSteady(): boolean {
    return this.#nowMs() - this.#upAtMs >= this.#backoff.ceilingMs;
  }

  /** It is down. Only one that was steady begins anew: else each attempt costs more. */
  down(): void {
    if (this.isSteady) this.#backoff.reset();
  }

  /**
   * Attempts until one resolves.
   * @param cause why it has to
   * @param wasOpen false for the attempts of `connect` itself: the first of those does not wait
   * @returns whether one did; not where it was stopped
   * @throws AlphaPulseError RECONNECT_FAILED, or what another attempt would not change
   */
  async run(attempt: () => Promise<void>, cause: AlphaPulseError | undefined, wasOpen: boolean): Promise<boolean> {
    const run = ++this.#run;
    const { attemptsMax = Number.POSITIVE_INFINITY, giveUpAfterMs = Number.POSITIVE_INFINITY } = this.#options;
    const endsAtMs = this.#nowMs() + giveUpAfterMs;
    let last = cause;
    for (let isFirst = !wasOpen; ; isFirst = false) {
      const leftMs = endsAtMs - this.#nowMs();
      if (this.#backoff.attempts >= attemptsMax || leftMs <= 0) throw this.#gaveUp(last);
      const delayMs = this.#backoff.nextMs();
      if (!isFirst) await this.#wait(Math.min(delayMs, leftMs));
      if (run !== this.#run) return false;
      try {
        await attempt();
        return run === this.#run;
      } catch (error) {
        if (run !== this.#run) return false;
        if (!(error instanceof AlphaPulseError) || !isWorthRetrying(error, wasOpen)) throw error;
        last = error;
      }
    }
  }

  /** No more attempts; one that is under way is its caller's to end. */
  stop(): void {
    this.#run++;
    this.#stop?.();
  }

  #wait(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const takeBack = this.#after(ms, resolve);
      this.#stop = () => {
        takeBack();
        resolve();
      };
    });
  }

  #gaveUp(last: AlphaPulseError | undefined): AlphaPulseError {
    const { attempts } = this.#backoff;
    const why = last === undefined ? "" : `; the last one: ${last.message}`;
    return new AlphaPulseError("RECONNECT_FAILED", `gave up after ${attempts} attempts${why}`, { cause: last });
  }
}
