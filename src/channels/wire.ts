import type { Checksum } from "../protocol/checksum.js";
import { LiveClock } from "../protocol/clock.js";
import { ProtocolError } from "../protocol/errors.js";
import {
  CHECKSUM_OFFSET,
  HEADER_BYTES,
  messageChecksum,
  PAYLOAD_SIZE_OFFSET,
  setSequence,
  setTimestampUs,
  writeHeader,
} from "../protocol/header.js";
import { allocateBuffer, copyBytes, type MessageBuffer } from "../protocol/message-buffer.js";
import { RelayDomain, Source } from "../protocol/tables.js";
import { EXTENDED_MARKER, STANDARD_VALUE_BYTES_MAX, tlvHeaderBytes, VALUE_BYTES_MAX } from "../protocol/walk.js";
import { ControlTLV } from "../tlvs/session-control.js";

// A frame is a message with one Control TLV (docs/channels.md):
//
//   0        32           34 or 37  36 or 39   38 or 41   42 or 45
//   | header | TLV header | opcode  | (zero)   | channel  | body

/** The opcodes of channels, beside those of the protocol. */
export const ChannelOpcode = { Open: 0x100, Answer: 0x101, Data: 0x102, Credit: 0x103, End: 0x104 } as const;

/** Why an end came, or an open was refused. */
export const ChannelCode = { Fine: 0, Refused: 1, TooMany: 2, Aborted: 3 } as const;

/** Set in the channel's number of a frame where its receiver opened that channel; clear where its sender did. */
export const OPENED_BY_RECEIVER = 0x8000_0000;
export const NUMBER_MAX = 0x7fff_ffff;

const CONTROL_BYTES = 8;
/** Bytes of a frame beside its body, at most. */
export const FRAME_OVERHEAD_BYTES = HEADER_BYTES + 5 + CONTROL_BYTES;
/** The largest body that a frame can have. */
export const BODY_BYTES_MAX = VALUE_BYTES_MAX - CONTROL_BYTES;

/** Builds frames one after the other in the same memory. Each carries its number in the row as its sequence. */
export class FrameWriter {
  readonly buffer: MessageBuffer = allocateBuffer(FRAME_OVERHEAD_BYTES + BODY_BYTES_MAX);
  readonly #checksum: Checksum;
  readonly #clock = new LiveClock();

  constructor(checksum: Checksum) {
    this.#checksum = checksum;
    writeHeader(this.buffer.view, 0, RelayDomain.System, Source.External);
  }

  /** Builds a frame. @returns its length; it stands at offset 0 until the next one */
  write(frame: number, opcode: number, channel: number, body: MessageBuffer, offset: number, count: number): number {
    const { view } = this.buffer;
    const valueBytes = CONTROL_BYTES + count;
    let at = HEADER_BYTES + tlvHeaderBytes(valueBytes);
    const byteLength = at + valueBytes;
    if (valueBytes <= STANDARD_VALUE_BYTES_MAX) {
      view.setUint16(HEADER_BYTES, ControlTLV.type | (valueBytes << 8), true);
    } else {
      view.setUint16(HEADER_BYTES, EXTENDED_MARKER, true);
      view.setUint8(HEADER_BYTES + 2, ControlTLV.type);
      view.setUint16(HEADER_BYTES + 3, valueBytes, true);
    }
    view.setUint32(at, opcode, true); // and two zeros
    view.setUint32(at + 4, channel, true);
    at += CONTROL_BYTES;
    copyBytes(body, offset, count, this.buffer, at);
    view.setUint32(PAYLOAD_SIZE_OFFSET, byteLength - HEADER_BYTES, true);
    setSequence(view, 0, frame);
    setTimestampUs(view, 0, this.#clock.nowUs());
    view.setUint32(CHECKSUM_OFFSET, messageChecksum(this.#checksum, view, 0, byteLength), true);
    return byteLength;
  }
}

/** What an open says: the bytes that its sender takes unasked, and the channel's name. */
export function openBody(windowBytes: number, name: Uint8Array): MessageBuffer {
  const body = allocateBuffer(4 + name.byteLength);
  body.view.setUint32(0, windowBytes, true);
  body.bytes.set(name, 4);
  return body;
}

/** What an answer to an open says: a code, the bytes that its sender takes unasked, and why it is refused. */
export function answerBody(code: number, windowBytes: number, why = ""): MessageBuffer {
  const text = new TextEncoder().encode(why);
  const body = allocateBuffer(8 + text.byteLength);
  body.view.setUint16(0, code, true);
  body.view.setUint32(4, windowBytes, true);
  body.bytes.set(text, 8);
  return body;
}

/** What a credit says: how many bytes more. */
export function creditBody(bytes: number): MessageBuffer {
  const body = allocateBuffer(4);
  body.view.setUint32(0, bytes, true);
  return body;
}

/** What an end says: a code. */
export function endBody(code: number): MessageBuffer {
  const body = allocateBuffer(4);
  body.view.setUint16(0, code, true);
  return body;
}

/** The text of some bytes. @throws ProtocolError BAD_TEXT */
export function textOf({ bytes }: MessageBuffer, offset: number, count: number): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes.slice(offset, offset + count));
  } catch {
    throw new ProtocolError("BAD_TEXT", "text that is not UTF-8", offset);
  }
}
