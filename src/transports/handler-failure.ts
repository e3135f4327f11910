import { AlphaPulseError } from "../protocol/errors.js";

/** What ends a link whose handler threw. */
export function handlerFailure(peer: string, thrown: unknown): AlphaPulseError {
  const said = thrown instanceof Error ? thrown.message : String(thrown);
  return new AlphaPulseError("HANDLER_FAILED", `${peer}: a handler threw: ${said}`, { cause: thrown });
}

/** Where nobody is left to be told: an uncaught exception, so that it is never silent. */
export function raise(thrown: unknown): void {
  queueMicrotask(() => {
    throw thrown;
  });
}
