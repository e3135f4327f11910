import { ProtocolError } from "../protocol/errors.js";
import { badTextAt, fieldAt, placesOf, wrongLengthAt } from "./anatomy.js";
import type { KnownTypes } from "./known-types.js";
import { printable } from "./printable.js";
import type { Paint } from "./terminal.js";

/** Where a message stands in the input. */
export interface Where {
  /** What is read, as its user named it: a file, a line, an argument. */
  readonly input: string;
  /** Which message of it, from 1; undefined where an input holds exactly one. */
  readonly ordinal: number | undefined;
  /** The offset of the message's first byte in the input. */
  readonly at: number;
}

/** What is wrong with a message, and the byte that shows it. */
export interface Fault extends Where {
  readonly code: string;
  readonly detail: string;
  /** The offset in the message of the byte to look at. */
  readonly offset: number;
  /** What stands there, where that can be told. */
  readonly field: string | undefined;
  /** Bytes around the fault, to be shown. */
  readonly shown: Uint8Array;
  /** The offset in the input of the first byte shown. */
  readonly shownAt: number;
}

/** The fault of a message, or of bytes that should be one, that raised `error`. */
export function faultOf(error: ProtocolError, where: Where, bytes: Uint8Array, known: KnownTypes): Fault {
  const offset = Math.min(byteOf(error, bytes, known), bytes.byteLength);
  const isBehind = offset === bytes.byteLength || error.code === "SIZE_MISMATCH";
  const row = offset - (offset % ROW_BYTES);
  const from = Math.max(0, row - ROW_BYTES);
  return {
    ...where,
    code: error.code,
    detail: error.detail,
    offset,
    field: isBehind ? undefined : fieldAt(bytes, offset, known),
    shown: bytes.slice(from, row + 2 * ROW_BYTES),
    shownAt: where.at + from,
  };
}

/** The byte that an error is about: often not where reading stopped, but the length or the type that misled it. */
function byteOf(error: ProtocolError, bytes: Uint8Array, known: KnownTypes): number {
  const offset = error.offset ?? 0;
  const place = placesOf(bytes).find(({ start, end }) => offset >= start && offset < Math.max(end, start + 1));
  const empty = placesOf(bytes).find(({ valueAt }) => offset === valueAt);
  const found = empty ?? place;
  if (found === undefined) return offset;
  const tlv = known.byType(found.type);
  switch (error.code) {
    case "BAD_LENGTH":
      return tlv === undefined ? found.lengthAt : wrongLengthAt(tlv, bytes, found);
    case "BAD_TEXT":
      return tlv === undefined ? offset : badTextAt(tlv, bytes, found, offset);
    case "DOMAIN_MISMATCH":
      return found.typeAt;
    case "BAD_TLV":
      return offset === found.valueAt ? found.typeAt : offset;
    case "TLV_TRUNCATED":
      return found.lengthAt;
    default:
      return offset;
  }
}

const ROW_BYTES = 16;

/** A fault for people: what, where, and the bytes around it with a mark under the one to look at. */
export function renderFault(fault: Fault, paint: Paint): string {
  const { input, ordinal, at, code, detail, offset, field } = fault;
  const message = ordinal === undefined ? "" : `, message ${ordinal} at byte ${at}`;
  const within = at === 0 ? "" : ` (byte ${offset} of the message)`;
  const lines = [
    `${paint("red", paint("bold", code))}: ${printable(detail)}`,
    `  ${printable(input)}${message}: byte ${at + offset}${within}${field === undefined ? "" : `, ${field}`}`,
  ];
  return [...lines, ...dumpOf(fault, paint)].join("\n");
}

function dumpOf({ shown, shownAt, at, offset }: Fault, paint: Paint): string[] {
  const marked = at + offset - shownAt;
  const lines: string[] = [];
  for (let start = 0; start < shown.byteLength || start === marked; start += ROW_BYTES) {
    const row = shown.subarray(start, start + ROW_BYTES);
    const address = (shownAt + start).toString(16).padStart(8, "0");
    const hex = Array.from({ length: ROW_BYTES }, (_, i) => digitsOf(row[i], start + i === marked, paint)).join(" ");
    const ascii = Array.from(row, (byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : ".")).join("");
    lines.push(`  ${paint("dim", address)}  ${hex}  ${paint("dim", ascii)}`.trimEnd());
    if (marked >= start && marked < start + ROW_BYTES) {
      lines.push(`${" ".repeat(12 + 3 * (marked - start))}${paint("red", "^^")}`);
    }
  }
  return lines;
}

function digitsOf(byte: number | undefined, isMarked: boolean, paint: Paint): string {
  if (byte === undefined) return "  ";
  const digits = byte.toString(16).padStart(2, "0");
  return isMarked ? paint("red", digits) : digits;
}

/** An error of a value within a message, with its offset counted from the message's first byte. */
export function within(error: ProtocolError, valueAt: number): ProtocolError {
  return error.offset === undefined ? error : new ProtocolError(error.code, error.detail, valueAt + error.offset);
}
