import { AlphaPulseError } from "../protocol/errors.js";
import { SOURCE_OFFSET, sequenceOf } from "../protocol/header.js";
import type { MessageBuffer } from "../protocol/message-buffer.js";
import type { SequenceTracker } from "../protocol/sequence-tracker.js";
import { ControlOpcode, GapReason, GoodbyeCode } from "../tlvs/codes.js";
import { ControlTLV, GapTLV, GoodbyeTLV } from "../tlvs/session-control.js";
import type { Link } from "../transports/transport.js";
import type { Grant } from "./access-tokens.js";
import { ControlLine, type ControlStamp } from "./control-line.js";
import { bytesBetween, RELAY_ORIGIN, type RelayLog } from "./log.js";
import { Losses } from "./losses.js";
import { gapOf, noticedFrom, noticedSource, noticedTo } from "./notices.js";
import { type Resent, Retransmission } from "./retransmission.js";
import { Subscriptions } from "./subscriptions.js";

/** What a member is to the relay: a link says so by what it sends first. */
export type Standing =
  /** It has sent nothing yet. */
  | "new"
  /** It sends and is sent nothing back. */
  | "producer"
  /** It connected and only reads: it gets everything. */
  | "reader"
  /** It said Hello. */
  | "session";

/** The Hello and the Welcome of a session over datagrams: the same Hello again is answered by the same Welcome. */
export interface Opening {
  readonly hello: Uint8Array;
  readonly welcome: MessageBuffer;
  readonly sessionId: bigint;
}

/** Messages that one member gets before the next one has its turn. */
const TURN_MESSAGES = 512;

/** What a member needs of its relay. */
export interface MemberHost {
  readonly log: RelayLog;
  readonly tracker: SequenceTracker;
  readonly stamp: ControlStamp;
  /** The member was told to go: nothing more is taken from it. */
  parted(member: Member): void;
  /** The member lost messages and is being told. */
  lost(member: Member, source: number, from: number, to: number): void;
}

/** What a member still has to do after its turn: nothing now, more at once, or more once the event loop had its turn. */
export type Rest = "nothing" | "more" | "later";

/** One link of a relay: its standing, what it wants, its position in the log. */
export class Member {
  readonly id: number;
  readonly link: Link;
  /** What it calls itself in its Hello. */
  name = "";
  standing: Standing = "new";
  /** What its token allows; undefined where the relay asks for none. */
  grant: Grant | undefined;
  /** Data messages that it sent and that were taken. */
  received = 0;
  /** Data messages that it was sent. */
  sent = 0;
  /** Of those, the ones that it asked for again. */
  retransmitted = 0;
  /** Whether it is one of the relay's members, and not before their door or gone. */
  isAdmitted = false;
  /** Whether something has come from it since this was last reset. */
  hasSpoken = false;
  /** How its session over datagrams was opened. */
  opening: Opening | undefined;
  /** Whether what is sent to it goes where it says that it is: over datagrams, once it has shown so. */
  isReachable: boolean;
  /** Why the relay ended its link. */
  fate: AlphaPulseError | undefined;
  /** Whether it said Goodbye over a link that does not tell of its end. */
  hasParted = false;
  /** Wrong checksums in a row. */
  wrongChecksums = 0;
  readonly losses = new Losses();
  readonly sources = new Set<number>();
  readonly subscriptions = new Subscriptions();
  readonly retransmission: Retransmission;
  readonly controls: ControlLine;
  /** Causes of refusal that it was told. */
  readonly toldRefusals = new Set<string>();
  /** The next record it gets. */
  #cursor: number;
  readonly #host: MemberHost;
  #full = false;
  #leaving = false;

