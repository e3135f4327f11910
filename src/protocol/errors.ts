/** The base of every error this library raises: match on {@link AlphaPulseError.code}, never on the text. */
export class AlphaPulseError extends Error {
  /** A stable SCREAMING_SNAKE word that programs match on. */
  readonly code: string;

  /** @param message what went wrong, where, and what to do about it */
  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.code = code;
  }
}

/** What can be wrong with bytes or values (docs/protocol.md, "What a reader checks", "What a writer checks" and "InstrumentId"). */
export type ProtocolErrorCode =
  | "TRUNCATED"
  | "BAD_MAGIC"
  | "UNSUPPORTED_VERSION"
  | "BAD_DOMAIN"
  | "TOO_LARGE"
  | "SIZE_MISMATCH"
  | "CHECKSUM_MISMATCH"
  | "BAD_TLV"
  | "TLV_TRUNCATED"
  | "DOMAIN_MISMATCH"
  | "BAD_LENGTH"
  | "BAD_TEXT"
  | "BAD_ENVELOPE"
  | "VALUE_RANGE"
  | "INVALID_SYMBOL"
  | "INVALID_ADDRESS"
  | "ID_NOT_COMPACT";

/** Bytes or values that break the wire format. */
export class ProtocolError extends AlphaPulseError {
  declare readonly code: ProtocolErrorCode;
  /** The byte where reading stopped, counted from the start of what was read; undefined where no bytes were read. */
  readonly offset: number | undefined;
  /** What is wrong, without the place. */
  readonly detail: string;

  constructor(code: ProtocolErrorCode, detail: string, offset?: number) {
    super(code, offset === undefined ? detail : `${detail} at byte ${offset}`);
    this.offset = offset;
    this.detail = detail;
  }
}

/** A value that its field cannot hold; code `VALUE_RANGE`. Nothing was written. */
export class ValueRangeError extends ProtocolError {
  /** The TLV's name, as in `Trade`. */
  readonly tlv: string;
  /** The field's name; of a group `group.field`. */
  readonly field: string;
  /** What was given. */
  readonly value: unknown;

  constructor(tlv: string, field: string, value: unknown, expected: string) {
    super("VALUE_RANGE", `${tlv}.${field}: ${show(value)} does not fit: expected ${expected}`);
    this.tlv = tlv;
    this.field = field;
    this.value = value;
  }
}

const SHOWN_CHARS = 80;

function show(value: unknown): string {
  let text: string;
  if (typeof value === "string") text = JSON.stringify(value);
  else if (typeof value === "bigint") text = `${value}n`;
  else if (typeof value === "number" || value === undefined || value === null) text = String(value);
  else if (ArrayBuffer.isView(value)) text = `${value.byteLength} bytes`;
  else if (Array.isArray(value)) text = `an array of ${value.length}`;
  else text = `a value of type ${typeof value}`;
  return text.length > SHOWN_CHARS ? `${text.slice(0, SHOWN_CHARS)}…` : text;
}
