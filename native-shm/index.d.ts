/**
 * The whole native surface. Each function throws an Error whose `code` is the name of the system's error (`ENOENT`,
 * `ENOSPC`, `EBADF` for a segment that was closed), or a TypeError with code `EINVAL` for arguments that cannot be.
 * `require` of this package throws an Error with code `NATIVE_MISSING` where there is no binary for the platform.
 */

declare const isSegment: unique symbol;

/** A file that is mapped into memory. */
export interface Segment {
  readonly [isSegment]: true;
  /** All bytes of the file, shared with every process that maps it. Detached once the segment is closed. */
  readonly buffer: ArrayBuffer;
  /** Its file descriptor, until the segment is closed. The locks belong to it. */
  readonly fd: number;
}

/**
 * Makes a file without a name in a directory, and maps it. All of its memory is there when this returns; its bytes are
 * zero. It is gone when it is closed, or its process dies, before {@link linkSegment} gave it a name.
 *
 * @param mode permissions, whatever the umask: 0o600
 */
export function createSegment(directory: string, byteLength: number, mode: number): Segment;

/** Gives a segment its name, in the file system of its directory. `EEXIST` where the name is taken. */
export function linkSegment(segment: Segment, path: string): void;

/** Maps a regular file, no symbolic link, of 1 to `byteLengthMax` bytes. */
export function openSegment(path: string, byteLengthMax: number): Segment;

/** Ends its waiters and locks and detaches its buffer. The memory is unmapped when no view of it can be left. */
export function closeSegment(segment: Segment): void;

/**
 * Locks `count` places from `first` on, all or none; false where another descriptor has one. What this segment has locked
 * already becomes shared or exclusive as asked. Place n is byte 2^40 + n of the file, locked with F_OFD_SETLK.
 */
export function lockPlaces(segment: Segment, first: number, count: number, shared: boolean): boolean;

/** Unlocks places of this segment. */
export function unlockPlaces(segment: Segment, first: number, count: number): void;

/** Whether another descriptor than this segment's has one of the places, shared or exclusive. */
export function arePlacesLocked(segment: Segment, first: number, count: number): boolean;

/** Blocks this thread while the word at a byte holds the value, at most so long; Infinity: without end. May return early. */
export function futexWait(segment: Segment, byteOffset: number, value: number, timeoutMs: number): void;

/** Wakes at most `count` that sleep on the word, in whatever process. Returns how many it were. */
export function futexWake(segment: Segment, byteOffset: number, count: number): number;

/**
 * Lets a thread of its own wait for what {@link futexWait} waits for. When that is over, `onWake` is called with the
 * number that this returned. It keeps no process alive. `EBUSY` where four of this segment wait already. The first
 * `onWake` of a segment serves all: it holds the segment until it is closed.
 */
export function startWaiting(
  segment: Segment,
  byteOffset: number,
  value: number,
  onWake: (waiter: number) => void,
): number;

/** Lets the calling thread run on these CPUs only. Threads that it starts begin with the same. */
export function pinThread(cpus: readonly number[]): void;

/** The CPUs that the calling thread may run on, in order. */
export function affinity(): number[];

/** Lets another thread run, if one waits for this core. */
export function yieldCore(): void;
