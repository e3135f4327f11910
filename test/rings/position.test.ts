import { expect, test } from "vitest";
import { messageBuffer } from "../../src/protocol/message-buffer.js";
import { BroadcastProducer } from "../../src/rings/broadcast.js";
import { INTENT_WORD } from "../../src/rings/layout.js";
import { allocateRing } from "../../src/rings/memory.js";
import { advance, loadCount, loadPosition, repair, storePosition } from "../../src/rings/position.js";

const low = (position: bigint): number => Number(BigInt.asIntN(32, position));

test("a position goes on past 2^31, 2^32 and 2^53, whole at each step", () => {
  const words = new Int32Array(new SharedArrayBuffer(12));
  for (const start of [2n ** 31n, 2n ** 32n, 2n ** 53n].map((wrap) => wrap - 24n)) {
    storePosition(words, 0, start);
    for (let position = start; position < start + 2n ** 33n; position += 2n ** 29n + 8n) {
      advance(words, 0, low(position));
      expect(loadPosition(words, 0)).toBe(position);
      expect(loadCount(words, 0)).toBe(position);
      expect(words[1]).toBe(words[2]);
    }
  }
});

test.each([
  ["before the low word was stored", -8, 2n ** 32n * 7n - 8n],
  ["after it", 64, 2n ** 32n * 7n + 64n],
])("what a writer that died while it carried left is read as it was %s, and repaired", (_, left, position) => {
  const words = new Int32Array(new SharedArrayBuffer(12));
  words.set([left, 7, 6]);
  expect(loadPosition(words, 0)).toBe(position);
  repair(words, 0);
  expect([...words]).toEqual([left, Number(position >> 32n), Number(position >> 32n)]);
});

test("a broadcast producer has announced every byte before it writes it, to the last", () => {
  const start = 2n ** 32n - 800n;
  const memory = allocateRing("broadcast", { capacityBytes: 1_024, position: start });
  const words = new Int32Array(memory);
  const producer = new BroadcastProducer(memory);
  const nothing = messageBuffer(new Uint8Array(0));
  for (let end = start + 8n; end < start + 4_096n; end += 8n) {
    expect(producer.stage(nothing, 0, 0)).toBe("sent");
    expect(loadPosition(words, INTENT_WORD)).toBeGreaterThanOrEqual(end);
  }
});
