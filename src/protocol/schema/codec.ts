import { ProtocolError, ValueRangeError } from "../errors.js";
import { VALUE_BYTES_MAX } from "../walk.js";
import type { HugeKind, SmallKind, TextField, WideKind } from "./fields.js";
import type { Layout, VariablePlace } from "./layout.js";
import { checkHeld, RELEASED } from "./released.js";
import { putText, utf8Bytes } from "./text.js";

/** A decoded object seen from the machinery, which knows its fields only at run time. */
export type AnyObject = Readonly<Record<string, unknown>>;

/** What reads and writes the values of one TLV. Generated where the runtime allows it, else interpreted: same results. */
export interface Codec {
  /** Bytes of the value of this object. @throws ValueRangeError where a count, text or blob does not fit */
  byteLengthOf(value: AnyObject): number;
  /** Writes all fields of an object that {@link Codec.byteLengthOf} measured. @throws ValueRangeError */
  encodeInto(view: DataView, offset: number, value: AnyObject): void;
  /** Reads all fields of a value whose length was checked. */
  decode(view: DataView, offset: number, byteLength: number): AnyObject;
  /** As {@link deliveryOf}. */
  readonly deliveryOf: typeof deliveryOf;
  /** The accessors of the flyweight: a class over {@link FlyweightCore}. */
  readonly Flyweight: new () => FlyweightCore;
}

/** The parts of every flyweight that do not depend on its fields. */
export abstract class FlyweightCore {
  view: DataView = RELEASED;
  offset = 0;
  /** Bytes of the value. */
  byteLength = 0;

  /** Points at the value in `view[offset, offset + byteLength)`. @throws ProtocolError BAD_LENGTH */
  abstract wrap(view: DataView, offset?: number, byteLength?: number): this;

  /** Points at the value that fills `bytes`. @throws ProtocolError BAD_LENGTH */
  wrapBytes(bytes: Uint8Array): this {
    return this.wrap(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), 0, bytes.byteLength);
  }

  /** Lets the bytes go: whoever reads it before it is pointed at others gets an error with code RELEASED. */
  release(): void {
    this.view = RELEASED;
    this.offset = 0;
    this.byteLength = 0;
  }
}

/** Points a flyweight at a value, calls a handler with it, and lets the value go. */
export type Delivery<Context> = (view: DataView, offset: number, byteLength: number, context: Context) => void;

/**
 * Makes the delivery of one type to one handler. Generated codecs have it in code of their own, which then only ever sees
 * one class of flyweight: shared by many types, it would look up every property anew.
 *
 * @param self what `this` is in the handler
 * @param settle gets what the handler returns, where that is not undefined
 */
export function deliveryOf<Context>(
  flyweight: FlyweightCore,
  handler: (flyweight: never, context: Context) => unknown,
  self: unknown,
  settle: (result: unknown) => void,
): Delivery<Context> {
  return (view, offset, byteLength, context) => {
    flyweight.wrap(view, offset, byteLength);
    try {
      const result = handler.call(self, flyweight as never, context);
      if (result !== undefined) settle(result);
    } finally {
      flyweight.release();
    }
  };
}

/** How generated and interpreted codecs complain. */
export interface Complaints {
  range(field: string, value: unknown, expected: string): never;
  length(found: number, expected: string, offset: number): never;
}

/** Complaints that name a TLV. */
export function complaintsOf(tlv: string): Complaints {
  return {
    range(field, value, expected) {
      throw new ValueRangeError(tlv, field, value, expected);
    },
    length(found, expected, offset) {
      throw new ProtocolError("BAD_LENGTH", `${tlv} of ${found} bytes, expected ${expected}`, offset);
    },
  };
}

/** Least and greatest value per integer kind. */
export const SMALL_RANGES: Readonly<Record<SmallKind, readonly [number, number]>> = {
  u8: [0, 0xff],
  u16: [0, 0xffff],
  u32: [0, 0xffff_ffff],
  i8: [-0x80, 0x7f],
  i16: [-0x8000, 0x7fff],
  i32: [-0x8000_0000, 0x7fff_ffff],
};
export const WIDE_RANGES: Readonly<Record<WideKind, readonly [bigint, bigint]>> = {
  u64: [0n, 2n ** 64n - 1n],
  i64: [-(2n ** 63n), 2n ** 63n - 1n],
};
const HUGE_RANGES: Readonly<Record<HugeKind, readonly [bigint, bigint]>> = {
  u128: [0n, 2n ** 128n - 1n],
  i128: [-(2n ** 127n), 2n ** 127n - 1n],
  u160: [0n, 2n ** 160n - 1n],
};

/** Bytes of one variable field of an object. @throws ValueRangeError */
function variableBytes(place: VariablePlace, value: unknown, complaints: Complaints): number {
  const { name, field } = place;
  if (field.kind === "group") {
    if (!Array.isArray(value)) complaints.range(name, value, "an array");
    for (const entry of value) {
      if (typeof entry !== "object" || entry === null) complaints.range(name, entry, "entries that are objects");
    }
    return checkedCount(place, value.length, complaints) * place.stride;
  }
  if (field.kind === "optional") {
    if (value === undefined) return 0;
    if (typeof value !== "object" || value === null) complaints.range(name, value, "an object, or nothing at all");
    return place.stride;
  }
  if (field.kind === "text" || field.kind === "textRest") {
    if (typeof value !== "string") complaints.range(name, value, "a string");
    const count = utf8Bytes(value);
    if (count < 0) complaints.range(name, value, "well-formed text: it holds half a surrogate pair");
    return checkedCount(place, count, complaints, value);
  }
  if (!(value instanceof Uint8Array)) complaints.range(name, value, "a Uint8Array");
  return checkedCount(place, value.byteLength, complaints);
}

