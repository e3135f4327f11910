import type { InstrumentFields, InstrumentId } from "../instrument-id.js";

/** Integers of up to 32 bits: `number` in objects and flyweights. */
export type SmallKind = "u8" | "u16" | "u32" | "i8" | "i16" | "i32";
/** Integers of 64 bits: `bigint` in objects; flyweights add halves and a number. */
export type WideKind = "u64" | "i64";
/** Integers of 128 and 160 bits: `bigint` in objects; flyweights add a double that is near. */
export type HugeKind = "u128" | "i128" | "u160";
/** What a wide integer means, which decides how a flyweight names its number. */
export type WideUnit = "Number" | "Units" | "Us";

declare const valueType: unique symbol;

/** One field of a TLV: its kind on the wire, and `Value`, its type in a decoded object. */
export interface Field<Value = unknown> {
  readonly kind: string;
  /** What the field means, for the docs; undefined where its name says it. */
  readonly docs?: string | undefined;
  readonly [valueType]?: Value;
  /** The same field with its meaning: `u8.doc("1 buy, 2 sell")`. */
  doc(text: string): this;
}

export interface SmallField extends Field<number> {
  readonly kind: SmallKind;
}

export interface WideField<Unit extends WideUnit = WideUnit> extends Field<bigint> {
  readonly kind: WideKind;
  readonly unit: Unit;
}

export interface HugeField extends Field<bigint> {
  readonly kind: HugeKind;
}

export interface BytesField extends Field<Uint8Array> {
  readonly kind: "bytes";
  readonly bytes: number;
}

export interface InstrumentField extends Field<InstrumentId> {
  readonly kind: "instrument";
}

export interface TextField extends Field<string> {
  readonly kind: "text";
  /** How many bytes a writer may give it, where that is less than its length field could say. */
  readonly bytesMax: number | undefined;
}

export interface BlobField extends Field<Uint8Array> {
  readonly kind: "blob";
}

export interface RestField extends Field<Uint8Array> {
  readonly kind: "rest";
}

export interface TextRestField extends Field<string> {
  readonly kind: "textRest";
}

export interface GroupField<Fields extends FieldMap = FieldMap> extends Field {
  readonly kind: "group";
  readonly fields: Fields;
}

/** A tail that is there whole or not at all. */
export interface OptionalField<Fields extends FieldMap = FieldMap> extends Field {
  readonly kind: "optional";
  readonly fields: Fields;
}

/** Bytes written as 0 and ignored when read; not part of the object. */
export interface ZeroField extends Field<never> {
  readonly kind: "zero";
  readonly bytes: number;
}

/** How many entries a group has, or how many bytes a text or blob; not part of the object. */
export interface SizeField extends Field<never> {
  readonly kind: "size";
  readonly encoding: "u8" | "u16";
  readonly of: string;
}

/** The fields of a TLV in the order of the wire. */
export type FieldMap = Readonly<Record<string, AnyField>>;

/** Any field that a schema can have. */
export type AnyField =
  | SmallField
  | WideField
  | HugeField
  | BytesField
  | InstrumentField
  | TextField
  | BlobField
  | RestField
  | TextRestField
  | GroupField
  | OptionalField
  | ZeroField
  | SizeField;

type ShownKey<Fields, K extends keyof Fields> = Fields[K] extends ZeroField | SizeField | OptionalField ? never : K;
type TailKey<Fields, K extends keyof Fields> = Fields[K] extends OptionalField ? K : never;
/** One object type of an intersection, so that editors show its fields. */
type Flat<T> = { [K in keyof T]: T[K] };

/** An object of fields that are known only at run time. */
interface AnyValue {
  readonly [name: string]: unknown;
}

/** The object that a row of fields decodes to. */
export type ObjectOf<Fields extends FieldMap> = string extends keyof Fields
  ? AnyValue
  : Flat<
      {
        readonly [K in keyof Fields as ShownKey<Fields, K>]: Fields[K] extends GroupField<infer Inner>
          ? readonly ObjectOf<Inner>[]
          : Fields[K] extends Field<infer Value>
            ? Value
            : never;
      } & {
        readonly [K in keyof Fields as TailKey<Fields, K>]?: Fields[K] extends OptionalField<infer Inner>
          ? ObjectOf<Inner>
          : never;
      }
    >;

