import { AlphaPulseError } from "../protocol/errors.js";

/** What the command line says of its input: `USAGE` and `UNREADABLE` are the caller's, the others the data's. */
export type InputErrorCode = "USAGE" | "UNREADABLE" | "BAD_DIGITS" | "BAD_JSON";

/** A command that cannot be, or input that holds no messages to read. */
export class InputError extends AlphaPulseError {
  declare readonly code: InputErrorCode;

  constructor(code: InputErrorCode, message: string) {
    super(code, message);
  }

  /** Whether the command was wrong, not the data: exit 2 instead of 1. */
  get isUsage(): boolean {
    return this.code === "USAGE" || this.code === "UNREADABLE";
  }
}

/** Why a file cannot be read or written, in the system's words. */
export function unreadable(file: string, error: unknown): InputError {
  const said = error instanceof Error ? error.message : String(error);
  return new InputError("UNREADABLE", `${file}: ${said}`);
}
