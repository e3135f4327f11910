import { AlphaPulseError } from "../errors.js";
import { domainOfType, isUserType } from "../walk.js";
import { checkedCount, checkedTotal, type Delivery, type FlyweightCore } from "./codec.js";
import type { Accessors, CountsOf, FieldMap, InputOf, ObjectOf } from "./fields.js";
import { RELEASED } from "./released.js";
import { generationAllowed, Struct } from "./struct.js";

/** What all flyweights can do: accessors over borrowed bytes, which read and write in place and allocate nothing. */
export interface FlyweightBase<Fields extends FieldMap> {
  /** Bytes of the value. */
  readonly byteLength: number;
  /**
   * Points at the value in `view[offset, offset + byteLength)`; by default as long as the type says, or all that is left.
   * @throws ProtocolError BAD_LENGTH
   */
  wrap(view: DataView, offset?: number, byteLength?: number): this;
  /** Points at the value that fills `bytes`. @throws ProtocolError BAD_LENGTH */
  wrapBytes(bytes: Uint8Array): this;
  /** A copy of all fields: what one may keep. @throws ProtocolError BAD_TEXT */
  toObject(): ObjectOf<Fields>;
  /** Lets the bytes go: reading it afterwards is an error with code RELEASED. */
  release(): void;
}

/**
 * The flyweight of a row of fields. Every field by its name; a 64-bit field `price` also as `priceLow` and `priceHigh`
 * (unsigned halves, never fail) and as a number that throws VALUE_RANGE beyond 2^53: `priceUnits` where it is scaled,
 * `exchangeTimestampUs` (whole microseconds) where it is a time, `updateIdNumber` where it is neither.
 */
export type Flyweight<Fields extends FieldMap = FieldMap> = FlyweightBase<Fields> & Accessors<Fields>;

/** What {@link defineTLV} may be told. */
export interface TLVOptions {
  /** What the type is, for the docs. */
  readonly doc?: string;
  /** The domain a user's type is meant for; types of the protocol have theirs by their number. */
  readonly domain?: number;
  /** Which version of its schema this is, 0 to 255; default 1. It is announced; a TLV on the wire has none. */
  readonly version?: number;
}

declare const typeNumber: unique symbol;

/** One type of TLV: its number, its name and, from one schema, all its codecs. */
export class TLV<
  const Fields extends FieldMap = FieldMap,
  const Name extends string = string,
  const Type extends number = number,
> extends Struct<Fields> {
  /** 1 to 254. */
  readonly type: number;
  declare readonly [typeNumber]?: Type;
  /** PascalCase; handlers are named after it. */
  declare readonly name: Name;
  /** The domain it belongs to; 0 for extensions and for user types that name none. */
  readonly domain: number;
  /** Which version of its schema this is. */
  readonly version: number;
  /** What the type is. */
  readonly doc: string;
  /** Bytes of every value, where nothing varies; -1 where something does, and as long as the layout was not asked for. */
  #fixedBytes = -1;

  /** Made by {@link defineTLV}. */
  constructor(type: Type, name: Name, fields: Fields, options: TLVOptions, canGenerate: boolean) {
    super(name, fields, canGenerate);
    if (type >>> 0 !== type || type < 1 || type > 254) {
      throw new AlphaPulseError("BAD_SCHEMA", `schema of ${name}: type ${type} is not in 1 to 254`);
    }
    if (!/^[A-Z][A-Za-z0-9]*$/.test(name)) {
      throw new AlphaPulseError("BAD_SCHEMA", `schema of type ${type}: name ${JSON.stringify(name)} is not PascalCase`);
    }
    const { version = 1 } = options;
    if (version >>> 0 !== version || version > 255) {
      throw new AlphaPulseError("BAD_SCHEMA", `schema of ${name}: version ${version} is not in 0 to 255`);
    }
    this.type = type;
    this.version = version;
    this.doc = options.doc ?? "";
    this.domain = isUserType(type) ? (options.domain ?? 0) : domainOfType(type);
    // Those of the protocol are known to be good, and laid out at first use; a user's are checked where they are defined.
    if (isUserType(type)) void this.layout;
  }

  /** The object of a value's bytes. @throws ProtocolError BAD_LENGTH or BAD_TEXT */
  decode(value: Uint8Array): ObjectOf<Fields> {
    return this.decodeAt(new DataView(value.buffer, value.byteOffset, value.byteLength), 0, value.byteLength);
  }

  /** A new flyweight, pointed at nothing. */
  flyweight(): Flyweight<Fields> {
    return new this.codec.Flyweight() as unknown as Flyweight<Fields>;
  }

  /**
   * What calls a handler with this type's values, each for as long as the call lasts: `(view, offset, byteLength, context)`.
   * @param self what `this` is in the handler
   * @param settle gets what the handler returns, where that is not undefined
   * @throws ProtocolError BAD_LENGTH, from the function that it makes
   */
  deliveryTo<Context>(
    handler: (flyweight: Flyweight<Fields>, context: Context) => unknown,
    self: unknown,
    settle: (result: unknown) => void,
  ): Delivery<Context> {
    return this.codec.deliveryOf(new this.codec.Flyweight(), handler as never, self, settle);
  }

  /**
   * Bytes of a value whose variable fields have these counts of entries or bytes (absent: none).
   * @throws ValueRangeError
   */
  byteLengthFor(counts?: Partial<CountsOf<Fields>>): number {
    return this.#fixedBytes >= 0 ? this.#fixedBytes : this.#variableBytesFor(counts ?? {});
  }

  #variableBytesFor(counts: object): number {
    let total = this.layout.fixedBytes;
    if (this.layout.variable.length === 0) this.#fixedBytes = total;
    for (const place of this.layout.variable) {
      const count = countIn(counts, place.name);
      const bytes = checkedCount(place, count, this.complaints) * place.stride;
      total = checkedTotal(place, total + bytes, this.complaints);
    }
    return total;
  }

  /** Zeroes the bytes of a value, of {@link TLV.byteLengthFor} these counts, and writes the counts: what a flyweight then fills. */
  prepare(
    bytes: Uint8Array,
    view: DataView,
    offset: number,
    byteLength: number,
    counts?: Partial<CountsOf<Fields>>,
  ): void {
    zeroBytes(bytes, view, offset, byteLength);
    if (this.#fixedBytes < 0) this.#writeCounts(view, offset, counts ?? {});
  }

  #writeCounts(view: DataView, offset: number, counts: object): void {
    for (const place of this.layout.variable) {
      const count = countIn(counts, place.name);
      if (place.size?.encoding === "u8") view.setUint8(offset + place.size.offset, count);
      else if (place.size !== undefined) view.setUint16(offset + place.size.offset, count, true);
    }
  }
}

