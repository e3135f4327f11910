import type { AnyField, FieldMap } from "../protocol/schema/fields.js";
import { domainName, RelayDomain, Source, Venue } from "../protocol/tables.js";
import { DecimalsTLV } from "../tlvs/extension.js";
import type { Decoded, DecodedTLV } from "./checked.js";
import type { Where } from "./fault.js";
import { printable } from "./printable.js";
import { bytesText, dateText, type Readable, readable, type Scale, USUAL_SCALE } from "./readable.js";
import { runOf, SEQUENCE_LIMIT } from "./sequences.js";
import type { Paint } from "./terminal.js";

/** How messages are shown to people. */
export interface PrettyOptions {
  readonly paint: Paint;
  /** How many entries of a group are shown; 0 shows all, and all bytes of long values too. */
  readonly entriesMax: number;
}

/** A message for people: a line about its header, then each TLV with a line per field. */
export function prettyMessage(decoded: Decoded, where: Where, options: PrettyOptions): string {
  const { paint } = options;
  const lines = [headerLine(decoded, where, paint)];
  decoded.tlvs.forEach((found, index) => {
    lines.push(...tlvLines(found, scaleOf(decoded.tlvs, index), options));
  });
  if (decoded.tlvs.length === 0) lines.push(`  ${paint("dim", "no TLVs")}`);
  return lines.join("\n");
}

/** The name of a source, or nothing where it is the user's own. */
export function sourceName(source: number): string {
  return nameIn(Source, source);
}

function headerLine({ header, checksum, byteLength }: Decoded, where: Where, paint: Paint): string {
  const { sequence, timestamp, source, relayDomain } = header;
  const place = where.ordinal === undefined ? printable(where.input) : `#${where.ordinal} at byte ${where.at}`;
  const parts = [
    paint("bold", place),
    paint("cyan", domainName(relayDomain)),
    `source ${source}${withNote(sourceName(source))}`,
    sequenceText(sequence),
    dateText(timestamp),
    `${byteLength} bytes`,
    checksum ?? paint("red", "wrong checksum"),
  ];
  return parts.join("  ");
}

function sequenceText(sequence: bigint): string {
  if (sequence === 0n) return "unsequenced";
  const { incarnation, counter } = runOf(sequence);
  if (incarnation === 0n || sequence >= SEQUENCE_LIMIT) return `sequence ${sequence}`;
  return `sequence ${counter} of run ${incarnation}`;
}

function withNote(note: string): string {
  return note === "" ? "" : ` ${note}`;
}

/** Amounts of market data are scaled as the next Decimals behind them says; all others have 8 decimals. */
function scaleOf(tlvs: readonly DecodedTLV[], index: number): Scale {
  if (tlvs[index]?.tlv?.domain !== RelayDomain.MarketData) return USUAL_SCALE;
  const next = tlvs.slice(index + 1).find(({ type }) => type === DecimalsTLV.type)?.value;
  return next === undefined ? USUAL_SCALE : { price: next.price as number, size: next.size as number };
}

function tlvLines({ type, tlv, value, raw }: DecodedTLV, scale: Scale, options: PrettyOptions): string[] {
  const { paint, entriesMax } = options;
  if (tlv === undefined || value === undefined) {
    return [`  ${paint("yellow", `type ${type}`)} ${paint("dim", "unknown")}  ${bytesText(raw, entriesMax === 0)}`];
  }
  const title = `  ${paint("green", tlv.name)} ${paint("dim", `(${type})`)}`;
  return [title, ...fieldLines(tlv.fields, value, "    ", scale, options)];
}

function fieldLines(
  fields: FieldMap,
  value: Readonly<Record<string, unknown>>,
  indent: string,
  scale: Scale,
  options: PrettyOptions,
): string[] {
  const { paint, entriesMax } = options;
  const shown = Object.entries(fields).filter(([name]) => Object.hasOwn(value, name));
  const width = Math.max(0, ...shown.map(([name]) => name.length));
  const lines: string[] = [];
  for (const [name, field] of shown) {
    const label = `${indent}${paint("dim", name.padEnd(width))}  `;
    const held = value[name];
    if (field.kind === "group") {
      const entries = held as readonly Readonly<Record<string, unknown>>[];
      lines.push(`${label}${entries.length} ${entries.length === 1 ? "entry" : "entries"}`);
      lines.push(...entryLines(field.fields, entries, `${indent}  `, scale, options));
    } else if (field.kind === "optional") {
      lines.push(label.trimEnd());
      lines.push(...fieldLines(field.fields, held as Record<string, unknown>, `${indent}  `, scale, options));
    } else {
      const { text, note } = withNames(name, field, readable(field, held, scale, entriesMax === 0), held);
      lines.push(`${label}${text}${note === "" ? "" : ` ${paint("dim", note)}`}`);
    }
  }
  return lines;
}

/** The numbers of venues and sources have names too. */
function withNames(name: string, field: AnyField, shown: Readable, value: unknown): Readable {
  if (field.kind !== "u16" || shown.note !== "" || typeof value !== "number") return shown;
  if (/^venue([AB]|$)/.test(name)) return { text: shown.text, note: nameIn(Venue, value) };
  return /source$/i.test(name) ? { text: shown.text, note: sourceName(value) } : shown;
}

/** The entries of a group as columns. */
function entryLines(
  fields: FieldMap,
  entries: readonly Readonly<Record<string, unknown>>[],
  indent: string,
  scale: Scale,
  { paint, entriesMax }: PrettyOptions,
): string[] {
  const some = entriesMax === 0 ? entries : entries.slice(0, entriesMax);
  const names = Object.keys(some[0] ?? {});
  if (names.length === 0) return [];
  const rows = some.map((entry) =>
    names.map((name) => {
      const { text, note } = readable(fields[name] as AnyField, entry[name], scale, entriesMax === 0);
      return note === "" ? text : `${text} ${note}`;
    }),
  );
  const widths = names.map((name, i) =>
    rows.reduce((width, row) => Math.max(width, (row[i] as string).length), name.length),
  );
  const columns = (cells: readonly string[]) =>
    cells
      .map((cell, i) => cell.padEnd(widths[i] as number))
      .join("  ")
      .trimEnd();
  const left = entries.length - some.length;
  return [
    `${indent}${paint("dim", columns(names))}`,
    ...rows.map((row) => `${indent}${columns(row)}`),
    ...(left === 0 ? [] : [`${indent}${paint("dim", `… ${left} more (--entries 0 shows all)`)}`]),
  ];
}

function nameIn(table: Readonly<Record<string, number>>, value: number): string {
  return Object.keys(table).find((name) => table[name] === value) ?? "";
}
