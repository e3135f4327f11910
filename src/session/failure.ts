import { AlphaPulseError } from "../protocol/errors.js";

/** Tells how a connection failed: as an uncaught exception where nobody is told. */
export function tellFailure(error: AlphaPulseError, onFailure: ((error: AlphaPulseError) => void) | undefined): void {
  if (onFailure !== undefined) onFailure(error);
  else
    queueMicrotask(() => {
      throw error;
    });
}

/**
 * The error of a connection that ended with messages of its own that are not known to have arrived.
 * @param failure what ended it; undefined where it was closed, or its relay was
 */
export function lossError(failure: AlphaPulseError | undefined, count: number, peer: string): AlphaPulseError {
  const lost = `${count} messages that were kept are lost`;
  if (failure === undefined) return new AlphaPulseError("UNSENT", `${peer} is not known to have got all: ${lost}`);
  if (failure.code !== "RECONNECT_FAILED") return failure;
  return new AlphaPulseError(failure.code, `${failure.message}; ${lost}`, { cause: failure.cause });
}
