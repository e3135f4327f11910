import type { ParseOptions } from "../protocol/message.js";
import { allocateBuffer, type MessageBuffer, messageBuffer } from "../protocol/message-buffer.js";
import { MessageView } from "../protocol/message-view.js";
import { type AnyTLV, FlyweightCache, type FlyweightOf } from "../protocol/schema/tlv.js";
import { TlvCursor } from "../protocol/walk.js";
import { fingerprintOf } from "./fingerprint.js";
import type { SchemaRegistry } from "./schema-registry.js";

const NOTHING: MessageBuffer = /* @__PURE__ */ allocateBuffer(0);

/**
 * Walks the TLVs of messages with the schemas of a registry, each by what its source announced. Decodes only what it is
 * asked for, and allocates only what it decodes. What it does not know it counts in the registry, and hands out raw.
 *
 * ```ts
 * reader.read(message);
 * while (reader.next()) console.log(reader.tlv?.name ?? `type ${reader.type}`, reader.decode());
 * ```
 */
export class SchemaReader {
  readonly #registry: SchemaRegistry;
  /** For messages given as bytes. */
  readonly #view: MessageView;
  readonly #cursor = new TlvCursor();
  readonly #flyweights = new FlyweightCache();
  #buffer: MessageBuffer = NOTHING;
  #source = 0;
  #tlv: AnyTLV | undefined;

  /** @param options how messages given as bytes are checked */
  constructor(registry: SchemaRegistry, options: ParseOptions = {}) {
    this.#registry = registry;
    this.#view = new MessageView(options);
  }

  /**
   * Begins before the first TLV of a message: what a handler was given, or the bytes of a whole one. Borrowed until the
   * walk ends or another message is read.
   * @throws ProtocolError with the code of the first check that failed, for bytes
   */
  read(message: MessageView | Uint8Array): this {
    this.release();
    const view = message instanceof Uint8Array ? this.#view.read(messageBuffer(message)) : message;
    this.#source = view.source;
    this.#cursor.begin(view.buffer.view, view.offset, view.byteLength);
    this.#buffer = view.buffer;
    return this;
  }

  /** Moves to the next TLV, known or not; false at the end, where the message is let go. */
  next(): boolean {
    if (this.#buffer === NOTHING) return false;
    if (!this.#cursor.next()) {
      this.release();
      return false;
    }
    const { type } = this.#cursor;
    this.#tlv = this.#registry.schemaOf(type, this.#source);
    if (this.#tlv === undefined) this.#registry.countUnknown(type);
    return true;
  }

  /** Who sent the message. */
  get source(): number {
    return this.#source;
  }

  /** The type of the TLV at which it stands. */
  get type(): number {
    return this.#cursor.type;
  }

  /** What decodes it; undefined where nothing does. */
  get tlv(): AnyTLV | undefined {
    return this.#tlv;
  }

  /** Its bytes as they came, to be handed on with `builder.addRaw(type, value)`: a view over the message. Borrowed. */
  get value(): Uint8Array {
    const { valueOffset, valueBytes } = this.#cursor;
    return this.#buffer.bytes.subarray(valueOffset, valueOffset + valueBytes);
  }

  /** Its fields, which one may keep; undefined where nothing decodes it. @throws ProtocolError BAD_LENGTH or BAD_TEXT */
  decode(): Readonly<Record<string, unknown>> | undefined {
    const { valueOffset, valueBytes } = this.#cursor;
    return this.#tlv?.decodeAt(this.#buffer.view, valueOffset, valueBytes);
  }

  /**
   * A flyweight of this type over it, where its schema is that of `tlv`, also if it was learned; else undefined.
   * Borrowed, the same one each time.
   * @throws ProtocolError BAD_LENGTH
   */
  as<T extends AnyTLV>(tlv: T): FlyweightOf<T> | undefined {
    const found = this.#tlv;
    if (found === undefined || found.type !== tlv.type) return undefined;
    if (found !== tlv && fingerprintOf(found) !== fingerprintOf(tlv)) return undefined;
    const { valueOffset, valueBytes } = this.#cursor;
    return this.#flyweights.lend(tlv).wrap(this.#buffer.view, valueOffset, valueBytes);
  }

  /** Lets the message go, with all flyweights over it. */
  release(): void {
    this.#flyweights.release();
    this.#view.release();
    this.#buffer = NOTHING;
    this.#tlv = undefined;
  }
}
