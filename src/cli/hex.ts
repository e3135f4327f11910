import { InputError } from "./errors.js";
import { quoted } from "./printable.js";

const BETWEEN_DIGITS = /0x|[\s,:]/gi;
const HEX = /^[0-9a-f]*$/i;
const BASE64 = /^[A-Za-z0-9+/_-]*={0,2}$/;
/** How the magic of a message begins in base64; `t` is no hex digit. */
const MAGIC_IN_BASE64 = "776t3";

/** The bytes of a text in hex (blanks, newlines, commas, colons and 0x may stand between the digits) or base64. */
export function bytesOfText(text: string, where: string, isBase64: boolean): Uint8Array {
  return isBase64 || isBase64Message(text) ? fromBase64(text, where) : fromHex(text, where);
}

/** Whether a text starts as a message in base64 does, and so as no hex does. */
export function isBase64Message(text: string): boolean {
  return text.trimStart().startsWith(MAGIC_IN_BASE64);
}

/** @throws InputError BAD_DIGITS */
function fromHex(text: string, where: string): Uint8Array {
  const digits = text.replace(BETWEEN_DIGITS, "");
  if (!HEX.test(digits)) {
    const rest = text.replace(BETWEEN_DIGITS, (gap) => " ".repeat(gap.length)); // places stay
    const at = rest.search(/[^0-9a-f ]/i);
    throw new InputError("BAD_DIGITS", `${where}: character ${at + 1}, ${quoted(text.charAt(at))}, is no hex digit`);
  }
  if (digits.length % 2 === 1) {
    throw new InputError(
      "BAD_DIGITS",
      `${where}: ${digits.length} hex digits, which is half a byte too many or too few`,
    );
  }
  return bytesFrom(digits, "hex");
}

/** @throws InputError BAD_DIGITS */
function fromBase64(text: string, where: string): Uint8Array {
  const digits = text.replace(/\s/g, "");
  if (!BASE64.test(digits) || digits.replace(/=/g, "").length % 4 === 1) {
    throw new InputError("BAD_DIGITS", `${where}: this is not base64: ${quoted(digits.slice(0, 40))}`);
  }
  return bytesFrom(digits, "base64");
}

function bytesFrom(digits: string, encoding: "hex" | "base64"): Uint8Array {
  return new Uint8Array(Buffer.from(digits, encoding)); // of its own, not within the pool of Buffer
}

/** Bytes as hex digits. */
export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("hex");
}

/** Bytes as base64. */
export function toBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");
}
