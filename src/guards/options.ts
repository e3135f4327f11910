import { AlphaPulseError } from "../protocol/errors.js";

/** A whole number within bounds. @throws AlphaPulseError BAD_OPTION */
export function whole(owner: string, name: string, value: number, least: number, most: number): number {
  if (Number.isSafeInteger(value) && value >= least && value <= most) return value;
  throw badOption(owner, name, value, `a whole number from ${least} to ${most}`);
}

/** A length of time. Infinity where it may be. @throws AlphaPulseError BAD_OPTION */
export function milliseconds(owner: string, name: string, value: number, least = 0): number {
  if (typeof value === "number" && value >= least) return value;
  throw badOption(owner, name, value, `a number of ms from ${least} on`);
}

/** A part of a whole, 0 to 1. @throws AlphaPulseError BAD_OPTION */
export function share(owner: string, name: string, value: number): number {
  if (typeof value === "number" && value >= 0 && value <= 1) return value;
  throw badOption(owner, name, value, "a share from 0 to 1");
}

/** Something to call, where there is one. @throws AlphaPulseError BAD_OPTION */
export function callable<T>(owner: string, name: string, value: T): T {
  if (value === undefined || typeof value === "function") return value;
  throw badOption(owner, name, value, "a function");
}

function badOption(owner: string, name: string, value: unknown, expected: string): AlphaPulseError {
  return new AlphaPulseError("BAD_OPTION", `${owner}: ${name} ${String(value)} is not ${expected}`);
}
