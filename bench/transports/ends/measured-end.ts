import { type Latency, latencyOf, outOfSequence, type Span, sharedNs, spanOf } from "../../links/measured.js";
import type { Loops, Received, Wire } from "../link.js";
import { MESSAGE_MASK } from "../messages.js";

/** After so long without a message, what has not come is lost. */
const SILENT_MS = 1_000;
const LOOKS = 10;
/** A pace that fell behind is caught up with in parts, not in one flood. */
const CATCH_UP_MAX = 256;

/** Sends and receives messages, and checks their order: the same for every way of sending. */
export class MeasuredEnd {
  readonly #wire: Wire;
  readonly #silentMs: number;
  /** Messages that came since the order began, and of those that are missing, as far as the order tells. */
  #count = 0;
  #missing = 0;
  #mayLose = false;
  #lastAt = 0;
  #came: () => void = () => {};
  #fail: (error: Error) => void = () => {};
  #failure: Error | undefined;

  constructor(wire: Wire, silentMs = SILENT_MS) {
    this.#wire = wire;
    this.#silentMs = silentMs;
    wire.onMessage = (found) => this.#take(found);
    wire.onFailed = (error) => this.#failed(error);
  }

  /** Sends so many, at this pace or (Infinity) as fast as it may. */
  send(count: number, perSecond: number): Promise<Span> {
    return spanOf(() =>
      perSecond === Number.POSITIVE_INFINITY ? this.#sendAll(count) : this.#sendPaced(count, perSecond),
    );
  }

  /** Receives so many; with losses, those that come before it is silent. */
  receive(count: number, isLossless: boolean): Promise<Received> {
    return this.#until<Received>(!isLossless, (resolve, reject) => {
      const end = (): void => resolve({ end: this.#lastAt, count: this.#count });
      const timer = isLossless ? undefined : this.#whenSilent(end);
      this.#came = () => {
        // A reading of the clock for each would slow the fastest down.
        if (this.#count < count && (this.#count & 63) !== 0) return;
        this.#lastAt = sharedNs();
        if (this.#count < count) return;
        clearInterval(timer);
        if (this.#missing === 0) end();
        else reject(new Error(`all ${count} messages came, but not in order`));
      };
    });
  }

  /** Sends one message at a time and awaits its answer. */
  ask(count: number, loops: Loops): Promise<Latency> {
    const times = new Float64Array(count);
    return this.#turning(loops, () =>
      this.#until<Latency>(false, (resolve) => {
        let start = performance.now();
        this.#came = () => {
          const now = performance.now();
          times[this.#count - 1] = (now - start) * 1e6;
          if (this.#count === count) return resolve(latencyOf(times));
          start = performance.now();
          void this.#wire.send(this.#count);
        };
        void this.#wire.send(0);
      }),
    );
  }

  /** Answers so many. */
  answer(count: number, loops: Loops): Promise<void> {
    return this.#turning(loops, () =>
      this.#until<void>(false, (resolve) => {
        this.#came = () => {
          const sending = this.#wire.send(this.#count - 1);
          if (this.#count === count) void Promise.resolve(sending).then(() => resolve());
        };
      }),
    );
  }

  async close(): Promise<void> {
    this.#wire.onFailed = () => {};
    await this.#wire.close?.();
  }

  async #sendAll(count: number): Promise<void> {
    for (let ordinal = 0; ordinal < count; ordinal++) {
      const waiting = this.#wire.send(ordinal);
      if (waiting !== undefined) await waiting;
    }
  }

  async #sendPaced(count: number, perSecond: number): Promise<void> {
    const start = performance.now();
    for (let ordinal = 0; ordinal < count; ) {
      const due = Math.min(count, Math.ceil(((performance.now() - start) * perSecond) / 1e3), ordinal + CATCH_UP_MAX);
      for (; ordinal < due; ordinal++) {
        const waiting = this.#wire.send(ordinal);
        if (waiting !== undefined) await waiting;
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** An order that ends with the messages, or with the wire. */
  #until<Result>(
    mayLose: boolean,
    begin: (resolve: (result: Result) => void, reject: (error: Error) => void) => void,
  ): Promise<Result> {
    this.#count = 0;
    this.#missing = 0;
    this.#mayLose = mayLose;
    return new Promise((resolve, reject) => {
      this.#fail = reject;
      if (this.#failure === undefined) begin(resolve, reject);
      else reject(this.#failure);
    });
  }

  #take(found: number): void {
    const expected = (this.#count + this.#missing) & MESSAGE_MASK;
    if (found !== expected) {
      if (!this.#mayLose) return this.#failed(outOfSequence(expected, found));
      this.#missing += (found - expected) & MESSAGE_MASK;
    }
    this.#count++;
    this.#came();
  }

  #failed(error: Error): void {
    this.#failure = error;
    this.#fail(error);
  }

  /** Calls back once nothing has come for a while. */
  #whenSilent(then: () => void): NodeJS.Timeout {
    let seen = 0;
    let looks = 0;
    const timer = setInterval(() => {
      looks = seen === this.#count ? looks + 1 : 0;
      seen = this.#count;
      if (looks < LOOKS) return;
      clearInterval(timer);
      then();
    }, this.#silentMs / LOOKS);
    return timer;
  }

  /** Keeps the event loop going meanwhile, where it shall be hot. */
  async #turning<Result>(loops: Loops, work: () => Promise<Result>): Promise<Result> {
    let isOver = loops === "idle";
    const turn = (): void => {
      if (!isOver) setImmediate(turn);
    };
    turn();
    try {
      return await work();
    } finally {
      isOver = true;
    }
  }
}
