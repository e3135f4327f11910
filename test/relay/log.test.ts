import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type MessageBuffer, messageBuffer } from "../../src/protocol/message-buffer.js";
import { bytesBetween, RelayLog } from "../../src/relay/log.js";

const CAPACITY = 1 << 16;
const LONGEST = CAPACITY / 4 - 8;

interface Entry {
  readonly n: number;
  readonly byteLength: number;
  readonly origin: number;
  /** Where the one before ended, where it begins and where it ends, counted without ever wrapping. */
  readonly from: number;
  readonly start: number;
  readonly end: number;
}

/** A log as one imagines it: positions that never wrap. */
class Model {
  readonly entries: Entry[] = [];
  tail = 0;

  /** The entries that have to go so that this one fits. */
  append(n: number, byteLength: number, origin: number): Entry[] {
    const needed = Math.ceil((byteLength + 8) / 8) * 8;
    const toEnd = CAPACITY - (this.tail % CAPACITY);
    const start = toEnd < needed ? this.tail + toEnd : this.tail;
    const end = start + needed;
    const dropped: Entry[] = [];
    // Padding goes with the record behind it: a reader that was up to date may still stand before it.
    while (this.entries.length > 0 && end - (this.entries[0] as Entry).from > CAPACITY) {
      dropped.push(this.entries.shift() as Entry);
    }
    this.entries.push({ n, byteLength, origin, from: this.tail, start, end });
    this.tail = end;
    return dropped;
  }
}

const bytesOf = (n: number, byteLength: number): MessageBuffer => {
  const bytes = new Uint8Array(byteLength + 3).fill(0xee);
  for (let i = 0; i < byteLength; i++) bytes[3 + i] = (n * 7 + i) & 255;
  return messageBuffer(bytes);
};

/** A log and its model, with so many bytes behind them already: whole turns of the longest records. */
function logAt(bytesBefore: number): { log: RelayLog; model: Model; drops: number[] } {
  const drops: number[] = [];
  const log = new RelayLog(CAPACITY, (position) => drops.push(position));
  const model = new Model();
  const longest = bytesOf(0, LONGEST);
  for (let done = 0; done < bytesBefore; done += LONGEST + 8) {
    log.append(longest, 3, LONGEST, 1);
    model.append(0, LONGEST, 1);
  }
  expect([log.tail, model.tail]).toEqual([bytesBefore | 0, bytesBefore]);
  drops.length = 0;
  return { log, model, drops };
}

/** Walks the log from its oldest record as a reader does, and holds it against the model. */
function check(log: RelayLog, model: Model, from: number): void {
  let position = from;
  for (const { n, byteLength, origin, start } of model.entries) {
    position = log.settle(position);
    expect(position).toBe(start | 0);
    expect([log.lengthAt(position), log.originAt(position)]).toEqual([byteLength, origin]);
    const offset = log.offsetAt(position);
    expect(offset + byteLength).toBeLessThanOrEqual(CAPACITY);
    const found = log.buffer.bytes.subarray(offset, offset + byteLength);
    expect(Buffer.compare(found, bytesOf(n, byteLength).bytes.subarray(3, 3 + byteLength))).toBe(0);
    position = log.after(position);
  }
  expect(log.settle(position)).toBe(log.tail);
  expect(log.tail).toBe(model.tail | 0);
}

const append = fc.record({
  byteLength: fc.oneof(fc.nat(200), fc.nat(LONGEST), fc.constantFrom(0, 1, 7, 8, LONGEST - 1, LONGEST)),
  origin: fc.integer({ min: 1, max: 0xffff_ffff }),
});

describe.each([
  ["from its beginning", 0],
  ["where positions pass 2^31", 2 ** 31 - 4 * CAPACITY],
  ["where positions pass 2^32", 2 ** 32 - 4 * CAPACITY],
])("a log, %s", (_, bytesBefore) => {
  test("keeps the newest records whole and in order, and tells of each that it drops, once and before", () => {
    const { log, model, drops } = logAt(bytesBefore);
    const reached = { dropped: 0, padded: 0, droppedMany: 0 };
    let n = 1;
    fc.assert(
      fc.property(fc.array(append, { minLength: 1, maxLength: 60, size: "max" }), (appends) => {
        for (const { byteLength, origin } of appends) {
          const before = model.tail;
          const dropped = model.append(n, byteLength, origin);
          log.append(bytesOf(n, byteLength), 3, byteLength, origin);
          n++;
          expect(drops.splice(0)).toEqual(dropped.map(({ start }) => start | 0));
          if (dropped.length > 0) reached.dropped++;
          if (dropped.length > 3) reached.droppedMany++;
          if ((model.entries.at(-1) as Entry).start > before) reached.padded++;
        }
        check(log, model, (model.entries[0] as Entry).start | 0);
      }),
      { numRuns: 40, endOnFailure: true },
    );
    expect(Math.min(...Object.values(reached))).toBeGreaterThan(10);
    if (bytesBefore > 0) expect(model.tail).toBeGreaterThan(bytesBefore + 4 * CAPACITY);
  });
});

describe("a log", () => {
  test("hands a record to its owner while it is still there: what is dropped can be read once more", () => {
    const seen: string[] = [];
    const log: RelayLog = new RelayLog(CAPACITY, (position) => {
      const offset = log.offsetAt(position);
      seen.push(Buffer.from(log.buffer.bytes.subarray(offset, offset + 2)).toString("latin1"));
    });
    for (let n = 0; n < 8; n++) {
      const bytes = new Uint8Array(LONGEST);
      bytes.set(Buffer.from(`m${n}`, "latin1"));
      log.append(messageBuffer(bytes), 0, LONGEST, 1);
    }
    expect(seen).toEqual(["m0", "m1", "m2", "m3"]);
  });

  test("takes messages of up to a quarter of it", () => {
    const log = new RelayLog(CAPACITY, () => {});
    expect(log.messageBytesMax).toBe(LONGEST);
  });

  test.each([0, 1_024, 1 << 15, (1 << 16) + 1, 1 << 31, 1.5, Number.NaN])("cannot have %s bytes", (capacity) => {
    expect(() => new RelayLog(capacity, () => {})).toThrow(expect.objectContaining({ code: "BAD_OPTION" }));
  });

  test("tells distances between positions across the wrap", () => {
    expect(bytesBetween(5, 9)).toBe(4);
    expect(bytesBetween(9, 5)).toBe(-4);
    expect(bytesBetween((2 ** 31 - 8) | 0, (2 ** 31 + 8) | 0)).toBe(16);
    expect(bytesBetween((2 ** 32 - 8) | 0, 8)).toBe(16);
    expect(bytesBetween(8, (2 ** 32 - 8) | 0)).toBe(-16);
  });
});
