import { LEVELS_MAX, LevelList } from "../../books/level-list.js";
import { scanDecimal8 } from "../decimal.js";
import { AdapterError } from "../errors.js";
import { badFrame, endOfString, escapesSeen, skipColon, skipSpace, skipValue, withoutEscapes } from "../json.js";
import { decimalError, FieldStore, Kind } from "./field-store.js";
import { ascii, Field, fieldOfKey, fieldOfLetter, sameBytes } from "./fields.js";

/** What a frame is. `Other` is valid JSON that says nothing to us. */
export const FrameKind = { Other: 0, Depth: 1, Trade: 2, AggTrade: 3, Ticker: 4, Snapshot: 5 } as const;
/** What a frame is. */
export type FrameKind = (typeof FrameKind)[keyof typeof FrameKind];

/** The most bytes of one frame. */
const FRAME_BYTES_MAX = 16_777_216;
const FIRST_FRAME_BYTES = 65_536;

const QUOTE = 0x22;
const COMMA = 0x2c;
const OPEN_BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const SPACE = 0x20;

const DATA = /* @__PURE__ */ ascii("data");
const DEPTH_UPDATE = /* @__PURE__ */ ascii("depthUpdate");
const TRADE = /* @__PURE__ */ ascii("trade");
const AGG_TRADE = /* @__PURE__ */ ascii("aggTrade");
const BOOK_TICKER = /* @__PURE__ */ ascii("bookTicker");

/**
 * Reads one frame at a time: after {@link FrameScanner.scan} its fields stand here until the next one.
 *
 * Any order of keys and any white space will do; a key that comes twice counts as it does to JSON.parse, the last one. The frame is
 * walked once; levels and numbers are read on the way; nothing is allocated. Everything throws AdapterError, BAD_FRAME unless it says
 * otherwise.
 */
export class FrameScanner {
  /** Levels of the depth update or snapshot, in the order of the frame. */
  readonly bids = new LevelList(LEVELS_MAX);
  /** Levels of the depth update or snapshot, in the order of the frame. */
  readonly asks = new LevelList(LEVELS_MAX);
  /** The event's fields. Its bytes are the frame's, a 0, and what is left of longer frames. */
  readonly fields = new FieldStore(new Uint8Array(FIRST_FRAME_BYTES));
  readonly #problems: (AdapterError | undefined)[] = [undefined, undefined];
  #frameBytes = 0;
  #isSnapshot = false;
  #isWrapped = false;

  /** Reads a frame of a stream, raw or wrapped as `{"stream","data"}`. @throws AdapterError FRAME_TOO_LARGE */
  scan(frame: Uint8Array): FrameKind {
    this.#isSnapshot = false;
    this.#read(frame);
    return this.#kindOfEvent();
  }

  /** Reads the body of a depth snapshot. @throws AdapterError FRAME_TOO_LARGE */
  scanSnapshot(body: Uint8Array): void {
    this.#isSnapshot = true;
    this.#read(body);
    this.#needLevels(Field.bids, 0);
    this.#needLevels(Field.asks, 1);
  }

