import { beginsEnvelope, checkEnvelope, ENVELOPE_HEADER_BYTES, envelopeCounterOf } from "../protocol/envelope.js";
import { ProtocolError } from "../protocol/errors.js";
import { beginsFragment } from "../protocol/fragments.js";
import { checkHeader, DOMAIN_OFFSET, HEADER_BYTES } from "../protocol/header.js";
import type { MessageBuffer } from "../protocol/message-buffer.js";
import { Reassembler, type ReassemblyBudget } from "../protocol/reassembler.js";
import { ReplayWindow } from "../protocol/replay-window.js";
import { RelayDomain } from "../protocol/tables.js";
import { firstTypeOf } from "../protocol/walk.js";
import type { LinkLoss } from "./transport.js";
import { EnvelopeLosses } from "./udp-loss.js";

/** Hello and Welcome: they open a session, and travel outside of envelopes. */
export const HELLO_TYPE = 90;
export const WELCOME_TYPE = 91;
/** So much of them is compared: their nonces, and not all that a stranger may send. */
const OPENING_BYTES_MAX = 512;
/** How often missing envelopes are looked at: they are told after one to two of these, in ms. */
const SETTLE_MS = 25;

/** What became of the datagrams that came. */
export interface DatagramCounts {
  /** All that came. */
  datagrams: number;
  /** Whole messages handed over. */
  messages: number;
  /** Datagrams that are neither messages nor an envelope nor a fragment. */
  malformed: number;
  /** Datagrams of the wrong kind: outside of an envelope once there have to be envelopes, or an envelope before. */
  refused: number;
  /** Envelopes that came twice, or too late to know. */
  duplicates: number;
  /** What was told to {@link LinkHandler.lost}. */
  lost: number;
}

export interface DatagramReaderOptions {
  readonly payloadBytesMax: number;
  /** Monotonic, in ms. */
  readonly now: () => number;
  /** The one type that is still taken outside of envelopes; 0 none. */
  readonly plainType: number;
  /** Takes one message. @returns whether to go on */
  readonly onMessage: (buffer: MessageBuffer, offset: number, byteLength: number) => boolean;
  readonly onLost: (loss: LinkLoss) => void;
}

/** Turns the datagrams of one sender into messages, and says what did not come. It has no timer: see {@link DatagramReader.dueMs}. */
export class DatagramReader {
  readonly counts: DatagramCounts = { datagrams: 0, messages: 0, malformed: 0, refused: 0, duplicates: 0, lost: 0 };
  readonly #options: DatagramReaderOptions;
  readonly #reassembler: Reassembler;
  /** Once envelopes are agreed. */
  #losses: EnvelopeLosses | undefined;
  #window: ReplayWindow | undefined;
  /** The beginning of the last message of the plain type before there were envelopes: that one may come again. */
  #opening: Uint8Array | undefined;

  constructor(options: DatagramReaderOptions, budget?: ReassemblyBudget) {
    this.#options = options;
    const { payloadBytesMax, now } = options;
    const onGivenUp = (source: number, sequence: number, why: string): void => {
      const whose = Number.isNaN(sequence) ? { source } : { source, sequence };
      this.lost({ count: 1, ...whose, why: `a message in pieces: ${why}` });
    };
    this.#reassembler = new Reassembler({ payloadBytesMax, now, onGivenUp }, budget);
  }

