import fc from "fast-check";
import { expect, test } from "vitest";
import { messageBuffer } from "../../src/protocol/message-buffer.js";
import { SendQueue } from "../../src/transports/send-queue.js";

const BLOCK_BYTES = 64 << 10;
const AHEAD_BYTES_MAX = 64 << 10;

/** A message is so many bytes of its number. */
const message = (n: number, byteLength: number) => messageBuffer(new Uint8Array(byteLength).fill(n));

function add(queue: SendQueue, n: number, byteLength: number): boolean {
  return queue.add(message(n, byteLength), 0, byteLength);
}

function addAhead(queue: SendQueue, n: number, byteLength: number): boolean {
  return queue.addAhead(message(n, byteLength), 0, byteLength);
}

/** Takes what is next as if the system had written it. */
function left(queue: SendQueue, onlyFull = false): number[] | undefined {
  const bytes = queue.next(onlyFull);
  queue.written();
  return bytes && [...new Set(bytes)];
}

test("messages of one turn gather in a block; a full one can leave before the turn ends, the one after it cannot", () => {
  const queue = new SendQueue();
  expect(add(queue, 1, 40_000)).toBe(true);
  expect(left(queue, true)).toBeUndefined();
  expect(add(queue, 2, 20_000)).toBe(false);
  expect(add(queue, 3, 20_000)).toBe(true); // does not fit any more
  expect(left(queue, true)).toEqual([1, 2]);
  expect(left(queue, true)).toBeUndefined();
  expect(left(queue)).toEqual([3]);
  expect(left(queue)).toBeUndefined();
});

test("what goes ahead waits for the block that is being written, and for no other", () => {
  const queue = new SendQueue();
  for (let n = 1; n <= 3; n++) add(queue, n, BLOCK_BYTES);
  const first = queue.next(false);
  addAhead(queue, 9, 50);
  expect(new Set(first)).toEqual(new Set([1])); // it is not touched
  queue.written();
  expect([left(queue), left(queue), left(queue), left(queue)]).toEqual([[9], [2], [3], undefined]);
});

test("what goes ahead has a bound of its own, but for a message that is larger by itself", () => {
  const queue = new SendQueue();
  add(queue, 1, 1 << 20);
  let aheadBytes = 0;
  while (addAhead(queue, 2, 1_000)) aheadBytes += 1_000;
  expect(aheadBytes).toBe(65_000);
  expect(queue.pendingBytes - queue.dataBytes).toBe(aheadBytes);
  expect(left(queue)).toEqual([2]);
  expect(addAhead(queue, 3, 2 * AHEAD_BYTES_MAX)).toBe(true);
  expect(addAhead(queue, 4, 1)).toBe(false);
});

test("every message leaves once, whole, in its row's order, and the counts of bytes come back to 0", () => {
  const sizes = fc.oneof(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: 150_000 }));
  const step = fc.oneof(
    { weight: 6, arbitrary: fc.record({ kind: fc.constantFrom("add", "ahead"), bytes: sizes }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom("take", "take full"), bytes: fc.constant(0) }) },
  );
  let aheadOvertook = 0;
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const queue = new SendQueue();
      const [data, ahead, out] = [[] as number[], [] as number[], [] as number[]];
      let n = 0;
      const take = (onlyFull: boolean): boolean => {
        const bytes = queue.next(onlyFull);
        if (bytes === undefined) return false;
        if (ahead.includes(bytes[0] as number) && !data.every((each) => out.includes(each))) aheadOvertook++;
        out.push(...runs(bytes));
        queue.written();
        return true;
      };
      for (const { kind, bytes } of steps) {
        n++; // at most 60: no two messages look alike
        if (kind === "add") {
          add(queue, n, bytes);
          data.push(n);
        } else if (kind === "ahead") {
          if (addAhead(queue, n, bytes)) ahead.push(n);
        } else take(kind === "take full");
      }
      while (take(false));
      expect(out.filter((each) => data.includes(each))).toEqual(data);
      expect(out.filter((each) => ahead.includes(each))).toEqual(ahead);
      expect(out).toHaveLength(data.length + ahead.length);
      expect([queue.pendingBytes, queue.dataBytes]).toEqual([0, 0]);
    }),
  );
  expect(aheadOvertook).toBeGreaterThan(10);
});

test("cleared, it holds nothing, and takes messages again", () => {
  const queue = new SendQueue();
  add(queue, 1, 100);
  addAhead(queue, 2, 100);
  queue.clear();
  expect([queue.pendingBytes, left(queue)]).toEqual([0, undefined]);
  add(queue, 3, 100);
  expect(left(queue)).toEqual([3]);
});

/** The numbers of messages that lie one behind the other; a message that was cut by another would show twice. */
function runs(bytes: Uint8Array): number[] {
  const found: number[] = [];
  for (const byte of bytes) if (byte !== found.at(-1)) found.push(byte);
  return found;
}
