import { type Clock, LiveClock, ReplayClock } from "../protocol/clock.js";
import { AlphaPulseError } from "../protocol/errors.js";
import { refusePromise } from "../session/subscription.js";
import { type Timer, TimerQueue, type Timers } from "./timers.js";

/** How the time of a pipeline goes. */
export interface TimeOptions {
  /** `live`: the wall clock. `replay`: the clock of what is replayed, which stands still between its events. */
  readonly clock: "live" | "replay";
  /** How many times as fast as it was recorded a replay goes; `max`: as fast as it can. */
  readonly speed: number | "max";
}

const TIMER_MS_MAX = 2 ** 30;
/** Events of sources between two looks at the rest of the event loop. */
const EVENTS_PER_TURN = 32;

/** What a host runs sources of. */
export interface SourceRun {
  readonly events: AsyncIterable<readonly { readonly atUs: number }[]>;
  on(event: { readonly atUs: number }): void;
  /** Resolves when the actor may go on, after an output with no room; undefined where it may at once. */
  waiting(): Promise<void> | undefined;
  finished(): void;
  /** Its events ended with an error. */
  failed(error: unknown): void;
}

interface Feed {
  readonly run: SourceRun;
  readonly iterator: AsyncIterator<readonly { readonly atUs: number }[]>;
  batch: readonly { readonly atUs: number }[];
  index: number;
  /** The time of its last event. */
  lastUs: number;
}

/**
 * One thread's share of a pipeline: its clock, its timers, its feeds and the queue of its relays. In a replay time
 * goes from event to event: timers that are due come before the event, and everything that an event causes within the
 * thread is done before the next one.
 */
