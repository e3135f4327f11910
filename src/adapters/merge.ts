import { type RecordedEvent, readRecording } from "./recordings.js";

const BATCH_EVENTS = 512;

/** Where one of the recordings stands. */
interface Cursor {
  readonly batches: AsyncIterator<readonly RecordedEvent[]>;
  batch: readonly RecordedEvent[];
  next: number;
}

/**
 * Merges recordings by the time at which things were received; where times are equal, in the order of the list.
 *
 * Holds one batch of each at a time. Fails where one of them fails, after the events that come before; the others are closed.
 *
 * @param recordings for instance of {@link readRecording}; `recording: n` tells their events apart
 * @returns batches of 512 events, the last one of what is left
 */
export async function* mergeRecordings(
  recordings: readonly AsyncIterable<readonly RecordedEvent[]>[],
): AsyncGenerator<readonly RecordedEvent[], void, undefined> {
  const cursors: Cursor[] = recordings.map((recording) => ({
    batches: recording[Symbol.asyncIterator](),
    batch: [],
    next: 0,
  }));
  let merged: RecordedEvent[] = [];
  try {
    let open = await withEvents(cursors);
    while (open.length > 0) {
      const earliest = earliestOf(open);
      const event = earliest.batch[earliest.next++] as RecordedEvent;
      merged.push(event);
      if (merged.length === BATCH_EVENTS) {
        yield merged;
        merged = [];
      }
      if (earliest.next === earliest.batch.length) open = await withEvents(open);
    }
  } catch (error) {
    if (merged.length > 0) yield merged;
    throw error;
  } finally {
    for (const { batches } of cursors) await batches.return?.();
  }
  if (merged.length > 0) yield merged;
}

/** Reads several files as one, by {@link mergeRecordings}: `event.recording` is the place of its file in the list. */
export function readRecordings(files: readonly string[]): AsyncGenerator<readonly RecordedEvent[], void, undefined> {
  return mergeRecordings(files.map((file, recording) => readRecording(file, { recording })));
}

/** Those that have an event to give, in order, after fetching what is wanted. */
async function withEvents(cursors: readonly Cursor[]): Promise<Cursor[]> {
  const open: Cursor[] = [];
  for (const cursor of cursors) {
    let isDone = false;
    while (!isDone && cursor.next === cursor.batch.length) {
      const result = await cursor.batches.next();
      isDone = result.done === true;
      if (result.done !== true) {
        cursor.batch = result.value;
        cursor.next = 0;
      }
    }
    if (!isDone) open.push(cursor);
  }
  return open;
}

function earliestOf(cursors: readonly Cursor[]): Cursor {
  let earliest = cursors[0] as Cursor;
  let atUs = timeOf(earliest);
  for (let i = 1; i < cursors.length; i++) {
    const cursor = cursors[i] as Cursor;
    if (timeOf(cursor) >= atUs) continue;
    earliest = cursor;
    atUs = timeOf(cursor);
  }
  return earliest;
}

function timeOf(cursor: Cursor): number {
  return (cursor.batch[cursor.next] as RecordedEvent).atUs;
}
