/**
 * How long one message may stay incomplete on a stream (docs/protocol.md, "On a byte stream"). Counted from when its first
 * bytes were seen: more bytes of it, one now and then, do not put it off; time in which nobody reads does not count.
 */
export class MessageDeadline {
  readonly #ms: number;
  readonly #isPaused: () => boolean;
  readonly #onPassed: () => void;
  #timer: NodeJS.Timeout | undefined;

  /**
   * @param ms how long, in milliseconds
   * @param isPaused whether the stream is not read: not the sender's fault
   */
  constructor(ms: number, isPaused: () => boolean, onPassed: () => void) {
    this.#ms = ms;
    this.#isPaused = isPaused;
    this.#onPassed = onPassed;
  }

  /** Bytes were read. `isWithin`: they end within a message; `isNew`: within another one than before. */
  afterRead(isWithin: boolean, isNew: boolean): void {
    if (!isWithin) this.clear();
    else if (this.#timer === undefined) this.#timer = setTimeout(() => this.#passed(), this.#ms).unref();
    else if (isNew) this.#timer.refresh();
  }

  clear(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #passed(): void {
    if (this.#isPaused()) this.#timer?.refresh();
    else this.#onPassed();
  }
}
