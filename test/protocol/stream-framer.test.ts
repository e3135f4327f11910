import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ProtocolError } from "../../src/protocol/errors.js";
import { cutOff, StreamFramer } from "../../src/protocol/stream-framer.js";
import { messageOf } from "../../src/testing/conformance/recorder.js";

const LIMIT = 1 << 20;

/** Cuts bytes at these places. */
function cut(stream: Uint8Array, places: readonly number[]): Uint8Array[] {
  const at = [0, ...places.map((place) => place % (stream.byteLength + 1)).sort((a, b) => a - b), stream.byteLength];
  return at.slice(1).map((end, i) => stream.subarray(at[i], end));
}

const concatenated = (parts: readonly Uint8Array[]): Uint8Array => Uint8Array.from(Buffer.concat(parts));

/** Pushes chunks and returns the messages that came out, with the error that ended it. */
function run(chunks: readonly Uint8Array[], limit = LIMIT): { messages: Buffer[]; code?: string; within: boolean } {
  const messages: Buffer[] = [];
  const framer = new StreamFramer(
    ({ bytes, view }, offset, byteLength) => {
      expect(view.buffer).toBe(bytes.buffer);
      messages.push(Buffer.from(bytes.subarray(offset, offset + byteLength)));
    },
    { payloadBytesMax: limit },
  );
  try {
    for (const chunk of chunks) framer.push(chunk);
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    return { messages, code: error.code, within: framer.isWithin };
  }
  return { messages, within: framer.isWithin };
}

const sizes = fc.array(fc.oneof(fc.nat(60), fc.nat(300), fc.integer({ min: 4_000, max: 12_000 })), { maxLength: 12 });
const places = fc.array(fc.nat(), { maxLength: 40, size: "max" });

