import { type Checksum, checksumOf } from "../protocol/checksum.js";
import type { AlphaPulseError } from "../protocol/errors.js";
import { HEADER_BYTES, verifyChecksum } from "../protocol/header.js";
import { type MessageBuffer, messageBuffer } from "../protocol/message-buffer.js";
import { MessageView } from "../protocol/message-view.js";
import { checkTlvs } from "../protocol/walk.js";
import { ControlOpcode, GoodbyeCode } from "../tlvs/codes.js";
import {
  ControlTLV,
  GoodbyeTLV,
  HelloTLV,
  PingTLV,
  PongTLV,
  RetransmitRequestTLV,
  SubscribeTLV,
  UnsubscribeTLV,
  WelcomeTLV,
} from "../tlvs/session-control.js";
import type { ControlStamp } from "./control-line.js";
import { Filter } from "./filter.js";
import type { Member, Opening } from "./member.js";
import type { RefusalCause } from "./reports.js";

/** What of a relay its session control works with. */
export interface SessionControlHost {
  readonly stamp: ControlStamp;
  refuse(member: Member, source: number, cause: RefusalCause, detail: string): RefusalCause;
  /** A member said Goodbye: it sends nothing more, and its sources are free for the link that it goes over to. */
  parted(member: Member): void;
  /** Lets a Hello in, or not: then it has dealt with it. */
  admit(member: Member, hello: HelloTLV): boolean;
}

/** Reads the session control that members send, and answers it (docs/protocol.md, "Sessions on a connection"). */
export class SessionControl {
  readonly #host: SessionControlHost;
  readonly #checksum: Checksum;
  readonly #view = new MessageView();

  /** @param checksum undefined: messages are verified by crc32c all the same */
  constructor(checksum: Checksum | undefined, host: SessionControlHost) {
    this.#host = host;
    this.#checksum = checksum ?? (checksumOf("crc32c") as Checksum);
  }

  /** @returns why the message was not taken, where it was not */
  take(member: Member, buffer: MessageBuffer, offset: number, byteLength: number): RefusalCause | undefined {
    let wrong: string | undefined;
    try {
      if (!member.link.isSameMemory) verifyChecksum(this.#checksum, buffer.view, offset, byteLength);
      checkTlvs(buffer.view, offset, byteLength);
      wrong = this.#handle(member, this.#view.wrap(buffer, offset, byteLength));
    } catch (error) {
      const { code, message } = error as AlphaPulseError;
      return this.#host.refuse(member, 0, code === "CHECKSUM_MISMATCH" ? "checksum" : "malformed", message);
    } finally {
      this.#view.release();
    }
    if (wrong === undefined) return undefined;
    void member.goodbye(GoodbyeCode.ProtocolError, wrong);
    return this.#host.refuse(member, 0, "malformed", wrong);
  }

  /** @returns how it breaks the protocol, where it does */
  #handle(member: Member, message: MessageView): string | undefined {
    const type = message.firstType;
    if (type === HelloTLV.type) return this.#hello(member, message);
    if (type === PingTLV.type) {
      this.#ping(member, message.get(PingTLV) as PingTLV);
      return undefined;
    }
    if (type === GoodbyeTLV.type) this.#host.parted(member);
    if (type === GoodbyeTLV.type || type === PongTLV.type) return undefined;
    if (member.standing !== "session") return `control type ${type} without a Hello before it`;
    if (type === SubscribeTLV.type) this.#subscribe(member, message.get(SubscribeTLV) as SubscribeTLV);
    else if (type === UnsubscribeTLV.type) this.#unsubscribe(member, message.get(UnsubscribeTLV) as UnsubscribeTLV);
    else if (type === RetransmitRequestTLV.type) {
      this.#retransmit(member, message.get(RetransmitRequestTLV) as RetransmitRequestTLV);
    } else if (type === ControlTLV.type) this.#control(member, message.get(ControlTLV) as ControlTLV);
    else member.reject(0, `control type ${type} is not known to this relay`);
    return undefined;
  }

