import { type InstrumentFields, readInstrument, writeInstrument } from "../instrument-id.js";
import {
  type AnyObject,
  approximateHuge,
  type Codec,
  type Complaints,
  deliveryOf,
  EntryView,
  FlyweightCore,
  measure,
  readBytes,
  readHuge,
  SMALL_RANGES,
  tailCount,
  WIDE_RANGES,
  writeBytes,
  writeHuge,
  writeText,
} from "./codec.js";
import type { SmallKind, WideField, WideKind } from "./fields.js";
import type { FixedPlace, Layout, VariablePlace } from "./layout.js";
import { checkHeld } from "./released.js";
import { readText, utf8Bytes } from "./text.js";
import {
  readMicroseconds,
  readSigned,
  readUnsigned,
  WideNumber,
  writeMicroseconds,
  writeSigned,
  writeUnsigned,
} from "./wide-numbers.js";

// The codec of one TLV as loops over its fields: slower than `generate.ts` and equal in every result, for runtimes that
// forbid making code from text (node --disallow-code-generation-from-strings).

/** Makes a codec that interprets the layout. */
export function interpretCodec(layout: Layout, complaints: Complaints): Codec {
  const decode = (view: DataView, offset: number, byteLength: number): AnyObject =>
    decodeObject(layout, view, offset, byteLength);
  return {
    byteLengthOf: (value) => measure(layout, value, complaints),
    encodeInto: (view, offset, value) => encodeObject(layout, view, offset, value, complaints),
    decode,
    deliveryOf,
    Flyweight: flyweightClass(layout, complaints, decode),
  };
}

function readFixed({ field }: FixedPlace, view: DataView, at: number): unknown {
  switch (field.kind) {
    case "u8":
      return view.getUint8(at);
    case "i8":
      return view.getInt8(at);
    case "u16":
      return view.getUint16(at, true);
    case "i16":
      return view.getInt16(at, true);
    case "u32":
      return view.getUint32(at, true);
    case "i32":
      return view.getInt32(at, true);
    case "u64":
      return view.getBigUint64(at, true);
    case "i64":
      return view.getBigInt64(at, true);
    case "instrument":
      return readInstrument(view, at);
    case "bytes":
      return readBytes(view, at, field.bytes);
    case "u128":
    case "i128":
    case "u160":
      return readHuge(field.kind, view, at);
    default:
      return undefined;
  }
}

function writeFixed(
  place: FixedPlace,
  view: DataView,
  at: number,
  v: unknown,
  complaints: Complaints,
  label: string,
): void {
  const { field } = place;
  switch (field.kind) {
    case "zero":
      for (let i = 0; i < field.bytes; i++) view.setUint8(at + i, 0);
      return;
    case "size":
      return;
    case "instrument":
      return writeInstrument(view, at, v as InstrumentFields, complaints, label);
    case "bytes":
      return writeBytes(view, at, field.bytes, v, complaints, label);
    case "u128":
    case "i128":
    case "u160":
      return writeHuge(field.kind, view, at, v, complaints, label);
    case "u64":
    case "i64":
      return writeWide(field.kind, view, at, v, complaints, label);
    default:
      return writeSmall(field.kind, view, at, v, complaints, label);
  }
}

function writeSmall(
  kind: SmallKind,
  view: DataView,
  at: number,
  v: unknown,
  complaints: Complaints,
  label: string,
): void {
  const [least, greatest] = SMALL_RANGES[kind];
  if (!Number.isInteger(v) || (v as number) < least || (v as number) > greatest) {
    complaints.range(label, v, `an integer from ${least} to ${greatest}`);
  }
  const value = v as number;
  if (kind === "u8" || kind === "i8") view.setUint8(at, value);
  else if (kind === "u16" || kind === "i16") view.setUint16(at, value, true);
  else view.setUint32(at, value, true);
}

function writeWide(
  kind: WideKind,
  view: DataView,
  at: number,
  v: unknown,
  complaints: Complaints,
  label: string,
): void {
  const [least, greatest] = WIDE_RANGES[kind];
  if (typeof v !== "bigint" || v < least || v > greatest)
    complaints.range(label, v, `a bigint from ${least} to ${greatest}`);
  view.setBigUint64(at, BigInt.asUintN(64, v), true);
}

function sizeAt(place: VariablePlace, view: DataView, base: number, left: number): number {
  if (isTail(place)) return tailCount(left);
  if (place.size === undefined) return left;
  const at = base + place.size.offset;
  return place.size.encoding === "u8" ? view.getUint8(at) : view.getUint16(at, true);
}

