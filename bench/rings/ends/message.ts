import { MESSAGE_BYTES } from "../link.js";

/** Memory of one message, as bytes and as a view. */
export function allocateMessage(): { readonly bytes: Uint8Array; readonly view: DataView } {
  const bytes = new Uint8Array(MESSAGE_BYTES);
  return { bytes, view: new DataView(bytes.buffer) };
}
