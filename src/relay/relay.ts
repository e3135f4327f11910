import { EventEmitter } from "node:events";
import { TLVBuilder } from "../protocol/builder.js";
import { AlphaPulseError } from "../protocol/errors.js";
import { DOMAIN_OFFSET } from "../protocol/header.js";
import type { MessageBuffer } from "../protocol/message-buffer.js";
import { SequenceTracker } from "../protocol/sequence-tracker.js";
import { RelayDomain, Source } from "../protocol/tables.js";
import { firstTypeOf, isControlType } from "../protocol/walk.js";
import { GoodbyeCode } from "../tlvs/codes.js";
import type { Address, Attachable, Link, Listener } from "../transports/transport.js";
import { Transport } from "../transports/transports.js";
import type { AccessTokens } from "./access-tokens.js";
import { Admission } from "./admission.js";
import { Intake, type IntakeHost } from "./intake.js";
import { Liveness } from "./liveness.js";
import { RelayLog } from "./log.js";
import { Member, type MemberHost } from "./member.js";
import { Membership } from "./membership.js";
import { type RelayOptions, settingsOf } from "./options.js";
import { ProducerHold } from "./producer-hold.js";
import type { RefusalCause, RelayEvents, RelayStats } from "./reports.js";
import { SessionControl } from "./session-control.js";
import { SourceBindings } from "./source-bindings.js";

/** How long a link of datagrams outlives its Goodbye. */
const PARTING_MS = 1_000;
/** A link that sends nothing for this long only reads (docs/protocol.md, "Without a session"). */
const READER_AFTER_MS = 100;
/** This many wrong checksums in a row end a link: the two ends most likely disagree on the kind. */
const WRONG_CHECKSUMS_MAX = 16;

/** How long a relay that closes waits for its subscribers to take what is left. */
const CLOSE_MS_MAX = 5_000;
/** Turns of a relay between two looks at the rest of the event loop. */
const TASKS_PER_TURN = 256;

const CLOSING = "the relay is shutting down";

const RELAY_SOURCES: Readonly<Record<number, number>> = {
  [RelayDomain.MarketData]: Source.MarketDataRelay,
  [RelayDomain.Signal]: Source.SignalRelay,
  [RelayDomain.Execution]: Source.ExecutionRelay,
  [RelayDomain.System]: Source.SystemRelay,
};

/**
 * Takes the messages of one domain from any number of producers and sends each to every subscriber that wants it,
 * byte for byte and in the order of its source. It holds what it sends once, in a bounded log in which every subscriber
 * has its own position, and never parses a payload.
 */