export class Host {
  readonly clock: Clock;
  readonly time: TimeOptions;
  readonly #replay: ReplayClock | undefined;
  readonly #timers: TimerQueue;
  readonly #tasks: (() => void)[] = [];
  #taskCount = 0;
  readonly #feeds: Feed[] = [];
  #draining = false;
  /** Whether a microtask waits to drain: one at most, however often it was done before. */
  #willDrain = false;
  readonly #drainLater = (): void => {
    this.#willDrain = false;
    this.drain();
  };
  #alarm: NodeJS.Timeout | undefined;
  #stopped = false;
  #paceFromUs: number | undefined;
  #paceFromMs = 0;
  /** Ends the wait for the next event's time. */
  #endWait: () => void = () => {};

  constructor(time: TimeOptions) {
    this.time = time;
    this.#replay = time.clock === "replay" ? new ReplayClock() : undefined;
    this.clock = this.#replay ?? new LiveClock();
    this.#timers = new TimerQueue(
      () => this.clock.nowUs(),
      () => this.#arm(),
    );
  }

  /** Timers for one actor: what they throw goes to `failed`. */
  timersFor(failed: (error: unknown) => void): Timers & { clear(): void } {
    const own = new Set<Timer>();
    const guard = (call: () => unknown, isOnce: boolean, self: () => Timer) => (): void => {
      if (isOnce) own.delete(self());
      try {
        refusePromise(call());
      } catch (error) {
        failed(error);
      }
    };
    const keep = (make: (self: () => Timer) => Timer): Timer => {
      const timer = make(() => timer);
      own.add(timer);
      return {
        cancel: () => {
          own.delete(timer);
          timer.cancel();
        },
      };
    };
    return {
      after: (ms, call) => keep((self) => this.#timers.after(ms, guard(call, true, self))),
      every: (ms, call) => keep((self) => this.#timers.every(ms, guard(call, false, self))),
      clear: () => {
        for (const timer of own) timer.cancel();
        own.clear();
      },
    };
  }

  /** Queues what a relay of this thread has to do. It is done before the next event, or at the end of this turn. */
  readonly schedule = (task: () => void): void => {
    this.#tasks[this.#taskCount++] = task;
    if (this.#willDrain) return;
    this.#willDrain = true;
    queueMicrotask(this.#drainLater);
  };

  /** Does all that is queued, and what that queues, in order. */
  drain(): void {
    if (this.#draining) return;
    this.#draining = true;
    try {
      for (let i = 0; i < this.#taskCount; i++) (this.#tasks[i] as () => void)();
    } finally {
      this.#taskCount = 0;
      this.#draining = false;
    }
  }

  /** In a replay: time has come to here, because an event or a message says so. Timers due by then are called first. */
  advanceTo(us: number): void {
    const clock = this.#replay;
    if (clock === undefined || us <= clock.nowUs()) return;
    if (clock.nowUs() === 0) this.#timers.rebase(us);
    else {
      const nextUs = this.#timers.nextUs;
      if (nextUs !== undefined && nextUs <= us) this.#fireUpTo(us, clock);
    }
    clock.advance(us);
  }

  /** Adds a source: {@link Host.run} takes its events. */
  addSource(run: SourceRun): void {
    this.#feeds.push({ run, iterator: run.events[Symbol.asyncIterator](), batch: [], index: 0, lastUs: 0 });
  }

  /** Runs all sources until they end, in a replay merged by time. */
  async run(): Promise<void> {
    if (this.time.clock === "live") {
      await Promise.all(this.#feeds.map((feed) => this.#runLive(feed)));
      return;
    }
    let events = 0;
    let open = [...this.#feeds];
    while (!this.#stopped) {
      for (const feed of open) await this.#fill(feed);
      open = open.filter((feed) => feed.batch.length > 0);
      const next = earliest(open);
      if (next === undefined) return;
      // Until a batch ends, no source can bring anything that is not known here.
      while (!this.#stopped) {
        const feed = open.length === 1 ? next : (earliest(open) as Feed);
        if (feed.index === feed.batch.length) break;
        const event = feed.batch[feed.index++] as { readonly atUs: number };
        if (this.time.speed !== "max") await this.#pace(event.atUs, this.time.speed);
        if (this.#stopped) return;
        this.advanceTo(event.atUs);
        feed.run.on(event);
        this.drain();
        const waiting = feed.run.waiting();
        if (waiting !== undefined) await waiting;
        if (++events % EVENTS_PER_TURN === 0) await new Promise((resolve) => setImmediate(resolve));
        if (feed.index === feed.batch.length) break;
      }
    }
  }

  /** Ends the sources. */
  async stopSources(): Promise<void> {
    this.#stopped = true;
    this.#endWait();
    await Promise.all(this.#feeds.map(({ iterator }) => iterator.return?.()));
  }

  /** Forgets all timers. */
  close(): void {
    this.#stopped = true;
    this.#endWait();
    this.#timers.clear();
    clearTimeout(this.#alarm);
  }

  async #runLive(feed: Feed): Promise<void> {
    while (!this.#stopped) {
      await this.#fill(feed);
      if (feed.batch.length === 0) return;
      while (feed.index < feed.batch.length && !this.#stopped) {
        feed.run.on(feed.batch[feed.index++] as { readonly atUs: number });
        this.drain();
        const waiting = feed.run.waiting();
        if (waiting !== undefined) await waiting;
      }
    }
  }

  /** Takes the next batch where the last one is used up; an empty batch afterwards means the end. */
  async #fill(feed: Feed): Promise<void> {
    while (feed.index >= feed.batch.length) {
      feed.index = 0;
      feed.batch = [];
      try {
        const next = await feed.iterator.next();
        if (next.done !== true) {
          feed.batch = checkedBatch(next.value, feed.lastUs);
          feed.lastUs = feed.batch.at(-1)?.atUs ?? feed.lastUs;
          continue;
        }
        feed.run.finished();
      } catch (error) {
        feed.run.failed(error);
      }
      return;
    }
  }

  /** Waits until it is time for what happened at `us`, calling timers on the way. */
  async #pace(us: number, speed: number): Promise<void> {
    if (this.#paceFromUs === undefined) {
      this.#paceFromUs = us;
      this.#paceFromMs = performance.now();
      this.advanceTo(us);
    }
    const from = this.#paceFromUs;
    for (;;) {
      const target = Math.min(us, this.#timers.nextUs ?? us);
      const waitMs = this.#paceFromMs + (target - from) / 1000 / speed - performance.now();
      if (waitMs > 0 && !this.#stopped) await this.#wait(Math.min(waitMs, TIMER_MS_MAX));
      if (target >= us || this.#stopped) return;
      this.advanceTo(target);
      this.drain();
    }
  }

  #wait(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#endWait = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #fireUpTo(us: number, clock: ReplayClock): void {
    while (this.#timers.fireNext(us, (dueUs) => clock.advance(dueUs))) this.drain();
  }

  /** Live: sets the alarm for the next timer. */
  #arm(): void {
    if (this.#replay !== undefined) return;
    clearTimeout(this.#alarm);
    const nextUs = this.#timers.nextUs;
    if (nextUs === undefined) return;
    const ms = Math.max(0, (nextUs - this.clock.nowUs()) / 1000);
    this.#alarm = setTimeout(
      () => {
        const now = this.clock.nowUs();
        while (this.#timers.fireNext(now, () => {})) this.drain();
        this.#arm();
      },
      Math.min(Math.ceil(ms), TIMER_MS_MAX),
    );
  }
}

/** Refuses what is no batch of events in the order of time. @throws AlphaPulseError BAD_FEED */
function checkedBatch<E extends { readonly atUs: number }>(batch: readonly E[], afterUs: number): readonly E[] {
  if (!Array.isArray(batch)) throw new AlphaPulseError("BAD_FEED", "a feed yields batches: arrays of events");
  let lastUs = afterUs;
  for (const event of batch) {
    const atUs: unknown = event?.atUs;
    if (!Number.isSafeInteger(atUs) || (atUs as number) < lastUs) {
      const shown = typeof atUs === "number" ? atUs : typeof atUs;
      throw new AlphaPulseError(
        "BAD_FEED",
        `an event's atUs is ${shown}: expected whole microseconds, at least ${lastUs}`,
      );
    }
    lastUs = atUs as number;
  }
  return batch;
}

function earliest(feeds: readonly Feed[]): Feed | undefined {
  let first: Feed | undefined;
  let firstUs = Number.POSITIVE_INFINITY;
  for (const feed of feeds) {
    const atUs = feed.batch[feed.index]?.atUs ?? Number.POSITIVE_INFINITY;
    if (atUs < firstUs) {
      first = feed;
      firstUs = atUs;
    }
  }
  return first;
}
