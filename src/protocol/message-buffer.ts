/** The same memory as bytes, to copy, and as a view, to read: made once, so that no message needs one of its own. */
export interface MessageBuffer {
  readonly bytes: Uint8Array;
  readonly view: DataView;
}

/** Both sides of these bytes; offsets count from their first. */
export function messageBuffer(bytes: Uint8Array): MessageBuffer {
  const { buffer, byteOffset, byteLength } = bytes;
  // Not a Buffer of Node's: its slices are no copies.
  const plain = bytes.constructor === Uint8Array ? bytes : new Uint8Array(buffer, byteOffset, byteLength);
  return { bytes: plain, view: new DataView(buffer, byteOffset, byteLength) };
}

/** New memory of this size. */
export function allocateBuffer(byteLength: number): MessageBuffer {
  return messageBuffer(new Uint8Array(byteLength));
}

/** Up to this length a loop over words beats the platform's copy, which needs a view made for it. */
const LOOP_BYTES_MAX = 160;

/** Copies `count` bytes from one memory to another. Allocates nothing for messages of usual length. */
export function copyBytes(from: MessageBuffer, offset: number, count: number, to: MessageBuffer, at: number): void {
  if (count > LOOP_BYTES_MAX) {
    to.bytes.set(from.bytes.subarray(offset, offset + count), at);
    return;
  }
  const source = from.view;
  const target = to.view;
  let i = 0;
  for (; i <= count - 8; i += 8) {
    const low = source.getInt32(offset + i, true);
    const high = source.getInt32(offset + i + 4, true);
    target.setInt32(at + i, low, true); // two reads before two writes: a fifth faster than in turns
    target.setInt32(at + i + 4, high, true);
  }
  for (; i <= count - 4; i += 4) target.setInt32(at + i, source.getInt32(offset + i, true), true);
  for (; i < count; i++) target.setUint8(at + i, source.getUint8(offset + i));
}