export class Relay extends EventEmitter<RelayEvents> implements Attachable, AsyncDisposable {
  /** The one domain it carries, one of RelayDomain. */
  readonly domain: number;
  readonly #schedule: (task: () => void) => void;
  readonly #scheduleLater: (task: () => void) => void;
  readonly #host: MemberHost;
  readonly #intake: Intake;
  readonly #sessions: SessionControl;
  readonly #admission: Admission | undefined;
  readonly #liveness: Liveness;
  readonly #bindings = new SourceBindings();
  readonly #hold: ProducerHold | undefined;
  readonly #members: Membership;
  readonly #listeners = new Set<Listener>();
  readonly #stopWatchingTokens: (() => void) | undefined;
  readonly #refused: Record<RefusalCause, number> = {
    domain: 0,
    checksum: 0,
    malformed: 0,
    tooLarge: 0,
    sourceInUse: 0,
    notAllowed: 0,
  };
  #sentBefore = 0;
  #retransmittedBefore = 0;
  #lostBefore = 0;
  #lostInTransport = 0;
  #ids = 0;
  #scheduled = false;
  /** Whether it goes on in the next turn of the event loop. */
  #isGoingOn = false;
  #closed = false;
  readonly #pump = (): void => this.#deliver();
  readonly #goOn = (): void => {
    this.#isGoingOn = false;
    this.#wake();
  };

  /** @throws AlphaPulseError BAD_OPTION */
  constructor(options: RelayOptions) {
    super();
    const settings = settingsOf(options);
    const { domain, clock, checksum, auth } = settings;
    this.domain = domain;
    this.#schedule = options.schedule ?? fairSchedule();
    this.#scheduleLater = options.schedule ?? setImmediate;
    this.#members = new Membership(settings.membersMax, settings.membersPerPeerMax);
    const log = new RelayLog(settings.logBytes, (position) => {
      for (const member of this.#members) member.drop(position);
    });
    this.#hold = settings.blocks ? new ProducerHold(log, this.#members) : undefined;
    const tracker = new SequenceTracker();
    const source = RELAY_SOURCES[domain] as number;
    const stamp = {
      builder: new TLVBuilder({ domain: RelayDomain.System, source, clock, checksum: settings.writtenChecksum }),
      nowUs: () => clock.nowUs(),
    };
    this.#host = {
      log,
      tracker,
      stamp,
      parted: (member) => this.#bindings.release(member),
      lost: (member, from, first, last) =>
        this.emit("lost", { name: member.name, source: from, from: first, to: last }),
    };
    const refuse: IntakeHost["refuse"] = (member, from, cause, detail) => this.#refuse(member, from, cause, detail);
    this.#sessions = new SessionControl(checksum, {
      stamp,
      refuse,
      parted: (member) => this.#parted(member),
      admit: (member, hello) => this.#admission?.check(member, hello) ?? true,
    });
    if (auth !== undefined) {
      this.#admission = new Admission({
        ...settings,
        auth,
        refuse,
        take: (guest, buffer, offset, byteLength) => void this.#sessions.take(guest, buffer, offset, byteLength),
        join: (guest) => this.#join(guest),
      });
      this.#stopWatchingTokens = auth.onChange(() => this.#sendAwayRevoked(auth));
    }
    this.#liveness = new Liveness({
      ...settings,
      stamp,
      members: this.#members,
      isHeld: () => this.#hold?.isHeld === true,
      silent: (member, why) => member.end(new AlphaPulseError("PEER_SILENT", `${member.title} ${why}`)),
      idle: (member) =>
        void member.goodbye(
          GoodbyeCode.IdleTooLong,
          `nothing published or subscribed to for ${settings.idleTimeoutMs} ms`,
        ),
    });
    this.#intake = new Intake({
      domain,
      checksum,
      log,
      tracker,
      bindings: this.#bindings,
      stamp,
      refuse,
      contested: (contested, holder, challenger) => {
        this.#liveness.challenge(holder);
        void challenger.goodbye(GoodbyeCode.SourceInUse, `source ${contested} is bound to another live connection`);
      },
      missing: (from, first, last) => this.emit("missing", { source: from, from: first, to: last }),
    });
  }

  /**
   * Takes links at an address, beside those it already listens at.
   * @throws AlphaPulseError ADDRESS_IN_USE, BAD_ADDRESS or LISTEN_FAILED; CLOSED where the relay is
   */
  async listen(address: Address): Promise<Listener> {
    const { transport, address: place, options } = await Transport.of(address);
    const listener = await transport.listen(place, (link) => this.attach(link), options);
    if (this.#closed) {
      await listener.close();
      throw new AlphaPulseError("CLOSED", `listen at ${listener.address}: the relay is closed`);
    }
    this.#listeners.add(listener);
    return listener;
  }

  /** Takes the server's end of a link, however it was made. */
  attach(link: Link): void {
    const member = new Member(++this.#ids, link, this.#host);
    const admission = this.#admission;
    // Before the link starts: it may hand over what waited, at once.
    if (!this.#closed) admission?.receive(member);
    const full = this.#closed ? CLOSING : admission === undefined ? this.#members.add(member) : undefined;
    const mayOnlyRead = full === undefined && admission === undefined && link.datagrams === undefined;
    const timer = mayOnlyRead ? setTimeout(() => this.#takeAsReader(member), READER_AFTER_MS) : undefined;
    if (this.#hold?.isHeld) link.pause();
    link.start({
      message: (buffer, offset, byteLength) => this.#message(member, buffer, offset, byteLength),
      ready: () => {
        member.ready();
        this.#wake();
      },
      lost: ({ count, source, why }) => {
        this.#lostInTransport += count;
        this.emit("lostInTransport", { peer: member.title, count, source, why });
      },
      broken: (error) => {
        this.#refuse(member, 0, "malformed", error.message);
        if (admission?.has(member)) admission.refuse(member, error.message);
        else void member.goodbye(GoodbyeCode.ProtocolError, error.message);
      },
      closed: (error) => {
        clearTimeout(timer);
        admission?.leave(member);
        this.#leave(member, error ?? member.fate);
      },
    });
    if (this.#closed && admission !== undefined) link.destroy();
    else if (full !== undefined) this.#sendAway(member, full);
    else if (admission === undefined) this.emit("joined", link.peer);
  }

  /** What it has done so far. */
  stats(): RelayStats {
    const members = [...this.#members];
    return {
      received: this.#intake.received,
      duplicates: this.#intake.duplicates,
      missing: this.#intake.missing,
      sent: members.reduce((sum, { sent }) => sum + sent, this.#sentBefore),
      retransmitted: members.reduce((sum, { retransmitted }) => sum + retransmitted, this.#retransmittedBefore),
      lost: members.reduce((sum, { losses }) => sum + losses.count, this.#lostBefore),
      lostInTransport: this.#lostInTransport,
      refused: { ...this.#refused },
      isIdle: !this.#scheduled && this.#isIdle(),
      members: members.map(({ title, received, sent, losses, lagBytes }) => ({
        name: title,
        received,
        sent,
        lost: losses.count,
        lagBytes,
      })),
    };
  }

  /**
   * Takes nothing more, sends what it has taken to all who want it, says goodbye and lets them go. Bounded in time: what
   * a subscriber has not taken by then is told as a gap and counted as lost.
   */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#liveness.stop();
    this.#stopWatchingTokens?.();
    this.#admission?.close();
    await Promise.all([...this.#listeners].map((listener) => listener.close()));
    for (const { link } of this.#members) link.pause();
    const giveUpAt = performance.now() + CLOSE_MS_MAX;
    this.#deliver();
    while (!this.#isIdle() && performance.now() < giveUpAt) {
      await new Promise((resolve) => setTimeout(resolve, 1));
      this.#deliver();
    }
    for (const member of this.#members) member.abandon();
    await Promise.all([...this.#members].map((member) => member.goodbye(GoodbyeCode.ShuttingDown, CLOSING)));
  }

  /** Closes it: `await using relay = new Relay(…)`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Somebody has shown a token, and may come in where there is room. */
  #join(member: Member): boolean {
    const full = this.#members.add(member);
    if (full !== undefined) {
      this.#sendAway(member, full);
      return false;
    }
    if (this.#hold?.isHeld) member.link.pause();
    this.emit("joined", member.link.peer);
    return true;
  }

  #sendAway(member: Member, why: string): void {
    const code = this.#closed ? GoodbyeCode.ShuttingDown : GoodbyeCode.TooManyConnections;
    void member.goodbye(code, why);
  }

  #parted(member: Member): void {
    this.#bindings.release(member);
    if (member.link.datagrams === undefined || member.hasParted) return;
    member.hasParted = true;
    // A Ping behind the Goodbye is still answered: whoever moves waits for that.
    setTimeout(() => member.link.destroy(), PARTING_MS).unref();
  }

  #takeAsReader(member: Member): void {
    if (member.standing !== "new") return;
    member.becomeReader();
    this.#wake();
  }

  #message(member: Member, buffer: MessageBuffer, offset: number, byteLength: number): void {
    if (member.isLeaving) return;
    member.hasSpoken = true;
    if (!member.isAdmitted) {
      this.#admission?.message(member, buffer, offset, byteLength); // or there was no room for it
      return;
    }
    const { view } = buffer;
    const isSystem = view.getUint8(offset + DOMAIN_OFFSET) === RelayDomain.System;
    const isControl = isSystem && isControlType(firstTypeOf(view, offset, byteLength));
    const refused = (isControl ? this.#sessions : this.#intake).take(member, buffer, offset, byteLength);
    this.#countChecksums(member, refused === "checksum");
    if (refused !== undefined) return;
    if (!isControl) this.#hold?.took(byteLength);
    this.#wake();
  }

  #sendAwayRevoked(auth: AccessTokens): void {
    for (const member of this.#members) {
      if (member.grant === undefined || auth.allows(member.grant)) continue;
      void member.goodbye(GoodbyeCode.NotAuthorized, "its token was revoked");
    }
  }

  #countChecksums(member: Member, isWrong: boolean): void {
    member.wrongChecksums = isWrong ? member.wrongChecksums + 1 : 0;
    if (member.wrongChecksums < WRONG_CHECKSUMS_MAX) return;
    const why = `${WRONG_CHECKSUMS_MAX} wrong checksums in a row: crc32c or crc32?`;
    void member.goodbye(GoodbyeCode.ProtocolError, why);
  }

  #refuse(member: Member, source: number, cause: RefusalCause, detail: string): RefusalCause {
    this.#refused[cause]++;
    this.emit("refused", { cause, source, peer: member.title, detail });
    // Told once per cause, so that a flood of these gets no flood back; where a Goodbye follows, that says it.
    const wasTold = member.toldRefusals.has(cause);
    member.toldRefusals.add(cause);
    if (member.standing !== "session" || wasTold || cause === "sourceInUse") return cause;
    if (cause === "notAllowed") void member.goodbye(GoodbyeCode.NotAuthorized, detail);
    else member.reject(0, detail);
    return cause;
  }

  #leave(member: Member, error: AlphaPulseError | undefined): void {
    if (!this.#members.delete(member)) return;
    this.#bindings.release(member);
    this.#sentBefore += member.sent;
    this.#retransmittedBefore += member.retransmitted;
    this.#lostBefore += member.losses.count;
    this.emit("left", member.title, error);
    this.#wake();
  }

  #isIdle(): boolean {
    for (const member of this.#members) if (member.isSubscribed && member.isBehind) return false;
    return true;
  }

  #wake(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#schedule(this.#pump);
  }

  #deliver(): void {
    this.#scheduled = false;
    let more = false;
    let later = false;
    for (const member of this.#members) {
      const rest = member.deliver();
      if (rest === "more") more = true;
      else if (rest === "later") later = true;
    }
    if (!this.#closed) this.#hold?.delivered();
    if (more) this.#wake();
    if (!later || this.#isGoingOn) return;
    this.#isGoingOn = true;
    this.#scheduleLater(this.#goOn);
  }
}

/** At the end of this turn of the event loop; now and then in the next one, so that nobody who answers at once starves it. */
function fairSchedule(): (task: () => void) => void {
  let count = 0;
  return (task) => {
    if (++count % TASKS_PER_TURN === 0) setImmediate(task);
    else queueMicrotask(task);
  };
}