  constructor(id: number, link: Link, host: MemberHost) {
    this.id = id;
    this.link = link;
    this.#host = host;
    this.#cursor = host.log.tail;
    this.isReachable = link.datagrams === undefined;
    this.controls = new ControlLine(link, host.stamp, (waiting) => this.end(this.#readsNoAnswers(waiting)));
    this.retransmission = new Retransmission({
      log: host.log,
      tracker: host.tracker,
      controls: this.controls,
      resend: (position, offset, byteLength, maySend) => this.#resend(position, offset, byteLength, maySend),
    });
  }

  /** How it is called in reports. */
  get title(): string {
    return this.name === "" ? this.link.peer : this.name;
  }

  /** Whether it is to get messages. */
  get isSubscribed(): boolean {
    return !this.hasParted && (this.standing === "reader" || !this.subscriptions.isEmpty);
  }

  /** Whether it has been told to go. */
  get isLeaving(): boolean {
    return this.#leaving;
  }

  /** Whether messages wait for it. A link that has not said what it is keeps its place, in case it only reads. */
  get isBehind(): boolean {
    if (!this.isReachable) return false;
    if (!this.isSubscribed) return this.standing === "new" && this.#cursor !== this.#host.log.tail;
    return this.#cursor !== this.#host.log.tail || this.retransmission.isOpen || this.controls.isWaiting;
  }

  /** Bytes of the log that wait for it. */
  get lagBytes(): number {
    return this.isSubscribed && this.isReachable ? bytesBetween(this.#cursor, this.#host.log.tail) : 0;
  }

  /** It sends data without a session: it is sent nothing back, even if it was quiet long enough to seem a reader. */
  becomeProducer(): void {
    if (this.standing !== "session") this.standing = "producer";
  }

  /** It only reads: it gets everything from when it connected. */
  becomeReader(): void {
    this.standing = "reader";
  }

  /** It said Hello: it gets nothing until it subscribes. */
  becomeSession(name: string): void {
    this.standing = "session";
    this.name = name;
    this.losses.take(GapReason.SlowConsumer);
  }

  /** It is about to subscribe: where it did not before, it gets what comes from now on. */
  skipToNow(): void {
    if (!this.isSubscribed) this.#cursor = this.#host.log.tail;
  }

  /** The record at its position is about to be dropped: notes the loss and steps over it. */
  drop(position: number): void {
    const { log } = this.#host;
    this.retransmission.drop(position);
    if ((!this.isSubscribed && this.standing !== "new") || bytesBetween(this.#cursor, position) < 0) return;
    this.#noteLoss(position);
    this.#cursor = log.after(position);
  }

  /** Sends what waits, for one turn. */
  deliver(): Rest {
    if (this.#full || this.#leaving || !this.isSubscribed || !this.isReachable) return "nothing";
    if (!this.tellLosses()) return "nothing";
    if (this.retransmission.isDue(this.#cursor)) return this.#retransmit();
    const { log } = this.#host;
    for (let count = 0; count < TURN_MESSAGES; count++) {
      this.#cursor = log.settle(this.#cursor);
      if (this.#cursor === log.tail) return this.retransmission.isDue(this.#cursor) ? "more" : "nothing";
      const offset = log.offsetAt(this.#cursor);
      const byteLength = log.lengthAt(this.#cursor);
      // Moved before sending: within one thread the reader runs now, and may fill the log.
      const before = this.#cursor;
      this.#cursor = log.after(before);
      const origin = log.originAt(before);
      if (origin === this.id || !this.#wants(origin, offset, byteLength)) continue;
      const result = this.link.send(log.buffer, offset, byteLength);
      if (result === "backPressured") {
        this.#cursor = before;
        this.#full = true;
        return "nothing";
      }
      if (result === "closed") return "nothing";
      if (result === "sent") {
        if (origin !== RELAY_ORIGIN) this.sent++;
      } else if (!this.#tellTooLarge(offset)) return "nothing";
    }
    return "more";
  }

  /** The relay closes: counts and tells what it will not get any more. */
  abandon(): void {
    const { log } = this.#host;
    this.#cursor = log.settle(this.#cursor);
    while (this.isSubscribed && this.#cursor !== log.tail) {
      this.drop(this.#cursor);
      this.#cursor = log.settle(this.#cursor);
    }
    this.tellLosses();
  }

  /** Its link has room again. */
  ready(): void {
    this.#full = !this.controls.flush();
  }

  /** Says no to a request of the session. */
  reject(requestId: number, why: string): void {
    const body = new TextEncoder().encode(why);
    this.controls.sayAhead(ControlTLV, { opcode: ControlOpcode.Reject, requestId, body });
  }

  /** Says why it has to go, and lets it go once that has left. */
  async goodbye(code: number, reason: string): Promise<void> {
    if (this.#leaving) return;
    this.#leaving = true;
    this.#host.parted(this);
    if (!this.isReachable) return this.link.destroy(); // who knows where that would go
    // The last word of a relay that closes stands behind what it sent; any other must not wait behind it.
    const isInOrder = code === GoodbyeCode.ShuttingDown && this.controls.say(GoodbyeTLV, { code, reason });
    if (!isInOrder) this.controls.sayAhead(GoodbyeTLV, { code, reason });
    await this.link.close();
  }

  /** Ends its link at once. */
  end(why: AlphaPulseError): void {
    this.#leaving = true;
    this.fate = why;
    this.link.destroy();
  }

  /** It has shown that it gets what is sent to it: what was held back goes. */
  becomeReachable(): void {
    this.isReachable = true;
    this.link.datagrams?.confirmPeer();
    this.ready();
  }

  /** Tells what was lost, before the next message goes. @returns whether that has left */
  tellLosses(): boolean {
    if (this.losses.isEmpty) return true;
    for (const { source, from, to, reason } of this.losses.take(GapReason.SlowConsumer)) {
      if (this.standing === "session") this.controls.say(GapTLV, gapOf(source, from, to, reason));
      this.#host.lost(this, source, from, to);
    }
    this.#full = this.controls.isWaiting;
    return !this.#full;
  }

  /** Whether it wants the message at this place. */
  #wants(origin: number, offset: number, byteLength: number): boolean {
    const { view } = this.#host.log.buffer;
    // What the relay itself says of a source is for sessions, whatever they subscribed to, but for that source's own.
    if (origin === RELAY_ORIGIN) return this.standing === "session" && !this.sources.has(noticedSource(view, offset));
    return this.standing === "reader" || this.subscriptions.want(view, offset, byteLength);
  }

  #noteLoss(position: number): void {
    const { log } = this.#host;
    const origin = log.originAt(position);
    if (origin === this.id) return;
    const { view } = log.buffer;
    const offset = log.offsetAt(position);
    const mayWantAll = this.standing === "new" && origin !== RELAY_ORIGIN;
    if (!mayWantAll && !this.#wants(origin, offset, log.lengthAt(position))) return;
    if (origin === RELAY_ORIGIN)
      this.losses.extend(noticedSource(view, offset), noticedFrom(view, offset), noticedTo(view, offset));
    else this.losses.add(view.getUint16(offset + SOURCE_OFFSET, true), sequenceOf(view, offset));
  }

  #retransmit(): Rest {
    const turn = this.retransmission.serve(this.#cursor);
    if (turn === "full") this.#full = true;
    // A walk through the log takes a while: the event loop has its turn in between.
    return turn === "full" ? "nothing" : turn === "more" ? "later" : "more";
  }

  #resend(position: number, offset: number, byteLength: number, maySend: boolean): Resent {
    const { log } = this.#host;
    const source = log.buffer.view.getUint16(offset + SOURCE_OFFSET, true);
    const origin = log.originAt(position);
    if (origin === this.id || this.sources.has(source) || !this.#wants(origin, offset, byteLength)) return "notWanted";
    if (!maySend) return "impossible";
    const result = this.link.send(log.buffer, offset, byteLength);
    if (result === "backPressured") return "full";
    if (result === "closed") return "ended";
    if (result !== "sent") return "impossible";
    this.sent++;
    this.retransmitted++;
    return "sent";
  }

  #readsNoAnswers(waiting: number): AlphaPulseError {
    return new AlphaPulseError("SLOW_CONSUMER", `${this.title} reads no answers: ${waiting} wait for it`);
  }

  /** A message that this link can never carry is a loss like any other, told at once: the next one may go. */
  #tellTooLarge(offset: number): boolean {
    const { view } = this.#host.log.buffer;
    this.losses.add(view.getUint16(offset + SOURCE_OFFSET, true), sequenceOf(view, offset));
    return this.tellLosses();
  }
}
