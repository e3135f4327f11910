import { checksumOf } from "./checksum.js";
import { microsecondsOf } from "./halves.js";
import {
  checkPayloadBytesMax,
  DOMAIN_OFFSET,
  HEADER_BYTES,
  PAYLOAD_BYTES_DEFAULT,
  SOURCE_OFFSET,
  sequenceOf,
  TIMESTAMP_OFFSET,
} from "./header.js";
import type { ParseOptions } from "./message.js";
import type { MessageBuffer } from "./message-buffer.js";
import { checkHeld, RELEASED } from "./schema/released.js";
import { type AnyTLV, FlyweightCache, type FlyweightOf, type Infer } from "./schema/tlv.js";
import { checkMessage, firstTypeOf, type MessageChecks, STANDARD_TLV_HEADER_BYTES, TlvCursor } from "./walk.js";

const COUNTER_LIMIT = 2 ** 40;

const NOTHING: MessageBuffer = { bytes: /* @__PURE__ */ new Uint8Array(0), view: RELEASED };

/**
 * A message over borrowed bytes: what a handler sees, until it returns. Reused: one of your own, pointed with
 * {@link MessageView.read} at one message after the other, allocates nothing.
 */
export class MessageView {
  readonly #checks: MessageChecks;
  readonly #cursor = new TlvCursor();
  /** Of its own, so that {@link MessageView.find} may be called within a walk. */
  readonly #walk = new TlvCursor();
  readonly #flyweights = new FlyweightCache();
  #buffer: MessageBuffer = NOTHING;
  #offset = 0;
  #byteLength = 0;

  /** @param options how {@link MessageView.read} checks */
  constructor(options: ParseOptions = {}) {
    const { checksum = "crc32c", payloadBytesMax = PAYLOAD_BYTES_DEFAULT } = options;
    this.#checks = { checksum: checksumOf(checksum), payloadBytesMax: checkPayloadBytesMax(payloadBytesMax) };
  }

  /**
   * Checks the message in `buffer[offset, offset + byteLength)` and points at it. What it pointed at before is let go.
   * @throws ProtocolError with the code of the first check that failed, in the order of the protocol; it then points at nothing
   */
  read(buffer: MessageBuffer, offset = 0, byteLength: number = buffer.bytes.byteLength - offset): this {
    this.release();
    checkMessage(buffer.view, offset, byteLength, this.#checks);
    return this.wrap(buffer, offset, byteLength);
  }

  /** Points at a message that was checked. */
  wrap(buffer: MessageBuffer, offset: number, byteLength: number): this {
    this.#buffer = buffer;
    this.#offset = offset;
    this.#byteLength = byteLength;
    return this;
  }

  /** Lets the bytes go, and those of every flyweight it gave: reading them afterwards is an error with code RELEASED. */
  release(): void {
    this.#buffer = NOTHING;
    this.#cursor.release();
    this.#walk.release();
    this.#flyweights.release();
  }

  /** One of RelayDomain. */
  get domain(): number {
    return this.#buffer.view.getUint8(this.#offset + DOMAIN_OFFSET);
  }

  /** Who sent it. */
  get source(): number {
    return this.#buffer.view.getUint16(this.#offset + SOURCE_OFFSET, true);
  }

  /** Incarnation and counter of the source; 0 = unsequenced, NaN where a foreign writer's passes 2^53. */
  get sequence(): number {
    return sequenceOf(this.#buffer.view, this.#offset);
  }

  /** The ordinal of the message among those of its source's incarnation, from 1; 0 = unsequenced (docs/protocol.md, "Sequences"). */
  get counter(): number {
    return this.sequence % COUNTER_LIMIT;
  }

  /** Which run of its source sent it, 1 to 8,191; 0 = not told. */
  get incarnation(): number {
    return Math.floor(this.sequence / COUNTER_LIMIT);
  }

  /** When it was sent: ns since the Unix epoch. */
  get timestamp(): bigint {
    return this.#buffer.view.getBigUint64(this.#offset + TIMESTAMP_OFFSET, true);
  }

  /** When it was sent: whole microseconds since the Unix epoch. */
  get timestampUs(): number {
    const { view } = this.#buffer;
    const at = this.#offset + TIMESTAMP_OFFSET;
    return microsecondsOf(view.getUint32(at, true), view.getUint32(at + 4, true));
  }

  /** Bytes of the whole message. */
  get byteLength(): number {
    return this.#byteLength;
  }

  /** The type of its first TLV, 0 where it has none. */
  get firstType(): number {
    return firstTypeOf(this.#buffer.view, this.#offset, this.#byteLength);
  }

  /**
   * Its TLVs in turn, undecoded: `while (tlvs.next())` moves to the next one. Borrowed; the same cursor each time.
   */
  tlvs(): TlvCursor {
    return this.#walk.begin(this.#buffer.view, this.#offset, this.#byteLength);
  }

  /**
   * A flyweight over the TLV at which {@link MessageView.tlvs} stands. Borrowed; the same one each time.
   * @throws ProtocolError BAD_LENGTH where the value cannot be of this type
   */
  at<T extends AnyTLV>(cursor: TlvCursor, tlv: T): FlyweightOf<T> {
    return this.#flyweights.lend(tlv).wrap(this.#buffer.view, cursor.valueOffset, cursor.valueBytes);
  }

  /** A flyweight over the first TLV of this type, or undefined. Borrowed; the same one each time. */
  find<T extends AnyTLV>(tlv: T): FlyweightOf<T> | undefined {
    const { view } = this.#buffer;
    const at = this.#offset + HEADER_BYTES;
    // Most messages begin with what is looked for, in the standard form.
    if (this.#byteLength > HEADER_BYTES && view.getUint8(at) === tlv.type) {
      return this.#flyweights.lend(tlv).wrap(view, at + STANDARD_TLV_HEADER_BYTES, view.getUint8(at + 1));
    }
    return this.#findBehind(tlv);
  }

  #findBehind<T extends AnyTLV>(tlv: T): FlyweightOf<T> | undefined {
    const { view } = this.#buffer;
    const cursor = this.#cursor.begin(view, this.#offset, this.#byteLength);
    while (cursor.next()) {
      if (cursor.type === tlv.type) {
        return this.#flyweights.lend(tlv).wrap(view, cursor.valueOffset, cursor.valueBytes);
      }
    }
    return undefined;
  }

  /** The first TLV of this type, decoded, or undefined: what one may keep. */
  get<T extends AnyTLV>(tlv: T): Infer<T> | undefined {
    return this.find(tlv)?.toObject() as Infer<T> | undefined;
  }

  /** A copy of the whole message: what one may keep. */
  copy(): Uint8Array {
    checkHeld(this.#buffer.view);
    return this.#buffer.bytes.slice(this.#offset, this.#offset + this.#byteLength);
  }

  /** What it points into, for readers that walk it themselves. Borrowed. @internal */
  get buffer(): MessageBuffer {
    return this.#buffer;
  }

  /** Where in {@link MessageView.buffer} the message starts. @internal */
  get offset(): number {
    return this.#offset;
  }
}