  #read(frame: Uint8Array): void {
    const escapesBefore = escapesSeen();
    this.#load(frame);
    this.#walk();
    if (escapesSeen() === escapesBefore) return;
    this.#load(withoutEscapes(frame));
    this.#walk();
  }

  /** Copies a frame to where a 0 ends it, and no byte of it moves. */
  #load(frame: Uint8Array): void {
    const { fields } = this;
    const byteLength = frame.length;
    if (byteLength > FRAME_BYTES_MAX) {
      throw new AdapterError("FRAME_TOO_LARGE", `a frame of ${byteLength} bytes; at most ${FRAME_BYTES_MAX} are taken`);
    }
    if (byteLength >= fields.bytes.length) fields.bytes = new Uint8Array(2 ** Math.ceil(Math.log2(byteLength + 1)));
    fields.bytes.set(frame);
    fields.bytes[byteLength] = 0;
    this.#frameBytes = byteLength;
  }

  #walk(): void {
    const { bytes } = this.fields;
    this.#isWrapped = false;
    const start = skipSpace(bytes, 0);
    this.#begin(start);
    const behind = bytes[start] === OPEN_BRACE ? this.#walkEvent(start, false) : skipValue(bytes, start);
    const end = skipSpace(bytes, behind);
    if (end !== this.#frameBytes) throw badFrame("bytes behind the end of the frame", end);
  }

  #begin(at: number): void {
    this.fields.begin(at);
    this.bids.clear();
    this.asks.clear();
  }

  /** From an object's opening brace to behind its closing one, noting the fields that matter. */
  #walkEvent(start: number, isData: boolean): number {
    const { fields } = this;
    const { bytes } = fields;
    let i = skipSpace(bytes, start + 1);
    if (bytes[i] === CLOSE_BRACE) return i + 1;
    for (;;) {
      if (bytes[i] !== QUOTE) throw badFrame("no key in an object", i);
      let field: number;
      let isWrapper = false;
      const letter = bytes[i + 1]!;
      if (bytes[i + 2] === QUOTE && letter !== BACKSLASH && letter >= SPACE && letter !== QUOTE) {
        field = fieldOfLetter(letter);
        i += 3;
      } else {
        const end = endOfString(bytes, i + 1);
        field = fieldOfKey(bytes, i + 1, end);
        isWrapper = !isData && !this.#isSnapshot && sameBytes(bytes, i + 1, end, DATA);
        i = end + 1;
      }
      i = skipColon(bytes, i);
      if (isWrapper) i = this.#walkData(i);
      else if (field < 0 || (this.#isWrapped && !isData)) i = skipValue(bytes, i);
      else i = bytes[i] === OPEN_BRACKET ? this.#noteArray(field as Field, i) : fields.note(field as Field, i);

      if (bytes[i]! <= SPACE) i = skipSpace(bytes, i);
      if (bytes[i] === CLOSE_BRACE) return i + 1;
      if (bytes[i] !== COMMA) throw badFrame('neither "," nor "}" in an object', i);
      i++;
      if (bytes[i]! <= SPACE) i = skipSpace(bytes, i);
    }
  }

  /** The event in a combined stream's wrapper: only its fields count. */
  #walkData(start: number): number {
    this.#isWrapped = true;
    this.#begin(start);
    const { bytes } = this.fields;
    return bytes[start] === OPEN_BRACE ? this.#walkEvent(start, true) : skipValue(bytes, start);
  }

  #noteArray(field: Field, start: number): number {
    const isBids = field === (this.#isSnapshot ? Field.bids : Field.b);
    const isAsks = field === (this.#isSnapshot ? Field.asks : Field.a);
    const { fields } = this;
    if (!isBids && !isAsks) return fields.noteArray(field, Kind.Nested, start, skipValue(fields.bytes, start));

    const side = isBids ? 0 : 1;
    this.#problems[side] = undefined;
    const end = this.#walkLevels(start, isBids ? this.bids : this.asks, side);
    if (this.#problems[side] === undefined) return fields.noteArray(field, Kind.Levels, start, end);
    // Not levels: no error before it is known to be an event that should hold some, unless it is not even JSON.
    return fields.noteArray(field, Kind.Broken, start, skipValue(fields.bytes, start));
  }

  /** From `[` to behind `]`, each level `["price","size"]` into the list; or notes the problem. */
  #walkLevels(start: number, list: LevelList, side: number): number {
    const { bytes } = this.fields;
    list.clear();
    let i = skipSpace(bytes, start + 1);
    if (bytes[i] === CLOSE_BRACKET) return i + 1;
    for (;;) {
      if (bytes[i] !== OPEN_BRACKET) return this.#problem(side, "no level in a list of levels", i);
      i++;
      if (bytes[i]! <= SPACE) i = skipSpace(bytes, i);
      if (bytes[i] !== QUOTE) return this.#problem(side, "no price in a level", i);
      const at = list.reserve();
      const words = list.words;
      let end = scanDecimal8(bytes, i + 1, words, at, true);
      if (end < 0 || bytes[end] !== QUOTE) return this.#decimalProblem(side, end, i + 1);

      i = end + 1;
      if (bytes[i]! <= SPACE) i = skipSpace(bytes, i);
      if (bytes[i] !== COMMA) return this.#problem(side, "no size in a level", i);
      i++;
      if (bytes[i]! <= SPACE) i = skipSpace(bytes, i);
      if (bytes[i] !== QUOTE) return this.#problem(side, "no size in a level", i);
      end = scanDecimal8(bytes, i + 1, words, at + 2, false);
      if (end < 0 || bytes[end] !== QUOTE) return this.#decimalProblem(side, end, i + 1);

      i = end + 1;
      while (bytes[i] !== CLOSE_BRACKET) i = behindFurther(bytes, i);
      list.count++;
      i++;
      if (bytes[i]! <= SPACE) i = skipSpace(bytes, i);
      if (bytes[i] === CLOSE_BRACKET) return i + 1;
      if (bytes[i] !== COMMA) throw badFrame('neither "," nor "]" behind a level', i);
      i++;
      if (bytes[i]! <= SPACE) i = skipSpace(bytes, i);
    }
  }

  #problem(side: number, detail: string, offset: number): number {
    this.#problems[side] = badFrame(detail, offset);
    return offset;
  }

  #decimalProblem(side: number, end: number, from: number): number {
    this.#problems[side] = decimalError(end, from);
    return from;
  }

  #kindOfEvent(): FrameKind {
    const { fields } = this;
    const kind = fields.kindOf(Field.e);
    if (kind === Kind.Absent) return this.#isSpotTicker() ? FrameKind.Ticker : FrameKind.Other;
    if (kind !== Kind.String) return FrameKind.Other;
    const { bytes } = fields;
    const from = fields.from(Field.e);
    const to = fields.to(Field.e);
    if (sameBytes(bytes, from, to, BOOK_TICKER)) return FrameKind.Ticker;
    if (sameBytes(bytes, from, to, TRADE)) return FrameKind.Trade;
    if (sameBytes(bytes, from, to, AGG_TRADE)) return FrameKind.AggTrade;
    if (!sameBytes(bytes, from, to, DEPTH_UPDATE)) return FrameKind.Other;
    this.#needLevels(Field.b, 0);
    this.#needLevels(Field.a, 1);
    return FrameKind.Depth;
  }

  /** Spot tickers name no event type (VENUES.md, Binance): they are known by their fields. */
  #isSpotTicker(): boolean {
    const { fields } = this;
    return (
      fields.hasNumber(Field.u) &&
      fields.hasText(Field.s) &&
      fields.hasText(Field.b) &&
      fields.hasText(Field.B) &&
      fields.hasText(Field.a) &&
      fields.hasText(Field.A)
    );
  }

  #needLevels(field: Field, side: number): void {
    const kind = this.fields.kindOf(field);
    if (kind === Kind.Levels) return;
    throw (kind === Kind.Broken ? this.#problems[side] : undefined) ?? this.fields.missing(field, "a list of levels");
  }
}

/** Behind white space, or behind a comma and a value: levels had a third one in earlier years. */
function behindFurther(bytes: Uint8Array, start: number): number {
  const i = skipSpace(bytes, start);
  if (bytes[i] === CLOSE_BRACKET) return i;
  if (bytes[i] !== COMMA) throw badFrame('neither "," nor "]" in a level', i);
  return skipSpace(bytes, skipValue(bytes, skipSpace(bytes, i + 1)));
}