  #hello(member: Member, message: MessageView): string | undefined {
    const { opening } = member;
    if (opening !== undefined && isSame(opening.hello, message)) {
      this.#welcome(member, opening);
      return undefined;
    }
    if (member.standing !== "new" && member.standing !== "reader") return "a second Hello, or one after data";
    const hello = message.get(HelloTLV) as HelloTLV;
    if (!this.#host.admit(member, hello)) return undefined;
    if (hello.protocolVersion < 1) return `protocol version ${hello.protocolVersion}`;
    if (!offersNone(hello.compressionMask) || !offersNone(hello.cipherMask)) {
      void member.goodbye(GoodbyeCode.NothingInCommon, "this relay speaks without compression and without cipher");
      return undefined;
    }
    member.becomeSession(hello.name);
    const fresh = this.#openingFor(hello, message.copy());
    this.#welcome(member, fresh);
    const { datagrams } = member.link;
    if (datagrams === undefined) return undefined;
    datagrams.beginEnvelopes();
    member.opening = fresh;
    return undefined;
  }

  #openingFor({ keyId }: HelloTLV, hello: Uint8Array): Opening {
    const { builder } = this.#host.stamp;
    const random = crypto.getRandomValues(new BigUint64Array(3));
    const sessionId = random[0] as bigint;
    const agreed = { sessionId, protocolVersion: 1, compression: 0, cipher: 0, keyId };
    builder.reset();
    const welcome = builder.add(WelcomeTLV, { ...agreed, sessionNonce: new Uint8Array(random.buffer, 8) }).build();
    return { hello, welcome: messageBuffer(welcome), sessionId };
  }

  #welcome({ link }: Member, { welcome }: Opening): void {
    link.sendAhead(welcome, 0, welcome.bytes.byteLength);
  }

  #ping(member: Member, ping: PingTLV): void {
    if (!member.isReachable && ping.nonce === member.opening?.sessionId) member.becomeReachable();
    member.controls.sayAhead(PongTLV, ping);
  }

  #subscribe(member: Member, { subscriptionId, types, instruments, flags }: SubscribeTLV): void {
    if (member.grant?.maySubscribe === false) {
      return member.reject(subscriptionId, "its token does not allow to subscribe");
    }
    if (flags !== 0) {
      return member.reject(subscriptionId, "this relay does not conflate: subscribe without flags");
    }
    member.skipToNow();
    const filter = new Filter(
      types.map(({ type }) => type),
      instruments.map(({ instrument }) => instrument),
    );
    const wrong = member.subscriptions.add(subscriptionId, filter);
    if (wrong !== undefined) return member.reject(subscriptionId, wrong);
    this.#acknowledge(member, subscriptionId);
    member.retransmission.start();
  }

  #unsubscribe(member: Member, { subscriptionId }: UnsubscribeTLV): void {
    member.tellLosses(); // of what it still wants
    if (member.subscriptions.remove(subscriptionId)) this.#acknowledge(member, subscriptionId);
    else member.reject(subscriptionId, `there is no subscription ${subscriptionId}`);
  }

  #retransmit(member: Member, request: RetransmitRequestTLV): void {
    if (member.grant?.maySubscribe === false) {
      return member.reject(request.requestId, "its token does not allow to subscribe");
    }
    member.retransmission.ask(request);
  }

  #control(member: Member, { opcode, requestId }: ControlTLV): void {
    const what =
      opcode === ControlOpcode.SnapshotRequest
        ? "keeps no snapshots"
        : opcode === ControlOpcode.SchemaRequest
          ? "keeps no schemas"
          : `does not know the request ${opcode}`;
    member.reject(requestId, `this relay ${what}`);
  }

  #acknowledge(member: Member, requestId: number): void {
    member.controls.sayAhead(ControlTLV, { opcode: ControlOpcode.SubscribeAck, requestId, body: new Uint8Array(0) });
  }
}

/** Whether a Hello says the same again: its header may have been stamped anew. */
function isSame(hello: Uint8Array, { buffer, offset, byteLength }: MessageView): boolean {
  if (hello.byteLength !== byteLength) return false;
  for (let at = HEADER_BYTES; at < byteLength; at++) if (hello[at] !== buffer.bytes[offset + at]) return false;
  return true;
}

/** Whether a mask offers to go without: bit 0, or an empty mask. */
function offersNone(mask: number): boolean {
  return (mask & 1) === 1 || mask === 0;
}
