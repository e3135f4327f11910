import { ProtocolError, ValueRangeError } from "./errors.js";
import { sha256 } from "./sha256.js";
import { AssetType, Venue } from "./tables.js";

/** What an id is made of: anything with these three fields can be encoded as an instrument. */
export interface InstrumentFields {
  /** One of {@link Venue}, or 60000 and above for the user's own. */
  readonly venue: number;
  /** One of {@link AssetType}. */
  readonly assetType: number;
  /** 64 bits, unsigned. */
  readonly assetId: bigint;
}

/** Bytes of an id on the wire. */
export const INSTRUMENT_BYTES = 12;

const U64_MAX = 2n ** 64n - 1n;
const TOP_BIT = 2n ** 63n;
const ASCII_SYMBOL = /^[\x21-\x7e]{1,8}$/;
const PACKED_SYMBOL = /^[A-Z0-9-]{9,12}$/;
const PACKED_CHARS = 12;
/** Digit 0 ends a packed symbol; the letters, figures and the hyphen are 1 to 37. */
const PACKED_ALPHABET = "\0ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-";
const PACKED_LIMIT = 38n ** 12n;
const SYMBOL_BYTES_MAX = 255;
const ADDRESS = /^0x[0-9a-fA-F]{40}$/;
const SHOWN = /^([^:]+):([^:]+):(.+)$/s;
/** An asset id as {@link InstrumentId.toString} shows it where there is no symbol. */
const HEX_ID = /^0x[0-9a-f]{1,16}$/;
const COMPACT_LIMIT = 2n ** 40n;

/**
 * Which instrument: venue, asset type and a 64-bit asset id that is, wherever it can be, the symbol itself.
 * Immutable; compare with {@link InstrumentId.equals}. 12 bytes on the wire (docs/protocol.md, "InstrumentId").
 */
export class InstrumentId implements InstrumentFields {
  readonly venue: number;
  readonly assetType: number;
  readonly assetId: bigint;
  // Private, so that an id looks like its three fields to whoever compares or prints it.
  readonly #low: number;
  readonly #high: number;
  /** Venue and asset type as the first word on the wire. */
  readonly #tag: number;

  /**
   * An id from its numbers, as a message holds them ("opaque"); {@link InstrumentId.of} makes one from a symbol.
   * @throws ValueRangeError where a number does not fit its field
   */
  constructor(venue: number, assetType: number, assetId: bigint) {
    if (!isWithin(venue, 0xffff)) throw new ValueRangeError("InstrumentId", "venue", venue, "0 to 65535");
    if (!isWithin(assetType, 0xff)) {
      throw new ValueRangeError("InstrumentId", "assetType", assetType, "0 to 255");
    }
    if (typeof assetId !== "bigint" || assetId < 0n || assetId > U64_MAX) {
      throw new ValueRangeError("InstrumentId", "assetId", assetId, "a bigint from 0 to 2^64 - 1");
    }
    this.venue = venue;
    this.assetType = assetType;
    this.assetId = assetId;
    this.#low = Number(BigInt.asIntN(32, assetId));
    this.#high = Number(BigInt.asIntN(32, assetId >> 32n));
    this.#tag = venue | (assetType << 16);
  }

  /**
   * The id of a symbol, as the venue writes it.
   *
   * Up to 8 printable ASCII characters, and 9 to 12 of `A-Z 0-9 -`, can be read back with {@link InstrumentId.symbol};
   * any other symbol of up to 255 bytes gives a one-way id. A token or pool has no symbol here but its address.
   * @throws ProtocolError `INVALID_SYMBOL` where it is empty or longer, `INVALID_ADDRESS` for a token or pool
   */
  static of(venue: number, assetType: number, symbol: string): InstrumentId {
    if (assetType === AssetType.Token || assetType === AssetType.Pool)
      return InstrumentId.ofAddress(venue, assetType, symbol);
    return new InstrumentId(venue, assetType, assetIdOfSymbol(symbol));
  }

  /**
   * The id of a token or pool by its contract address: 0x and 40 hex digits of any letter case.
   * @throws ProtocolError `INVALID_ADDRESS`
   */
  static ofAddress(venue: number, assetType: number, address: string): InstrumentId {
    if (!ADDRESS.test(address)) {
      throw new ProtocolError("INVALID_ADDRESS", `${JSON.stringify(address.slice(0, 60))} is not 0x and 40 hex digits`);
    }
    return new InstrumentId(venue, assetType, BigInt(address.slice(0, 18)));
  }

  /** The one-way id of a pool by the two things it trades, in either order. The pool's own address is the better id. */
  static ofPair(dex: number, a: InstrumentFields, b: InstrumentFields): InstrumentId {
    const [low, high] = a.assetId < b.assetId ? [a.assetId, b.assetId] : [b.assetId, a.assetId];
    return new InstrumentId(dex, AssetType.Pool, (low >> 1n) ^ ((high << 1n) & U64_MAX));
  }

