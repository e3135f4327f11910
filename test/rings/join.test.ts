import { afterEach, expect, test, vi } from "vitest";
import { messageBuffer } from "../../src/protocol/message-buffer.js";
import { BroadcastProducer, BroadcastReader } from "../../src/rings/broadcast.js";
import { allocateRing } from "../../src/rings/memory.js";

afterEach(() => vi.restoreAllMocks());

test("a reader that joins while a record is published, at whatever moment, knows how many there were", () => {
  const source = messageBuffer(new Uint8Array(8));
  let moments = 0;
  for (let moment = 0, isLast = false; !isLast; moment++) {
    const ring = allocateRing("broadcast", { capacityBytes: 1 << 10 });
    const producer = new BroadcastProducer(ring);
    let sent = 0;
    const send = (): void => {
      source.view.setUint32(0, sent++, true);
      producer.offer(source, 0, 8);
    };
    while (sent < 100) send();
    let loads = 0;
    const load: (words: Int32Array, index: number) => number = Atomics.load;
    const loadLate = (words: Int32Array, index: number): number => {
      if (loads++ === moment) send();
      return load(words, index);
    };
    const spy = vi.spyOn(Atomics, "load").mockImplementation(loadLate as typeof Atomics.load);
    const reader = new BroadcastReader(ring, { lost: () => {} });
    spy.mockRestore();
    isLast = loads <= moment;
    const first = sent; // or one less, where the last one came behind the TAIL that the reader saw
    while (sent < first + 200) send();
    let [count, last] = [0, -1];
    while (
      reader.poll(({ view }, offset) => {
        last = view.getUint32(offset, true);
        count++;
      }, 10) > 0
    );
    expect([first - 1, first]).toContain(last + 1 - count - Number(reader.lostRecords));
    moments++;
  }
  expect(moments).toBeGreaterThan(5);
});