/** How many entries or bytes are wanted of a field; of an optional tail 0 or 1. */
function countIn(counts: object, name: string): number {
  const count = (counts as Readonly<Record<string, number | boolean | undefined>>)[name] ?? 0;
  return typeof count === "boolean" ? Number(count) : count;
}

/** Up to this length a loop beats the platform's fill. */
const LOOP_BYTES_MAX = 128;

function zeroBytes(bytes: Uint8Array, view: DataView, offset: number, count: number): void {
  if (count > LOOP_BYTES_MAX) {
    bytes.fill(0, offset, offset + count);
    return;
  }
  let i = 0;
  for (; i <= count - 8; i += 8) view.setFloat64(offset + i, 0, true);
  for (; i < count; i++) view.setUint8(offset + i, 0);
}

/** Any TLV, where its fields do not matter. */
// biome-ignore lint/suspicious/noExplicitAny: a TLV is contravariant in its fields where it encodes
export type AnyTLV = TLV<any, any, number>;
/** The object that a TLV decodes to. */
export type Infer<T extends AnyTLV> = ObjectOf<T["fields"]>;
/** The object that a TLV can be encoded from. */
export type InputFor<T extends AnyTLV> = InputOf<T["fields"]>;
/** The flyweight of a TLV. */
export type FlyweightOf<T extends AnyTLV> = Flyweight<T["fields"]>;
/** The counts of a TLV's variable fields. */
export type CountsFor<T extends AnyTLV> = Partial<CountsOf<T["fields"]>>;

/** One flyweight per TLV, made at first use: indexed by type, so that finding it costs an array access. */
export class FlyweightCache {
  readonly #entries: ({ readonly tlv: AnyTLV; readonly flyweight: FlyweightCore } | undefined)[] = [];
  /** Those that are lent, at the beginning; never shortened, so that lending allocates nothing. */
  readonly #lent: FlyweightCore[] = [];
  #lentCount = 0;

  /** The flyweight of this very TLV. */
  of<T extends AnyTLV>(tlv: T): FlyweightOf<T> {
    const known = this.#entries[tlv.type];
    const flyweight = known !== undefined && known.tlv === tlv ? known.flyweight : this.#make(tlv);
    return flyweight as unknown as FlyweightOf<T>;
  }

  #make(tlv: AnyTLV): FlyweightCore {
    while (this.#entries.length < 256) this.#entries.push(undefined);
    const flyweight = tlv.flyweight() as unknown as FlyweightCore;
    this.#entries[tlv.type] = { tlv, flyweight };
    return flyweight;
  }

  /** The same, to be let go at the next {@link FlyweightCache.release}. */
  lend<T extends AnyTLV>(tlv: T): FlyweightOf<T> {
    const flyweight = this.of(tlv) as unknown as FlyweightCore;
    if (flyweight.view === RELEASED) this.#lent[this.#lentCount++] = flyweight;
    return flyweight as unknown as FlyweightOf<T>;
  }

  /** Lets the bytes go of all that were lent. */
  release(): void {
    while (this.#lentCount > 0) this.#lent[--this.#lentCount]?.release();
  }
}

/**
 * Defines a type of TLV by its fields in the order of the wire. From this one schema come the object codec, the
 * flyweight, the checks and the static type:
 *
 * ```ts
 * const FundingRateTLV = defineTLV(200, "FundingRate", { instrument, rate: i64, nextFundingAt: timestamp });
 * type FundingRateTLV = Infer<typeof FundingRateTLV>;
 * ```
 * @param type 200 to 254 for a type of one's own
 * @param name PascalCase; handlers are named after it
 * @throws AlphaPulseError BAD_SCHEMA
 */
export function defineTLV<const Name extends string, const Fields extends FieldMap, const Type extends number = number>(
  type: Type,
  name: Name,
  fields: Fields,
  options: TLVOptions = {},
): TLV<Fields, Name, Type> {
  return new TLV(type, name, fields, options, generationAllowed());
}
