import type { TLVBuilder } from "../protocol/builder.js";
import { SOURCE_OFFSET, sequenceOf } from "../protocol/header.js";
import type { MessageView } from "../protocol/message-view.js";
import type { AnyTLV, InputFor } from "../protocol/schema/tlv.js";
import { ControlOpcode, GapReason, GoodbyeCode } from "../tlvs/codes.js";
import {
  ControlTLV,
  GapTLV,
  GoodbyeTLV,
  HelloTLV,
  PingTLV,
  PongTLV,
  SubscribeTLV,
  WelcomeTLV,
} from "../tlvs/session-control.js";
import type { Link } from "../transports/transport.js";
import { Filter } from "./filter.js";
import { bytesBetween, type RelayLog } from "./log.js";
import { Losses } from "./losses.js";

/** What a member is to the relay: a link says so by what it sends first. */
type Standing =
  /** It has sent nothing yet. */
  | "new"
  /** It sends and is sent nothing back. */
  | "producer"
  /** It connected and only reads: it gets everything. */
  | "reader"
  /** It said Hello. */
  | "session";

const SUBSCRIPTIONS_MAX = 64;
/** Control messages that may wait for a link with no room: more, and the member is let go. */
const CONTROLS_MAX = 1_024;
/** Messages that one member gets before the next one has its turn. */
const TURN_MESSAGES = 512;

/** What a member needs of its relay. */
export interface MemberHost {
  readonly log: RelayLog;
  /** Builds control messages, stamped by the relay. */
  readonly builder: TLVBuilder;
  nowUs(): number;
  /** The member lost messages and is being told. */
  lost(member: Member, source: number, from: number, to: number): void;
}

/** One link of a relay: its session, its subscriptions, its position in the log. */
export class Member {
  readonly id: number;
  readonly link: Link;
  /** What it calls itself in its Hello. */
  name = "";
  standing: Standing = "new";
  /** Data messages that it sent and that were taken. */
  received = 0;
  /** Data messages that it was sent. */
  sent = 0;
  readonly losses = new Losses();
  readonly sources = new Set<number>();
  /** Causes of refusal that it was told. */
  readonly toldRefusals = new Set<string>();
  /** The next record it gets. */
  cursor: number;
  readonly #host: MemberHost;
  readonly #filtersById = new Map<number, Filter>();
  /** The same, to go through. */
  #filters: readonly Filter[] = [];
  readonly #controls: (() => boolean)[] = [];
  #wantsAll = false;
  #full = false;
  #leaving = false;

  constructor(id: number, link: Link, host: MemberHost) {
    this.id = id;
    this.link = link;
    this.#host = host;
    this.cursor = host.log.tail;
  }

  /** Whether it is to get messages. */
  get isSubscribed(): boolean {
    return this.standing === "reader" || this.#filters.length > 0;
  }

  /** Whether messages wait for it. A link that has not said what it is keeps its place, in case it only reads. */
  get isBehind(): boolean {
    return (this.isSubscribed || this.standing === "new") && this.cursor !== this.#host.log.tail;
  }

