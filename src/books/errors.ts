import { AlphaPulseError } from "../protocol/errors.js";

/** What can be wrong in the use of a book. */
export type BookErrorCode = "NO_LEVEL" | "TOO_MANY_LEVELS" | "WRONG_INSTRUMENT";

/** A book was asked for what it does not hold, or given what it must not take. */
export class BookError extends AlphaPulseError {
  declare readonly code: BookErrorCode;

  /** @param detail what went wrong and what to do about it */
  constructor(code: BookErrorCode, detail: string) {
    super(code, detail);
  }
}
