// What a receiver knows of its sources' sequences (docs/protocol.md, "Sequences"). A sequence is an incarnation above
// bit 40 and a counter below.

/** What a message is to those of its source that came before. */
export type Verdict =
  /** The expected one, or unsequenced. */
  | "next"
  /** The first of its source, which sets what is expected. */
  | "first"
  /** Passes, and what is before it is missing: {@link SequenceTracker.gapFrom} to {@link SequenceTracker.gapTo}. */
  | "gap"
  /** Was missing, and passes. */
  | "filled"
  /** The source has started anew. What of it was missed is a gap, where `gapFrom` is not 0. Passes. */
  | "restart"
  /** Has passed already, or is of an incarnation that has ended. Does not pass. */
  | "duplicate";

/** A run of sequences that have not come, both ends included. */
export interface MissingRun {
  readonly from: number;
  readonly to: number;
}

const COUNTER_LIMIT = 2 ** 40;
const OLD_INCARNATIONS = 8;
const OPEN_GAPS_MAX_DEFAULT = 64;
const SOURCES_MAX_DEFAULT = 4_096;

interface Source {
  /** The highest sequence that passed. */
  last: number;
  /** The first sequence that is not of this incarnation any more. */
  limit: number;
  /** The latest time stamp that passed: tells a restart of a source without incarnations. */
  stampUs: number;
  /** The latest time stamp of the life before this one; -1 where none is known. */
  endedUs: number;
  incarnation: number;
  /** Whether it was heard of since it was last looked at for being forgotten. */
  isActive: boolean;
  /** Incarnations that have ended, oldest first. */
  old: readonly number[];
  /** Oldest first. */
  missing: MissingRun[];
}

/** How much a {@link SequenceTracker} keeps. */
export interface SequenceTrackerOptions {
  /** Open gaps per source; default 64. Where one more opens, the oldest is given up. */
  readonly openGapsMax?: number;
  /** Sources; default 4,096. Where one more comes, one that was quiet is forgotten: its next message is its first. */
  readonly sourcesMax?: number;
  /** Told of a run that is given up because too many are open: it will not be recognised as missing any more. */
  readonly onGivenUp?: (source: number, run: MissingRun) => void;
}

/** Says of each message whether it is new, late, or a duplicate. Bounded; allocates nothing while nothing is missing. */
export class SequenceTracker {
  /** The first sequence that the last {@link SequenceTracker.take} found missing; 0 where it found none. */
  gapFrom = 0;
  /** The last one. */
  gapTo = 0;
  /** How many gaps of a source are kept open from now on; 0 where nothing comes late. */
  openGapsMax: number;
  readonly #sources = new Map<number, Source>();
  readonly #sourcesMax: number;
  readonly #onGivenUp: ((source: number, run: MissingRun) => void) | undefined;

  constructor(options: SequenceTrackerOptions = {}) {
    this.openGapsMax = options.openGapsMax ?? OPEN_GAPS_MAX_DEFAULT;
    this.#sourcesMax = options.sourcesMax ?? SOURCES_MAX_DEFAULT;
    this.#onGivenUp = options.onGivenUp;
  }

  /** Judges a message, and remembers it. @param sequence a safe integer; 0 is unsequenced and NaN is taken as that */
  take(source: number, sequence: number, timestampUs: number): Verdict {
    this.gapFrom = 0;
    this.gapTo = 0;
    if (!(sequence > 0)) return "next";
    const known = this.#sources.get(source);
    if (known === undefined) {
      this.#begin(source, started(sequence, timestampUs));
      return "first";
    }
    known.isActive = true;
    if (sequence === known.last + 1 && sequence < known.limit) {
      pass(known, sequence, timestampUs);
      return "next";
    }
    return this.#takeUnexpected(source, known, sequence, timestampUs);
  }

  /** The highest sequence of a source that passed; 0 where none did. */
  lastOf(source: number): number {
    return this.#sources.get(source)?.last ?? 0;
  }

  /** What of a source is missing and not given up, oldest first. */
  missingOf(source: number): readonly MissingRun[] {
    return this.#sources.get(source)?.missing ?? [];
  }

  /**
   * The latest time stamp of a source's life before the present one, -1 where none is known: tells the two apart where
   * both count from 1 without an incarnation.
   */
  endedUsOf(source: number): number {
    return this.#sources.get(source)?.endedUs ?? -1;
  }

  /** The sources that were seen. */
  sources(): Iterable<number> {
    return this.#sources.keys();
  }

  /**
   * Sets what a source has been seen up to, as another end knows it: its next message is held against that.
   * @param timestampUs of that message: without it, a source that tells no incarnation seems to restart with any lower counter
   */
  resumeFrom(source: number, sequence: number, timestampUs = 0): void {
    const known = this.#sources.get(source);
    if (known === undefined) this.#begin(source, started(sequence, timestampUs));
    else this.#beginLife(known, sequence, timestampUs);
  }

