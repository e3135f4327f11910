import { TLVBuilder } from "../protocol/builder.js";
import { AlphaPulseError } from "../protocol/errors.js";
import { sequenceOf } from "../protocol/header.js";
import { type MessageBuffer, messageBuffer } from "../protocol/message-buffer.js";
import { RelayDomain, Source } from "../protocol/tables.js";
import { checkMessage, type MessageChecks, TlvCursor } from "../protocol/walk.js";
import { GoodbyeCode } from "../tlvs/codes.js";
import { ControlTLV, GoodbyeTLV } from "../tlvs/session-control.js";
import { ChannelOpcode, OPENED_BY_RECEIVER, textOf } from "./wire.js";

/** A frame that was read. The same object each time: it counts until the next one. */
export interface Frame {
  readonly opcode: number;
  /** As the channels of this end are numbered. */
  readonly number: number;
  /** Of a Data frame: where its bytes stand, borrowed. */
  readonly body: MessageBuffer;
  readonly bodyOffset: number;
  readonly bodyBytes: number;
  /** Of Open, Answer and Credit: the bytes that may come. */
  readonly credit: number;
  /** Of Answer and End. */
  readonly code: number;
  readonly name: string;
  /** Why an open was refused. */
  readonly why: string;
}

const WINDOW_BYTES_MIN = 1 << 10;
const WINDOW_BYTES_MAX = 16 << 20;
/** Bytes of a Control TLV before its body. */
const CONTROL_BYTES = 8;
const LEAST_BODY_BYTES: Readonly<Record<number, number>> = {
  [ChannelOpcode.Open]: 5,
  [ChannelOpcode.Answer]: 8,
  [ChannelOpcode.Data]: 1,
  [ChannelOpcode.Credit]: 4,
  [ChannelOpcode.End]: 2,
};

/** Reads what comes over a carrier, and holds it against the rules. */
export class FrameReader {
  /** How many came. */
  count = 0;
  readonly #checks: MessageChecks;
  readonly #cursor = new TlvCursor();
  readonly #frame = {
    opcode: 0,
    number: 0,
    body: messageBuffer(new Uint8Array(0)),
    bodyOffset: 0,
    bodyBytes: 0,
    credit: 0,
    code: 0,
    name: "",
    why: "",
  };

  constructor(checks: MessageChecks) {
    this.#checks = checks;
  }

  /** @returns the frame, or what the other end's Goodbye says @throws AlphaPulseError where it is no frame, or not the next one */
  read(buffer: MessageBuffer, offset: number, byteLength: number): Frame | AlphaPulseError {
    const { view } = buffer;
    checkMessage(view, offset, byteLength, this.#checks);
    const cursor = this.#cursor.begin(view, offset, byteLength);
    const type = cursor.next() ? cursor.type : 0;
    const { valueOffset, valueBytes } = cursor;
    cursor.release();
    if (type === GoodbyeTLV.type) return goodbyeIn(buffer, valueOffset, valueBytes);
    if (type !== ControlTLV.type || valueBytes < CONTROL_BYTES)
      throw bad(`a message of type ${type}, which is no frame`);
    const sequence = sequenceOf(view, offset);
    if (sequence !== ++this.count)
      throw bad(`frame ${sequence} where frame ${this.count} comes: the carrier lost some`);
    return this.#parsed(buffer, valueOffset, valueBytes - CONTROL_BYTES);
  }

  /** A message that says why the carrier ends. */
  goodbye(why: string): Uint8Array {
    const builder = new TLVBuilder({ domain: RelayDomain.System, source: Source.External });
    return builder.add(GoodbyeTLV, { code: GoodbyeCode.ProtocolError, reason: why }).build();
  }

  #parsed(buffer: MessageBuffer, at: number, bodyBytes: number): Frame {
    const { view } = buffer;
    const frame = this.#frame;
    const opcode = view.getUint16(at, true);
    const number = (view.getUint32(at + 4, true) ^ OPENED_BY_RECEIVER) >>> 0;
    const leastBytes = LEAST_BODY_BYTES[opcode];
    if (leastBytes === undefined) throw bad(`opcode ${opcode}, which is none of channels`);
    if (bodyBytes < leastBytes) throw bad(`a body of ${bodyBytes} bytes for opcode ${opcode}`);
    if ((number & ~OPENED_BY_RECEIVER) === 0) throw bad("channel number 0");
    frame.opcode = opcode;
    frame.number = number;
    frame.body = buffer;
    frame.bodyOffset = at + CONTROL_BYTES;
    frame.bodyBytes = bodyBytes;
    if (opcode !== ChannelOpcode.Data) this.#readFields(opcode);
    return frame;
  }

  #readFields(opcode: number): void {
    const frame = this.#frame;
    const { body, bodyOffset: at, bodyBytes } = frame;
    if (opcode === ChannelOpcode.End || opcode === ChannelOpcode.Answer) frame.code = body.view.getUint16(at, true);
    if (opcode === ChannelOpcode.Credit) frame.credit = body.view.getUint32(at, true);
    if (opcode === ChannelOpcode.Open) {
      frame.credit = windowOf(body.view.getUint32(at, true));
      if (bodyBytes > 4 + 255) throw bad(`a name of ${bodyBytes - 4} bytes`);
      frame.name = textOf(body, at + 4, bodyBytes - 4);
    }
    if (opcode === ChannelOpcode.Answer) {
      frame.credit = frame.code === 0 ? windowOf(body.view.getUint32(at + 4, true)) : 0;
      frame.why = textOf(body, at + 8, bodyBytes - 8);
    }
  }
}

function windowOf(bytes: number): number {
  if (bytes >= WINDOW_BYTES_MIN && bytes <= WINDOW_BYTES_MAX) return bytes;
  throw bad(`a window of ${bytes} bytes, not ${WINDOW_BYTES_MIN} to ${WINDOW_BYTES_MAX}`);
}

function goodbyeIn({ bytes }: MessageBuffer, offset: number, count: number): AlphaPulseError {
  const { code, reason } = GoodbyeTLV.decode(bytes.subarray(offset, offset + count));
  return new AlphaPulseError("GOODBYE", `the other end ended the channels: ${reason} (Goodbye ${code})`);
}

function bad(what: string): AlphaPulseError {
  return new AlphaPulseError("CHANNEL_PROTOCOL", what);
}
