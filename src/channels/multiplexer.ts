import { type ChecksumChoice, checksumOf, writtenChecksumOf } from "../protocol/checksum.js";
import { AlphaPulseError } from "../protocol/errors.js";
import { type MessageBuffer, messageBuffer } from "../protocol/message-buffer.js";
import type { MessageChecks } from "../protocol/walk.js";
import { raise } from "../transports/handler-failure.js";
import type { Link } from "../transports/transport.js";
import { Channel, type ChannelHost, type ChannelStats } from "./channel.js";
import { type Frame, FrameReader } from "./frame-reader.js";
import { checkedOptions, nameBytesOf } from "./options.js";
import { QUANTUM_BYTES } from "./outflow.js";
import {
  answerBody,
  BODY_BYTES_MAX,
  ChannelCode,
  ChannelOpcode,
  creditBody,
  endBody,
  FRAME_OVERHEAD_BYTES,
  FrameWriter,
  NUMBER_MAX,
  OPENED_BY_RECEIVER,
  openBody,
} from "./wire.js";

/** How a {@link Multiplexer} works. */
export interface MultiplexerOptions {
  /** Takes the channels that the other end opens; without it they are refused. */
  readonly onChannel?: (name: string, channel: Link) => void;
  /** Whether a channel of this name is taken; default all are. */
  readonly accepts?: (name: string) => boolean;
  /** Channels at once, of both ends together; default 64. */
  readonly channelsMax?: number;
  /** Bytes of a channel that the other end may send before they are read, 1 KiB to 16 MiB; default 256 KiB. */
  readonly windowBytes?: number;
  /** Bytes of a channel that may wait to leave before a send is back-pressured; default 256 KiB. */
  readonly bufferBytesMax?: number;
  /** The largest payload of a message on a channel; default 1 MiB. Set both ends alike. */
  readonly payloadBytesMax?: number;
  /** Checksum of the frames, written and verified; default `crc32c`, verified where bytes come from outside of this process's memory. */
  readonly checksum?: ChecksumChoice;
  /** How long the other end may take to answer an open; default 5,000 ms. */
  readonly timeoutMs?: number;
}

/** What a {@link Multiplexer} holds now. */
export interface MultiplexerStats {
  /** Frames that were sent, and that came. */
  readonly framesSent: number;
  readonly framesReceived: number;
  readonly channels: readonly ChannelStats[];
}

interface Opening {
  readonly resolve: (channel: Link) => void;
  readonly reject: (error: AlphaPulseError) => void;
}

/** A frame that waits for room on the carrier. */
interface Waiting {
  readonly opcode: number;
  readonly number: number;
  readonly body: MessageBuffer;
}

/** Frames of one channel that can wait for a carrier that is full: its Open or Answer, two Credits and its End. */
const WAITING_PER_CHANNEL = 4;
/** And those for refusals, and for channels that come and go while the other end does not read. */
const WAITING_BESIDE_MAX = 4_096;

/** Several named channels over one link that is ordered and lossless. Each is a link itself: a full one holds up no other. */
export class Multiplexer implements AsyncDisposable {
  readonly #link: Link;
  readonly #options: ReturnType<typeof checkedOptions>;
  readonly #writer: FrameWriter;
  readonly #reader: FrameReader;
  readonly #bodyBytesMax: number;
  readonly #host: ChannelHost;
  readonly #channels = new Map<number, Channel>();
  readonly #openings = new Map<number, Opening>();
  /** Channels that have something to send, in the order of their turns. */
  readonly #active: Channel[] = [];
  readonly #waiting = new Set<Waiting>();
  readonly #ended: Promise<AlphaPulseError | undefined>;
  #resolveEnded: (error?: AlphaPulseError) => void = () => {};
  #isScheduled = false;
  #isOver = false;
  /** Whether the first of the active channels was interrupted within its turn by a carrier that is full. */
  #isWithinTurn = false;
  #opened = 0;
  #framesSent = 0;
  #goodbye: AlphaPulseError | undefined;

