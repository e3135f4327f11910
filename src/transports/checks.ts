import { AlphaPulseError } from "../protocol/errors.js";

/** Something to call, where there is one. @throws AlphaPulseError BAD_OPTION */
export function checkCallable(name: string, value: unknown): void {
  if (value !== undefined && typeof value !== "function") throw badOption(name, value, "a function");
}

/** Yes or no, where it is said. @throws AlphaPulseError BAD_OPTION */
export function checkFlag(name: string, value: unknown): void {
  if (value !== undefined && typeof value !== "boolean") throw badOption(name, value, "true or false");
}

/** @throws AlphaPulseError BAD_OPTION */
export function checkSignal(value: unknown): void {
  const { addEventListener } = (value ?? {}) as Partial<AbortSignal>;
  if (value !== undefined && typeof addEventListener !== "function") throw badOption("signal", value, "an AbortSignal");
}

export function badOption(name: string, value: unknown, expected: string): AlphaPulseError {
  return new AlphaPulseError("BAD_OPTION", `${name} ${String(value)} is not ${expected}`);
}
