import type { RecordingErrorCode } from "./errors.js";

// What a line of a recording says, in each of the two formats.

/** What stands in a line. */
export type ParsedLine =
  | {
      readonly problem: undefined;
      readonly atUs: number;
      /** Undefined where the line is nothing to replay. */
      readonly kind: "frame" | "snapshot" | undefined;
      readonly bytes: Uint8Array;
      readonly symbol: string | undefined;
      /** Of a transcript: where it was received from. */
      readonly url: string | undefined;
    }
  | { readonly problem: RecordingErrorCode; readonly detail: string };

/** Reads a line. */
export type LineParser = (line: Uint8Array) => ParsedLine;

const OPEN_BRACE = 0x7b;
const SPACE = 0x20;
/** Digits of a time in nanoseconds: beyond 19 it does not fit 64 bits. */
const NS_DIGITS_MAX = 19;
const SNAPSHOT_KEY = /* @__PURE__ */ Uint8Array.from('{"lastUpdateId"', (letter) => letter.charCodeAt(0));

/** The format that a recording's first line is in; undefined where it is neither. */
export function lineParserOf(line: Uint8Array): LineParser | undefined {
  if (line[0] === OPEN_BRACE) return parseTranscriptLine;
  return isDigit(line[0]!) || line.indexOf(OPEN_BRACE) > 0 ? parseTimedLine : undefined;
}

/** `<unix ns> <JSON as received>`. */
function parseTimedLine(line: Uint8Array): ParsedLine {
  let i = 0;
  while (i < line.length && isDigit(line[i]!)) i++;
  if (i === 0 || i > NS_DIGITS_MAX || line[i] !== SPACE) {
    return { problem: "RECORDING_NO_TIME", detail: "does not begin with a time in nanoseconds and a blank" };
  }
  let atUs = 0;
  for (let at = 0; at < i - 3; at++) atUs = atUs * 10 + (line[at]! - 0x30);
  const bytes = line.subarray(i + 1);
  const kind = startsWith(bytes, SNAPSHOT_KEY) ? "snapshot" : "frame";
  return { problem: undefined, atUs, kind, bytes, symbol: undefined, url: undefined };
}

/** `{"t","dir","conn","url","raw"}`. */
function parseTranscriptLine(line: Uint8Array): ParsedLine {
  let record: { t?: unknown; dir?: unknown; url?: unknown; raw?: unknown };
  try {
    record = JSON.parse(new TextDecoder().decode(line)) as typeof record;
  } catch {
    return { problem: "RECORDING_BAD_LINE", detail: "is no JSON object" };
  }
  const atUs = microsecondsOf(record.t);
  if (atUs === undefined) {
    return {
      problem: "RECORDING_NO_TIME",
      detail: 'has no time: "t" must be seconds since the Unix epoch, as decimal text',
    };
  }
  const url = typeof record.url === "string" ? record.url : undefined;
  const nothing = { problem: undefined, atUs, kind: undefined, bytes: NO_BYTES, symbol: undefined, url };
  const symbol = record.dir === "http" && url !== undefined ? symbolOfDepthUrl(url) : undefined;
  if (record.dir !== "rx" && symbol === undefined) return nothing;
  if (typeof record.raw !== "string") return { problem: "RECORDING_BAD_LINE", detail: 'has no text "raw"' };
  const bytes = new TextEncoder().encode(record.raw);
  return { problem: undefined, atUs, kind: record.dir === "rx" ? "frame" : "snapshot", bytes, symbol, url };
}

const NO_BYTES = /* @__PURE__ */ new Uint8Array(0);

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}

function startsWith(bytes: Uint8Array, prefix: Uint8Array): boolean {
  for (let i = 0; i < prefix.length; i++) {
    if (bytes[i] !== prefix[i]) return false;
  }
  return true;
}

/** Whole microseconds of decimal seconds, exactly. */
function microsecondsOf(seconds: unknown): number | undefined {
  if (typeof seconds !== "string") return undefined;
  const parts = /^(\d{1,9}\d?)(?:\.(\d+))?$/.exec(seconds);
  if (parts === null) return undefined;
  return Number(parts[1]) * 1_000_000 + Number((parts[2] ?? "").slice(0, 6).padEnd(6, "0"));
}

/** The symbol that a depth snapshot was asked for; undefined where the URL asks for something else. */
function symbolOfDepthUrl(url: string): string | undefined {
  try {
    const { pathname, searchParams } = new URL(url);
    return pathname.endsWith("/depth") ? (searchParams.get("symbol") ?? undefined) : undefined;
  } catch {
    return undefined;
  }
}
