import { messageBuffer } from "../../src/protocol/message-buffer.js";
import { BroadcastProducer } from "../../src/rings/broadcast.js";

/** Publishes so many records as worker.ts reads them, as fast as it can, and closes the ring. */
export function flood(ring: SharedArrayBuffer, count: number): void {
  const producer = new BroadcastProducer(ring);
  const record = messageBuffer(new Uint8Array(112));
  for (let n = 0; n < count; n++) {
    const byteLength = 8 + ((n * 7) % 104);
    record.view.setUint32(0, n, true);
    record.bytes.fill(n & 255, 8, byteLength);
    producer.offer(record, 0, byteLength);
  }
  producer.close();
}
