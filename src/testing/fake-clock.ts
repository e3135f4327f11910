import { type Clock, ReplayClock } from "../protocol/clock.js";
import { AlphaPulseError } from "../protocol/errors.js";

/** A clock in a test's hand. It stands until it is told, and may go back, as a machine's clock can. */
export interface FakeClock extends Clock {
  /** Goes to this time. @param us whole microseconds since the Unix epoch @throws AlphaPulseError BAD_OPTION */
  set(us: number): void;
  /** Goes on by this much. @param us whole microseconds, at least 0 @throws AlphaPulseError BAD_OPTION */
  advanceBy(us: number): void;
}

/**
 * A clock for whatever takes one, such as a `TLVBuilder`.
 * @param startUs whole microseconds since the Unix epoch
 * @throws AlphaPulseError BAD_OPTION
 */
export function fakeClock(startUs = 0): FakeClock {
  let clock = standingAt(startUs);
  return {
    nowUs: () => clock.nowUs(),
    nowNs: () => clock.nowNs(),
    set(us) {
      clock = standingAt(us);
    },
    advanceBy(us) {
      checkUs(us);
      clock = standingAt(clock.nowUs() + us);
    },
  };
}

/** A replay's clock never goes back: each earlier time needs a new one. */
function standingAt(us: number): ReplayClock {
  checkUs(us);
  const clock = new ReplayClock();
  clock.advance(us);
  return clock;
}

function checkUs(us: number): void {
  if (Number.isSafeInteger(us) && us >= 0) return;
  throw new AlphaPulseError("BAD_OPTION", `fakeClock: ${String(us)} is no time: whole microseconds from 0 to 2^53 - 1`);
}