  /**
   * The id that {@link InstrumentId.toString} shows: `Coinbase:SpotPair:BTC-USD`, with a number where there is no name and
   * the asset id in hex, or a contract's whole address, where there is no symbol.
   * @throws ProtocolError `INVALID_SYMBOL` or `INVALID_ADDRESS`; ValueRangeError where a number does not fit its field
   */
  static parse(text: string): InstrumentId {
    const [, venueName, typeName, name] = SHOWN.exec(text) ?? [];
    if (venueName === undefined || typeName === undefined || name === undefined) {
      throw new ProtocolError("INVALID_SYMBOL", `${JSON.stringify(text.slice(0, 60))} is not Venue:AssetType:SYMBOL`);
    }
    const venue = numberIn(Venue, "venue", venueName);
    const assetType = numberIn(AssetType, "asset type", typeName);
    return HEX_ID.test(name)
      ? new InstrumentId(venue, assetType, BigInt(name))
      : InstrumentId.of(venue, assetType, name);
  }

  /** The id that {@link InstrumentId.toU64} packed. */
  static fromU64(packed: bigint): InstrumentId {
    if (typeof packed !== "bigint" || packed < 0n || packed > U64_MAX) {
      throw new ValueRangeError("InstrumentId", "packed", packed, "a bigint from 0 to 2^64 - 1");
    }
    return new InstrumentId(Number(packed >> 48n), Number((packed >> 40n) & 0xffn), packed & (COMPACT_LIMIT - 1n));
  }

  /**
   * venue << 48 | assetType << 40 | assetId, for foreign systems that want 64 bits.
   * @throws ProtocolError `ID_NOT_COMPACT` where the asset id needs 40 bits or more
   */
  toU64(): bigint {
    if (this.assetId >= COMPACT_LIMIT) {
      throw new ProtocolError("ID_NOT_COMPACT", `${this} needs more than 64 bits: its asset id is not below 2^40`);
    }
    return (BigInt(this.venue) << 48n) | (BigInt(this.assetType) << 40n) | this.assetId;
  }

  /** The symbol that the id was made from; undefined where the id is one-way, an address or opaque. */
  get symbol(): string | undefined {
    if (this.assetType === AssetType.Token || this.assetType === AssetType.Pool) return undefined;
    return this.assetId < TOP_BIT ? asciiSymbol(this.assetId) : packedSymbol(this.assetId - TOP_BIT);
  }

  /** The low 32 bits of the asset id. */
  get assetIdLow(): number {
    return this.#low >>> 0;
  }

  /** The high 32 bits of the asset id. */
  get assetIdHigh(): number {
    return this.#high >>> 0;
  }

  /** Whether it is the id of these words of the wire, as signed numbers. @internal */
  hasWords(tag: number, low: number, high: number): boolean {
    return this.#low === low && this.#high === high && this.#tag === tag;
  }

  /** Whether both name the same instrument. */
  equals(other: InstrumentId): boolean {
    return this.#low === other.#low && this.#high === other.#high && this.#tag === other.#tag;
  }

  /** For people: `Coinbase:SpotPair:BTC-USD`, with numbers or hex where there is no name. */
  toString(): string {
    const { symbol } = this;
    const name = symbol === undefined || HEX_ID.test(symbol) ? `0x${this.assetId.toString(16)}` : symbol;
    return `${nameIn(Venue, this.venue)}:${nameIn(AssetType, this.assetType)}:${name}`;
  }
}

const MEMO_SLOTS = 1024;
const memo: (InstrumentId | undefined)[] = /* @__PURE__ */ new Array(MEMO_SLOTS).fill(undefined);

/**
 * Reads an id at `offset`; the reserved byte is not looked at. Ids are remembered: reading the same instrument again
 * allocates nothing. The memo holds at most 1,024 and only ever saves work: equal words always give equal ids.
 */
export function readInstrument(view: DataView, offset: number): InstrumentId {
  return recall(
    view.getInt32(offset, true) & 0xff_ffff,
    view.getInt32(offset + 4, true),
    view.getInt32(offset + 8, true),
  );
}

// Short, so that V8 inlines them into whatever reads an instrument: what makes a new one stands by itself.

function recall(tag: number, low: number, high: number): InstrumentId {
  const slot = slotOf(tag, low, high);
  const first = memo[slot];
  return first?.hasWords(tag, low, high) === true ? first : recallSecond(slot, tag, low, high);
}

/** Of two neighbouring places. */
function slotOf(tag: number, low: number, high: number): number {
  return (Math.imul(Math.imul(tag, 0x9e37_79b1) ^ low ^ Math.imul(high, 0x85eb_ca6b), 0x2c1b_3c6d) >>> 22) & ~1;
}

