import fc from "fast-check";
import { expect, test } from "vitest";
import { ByteQueue } from "../../src/channels/byte-queue.js";
import { messageBuffer } from "../../src/protocol/message-buffer.js";

test("a queue of bytes gives back what it was given, in order, and moves nothing that is borrowed", () => {
  let borrowed = 0;
  let wraps = 0;
  const step = fc.record({ isPush: fc.boolean(), bytes: fc.nat(9_000), isBorrowed: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { size: "max", minLength: 20, maxLength: 80 }), (steps) => {
      const queue = new ByteQueue();
      let model: number[] = [];
      let next = 0;
      for (const { isPush, bytes, isBorrowed } of steps) {
        if (!isPush) {
          const count = Math.min(bytes, model.length);
          queue.drop(count);
          model = model.slice(count);
          continue;
        }
        const pushed = Array.from({ length: bytes }, () => next++ & 255);
        const { buffer, start, byteLength } = queue;
        const seen = buffer.bytes.slice(0, start + byteLength);
        queue.isBorrowed = isBorrowed;
        queue.push(messageBuffer(Uint8Array.from(pushed)), 0, bytes);
        model = model.concat(pushed);
        // All of it: also what was dropped may still be read by whoever has borrowed it.
        if (isBorrowed) expect(Buffer.compare(buffer.bytes.subarray(0, seen.byteLength), seen)).toBe(0);
        if (isBorrowed && queue.buffer !== buffer) borrowed++;
        if (!isBorrowed && queue.buffer === buffer && queue.start < start) wraps++;
        queue.isBorrowed = false;
      }
      const { buffer, start, byteLength } = queue;
      expect([...buffer.bytes.subarray(start, start + byteLength)]).toEqual(model);
    }),
    { numRuns: 60 },
  );
  expect(borrowed).toBeGreaterThan(10);
  expect(wraps).toBeGreaterThan(5);
});

test("an empty queue keeps little memory", () => {
  const queue = new ByteQueue();
  queue.push(messageBuffer(new Uint8Array(1 << 20)), 0, 1 << 20);
  queue.drop(1 << 20);
  expect(queue.buffer.bytes.byteLength).toBe(0);
  queue.push(messageBuffer(new Uint8Array(100)), 0, 100);
  queue.drop(100);
  expect(queue.buffer.bytes.byteLength).toBe(4 << 10);
});
