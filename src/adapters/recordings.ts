import { RecordingError, type RecordingErrorCode } from "./errors.js";
import { chunksOf, LineSplitter } from "./recording-file.js";
import { type LineParser, lineParserOf } from "./recording-lines.js";

/** What a venue sent, as a recording has it. */
export interface RecordedEvent {
  /** When it was received, whole microseconds since the Unix epoch (what is finer is cut off). */
  readonly atUs: number;
  /** A frame of the stream, or the body of a depth snapshot. */
  readonly kind: "frame" | "snapshot";
  /** Exactly what was received. Several events may share one buffer: copy before changing anything. */
  readonly bytes: Uint8Array;
  /** Of a snapshot: the symbol it was asked for, where the recording says it. */
  readonly symbol: string | undefined;
  /** Which recording it is from: its place in the list given to {@link mergeRecordings}, else 0. */
  readonly recording: number;
}

/** How a recording is read. */
export interface ReadRecordingOptions {
  /** What {@link RecordedEvent.recording} is to be; default 0. */
  readonly recording?: number;
}

/**
 * Reads a recording, plain or gzip, as it streams in: batches of events in order of time, about 128 KiB of text each.
 *
 * Two formats are known by their first line: `<unix ns> <JSON as received>`, in which a body that begins with `lastUpdateId` is a
 * snapshot; and JSON lines `{"t","dir","conn","url","raw"}`, in which `rx` is a frame and `http` of a depth URL a snapshot.
 *
 * @throws RecordingError that names file and line, after the events before it (of damaged gzip data, at least up to the last 128 KiB
 * before the damage): not found, unreadable, empty, corrupt or cut short, a
 * line that is neither format, without time, before the one above it in time, or longer than 16 MiB
 */
export async function* readRecording(
  file: string,
  { recording = 0 }: ReadRecordingOptions = {},
): AsyncGenerator<readonly RecordedEvent[], void, undefined> {
  const reader = new RecordingReader(file, recording);
  let problem: RecordingError | undefined;
  for await (const chunk of chunksOf(file, reader)) {
    problem = reader.read(chunk);
    const batch = reader.takeBatch();
    if (batch.length > 0) yield batch;
    if (problem !== undefined) throw problem;
  }
  problem = reader.end();
  const batch = reader.takeBatch();
  if (batch.length > 0) yield batch;
  if (problem !== undefined) throw problem;
}

/** Events out of lines. Problems are returned, not thrown, so that what came before them can go first. */
class RecordingReader {
  readonly #file: string;
  readonly #recording: number;
  readonly #lines: LineSplitter;
  readonly #takeLine: (line: Uint8Array) => RecordingError | undefined;
  #parser: LineParser | undefined;
  #batch: RecordedEvent[] = [];
  #lastUs = 0;

  constructor(file: string, recording: number) {
    this.#file = file;
    this.#recording = recording;
    this.#lines = new LineSplitter(file);
    this.#takeLine = (line) => this.#take(line);
  }

  /** The line being read, from 1. */
  get line(): number {
    return this.#lines.line;
  }

  /** The events found since it was asked last. */
  takeBatch(): readonly RecordedEvent[] {
    const batch = this.#batch;
    this.#batch = [];
    return batch;
  }

  /** Finds the events of all lines that end in this chunk. */
  read(chunk: Uint8Array): RecordingError | undefined {
    return this.#lines.push(chunk, this.#takeLine);
  }

  /** Finds the event of a last line that has no newline: it is whole, or the file was cut within it. */
  end(): RecordingError | undefined {
    const last = this.#lines.rest();
    if (last.length > 0) {
      if (!isWhole(last)) return this.#error("RECORDING_TRUNCATED", "the last line is cut short");
      const problem = this.#take(last);
      if (problem !== undefined) return problem;
    }
    return this.#parser === undefined
      ? new RecordingError("RECORDING_EMPTY", this.#file, undefined, "holds no lines")
      : undefined;
  }

  #take(line: Uint8Array): RecordingError | undefined {
    if (line.length === 0) return undefined;
    this.#parser ??= lineParserOf(line);
    if (this.#parser === undefined) {
      return this.#error("RECORDING_BAD_LINE", "neither '<unix ns> <JSON>' nor a JSON object with t, dir and raw");
    }
    const found = this.#parser(line);
    if (found.problem !== undefined) return this.#error(found.problem, found.detail);
    if (found.atUs < this.#lastUs) {
      return this.#error(
        "RECORDING_TIME_BACKWARDS",
        `is ${this.#lastUs - found.atUs} µs before the line above it: sort the file`,
      );
    }
    this.#lastUs = found.atUs;
    const { atUs, kind, bytes, symbol } = found;
    if (kind !== undefined) this.#batch.push({ atUs, kind, bytes, symbol, recording: this.#recording });
    return undefined;
  }

  #error(code: RecordingErrorCode, detail: string): RecordingError {
    return new RecordingError(code, this.#file, this.line, detail);
  }
}

/** Whether the JSON at the end of a line is complete. */
function isWhole(line: Uint8Array): boolean {
  const text = new TextDecoder().decode(line);
  const start = text.indexOf("{");
  if (start < 0) return false;
  try {
    JSON.parse(text.slice(start));
    return true;
  } catch {
    return false;
  }
}
