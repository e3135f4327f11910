// The keys that matter in Binance's frames, each with a place of its own where the scanner notes its value.

/** Places of the values that an event may have. Keys of one letter first. */
export const Field = {
  E: 0, // event time, ms
  T: 1, // transaction time, ms
  s: 2, // symbol
  U: 3, // first update id
  u: 4, // last update id
  pu: 5, // last update id of the event before (futures)
  b: 6, // bids, or the best bid's price
  a: 7, // asks, or the best ask's price, or an aggregate trade's id
  B: 8, // the best bid's size
  A: 9, // the best ask's size
  t: 10, // trade id
  p: 11, // price
  q: 12, // quantity
  m: 13, // whether the maker bought
  e: 14, // event type
  lastUpdateId: 15, // of a snapshot
  bids: 16, // of a snapshot
  asks: 17, // of a snapshot
  symbol: 18, // of a COIN-M snapshot
} as const;
export type Field = (typeof Field)[keyof typeof Field];

/** How many places there are. */
export const FIELD_COUNT = 19;

const NAMES = Object.keys(Field) as (keyof typeof Field)[];

/** The key of a place, for errors. */
export function fieldName(field: Field): string {
  return NAMES[field] as string;
}

const NONE = -1;
const BY_LETTER = /* @__PURE__ */ Int8Array.from({ length: 256 }, (_, byte) =>
  NAMES.indexOf(String.fromCharCode(byte) as "E"),
);
/** Keys of several letters, by their length. */
const BY_LENGTH = /* @__PURE__ */ Array.from({ length: 13 }, (_, length) =>
  NAMES.filter((name) => length > 1 && name.length === length).map((name) => ({
    field: Field[name],
    bytes: ascii(name),
  })),
);

/** The place of a key of one letter, or -1. */
export function fieldOfLetter(letter: number): number {
  return BY_LETTER[letter]!;
}

/** The place of the key in `bytes[start, end)`, or -1. */
export function fieldOfKey(bytes: Uint8Array, start: number, end: number): number {
  if (end - start === 1) return fieldOfLetter(bytes[start]!);
  const candidates = BY_LENGTH[end - start];
  if (candidates === undefined) return NONE;
  for (let i = 0; i < candidates.length; i++) {
    const { field, bytes: name } = candidates[i]!;
    if (sameBytes(bytes, start, end, name)) return field;
  }
  return NONE;
}

/** Whether `bytes[start, end)` are exactly these. */
export function sameBytes(bytes: Uint8Array, start: number, end: number, wanted: Uint8Array): boolean {
  if (end - start !== wanted.length) return false;
  for (let i = 0; i < wanted.length; i++) {
    if (bytes[start + i] !== wanted[i]) return false;
  }
  return true;
}

/** The bytes of an ASCII text. */
export function ascii(text: string): Uint8Array {
  return Uint8Array.from(text, (letter) => letter.charCodeAt(0));
}
