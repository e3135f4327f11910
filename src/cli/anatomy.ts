import type { AnyTLV } from "../protocol/schema/tlv.js";
import type { KnownTypes } from "./known-types.js";

// Which field a byte of a message belongs to, also where the message is broken: an error is shown there.

const HEADER_BYTES = 32;

const HEADER_FIELDS: readonly (readonly [end: number, name: string])[] = [
  [4, "magic"],
  [5, "version"],
  [6, "relayDomain"],
  [8, "source"],
  [16, "sequence"],
  [24, "timestamp"],
  [28, "payloadSize"],
  [32, "checksum"],
];

/** Where one TLV of a row stands, as offsets in its message. */
export interface TlvPlace {
  readonly type: number;
  /** Its first byte. */
  readonly start: number;
  readonly typeAt: number;
  readonly lengthAt: number;
  readonly valueAt: number;
  /** The byte behind its value, which may lie beyond the message. */
  readonly end: number;
}

/** The TLVs of a message as far as they can be made out. */
export function placesOf(bytes: Uint8Array): TlvPlace[] {
  const places: TlvPlace[] = [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = HEADER_BYTES; at + 2 <= bytes.byteLength; ) {
    const isExtended = view.getUint8(at) === 255;
    if (isExtended && at + 5 > bytes.byteLength) break;
    const typeAt = isExtended ? at + 2 : at;
    const lengthAt = isExtended ? at + 3 : at + 1;
    const valueAt = isExtended ? at + 5 : at + 2;
    const end = valueAt + (isExtended ? view.getUint16(lengthAt, true) : view.getUint8(lengthAt));
    places.push({ type: view.getUint8(typeAt), start: at, typeAt, lengthAt, valueAt, end });
    at = end;
  }
  return places;
}

/** The name of what stands at a byte of a message, as `header.source` or `Trade.price`. */
export function fieldAt(bytes: Uint8Array, offset: number, known: KnownTypes): string {
  const inHeader = HEADER_FIELDS.find(([end]) => offset < end);
  if (inHeader !== undefined) return `header.${inHeader[1]}`;
  const places = placesOf(bytes);
  const index = places.findIndex(({ start, end }) => offset >= start && offset < end);
  const place = places[index];
  if (place === undefined) return `TLV ${places.length + 1}`;
  const tlv = known.byType(place.type);
  const name = `TLV ${index + 1}, ${tlv?.name ?? `type ${place.type}`}`;
  if (offset >= place.lengthAt && offset < place.valueAt) return `${name}: length`;
  if (offset < place.valueAt) return `${name}: type`;
  if (tlv === undefined) return `${name}: value`;
  const value = bytes.subarray(place.valueAt, place.end);
  return `${name}: ${fieldOfValue(tlv, value, offset - place.valueAt)}`;
}

/** The name of the field at a byte of a TLV's value. */
function fieldOfValue(tlv: AnyTLV, value: Uint8Array, offset: number): string {
  const { layout } = tlv;
  if (offset < layout.fixedBytes) {
    const place = layout.fixed.findLast((each: { offset: number }) => each.offset <= offset);
    if (place === undefined) return "value";
    if (place.field.kind === "size") return `${place.name}, the size of ${place.field.of}`;
    return place.field.kind === "zero" ? "(zero)" : place.name;
  }
  return spansOf(tlv, value).find(({ end }) => offset < end)?.name ?? "bytes behind its fields";
}

/** Where a variable field of a value ends by its own count, and where that count stands. */
interface Span {
  readonly name: string;
  readonly end: number;
  /** Where the count stands in the value; undefined for what takes all that remains. */
  readonly sizeAt: number | undefined;
}

function spansOf({ layout }: AnyTLV, value: Uint8Array): Span[] {
  if (value.byteLength < layout.fixedBytes) return [];
  const view = new DataView(value.buffer, value.byteOffset, value.byteLength);
  const spans: Span[] = [];
  let end = layout.fixedBytes;
  for (const { name, size, stride, field } of layout.variable) {
    let bytes = Math.max(0, value.byteLength - end);
    if (size !== undefined) {
      bytes = stride * (size.encoding === "u8" ? view.getUint8(size.offset) : view.getUint16(size.offset, true));
    } else if (field.kind === "optional" && bytes > 0) bytes = stride;
    end += bytes;
    spans.push({ name, end, sizeAt: size?.offset });
  }
  return spans;
}

/**
 * The byte to blame for a value of a wrong length, as an offset in the message: the count that passes the value's end,
 * the first byte behind its fields, or else its length.
 */
export function wrongLengthAt(tlv: AnyTLV, bytes: Uint8Array, place: TlvPlace): number {
  const value = bytes.subarray(place.valueAt, place.end);
  const spans = spansOf(tlv, value);
  const passing = spans.find(({ end }) => end > value.byteLength);
  if (passing?.sizeAt !== undefined) return place.valueAt + passing.sizeAt;
  const last = spans.at(-1);
  if (passing === undefined && last !== undefined && last.end < value.byteLength) return place.valueAt + last.end;
  return place.lengthAt;
}

/** The byte at which the text that starts at `offset` stops to be UTF-8; its last byte where a part of a character is missing. */
export function badTextAt(tlv: AnyTLV, bytes: Uint8Array, place: TlvPlace, offset: number): number {
  const spans = spansOf(tlv, bytes.subarray(place.valueAt, place.end));
  const end = place.valueAt + (spans.find((span) => offset - place.valueAt < span.end)?.end ?? 0);
  const decoder = new TextDecoder("utf-8", { fatal: true });
  for (let at = offset; at < end; at++) {
    try {
      decoder.decode(bytes.subarray(at, at + 1), { stream: true });
    } catch {
      return at;
    }
  }
  return Math.max(offset, end - 1);
}
