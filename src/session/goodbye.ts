import { AlphaPulseError } from "../protocol/errors.js";
import { GoodbyeCode } from "../tlvs/codes.js";

/** The error that a Goodbye of each code is; any other is GOODBYE. */
const ERROR_CODES: Readonly<Record<number, string>> = {
  [GoodbyeCode.NotAuthorized]: "NOT_AUTHORIZED",
  [GoodbyeCode.ProtocolError]: "PROTOCOL",
  [GoodbyeCode.SlowConsumer]: "SLOW_CONSUMER",
  [GoodbyeCode.ShuttingDown]: "SHUTTING_DOWN",
  [GoodbyeCode.IdleTooLong]: "IDLE",
  [GoodbyeCode.TooManyConnections]: "TOO_MANY_CONNECTIONS",
  [GoodbyeCode.SourceInUse]: "SOURCE_IN_USE",
  [GoodbyeCode.NothingInCommon]: "NOTHING_IN_COMMON",
};

/** What does not change by trying again. */
const FINAL: ReadonlySet<string> = new Set([
  "ABORTED",
  "BAD_ADDRESS",
  "BAD_OPTION",
  "NOT_AUTHORIZED",
  "NOT_OFFERED",
  "NOTHING_IN_COMMON",
  "PROTOCOL",
  "REJECTED",
  "TOKEN_IN_CLEAR",
  "TOO_LARGE",
  "UNSUPPORTED",
  "NATIVE_MISSING",
  "VALUE_RANGE",
]);

/** What a Goodbye means. */
export function goodbyeError(peer: string, code: number, reason: string): AlphaPulseError {
  return new AlphaPulseError(ERROR_CODES[code] ?? "GOODBYE", `${peer} ended the session: ${reason} (Goodbye ${code})`);
}

/** Whether the token was refused, or has been revoked. */
export function isOfToken({ code }: AlphaPulseError): boolean {
  return code === "NOT_AUTHORIZED";
}

/**
 * Whether another attempt may go better.
 * @param wasOpen whether the connection has been open before: only then may its source be in use by its own lost link
 */
export function isWorthRetrying({ code }: AlphaPulseError, wasOpen: boolean): boolean {
  return !FINAL.has(code) && (wasOpen || code !== "SOURCE_IN_USE");
}
