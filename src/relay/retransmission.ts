import { SOURCE_OFFSET, sequenceOf, timestampUsOf } from "../protocol/header.js";
import { incarnationOf, type MissingRun, type SequenceTracker, without } from "../protocol/sequence-tracker.js";
import { ControlOpcode, GapReason } from "../tlvs/codes.js";
import { ControlTLV, GapTLV, type RetransmitRequestTLV } from "../tlvs/session-control.js";
import type { ControlLine } from "./control-line.js";
import { bytesBetween, RELAY_ORIGIN, type RelayLog } from "./log.js";

/** Messages that one request is sent at most, from the oldest on (docs/protocol.md, "Sessions on a connection"). */
const MESSAGES_MAX = 65_536;
/** Sources that one session may ask for at a time. */
const REQUESTS_MAX = 4_096;
/** Records looked at, and messages and answers sent, before the others have their turn. */
const TURN_RECORDS = 2_048;
const TURN_MESSAGES = 512;

/** What became of a message that was to be sent again. */
export type Resent = "sent" | "notWanted" | "full" | "ended" | "impossible";

/** What of a relay, and of the session that asks, a retransmission is made from. */
export interface RetransmissionHost {
  readonly log: RelayLog;
  readonly tracker: SequenceTracker;
  readonly controls: ControlLine;
  /** Sends the message of a record to the session, where it is one that it wants, and may; else it is impossible. */
  resend(position: number, offset: number, byteLength: number, maySend: boolean): Resent;
}

interface Request {
  readonly requestId: number;
  readonly source: number;
  readonly from: number;
  to: number;
  /** Messages of the same numbers with an earlier stamp are of an earlier life of the source. */
  afterUs: number;
  /** The first one that was not met yet. */
  next: number;
  /** Those below it that were not met. */
  holes: MissingRun[];
  /** How many messages it may still be sent. */
  left: number;
  /** Whether it may not be sent one that was wanted: the rest is a gap. */
  isCut: boolean;
  /** Why it is not granted. That takes its turn, too: thousands may not be. */
  refusal: string | undefined;
}

/** Where a turn of a retransmission ended. */
export type RetransmissionTurn = "more" | "full" | "done";

/**
 * Sends one session again what it asks for, out of the log. All requests that are open are served by one walk through the
 * log, so that each source comes in the order in which it came first; live messages wait meanwhile. A walk is cut into
 * turns, and what the log drops in between is answered as no longer retained.
 */
export class Retransmission {
  readonly #host: RetransmissionHost;
  /** Asked, by source; served by the next walk. */
  #waiting = new Map<number, Request>();
  /** Served by the present walk. */
  #served = new Map<number, Request>();
  /** Gaps that the walk found and that are still to be told. */
  readonly #answers: GapTLV[] = [];
  #hasStarted = false;
  /** Up to here live messages go first: what is asked for lies before it. */
  #dueAt = 0;
  #isDue = false;
  #position = 0;
  #end = 0;
  #isWalking = false;
  #isServing = false;

  constructor(host: RetransmissionHost) {
    this.#host = host;
  }

  /** Whether requests wait for their answer. */
  get isOpen(): boolean {
    return this.#waiting.size > 0 || this.#served.size > 0 || this.#answers.length > 0;
  }

