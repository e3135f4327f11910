import type { TimeOptions } from "../actor/host.js";
import type { LogLine } from "../actor/log.js";
import type { RuntimeOptions, RuntimeStats } from "../actor/runtime.js";
import { AlphaPulseError } from "../protocol/errors.js";

// What a pipeline and the thread or process of one of its actors say to each other, beside the messages of the actors.

/** Set where an actor of a pipeline runs in a thread or process of its own. */
export const IN_RUNNER: unique symbol = Symbol.for("alphapulse.runner");

/** An error as it crosses a border. */
export interface PlainError {
  readonly code: string;
  readonly message: string;
}

/** Everything that a runner needs to run its actor. Relays are given by their addresses. */
export interface RunnerInit {
  readonly url: string;
  readonly options: Omit<RuntimeOptions, "relays"> & { readonly relays: Readonly<Record<string, string>> };
  readonly time: TimeOptions;
}

/** From the pipeline to a runner. Each is answered by a reply with its id. */
export type RunnerRequest = { readonly id: number } & (
  | { readonly kind: "prepare"; readonly init: RunnerInit }
  | { readonly kind: "start" }
  | { readonly kind: "run" }
  | { readonly kind: "stats" }
  | { readonly kind: "advance"; readonly us: number }
  | { readonly kind: "stopSources" }
  | { readonly kind: "snapshot" }
  | { readonly kind: "stop" }
  | { readonly kind: "close" }
);

/** What a runner knows of itself. */
export interface RunnerStats extends RuntimeStats {
  /** Its clock. */
  readonly nowUs: number;
}

/** From a runner to its pipeline. */
export type RunnerEvent =
  | { readonly kind: "reply"; readonly id: number; readonly value?: unknown; readonly error?: PlainError }
  | { readonly kind: "log"; readonly line: LogLine }
  | { readonly kind: "failed"; readonly error: PlainError }
  | { readonly kind: "finished" };

/** An error without its stack, for the way. */
export function plainError(error: unknown): PlainError {
  const message = error instanceof Error ? error.message : String(error);
  return { code: error instanceof AlphaPulseError ? error.code : "ACTOR_FAILED", message };
}
