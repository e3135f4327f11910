import { fstatSync, lstatSync, readFileSync, renameSync, rmSync, unlinkSync } from "node:fs";
import { dirname } from "node:path";
import type { Segment } from "alphapulse-native-shm";
import { AlphaPulseError } from "../protocol/errors.js";
import {
  CAPACITY_MAX,
  CLOSED_WORD,
  CREATOR_WORD,
  MAGIC,
  MAGIC_WORD,
  PLACE_COUNT,
  RING_HEADER_BYTES,
  type RingKind,
} from "../rings/layout.js";
import { formatRing, type RingOptions, ringBytes, ringCapacity } from "../rings/memory.js";
import { native, systemCode } from "./native.js";

// How a file with a ring comes to be, is attached to and is taken over.
//
// Who has the file open holds its place ATTACHED, shared. So a ring is stale where no place is locked, and who locks all
// places exclusively is alone with it, until it lets go. A ring gets its name when it is whole: a file is made without a
// name, formatted, attached to and then linked. Who opened a file looks afterwards whether the name still leads there.

const ATTACHED_PLACE = PLACE_COUNT;
const ALL_PLACES = PLACE_COUNT + 1;

/** How long a race for a name may last: each round is a few system calls. */
const RACE_MS_MAX = 1_000;

/** What becomes of a ring of the name that nobody uses any more. */
export type StalePolicy = "refuse" | "join" | "replace";

/** How a file is made. */
export interface RingFileOptions extends RingOptions {
  readonly mode: number;
  readonly stale: StalePolicy;
}

/** Attaches to the ring of this path. @throws AlphaPulseError NO_RING, BAD_RING, RING_IN_USE, SHARED_MEMORY_FAILED */
export function openRing(path: string, kind: RingKind): Segment {
  return raced(path, () => {
    const segment = openFile(path);
    if (segment === undefined) throw new AlphaPulseError("NO_RING", `there is no ring ${path}: create it first`);
    return keptIf(segment, () => {
      if (!native().lockPlaces(segment, ATTACHED_PLACE, 1, true) || !isNamed(segment, path)) return false;
      checkRing(segment, path, kind);
      return true;
    });
  });
}

/**
 * Makes the ring of this path, or takes it over as told where it is stale.
 *
 * @throws AlphaPulseError RING_EXISTS, BAD_RING, BAD_DIRECTORY, RING_IN_USE, SHARED_MEMORY_FAILED
 */
export function createRing(path: string, kind: RingKind, options: RingFileOptions): Segment {
  return raced(path, () => {
    const found = openFile(path);
    if (found === undefined) return makeRing(path, kind, options, native().linkSegment);
    if (options.stale === "join")
      return keptIf(found, () => seize(found, path, options) && join(found, path, kind, options));
    try {
      if (!isRing(found.buffer))
        throw new AlphaPulseError("BAD_RING", `${path} holds no ring: remove it, or choose another name`);
      if (!seize(found, path, options)) return undefined;
      return makeRing(path, kind, options, replaceName);
    } finally {
      native().closeSegment(found);
    }
  });
}

/** Takes the name away, if it leads to this segment. */
export function unlinkRing(segment: Segment, path: string): void {
  if (isNamed(segment, path)) unlinkSync(path);
}

/** Takes the name away from a ring that nobody uses any more; one that is in use stays, and what is no ring. */
export function removeStaleRing(path: string): void {
  const segment = openFile(path);
  if (segment === undefined) return;
  try {
    if (isRing(segment.buffer) && native().lockPlaces(segment, 0, ALL_PLACES, false)) unlinkRing(segment, path);
  } finally {
    native().closeSegment(segment);
  }
}

/** Tries until an attempt gives something. @throws AlphaPulseError RING_IN_USE when that takes too long */
function raced(path: string, attempt: () => Segment | undefined): Segment {
  const giveUpAt = performance.now() + RACE_MS_MAX;
  const never = new Int32Array(new SharedArrayBuffer(4));
  for (;;) {
    const segment = attempt();
    if (segment !== undefined) return segment;
    if (performance.now() > giveUpAt) {
      throw new AlphaPulseError(
        "RING_IN_USE",
        `${path} is being taken over for more than ${RACE_MS_MAX} ms: try again`,
      );
    }
    Atomics.wait(never, 0, 0, 1);
  }
}

/** The segment if the condition holds; else, or where it throws, it is closed. */
function keptIf(segment: Segment, holds: () => boolean): Segment | undefined {
  let isKept = false;
  try {
    isKept = holds();
  } finally {
    if (!isKept) native().closeSegment(segment);
  }
  return isKept ? segment : undefined;
}

/** A new ring under this name; undefined where somebody else was faster. */
function makeRing(
  path: string,
  kind: RingKind,
  options: RingFileOptions,
  name: (segment: Segment, path: string) => void,
): Segment | undefined {
  const segment = makeFile(dirname(path), ringBytes(options), options.mode);
  return keptIf(segment, () => {
    formatRing(segment.buffer, kind, options);
    signAsCreator(segment.buffer);
    native().lockPlaces(segment, ATTACHED_PLACE, 1, true);
    try {
      name(segment, path);
      return true;
    } catch (cause) {
      if (systemCode(cause) === "EEXIST") return false;
      throw failure(path, cause);
    }
  });
}

