import { type AnyObject, type Codec, type Complaints, complaintsOf, type FlyweightCore } from "./codec.js";
import type { FieldMap, InputOf, ObjectOf } from "./fields.js";
import { generateCodec } from "./generate.js";
import { interpretCodec } from "./interpret.js";
import { type Layout, layoutOf } from "./layout.js";

/** A row of fields in the order of the wire and, from it, the codec of its bytes: a TLV's value, or what is no TLV. */
export class Struct<const Fields extends FieldMap = FieldMap> {
  /** As errors name it. */
  readonly name: string;
  readonly fields: Fields;
  protected readonly complaints: Complaints;
  readonly #canGenerate: boolean;
  #layout: Layout | undefined;
  #made: Codec | undefined;
  #checker: FlyweightCore | undefined;

  /** Made by {@link defineStruct}. */
  constructor(name: string, fields: Fields, canGenerate: boolean) {
    this.name = name;
    this.fields = fields;
    this.complaints = complaintsOf(name);
    this.#canGenerate = canGenerate;
  }

  /** Where each field stands. @throws AlphaPulseError BAD_SCHEMA */
  get layout(): Layout {
    this.#layout ??= layoutOf(this.name, this.fields);
    return this.#layout;
  }

  /** Made at first use: a program pays for what it uses. */
  protected get codec(): Codec {
    this.#made ??= this.#canGenerate
      ? generateCodec(this.name, this.layout, this.complaints)
      : interpretCodec(this.layout, this.complaints);
    return this.#made;
  }

  /** The bytes of an object. @throws ValueRangeError that names the field; nothing is cut or wrapped */
  encode(value: InputOf<Fields>): Uint8Array {
    const bytes = new Uint8Array(this.byteLengthOf(value));
    this.encodeInto(new DataView(bytes.buffer), 0, value);
    return bytes;
  }

  /** Bytes that this object takes. @throws ValueRangeError */
  byteLengthOf(value: InputOf<Fields>): number {
    return this.codec.byteLengthOf(value as AnyObject);
  }

  /** Writes an object that `byteLengthOf` measured. @throws ValueRangeError */
  encodeInto(view: DataView, offset: number, value: InputOf<Fields>): void {
    this.codec.encodeInto(view, offset, value as AnyObject);
  }

  /** The object in `view[offset, offset + byteLength)`. @throws ProtocolError BAD_LENGTH or BAD_TEXT */
  decodeAt(view: DataView, offset: number, byteLength: number): ObjectOf<Fields> {
    this.#checker ??= new this.codec.Flyweight();
    this.#checker.wrap(view, offset, byteLength).release(); // which would keep the message's memory
    return this.codec.decode(view, offset, byteLength) as ObjectOf<Fields>;
  }
}

/** Any struct, where its fields do not matter. */
// biome-ignore lint/suspicious/noExplicitAny: a struct is contravariant in its fields where it encodes
export type AnyStruct = Struct<any>;

let canGenerate: boolean | undefined;

/** Whether this runtime lets a program make code from text. */
export function generationAllowed(): boolean {
  if (canGenerate === undefined) {
    try {
      canGenerate = new Function("return true")() === true;
    } catch {
      canGenerate = false;
    }
  }
  return canGenerate;
}

/**
 * Defines a row of fields in the order of the wire. It is checked when it is first used.
 *
 * @param name letters and figures
 */
export function defineStruct<const Fields extends FieldMap>(name: string, fields: Fields): Struct<Fields> {
  return new Struct(name, fields, generationAllowed());
}
