/** The same memory as bytes, to copy, and as a view, to read: made once, so that no message needs one of its own. */
export interface MessageBuffer {
  readonly bytes: Uint8Array;
  readonly view: DataView;
}

/** Both sides of these bytes; offsets count from their first. */
export function messageBuffer(bytes: Uint8Array): MessageBuffer {
  return { bytes, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength) };
}

/** New memory of this size. */
export function allocateBuffer(byteLength: number): MessageBuffer {
  return messageBuffer(new Uint8Array(byteLength));
}
