import { type MessageBuffer, MessageView, messageBuffer, RelayDomain, TLVBuilder } from "alphapulse";
import { FIRST_US, SOURCE } from "./samples.js";

// What surrounds a TLV, with checksum and without.

export const HEADER_BYTES = 32;
export const CHECKSUM_OFFSET = 28;

/** A builder of market data. */
export function marketDataBuilder(): TLVBuilder {
  return new TLVBuilder({ domain: RelayDomain.MarketData, source: SOURCE });
}

/** What verifies the messages it reads. */
export function verifying(): MessageView {
  return new MessageView();
}

/** The same checks but the checksum. */
export function notVerifying(): MessageView {
  return new MessageView({ checksum: "none" });
}

/** Consumes a header: a number made of all of its fields. */
export function sumOfHeader(view: MessageView): number {
  return (view.domain + view.source + view.sequence + view.timestampUs) | 0;
}

/** What a message without a checksum is written into: a writer of ours always writes one, so its header is written by hand. */
export class UncheckedMessage {
  readonly view: DataView;
  readonly valueOffset: number;
  readonly byteLength: number;
  readonly #type: number;
  readonly #valueBytes: number;

  constructor(type: number, valueBytes: number) {
    this.valueOffset = HEADER_BYTES + (valueBytes > 255 ? 5 : 2);
    this.byteLength = this.valueOffset + valueBytes;
    this.view = new DataView(new ArrayBuffer(this.byteLength));
    this.#type = type;
    this.#valueBytes = valueBytes;
  }

  /** Writes the message's header, with a sequence and a time, and the TLV's. */
  begin(sequence: number): void {
    const { view } = this;
    view.setUint32(0, 0xdeadbeef, true);
    view.setUint32(4, 1 | (RelayDomain.MarketData << 8) | (SOURCE << 16), true);
    view.setUint32(8, sequence, true);
    view.setUint32(12, 0, true);
    const us = FIRST_US + sequence;
    const usHigh = Math.floor(us / 2 ** 32);
    const low = (us - usHigh * 2 ** 32) * 1_000;
    const carry = Math.floor(low / 2 ** 32);
    view.setUint32(16, low - carry * 2 ** 32, true);
    view.setUint32(20, usHigh * 1_000 + carry, true);
    view.setUint32(24, this.byteLength - HEADER_BYTES, true);
    if (this.#valueBytes > 255) {
      view.setUint16(32, 255, true);
      view.setUint8(34, this.#type);
      view.setUint16(35, this.#valueBytes, true);
    } else {
      view.setUint16(32, this.#type | (this.#valueBytes << 8), true);
    }
  }
}

/** Memory of the caller's for as many messages as there are, to be built one behind the other. */
export function memoryFor({ byteLength, messages }: Row): MessageBuffer {
  return messageBuffer(new Uint8Array(byteLength * messages.length));
}

/** Messages one behind the other, as in a ring: all of them have this many bytes. */
export interface Row {
  readonly buffer: MessageBuffer;
  readonly byteLength: number;
  /** The same messages, each as bytes of its own. */
  readonly messages: readonly Uint8Array[];
}

/** Lays out messages of one length. */
export function rowOf(messages: readonly Uint8Array[]): Row {
  const { byteLength } = messages[0]!;
  const buffer = messageBuffer(new Uint8Array(byteLength * messages.length));
  for (const [i, message] of messages.entries()) {
    if (message.byteLength !== byteLength) throw new Error("messages of different lengths");
    buffer.bytes.set(message, i * byteLength);
  }
  const views = messages.map((_, i) => buffer.bytes.subarray(i * byteLength, (i + 1) * byteLength));
  return { buffer, byteLength, messages: views };
}