  /** These are missing, as another end says: those above what has passed may still come, and are not expected any more. */
  miss(source: number, from: number, to: number): void {
    const known = this.#sources.get(source);
    if (known === undefined || to <= known.last || incarnationOf(to) !== known.incarnation) return;
    const first = Math.max(from, known.last + 1);
    known.last = to;
    this.#addMissing(source, known, { from: first, to });
  }

  /** These will not come: they are told as lost elsewhere, and no longer missing. What is above them is still to come. */
  giveUp(source: number, from: number, to: number): void {
    const known = this.#sources.get(source);
    if (known === undefined) return;
    this.#keepMissing(
      source,
      known,
      known.missing.flatMap((run) => without(run, from, to)),
    );
    if (from <= known.last + 1 && to > known.last && to < known.limit) known.last = to;
  }

  #takeUnexpected(source: number, known: Source, sequence: number, timestampUs: number): Verdict {
    const incarnation = incarnationOf(sequence);
    // A source that tells no incarnation is told from its past by its clock alone.
    const isLaterLife = incarnation === 0 && timestampUs > known.stampUs;
    if (incarnation !== known.incarnation) {
      if (known.old.includes(incarnation) && !isLaterLife) return "duplicate";
      return this.#restart(known, sequence, timestampUs);
    }
    if (sequence > known.last) {
      this.#open(source, known, known.last + 1, sequence - 1);
      pass(known, sequence, timestampUs);
      return "gap";
    }
    if (known.missing.some(({ from, to }) => from <= sequence && sequence <= to)) {
      this.#keepMissing(
        source,
        known,
        known.missing.flatMap((run) => without(run, sequence, sequence)),
      );
      pass(known, known.last, timestampUs);
      return "filled";
    }
    return isLaterLife ? this.#restart(known, sequence, timestampUs) : "duplicate";
  }

  #restart(known: Source, sequence: number, timestampUs: number): Verdict {
    this.#beginLife(known, sequence, timestampUs);
    const first = known.incarnation * COUNTER_LIMIT + 1;
    if (sequence > first) {
      this.gapFrom = first;
      this.gapTo = sequence - 1;
      known.missing = [{ from: first, to: sequence - 1 }];
    }
    return "restart";
  }

  #beginLife(known: Source, sequence: number, timestampUs: number): void {
    const fresh = started(sequence, timestampUs);
    const ended = fresh.incarnation === known.incarnation ? [] : [known.incarnation];
    const old = [...known.old, ...ended].filter((incarnation) => incarnation !== fresh.incarnation);
    Object.assign(known, fresh, { endedUs: known.stampUs, old: old.slice(-OLD_INCARNATIONS) });
  }

  #open(source: number, known: Source, from: number, to: number): void {
    this.gapFrom = from;
    this.gapTo = to;
    this.#addMissing(source, known, { from, to });
  }

  #addMissing(source: number, known: Source, run: MissingRun): void {
    known.missing.push(run);
    this.#keepMissing(source, known, known.missing);
  }

  #keepMissing(source: number, known: Source, missing: MissingRun[]): void {
    known.missing = missing;
    while (missing.length > this.openGapsMax) {
      const run = missing.shift() as MissingRun;
      this.#onGivenUp?.(source, run);
    }
  }

  /** Adds a source, and makes room for it: of those that are there, the first that was quiet since the last look goes. */
  #begin(source: number, fresh: Source): void {
    while (this.#sources.size >= this.#sourcesMax) {
      const [oldest, known] = this.#sources.entries().next().value as [number, Source];
      this.#sources.delete(oldest);
      if (!known.isActive) continue;
      known.isActive = false;
      this.#sources.set(oldest, known);
    }
    this.#sources.set(source, fresh);
  }
}

function started(sequence: number, stampUs: number): Source {
  const incarnation = incarnationOf(sequence);
  const limit = (incarnation + 1) * COUNTER_LIMIT;
  return { last: sequence, limit, stampUs, endedUs: -1, incarnation, isActive: false, old: [], missing: [] };
}

function pass(known: Source, last: number, timestampUs: number): void {
  known.last = last;
  if (timestampUs > known.stampUs) known.stampUs = timestampUs;
}

/** The run of a source's life that a sequence belongs to; 0 = not told. */
export function incarnationOf(sequence: number): number {
  return Math.floor(sequence / COUNTER_LIMIT);
}

/** What of a run is left without those from `first` to `last`. */
export function without({ from, to }: MissingRun, first: number, last: number): MissingRun[] {
  if (last < from || first > to) return [{ from, to }];
  const rest: MissingRun[] = [];
  if (from < first) rest.push({ from, to: first - 1 });
  if (to > last) rest.push({ from: last + 1, to });
  return rest;
}
