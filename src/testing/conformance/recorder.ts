import { TLVBuilder } from "../../protocol/builder.js";
import type { AlphaPulseError } from "../../protocol/errors.js";
import { DOMAIN_OFFSET, PAYLOAD_BYTES_MAX } from "../../protocol/header.js";
import { parseMessage } from "../../protocol/message.js";
import { type MessageBuffer, messageBuffer } from "../../protocol/message-buffer.js";
import type { SendResult } from "../../protocol/publisher.js";
import { RelayDomain } from "../../protocol/tables.js";
import type { Link, LinkHandler } from "../../transports/transport.js";

/** A type of the user's range: its value is any bytes. */
const FILLER_TYPE = 200;
const EXTENDED_FROM_BYTES = 257;
const VALUE_BYTES_MAX = 65_535;

const builder = /* @__PURE__ */ new TLVBuilder({ domain: 1, source: 1, payloadBytesMax: PAYLOAD_BYTES_MAX });

/** A whole message that says which one it is: number `n`, of `payloadBytes` (of one less where no TLV can fill them). */
export function messageOf(n: number, payloadBytes: number): Uint8Array {
  for (let left = payloadBytes; left >= 2; ) {
    const headerBytes = left > EXTENDED_FROM_BYTES ? 5 : 2;
    const valueBytes = Math.min(VALUE_BYTES_MAX, left - headerBytes);
    builder.addRaw(FILLER_TYPE, new Uint8Array(valueBytes).fill(n & 255));
    left -= valueBytes + headerBytes;
  }
  return builder.build({ sequence: n, timestamp: 1n });
}

/** Sends a message that stands by itself. */
export function send(link: Link, message: Uint8Array): SendResult {
  return link.send(messageBuffer(message), 0, message.byteLength);
}

/** Sends a message that stands by itself, ahead of what waits. */
export function sendAhead(link: Link, message: Uint8Array): SendResult {
  return link.sendAhead(messageBuffer(message), 0, message.byteLength);
}

/** The numbers of messages that are sent ahead begin here: they have no place in the row of the others. */
export const AHEAD_FROM = 1 << 30;

/** Notes what an end of a link is told. */
export class Recorder implements LinkHandler {
  /** The messages that came, by number. */
  readonly numbers: number[] = [];
  /** Those that were sent ahead, by number less {@link AHEAD_FROM}. */
  readonly ahead: number[] = [];
  /** What should not have been. */
  readonly problems: string[] = [];
  bytes = 0;
  idles = 0;
  readies = 0;
  closings = 0;
  error: AlphaPulseError | undefined;
  /** Called with each message's number. */
  onMessage: (n: number) => void = () => {};
  onReady: () => void = () => {};
  onClosed: () => void = () => {};

  message({ bytes }: MessageBuffer, offset: number, byteLength: number): void {
    if (this.closings > 0) this.problems.push("a message after the end");
    if (bytes[offset + DOMAIN_OFFSET] === RelayDomain.System) return; // of who prepared the link
    const n = this.#numberOf(bytes.slice(offset, offset + byteLength));
    if (n === undefined) return;
    if (n >= AHEAD_FROM) {
      this.ahead.push(n - AHEAD_FROM);
      return;
    }
    this.numbers.push(n);
    this.bytes += byteLength;
    this.onMessage(n);
  }

  idle(): void {
    this.idles++;
  }

  ready(): void {
    this.readies++;
    if (this.closings > 0) this.problems.push("ready after the end");
    this.onReady();
  }

  broken(error: AlphaPulseError): void {
    this.problems.push(`broken: ${error.message}`);
  }

  closed(error?: AlphaPulseError): void {
    this.closings++;
    this.error = error;
    this.onClosed();
  }

  /** The checksum tells whether it came as it was sent. */
  #numberOf(bytes: Uint8Array): number | undefined {
    try {
      const message = parseMessage(bytes, { payloadBytesMax: PAYLOAD_BYTES_MAX });
      const n = Number(message.header.sequence);
      for (const { value } of message) {
        if (value.some((byte) => byte !== (n & 255))) this.problems.push(`message ${n} has another's value`);
      }
      return n;
    } catch (error) {
      this.problems.push(`a message is not as it was sent: ${String(error)}`);
      return undefined;
    }
  }
}
