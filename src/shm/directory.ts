import { lstatSync, mkdirSync, type Stats } from "node:fs";
import { isAbsolute, join } from "node:path";
import { AlphaPulseError } from "../protocol/errors.js";
import { systemCode } from "./native.js";

const NAME = /^[A-Za-z0-9._-]{1,64}$/;
/** For whom a directory must not be writable: its group and all others. */
const FOREIGN_WRITE = 0o022;

/** Where a ring of this name lies. @throws AlphaPulseError BAD_NAME, BAD_DIRECTORY */
export function pathOf(name: string, directory: string | undefined): string {
  if (typeof name !== "string" || !NAME.test(name) || name === "." || name === "..") {
    throw new AlphaPulseError(
      "BAD_NAME",
      `a ring's name is 1 to 64 letters, figures, dots, _ or -, not ${JSON.stringify(name)}`,
    );
  }
  if (directory !== undefined && (typeof directory !== "string" || !isAbsolute(directory))) {
    throw badDirectory(JSON.stringify(directory), "is no absolute path");
  }
  return join(directory ?? ownDirectory(`/dev/shm/alphapulse-${process.getuid?.()}`), name);
}

/** A directory that this user alone may write to; made where it is not there. @throws AlphaPulseError BAD_DIRECTORY */
export function ownDirectory(path: string): string {
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (cause) {
    if (systemCode(cause) !== "EEXIST") throw badDirectory(path, `cannot be made (${systemCode(cause)})`, cause);
  }
  const why = objectionTo(lstatSync(path));
  if (why !== undefined) throw badDirectory(path, why);
  return path;
}

function objectionTo(status: Stats): string | undefined {
  if (status.isSymbolicLink()) return "is a symbolic link";
  if (!status.isDirectory()) return "is no directory";
  if (status.uid !== process.getuid?.()) return `belongs to user ${status.uid}`;
  if ((status.mode & FOREIGN_WRITE) !== 0) return "is open to writers of other users";
  return undefined;
}

function badDirectory(path: string, why: string, cause?: unknown): AlphaPulseError {
  const text = `${path} ${why}: mend that, or name another \`directory\``;
  return new AlphaPulseError("BAD_DIRECTORY", text, { cause });
}