/** Puts a segment in the place of the ring that this thread has seized: there is no moment without one. */
function replaceName(segment: Segment, path: string): void {
  const spare = `${path}~`; // is no ring's name; one that is there was left by who died right here
  rmSync(spare, { force: true });
  native().linkSegment(segment, spare);
  renameSync(spare, path);
}

/**
 * Locks all places of a file that is in the way, so that nobody else attaches. False where it has lost its name meanwhile.
 *
 * @throws AlphaPulseError RING_EXISTS where it lives, or is to be refused
 */
function seize(found: Segment, path: string, { stale }: RingFileOptions): boolean {
  const creator = `made by process ${creatorOf(found.buffer)}`;
  const { arePlacesLocked, lockPlaces } = native();
  if (stale === "refuse" && !arePlacesLocked(found, 0, ALL_PLACES)) {
    throw new AlphaPulseError(
      "RING_EXISTS",
      `${path} is left over (${creator}), and nobody uses it: create it with stale: "join" to go on with it, or with ` +
        'stale: "replace" to begin anew',
    );
  }
  if (stale === "refuse" || !lockPlaces(found, 0, ALL_PLACES, false)) {
    throw new AlphaPulseError("RING_EXISTS", `${path} is in use (${creator}): open it, or choose another name`);
  }
  return isNamed(found, path);
}

/** Goes on with a ring that was seized: its positions stay, and it is open again if it was closed. */
function join(found: Segment, path: string, kind: RingKind, { capacityBytes }: RingFileOptions): boolean {
  const capacity = checkRing(found, path, kind);
  if (capacity !== capacityBytes) {
    const text = `${path} is left over with ${capacity} bytes, not ${capacityBytes}: replace it, or choose another name`;
    throw new AlphaPulseError("BAD_RING", text);
  }
  Atomics.store(new Int32Array(found.buffer), CLOSED_WORD, 0);
  signAsCreator(found.buffer);
  native().lockPlaces(found, ATTACHED_PLACE, 1, true); // what was exclusive is shared
  native().unlockPlaces(found, 0, PLACE_COUNT);
  return true;
}

function makeFile(directory: string, byteLength: number, mode: number): Segment {
  try {
    return native().createSegment(directory, byteLength, mode);
  } catch (cause) {
    const isDirectory = !["ENOENT", "ENOTDIR", "EISDIR", "EOPNOTSUPP", "ENODEV"].includes(systemCode(cause) ?? "");
    if (isDirectory) throw failure(directory, cause);
    const text = `${directory} cannot hold rings (${systemCode(cause)}): name a \`directory\` of a file system in memory`;
    throw new AlphaPulseError("BAD_DIRECTORY", text, { cause });
  }
}

/** Undefined where there is nothing of this name. */
function openFile(path: string): Segment | undefined {
  try {
    return native().openSegment(path, RING_HEADER_BYTES + CAPACITY_MAX);
  } catch (cause) {
    const code = systemCode(cause);
    if (code === "ENOENT") return undefined;
    if (code === undefined || !["EISDIR", "ELOOP", "ENXIO", "EINVAL", "EFBIG"].includes(code))
      throw failure(path, cause);
    throw new AlphaPulseError("BAD_RING", `${path} is no ring: ${(cause as Error).message}`, { cause });
  }
}

function checkRing(segment: Segment, path: string, kind: RingKind): number {
  try {
    return ringCapacity(segment.buffer, kind);
  } catch (cause) {
    throw new AlphaPulseError("BAD_RING", `${path}: ${(cause as Error).message}`, { cause });
  }
}

/** Whether the path still leads to the file of this segment. */
function isNamed(segment: Segment, path: string): boolean {
  const named = lstatSync(path, { bigint: true, throwIfNoEntry: false });
  const own = fstatSync(segment.fd, { bigint: true });
  return named !== undefined && named.ino === own.ino && named.dev === own.dev;
}

function signAsCreator(buffer: ArrayBuffer): void {
  const stat = readFileSync("/proc/self/stat", "latin1");
  // The fields after the program's name, which may hold anything, begin with the third; proc(5) calls the 22nd starttime.
  const startTicks = BigInt(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] as string);
  const words = new Int32Array(buffer, CREATOR_WORD * 4, 3);
  words[0] = process.pid;
  words[1] = Number(BigInt.asIntN(32, startTicks));
  words[2] = Number(BigInt.asIntN(32, startTicks >> 32n));
}

function creatorOf(buffer: ArrayBuffer): number | string {
  return isRing(buffer) ? (new Int32Array(buffer, 0, CREATOR_WORD + 1)[CREATOR_WORD] as number) : "unknown";
}

/** Whether there is a ring, of whatever version. */
function isRing(buffer: ArrayBuffer): boolean {
  return buffer.byteLength >= RING_HEADER_BYTES && new Int32Array(buffer, 0, MAGIC_WORD + 1)[MAGIC_WORD] === MAGIC;
}

function failure(path: string, cause: unknown): AlphaPulseError {
  return new AlphaPulseError("SHARED_MEMORY_FAILED", `${path}: ${(cause as Error).message}`, { cause });
}
