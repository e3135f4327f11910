import { type ChecksumChoice, checksumOf } from "./checksum.js";
import { checkPayloadBytesMax, type MessageHeader, PAYLOAD_BYTES_DEFAULT, readHeader } from "./header.js";
import type { AnyTLV, Infer } from "./schema/tlv.js";
import { checkMessage, TlvCursor } from "./walk.js";

/** One TLV of a message as it came. */
export interface RawTLV {
  /** 1 to 254. */
  readonly type: number;
  /** A view over the message's bytes. */
  readonly value: Uint8Array;
}

/** How {@link parseMessage} reads. */
export interface ParseOptions {
  /** Which checksum to verify, by name or an implementation; default `crc32c`; `none` skips it. */
  readonly checksum?: ChecksumChoice;
  /** The limit of a payload in bytes; default 1 MiB. */
  readonly payloadBytesMax?: number;
}

/** A whole message, checked. Values are decoded when asked for. */
export class Message {
  /** Its header, read. */
  readonly header: MessageHeader;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;

  /** Made by {@link parseMessage}. */
  constructor(bytes: Uint8Array, view: DataView) {
    this.header = readHeader(view, 0);
    this.#bytes = bytes;
    this.#view = view;
  }

  /** The first TLV of this type, decoded; undefined where there is none. @throws ProtocolError BAD_LENGTH or BAD_TEXT */
  get<T extends AnyTLV>(tlv: T): Infer<T> | undefined {
    const cursor = this.#cursor();
    while (cursor.next()) {
      if (cursor.type === tlv.type) return tlv.decodeAt(this.#view, cursor.valueOffset, cursor.valueBytes) as Infer<T>;
    }
    return undefined;
  }

  /** Every TLV in turn, raw, known or not. */
  *[Symbol.iterator](): IterableIterator<RawTLV> {
    const cursor = this.#cursor();
    while (cursor.next()) {
      const { type, valueOffset, valueBytes } = cursor;
      yield { type, value: this.#bytes.subarray(valueOffset, valueOffset + valueBytes) };
    }
  }

  #cursor(): TlvCursor {
    return new TlvCursor().begin(this.#view, 0, this.#bytes.byteLength);
  }
}

/**
 * Reads exactly one message. Its bytes are not copied.
 *
 * @throws ProtocolError with the code of the first check that failed, in the order of the protocol
 */
export function parseMessage(bytes: Uint8Array, options: ParseOptions = {}): Message {
  const { checksum = "crc32c", payloadBytesMax = PAYLOAD_BYTES_DEFAULT } = options;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  checkMessage(view, 0, bytes.byteLength, {
    checksum: checksumOf(checksum),
    payloadBytesMax: checkPayloadBytesMax(payloadBytesMax),
  });
  return new Message(bytes, view);
}
