import { type Checksum, type WrittenChecksum, writtenChecksumOf } from "./checksum.js";
import { type Clock, LiveClock } from "./clock.js";
import { AlphaPulseError, ProtocolError } from "./errors.js";
import {
  CHECKSUM_OFFSET,
  checkPayloadBytesMax,
  checkStamps,
  HEADER_BYTES,
  messageChecksum,
  PAYLOAD_BYTES_DEFAULT,
  PAYLOAD_SIZE_OFFSET,
  SEQUENCE_OFFSET,
  setSequence,
  setTimestampUs,
  TIMESTAMP_OFFSET,
  writeHeader,
} from "./header.js";
import { allocateBuffer, type MessageBuffer } from "./message-buffer.js";
import { type AnyTLV, type CountsFor, FlyweightCache, type FlyweightOf, type InputFor } from "./schema/tlv.js";
import { domainName, RelayDomain } from "./tables.js";
import {
  domainOfType,
  EXTENDED_MARKER,
  isControlType,
  isExtensionType,
  STANDARD_VALUE_BYTES_MAX,
  tlvHeaderBytes,
  VALUE_BYTES_MAX,
} from "./walk.js";

/** What a {@link TLVBuilder} is made of. */
export interface TLVBuilderOptions {
  /** The domain of its messages, one of RelayDomain. */
  readonly domain: number;
  /** Who sends, one of Source or the user's own. */
  readonly source: number;
  /** The checksum of its messages, by name or an implementation; default `crc32c`. */
  readonly checksum?: WrittenChecksum;
  /** The limit of a payload in bytes; default 1 MiB, at most 16 MiB. */
  readonly payloadBytesMax?: number;
  /** What stamps messages that are given no time; default the wall clock. */
  readonly clock?: Clock;
}

/** How one message is stamped. */
export interface BuildOptions {
  /** Default 0: unsequenced. */
  readonly sequence?: bigint | number;
  /** ns since the Unix epoch; default now. A builder's own stamps never go back. */
  readonly timestamp?: bigint;
  /** Default: the builder's. */
  readonly checksum?: WrittenChecksum;
}

const FIRST_BYTES = 512;
const U64_MAX = 2n ** 64n - 1n;

/**
 * Builds messages, one after the other, in memory of its own.
 *
 * A call that throws drops the message that was being built: the next one starts anew.
 */
export class TLVBuilder {
  /** The domain of its messages, one of RelayDomain. */
  readonly domain: number;
  /** Who sends. */
  readonly source: number;
  readonly #checksum: Checksum;
  readonly #payloadBytesMax: number;
  readonly #flyweights = new FlyweightCache();
  /** 1 where a type was found to be allowed as a message's first. */
  readonly #mayBegin = new Uint8Array(256);
  #buffer: MessageBuffer = allocateBuffer(FIRST_BYTES);
  /** Where the message starts in the buffer, and where what was added to it ends. */
  #start = 0;
  #end = HEADER_BYTES;
  #capacity = FIRST_BYTES;
  /** Whether the memory is the builder's own, which grows; a caller's does not. */
  #isOwn = true;
  #firstType = 0;
  readonly #clock: Clock;
  #lastUs = 0;

  /** @throws AlphaPulseError BAD_OPTION where domain, source or limit cannot be */
  constructor(options: TLVBuilderOptions) {
    const { domain, source, checksum = "crc32c", payloadBytesMax = PAYLOAD_BYTES_DEFAULT } = options;
    if (domain >>> 0 !== domain || domain < 1 || domain > 4)
      throw badOption("domain", domain, "one of RelayDomain, 1 to 4");
    if (source >>> 0 !== source || source > 0xffff) throw badOption("source", source, "0 to 65535");
    this.#clock = options.clock ?? new LiveClock();
    this.domain = domain;
    this.source = source;
    this.#checksum = writtenChecksumOf(checksum);
    this.#payloadBytesMax = checkPayloadBytesMax(payloadBytesMax);
  }

  /** Bytes of the message so far, the header included. */
  get byteLength(): number {
    return this.#end - this.#start;
  }

  /** The memory it builds in: its own, where the message stands at offset 0, or the caller's. */
  get buffer(): MessageBuffer {
    return this.#buffer;
  }