  /** How long until {@link DatagramReader.expire} has to be called, in ms; Infinity where nothing is waited for. */
  get dueMs(): number {
    if (this.#losses?.isWaiting === true) return SETTLE_MS;
    const { nextExpiryMs } = this.#reassembler;
    if (nextExpiryMs === Number.POSITIVE_INFINITY) return nextExpiryMs;
    return Math.min(SETTLE_MS, Math.max(0, nextExpiryMs - this.#options.now())); // an envelope may be missed meanwhile
  }

  /** Bytes that are held for messages whose pieces have not all come. */
  get incompleteBytes(): number {
    return this.#reassembler.heldBytes;
  }

  /** From now on only envelopes are taken. */
  beginEnvelopes(): void {
    if (this.#window !== undefined) return;
    this.#window = new ReplayWindow();
    this.#losses = new EnvelopeLosses(this.#window);
  }

  /** The sender is real: what it sends in pieces has memory of its own. */
  confirm(): void {
    this.#reassembler.budget = undefined;
  }

  take(datagram: MessageBuffer): void {
    this.counts.datagrams++;
    const { view } = datagram;
    const byteLength = view.byteLength;
    try {
      if (beginsEnvelope(view, 0, byteLength)) this.#takeEnvelope(datagram, byteLength);
      else if (this.#window === undefined) this.#takeBody(datagram, 0, byteLength);
      else this.#takePlain(datagram, byteLength);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.counts.malformed++;
      // Under envelopes the counter tells what is missing; this may be anybody's.
      if (this.#window === undefined) this.lost({ count: 1, why: `a malformed datagram: ${error.message}` });
    }
  }

  /** Looks at what did not come in time. */
  expire(): void {
    this.#reassembler.expire();
    const missing = this.#losses?.settle() ?? 0;
    if (missing > 0) this.#tellMissing(missing);
  }

  /** The link ends: what is incomplete is lost. */
  end(): void {
    this.#reassembler.clear();
  }

  lost(loss: LinkLoss): void {
    this.counts.lost += loss.count;
    this.#options.onLost(loss);
  }

  #takeEnvelope(datagram: MessageBuffer, byteLength: number): void {
    const { view } = datagram;
    const window = this.#window;
    const envelopeBytes = checkEnvelope(view, 0, byteLength, byteLength);
    if (envelopeBytes !== byteLength) {
      throw new ProtocolError("SIZE_MISMATCH", `${byteLength} bytes for an envelope of ${envelopeBytes}`);
    }
    if (window === undefined) {
      this.counts.refused++; // before the Welcome; once that is there, its counter is told as missing
      return;
    }
    const counter = envelopeCounterOf(view, 0);
    if (!window.admits(counter)) {
      this.counts.duplicates++;
      return;
    }
    const missing = (this.#losses as EnvelopeLosses).record(counter);
    if (missing > 0) this.#tellMissing(missing);
    try {
      this.#takeBody(datagram, ENVELOPE_HEADER_BYTES, byteLength);
    } catch (error) {
      // Its counter came, so nothing else tells.
      if (error instanceof ProtocolError) this.lost({ count: 1, why: `an envelope's content: ${error.message}` });
      throw error;
    }
  }

  #takeBody(datagram: MessageBuffer, offset: number, end: number): void {
    if (beginsFragment(datagram.view, offset, end - offset)) {
      const whole = this.#reassembler.take(datagram, offset, end - offset);
      if (whole !== undefined) this.#hand(whole, 0, whole.bytes.byteLength);
      return;
    }
    const firstBytes = this.#checkMessages(datagram.view, offset, end);
    const { plainType } = this.#options;
    const mayOpen = this.#window === undefined && plainType !== 0;
    if (mayOpen && openingTypeOf(datagram.view, offset, firstBytes) === plainType) {
      this.#opening = beginningOf(datagram, offset, firstBytes).slice();
    }
    this.#hand(datagram, offset, end);
  }

  /** Outside of an envelope only what opens a session is taken, again: the session answers as it did before. */
  #takePlain(datagram: MessageBuffer, byteLength: number): void {
    const { view } = datagram;
    if (beginsFragment(view, 0, byteLength)) {
      this.counts.refused++;
      return;
    }
    const messageBytes = this.#checkMessages(view, 0, byteLength);
    const isOpening = openingTypeOf(view, 0, messageBytes) === this.#options.plainType;
    if (isOpening && messageBytes === byteLength && this.#isSameOpening(datagram)) this.#hand(datagram, 0, byteLength);
    else this.counts.refused++;
  }

  /** Another one may be anybody's, who would end the session with it. */
  #isSameOpening(message: MessageBuffer): boolean {
    const beginning = beginningOf(message, 0, message.bytes.byteLength);
    this.#opening ??= beginning.slice();
    const known = this.#opening;
    return known.byteLength === beginning.byteLength && known.every((byte, at) => byte === beginning[at]);
  }

  /** A datagram is taken whole or not at all. @returns the size of the first message */
  #checkMessages(view: DataView, offset: number, end: number): number {
    const { payloadBytesMax } = this.#options;
    const firstBytes = checkHeader(view, offset, end - offset, payloadBytesMax);
    let at = offset + firstBytes;
    while (at < end) at += checkHeader(view, at, end - at, payloadBytesMax);
    if (at !== end) throw new ProtocolError("TRUNCATED", "its last message is cut off", end - offset);
    return firstBytes;
  }

  /** Hands on messages whose headers were checked. */
  #hand(buffer: MessageBuffer, offset: number, end: number): void {
    const { onMessage, payloadBytesMax } = this.#options;
    for (let at = offset; at < end; ) {
      const messageBytes = checkHeader(buffer.view, at, end - at, payloadBytesMax);
      this.counts.messages++;
      if (!onMessage(buffer, at, messageBytes)) return;
      at += messageBytes;
    }
  }

  #tellMissing(count: number): void {
    this.lost({ count, why: "datagrams did not come: their envelopes' counters are missing" });
  }
}

/** The first bytes of a message's payload: its header differs where it is sent again. */
function beginningOf({ bytes }: MessageBuffer, offset: number, messageBytes: number): Uint8Array {
  const begin = offset + HEADER_BYTES;
  return bytes.subarray(begin, Math.min(offset + messageBytes, begin + OPENING_BYTES_MAX));
}

/** Which of Hello and Welcome a message is; 0 where it is neither. */
export function openingTypeOf(view: DataView, offset: number, messageBytes: number): number {
  if (view.getUint8(offset + DOMAIN_OFFSET) !== RelayDomain.System) return 0;
  const type = firstTypeOf(view, offset, messageBytes);
  return type === HELLO_TYPE || type === WELCOME_TYPE ? type : 0;
}