  /** Bytes of the log that wait for it. */
  get lagBytes(): number {
    return this.isSubscribed ? bytesBetween(this.cursor, this.#host.log.tail) : 0;
  }

  /** It sends data without a session: it is sent nothing back, even if it was quiet long enough to seem a reader. */
  becomeProducer(): void {
    if (this.standing === "session") return;
    this.standing = "producer";
    this.#wantsAll = false;
  }

  /** It only reads: it gets everything from when it connected. */
  becomeReader(): void {
    this.standing = "reader";
    this.#wantsAll = true;
  }

  /** Whether it wants the message at this place. */
  #wants(offset: number, byteLength: number): boolean {
    if (this.#wantsAll) return true;
    const { view } = this.#host.log.buffer;
    const filters = this.#filters;
    for (let i = 0; i < filters.length; i++) {
      if ((filters[i] as Filter).matches(view, offset, byteLength)) return true;
    }
    return false;
  }

  /** The record at its position is about to be dropped: notes the loss and steps over it. */
  drop(position: number): void {
    const { log } = this.#host;
    if ((!this.isSubscribed && this.standing !== "new") || bytesBetween(this.cursor, position) < 0) return;
    const offset = log.offsetAt(position);
    const isOwn = log.originAt(position) === this.id;
    if (!isOwn && (this.standing === "new" || this.#wants(offset, log.lengthAt(position)))) {
      const { view } = log.buffer;
      this.losses.add(view.getUint16(offset + SOURCE_OFFSET, true), sequenceOf(view, offset));
    }
    this.cursor = log.after(position);
  }

  /**
   * Sends what waits, for one turn.
   * @returns whether more waits and could go now
   */
  deliver(): boolean {
    if (this.#full || this.#leaving || !this.isSubscribed) return false;
    if (!this.#tellLosses()) return false;
    const { log } = this.#host;
    for (let count = 0; count < TURN_MESSAGES; count++) {
      this.cursor = log.settle(this.cursor);
      if (this.cursor === log.tail) return false;
      const offset = log.offsetAt(this.cursor);
      const byteLength = log.lengthAt(this.cursor);
      const next = log.after(this.cursor);
      if (log.originAt(this.cursor) !== this.id && this.#wants(offset, byteLength)) {
        // Moved before sending: within one thread the reader runs now, and may fill the log.
        const before = this.cursor;
        this.cursor = next;
        const result = this.link.send(log.buffer, offset, byteLength);
        if (result === "backPressured") {
          this.cursor = before;
          this.#full = true;
          return false;
        }
        if (result === "closed") return false;
        if (result === "sent") this.sent++;
        else if (!this.#tellTooLarge(offset)) return false;
      } else {
        this.cursor = next;
      }
    }
    return true;
  }

  /** The relay closes: counts and tells what it will not get any more. */
  abandon(): void {
    const { log } = this.#host;
    this.cursor = log.settle(this.cursor);
    while (this.isSubscribed && this.isBehind) {
      this.drop(this.cursor);
      this.cursor = log.settle(this.cursor);
    }
    this.#tellLosses();
  }

  /** Its link has room again. */
  ready(): void {
    this.#full = false;
    while (this.#controls.length > 0) {
      if (!(this.#controls[0] as () => boolean)()) {
        this.#full = true;
        return;
      }
      this.#controls.shift();
    }
  }

  /** Handles a control message. @returns why it cannot be, where it breaks the protocol */
  control(message: MessageView, type: number): string | undefined {
    if (type === HelloTLV.type) return this.#hello(message);
    if (type === PingTLV.type) {
      const ping = message.get(PingTLV);
      if (ping !== undefined) this.say(PongTLV, ping);
      return undefined;
    }
    if (type === GoodbyeTLV.type || type === PongTLV.type) return undefined;
    if (this.standing !== "session") return `control type ${type} without a Hello before it`;
    if (type === SubscribeTLV.type) this.#subscribe(message);
    else this.reject(0, `control type ${type} is not known to this relay`);
    return undefined;
  }

  /** Says no to a request of the session. */
  reject(requestId: number, why: string): void {
    this.say(ControlTLV, { opcode: ControlOpcode.Reject, requestId, body: new TextEncoder().encode(why) });
  }

  /** Sends a control message, ahead of what waits in the log. */
  say<T extends AnyTLV>(tlv: T, value: InputFor<T>): boolean {
    const { builder } = this.#host;
    const trySend = (): boolean => {
      builder.reset();
      const byteLength = builder.add(tlv, value).seal(0, this.#host.nowUs());
      return this.link.send(builder.buffer, 0, byteLength) !== "backPressured";
    };
    if (this.#controls.length === 0 && trySend()) return true;
    if (this.#controls.length >= CONTROLS_MAX) {
      this.link.destroy();
      return false;
    }
    this.#controls.push(trySend);
    return false;
  }

  /** Says why it has to go, and lets it go once that has left. */
  async goodbye(code: number, reason: string): Promise<void> {
    if (this.#leaving) return;
    this.#leaving = true;
    this.say(GoodbyeTLV, { code, reason });
    await this.link.close();
  }

  #hello(message: MessageView): string | undefined {
    if (this.standing !== "new" && this.standing !== "reader") return "a second Hello, or one after data";
    const hello = message.get(HelloTLV);
    if (hello === undefined) return "a Hello that cannot be read";
    if (hello.protocolVersion < 1) return `protocol version ${hello.protocolVersion}`;
    const plainOffered = (hello.compressionMask & 1) === 1 || hello.compressionMask === 0;
    const clearOffered = (hello.cipherMask & 1) === 1 || hello.cipherMask === 0;
    if (!plainOffered || !clearOffered) {
      void this.goodbye(GoodbyeCode.NothingInCommon, "this relay speaks without compression and without cipher");
      return undefined;
    }
    this.standing = "session";
    this.#wantsAll = false;
    this.losses.take(GapReason.SlowConsumer);
    this.name = hello.name;
    const random = crypto.getRandomValues(new BigUint64Array(3));
    this.say(WelcomeTLV, {
      sessionId: random[0] as bigint,
      protocolVersion: 1,
      compression: 0,
      cipher: 0,
      keyId: hello.keyId,
      sessionNonce: new Uint8Array(random.buffer, 8),
    });
    return undefined;
  }

  #subscribe(message: MessageView): void {
    const wanted = message.get(SubscribeTLV);
    if (wanted === undefined) return;
    const { subscriptionId, types, instruments, flags } = wanted;
    if (!this.#filtersById.has(subscriptionId) && this.#filtersById.size >= SUBSCRIPTIONS_MAX) {
      this.reject(subscriptionId, `a session has at most ${SUBSCRIPTIONS_MAX} subscriptions`);
      return;
    }
    if (flags !== 0) {
      this.reject(subscriptionId, "this relay does not conflate: subscribe without flags");
      return;
    }
    if (!this.isSubscribed) this.cursor = this.#host.log.tail;
    const filter = new Filter(
      types.map(({ type }) => type),
      instruments.map(({ instrument }) => instrument),
    );
    this.#filtersById.set(subscriptionId, filter);
    this.#filters = [...this.#filtersById.values()];
    this.#wantsAll = this.#filters.some(({ isOpen }) => isOpen);
    this.say(ControlTLV, { opcode: ControlOpcode.SubscribeAck, requestId: subscriptionId, body: new Uint8Array(0) });
  }

  /** Tells what was lost, before the next message goes. @returns whether that has left */
  #tellLosses(): boolean {
    if (this.losses.isEmpty) return true;
    for (const { source, from, to, reason } of this.losses.take(GapReason.SlowConsumer)) {
      if (this.standing === "session") {
        this.say(GapTLV, { fromSequence: BigInt(from), toSequence: BigInt(to), requestId: 0, source, reason });
      }
      this.#host.lost(this, source, from, to);
    }
    this.#full = this.#controls.length > 0;
    return !this.#full;
  }

  /** A message that this link can never carry is a loss like any other, told at once: the next one may go. */
  #tellTooLarge(offset: number): boolean {
    const { view } = this.#host.log.buffer;
    this.losses.add(view.getUint16(offset + SOURCE_OFFSET, true), sequenceOf(view, offset));
    return this.#tellLosses();
  }
}
