import { ProtocolError } from "../errors.js";
import { checkHeld } from "./released.js";

const decoder = /* @__PURE__ */ new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const encoder = /* @__PURE__ */ new TextEncoder();
/** Up to this length a loop over the bytes beats the platform's decoder. */
const LOOP_BYTES_MAX = 24;

/** Bytes of a text in UTF-8; -1 where it holds half a surrogate pair, which UTF-8 cannot. */
export function utf8Bytes(text: string): number {
  let count = text.length;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) continue;
    if (unit < 0x800) count += 1;
    else if (unit < 0xd800 || unit > 0xdfff) count += 2;
    else {
      const next = text.charCodeAt(i + 1);
      if (unit > 0xdbff || !(next >= 0xdc00 && next <= 0xdfff)) return -1;
      count += 2;
      i++;
    }
  }
  return count;
}

/** The text in `view[offset, offset + count)`. @throws ProtocolError BAD_TEXT where it is not UTF-8 */
export function readText(view: DataView, offset: number, count: number): string {
  checkHeld(view);
  if (count <= LOOP_BYTES_MAX) {
    let text = "";
    let i = 0;
    for (; i < count; i++) {
      const byte = view.getUint8(offset + i);
      if (byte >= 0x80) break;
      text += String.fromCharCode(byte);
    }
    if (i === count) return text;
  }
  try {
    return decoder.decode(new Uint8Array(view.buffer as ArrayBuffer, view.byteOffset + offset, count).slice());
  } catch {
    throw new ProtocolError("BAD_TEXT", `${count} bytes of text are not valid UTF-8`, offset);
  }
}

/** Writes a text whose bytes were counted before. */
export function putText(view: DataView, offset: number, text: string, count: number): void {
  if (count === text.length) {
    for (let i = 0; i < count; i++) view.setUint8(offset + i, text.charCodeAt(i));
    return;
  }
  encoder.encodeInto(text, new Uint8Array(view.buffer, view.byteOffset + offset, count));
}
