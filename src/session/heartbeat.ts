/** Calls a task after a time, again and again where it says so; the answer stops it. */
export type Every = (ms: number, task: () => void) => () => void;

/** Pings in a row without a sign of the other end after which it counts as gone. */
const MISSED_MAX = 3;

/** Keeps no process alive. */
export const everyInterval: Every = (ms, task) => {
  const timer = setInterval(task, ms).unref();
  return () => clearInterval(timer);
};

/**
 * Pings at an interval of the monotonic clock and notices when nothing at all comes back. Anything that came counts as life: an end that holds
 * producers up reads no Pings, but sends its own. At most one Ping is counted as missed per turn, so that a loop that was
 * busy for long has read what waits before the other end counts as gone.
 */
export class Heartbeat {
  /** Set by whoever reads, for each message. */
  hasHeard = false;
  /** While nothing is read on purpose, silence says nothing. */
  isPaused = false;
  readonly #stop: () => void;
  #missed = 0;
  #isAwaiting = false;

  /** @param ping sends one @param gone the other end stopped answering; called once */
  constructor(intervalMs: number, ping: () => void, gone: () => void, every: Every = everyInterval) {
    if (intervalMs === Number.POSITIVE_INFINITY) {
      this.#stop = () => {};
      return;
    }
    this.#stop = every(intervalMs, () => {
      if (this.hasHeard || this.isPaused || !this.#isAwaiting) this.#missed = 0;
      else this.#missed++;
      this.hasHeard = false;
      if (this.#missed >= MISSED_MAX) {
        this.#stop();
        gone();
        return;
      }
      this.#isAwaiting = true;
      ping();
    });
  }

  /** No more Pings. */
  stop(): void {
    this.#stop();
  }
}
