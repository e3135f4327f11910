import { AlphaPulseError } from "../protocol/errors.js";

/** What can be wrong with what a venue sent, or with what an adapter was asked. */
export type AdapterErrorCode =
  | "BAD_FRAME"
  | "VALUE_RANGE"
  | "FRAME_TOO_LARGE"
  | "AMBIGUOUS_SNAPSHOT"
  | "TOO_MANY_INSTRUMENTS"
  | "TOO_MANY_LEVELS";

/** A venue sent what its adapter can't take. The adapter counted it and goes on with the next frame. */
export class AdapterError extends AlphaPulseError {
  declare readonly code: AdapterErrorCode;
  /** The byte of the frame where reading stopped; undefined where no one byte is at fault. */
  readonly offset: number | undefined;

  /** @param detail what was wrong, in words */
  constructor(code: AdapterErrorCode, detail: string, offset?: number, options?: ErrorOptions) {
    super(code, offset === undefined ? detail : `${detail} at byte ${offset}`, options);
    this.offset = offset;
  }
}

/** What can be wrong with a recorded file. */
export type RecordingErrorCode =
  | "RECORDING_NOT_FOUND"
  | "RECORDING_UNREADABLE"
  | "RECORDING_EMPTY"
  | "RECORDING_CORRUPT"
  | "RECORDING_TRUNCATED"
  | "RECORDING_BAD_LINE"
  | "RECORDING_NO_TIME"
  | "RECORDING_TIME_BACKWARDS"
  | "RECORDING_LINE_TOO_LONG"
  | "RECORDING_UNKNOWN_MARKET";

/** A recording that can't be replayed, or not to its end. The message names file and line: no stack trace is needed to act on it. */
export class RecordingError extends AlphaPulseError {
  declare readonly code: RecordingErrorCode;
  /** The file as it was named. */
  readonly file: string;
  /** The line, from 1; undefined where the fault is not a line's. */
  readonly line: number | undefined;

  /** @param detail what is wrong, in words */
  constructor(
    code: RecordingErrorCode,
    file: string,
    line: number | undefined,
    detail: string,
    options?: ErrorOptions,
  ) {
    super(code, `${file}${line === undefined ? "" : `, line ${line}`}: ${detail}`, options);
    this.file = file;
    this.line = line;
  }
}