/** The object that a row of fields can be encoded from: as decoded, but plain fields will do for an instrument. */
export type InputOf<Fields extends FieldMap> = string extends keyof Fields
  ? AnyValue
  : Flat<
      {
        readonly [K in keyof Fields as ShownKey<Fields, K>]: Fields[K] extends InstrumentField
          ? InstrumentFields
          : Fields[K] extends GroupField<infer Inner>
            ? readonly InputOf<Inner>[]
            : Fields[K] extends Field<infer Value>
              ? Value
              : never;
      } & {
        readonly [K in keyof Fields as TailKey<Fields, K>]?: Fields[K] extends OptionalField<infer Inner>
          ? InputOf<Inner> | undefined
          : never;
      }
    >;

/** How many entries or bytes the variable fields of a TLV are to have, and whether an optional tail is there. */
export type CountsOf<Fields extends FieldMap> = {
  readonly [K in keyof Fields as Fields[K] extends GroupField | TextField | BlobField | RestField | TextRestField
    ? K
    : never]: number;
} & {
  readonly [K in keyof Fields as TailKey<Fields, K>]: boolean;
};

type Plain<Fields> = {
  -readonly [K in keyof Fields as Fields[K] extends SmallField | WideField | HugeField
    ? K
    : never]: Fields[K] extends SmallField ? number : bigint;
} & {
  -readonly [K in keyof Fields as Fields[K] extends InstrumentField ? K : never]: InstrumentId;
} & {
  -readonly [K in keyof Fields as Fields[K] extends TextField | TextRestField ? K : never]: string;
} & {
  -readonly [K in keyof Fields as Fields[K] extends BytesField | BlobField | RestField ? K : never]: Uint8Array;
};

type Halves<Fields> = {
  -readonly [K in keyof Fields & string as Fields[K] extends WideField ? `${K}Low` | `${K}High` : never]: number;
} & {
  -readonly [K in keyof Fields & string as Fields[K] extends WideField<infer Unit> ? `${K}${Unit}` : never]: number;
};

type Approximations<Fields> = {
  readonly [K in keyof Fields & string as Fields[K] extends HugeField ? `${K}Approx` : never]: number;
};

type Groups<Fields> = {
  readonly [K in keyof Fields as Fields[K] extends GroupField ? K : never]: Fields[K] extends GroupField<infer Inner>
    ? GroupView<Inner>
    : never;
} & {
  readonly [K in keyof Fields as TailKey<Fields, K>]: Fields[K] extends OptionalField<infer Inner>
    ? Accessors<Inner> | undefined
    : never;
};

/** The fields of a flyweight, read and written in place. */
export type Accessors<Fields extends FieldMap> = Plain<Fields> &
  Halves<Fields> &
  Approximations<Fields> &
  Groups<Fields>;

/** The entries of a group within borrowed bytes. */
export interface GroupView<Fields extends FieldMap> {
  /** How many entries there are. */
  readonly count: number;
  /** Points the group's one entry flyweight at entry `index` and returns it: borrowed until the next call. */
  at(index: number): Accessors<Fields>;
}

function field<F extends AnyField>(properties: Omit<F, "doc" | typeof valueType>): F {
  const made = {
    ...properties,
    doc(text: string): F {
      return { ...made, docs: text };
    },
  } as unknown as F;
  return made;
}

const wide = <Unit extends WideUnit>(kind: WideKind, unit: Unit, docs?: string): WideField<Unit> =>
  field<WideField<Unit>>({ kind, unit, docs });