describe("a stream of messages", () => {
  test("gives the same messages however it is cut", () => {
    const reached = { inPlace: 0, cutHeader: 0, cutPayload: 0, largerThanFirstBuffer: 0, byteByByte: 0 };
    fc.assert(
      fc.property(sizes, places, fc.boolean(), (lengths, cuts, finely) => {
        const messages = lengths.map((payloadBytes, n) => messageOf(n, payloadBytes));
        const stream = concatenated(messages);
        const isFine = finely && stream.byteLength < 1_000;
        const chunks = isFine ? [...stream].map((byte) => Uint8Array.of(byte)) : cut(stream, cuts);
        const found = run(chunks);
        expect(found.messages.map((bytes) => bytes.toString("hex"))).toEqual(
          messages.map((bytes) => Buffer.from(bytes).toString("hex")),
        );
        expect(found).toMatchObject({ within: false });
        if (isFine && messages.length > 1) reached.byteByByte++;
        const ends = new Set(
          chunks.map(
            (
              (sum) => (chunk) =>
                (sum += chunk.byteLength)
            )(0),
          ),
        );
        let start = 0;
        for (const { byteLength } of messages) {
          const inside = [...ends].filter((end) => end > start && end < start + byteLength);
          if (inside.length === 0) reached.inPlace++;
          if (inside.some((end) => end < start + 32)) reached.cutHeader++;
          if (inside.some((end) => end >= start + 32)) reached.cutPayload++;
          if (inside.length > 0 && byteLength > 4_096) reached.largerThanFirstBuffer++;
          start += byteLength;
        }
      }),
      { numRuns: 300 },
    );
    expect(Math.min(...Object.values(reached))).toBeGreaterThan(5);
  });

  test("that ends anywhere has given the whole messages before that place, and says whether one was begun", () => {
    fc.assert(
      fc.property(sizes, places, fc.nat(), (lengths, cuts, place) => {
        const messages = lengths.map((payloadBytes, n) => messageOf(n, payloadBytes));
        const stream = concatenated(messages);
        const end = place % (stream.byteLength + 1);
        const found = run(cut(stream.subarray(0, end), cuts));
        let whole = 0;
        let at = 0;
        while (whole < messages.length && at + (messages[whole]?.byteLength ?? 0) <= end) {
          at += messages[whole++]?.byteLength ?? 0;
        }
        expect(found.messages).toHaveLength(whole);
        expect(found.within).toBe(at < end);
      }),
    );
    expect(cutOff()).toMatchObject({ code: "CUT_OFF" });
  });

  const FAULTS: [code: string, spoil: (message: Uint8Array) => void][] = [
    ["BAD_MAGIC", (message) => message.set([1], 0)],
    ["UNSUPPORTED_VERSION", (message) => message.set([2], 4)],
    ["BAD_DOMAIN", (message) => message.set([5], 5)],
    ["TOO_LARGE", (message) => message.set([1, 0, 16, 0], 24)],
  ];

  test.each(FAULTS)(
    "that is broken by %s gives all before that place, then the error, and nothing behind it",
    (code, spoil) => {
      fc.assert(
        fc.property(sizes, sizes, places, (before, behind, cuts) => {
          const bad = messageOf(99, 40);
          spoil(bad);
          const good = before.map((payloadBytes, n) => messageOf(n, payloadBytes));
          const rest = behind.map((payloadBytes, n) => messageOf(n, payloadBytes));
          const found = run(cut(concatenated([...good, bad, ...rest]), cuts));
          expect(found.messages).toHaveLength(good.length);
          expect(found.code).toBe(code);
        }),
      );
    },
  );

  test.each(FAULTS)(
    "that was broken by %s leaves a framer that takes the next stream as a new one does",
    (_, spoil) => {
      fc.assert(
        fc.property(sizes, places, (lengths, cuts) => {
          const found: string[] = [];
          const framer = new StreamFramer(({ bytes }, offset, byteLength) => {
            found.push(Buffer.from(bytes.subarray(offset, offset + byteLength)).toString("hex"));
          });
          const bad = messageOf(99, 40);
          spoil(bad);
          expect(() => {
            for (const chunk of cut(bad, cuts)) framer.push(chunk);
          }).toThrow(ProtocolError);
          expect(framer.isWithin).toBe(false);
          const messages = lengths.map((payloadBytes, n) => messageOf(n, payloadBytes));
          for (const chunk of cut(concatenated(messages), cuts)) framer.push(chunk);
          expect(found).toEqual(messages.map((bytes) => Buffer.from(bytes).toString("hex")));
        }),
      );
    },
  );

  test("goes on behind a message whose handler threw, however it is cut", () => {
    fc.assert(
      fc.property(sizes, places, fc.nat(), (lengths, cuts, bad) => {
        const messages = lengths.map((payloadBytes, n) => messageOf(n, payloadBytes));
        const found: string[] = [];
        const framer = new StreamFramer(({ bytes }, offset, byteLength) => {
          found.push(Buffer.from(bytes.subarray(offset, offset + byteLength)).toString("hex"));
          if (found.length - 1 === bad % messages.length) throw new RangeError("of the handler");
        });
        let thrown = 0;
        for (const chunk of [...cut(concatenated(messages), cuts), new Uint8Array(0)]) {
          try {
            framer.push(chunk);
          } catch (error) {
            expect(error).toBeInstanceOf(RangeError);
            thrown++;
          }
        }
        expect(thrown).toBe(Math.min(1, messages.length));
        expect(found).toEqual(messages.map((bytes) => Buffer.from(bytes).toString("hex")));
        expect(framer.isWithin).toBe(false);
      }),
    );
  });

  test("takes no bytes from within its handler", () => {
    const framer = new StreamFramer(() => framer.push(new Uint8Array(1)));
    expect(() => framer.push(messageOf(1, 10))).toThrow(expect.objectContaining({ code: "REENTERED" }));
  });

  test("is refused at the limit told, to the byte, before the payload has come", () => {
    const message = messageOf(1, 500);
    const payloadBytes = message.byteLength - 32;
    expect(run([message], payloadBytes).messages).toHaveLength(1);
    expect(run([message], payloadBytes - 1)).toMatchObject({ code: "TOO_LARGE", messages: [] });
    expect(run([message.subarray(0, 20), message.subarray(20, 32)], payloadBytes - 1)).toMatchObject({
      code: "TOO_LARGE",
    });
  });

  test("with a message larger than its first memory is whole, and the next ones too", () => {
    const messages = [messageOf(1, 900_000), messageOf(2, 10), messageOf(3, 50_000), messageOf(4, 0)];
    const stream = concatenated(messages);
    const chunks = Array.from({ length: Math.ceil(stream.byteLength / 65_536) }, (_, i) =>
      stream.subarray(i * 65_536, (i + 1) * 65_536),
    );
    const found = run(chunks).messages;
    expect(found.map((bytes, i) => bytes.equals(messages[i] as Uint8Array))).toEqual([true, true, true, true]);
  });
});
