import { AlphaPulseError } from "../protocol/errors.js";

/** What a wait strategy sees of a reader. */
export interface Waiting {
  /** Whether there is something to poll. */
  readonly hasRecords: boolean;
  /** Whether the ring was closed. */
  readonly isClosed: boolean;
  /** Sleeps until there may be something, at most so long. */
  sleep(timeoutMs: number): void;
}

/** What a thread does while there is nothing to read. */
export interface WaitStrategy {
  /** For people: `spinThenBlock(5000)`. */
  readonly name: string;
  /** Returns true once there is something to poll; false where the ring is closed and empty, or the time is up. */
  wait(reader: Waiting, timeoutMs: number): boolean;
}

/** How often a spinning reader looks before it looks at the clock. */
const SPINS_PER_CLOCK = 1_024;
/** Some 50 us of looking: longer than it takes to wake another core, or two that wait for each other would both fall asleep. */
const SPINS_DEFAULT = 5_000;
const BACK_OFF_MS_MIN = 0.001;
const BACK_OFF_MS_MAX = 1;

/** Looks, and does nothing else: the least latency, for the price of a core. Only where there are more cores than spinners. */
export function busySpin(): WaitStrategy {
  return {
    name: "busySpin",
    wait(reader, timeoutMs) {
      const until = performance.now() + timeoutMs;
      for (;;) {
        for (let looks = 0; looks < SPINS_PER_CLOCK; looks++) if (reader.hasRecords) return true;
        if (reader.isClosed) return reader.hasRecords; // what was published before it was closed counts
        if (performance.now() >= until) return false;
      }
    },
  };
}

/** Looks so often, then lets others have the core between any two looks. */
export function spinThenYield(
  options: { readonly spins?: number; readonly yieldCore?: () => void } = {},
): WaitStrategy {
  const { spins = SPINS_DEFAULT, yieldCore = () => pause(BACK_OFF_MS_MIN) } = options;
  return spinThen(spins, `spinThenYield(${spins})`, () => yieldCore);
}

/** Looks so often, then pauses for longer and longer. No producer ever has to wake it. */
export function backOff(options: { readonly spins?: number; readonly pauseMsMax?: number } = {}): WaitStrategy {
  const { spins = SPINS_DEFAULT, pauseMsMax = BACK_OFF_MS_MAX } = options;
  if (!(pauseMsMax > 0)) throw new AlphaPulseError("BAD_OPTION", `pauseMsMax is more than 0 ms, not ${pauseMsMax}`);
  return spinThen(spins, `backOff(${spins}, ${pauseMsMax} ms)`, () => {
    let ms = BACK_OFF_MS_MIN;
    return () => {
      pause(ms);
      ms = Math.min(ms * 2, pauseMsMax);
    };
  });
}

/** Sleeps at once until a producer wakes it: no processor time, and some 20 us to wake up. */
export function blocking(): WaitStrategy {
  return spinThen(0, "blocking", () => sleep);
}

/** Looks so often, then sleeps until a producer wakes it: quick while there is traffic, and free while there is none. */
export function spinThenBlock(spins: number = SPINS_DEFAULT): WaitStrategy {
  return spinThen(spins, `spinThenBlock(${spins})`, () => sleep);
}

/**
 * The strategy for so many cores, by default those that this process may run on: where there is one, nothing spins, since the
 * producer needs it; where there are few, for no longer than waking up would take.
 */
export function waitStrategyFor(
  cores: number = process.getBuiltinModule("node:os").availableParallelism(),
): WaitStrategy {
  if (cores <= 1) return blocking();
  return spinThenBlock(cores <= 4 ? SPINS_DEFAULT : SPINS_DEFAULT * 10);
}

type Idle = (reader: Waiting, leftMs: number) => void;

function sleep(reader: Waiting, leftMs: number): void {
  reader.sleep(leftMs);
}

/** Looks `spins` times, then calls what `begin` gave between any two looks. Each wait begins anew. */
function spinThen(spins: number, name: string, begin: () => Idle): WaitStrategy {
  if (!Number.isInteger(spins) || spins < 0) {
    throw new AlphaPulseError("BAD_OPTION", `a reader looks a whole number of times before it waits, not ${spins}`);
  }
  return {
    name,
    wait(reader, timeoutMs) {
      for (let looks = 0; looks < spins; looks++) if (reader.hasRecords) return true;
      const idle = begin();
      const until = performance.now() + timeoutMs;
      for (;;) {
        if (reader.hasRecords) return true;
        if (reader.isClosed) return reader.hasRecords; // what was published before it was closed counts
        const leftMs = until - performance.now();
        if (leftMs <= 0) return false;
        idle(reader, leftMs);
      }
    },
  };
}

const cell = /* @__PURE__ */ new Int32Array(/* @__PURE__ */ new SharedArrayBuffer(4));

function pause(ms: number): void {
  Atomics.wait(cell, 0, 0, ms);
}