  /**
   * Builds the next messages in the caller's memory, each from `offset` on, and drops what was begun. Messages one after
   * the other, to be sent at once:
   *
   * ```ts
   * for (const trade of trades) end += builder.into(memory, end).add(TradeTLV, trade).seal(sequence++, clock.nowUs());
   * ```
   * @throws AlphaPulseError NO_ROOM where the memory ends before the message does; the message is dropped
   */
  into(buffer: MessageBuffer, offset = 0): this {
    const { length } = buffer.bytes;
    if (offset >>> 0 !== offset || offset + HEADER_BYTES > length) throw noRoom(offset, HEADER_BYTES, length);
    this.#buffer = buffer;
    this.#capacity = length;
    this.#start = offset;
    this.#isOwn = false;
    this.reset();
    return this;
  }

  /** Adds a TLV from its object. @throws ProtocolError VALUE_RANGE, BAD_TLV, DOMAIN_MISMATCH or TOO_LARGE */
  add<T extends AnyTLV>(tlv: T, value: InputFor<T>): this {
    try {
      const byteLength = tlv.byteLengthOf(value);
      const offset = this.#open(tlv.type, byteLength);
      tlv.encodeInto(this.#buffer.view, offset, value);
      this.#end = offset + byteLength;
      return this;
    } catch (error) {
      this.reset();
      throw error;
    }
  }

  /** Adds a TLV whose value is already bytes, such as one of a type it does not know. */
  addRaw(type: number, value: Uint8Array): this {
    try {
      if (type >>> 0 !== type || type < 1 || type > 254)
        throw new ProtocolError("BAD_TLV", `type ${type} does not exist`);
      if (!(value instanceof Uint8Array)) {
        throw new ProtocolError("VALUE_RANGE", `type ${type}: its value is no Uint8Array`);
      }
      if (value.byteLength > VALUE_BYTES_MAX) {
        throw new ProtocolError("VALUE_RANGE", `type ${type}: ${value.byteLength} bytes pass ${VALUE_BYTES_MAX}`);
      }
      const offset = this.#open(type, value.byteLength);
      this.#buffer.bytes.set(value, offset);
      this.#end = offset + value.byteLength;
      return this;
    } catch (error) {
      this.reset();
      throw error;
    }
  }

  /**
   * Adds a TLV with zeroed fields and returns a flyweight over it, to be filled in place. Allocates nothing. It is
   * borrowed until the next TLV of the same type or the next message; a message that grows past its memory moves it.
   */
  append<T extends AnyTLV>(tlv: T, counts?: CountsFor<T>): FlyweightOf<T> {
    try {
      const byteLength = tlv.byteLengthFor(counts);
      const offset = this.#open(tlv.type, byteLength);
      const { bytes, view } = this.#buffer;
      tlv.prepare(bytes, view, offset, byteLength, counts);
      this.#end = offset + byteLength;
      return this.#flyweights.of(tlv).wrap(view, offset, byteLength);
    } catch (error) {
      this.reset();
      throw error;
    }
  }

  /** The message as bytes of its own; the builder begins anew. @throws ProtocolError VALUE_RANGE */
  build(options: BuildOptions = {}): Uint8Array {
    const { sequence = 0, timestamp, checksum } = options;
    try {
      checkBuildStamps(sequence, timestamp);
      const { view } = this.#buffer;
      const start = this.#start;
      view.setBigUint64(start + SEQUENCE_OFFSET, BigInt(sequence), true);
      if (timestamp === undefined) setTimestampUs(view, start, this.#stamp(this.#clock.nowUs()));
      else view.setBigUint64(start + TIMESTAMP_OFFSET, timestamp, true);
      this.#finish(checksum === undefined ? this.#checksum : writtenChecksumOf(checksum));
      return this.#buffer.bytes.slice(start, this.#end);
    } finally {
      this.reset();
    }
  }

  /**
   * Completes the message in place, in {@link TLVBuilder.buffer} from offset 0 (or where {@link TLVBuilder.into} said), and
   * returns its bytes. It stays until {@link TLVBuilder.reset}: sealing again stamps it anew. Allocates nothing.
   *
   * @param sequence a safe integer, 0 = unsequenced
   * @param timestampUs whole microseconds since the Unix epoch; never goes below the one before
   * @throws ProtocolError VALUE_RANGE; the message stays as it was
   */
  seal(sequence: number, timestampUs: number): number {
    checkStamps(sequence, timestampUs);
    const { view } = this.#buffer;
    setSequence(view, this.#start, sequence);
    setTimestampUs(view, this.#start, this.#stamp(timestampUs));
    return this.#finish(this.#checksum);
  }

  /** Drops what was added. */
  reset(): void {
    this.#end = this.#start + HEADER_BYTES;
    this.#firstType = 0;
  }

  /** Data and control of services travel in domain System, on whatever relay (docs/protocol.md, "TLVs"). */
  #headerDomain(): number {
    return domainOfType(this.#firstType) === RelayDomain.System ? RelayDomain.System : this.domain;
  }

  #finish(checksum: Checksum): number {
    const { view } = this.#buffer;
    const start = this.#start;
    const byteLength = this.#end - start;
    writeHeader(view, start, this.#headerDomain(), this.source);
    view.setUint32(start + PAYLOAD_SIZE_OFFSET, byteLength - HEADER_BYTES, true);
    view.setUint32(start + CHECKSUM_OFFSET, messageChecksum(checksum, view, start, byteLength), true);
    return byteLength;
  }

  #stamp(us: number): number {
    if (us > this.#lastUs) this.#lastUs = us;
    return this.#lastUs;
  }

  /** Checks the place of a TLV, writes its header and returns where its value starts. */
  #open(type: number, valueBytes: number): number {
    if (this.#firstType !== 0 || this.#mayBegin[type] === 0) this.#checkPlace(type);
    const headerBytes = tlvHeaderBytes(valueBytes);
    const offset = this.#end + headerBytes;
    const end = offset + valueBytes;
    const payloadBytes = end - this.#start - HEADER_BYTES;
    if (payloadBytes > this.#payloadBytesMax) {
      throw new ProtocolError(
        "TOO_LARGE",
        `a payload of ${payloadBytes} bytes passes the limit of ${this.#payloadBytesMax}`,
      );
    }
    if (end > this.#capacity) this.#grow(end);
    const { view } = this.#buffer;
    const at = this.#end;
    if (valueBytes <= STANDARD_VALUE_BYTES_MAX) {
      view.setUint16(at, type | (valueBytes << 8), true);
    } else {
      view.setUint16(at, EXTENDED_MARKER, true);
      view.setUint8(at + 2, type);
      view.setUint16(at + 3, valueBytes, true);
    }
    if (this.#firstType === 0) this.#firstType = type;
    return offset;
  }

  #checkPlace(type: number): void {
    const first = this.#firstType;
    if (first === 0) {
      if (isExtensionType(type))
        throw new ProtocolError("BAD_TLV", `extension ${type} cannot stand first in a message`);
    } else if ((isControlType(type) || isControlType(first)) && !isExtensionType(type)) {
      throw new ProtocolError("BAD_TLV", `control stands alone in a message, not type ${first} with type ${type}`);
    }
    const belongs = domainOfType(type);
    const isFirst = first === 0;
    if (belongs === 0) {
      if (isFirst) this.#mayBegin[type] = 1;
      return;
    }
    const domain = isFirst && belongs === RelayDomain.System ? belongs : this.#headerDomain();
    if (belongs !== domain) {
      throw new ProtocolError(
        "DOMAIN_MISMATCH",
        `type ${type} belongs to ${domainName(belongs)}, this message to ${domainName(domain)}`,
      );
    }
    if (isFirst) this.#mayBegin[type] = 1;
  }

  #grow(needed: number): void {
    let capacity = this.#capacity;
    if (!this.#isOwn) throw noRoom(this.#start, needed - this.#start, capacity);
    while (capacity < needed) capacity *= 2;
    const larger = allocateBuffer(capacity);
    larger.bytes.set(this.#buffer.bytes.subarray(0, this.#end));
    this.#buffer = larger;
    this.#capacity = capacity;
  }
}

function checkBuildStamps(sequence: bigint | number, timestamp: bigint | undefined): void {
  const isExact = typeof sequence === "bigint" || Number.isSafeInteger(sequence);
  if (!isExact || sequence < 0 || sequence > U64_MAX)
    throw new ProtocolError("VALUE_RANGE", `sequence ${sequence} is no integer of 64 bits`);
  if (timestamp !== undefined && (typeof timestamp !== "bigint" || timestamp < 0n || timestamp > U64_MAX)) {
    throw new ProtocolError("VALUE_RANGE", `timestamp ${timestamp} is no bigint of 64 bits`);
  }
}

function noRoom(offset: number, needed: number, byteLength: number): AlphaPulseError {
  return new AlphaPulseError(
    "NO_ROOM",
    `the caller's memory has ${byteLength} bytes, a message of at least ${needed} does not fit from byte ${offset}`,
  );
}

function badOption(name: string, value: unknown, expected: string): AlphaPulseError {
  return new AlphaPulseError("BAD_OPTION", `TLVBuilder: ${name} ${String(value)} is not ${expected}`);
}
