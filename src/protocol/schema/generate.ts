import { microsecondsOf, nanosecondsHigh, nanosecondsLow } from "../halves.js";
import { readInstrument, writeInstrument } from "../instrument-id.js";
import {
  type AnyObject,
  approximateHuge,
  type Codec,
  type Complaints,
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
import type { SmallKind, WideField } from "./fields.js";
import type { FixedPlace, Layout, VariablePlace } from "./layout.js";
import { checkHeld } from "./released.js";
import { readText, utf8Bytes } from "./text.js";
import { WideNumber } from "./wide-numbers.js";

// The codec of one TLV as the text of a program: straight-line code, 8 to 13 times as fast as a loop over the fields.
// Only names that passed the schema's check and numbers get into the text. `interpret.ts` gives the same results without.

const METHOD: Readonly<Record<string, string>> = {
  u8: "Uint8",
  u16: "Uint16",
  u32: "Uint32",
  i8: "Int8",
  i16: "Int16",
  i32: "Int32",
  u64: "BigUint64",
  i64: "BigInt64",
};

/** Makes a codec by generating its code. */
export function generateCodec(tlv: string, layout: Layout, complaints: Complaints): Codec {
  const program = new Collected(complaints);
  const parts = [
    ...layout.variable.filter((place) => place.entry !== undefined).map((place) => entryClasses(place, program)),
    flyweightClass(tlv, layout, program),
    encodeFunction(layout, program),
    decodeFunction(layout),
    LENGTHS,
    DELIVERY,
    "return { Flyweight, encodeInto, decode, deliveryOf };",
  ];
  const text = ['"use strict";', program.text, ...parts].join("\n");
  const names = Object.keys(SUPPORT);
  const make = new Function("complaints", "wides", ...names, text) as (
    ...given: unknown[]
  ) => Omit<Codec, "byteLengthOf">;
  const made = make(complaints, program.wides, ...names.map((name) => SUPPORT[name]));
  return { ...made, byteLengthOf: (value: AnyObject) => measure(layout, value, complaints) };
}

const SUPPORT: Readonly<Record<string, unknown>> = {
  FlyweightCore,
  EntryView,
  readInstrument,
  writeInstrument,
  readText,
  writeText,
  utf8Bytes,
  readBytes,
  writeBytes,
  readHuge,
  writeHuge,
  approximateHuge,
  tailCount,
  checkHeld,
  microsecondsOf,
  nanosecondsHigh,
  nanosecondsLow,
};

/** How a flyweight says that a length is wrong. */
const LENGTHS = `function tooShort(found, least, offset) { complaints.length(found, "at least " + least, offset); }
function mismatched(found, own, offset) { complaints.length(found, own + " by its own counts", offset); }`;

/** `deliveryOf` of codec.ts, as text: what it says of one class of flyweight must not be shared with others. */
const DELIVERY = `function deliveryOf(flyweight, handler, self, settle) { return (view, offset, byteLength, context) => {
flyweight.wrap(view, offset, byteLength);
try { const result = handler.call(self, flyweight, context); if (result !== undefined) settle(result); } finally { flyweight.release(); }
}; }`;

function at(base: string, offset: number): string {
  return offset === 0 ? base : `${base} + ${offset}`;
}

function littleEndian(kind: string): string {
  return kind === "u8" || kind === "i8" ? "" : ", true";
}

function readOf({ field }: FixedPlace, view: string, place: string): string {
  if (field.kind === "instrument") return `readInstrument(${view}, ${place})`;
  if (field.kind === "bytes") return `readBytes(${view}, ${place}, ${field.bytes})`;
  if (isHuge(field.kind)) return `readHuge("${field.kind}", ${view}, ${place})`;
  return `${view}.get${METHOD[field.kind]}(${place}${littleEndian(field.kind)})`;
}

function isHuge(kind: string): boolean {
  return kind === "u128" || kind === "i128" || kind === "u160";
}

/** What accessors refer to and what stands outside them, so that they stay small. */
interface Program {
  /** The call that refuses `v`. */
  refuse(label: string, expected: string): string;
  /** The calls for a 64-bit field at this offset whose value has no exact number, and that is given no safe integer `v`. */
  wide(label: string, field: WideField, offset: number): readonly [beyond: string, refuse: string];
}

/** Collects it, as text and as values that the text refers to. */
class Collected implements Program {
  readonly #functions: string[] = [];
  #refusals = 0;
  readonly wides: WideNumber[] = [];
  readonly #complaints: Complaints;

  constructor(complaints: Complaints) {
    this.#complaints = complaints;
  }

  refuse(label: string, expected: string): string {
    const name = `refuse${this.#refusals++}`;
    this.#functions.push(`function ${name}(v) { complaints.range("${label}", v, "${expected}"); }`);
    return `${name}(v);`;
  }

  wide(label: string, field: WideField, offset: number): readonly [beyond: string, refuse: string] {
    const i = this.wides.push(new WideNumber(this.#complaints, label, field)) - 1;
    this.#functions.push(
      `function beyond${i}(self) { wides[${i}].beyond(self.view, ${at("self.offset", offset)}); }`,
      `function unfit${i}(v) { wides[${i}].refuse(v); }`,
    );
    return [`beyond${i}(this);`, `unfit${i}(v);`];
  }

  get text(): string {
    return this.#functions.join("\n");
  }
}

/** The statement that checks and writes `v` in `view`; `label` names the field in errors. */
function writeOf({ field }: FixedPlace, view: string, place: string, label: string, program: Program): string {
  if (field.kind === "instrument") return `writeInstrument(${view}, ${place}, v, complaints, "${label}");`;
  if (field.kind === "bytes") return `writeBytes(${view}, ${place}, ${field.bytes}, v, complaints, "${label}");`;
  if (isHuge(field.kind)) return `writeHuge("${field.kind}", ${view}, ${place}, v, complaints, "${label}");`;
  if (field.kind === "u64" || field.kind === "i64") {
    const [least, greatest] = WIDE_RANGES[field.kind];
    // Compares with its own low 64 bits: cheaper than with the two ends of the range.
    const fits = field.kind === "u64" ? "BigInt.asUintN(64, v) === v" : "BigInt.asIntN(64, v) === v";
    return (
      `if (typeof v !== "bigint" || !(${fits})) ${program.refuse(label, `a bigint from ${least} to ${greatest}`)}\n` +
      `${view}.set${METHOD[field.kind]}(${place}, v, true);`
    );
  }
  return (
    `${smallCheck(field.kind as SmallKind, label, program)}\n` +
    `${view}.set${METHOD[field.kind]}(${place}, v${littleEndian(field.kind)});`
  );
}

/** An integer that its own low bits equal is one that fits. A bigint has no low bits here: they would throw. */
const LOW_BITS: Readonly<Record<SmallKind, string>> = {
  u8: "(v & 255)",
  u16: "(v & 65535)",
  u32: "v >>> 0",
  i8: "(v << 24) >> 24",
  i16: "(v << 16) >> 16",
  i32: "(v | 0)",
};

function smallCheck(kind: SmallKind, label: string, program: Program): string {
  const [least, greatest] = SMALL_RANGES[kind];
  const refused = program.refuse(label, `an integer from ${least} to ${greatest}`);
  return `if (typeof v !== "number" || ${LOW_BITS[kind]} !== v) ${refused}`;
}

// V8 inlines what has at most 27 bytes of bytecode wherever it is called, and of larger functions only so many; a number
// that crosses a call that is not inlined is an allocation. So an accessor is short, and what it says on failure elsewhere.

function accessor(name: string, read: string, write: string): string {
  return `get ${name}() { ${read} }\nset ${name}(v) { ${write} }`;
}

function accessorsOf(place: FixedPlace, prefix: string, program: Program): string {
  const { name, field, offset } = place;
  if (field.kind === "zero" || field.kind === "size") return "";
  const where = at("this.offset", offset);
  const write = writeOf(place, "this.view", where, prefix + name, program);
  const plain = accessor(name, `return ${readOf(place, "this.view", where)};`, write);
  if (isHuge(field.kind)) {
    const approximate = `return approximateHuge("${field.kind}", this.view, ${at("this.offset", offset)});`;
    return `${plain}\nget ${name}Approx() { ${approximate} }`;
  }
  return field.kind === "u64" || field.kind === "i64"
    ? `${plain}\n${wideAccessors(name, field, offset, prefix, program)}`
    : plain;
}

function wideAccessors(name: string, field: WideField, offset: number, prefix: string, program: Program): string {
  const half = (suffix: string, where: string): string => {
    const check = smallCheck("u32", `${prefix}${name}${suffix}`, program);
    return accessor(
      `${name}${suffix}`,
      `return this.view.getUint32(${where}, true);`,
      `${check} this.view.setUint32(${where}, v, true);`,
    );
  };
  const lower = at("this.offset", offset);
  const upper = at("this.offset", offset + 4);
  const [beyond, refuse] = program.wide(prefix + name, field, offset);
  const sum = `high * 4294967296 + this.view.getUint32(${lower}, true)`;
  const read =
    field.unit === "Us"
      ? `const us = microsecondsOf(this.view.getUint32(${lower}, true), this.view.getUint32(${upper}, true)); if (us > ${Number.MAX_SAFE_INTEGER}) ${beyond} return us;`
      : field.kind === "u64"
        ? `const high = this.view.getUint32(${upper}, true); if (high >>> 21 !== 0) ${beyond} return ${sum};`
        : `const high = this.view.getInt32(${upper}, true); if (high >> 21 !== high >> 31) ${beyond} return ${sum};`;
  const unfit = field.kind === "u64" ? "!Number.isSafeInteger(v) || v < 0" : "!Number.isSafeInteger(v)";
  const [low, high] =
    field.unit === "Us" ? ["nanosecondsLow(v)", "nanosecondsHigh(v)"] : ["v", "Math.floor(v / 4294967296)"];
  const write = `if (${unfit}) ${refuse} this.view.setUint32(${lower}, ${low}, true); this.view.setUint32(${upper}, ${high}, true);`;
  return [half("Low", lower), half("High", upper), accessor(`${name}${field.unit}`, read, write)].join("\n");
}

function entryClasses(place: VariablePlace, program: Program): string {
  const entry = place.entry as Layout;
  const entryClass = [
    `class ${place.name}Entry extends EntryView {`,
    ...entry.fixed.map((inner) => accessorsOf(inner, `${place.name}.`, program)),
    "}",
  ];
  if (isTail(place)) return entryClass.join("\n");
  return [
    ...entryClass,
    `class ${place.name}Group {`,
    `constructor() { this.entry = new ${place.name}Entry(); this.offset = 0; this.count = 0; }`,
    "at(index) {",
    "if (index >>> 0 !== index || index >= this.count) this.refuse(index);",
    `const entry = this.entry; entry.offset = this.offset + index * ${place.stride}; return entry;`,
    "}",
    "point(view, offset, count) { this.entry.view = view; this.offset = offset; this.count = count; }",
    `refuse(index) { complaints.range("${place.name}", index, "an index below " + this.count); }`,
    "}",
  ].join("\n");
}

function flyweightClass(tlv: string, layout: Layout, program: Program): string {
  const groups = layout.variable.filter((place) => place.entry !== undefined && !isTail(place));
  const tails = layout.variable.filter(isTail);
  const others = layout.variable.filter((place) => place.entry === undefined);
  return [
    `class ${tlv}Flyweight extends FlyweightCore {`,
    "constructor() { super();",
    ...groups.map(({ name }) => `this.${name} = new ${name}Group();`),
    ...tails.map(({ name }) => `this.tail_${name} = new ${name}Entry(); this.has_${name} = false;`),
    ...others.map(({ name }) => `this.at_${name} = 0; this.bytes_${name} = 0;`),
    "}",
    wrapMethod(layout),
    "release() { super.release();",
    ...groups.map(({ name }) => `this.${name}.entry.view = this.view;`),
    ...tails.map(({ name }) => `this.tail_${name}.view = this.view;`),
    "}",
    "toObject() { return decode(this.view, this.offset, this.byteLength); }",
    ...layout.fixed.map((place) => accessorsOf(place, "", program)),
    ...others.map(variableAccessor),
    ...tails.map(
      ({ name }) => `get ${name}() { checkHeld(this.view); return this.has_${name} ? this.tail_${name} : undefined; }`,
    ),
    "}",
    `const Flyweight = ${tlv}Flyweight;`,
  ].join("\n");
}

function wrapMethod(layout: Layout): string {
  if (layout.variable.length === 0) {
    return `wrap(view, offset = 0, byteLength = ${layout.fixedBytes}) {
if (byteLength !== ${layout.fixedBytes}) complaints.length(byteLength, "exactly ${layout.fixedBytes}", offset);
this.view = view; this.offset = offset; this.byteLength = byteLength; return this; }`;
  }
  const tooShort = "tooShort(byteLength, end - offset, offset);";
  return [
    "wrap(view, offset = 0, byteLength = view.byteLength - offset) {",
    `if (byteLength < ${layout.fixedBytes}) tooShort(byteLength, ${layout.fixedBytes}, offset);`,
    `let end = offset + ${layout.fixedBytes};`,
    ...layout.variable.map((place) => {
      const count = countOf(place, "offset");
      if (isTail(place)) {
        return `const n_${place.name} = ${count}; const p_${place.name} = end; end += n_${place.name} * ${place.stride};`;
      }
      if (place.size === undefined) {
        return (
          `const n_${place.name} = ${count}; const p_${place.name} = end; ` +
          `if (n_${place.name} < 0) ${tooShort} end += n_${place.name};`
        );
      }
      return place.entry === undefined
        ? `const n_${place.name} = ${count}; const p_${place.name} = end; end += n_${place.name};`
        : `const n_${place.name} = ${count}; const p_${place.name} = end; end += n_${place.name} * ${place.stride};`;
    }),
    "if (end !== offset + byteLength) mismatched(byteLength, end - offset, offset);",
    "this.view = view; this.offset = offset; this.byteLength = byteLength;",
    ...layout.variable.map((place) => {
      const { name, entry } = place;
      if (isTail(place)) {
        return `this.tail_${name}.view = view; this.tail_${name}.offset = p_${name}; this.has_${name} = n_${name} === 1;`;
      }
      return entry === undefined
        ? `this.at_${name} = p_${name}; this.bytes_${name} = n_${name};`
        : `this.${name}.point(view, p_${name}, n_${name});`;
    }),
    "return this; }",
  ].join("\n");
}

/** How many entries or bytes a variable field has, by what the value says of itself. */
function countOf(place: VariablePlace, base: string): string {
  if (isTail(place)) return `tailCount(${base} + byteLength - end)`;
  if (place.size === undefined) return `${base} + byteLength - end`;
  return `view.get${METHOD[place.size.encoding]}(${at(base, place.size.offset)}${littleEndian(place.size.encoding)})`;
}

function variableAccessor({ name, field }: VariablePlace): string {
  const where = `this.at_${name}, this.bytes_${name}`;
  const isText = field.kind === "text" || field.kind === "textRest";
  const read = isText ? `return readText(this.view, ${where});` : `return readBytes(this.view, ${where}, true);`;
  const write = isText
    ? `writeText(this.view, ${where}, v, complaints, "${name}");`
    : `writeBytes(this.view, ${where}, v, complaints, "${name}");`;
  return `get ${name}() { ${read} }\nset ${name}(v) { ${write} }`;
}

function encodeFunction(layout: Layout, program: Program): string {
  return [
    "function encodeInto(view, o, value) {",
    "let v;",
    ...layout.variable
      .filter((place) => place.size !== undefined)
      .map((place) => {
        const size = place.size as NonNullable<VariablePlace["size"]>;
        const count =
          place.field.kind === "text"
            ? `utf8Bytes(value.${place.name})`
            : `value.${place.name}.${place.entry ? "length" : "byteLength"}`;
        return `const n_${place.name} = ${count}; view.set${METHOD[size.encoding]}(${at("o", size.offset)}, n_${place.name}${littleEndian(size.encoding)});`;
      }),
    ...layout.fixed.map((place) => encodeFixed(place, "value", "o", "", program)),
    layout.variable.length === 0 ? "" : `let end = o + ${layout.fixedBytes};`,
    ...layout.variable.map((place) => encodeVariable(place, program)),
    "}",
  ].join("\n");
}

function encodeFixed(place: FixedPlace, from: string, base: string, prefix: string, program: Program): string {
  const { name, field, offset } = place;
  if (field.kind === "size") return "";
  if (field.kind === "zero") return zeros(base, offset, field.bytes);
  return `v = ${from}.${name}; ${writeOf(place, "view", at(base, offset), prefix + name, program)}`;
}

function zeros(base: string, offset: number, count: number): string {
  let code = "";
  for (let done = 0; done < count; ) {
    const step = count - done >= 4 ? 4 : count - done >= 2 ? 2 : 1;
    code += `view.setUint${step * 8}(${at(base, offset + done)}, 0${step === 1 ? "" : ", true"}); `;
    done += step;
  }
  return code;
}

function encodeVariable(place: VariablePlace, program: Program): string {
  const { name, field, entry, stride } = place;
  if (entry !== undefined && isTail(place)) {
    return [
      `if (value.${name} !== undefined) {`,
      `const entry = value.${name};`,
      ...entry.fixed.map((inner) => encodeFixed(inner, "entry", "end", `${name}.`, program)),
      "}",
    ].join("\n");
  }
  if (entry !== undefined) {
    return [
      `for (let i = 0; i < n_${name}; i++, end += ${stride}) {`,
      `const entry = value.${name}[i];`,
      ...entry.fixed.map((inner) => encodeFixed(inner, "entry", "end", `${name}.`, program)),
      "}",
    ].join("\n");
  }
  const isText = field.kind === "text" || field.kind === "textRest";
  const count = isText ? `utf8Bytes(value.${name})` : `value.${name}.byteLength`;
  const declared = place.size === undefined ? `const n_${name} = ${count};` : "";
  const write = isText ? "writeText" : "writeBytes";
  return `${declared} ${write}(view, end, n_${name}, value.${name}, complaints, "${name}"); end += n_${name};`;
}

function decodeFunction(layout: Layout): string {
  return [
    "function decode(view, o, byteLength) {",
    layout.variable.length === 0 ? "" : `let end = o + ${layout.fixedBytes};`,
    ...layout.variable.map((place) => decodeVariable(place)),
    "const value = {",
    ...layout.fixed.filter(isShown).map((place) => `${place.name}: ${readOf(place, "view", at("o", place.offset))},`),
    ...layout.variable.filter((place) => !isTail(place)).map(({ name }) => `${name}: v_${name},`),
    "};",
    ...layout.variable.filter(isTail).map(({ name }) => `if (v_${name} !== undefined) value.${name} = v_${name};`),
    "return value;",
    "}",
  ].join("\n");
}

function decodeVariable(place: VariablePlace): string {
  const { name, field, entry, stride } = place;
  const count = `const n_${name} = ${countOf(place, "o")};`;
  if (entry !== undefined && isTail(place)) {
    return [
      `${count} const v_${name} = n_${name} === 0 ? undefined : {`,
      ...entry.fixed
        .filter(isShown)
        .map((inner) => `${inner.name}: ${readOf(inner, "view", at("end", inner.offset))},`),
      "};",
    ].join("\n");
  }
  if (entry === undefined) {
    const read = field.kind === "text" || field.kind === "textRest" ? "readText" : "readBytes";
    return `${count} const v_${name} = ${read}(view, end, n_${name}); end += n_${name};`;
  }
  return [
    `${count} const v_${name} = [];`,
    `for (let i = 0; i < n_${name}; i++, end += ${stride}) v_${name}.push({`,
    ...entry.fixed.filter(isShown).map((inner) => `${inner.name}: ${readOf(inner, "view", at("end", inner.offset))},`),
    "});",
  ].join("\n");
}

function isTail(place: VariablePlace): boolean {
  return place.field.kind === "optional";
}

function isShown(place: FixedPlace): boolean {
  return place.field.kind !== "zero" && place.field.kind !== "size";
}
