import { AlphaPulseError } from "../protocol/errors.js";

/** A call that is to come. */
export interface Timer {
  /** It will not come (again). */
  cancel(): void;
}

/** An actor's timers. They run on its clock: in a replay they fire in the recording's time. */
export interface Timers {
  /** Calls once, `ms` milliseconds from now (fractions count). */
  after(ms: number, call: () => void): Timer;
  /** Calls again and again, first `ms` milliseconds from now. */
  every(ms: number, call: () => void): Timer;
}

interface Entry extends Timer {
  dueUs: number;
  /** Ties go in the order in which they were set. */
  order: number;
  readonly periodUs: number;
  readonly call: () => void;
  cancelled: boolean;
}

const TIMERS_MAX = 1_000_000;
/** Up to so many cancelled ones simply wait until their time has come. */
const CANCELLED_KEPT = 1_024;

/** Timers in the order of their time, over any clock: a binary heap. Whoever owns it says when time has come. */
export class TimerQueue implements Timers {
  #heap: Entry[] = [];
  /** How many of the heap were cancelled. */
  #cancelled = 0;
  readonly #nowUs: () => number;
  readonly #onEarlier: () => void;
  #order = 0;

  /**
   * @param nowUs the clock
   * @param onEarlier called when a timer is set that is due before all others
   */
  constructor(nowUs: () => number, onEarlier: () => void = () => {}) {
    this.#nowUs = nowUs;
    this.#onEarlier = onEarlier;
  }

  after(ms: number, call: () => void): Timer {
    return this.#add(ms, 0, call);
  }

  every(ms: number, call: () => void): Timer {
    if (!(ms > 0)) throw new AlphaPulseError("BAD_OPTION", `timers.every: ${ms} ms is not above 0`);
    return this.#add(ms, Math.max(1, Math.round(ms * 1000)), call);
  }

  /** When the next one is due in microseconds; undefined where there is none. */
  get nextUs(): number | undefined {
    while (this.#heap[0]?.cancelled === true) {
      this.#pop();
      this.#cancelled--;
    }
    return this.#heap[0]?.dueUs;
  }

  /**
   * Calls the next timer that is due by `us`, if there is one.
   * @param before called with its time just before it
   * @returns whether one was called
   */
  fireNext(us: number, before: (dueUs: number) => void): boolean {
    const dueUs = this.nextUs;
    if (dueUs === undefined || dueUs > us) return false;
    const entry = this.#pop() as Entry;
    before(dueUs);
    if (entry.periodUs > 0) {
      entry.dueUs = dueUs + entry.periodUs;
      entry.order = this.#order++;
      this.#push(entry);
    } else {
      entry.cancelled = true;
    }
    entry.call();
    return true;
  }

  /** Time begins: what was set before it did counts from here. */
  rebase(us: number): void {
    for (const entry of this.#heap) entry.dueUs += us;
  }

  /** Forgets all. */
  clear(): void {
    for (const entry of this.#heap) entry.cancelled = true;
    this.#heap.length = 0;
    this.#cancelled = 0;
  }

  #cancel(entry: Entry): void {
    if (entry.cancelled) return;
    entry.cancelled = true;
    this.#cancelled++;
    if (this.#cancelled <= CANCELLED_KEPT || this.#cancelled * 2 <= this.#heap.length) return;
    // Most of the heap is waste. In order, what is left is a heap as well.
    this.#heap = this.#heap.filter((other) => !other.cancelled).sort((a, b) => (isBefore(a, b) ? -1 : 1));
    this.#cancelled = 0;
  }

  #add(ms: number, periodUs: number, call: () => void): Timer {
    if (!(ms >= 0)) throw new AlphaPulseError("BAD_OPTION", `a timer of ${ms} ms cannot be`);
    if (this.#heap.length >= TIMERS_MAX)
      throw new AlphaPulseError("TOO_MANY_TIMERS", `more than ${TIMERS_MAX} timers wait`);
    const entry: Entry = {
      dueUs: this.#nowUs() + Math.round(ms * 1000),
      order: this.#order++,
      periodUs,
      call,
      cancelled: false,
      cancel: () => this.#cancel(entry),
    };
    this.#push(entry);
    if (this.#heap[0] === entry) this.#onEarlier();
    return entry;
  }

  #push(entry: Entry): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(entry);
    while (at > 0) {
      const up = (at - 1) >> 1;
      const parent = heap[up] as Entry;
      if (!isBefore(entry, parent)) break;
      heap[at] = parent;
      at = up;
    }
    heap[at] = entry;
  }

  #pop(): Entry | undefined {
    const heap = this.#heap;
    const top = heap[0];
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return top;
    let at = 0;
    for (;;) {
      let child = at * 2 + 1;
      if (child >= heap.length) break;
      const right = heap[child + 1];
      if (right !== undefined && isBefore(right, heap[child] as Entry)) child++;
      const smaller = heap[child] as Entry;
      if (!isBefore(smaller, last)) break;
      heap[at] = smaller;
      at = child;
    }
    heap[at] = last;
    return top;
  }
}

function isBefore(a: Entry, b: Entry): boolean {
  return a.dueUs < b.dueUs || (a.dueUs === b.dueUs && a.order < b.order);
}