  /** Whether it goes before live messages now. @param cursor where the session is in the log */
  isDue(cursor: number): boolean {
    if (this.#served.size > 0 || this.#answers.length > 0) return true;
    if (this.#waiting.size === 0 || !this.#hasStarted) return false;
    if (bytesBetween(this.#dueAt, cursor) >= 0) this.#isDue = true;
    return this.#isDue;
  }

  /** Takes a request, or rejects it. It waits for the first subscription. */
  ask(request: RetransmitRequestTLV): void {
    const { requestId, source } = request;
    const from = Number(request.fromSequence);
    const to = Number(request.toSequence);
    const wrong = this.#whyNot(source, from, to);
    if (wrong !== undefined) return this.#reject(requestId, wrong);
    const known = { requestId, source, from, to, afterUs: -1, next: from };
    const asked = { ...known, holes: [], left: MESSAGES_MAX, isCut: false, refusal: undefined };
    this.#waiting.set(source, asked);
    if (this.#hasStarted) this.#clamp(asked);
  }

  /** The session has subscribed: what it asked for before can be served. */
  start(): void {
    if (this.#hasStarted) return;
    this.#hasStarted = true;
    for (const request of [...this.#waiting.values()]) this.#clamp(request);
  }

  /** The log is about to drop the record at this position. */
  drop(position: number): void {
    if (this.#waiting.size > 0 && bytesBetween(this.#dueAt, position) >= 0) this.#isDue = true;
    if (!this.#isWalking || bytesBetween(this.#position, position) < 0) return;
    this.#position = this.#host.log.after(position);
    if (bytesBetween(this.#position, this.#end) <= 0) this.#isWalking = false;
  }

  /** Sends what is due, for one turn. @param cursor where the session is in the log: it has been sent what is before */
  serve(cursor: number): RetransmissionTurn {
    if (this.#isServing) return "done"; // asked for by a handler that this very turn calls
    this.#isServing = true;
    try {
      if (this.#served.size === 0 && this.#answers.length === 0) this.#begin(cursor);
      const walked = this.#isWalking ? this.#walk() : "done";
      return walked === "done" ? this.#answer() : walked;
    } finally {
      this.#isServing = false;
    }
  }

  #whyNot(source: number, from: number, to: number): string | undefined {
    if (!(from > 0 && from <= to && Number.isSafeInteger(to)))
      return "a retransmission is asked for from 1 on, in order";
    if (incarnationOf(from) !== incarnationOf(to)) return "a retransmission stays within one incarnation";
    if (this.#waiting.has(source) || this.#served.has(source)) {
      return `a retransmission of source ${source} is under way: one at a time`;
    }
    if (this.#waiting.size >= REQUESTS_MAX) return `a session asks for at most ${REQUESTS_MAX} sources at a time`;
    return undefined;
  }

  /** Holds a request against what the relay has taken by now: all of that lies before the tail. */
  #clamp(request: Request): void {
    const { log, tracker } = this.#host;
    const { source, from } = request;
    const newest = tracker.lastOf(source);
    this.#dueAt = log.tail;
    this.#isDue = false;
    if (newest === 0 || incarnationOf(newest) !== incarnationOf(from)) {
      const known = newest === 0 ? "has sent nothing yet" : "has started anew";
      request.refusal = `source ${source} ${known}: there is nothing of it to send again`;
      request.to = from - 1;
      return;
    }
    request.to = Math.max(from - 1, Math.min(request.to, newest));
    if (incarnationOf(newest) === 0) request.afterUs = tracker.endedUsOf(source);
  }

  #begin(cursor: number): void {
    this.#served = this.#waiting;
    this.#waiting = new Map();
    this.#isDue = false;
    this.#position = this.#host.log.head;
    this.#end = cursor;
    this.#isWalking = true;
  }

  #walk(): RetransmissionTurn {
    const { log, resend } = this.#host;
    let sent = 0;
    for (let count = 0; count < TURN_RECORDS && sent < TURN_MESSAGES; count++) {
      if (!this.#isWalking || bytesBetween(this.#position, this.#end) <= 0) {
        this.#isWalking = false;
        return "done";
      }
      const before = log.settle(this.#position);
      this.#position = log.after(before);
      const offset = log.offsetAt(before);
      const request = log.originAt(before) === RELAY_ORIGIN ? undefined : this.#requestFor(offset);
      if (request === undefined) continue;
      const sequence = sequenceOf(log.buffer.view, offset);
      const result = resend(before, offset, log.lengthAt(before), request.left > 0);
      if (result === "full") {
        this.#position = before;
        return "full";
      }
      if (result === "ended") return "full";
      if (result !== "impossible") meet(request, sequence);
      else if (request.left === 0) request.isCut = true;
      if (result !== "sent") continue;
      sent++;
      request.left--;
    }
    return "more";
  }

  /** Whose the message is, where one that is asked for. */
  #requestFor(offset: number): Request | undefined {
    const { view } = this.#host.log.buffer;
    const request = this.#served.get(view.getUint16(offset + SOURCE_OFFSET, true));
    if (request === undefined || request.isCut) return undefined;
    const sequence = sequenceOf(view, offset);
    if (!(sequence >= request.from && sequence <= request.to)) return undefined;
    return request.afterUs >= 0 && timestampUsOf(view, offset) <= request.afterUs ? undefined : request;
  }

  /** Tells what is no longer retained, and that this was all; or what is not granted. */
  #answer(): RetransmissionTurn {
    for (let count = 0; count < TURN_MESSAGES; count++) {
      if (this.#answers.length === 0) {
        const request = this.#served.values().next().value;
        if (request === undefined) return "done";
        this.#served.delete(request.source);
        if (request.refusal === undefined) this.#answers.push(...answersTo(request).reverse());
        else if (this.#host.controls.say(ControlTLV, rejectOf(request.requestId, request.refusal))) continue;
        else return "full";
      }
      if (!this.#host.controls.say(GapTLV, this.#answers.pop() as GapTLV)) return "full";
    }
    return "more";
  }

  #reject(requestId: number, why: string): void {
    this.#host.controls.sayAhead(ControlTLV, rejectOf(requestId, why));
  }
}

function rejectOf(requestId: number, why: string): ControlTLV {
  return { opcode: ControlOpcode.Reject, requestId, body: new TextEncoder().encode(why) };
}

/** Notes that one of the messages asked for was there. */
function meet(request: Request, sequence: number): void {
  if (sequence >= request.next) {
    if (sequence > request.next) request.holes.push({ from: request.next, to: sequence - 1 });
    request.next = sequence + 1;
  } else {
    const { holes } = request;
    const at = holes.findLastIndex(({ from }) => from <= sequence);
    const run = holes[at];
    if (run !== undefined) holes.splice(at, 1, ...without(run, sequence, sequence));
  }
}

function answersTo({ requestId, source, from, to, next, holes }: Request): GapTLV[] {
  const missing = next <= to ? [...holes, { from: next, to }] : holes;
  const gap = (first: number, last: number, reason: number): GapTLV => ({
    fromSequence: BigInt(first),
    toSequence: BigInt(last),
    requestId,
    source,
    reason,
  });
  return [
    ...missing.map((run) => gap(run.from, run.to, GapReason.NoLongerRetained)),
    gap(from, to, GapReason.Complete),
  ];
}
