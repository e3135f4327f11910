import { ProtocolError } from "../protocol/errors.js";
import { PAYLOAD_BYTES_DEFAULT } from "../protocol/header.js";
import type { FieldMap, InputOf, ObjectOf } from "../protocol/schema/fields.js";
import type { LEGACY_DEFI_SIGNAL, LegacyBodies, LegacyDeFiSignal, LegacyInputs } from "./bodies.js";
import { readExtensions, writeExtensions } from "./extensions.js";
import {
  LEGACY_HEADER_BYTES,
  type LegacyHeader,
  type LegacyHeaderInput,
  type LegacyReadOptions,
  readLegacyHeader,
  writeLegacyHeader,
} from "./header.js";
import { LEGACY_STRUCTS, type LegacyKind, LegacyType, legacyKindOf } from "./types.js";

/** Where the extensions of a DeFi signal stand, counted from the start of the message. */
const EXTENSIONS_OFFSET = 312;
/** Where the signal says so. */
const EXTENSION_OFFSET_AT = 304;

/** How {@link parseLegacyMessage} reads. */
export interface LegacyParseOptions extends LegacyReadOptions {
  /** Which message type a DeFi signal has: the first version gives it none. Default 29. */
  readonly defiSignalType?: number;
}

/** A message of the first version whose body is known. */
export interface KnownLegacyMessage<Kind extends LegacyKind> {
  readonly kind: Kind;
  readonly header: LegacyHeader;
  /** Decoded: bytes are copies. */
  readonly body: LegacyBodies[Kind];
}

/** A message of a type whose body the first version does not say. */
export interface UnknownLegacyMessage {
  readonly kind: "Unknown";
  readonly header: LegacyHeader;
  /** A view over the message's bytes. */
  readonly body: Uint8Array;
}

/** A message of the first version, checked and decoded: `kind` says which body it has. */
export type LegacyMessage = { [Kind in LegacyKind]: KnownLegacyMessage<Kind> }[LegacyKind] | UnknownLegacyMessage;

/** What {@link encodeLegacyMessage} takes; anything that was parsed will do. */
export type LegacyMessageInput =
  | {
      [Kind in LegacyKind]: {
        readonly kind: Kind;
        readonly header: LegacyHeaderInput;
        readonly body: LegacyInputs[Kind];
      };
    }[LegacyKind]
  | {
      readonly kind: "Unknown";
      readonly header: LegacyHeaderInput & { readonly messageType: number };
      readonly body: Uint8Array;
    };

/**
 * Reads exactly one message of the first protocol version. Its bytes cannot be told from those of this version: whoever
 * reads says which it is. Bytes between fields are ignored.
 *
 * @throws ProtocolError with the code of the first check that failed: TRUNCATED, BAD_MAGIC, UNSUPPORTED_VERSION, TOO_LARGE,
 * SIZE_MISMATCH, CHECKSUM_MISMATCH, then of the body BAD_LENGTH, BAD_TEXT, and of its extensions BAD_TLV, TLV_TRUNCATED
 */
export function parseLegacyMessage(bytes: Uint8Array, options: LegacyParseOptions = {}): LegacyMessage {
  const {
    checksum = "crc32",
    payloadBytesMax = PAYLOAD_BYTES_DEFAULT,
    defiSignalType = LegacyType.DeFiSignal,
  } = options;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const header = readLegacyHeader(view, { checksum, payloadBytesMax });
  const kind = legacyKindOf(header.messageType, defiSignalType);
  if (kind === undefined) return { kind: "Unknown", header, body: bytes.subarray(LEGACY_HEADER_BYTES) };
  const decoded = LEGACY_STRUCTS[kind].decodeAt(view, LEGACY_HEADER_BYTES, header.payloadSize);
  const body = kind === "DeFiSignal" ? withExtensions(decoded as ObjectOf<typeof LEGACY_DEFI_SIGNAL.fields>) : decoded;
  return { kind, header, body } as unknown as LegacyMessage;
}

/**
 * The bytes of a message of the first version, with its checksum. A parsed message gives its own bytes again, but for
 * bytes between fields, which are written as 0.
 *
 * @param defiSignalType the message type of a DeFi signal, default 29
 * @throws ValueRangeError that names the field; nothing is cut or wrapped
 */
export function encodeLegacyMessage(
  message: LegacyMessageInput,
  { defiSignalType = LegacyType.DeFiSignal }: Pick<LegacyParseOptions, "defiSignalType"> = {},
): Uint8Array {
  const { kind, header } = message;
  if (kind === "Unknown")
    return finished(header.messageType, header, message.body.byteLength, (_, bytes) => {
      bytes.set(message.body, LEGACY_HEADER_BYTES);
    });
  const body = kind === "DeFiSignal" ? withRow(message.body) : message.body;
  const struct = LEGACY_STRUCTS[kind];
  const input = body as InputOf<FieldMap>;
  return finished(
    kind === "DeFiSignal" ? defiSignalType : LegacyType[kind],
    header,
    struct.byteLengthOf(input),
    (view) => {
      struct.encodeInto(view, LEGACY_HEADER_BYTES, input);
    },
  );
}

function finished(
  messageType: number,
  header: LegacyHeaderInput,
  bodyBytes: number,
  writeBody: (view: DataView, bytes: Uint8Array) => void,
): Uint8Array {
  const bytes = new Uint8Array(LEGACY_HEADER_BYTES + bodyBytes);
  const view = new DataView(bytes.buffer);
  writeBody(view, bytes);
  writeLegacyHeader(view, messageType, header);
  return bytes;
}

function withExtensions(decoded: ObjectOf<typeof LEGACY_DEFI_SIGNAL.fields>): LegacyDeFiSignal {
  const { extensionOffset, extensionRow, ...body } = decoded;
  if (extensionRow.byteLength > 0 && extensionOffset !== EXTENSIONS_OFFSET) {
    const detail = `the extensions are said to stand at byte ${extensionOffset}, expected ${EXTENSIONS_OFFSET}`;
    throw new ProtocolError("BAD_TLV", detail, EXTENSION_OFFSET_AT);
  }
  return { ...body, extensions: readExtensions(extensionRow, EXTENSIONS_OFFSET) };
}

function withRow(body: LegacyInputs["DeFiSignal"]): InputOf<typeof LEGACY_DEFI_SIGNAL.fields> {
  const { extensions = [], ...fields } = body;
  return { ...fields, extensionOffset: EXTENSIONS_OFFSET, extensionRow: writeExtensions(extensions) };
}
