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
  const end = (offset + count) | 0;
  let read = offset | 0;
  let write = at | 0;
  for (; read <= end - 8; read = (read + 8) | 0, write = (write + 8) | 0) {
    const low = source.getInt32(read, true);
    const high = source.getInt32((read + 4) | 0, true);
    target.setInt32(write, low, true); // two reads before two writes: a fifth faster than in turns
    target.setInt32((write + 4) | 0, high, true);
  }
  for (; read <= end - 4; read += 4, write += 4) target.setInt32(write, source.getInt32(read, true), true);
  for (; read < end; read++, write++) target.setUint8(write, source.getUint8(read));
}
