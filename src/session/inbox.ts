import { AlphaPulseError, ProtocolError } from "../protocol/errors.js";
import type { MessageBuffer } from "../protocol/message-buffer.js";
import type { MessageView } from "../protocol/message-view.js";
import { SequenceTracker } from "../protocol/sequence-tracker.js";
import { GapReason } from "../tlvs/codes.js";
import type { LinkLoss } from "../transports/transport.js";
import type { Dispatcher, GapNotice } from "./subscription.js";

/** What an {@link Inbox} is told once. */
export interface InboxOptions {
  readonly beforeMessage: ((timestampUs: number) => void) | undefined;
  /** A handler threw, or a loss had no handler. */
  readonly failed: (error: AlphaPulseError) => void;
}

const OPEN_GAPS_MAX = 64;

/** The receiving side of a connection: knows what of each source has come, and hands over what is new. */
export class Inbox {
  /** Data messages that were handed over. */
  received = 0;
  /** Those that had come before, and were dropped. */
  duplicates = 0;
  /** Messages that break the protocol. */
  malformed = 0;
  /** Messages that will not come, where their number is known. */
  lost = 0;
  #mayRepeat = false;
  /** What of each source has come. */
  readonly tracker = new SequenceTracker({ openGapsMax: 0 });
  readonly #options: InboxOptions;
  readonly #dispatchers: Dispatcher[] = [];
  #isLossy = false;

  constructor(options: InboxOptions) {
    this.#options = options;
  }

  /** Whether the links that are used now lose and reorder messages: what is missing is lost, or comes late. */
  set isLossy(isLossy: boolean) {
    this.#isLossy = isLossy;
    this.#keepOpen();
  }

  /** From when a second link is used, messages may come twice. */
  expectRepeats(): void {
    this.#mayRepeat = true;
    this.#keepOpen();
  }

  /** Those who are handed messages, in the order of their subscriptions. */
  get dispatchers(): readonly Dispatcher[] {
    return this.#dispatchers;
  }

  add(dispatcher: Dispatcher): void {
    this.#dispatchers.push(dispatcher);
  }

  remove(dispatcher: Dispatcher): void {
    this.#dispatchers.splice(this.#dispatchers.indexOf(dispatcher), 1);
  }

  /** Hands a checked message over, where it has not come before. */
  take(view: MessageView, buffer: MessageBuffer, offset: number, byteLength: number): void {
    const { tracker } = this;
    const verdict = tracker.take(view.source, view.sequence, view.timestampUs);
    if (verdict === "duplicate" && (this.#mayRepeat || this.#isLossy)) {
      this.duplicates++;
      return;
    }
    if (tracker.gapFrom > 0 && this.#isLossy && this.#isWhole()) {
      const { gapFrom: from, gapTo: to } = tracker;
      this.lost += to - from + 1;
      this.#tell({ source: view.source, from, to, reason: GapReason.LostInTransport });
    }
    this.#hand(view, buffer, offset, byteLength);
  }

  /**
   * A Gap message came. What of it has come over another link is no loss.
   * @param isAnswer whether it answers a request: such a one comes behind what could be sent again
   */
  gap(notice: GapNotice, isAnswer: boolean): void {
    const { source, from, to, reason } = notice;
    const mayCome = reason === GapReason.LostInTransport;
    const isTold = this.#mayRepeat || (mayCome && this.#isLossy && this.#isWhole());
    if (!isAnswer && isTold && to > 0 && to <= this.tracker.lastOf(source)) return;
    this.lost += to - from + 1;
    // What did not reach the relay may do so yet.
    if (mayCome) this.tracker.miss(source, from, to);
    else if (to > 0) this.tracker.giveUp(source, from, to);
    this.#tell(notice);
  }

  /** What of a source may be missing, nobody can say. */
  reset(source: number): void {
    this.#tell({ source, from: 0, to: 0, reason: GapReason.NoLongerRetained });
  }

  /** A message was dropped because it breaks the protocol: whose it was cannot be trusted. */
  drop(): void {
    this.malformed++;
    this.#tell({ source: 0, from: 0, to: 0, reason: GapReason.LostInTransport });
  }

  /** The link lost messages. Where all of a source's messages should come, the next one tells which they were. */
  lostOnLink({ count, source = 0, sequence = 0 }: LinkLoss): void {
    if (!this.#isWhole()) this.lost += count;
    this.#tell({ source, from: sequence, to: sequence, reason: GapReason.LostInTransport });
  }

  /** On one lossless link, what is missing was filtered: it does not come late, and is not worth remembering. */
  #keepOpen(): void {
    this.tracker.openGapsMax = this.#isLossy || this.#mayRepeat ? OPEN_GAPS_MAX : 0;
  }

  /** Whether every message of each source should come, so that a missing sequence is a lost message. */
  #isWhole(): boolean {
    return this.#dispatchers.some(({ isUnfiltered }) => isUnfiltered);
  }

  #hand(view: MessageView, buffer: MessageBuffer, offset: number, byteLength: number): void {
    let label: string | undefined;
    try {
      this.received++;
      this.#options.beforeMessage?.(view.timestampUs);
      for (const dispatcher of this.#dispatchers) {
        label = dispatcher.label;
        dispatcher.message(view, buffer, offset, byteLength);
      }
    } catch (error) {
      // A value that cannot be decoded is its sender's fault, and not a reason to end the session.
      if (isValueFault(error)) this.drop();
      else this.#options.failed(handlerError(error, label));
    }
  }

  #tell(gap: GapNotice): void {
    let label: string | undefined;
    try {
      for (const dispatcher of this.#dispatchers) {
        label = dispatcher.label;
        dispatcher.gap(gap);
      }
    } catch (error) {
      this.#options.failed(handlerError(error, label));
    }
  }
}

/** An error of a handler, with what it is called. */
export function handlerError(error: unknown, label: string | undefined): AlphaPulseError {
  const where = label === undefined ? "" : `${label}: `;
  if (error instanceof AlphaPulseError) {
    return where === "" ? error : new AlphaPulseError(error.code, where + error.message, { cause: error });
  }
  const said = error instanceof Error ? error.message : String(error);
  return new AlphaPulseError("HANDLER_FAILED", `${where}a handler threw: ${said}`, { cause: error });
}

function isValueFault(error: unknown): error is ProtocolError {
  return error instanceof ProtocolError && (error.code === "BAD_LENGTH" || error.code === "BAD_TEXT");
}