function isTail(place: VariablePlace): boolean {
  return place.field.kind === "optional";
}

function isText(place: VariablePlace): boolean {
  return place.field.kind === "text" || place.field.kind === "textRest";
}

function encodeObject(layout: Layout, view: DataView, offset: number, value: AnyObject, complaints: Complaints): void {
  for (const place of layout.fixed) {
    writeFixed(place, view, offset + place.offset, value[place.name], complaints, place.name);
  }
  let end = offset + layout.fixedBytes;
  for (const place of layout.variable) {
    const given = value[place.name];
    if (place.entry !== undefined && isTail(place)) {
      if (given !== undefined) encodeGroup(place, place.entry, view, end, [given as AnyObject], complaints);
      continue;
    }
    const count = isText(place) ? utf8Bytes(given as string) : (given as { length: number }).length;
    if (place.size?.encoding === "u8") view.setUint8(offset + place.size.offset, count);
    else if (place.size !== undefined) view.setUint16(offset + place.size.offset, count, true);
    if (place.entry !== undefined) encodeGroup(place, place.entry, view, end, given as AnyObject[], complaints);
    else if (isText(place)) writeText(view, end, count, given, complaints, place.name);
    else writeBytes(view, end, count, given, complaints, place.name);
    end += count * place.stride;
  }
}

function encodeGroup(
  place: VariablePlace,
  entry: Layout,
  view: DataView,
  offset: number,
  given: readonly AnyObject[],
  complaints: Complaints,
): void {
  given.forEach((item, i) => {
    for (const inner of entry.fixed) {
      const at = offset + i * place.stride + inner.offset;
      writeFixed(inner, view, at, item[inner.name], complaints, `${place.name}.${inner.name}`);
    }
  });
}

function decodeFixedPart(layout: Layout, view: DataView, offset: number): Record<string, unknown> {
  const object: Record<string, unknown> = {};
  for (const place of layout.fixed) {
    if (place.field.kind !== "zero" && place.field.kind !== "size") {
      object[place.name] = readFixed(place, view, offset + place.offset);
    }
  }
  return object;
}

function decodeObject(layout: Layout, view: DataView, offset: number, byteLength: number): AnyObject {
  const object = decodeFixedPart(layout, view, offset);
  let end = offset + layout.fixedBytes;
  for (const place of layout.variable) {
    const count = sizeAt(place, view, offset, offset + byteLength - end);
    const { entry, stride } = place;
    if (entry !== undefined && isTail(place)) {
      if (count === 1) object[place.name] = decodeFixedPart(entry, view, end);
    } else if (entry !== undefined) {
      const from = end;
      object[place.name] = Array.from({ length: count }, (_, i) => decodeFixedPart(entry, view, from + i * stride));
    } else {
      object[place.name] = isText(place) ? readText(view, end, count) : readBytes(view, end, count);
    }
    end += count * stride;
  }
  return object;
}

// Symbols, so that a field may have any name.
const STARTS = Symbol("starts");
const GROUPS = Symbol("groups");

function flyweightClass(layout: Layout, complaints: Complaints, decode: Codec["decode"]): new () => FlyweightCore {
  const groups = layout.variable.flatMap((place) =>
    place.entry === undefined ? [] : [{ place, Group: groupClass(place, place.entry, complaints) }],
  );
  class Flyweight extends FlyweightCore {
    /** Where each variable field starts, and how many entries or bytes it has. */
    readonly [STARTS] = new Map<string, readonly [offset: number, count: number]>();
    readonly [GROUPS] = new Map(groups.map(({ place, Group }) => [place.name, new Group()]));

    wrap(
      view: DataView,
      offset = 0,
      byteLength = layout.variable.length === 0 ? layout.fixedBytes : view.byteLength - offset,
    ): this {
      const exact = layout.variable.length === 0;
      if (exact ? byteLength !== layout.fixedBytes : byteLength < layout.fixedBytes) {
        complaints.length(byteLength, `${exact ? "exactly" : "at least"} ${layout.fixedBytes}`, offset);
      }
      const starts: (readonly [VariablePlace, number, number])[] = [];
      let end = offset + layout.fixedBytes;
      for (const place of layout.variable) {
        const count = sizeAt(place, view, offset, offset + byteLength - end);
        if (count < 0) complaints.length(byteLength, `at least ${end - offset}`, offset);
        starts.push([place, end, count]);
        end += count * place.stride;
      }
      if (end !== offset + byteLength) complaints.length(byteLength, `${end - offset} by its own counts`, offset);
      this.view = view;
      this.offset = offset;
      this.byteLength = byteLength;
      for (const [place, start, count] of starts) {
        this[STARTS].set(place.name, [start, count]);
        this[GROUPS].get(place.name)?.point(view, start, count);
      }
      return this;
    }

    override release(): void {
      super.release();
      for (const group of this[GROUPS].values()) group.release(this.view);
    }

    toObject(): AnyObject {
      return decode(this.view, this.offset, this.byteLength);
    }
  }
  for (const place of layout.fixed) defineAccessors(Flyweight.prototype, place, complaints, "");
  for (const place of layout.variable) {
    const { name } = place;
    const start = (flyweight: Flyweight): readonly [number, number] => flyweight[STARTS].get(name) ?? [0, 0];
    Object.defineProperty(Flyweight.prototype, name, {
      get(this: Flyweight) {
        if (isTail(place)) {
          checkHeld(this.view);
          const tail = this[GROUPS].get(name);
          return tail?.count === 1 ? tail.entry : undefined;
        }
        if (place.entry !== undefined) return this[GROUPS].get(name);
        const [at, count] = start(this);
        return isText(place) ? readText(this.view, at, count) : readBytes(this.view, at, count, true);
      },
      set(this: Flyweight, value: unknown) {
        const write = isText(place) ? writeText : writeBytes;
        write(this.view, ...start(this), value, complaints, name);
      },
    });
  }
  return Flyweight;
}

