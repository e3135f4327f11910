import { AlphaPulseError } from "../protocol/errors.js";

/** A call that a circuit breaker did not let through; code `CIRCUIT_OPEN`. */
export class CircuitOpenError extends AlphaPulseError {
  /** In how many ms it is worth asking again. */
  readonly retryMs: number;

  constructor(retryMs: number) {
    super("CIRCUIT_OPEN", `too many calls failed, this one was not made: ask again in ${Math.ceil(retryMs)} ms`);
    this.retryMs = retryMs;
  }
}
