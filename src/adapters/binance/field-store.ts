import { NOT_DECIMAL, scanDecimal8, TOO_MANY_DECIMALS } from "../decimal.js";
import { AdapterError } from "../errors.js";
import { badFrame, endOfString, skipLiteral, skipNumber, skipValue } from "../json.js";
import { FIELD_COUNT, Field, fieldName } from "./fields.js";

/**
 * What was noted at a field's place. `Decimal` is a string that is a decimal number and was read as one, `Integer` a number that is an
 * unsigned integer within 2^53 and was read as one, `Broken` an array that should hold levels and does not.
 */
export const Kind = {
  Absent: 0,
  String: 1,
  Decimal: 2,
  Number: 3,
  Integer: 4,
  True: 5,
  False: 6,
  Nested: 7,
  Levels: 8,
  Broken: 9,
} as const;
export type Kind = (typeof Kind)[keyof typeof Kind];

/** Kinds are stored on top of a base that rises by this with every event, so that nothing has to be cleared. */
const BASE_STEP = 16;
const BASE_LIMIT = 2 ** 30;

const QUOTE = 0x22;
const MINUS = 0x2d;
const ZERO = 0x30;
const NINE = 0x39;
const OPEN_BRACE = 0x7b;

/** Fields whose text is a decimal number: 1 a price, signed, 2 a size. */
const DECIMALS = /* @__PURE__ */ (() => {
  const kinds = new Uint8Array(FIELD_COUNT);
  for (const field of [Field.b, Field.a, Field.p]) kinds[field] = 1;
  for (const field of [Field.B, Field.A, Field.q]) kinds[field] = 2;
  return kinds;
})();

