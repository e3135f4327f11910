import { unsignedOf } from "../protocol/halves.js";
import { HEADER_BYTES } from "../protocol/header.js";
import { STANDARD_TLV_HEADER_BYTES } from "../protocol/walk.js";
import type { GapTLV } from "../tlvs/session-control.js";

// A relay notes what its producers lost as Gap messages in its own log, so that each subscriber is told where the messages
// would have been. These read one in place.

const VALUE_OFFSET = HEADER_BYTES + STANDARD_TLV_HEADER_BYTES;
const FROM_OFFSET = VALUE_OFFSET;
const TO_OFFSET = VALUE_OFFSET + 8;
const SOURCE_OFFSET = VALUE_OFFSET + 20;

/** A Gap that answers no request. */
export function gapOf(source: number, from: number, to: number, reason: number): GapTLV {
  return { fromSequence: BigInt(from), toSequence: BigInt(to), requestId: 0, source, reason };
}

/** Whose messages are missing. */
export function noticedSource(view: DataView, offset: number): number {
  return view.getUint16(offset + SOURCE_OFFSET, true);
}

/** The first of them. */
export function noticedFrom(view: DataView, offset: number): number {
  return u64At(view, offset + FROM_OFFSET);
}

/** The last of them. */
export function noticedTo(view: DataView, offset: number): number {
  return u64At(view, offset + TO_OFFSET);
}

function u64At(view: DataView, offset: number): number {
  return unsignedOf(view.getUint32(offset, true), view.getUint32(offset + 4, true));
}
