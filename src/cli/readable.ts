import { formatFixed } from "../protocol/fixed-point.js";
import type { AnyField } from "../protocol/schema/fields.js";
import { toHex } from "./hex.js";
import { printable, quoted } from "./printable.js";

// Values as people read them: amounts with their point, times as dates, codes with their meaning.

/** How many decimals the amounts of a TLV have. */
export interface Scale {
  readonly price: number;
  readonly size: number;
}

/** The scale of what carries no Decimals. */
export const USUAL_SCALE: Scale = { price: 8, size: 8 };

const DECIMALS_MAX = 38;
const SHOWN_BYTES = 64;
/** A count of ns that is a date in this century: fields of time that say neither ns nor since when are told apart by it. */
const DATE_NS = 10n ** 17n;

/** A value and, where its field says what a code means, the meaning. */
export interface Readable {
  readonly text: string;
  readonly note: string;
}

/** The value of a field for people. @param isWhole whether long bytes are shown to the last */
export function readable(field: AnyField, value: unknown, scale: Scale, isWhole: boolean): Readable {
  if (typeof value === "string") return { text: quoted(value), note: "" };
  if (value instanceof Uint8Array) return { text: bytesText(value, isWhole), note: "" };
  if ((field.kind === "u64" || field.kind === "i64") && typeof value === "bigint") {
    if (field.unit === "Us") return { text: timeText(value, field.docs ?? ""), note: "" };
    if (field.unit === "Units")
      return { text: amountText(value, field.kind === "i64" ? scale.price : scale.size), note: "" };
  }
  return { text: String(value), note: typeof value === "number" ? meaningOf(field.docs ?? "", value) : "" };
}

function amountText(value: bigint, decimals: number): string {
  return decimals <= DECIMALS_MAX ? formatFixed(value, decimals) : `${value}e-${decimals}`;
}

function timeText(ns: bigint, docs: string): string {
  const isDate = docs.startsWith("ns since") || (docs !== "ns" && ns >= DATE_NS);
  return isDate ? dateText(ns) : durationText(ns);
}

/** ISO 8601 with nine decimals. */
export function dateText(ns: bigint): string {
  const seconds = new Date(Number(ns / 1_000_000_000n) * 1000).toISOString().slice(0, 19);
  return `${seconds}.${(ns % 1_000_000_000n).toString().padStart(9, "0")}Z`;
}

function durationText(ns: bigint): string {
  if (ns >= 1_000_000_000n) return `${formatFixed(ns, 9)} s`;
  if (ns >= 1_000_000n) return `${formatFixed(ns, 6)} ms`;
  return ns >= 1_000n ? `${formatFixed(ns, 3)} µs` : `${ns} ns`;
}

/** Bytes as hex with 0x; only the beginning of long ones. */
export function bytesText(bytes: Uint8Array, isWhole: boolean): string {
  if (bytes.byteLength === 0) return "(no bytes)";
  if (isWhole || bytes.byteLength <= SHOWN_BYTES) return `0x${toHex(bytes)}`;
  return `0x${toHex(bytes.subarray(0, SHOWN_BYTES))}… (${bytes.byteLength} bytes)`;
}

/** What a schema's documentation says that a code means: of "1 buy, 2 sell" for 2 `sell`. */
function meaningOf(docs: string, value: number): string {
  for (const part of docs.split(", ")) {
    const [code, ...words] = part.split(" ");
    if (code === String(value) && words.length > 0 && words[0] !== "and") return printable(words.join(" "));
  }
  return "";
}
