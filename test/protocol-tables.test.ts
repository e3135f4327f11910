import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { readVectors, toHex } from "./vectors.js";

// A reader that knows of docs/protocol.md only what a stranger would: the tables under "The types". It shares no code
// with the library.

interface Row {
  readonly offset: string;
  readonly field: string;
  readonly kind: string;
}

interface Table {
  readonly rows: readonly Row[];
  /** The tables of groups and of optional tails, by their field. */
  readonly parts: ReadonlyMap<string, readonly Row[]>;
}

interface Golden {
  readonly label: string;
  readonly hex: string;
  readonly tlvs: readonly { readonly type: number; readonly value?: object }[];
}

const page = readFileSync(new URL("../docs/protocol.md", import.meta.url), "utf8");
const tables = tablesOf(page);

test("a reader made from the tables alone decodes every golden message to its values", () => {
  expect(tables.size).toBe(69);
  let decoded = 0;
  for (const { label, hex, tlvs } of readVectors<Golden>("valid")) {
    const message = Buffer.from(hex, "hex");
    let at = 32;
    for (const { type, value } of tlvs) {
      const isExtended = message.readUInt8(at) === 255;
      const bytes = isExtended ? message.readUInt16LE(at + 3) : message.readUInt8(at + 1);
      const start = at + (isExtended ? 5 : 2);
      expect(message.readUInt8(isExtended ? at + 2 : at), label).toBe(type);
      at = start + bytes;
      const table = tables.get(type);
      if (value === undefined || table === undefined) continue;
      expect(decode(table.rows, table.parts, message.subarray(start, at)), label).toEqual(value);
      decoded++;
    }
    expect(at).toBe(message.byteLength);
  }
  expect(decoded).toBeGreaterThan(300);
});

function tablesOf(text: string): Map<number, Table> {
  const [, types = ""] = text.split("\n## The types\n");
  const found = new Map<number, Table>();
  for (const section of types.split(/^#### /m).slice(1)) {
    const [main = "", ...rest] = section.split(/^(?:Each entry of )?`(\w+)`(?:, where it is there)?, \d+ bytes:$/m);
    const parts = new Map<string, readonly Row[]>();
    for (let i = 0; i < rest.length; i += 2) parts.set(rest[i] as string, rowsOf(rest[i + 1] as string));
    found.set(Number(/^Type (\d+),/m.exec(section)?.[1]), { rows: rowsOf(main), parts });
  }
  return found;
}

function rowsOf(text: string): Row[] {
  const rows = [...text.matchAll(/^\| (\d+|then) \| (.+?) \| (\S+) \|/gm)];
  return rows.map(([, offset = "", field = "", kind = ""]) => ({ offset, field, kind }));
}

/** The object in these bytes, as the golden files write it. */
function decode(rows: readonly Row[], parts: Table["parts"], bytes: Uint8Array): object {
  const value: Record<string, unknown> = {};
  const sizes = new Map<string, number>();
  let at = 0;
  const take = (count: number): Uint8Array => {
    expect(at + count).toBeLessThanOrEqual(bytes.byteLength);
    at += count;
    return bytes.subarray(at - count, at);
  };
  const rest = (): number => bytes.byteLength - at;
  for (const { offset, field, kind } of rows) {
    if (offset !== "then") expect(at).toBe(Number(offset));
    const [, sized] = /^\((?:number of|byte length of) (\w+)\)$/.exec(field) ?? [];
    const [, form, width] = /^([ui]|pad:|bytes:)(\d+)$/.exec(kind) ?? [];
    if (sized !== undefined) sizes.set(sized, Number(integerOf(take(Number(width) / 8), false)));
    else if (form === "pad:") take(Number(width));
    else if (form === "bytes:") value[field] = toHex(take(Number(width)));
    else if (form !== undefined) {
      const integer = integerOf(take(Number(width) / 8), form === "i");
      value[field] = Number(width) >= 64 ? String(integer) : Number(integer);
    } else if (kind === "instrument") value[field] = instrumentOf(take(12));
    else if (kind === "text") value[field] = Buffer.from(take(sizes.get(field) as number)).toString();
    else if (kind === "text-rest") value[field] = Buffer.from(take(rest())).toString();
    else if (kind === "blob") value[field] = toHex(take(sizes.get(field) as number));
    else if (kind === "rest") value[field] = toHex(take(rest()));
    else {
      const part = parts.get(field) as readonly Row[];
      const partBytes = bytesOf(part);
      if (kind === "group")
        value[field] = Array.from({ length: sizes.get(field) as number }, () => decode(part, parts, take(partBytes)));
      else if (kind !== "optional") throw new Error(`the page does not say what ${kind} is`);
      else if (rest() > 0) value[field] = decode(part, parts, take(partBytes));
    }
  }
  expect(at).toBe(bytes.byteLength);
  return value;
}

function bytesOf(rows: readonly Row[]): number {
  const widths = rows.map(({ kind }) => {
    const [, form, width] = /^([ui]|pad:|bytes:)(\d+)$/.exec(kind) ?? [];
    if (form === undefined) return 12; // an instrument
    return form === "u" || form === "i" ? Number(width) / 8 : Number(width);
  });
  return widths.reduce((sum, width) => sum + width, 0);
}

function integerOf(bytes: Uint8Array, isSigned: boolean): bigint {
  const integer = bytes.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
  return isSigned ? BigInt.asIntN(bytes.byteLength * 8, integer) : integer;
}

function instrumentOf(bytes: Uint8Array): object {
  const assetId = String(integerOf(bytes.subarray(4), false));
  return { venue: Number(integerOf(bytes.subarray(0, 2), false)), assetType: bytes[2], assetId };
}