/** The fields of one event as found, and their values as numbers. Nothing is allocated but errors, which are AdapterErrors. */
export class FieldStore {
  /** The bytes that places count in; they end with a 0. */
  bytes: Uint8Array;
  /** Where the event began. */
  eventAt = 0;
  readonly #from = new Int32Array(FIELD_COUNT);
  readonly #to = new Int32Array(FIELD_COUNT);
  readonly #kinds = new Int32Array(FIELD_COUNT);
  readonly #integers = new Float64Array(FIELD_COUNT);
  readonly #words = new Int32Array(FIELD_COUNT * 2);
  #base = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  /** Forgets all fields: an event begins here. */
  begin(at: number): void {
    this.eventAt = at;
    this.#base += BASE_STEP;
    if (this.#base < BASE_LIMIT) return;
    this.#kinds.fill(0);
    this.#base = BASE_STEP;
  }

  /** What is noted of a field. */
  kindOf(field: Field): Kind {
    const kind = this.#kinds[field]! - this.#base;
    return (kind < 0 ? Kind.Absent : kind) as Kind;
  }

  /** Where a field's value begins; a text's behind its quote. */
  from(field: Field): number {
    return this.#from[field]!;
  }

  /** Where a field's value ends; a text's at its quote. */
  to(field: Field): number {
    return this.#to[field]!;
  }

  /** Whether the event has this field with a number. */
  hasNumber(field: Field): boolean {
    const kind = this.kindOf(field);
    return kind === Kind.Integer || kind === Kind.Number;
  }

  /** Whether the event has this field with a text. */
  hasText(field: Field): boolean {
    const kind = this.kindOf(field);
    return kind === Kind.String || kind === Kind.Decimal;
  }

  /** A field that must be an integer of 0 to 2^53 - 1. @throws AdapterError VALUE_RANGE beyond, else BAD_FRAME */
  integer(field: Field): number {
    if (this.kindOf(field) === Kind.Integer) return this.#integers[field]!;
    if (this.kindOf(field) !== Kind.Number) throw this.missing(field, "a number");
    for (let i = this.#from[field]!; i < this.#to[field]!; i++) {
      if (this.bytes[i]! < ZERO || this.bytes[i]! > NINE)
        throw badFrame(`"${fieldName(field)}" is no unsigned integer`, i);
    }
    throw new AdapterError("VALUE_RANGE", `"${fieldName(field)}" is beyond 2^53`, this.#from[field]!);
  }

  /** A field that must be true or false. @throws AdapterError BAD_FRAME */
  flag(field: Field): boolean {
    const kind = this.kindOf(field);
    if (kind !== Kind.True && kind !== Kind.False) throw this.missing(field, "true or false");
    return kind === Kind.True;
  }

  /** A field that must be decimal text, as two words at `words[at]`. @throws AdapterError VALUE_RANGE where they can't hold it */
  decimal(field: Field, words: Int32Array, at: number): void {
    if (this.kindOf(field) !== Kind.Decimal) throw this.#noDecimal(field);
    words[at] = this.#words[field * 2]!;
    words[at + 1] = this.#words[field * 2 + 1]!;
  }

  /** Checks a field that must be text and not empty. @throws AdapterError BAD_FRAME */
  needText(field: Field): void {
    if (!this.hasText(field)) throw this.missing(field, "text");
    if (this.#from[field] === this.#to[field]) throw badFrame(`"${fieldName(field)}" is empty`, this.#from[field]!);
  }

  /** Notes an array that was walked from `start` to `end`. */
  noteArray(field: Field, kind: Kind, start: number, end: number): number {
    this.#from[field] = start;
    return this.#note(field, kind, end);
  }

  /** Notes the value that begins at `start`, no array; gives the place behind it. */
  note(field: Field, start: number): number {
    const bytes = this.bytes;
    const byte = bytes[start]!;
    if (byte === QUOTE) return this.#noteText(field, start + 1);
    this.#from[field] = start;
    if ((byte >= ZERO && byte <= NINE) || byte === MINUS) return this.#noteNumber(field, start);
    if (byte === OPEN_BRACE) return this.#note(field, Kind.Nested, skipValue(bytes, start));
    const end = skipLiteral(bytes, start);
    return this.#note(field, byte === 0x74 ? Kind.True : byte === 0x66 ? Kind.False : Kind.Nested, end);
  }

  /** The error of a field that is not what it must be. */
  missing(field: Field, what: string): AdapterError {
    const isThere = this.kindOf(field) !== Kind.Absent;
    const at = isThere ? this.#from[field]! : this.eventAt;
    return badFrame(`"${fieldName(field)}" is not ${isThere ? what : "there"}`, at);
  }

  #note(field: Field, kind: Kind, end: number): number {
    this.#to[field] = end;
    this.#kinds[field] = this.#base + kind;
    return end;
  }

  #noteText(field: Field, start: number): number {
    const bytes = this.bytes;
    this.#from[field] = start;
    const decimal = DECIMALS[field]!;
    if (decimal !== 0) {
      const end = scanDecimal8(bytes, start, this.#words, field * 2, decimal === 1);
      if (end > 0 && bytes[end] === QUOTE) return this.#note(field, Kind.Decimal, end) + 1;
    }
    return this.#note(field, Kind.String, endOfString(bytes, start)) + 1;
  }

  #noteNumber(field: Field, start: number): number {
    const bytes = this.bytes;
    let i = start;
    let value = 0;
    let digit = bytes[i]! - ZERO;
    while (digit >>> 0 <= 9) {
      value = value * 10 + digit;
      digit = bytes[++i]! - ZERO;
    }
    const next = bytes[i]!;
    const isPlain = next === 0x2c || next === 0x7d || next <= 0x20; // what else may follow an integer, skipNumber knows
    if (!isPlain || i === start || (bytes[start] === ZERO && i > start + 1) || value > Number.MAX_SAFE_INTEGER) {
      return this.#note(field, Kind.Number, skipNumber(bytes, start));
    }
    this.#integers[field] = value;
    return this.#note(field, Kind.Integer, i);
  }

  #noDecimal(field: Field): AdapterError {
    if (this.kindOf(field) !== Kind.String) return this.missing(field, "text");
    const from = this.#from[field]!;
    return decimalError(scanDecimal8(this.bytes, from, this.#words, field * 2, DECIMALS[field] === 1), from);
  }
}

/** The error for what scanDecimal8 answered; an answer of 0 and more is a number with something behind it. */
export function decimalError(answer: number, from: number): AdapterError {
  if (answer >= 0 || answer === NOT_DECIMAL) return badFrame("no decimal number", from);
  if (answer === TOO_MANY_DECIMALS) {
    return new AdapterError("VALUE_RANGE", "a number with more than 8 decimals, which would have to be rounded,", from);
  }
  return new AdapterError("VALUE_RANGE", "a number that does not fit 64 bits with 8 decimals", from);
}
