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
  const program = [
    '"use strict";',
    ...layout.variable.filter((place) => place.entry !== undefined).map(entryClasses),
    flyweightClass(tlv, layout),
    encodeFunction(layout),
    decodeFunction(layout),
    DELIVERY,
    "return { Flyweight, encodeInto, decode, deliveryOf };",
  ].join("\n");
  const names = Object.keys(SUPPORT);
  const make = new Function("complaints", ...names, program) as (...given: unknown[]) => Omit<Codec, "byteLengthOf">;
  const made = make(complaints, ...names.map((name) => SUPPORT[name]));
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

function readOf({ field }: FixedPlace, place: string): string {
  if (field.kind === "instrument") return `readInstrument(view, ${place})`;
  if (field.kind === "bytes") return `readBytes(view, ${place}, ${field.bytes})`;
  if (isHuge(field.kind)) return `readHuge("${field.kind}", view, ${place})`;
  return `view.get${METHOD[field.kind]}(${place}${littleEndian(field.kind)})`;
}

function isHuge(kind: string): boolean {
  return kind === "u128" || kind === "i128" || kind === "u160";
}

/** The statement that checks and writes `v`; `label` names the field in errors. */
function writeOf({ field }: FixedPlace, place: string, label: string): string {
  if (field.kind === "instrument") return `writeInstrument(view, ${place}, v, complaints, "${label}");`;
  if (field.kind === "bytes") return `writeBytes(view, ${place}, ${field.bytes}, v, complaints, "${label}");`;
  if (isHuge(field.kind)) return `writeHuge("${field.kind}", view, ${place}, v, complaints, "${label}");`;
  if (field.kind === "u64" || field.kind === "i64") {
    const [least, greatest] = WIDE_RANGES[field.kind];
    // Compares with its own low 64 bits: cheaper than with the two ends of the range.
    const fits = field.kind === "u64" ? "BigInt.asUintN(64, v) === v" : "BigInt.asIntN(64, v) === v";
    return (
      `if (typeof v !== "bigint" || !(${fits})) ` +
      `complaints.range("${label}", v, "a bigint from ${least} to ${greatest}");\n` +
      `view.set${METHOD[field.kind]}(${place}, v, true);`
    );
  }
  return (
    `${smallCheck(field.kind as SmallKind, label)}\n` +
    `view.set${METHOD[field.kind]}(${place}, v${littleEndian(field.kind)});`
  );
}

function smallCheck(kind: SmallKind, label: string): string {
  const [least, greatest] = SMALL_RANGES[kind];
  const whole = least < 0 ? 'typeof v !== "number" || (v | 0) !== v' : 'typeof v !== "number" || v >>> 0 !== v';
  const lower = least < 0 ? ` || v < ${least}` : "";
  return `if (${whole}${lower} || v > ${greatest}) complaints.range("${label}", v, "an integer from ${least} to ${greatest}");`;
}

function accessor(name: string, read: string, write: string): string {
  return `get ${name}() { const view = this.view, o = this.offset; ${read} }\nset ${name}(v) { const view = this.view, o = this.offset; ${write} }`;
}

function accessorsOf(place: FixedPlace, prefix: string): string {
  const { name, field, offset } = place;
  if (field.kind === "zero" || field.kind === "size") return "";
  const where = at("o", offset);
  const plain = accessor(name, `return ${readOf(place, where)};`, writeOf(place, where, prefix + name));
  if (isHuge(field.kind)) {
    const approximate = `return approximateHuge("${field.kind}", this.view, ${at("this.offset", offset)});`;
    return `${plain}\nget ${name}Approx() { ${approximate} }`;
  }
  return field.kind === "u64" || field.kind === "i64"
    ? `${plain}\n${wideAccessors(name, field, offset, prefix)}`
    : plain;
}

function wideAccessors(name: string, field: WideField, offset: number, prefix: string): string {
  const low = at("o", offset);
  const high = at("o", offset + 4);
  const half = (suffix: string, where: string): string =>
    accessor(
      `${name}${suffix}`,
      `return view.getUint32(${where}, true);`,
      `${smallCheck("u32", `${prefix}${name}${suffix}`)} view.setUint32(${where}, v, true);`,
    );
  const label = `${prefix}${name}${field.unit}`;
  const load = `const low = view.getUint32(${low}, true), high = view.getUint32(${high}, true);`;
  const beyond = `complaints.range("${label}", this.${name}, "at most 2^53 as a number: read the bigint or the halves");`;
  const numberOf =
    field.unit === "Us"
      ? `${load} const us = microsecondsOf(low, high); if (us > ${Number.MAX_SAFE_INTEGER}) ${beyond} return us;`
      : field.kind === "u64"
        ? `${load} if (high > 0x1fffff) ${beyond} return high * 4294967296 + low;`
        : `${load} if (((high + 0x200000) >>> 0) > 0x3fffff) ${beyond} return (high | 0) * 4294967296 + low;`;
  const floor = field.kind === "u64" ? "v < 0 || " : "";
  const check = `if (${floor}!Number.isSafeInteger(v)) complaints.range("${label}", v, "a safe integer${floor === "" ? "" : " of at least 0"}");`;
  const store =
    field.unit === "Us"
      ? `view.setUint32(${low}, nanosecondsLow(v), true); view.setUint32(${high}, nanosecondsHigh(v), true);`
      : `const high = Math.floor(v / 4294967296); view.setUint32(${low}, v - high * 4294967296, true); view.setInt32(${high}, high, true);`;
  return [half("Low", low), half("High", high), accessor(`${name}${field.unit}`, numberOf, `${check} ${store}`)].join(
    "\n",
  );
}