/** Checks how many entries or bytes a variable field is to have. */
export function checkedCount(
  place: VariablePlace,
  count: number,
  complaints: Complaints,
  shown: unknown = count,
): number {
  const isTail = place.field.kind === "optional";
  const textMax = (place.field as TextField).bytesMax ?? VALUE_BYTES_MAX;
  const max = isTail ? 1 : Math.min(textMax, place.size?.max ?? VALUE_BYTES_MAX);
  if (!Number.isInteger(count) || count < 0 || count > max) {
    complaints.range(place.name, shown, `at most ${max} ${place.entry === undefined ? "bytes" : "entries"}`);
  }
  return count;
}

/** Bytes of an object's value; both kinds of codec measure alike. @throws ValueRangeError */
export function measure(layout: Layout, value: AnyObject, complaints: Complaints): number {
  if (typeof value !== "object" || value === null) complaints.range("value", value, "an object of its fields");
  let total = layout.fixedBytes;
  for (const place of layout.variable) {
    total = checkedTotal(place, total + variableBytes(place, value[place.name], complaints), complaints);
  }
  return total;
}

/** Bytes up to and with a variable field, within what a TLV can hold. @throws ValueRangeError */
export function checkedTotal({ name }: VariablePlace, total: number, complaints: Complaints): number {
  if (total > VALUE_BYTES_MAX) {
    complaints.range(name, `a TLV of ${total} bytes`, `at most ${VALUE_BYTES_MAX} bytes in all; send it in chunks`);
  }
  return total;
}

/** Raw bytes: a copy, or with `borrowed` a view over the message. */
export function readBytes(view: DataView, offset: number, count: number, borrowed = false): Uint8Array {
  checkHeld(view);
  const found = new Uint8Array(view.buffer, view.byteOffset + offset, count);
  return borrowed ? found : found.slice();
}

/** Writes raw bytes that must be exactly `count`. */
export function writeBytes(
  view: DataView,
  offset: number,
  count: number,
  value: unknown,
  complaints: Complaints,
  field: string,
): void {
  checkHeld(view);
  if (!(value instanceof Uint8Array) || value.byteLength !== count) {
    complaints.range(field, value, `a Uint8Array of exactly ${count} bytes`);
  }
  new Uint8Array(view.buffer, view.byteOffset + offset, count).set(value);
}

/** Writes text that must have exactly `count` bytes. */
export function writeText(
  view: DataView,
  offset: number,
  count: number,
  value: unknown,
  complaints: Complaints,
  field: string,
): void {
  checkHeld(view);
  if (typeof value !== "string" || utf8Bytes(value) !== count) {
    complaints.range(field, value, `text of exactly ${count} bytes in UTF-8`);
  }
  putText(view, offset, value, count);
}

/** Reads an integer of 128 or 160 bits. */
export function readHuge(kind: HugeKind, view: DataView, offset: number): bigint {
  const low = view.getBigUint64(offset, true);
  if (kind === "i128") {
    const high = view.getBigInt64(offset + 8, true);
    return high === 0n ? low : (high << 64n) | low;
  }
  const middle = view.getBigUint64(offset + 8, true);
  const top = kind === "u160" ? view.getUint32(offset + 16, true) : 0;
  if (top !== 0) return (BigInt(top) << 128n) | (middle << 64n) | low;
  return middle === 0n ? low : (middle << 64n) | low;
}

/** Writes an integer of 128 or 160 bits. */
export function writeHuge(
  kind: HugeKind,
  view: DataView,
  offset: number,
  value: unknown,
  complaints: Complaints,
  field: string,
): void {
  const [least, greatest] = HUGE_RANGES[kind];
  if (typeof value !== "bigint" || value < least || value > greatest) {
    complaints.range(field, value, `a bigint from ${least} to ${greatest}`);
  }
  view.setBigUint64(offset, BigInt.asUintN(64, value), true);
  view.setBigUint64(offset + 8, BigInt.asUintN(64, value >> 64n), true);
  if (kind === "u160") view.setUint32(offset + 16, Number(value >> 128n), true);
}

/** A double near an integer of 128 or 160 bits, within a few units of its last place. Allocates nothing. */
export function approximateHuge(kind: HugeKind, view: DataView, offset: number): number {
  const top = kind === "u160" ? view.getUint32(offset + 16, true) : 0;
  const high = view.getInt32(offset + 12, true);
  // A negative one by its complement: the sum of its own words would cancel to nothing.
  const flip = kind === "i128" && high < 0 ? -1 : 0;
  const magnitude =
    top * 2 ** 128 +
    ((high ^ flip) >>> 0) * 2 ** 96 +
    ((view.getInt32(offset + 8, true) ^ flip) >>> 0) * 2 ** 64 +
    ((view.getInt32(offset + 4, true) ^ flip) >>> 0) * 2 ** 32 +
    ((view.getInt32(offset, true) ^ flip) >>> 0);
  return flip === 0 ? magnitude : -magnitude - 1;
}

/** How many optional tails there are in the bytes left: none, or one, which must then fill them. */
export function tailCount(bytesLeft: number): 0 | 1 {
  return bytesLeft > 0 ? 1 : 0;
}

/** An entry of a group, or an optional tail: pointed at bytes by what it belongs to. */
export class EntryView {
  view: DataView = RELEASED;
  offset = 0;
}