/** From the other place, or new in it: two instruments that meet in a slot do not push each other out. */
function recallSecond(slot: number, tag: number, low: number, high: number): InstrumentId {
  const second = memo[slot + 1];
  if (second?.hasWords(tag, low, high) === true) return second;
  const assetId = (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
  const made = new InstrumentId(tag & 0xffff, tag >>> 16, assetId);
  memo[slot + 1] = memo[slot];
  memo[slot] = made;
  return made;
}

/** Other in each process, so that nobody can send ids that all meet in one place of a map. */
const SEED = /* @__PURE__ */ Math.floor(Math.random() * 2 ** 32) | 0;

/** Mixes the 96 bits of an id into 32. */
export function hashOfWords(venue: number, assetType: number, low: number, high: number): number {
  let h = Math.imul(low ^ SEED, 0x85eb_ca6b);
  h = Math.imul(h ^ (h >>> 15) ^ high, 0xc2b2_ae35);
  h = Math.imul(h ^ (h >>> 13) ^ ((venue << 8) | assetType), 0x2c1b_3c6d);
  return h ^ (h >>> 15);
}

/** Writes an id at `offset`: 12 bytes, the reserved one as 0. Anything with the three fields will do. @throws ValueRangeError */
export function writeInstrument(
  view: DataView,
  offset: number,
  value: InstrumentFields,
  complaints: { range(field: string, value: unknown, expected: string): never },
  field: string,
): void {
  let id = value;
  if (!(id instanceof InstrumentId)) {
    if (typeof id !== "object" || id === null) complaints.range(field, id, "an InstrumentId");
    try {
      id = new InstrumentId(id.venue, id.assetType, id.assetId);
    } catch (error) {
      if (error instanceof ValueRangeError)
        complaints.range(`${field}.${error.field}`, error.value, "what fits that field");
      throw error;
    }
  }
  writeWords(view, offset, id as InstrumentId);
}

function writeWords(view: DataView, offset: number, id: InstrumentId): void {
  view.setUint32(offset, id.venue | (id.assetType << 16), true);
  view.setUint32(offset + 4, id.assetIdLow, true);
  view.setUint32(offset + 8, id.assetIdHigh, true);
}

function assetIdOfSymbol(symbol: string): bigint {
  if (ASCII_SYMBOL.test(symbol)) {
    let id = 0n;
    for (let i = 0; i < 8; i++) id = (id << 8n) | BigInt(i < symbol.length ? symbol.charCodeAt(i) : 0);
    return id;
  }
  if (PACKED_SYMBOL.test(symbol)) {
    let id = 0n;
    for (let i = 0; i < PACKED_CHARS; i++) {
      id = id * 38n + BigInt(i < symbol.length ? PACKED_ALPHABET.indexOf(symbol.charAt(i)) : 0);
    }
    return TOP_BIT + id;
  }
  const bytes = new TextEncoder().encode(symbol);
  if (symbol.length === 0 || bytes.byteLength > SYMBOL_BYTES_MAX || !isWellFormed(symbol)) {
    throw new ProtocolError(
      "INVALID_SYMBOL",
      `a symbol has 1 to ${SYMBOL_BYTES_MAX} bytes of valid text, not ${bytes.byteLength}: ${JSON.stringify(symbol.slice(0, 40))}`,
    );
  }
  const digest = sha256(bytes).reduce((value, byte) => (value << 8n) | BigInt(byte), 0n);
  return TOP_BIT + PACKED_LIMIT + (digest % (TOP_BIT - PACKED_LIMIT));
}

function isWellFormed(text: string): boolean {
  return (text as string & { isWellFormed(): boolean }).isWellFormed();
}

function asciiSymbol(assetId: bigint): string | undefined {
  const padded = assetId.toString(16).padStart(16, "0");
  let symbol = "";
  for (let i = 0; i < 16; i += 2) symbol += String.fromCharCode(Number.parseInt(padded.slice(i, i + 2), 16));
  const trimmed = symbol.replace(/\0+$/, "");
  return ASCII_SYMBOL.test(trimmed) ? trimmed : undefined;
}

function packedSymbol(digits: bigint): string | undefined {
  if (digits >= PACKED_LIMIT) return undefined;
  let rest = digits;
  let symbol = "";
  for (let i = 0; i < PACKED_CHARS; i++) {
    symbol = PACKED_ALPHABET.charAt(Number(rest % 38n)) + symbol;
    rest /= 38n;
  }
  const trimmed = symbol.replace(/\0+$/, "");
  return PACKED_SYMBOL.test(trimmed) ? trimmed : undefined;
}

/** Whether it is an integer from 0 to `max`: a bigint is none. */
function isWithin(value: unknown, max: number): boolean {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= max;
}

function numberIn(table: Readonly<Record<string, number>>, what: string, name: string): number {
  const number = Object.hasOwn(table, name) ? table[name] : /^\d{1,5}$/.test(name) ? Number(name) : undefined;
  if (number !== undefined) return number;
  throw new ProtocolError(
    "INVALID_SYMBOL",
    `${JSON.stringify(name.slice(0, 40))} is no ${what}: neither a name nor a number`,
  );
}

function nameIn(table: Readonly<Record<string, number>>, value: number): string {
  return Object.keys(table).find((name) => table[name] === value) ?? String(value);
}
