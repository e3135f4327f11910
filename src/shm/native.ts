import { createRequire } from "node:module";
import type * as addon from "alphapulse-native-shm";
import { AlphaPulseError } from "../protocol/errors.js";

/** The functions of the addon. */
export type Native = typeof addon;

let loaded: Native | undefined;

/** The addon, loaded when it is first needed. @throws AlphaPulseError UNSUPPORTED, NATIVE_MISSING */
export function native(): Native {
  loaded ??= load();
  return loaded;
}

function load(): Native {
  requireLinux("memory between processes and the placement of threads");
  try {
    return createRequire(import.meta.url)("alphapulse-native-shm") as Native;
  } catch (cause) {
    throw new AlphaPulseError(
      "NATIVE_MISSING",
      "the native addon is not there: npm install alphapulse-native-shm, or in the repository npm run build:native " +
        `(${cause instanceof Error ? cause.message.split("\n")[0] : cause})`,
      { cause },
    );
  }
}

/** @throws AlphaPulseError UNSUPPORTED on every other system */
export function requireLinux(what: string): void {
  if (process.platform === "linux") return;
  throw new AlphaPulseError("UNSUPPORTED", `${what} need Linux, this is ${process.platform}`);
}

/** The word that the system has for an error of the addon or of Node, such as ENOENT. */
export function systemCode(error: unknown): string | undefined {
  return error instanceof Error && "code" in error ? String(error.code) : undefined;
}