/** An unsigned integer of 8 bits. */
export const u8: SmallField = /* @__PURE__ */ field<SmallField>({ kind: "u8" });
/** An unsigned integer of 16 bits. */
export const u16: SmallField = /* @__PURE__ */ field<SmallField>({ kind: "u16" });
/** An unsigned integer of 32 bits. */
export const u32: SmallField = /* @__PURE__ */ field<SmallField>({ kind: "u32" });
/** A signed integer of 8 bits. */
export const i8: SmallField = /* @__PURE__ */ field<SmallField>({ kind: "i8" });
/** A signed integer of 16 bits. */
export const i16: SmallField = /* @__PURE__ */ field<SmallField>({ kind: "i16" });
/** A signed integer of 32 bits. */
export const i32: SmallField = /* @__PURE__ */ field<SmallField>({ kind: "i32" });
/** An unsigned integer of 64 bits. */
export const u64: WideField<"Number"> = /* @__PURE__ */ wide("u64", "Number");
/** A signed integer of 64 bits. */
export const i64: WideField<"Number"> = /* @__PURE__ */ wide("i64", "Number");
/** An unsigned integer of 128 bits. */
export const u128: HugeField = /* @__PURE__ */ field<HugeField>({ kind: "u128" });
/** A signed integer of 128 bits. */
export const i128: HugeField = /* @__PURE__ */ field<HugeField>({ kind: "i128" });
/** An unsigned integer of 160 bits. */
export const u160: HugeField = /* @__PURE__ */ field<HugeField>({ kind: "u160" });
/** A signed fixed-point amount: 64 bits, usually in units of 1e-8 of the quote currency. */
export const price: WideField<"Units"> = /* @__PURE__ */ wide(
  "i64",
  "Units",
  "fixed-point, 1e-8 units of the quote currency",
);
/** An unsigned fixed-point amount: 64 bits, usually in units of 1e-8 of the base asset. */
export const size: WideField<"Units"> = /* @__PURE__ */ wide(
  "u64",
  "Units",
  "fixed-point, 1e-8 units of the base asset",
);
/** A point in time: 64 bits, ns since the Unix epoch. */
export const timestamp: WideField<"Us"> = /* @__PURE__ */ wide("u64", "Us", "ns since the Unix epoch");
/** A span of time: 64 bits, ns. */
export const duration: WideField<"Us"> = /* @__PURE__ */ wide("u64", "Us", "ns");
/** An InstrumentId: 12 bytes. */
export const instrument: InstrumentField = /* @__PURE__ */ field<InstrumentField>({ kind: "instrument" });
/** UTF-8 as long as the size field that names it says. */
export const text: TextField = /* @__PURE__ */ field<TextField>({ kind: "text", bytesMax: undefined });
/** Raw bytes as many as the size field that names it says. */
export const blob: BlobField = /* @__PURE__ */ field<BlobField>({ kind: "blob" });
/** All bytes that remain. */
export const rest: RestField = /* @__PURE__ */ field<RestField>({ kind: "rest" });
/** All bytes that remain, as UTF-8. */
export const textRest: TextRestField = /* @__PURE__ */ field<TextRestField>({ kind: "textRest" });

/** UTF-8 of which a writer may give at most `bytesMax` bytes. */
export function textUpTo(bytesMax: number): TextField {
  return field<TextField>({ kind: "text", bytesMax });
}

/** Exactly `count` raw bytes. */
export function bytes(count: number): BytesField {
  return field<BytesField>({ kind: "bytes", bytes: count });
}

/** `count` bytes that are written as 0 and ignored when read. */
export function zero(count: number): ZeroField {
  return field<ZeroField>({ kind: "zero", bytes: count });
}

/** The count of group `of`, or the byte length of text or blob `of`. */
export function sizeOf(of: string, encoding: "u8" | "u16"): SizeField {
  return field<SizeField>({ kind: "size", of, encoding });
}

/** Entries of the same fields, as many as the size field that names it says. Entries hold no variable fields. */
export function group<const Fields extends FieldMap>(fields: Fields): GroupField<Fields> {
  return field<GroupField>({ kind: "group", fields }) as GroupField<Fields>;
}

/** A last part that is there whole or not at all: the value's length says which. It holds no variable fields. */
export function optional<const Fields extends FieldMap>(fields: Fields): OptionalField<Fields> {
  return field<OptionalField>({ kind: "optional", fields }) as OptionalField<Fields>;
}
