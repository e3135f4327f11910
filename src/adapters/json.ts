import { AdapterError } from "./errors.js";

// Strict JSON (RFC 8259) walked by offsets over bytes: no strings, no objects, no allocation. Every function takes the place where
// something begins and gives the place behind it, or throws AdapterError BAD_FRAME. The bytes must end with a 0, which JSON holds
// nowhere, so that no end has to be looked for.

const SPACE = 0x20;
const QUOTE = 0x22;
const COMMA = 0x2c;
const MINUS = 0x2d;
const POINT = 0x2e;
const COLON = 0x3a;
const OPEN_BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/** Nesting beyond this is refused: no venue needs it, and the walk is recursive. */
const DEPTH_MAX = 64;

/** 1 for each byte that stands for itself within a string. */
const PLAIN = /* @__PURE__ */ Uint8Array.from({ length: 256 }, (_, byte) =>
  byte >= SPACE && byte !== QUOTE && byte !== BACKSLASH ? 1 : 0,
);

let escapes = 0;

/** How many escapes were walked over in all: whoever compares strings by their bytes looks whether it rose. */
export function escapesSeen(): number {
  return escapes;
}

/** The error of a frame that is not what it should be. */
export function badFrame(detail: string, offset: number): AdapterError {
  return new AdapterError("BAD_FRAME", detail, offset);
}

/** Behind white space. */
export function skipSpace(bytes: Uint8Array, start: number): number {
  let i = start;
  let byte = bytes[i];
  while (byte === SPACE || byte === 0x0a || byte === 0x0d || byte === 0x09) byte = bytes[++i];
  return i;
}

/** From behind a string's opening quote to its closing one. */
export function endOfString(bytes: Uint8Array, start: number): number {
  let i = start;
  for (;;) {
    while (PLAIN[bytes[i]!] === 1) i++;
    if (bytes[i] === QUOTE) return i;
    if (bytes[i] !== BACKSLASH) throw badFrame("a string that does not end, or holds a control character,", i);
    i = skipEscape(bytes, i);
    escapes++;
  }
}

/** Behind any value. */
export function skipValue(bytes: Uint8Array, start: number, depth = 0): number {
  const byte = bytes[start]!;
  if (byte === QUOTE) return endOfString(bytes, start + 1) + 1;
  if (isDigit(byte) || byte === MINUS) return skipNumber(bytes, start);
  if (byte !== OPEN_BRACE && byte !== OPEN_BRACKET) return skipLiteral(bytes, start);
  if (depth === DEPTH_MAX) throw badFrame(`values nested more than ${DEPTH_MAX} deep`, start);
  return byte === OPEN_BRACE ? skipObject(bytes, start, depth) : skipArray(bytes, start, depth);
}

/** Behind a number. */
export function skipNumber(bytes: Uint8Array, start: number): number {
  let i = bytes[start] === MINUS ? start + 1 : start;
  i = bytes[i] === 0x30 ? i + 1 : skipDigits(bytes, i);
  if (bytes[i] === POINT) i = skipDigits(bytes, i + 1);
  if ((bytes[i]! | 0x20) === 0x65) {
    const sign = bytes[i + 1];
    i = skipDigits(bytes, sign === 0x2b || sign === MINUS ? i + 2 : i + 1);
  }
  return i;
}

/** Behind `true`, `false` or `null`. */
export function skipLiteral(bytes: Uint8Array, start: number): number {
  const word = bytes[start] === 0x74 ? TRUE : bytes[start] === 0x66 ? FALSE : NULL;
  for (let i = 0; i < word.length; i++) {
    if (bytes[start + i] !== word[i]) throw badFrame("no value", start + i);
  }
  return start + word.length;
}

/** Behind the colon that follows a key, and white space. */
export function skipColon(bytes: Uint8Array, start: number): number {
  const i = skipSpace(bytes, start);
  if (bytes[i] !== COLON) throw badFrame('no ":" behind a key', i);
  return skipSpace(bytes, i + 1);
}

const TRUE = [0x74, 0x72, 0x75, 0x65];
const FALSE = [0x66, 0x61, 0x6c, 0x73, 0x65];
const NULL = [0x6e, 0x75, 0x6c, 0x6c];

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}

function skipDigits(bytes: Uint8Array, start: number): number {
  let i = start;
  while (isDigit(bytes[i]!)) i++;
  if (i === start) throw badFrame("no digit in a number", i);
  return i;
}

function skipEscape(bytes: Uint8Array, start: number): number {
  const kind = bytes[start + 1]!;
  if (kind !== 0x75) {
    if (!'"\\/bfnrt'.includes(String.fromCharCode(kind))) throw badFrame("an unknown escape in a string", start);
    return start + 2;
  }
  for (let i = start + 2; i < start + 6; i++) {
    const byte = bytes[i]!;
    const letter = byte | 0x20;
    if (!isDigit(byte) && !(letter >= 0x61 && letter <= 0x66))
      throw badFrame("an escape of less than four hex digits", i);
  }
  return start + 6;
}

function skipObject(bytes: Uint8Array, start: number, depth: number): number {
  let i = skipSpace(bytes, start + 1);
  if (bytes[i] === CLOSE_BRACE) return i + 1;
  for (;;) {
    if (bytes[i] !== QUOTE) throw badFrame("no key in an object", i);
    i = skipColon(bytes, endOfString(bytes, i + 1) + 1);
    i = skipSpace(bytes, skipValue(bytes, i, depth + 1));
    if (bytes[i] === CLOSE_BRACE) return i + 1;
    if (bytes[i] !== COMMA) throw badFrame('neither "," nor "}" in an object', i);
    i = skipSpace(bytes, i + 1);
  }
}

function skipArray(bytes: Uint8Array, start: number, depth: number): number {
  let i = skipSpace(bytes, start + 1);
  if (bytes[i] === CLOSE_BRACKET) return i + 1;
  for (;;) {
    i = skipSpace(bytes, skipValue(bytes, i, depth + 1));
    if (bytes[i] === CLOSE_BRACKET) return i + 1;
    if (bytes[i] !== COMMA) throw badFrame('neither "," nor "]" in an array', i);
    i = skipSpace(bytes, i + 1);
  }
}

/**
 * The same JSON with every escape resolved that a string can do without, so that keys and values compare by bytes. What must stay
 * escaped (quotes, backslashes, control characters, half surrogate pairs) stays. For the few frames that hold escapes at all.
 *
 * @param bytes valid JSON
 */
export function withoutEscapes(bytes: Uint8Array): Uint8Array {
  const out: number[] = [];
  for (let i = 0; i < bytes.length; ) {
    if (bytes[i] !== BACKSLASH) {
      out.push(bytes[i]!);
      i++;
      continue;
    }
    const end = endOfPair(bytes, i, skipEscape(bytes, i));
    const written = String.fromCharCode(...bytes.subarray(i, end));
    const text = JSON.parse(`"${written}"`) as string;
    const mustStay = text < " " || text === '"' || text === "\\" || /^[\ud800-\udfff]$/.test(text);
    for (const byte of new TextEncoder().encode(mustStay ? written : text)) out.push(byte);
    i = end;
  }
  return Uint8Array.from(out);
}

/** Behind the second half of a surrogate pair, where the escape in `[start, end)` is a first half and a second one follows. */
function endOfPair(bytes: Uint8Array, start: number, end: number): number {
  const written = String.fromCharCode(...bytes.subarray(start, end + 6));
  return /^\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}$/.test(written) ? end + 6 : end;
}
