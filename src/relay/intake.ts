import type { Checksum } from "../protocol/checksum.js";
import { DOMAIN_OFFSET, SOURCE_OFFSET, sequenceOf, timestampUsOf, verifyChecksum } from "../protocol/header.js";
import type { MessageBuffer } from "../protocol/message-buffer.js";
import type { SequenceTracker } from "../protocol/sequence-tracker.js";
import { domainName, RelayDomain } from "../protocol/tables.js";
import { GapReason } from "../tlvs/codes.js";
import { GapTLV } from "../tlvs/session-control.js";
import type { ControlStamp } from "./control-line.js";
import { RELAY_ORIGIN, type RelayLog } from "./log.js";
import type { Member } from "./member.js";
import { gapOf } from "./notices.js";
import type { RefusalCause } from "./reports.js";
import type { SourceBindings } from "./source-bindings.js";

/** What of a relay its intake works with. */
export interface IntakeHost {
  readonly domain: number;
  /** Undefined: nothing is verified. */
  readonly checksum: Checksum | undefined;
  readonly log: RelayLog;
  readonly tracker: SequenceTracker;
  readonly bindings: SourceBindings;
  readonly stamp: ControlStamp;
  refuse(member: Member, source: number, cause: RefusalCause, detail: string): RefusalCause;
  /** A member uses a source that another one holds. */
  contested(source: number, holder: Member, challenger: Member): void;
  /** Messages of a source have not come. */
  missing(source: number, from: number, to: number): void;
}

/** Takes data messages into the log: those that belong here, are whole, may come from their sender, and are new. */
export class Intake {
  received = 0;
  duplicates = 0;
  /** Sequences that have not come, less those that came late. */
  missing = 0;
  readonly #host: IntakeHost;

  constructor(host: IntakeHost) {
    this.#host = host;
  }

  /** @returns why the message was not taken, where it was not; a duplicate counts as taken */
  take(member: Member, buffer: MessageBuffer, offset: number, byteLength: number): RefusalCause | undefined {
    const host = this.#host;
    const { view } = buffer;
    const domain = view.getUint8(offset + DOMAIN_OFFSET);
    const source = view.getUint16(offset + SOURCE_OFFSET, true);
    if (domain !== host.domain && domain !== RelayDomain.System) {
      const detail = `a message of domain ${domainName(domain)} does not belong to this ${domainName(host.domain)} relay`;
      return host.refuse(member, source, "domain", detail);
    }
    if (host.checksum !== undefined && !member.link.isSameMemory) {
      try {
        verifyChecksum(host.checksum, view, offset, byteLength);
      } catch (error) {
        return host.refuse(member, source, "checksum", (error as Error).message);
      }
    }
    if (byteLength > host.log.messageBytesMax) {
      const detail = `${byteLength} bytes pass the log's limit of ${host.log.messageBytesMax}`;
      return host.refuse(member, source, "tooLarge", detail);
    }
    const { grant } = member;
    if (grant !== undefined && !(grant.mayPublish && (grant.sources?.has(source) ?? true))) {
      return host.refuse(member, source, "notAllowed", `its token does not allow to publish as source ${source}`);
    }
    member.becomeProducer();
    const holder = host.bindings.bind(source, member);
    if (holder !== member) {
      host.refuse(member, source, "sourceInUse", `source ${source} is bound to another live connection`);
      host.contested(source, holder, member);
      return "sourceInUse";
    }
    if (!this.#isNew(source, sequenceOf(view, offset), timestampUsOf(view, offset))) return undefined;
    host.log.append(buffer, offset, byteLength, member.id);
    member.received++;
    this.received++;
    return undefined;
  }

  #isNew(source: number, sequence: number, timestampUs: number): boolean {
    const { tracker } = this.#host;
    const verdict = tracker.take(source, sequence, timestampUs);
    if (verdict === "next" || verdict === "first") return true;
    if (verdict === "duplicate") this.duplicates++;
    else if (verdict === "filled") this.missing--;
    else if (tracker.gapFrom > 0) this.#note(source, tracker.gapFrom, tracker.gapTo);
    return verdict !== "duplicate";
  }

  /** Tells subscribers of a loss, where in the log the messages would have been. */
  #note(source: number, from: number, to: number): void {
    const { log, stamp } = this.#host;
    this.missing += to - from + 1;
    stamp.builder.reset();
    const byteLength = stamp.builder
      .add(GapTLV, gapOf(source, from, to, GapReason.LostInTransport))
      .seal(0, stamp.nowUs());
    log.append(stamp.builder.buffer, 0, byteLength, RELAY_ORIGIN);
    this.#host.missing(source, from, to);
  }
}