  /**
   * Takes a link that was not started; both ends of it are given to a multiplexer.
   * @throws AlphaPulseError UNFIT_CARRIER where it is made of datagrams or carries too little; BAD_OPTION
   */
  constructor(link: Link, options: MultiplexerOptions = {}) {
    if (link.datagrams !== undefined) {
      throw new AlphaPulseError("UNFIT_CARRIER", `${link.peer} may lose messages: channels need a lossless link`);
    }
    this.#options = checkedOptions(options);
    this.#bodyBytesMax = Math.min(BODY_BYTES_MAX, link.payloadBytesMax - FRAME_OVERHEAD_BYTES);
    if (this.#bodyBytesMax < QUANTUM_BYTES) {
      const what = `${link.peer} carries payloads of ${link.payloadBytesMax} bytes`;
      throw new AlphaPulseError("UNFIT_CARRIER", `${what}: channels need ${QUANTUM_BYTES + FRAME_OVERHEAD_BYTES}`);
    }
    const { checksum = link.isSameMemory ? "none" : "crc32c" } = options;
    const checks: MessageChecks = { checksum: checksumOf(checksum), payloadBytesMax: link.payloadBytesMax };
    this.#writer = new FrameWriter(writtenChecksumOf(checksum === "none" ? "crc32c" : checksum));
    this.#reader = new FrameReader(checks);
    this.#link = link;
    this.#host = this.#makeHost();
    this.#ended = new Promise((resolve) => {
      this.#resolveEnded = resolve;
    });
    link.start({
      message: (buffer, offset, byteLength) => this.#message(buffer, offset, byteLength),
      ready: () => this.#flush(),
      broken: (error) => this.#violated(error),
      closed: (error) => this.#end(error ?? this.#goodbye),
    });
  }

  /** Resolves when the carrier has ended: with the error that ended it, or with nothing where it was closed. */
  get ended(): Promise<AlphaPulseError | undefined> {
    return this.#ended;
  }

  /** What it holds now. */
  stats(): MultiplexerStats {
    const channels = [...this.#channels.values()].map((channel) => channel.stats());
    return { framesSent: this.#framesSent, framesReceived: this.#reader.count, channels };
  }

  /**
   * Opens a channel; the other end takes it by its name.
   * @param name 1 to 255 bytes of UTF-8
   * @throws AlphaPulseError BAD_NAME, CHANNEL_REFUSED, TOO_MANY_CHANNELS, TIMEOUT, or DISCONNECTED where the carrier has ended
   */
  async open(name: string): Promise<Link> {
    const bytes = nameBytesOf(name);
    const { channelsMax, timeoutMs, windowBytes } = this.#options;
    if (this.#isOver) throw this.#disconnected();
    if (this.#channels.size >= channelsMax || this.#opened === NUMBER_MAX) {
      throw new AlphaPulseError("TOO_MANY_CHANNELS", `${this.#link.peer}: ${channelsMax} channels are open already`);
    }
    const number = ++this.#opened;
    const channel = new Channel(this.#host, number, name);
    this.#channels.set(number, channel);
    const answered = new Promise<Link>((resolve, reject) => this.#openings.set(number, { resolve, reject }));
    const timer = setTimeout(() => {
      const why = `${this.#link.peer} did not answer the open of ${name} within ${timeoutMs} ms`;
      this.#openings.get(number)?.reject(new AlphaPulseError("TIMEOUT", why));
      channel.destroy();
    }, timeoutMs);
    this.#send(ChannelOpcode.Open, number, openBody(windowBytes, bytes));
    try {
      return await answered;
    } finally {
      clearTimeout(timer);
      this.#openings.delete(number);
    }
  }

  /** Closes all channels, once what was sent has left, and then the carrier. Bounded in time. */
  async close(): Promise<void> {
    await Promise.all([...this.#channels.values()].map((channel) => channel.close()));
    await this.#link.close();
    this.#end(undefined);
  }

  /** As {@link Multiplexer.close}: for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #makeHost(): ChannelHost {
    const { windowBytes, bufferBytesMax, payloadBytesMax } = this.#options;
    return {
      link: this.#link,
      windowBytes,
      bufferBytesMax,
      payloadBytesMax,
      wake: (channel) => this.#activate(channel),
      grant: (channel, bytes) => this.#send(ChannelOpcode.Credit, channel.number, creditBody(bytes)),
      sendEnd: (channel, code) => this.#send(ChannelOpcode.End, channel.number, endBody(code)),
      forget: (channel) => this.#channels.delete(channel.number),
    };
  }

  #activate(channel: Channel): void {
    if (!channel.outflow.canSend && !(channel.isClosing && channel.pendingBytes === 0)) return;
    if (!this.#active.includes(channel)) this.#active.push(channel);
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    queueMicrotask(() => {
      this.#isScheduled = false;
      this.#flush();
    });
  }

  /** Deficit round robin: each channel in turn, a quantum of bytes at most, until the carrier is full. */
  #flush(): void {
    for (const waiting of this.#waiting) {
      const { opcode, number, body } = waiting;
      if (!this.#trySend(opcode, number, body, 0, body.bytes.byteLength)) return;
      this.#waiting.delete(waiting);
    }
    for (;;) {
      const channel = this.#active[0];
      if (channel === undefined || !this.#takeTurn(channel)) return;
      this.#active.shift();
      if (channel.outflow.canSend) this.#active.push(channel);
      else channel.outflow.deficitBytes = 0;
      channel.sentSome();
    }
  }

  /** @returns false where the carrier is full */
  #takeTurn(channel: Channel): boolean {
    const { outflow } = channel;
    if (!this.#isWithinTurn) outflow.deficitBytes += QUANTUM_BYTES;
    for (let bytes = outflow.next(this.#bodyBytesMax); bytes > 0; bytes = outflow.next(this.#bodyBytesMax)) {
      const { buffer, start } = outflow.source;
      outflow.creditBytes -= bytes; // before they go: within one thread more may be granted meanwhile
      this.#isWithinTurn = !this.#trySend(ChannelOpcode.Data, channel.number, buffer, start, bytes);
      if (this.#isWithinTurn) {
        outflow.creditBytes += bytes;
        return false;
      }
      outflow.gone(bytes);
    }
    this.#isWithinTurn = false;
    if (channel.isClosing && channel.pendingBytes === 0) channel.flushed();
    return true;
  }

  /** Sends a frame that belongs to no row of messages, soon. */
  #send(opcode: number, number: number, body: MessageBuffer): void {
    if (this.#isOver) return;
    const isFirst = this.#waiting.size === 0;
    if (isFirst && this.#trySend(opcode, number, body, 0, body.bytes.byteLength)) return;
    const waitingMax = WAITING_BESIDE_MAX + WAITING_PER_CHANNEL * this.#options.channelsMax;
    if (this.#waiting.size < waitingMax) this.#waiting.add({ opcode, number, body });
    else this.#violated(protocolError(`more than ${waitingMax} frames wait: the other end asks and does not read`));
  }

  #trySend(opcode: number, number: number, body: MessageBuffer, offset: number, count: number): boolean {
    if (this.#isOver) return false;
    const byteLength = this.#writer.write(this.#framesSent + 1, opcode, number, body, offset, count);
    this.#framesSent++; // before it goes: within one thread the answer may come before `send` returns
    if (this.#link.send(this.#writer.buffer, 0, byteLength) === "sent") return true;
    this.#framesSent--;
    return false;
  }

  #message(buffer: MessageBuffer, offset: number, byteLength: number): void {
    if (this.#isOver) return;
    try {
      const frame = this.#reader.read(buffer, offset, byteLength);
      if (frame instanceof AlphaPulseError) this.#goodbye = frame;
      else this.#take(frame);
    } catch (error) {
      if (!(error instanceof AlphaPulseError)) throw error;
      this.#violated(error);
    }
  }

  #take(frame: Frame): void {
    const channel = this.#channels.get(frame.number);
    if (frame.opcode === ChannelOpcode.Open) this.#takeOpen(frame, channel);
    else if (frame.opcode === ChannelOpcode.End) this.#takeEnd(frame, channel);
    else if (channel === undefined) throw protocolError(`a frame for ${shown(frame.number)}, which is not open`);
    else if (frame.opcode === ChannelOpcode.Answer) this.#takeAnswer(frame, channel);
    else if (frame.opcode === ChannelOpcode.Data) {
      const isGranted = channel.take(frame.body, frame.bodyOffset, frame.bodyBytes);
      if (!isGranted) throw protocolError(`${channel.name}: more bytes than were granted`);
    } else {
      if (!channel.outflow.addCredit(frame.credit)) throw protocolError(`${channel.name}: credit beyond its window`);
      this.#activate(channel);
    }
  }

  #takeOpen(frame: Frame, known: Channel | undefined): void {
    const { number, name, credit } = frame;
    if (known !== undefined || number < OPENED_BY_RECEIVER) throw protocolError(`${shown(number)} cannot be opened`);
    const { onChannel, accepts, channelsMax, windowBytes } = this.#options;
    const refuse = (code: number, why: string): void =>
      this.#send(ChannelOpcode.Answer, number, answerBody(code, 0, why));
    if (this.#channels.size >= channelsMax) return refuse(ChannelCode.TooMany, `${channelsMax} channels are open`);
    if (onChannel === undefined || !accepts(name)) return refuse(ChannelCode.Refused, "nobody takes this name");
    const channel = new Channel(this.#host, number, name);
    channel.outflow.open(credit);
    this.#channels.set(number, channel);
    this.#send(ChannelOpcode.Answer, number, answerBody(ChannelCode.Fine, windowBytes));
    try {
      onChannel(name, channel);
    } catch (error) {
      channel.destroy();
      raise(error); // the program's own: neither the carrier's affair nor silent
    }
  }

  #takeAnswer({ number, code, credit, why }: Frame, channel: Channel): void {
    const opening = this.#openings.get(number);
    if (number >= OPENED_BY_RECEIVER || channel.outflow.isOpen)
      throw protocolError(`${shown(number)} was not asked for`);
    if (code === ChannelCode.Fine) {
      channel.outflow.open(credit);
      opening?.resolve(channel);
      return;
    }
    channel.peerEnded(code);
    const word = code === ChannelCode.TooMany ? "TOO_MANY_CHANNELS" : "CHANNEL_REFUSED";
    opening?.reject(new AlphaPulseError(word, `${this.#link.peer} refused channel ${channel.name}: ${why}`));
  }

  /** It may come before the answer: then there will be none. */
  #takeEnd({ number, code }: Frame, channel: Channel | undefined): void {
    if (channel === undefined) return;
    channel.peerEnded(code);
    if (channel.outflow.isOpen) return;
    const why = `${this.#link.peer} ended channel ${channel.name} without an answer`;
    this.#openings.get(number)?.reject(new AlphaPulseError("CHANNEL_REFUSED", why));
    channel.destroy();
  }

  /** The other end broke the rules: it is told, and the carrier ends. */
  #violated(error: AlphaPulseError): void {
    const goodbye = messageBuffer(this.#reader.goodbye(error.message));
    this.#link.sendAhead(goodbye, 0, goodbye.bytes.byteLength);
    this.#end(error);
    void this.#link.close();
  }

  #end(error: AlphaPulseError | undefined): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#waiting.clear();
    this.#active.length = 0;
    for (const opening of this.#openings.values()) opening.reject(error ?? this.#disconnected());
    for (const channel of [...this.#channels.values()]) channel.carrierEnded(error);
    this.#channels.clear();
    this.#resolveEnded(error);
  }

  #disconnected(): AlphaPulseError {
    return new AlphaPulseError("DISCONNECTED", `${this.#link.peer} is gone: it closed or died`);
  }
}

/** A channel's number, as the end that opened it counts. */
function shown(number: number): string {
  return number < OPENED_BY_RECEIVER ? `channel ${number}` : `channel ${number - OPENED_BY_RECEIVER} of the other end`;
}

function protocolError(what: string): AlphaPulseError {
  return new AlphaPulseError("CHANNEL_PROTOCOL", what);
}
