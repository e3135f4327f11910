import { AlphaPulseError } from "../protocol/errors.js";

/** What can stand in the way of an upgrade. */
export type LegacyErrorCode = "NO_UPGRADE" | "LOSSY_UPGRADE";

/** A message of the first protocol version that has no counterpart here, or none without a loss. */
export class LegacyError extends AlphaPulseError {
  declare readonly code: LegacyErrorCode;

  /** @param detail what went wrong and what to do about it */
  constructor(code: LegacyErrorCode, detail: string) {
    super(code, detail);
  }
}
