import { microsecondsOf, nanosecondsHigh, nanosecondsLow } from "../halves.js";
import type { Complaints } from "./codec.js";
import type { WideField } from "./fields.js";

// 64-bit fields as numbers, in place: for interpreted codecs. `generate.ts` has the same as text.

const TWO_32 = 2 ** 32;

/** One 64-bit field, for when its value is no safe integer. */
export class WideNumber {
  readonly #complaints: Complaints;
  readonly #label: string;
  readonly #field: WideField;

  /** @param label names the field; of a group `group.field` */
  constructor(complaints: Complaints, label: string, field: WideField) {
    this.#complaints = complaints;
    this.#label = label + field.unit;
    this.#field = field;
  }

  /** Says that the field's value has no exact number. @throws ValueRangeError */
  beyond(view: DataView, at: number): never {
    const value = this.#field.kind === "u64" ? view.getBigUint64(at, true) : view.getBigInt64(at, true);
    this.#complaints.range(this.#label, value, "at most 2^53 as a number: read the bigint or the halves");
  }

  /** Refuses to write what the field cannot hold. @throws ValueRangeError */
  refuse(value: unknown): never {
    const floor = this.#field.kind === "u64" ? " of at least 0" : "";
    this.#complaints.range(this.#label, value, `a safe integer${floor}`);
  }
}

// The high half says exactly whether a value is beyond 2^53: the double may have been rounded to one that is not.

/** A signed field. @throws ValueRangeError beyond 2^53 */
export function readSigned(view: DataView, at: number, field: WideNumber): number {
  const high = view.getInt32(at + 4, true);
  if (high > 0x1f_ffff || high < -0x20_0000) field.beyond(view, at);
  return high * TWO_32 + view.getUint32(at, true);
}

/** An unsigned field. @throws ValueRangeError beyond 2^53 */
export function readUnsigned(view: DataView, at: number, field: WideNumber): number {
  const high = view.getUint32(at + 4, true);
  if (high > 0x1f_ffff) field.beyond(view, at);
  return high * TWO_32 + view.getUint32(at, true);
}

/** A time or span of nanoseconds in whole microseconds, rounded down. @throws ValueRangeError beyond 2^53 */
export function readMicroseconds(view: DataView, at: number, field: WideNumber): number {
  const us = microsecondsOf(view.getUint32(at, true), view.getUint32(at + 4, true));
  if (us > Number.MAX_SAFE_INTEGER) field.beyond(view, at);
  return us;
}

/** Sets a signed field. @throws ValueRangeError where it is given no safe integer */
export function writeSigned(view: DataView, at: number, value: unknown, field: WideNumber): void {
  store(view, at, whole(value, field));
}

/** Sets an unsigned field. @throws ValueRangeError where it is given no safe integer of at least 0 */
export function writeUnsigned(view: DataView, at: number, value: unknown, field: WideNumber): void {
  store(view, at, natural(value, field));
}

/** Sets a time or span of nanoseconds from whole microseconds. @throws ValueRangeError as {@link writeUnsigned} */
export function writeMicroseconds(view: DataView, at: number, value: unknown, field: WideNumber): void {
  storeMicroseconds(view, at, natural(value, field));
}

function whole(value: unknown, field: WideNumber): number {
  return Number.isSafeInteger(value) ? (value as number) : field.refuse(value);
}

function natural(value: unknown, field: WideNumber): number {
  const number = whole(value, field);
  return number >= 0 ? number : field.refuse(value);
}

function store(view: DataView, at: number, value: number): void {
  view.setUint32(at, value, true); // the low 32 bits, also of a negative one
  view.setInt32(at + 4, Math.floor(value / TWO_32), true);
}

function storeMicroseconds(view: DataView, at: number, us: number): void {
  view.setUint32(at, nanosecondsLow(us), true);
  view.setUint32(at + 4, nanosecondsHigh(us), true);
}