function entryClasses(place: VariablePlace): string {
  const entry = place.entry as Layout;
  const entryClass = [
    `class ${place.name}Entry extends EntryView {`,
    ...entry.fixed.map((inner) => accessorsOf(inner, `${place.name}.`)),
    "}",
  ];
  if (isTail(place)) return entryClass.join("\n");
  return [
    ...entryClass,
    `class ${place.name}Group {`,
    `constructor() { this.entry = new ${place.name}Entry(); this.view = this.entry.view; this.offset = 0; this.count = 0; }`,
    "at(index) {",
    `if (index >>> 0 !== index || index >= this.count) complaints.range("${place.name}", index, "an index below " + this.count);`,
    `const entry = this.entry; entry.view = this.view; entry.offset = this.offset + index * ${place.stride}; return entry;`,
    "}",
    "}",
  ].join("\n");
}

function flyweightClass(tlv: string, layout: Layout): string {
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
    ...groups.map(({ name }) => `this.${name}.view = this.${name}.entry.view = this.view;`),
    ...tails.map(({ name }) => `this.tail_${name}.view = this.view;`),
    "}",
    "toObject() { return decode(this.view, this.offset, this.byteLength); }",
    ...layout.fixed.map((place) => accessorsOf(place, "")),
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
  const tooShort = 'complaints.length(byteLength, "at least " + (end - offset) + " by its own counts", offset);';
  return [
    "wrap(view, offset = 0, byteLength = view.byteLength - offset) {",
    `if (byteLength < ${layout.fixedBytes}) complaints.length(byteLength, "at least ${layout.fixedBytes}", offset);`,
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
    'if (end !== offset + byteLength) complaints.length(byteLength, end - offset + " by its own counts", offset);',
    "this.view = view; this.offset = offset; this.byteLength = byteLength;",
    ...layout.variable.map((place) => {
      const { name, entry } = place;
      if (isTail(place)) {
        return `this.tail_${name}.view = view; this.tail_${name}.offset = p_${name}; this.has_${name} = n_${name} === 1;`;
      }
      return entry === undefined
        ? `this.at_${name} = p_${name}; this.bytes_${name} = n_${name};`
        : `this.${name}.view = view; this.${name}.offset = p_${name}; this.${name}.count = n_${name};`;
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

function encodeFunction(layout: Layout): string {
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
    ...layout.fixed.map((place) => encodeFixed(place, "value", "o", "")),
    layout.variable.length === 0 ? "" : `let end = o + ${layout.fixedBytes};`,
    ...layout.variable.map(encodeVariable),
    "}",
  ].join("\n");
}

function encodeFixed(place: FixedPlace, from: string, base: string, prefix: string): string {
  const { name, field, offset } = place;
  if (field.kind === "size") return "";
  if (field.kind === "zero") return zeros(base, offset, field.bytes);
  return `v = ${from}.${name}; ${writeOf(place, at(base, offset), prefix + name)}`;
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

function encodeVariable(place: VariablePlace): string {
  const { name, field, entry, stride } = place;
  if (entry !== undefined && isTail(place)) {
    return [
      `if (value.${name} !== undefined) {`,
      `const entry = value.${name};`,
      ...entry.fixed.map((inner) => encodeFixed(inner, "entry", "end", `${name}.`)),
      "}",
    ].join("\n");
  }
  if (entry !== undefined) {
    return [
      `for (let i = 0; i < n_${name}; i++, end += ${stride}) {`,
      `const entry = value.${name}[i];`,
      ...entry.fixed.map((inner) => encodeFixed(inner, "entry", "end", `${name}.`)),
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
    ...layout.fixed.filter(isShown).map((place) => `${place.name}: ${readOf(place, at("o", place.offset))},`),
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
      ...entry.fixed.filter(isShown).map((inner) => `${inner.name}: ${readOf(inner, at("end", inner.offset))},`),
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
    ...entry.fixed.filter(isShown).map((inner) => `${inner.name}: ${readOf(inner, at("end", inner.offset))},`),
    "});",
  ].join("\n");
}

function isTail(place: VariablePlace): boolean {
  return place.field.kind === "optional";
}

function isShown(place: FixedPlace): boolean {
  return place.field.kind !== "zero" && place.field.kind !== "size";
}
