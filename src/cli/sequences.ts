// What arrived of each source, by its sequences (PROTOCOL.md, "Sequences").

const COUNTER_BITS = 40n;
/** The bits from here on stay 0 in a sequence; foreign writers may set them. */
export const SEQUENCE_LIMIT: bigint = 1n << 53n;
const OLD_RUNS_MAX = 8;
/** Open gaps that are kept of all sources, so that a hostile file does not fill the memory; more are only counted. */
const GAPS_MAX = 100_000;

/** The two parts of a sequence. */
export function runOf(sequence: bigint): { incarnation: bigint; counter: bigint } {
  return { incarnation: sequence >> COUNTER_BITS, counter: sequence & ((1n << COUNTER_BITS) - 1n) };
}

/** Sequences that did not come, both ends included. */
export interface OpenGap {
  readonly incarnation: number;
  readonly from: number;
  readonly to: number;
}

/** What was seen of one source. */
export interface SourceReport {
  readonly source: number;
  readonly messages: number;
  readonly unsequenced: number;
  readonly duplicates: number;
  /** How often it began anew. */
  readonly restarts: number;
  /** Messages of a run that had ended before. */
  readonly stale: number;
  /** Messages with bits above the 53 of a sequence: not tracked. */
  readonly outOfRange: number;
  /** Messages whose time stamp is before one that was passed. */
  readonly timeBackwards: number;
  /** Messages that did not come. */
  readonly missing: number;
  readonly gaps: readonly OpenGap[];
}

interface Run {
  incarnation: number;
  expected: number;
}

class SourceTrack {
  readonly source: number;
  messages = 0;
  unsequenced = 0;
  duplicates = 0;
  restarts = 0;
  stale = 0;
  outOfRange = 0;
  timeBackwards = 0;
  missing = 0;
  run: Run | undefined;
  readonly oldRuns: number[] = [];
  /** Of the run that goes on, ascending; those of runs that ended will not be filled any more. */
  gaps: OpenGap[] = [];
  ended: OpenGap[] = [];
  highest = 0n;

  constructor(source: number) {
    this.source = source;
  }
}

/** Follows the sequences of every source. */
export class SequenceTracker {
  readonly #sources = new Map<number, SourceTrack>();
  #gaps = 0;

  /** Takes the header of the next message. */
  take({ source, sequence, timestamp }: { source: number; sequence: bigint; timestamp: bigint }): void {
    let track = this.#sources.get(source);
    if (track === undefined) {
      track = new SourceTrack(source);
      this.#sources.set(source, track);
    }
    track.messages++;
    if (sequence === 0n) track.unsequenced++;
    else if (sequence >= SEQUENCE_LIMIT) track.outOfRange++;
    else this.#sequenced(track, sequence, timestamp);
  }

  /** What was seen, by source. */
  report(): SourceReport[] {
    return [...this.#sources.values()]
      .sort((a, b) => a.source - b.source)
      .map(({ run: _, oldRuns: _old, highest: _highest, gaps, ended, ...counts }) => ({
        ...counts,
        gaps: [...ended, ...gaps],
      }));
  }

  #sequenced(track: SourceTrack, sequence: bigint, timestamp: bigint): void {
    const parts = runOf(sequence);
    const incarnation = Number(parts.incarnation);
    const counter = Number(parts.counter);
    const { run } = track;
    if (run === undefined) {
      track.run = { incarnation, expected: counter };
    } else if (incarnation !== run.incarnation) {
      if (track.oldRuns.includes(incarnation)) {
        track.stale++;
        return;
      }
      if (track.oldRuns.push(run.incarnation) > OLD_RUNS_MAX) track.oldRuns.shift();
      this.#restart(track, incarnation);
    } else if (incarnation === 0 && counter < run.expected && timestamp > track.highest) {
      this.#restart(track, 0);
    }
    this.#place(track, track.run as Run, counter, timestamp);
  }

  #restart(track: SourceTrack, incarnation: number): void {
    track.restarts++;
    track.ended.push(...track.gaps);
    track.gaps = [];
    track.run = { incarnation, expected: 1 };
  }

  #place(track: SourceTrack, run: Run, counter: number, timestamp: bigint): void {
    if (counter < run.expected) {
      // One that fills a gap was sent again, with the time stamp it had.
      if (!fill(track, counter)) track.duplicates++;
      return;
    }
    if (counter > run.expected) this.#open(track, run, counter);
    run.expected = counter + 1;
    if (timestamp < track.highest) track.timeBackwards++;
    else track.highest = timestamp;
  }

  #open(track: SourceTrack, { incarnation, expected }: Run, counter: number): void {
    track.missing += counter - expected;
    if (this.#gaps++ < GAPS_MAX) track.gaps.push({ incarnation, from: expected, to: counter - 1 });
  }
}

/** Takes a counter out of the open gap that it lies in. Returns false where there is none. */
function fill(track: SourceTrack, counter: number): boolean {
  const { gaps } = track;
  let low = 0;
  let high = gaps.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((gaps[middle] as OpenGap).to < counter) low = middle + 1;
    else high = middle;
  }
  const gap = gaps[low];
  if (gap === undefined || counter < gap.from) return false;
  const left = [
    { ...gap, to: counter - 1 },
    { ...gap, from: counter + 1 },
  ].filter(({ from, to }) => from <= to);
  gaps.splice(low, 1, ...left);
  track.missing--;
  return true;
}
