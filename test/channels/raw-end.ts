import { TLVBuilder } from "../../src/protocol/builder.js";
import type { AlphaPulseError } from "../../src/protocol/errors.js";
import { parseMessage } from "../../src/protocol/message.js";
import { type MessageBuffer, messageBuffer } from "../../src/protocol/message-buffer.js";
import { ControlTLV, GoodbyeTLV } from "../../src/tlvs/session-control.js";
import type { Link, LinkHandler } from "../../src/transports/transport.js";

export interface RawFrame {
  readonly opcode: number;
  readonly channel: number;
  readonly sequence: number;
  readonly body: Uint8Array;
}

/** The other end of a carrier, made of the protocol's own messages alone: what another implementation would send. */
export class RawEnd implements LinkHandler {
  readonly frames: RawFrame[] = [];
  readonly goodbyes: GoodbyeTLV[] = [];
  isClosed = false;
  error: AlphaPulseError | undefined;
  /** What it grants of each channel that is opened; 0: it does not answer. */
  windowBytes = 64 << 10;
  readonly #link: Link;
  readonly #builder = new TLVBuilder({ domain: 4, source: 100 });
  #sent = 0;

  constructor(link: Link) {
    this.#link = link;
    link.start(this);
  }

  message({ bytes }: MessageBuffer, offset: number, byteLength: number): void {
    const message = parseMessage(bytes.slice(offset, offset + byteLength));
    const goodbye = message.get(GoodbyeTLV);
    if (goodbye !== undefined) this.goodbyes.push(goodbye as GoodbyeTLV);
    const control = message.get(ControlTLV) as ControlTLV | undefined;
    if (control === undefined) return;
    const { opcode, requestId: channel, body } = control;
    this.frames.push({ opcode, channel, sequence: Number(message.header.sequence), body });
    if (opcode === 0x100 && this.windowBytes > 0) {
      this.send(0x101, channel + 0x8000_0000, [0, 0, 0, 0, ...u32(this.windowBytes)]);
    }
  }

  broken(error: AlphaPulseError): void {
    this.error = error;
  }

  closed(): void {
    this.isClosed = true;
  }

  /** Reads no more. */
  pause(): void {
    this.#link.pause();
  }

  send(opcode: number, channel: number, body: ArrayLike<number>, sequence = ++this.#sent): void {
    const control = { opcode, requestId: channel, body: Uint8Array.from(body) };
    const message = this.#builder.add(ControlTLV, control).build({ sequence });
    this.#link.send(messageBuffer(message), 0, message.byteLength);
  }

  /** The bodies of a channel's Data frames, one behind the other. */
  dataOf(channel: number): Uint8Array {
    const bodies = this.frames.filter((frame) => frame.opcode === 0x102 && frame.channel === channel);
    return Uint8Array.from(bodies.flatMap(({ body }) => [...body]));
  }
}

export function u32(n: number): number[] {
  return [n & 255, (n >> 8) & 255, (n >> 16) & 255, n >>> 24];
}