interface Group {
  readonly count: number;
  readonly entry: EntryView;
  release(view: DataView): void;
  point(view: DataView, offset: number, count: number): void;
}

function groupClass(place: VariablePlace, layout: Layout, complaints: Complaints): new () => Group {
  class Entry extends EntryView {}
  for (const inner of layout.fixed) defineAccessors(Entry.prototype, inner, complaints, `${place.name}.`);
  return class {
    readonly entry = new Entry();
    count = 0;
    #offset = 0;

    release(view: DataView): void {
      this.entry.view = view;
    }

    point(view: DataView, offset: number, count: number): void {
      this.entry.view = view;
      this.entry.offset = offset;
      this.#offset = offset;
      this.count = count;
    }

    at(index: number): Entry {
      if (index >>> 0 !== index || index >= this.count) {
        complaints.range(place.name, index, `an index below ${this.count}`);
      }
      this.entry.offset = this.#offset + index * place.stride;
      return this.entry;
    }
  };
}

function defineAccessors(
  prototype: EntryView | FlyweightCore,
  place: FixedPlace,
  complaints: Complaints,
  prefix: string,
): void {
  const { name, field, offset } = place;
  if (field.kind === "zero" || field.kind === "size") return;
  const label = prefix + name;
  Object.defineProperty(prototype, name, {
    get(this: EntryView) {
      return readFixed(place, this.view, this.offset + offset);
    },
    set(this: EntryView, value: unknown) {
      writeFixed(place, this.view, this.offset + offset, value, complaints, label);
    },
  });
  if (field.kind === "u128" || field.kind === "i128" || field.kind === "u160") {
    const { kind } = field;
    Object.defineProperty(prototype, `${name}Approx`, {
      get(this: EntryView) {
        return approximateHuge(kind, this.view, this.offset + offset);
      },
    });
  }
  if (field.kind === "u64" || field.kind === "i64")
    defineWideAccessors(prototype, name, field, offset, complaints, label);
}

function defineWideAccessors(
  prototype: EntryView | FlyweightCore,
  name: string,
  field: WideField,
  offset: number,
  complaints: Complaints,
  label: string,
): void {
  const halves = { Low: offset, High: offset + 4 };
  for (const [suffix, at] of Object.entries(halves)) {
    Object.defineProperty(prototype, name + suffix, {
      get(this: EntryView) {
        return this.view.getUint32(this.offset + at, true);
      },
      set(this: EntryView, value: unknown) {
        writeSmall("u32", this.view, this.offset + at, value, complaints, label + suffix);
      },
    });
  }
  const number = new WideNumber(complaints, label, field);
  const [read, write] = numberAccess(field);
  Object.defineProperty(prototype, name + field.unit, {
    get(this: EntryView) {
      return read(this.view, this.offset + offset, number);
    },
    set(this: EntryView, value: unknown) {
      write(this.view, this.offset + offset, value, number);
    },
  });
}

function numberAccess(field: WideField): readonly [read: typeof readSigned, write: typeof writeSigned] {
  if (field.unit === "Us") return [readMicroseconds, writeMicroseconds];
  return field.kind === "u64" ? [readUnsigned, writeUnsigned] : [readSigned, writeSigned];
}
