import { EventEmitter } from "node:events";
import { TLVBuilder } from "../protocol/builder.js";
import { type Checksum, type ChecksumChoice, checksumOf } from "../protocol/checksum.js";
import { type Clock, LiveClock } from "../protocol/clock.js";
import { AlphaPulseError } from "../protocol/errors.js";
import { DOMAIN_OFFSET, SOURCE_OFFSET, verifyChecksum } from "../protocol/header.js";
import type { MessageBuffer } from "../protocol/message-buffer.js";
import { MessageView } from "../protocol/message-view.js";
import { domainName, RelayDomain, Source } from "../protocol/tables.js";
import { checkTlvs, firstTypeOf, isControlType } from "../protocol/walk.js";
import { GoodbyeCode } from "../tlvs/codes.js";
import type { Address, Attachable, Link, Listener } from "../transports/transport.js";
import { Transport } from "../transports/transports.js";
import { RelayLog } from "./log.js";
import { Member, type MemberHost } from "./member.js";

/** How a relay is made. */
export interface RelayOptions {
  /** The one domain it carries, one of RelayDomain. */
  readonly domain: number;
  /** Bytes of its log, a power of two; default 16 MiB. A subscriber that falls further behind loses messages. */
  readonly logBytes?: number;
  /** Subscribers and producers together; default 1,000. More get a Goodbye. */
  readonly membersMax?: number;
  /**
   * What happens when a subscriber is about to fall out of the log: `gap` drops what is oldest and tells it with a Gap
   * message; `block` makes the producers wait. Default `gap`: one slow subscriber never holds up the others.
   */
  readonly slowSubscribers?: "gap" | "block";
  /**
   * Which checksum it verifies before it takes a message, by name or an implementation; default `crc32c`. What comes from this process's own memory
   * is not verified again.
   */
  readonly checksum?: ChecksumChoice;
  /** Stamps its own messages; default the wall clock. */
  readonly clock?: Clock;
  /** When it sends what it took: once per turn by default. A runtime that brings its own queue says so here. */
  readonly schedule?: (task: () => void) => void;
}

/** Why a relay did not take a message. */
export type RefusalCause = "domain" | "checksum" | "malformed" | "tooLarge" | "sourceInUse";

/** What a relay tells whoever listens. */
export interface RelayEvents {
  /** A member came: its address, or later its name. */
  joined: [peer: string];
  /** A member went, with the error that ended its link where there was one. */
  left: [name: string, error: AlphaPulseError | undefined];
  /** A message was not taken. */
  refused: [refusal: { cause: RefusalCause; source: number; peer: string; detail: string }];
  /** A subscriber fell out of the log. */
  lost: [loss: { name: string; source: number; from: number; to: number }];
}

/** What a relay has done so far. */
export interface RelayStats {
  /** Data messages taken. */
  readonly received: number;
  /** Data messages sent, over all subscribers. */
  readonly sent: number;
  /** Data messages that subscribers lost by falling out of the log. */
  readonly lost: number;
  /** Messages not taken, by cause. */
  readonly refused: Readonly<Record<RefusalCause, number>>;
  /** Whether everything that was taken has been sent. */
  readonly isIdle: boolean;
  /** Those that are connected now. */
  readonly members: readonly MemberStats[];
}

/** One member of a relay. */
export interface MemberStats {
  /** What it called itself, or its address. */
  readonly name: string;
  /** Data messages that it sent and that were taken. */
  readonly received: number;
  /** Data messages that it was sent. */
  readonly sent: number;
  /** Data messages that it lost by falling out of the log. */
  readonly lost: number;
  /** Bytes of the log that wait for it. */
  readonly lagBytes: number;
}

const LOG_BYTES_DEFAULT = 16 << 20;
const MEMBERS_MAX_DEFAULT = 1_000;
/** A link that sends nothing for this long only reads (docs/protocol.md, "Without a session"). */
const READER_AFTER_MS = 100;
/** This many wrong checksums in a row end a link: the two ends most likely disagree on the kind. */
const WRONG_CHECKSUMS_MAX = 16;
/** Producers are held up above the first share of the log and let go below the second. */
const PAUSE_ABOVE = 1 / 2;
const RESUME_BELOW = 1 / 4;

/** How long a relay that closes waits for its subscribers to take what is left. */
const CLOSE_MS_MAX = 5_000;
/** Turns of a relay between two looks at the rest of the event loop. */
const TASKS_PER_TURN = 256;
/** After this share of the log a relay that blocks looks how far its slowest subscriber is behind. */
const LAG_CHECK_SHARE = 1 / 16;

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
  readonly #log: RelayLog;
  readonly #checksum: Checksum | undefined;
  readonly #membersMax: number;
  readonly #blocks: boolean;
  readonly #schedule: (task: () => void) => void;
  readonly #host: MemberHost;
  readonly #members = new Set<Member>();
  readonly #listeners = new Set<Listener>();
  readonly #sources = new Map<number, Member>();
  readonly #view = new MessageView();
  readonly #refused: Record<RefusalCause, number> = {
    domain: 0,
    checksum: 0,
    malformed: 0,
    tooLarge: 0,
    sourceInUse: 0,
  };
  #received = 0;
  #uncheckedBytes = 0;
  #sentBefore = 0;
  #lostBefore = 0;
  #ids = 0;
  #scheduled = false;
  #paused = false;
  #closed = false;
  readonly #pump = (): void => this.#deliver();

  /** @throws AlphaPulseError BAD_OPTION */
  constructor(options: RelayOptions) {
    super();
    const { domain, clock = new LiveClock(), checksum = "crc32c" } = options;
    const source = RELAY_SOURCES[domain];
    if (source === undefined)
      throw new AlphaPulseError("BAD_OPTION", `Relay: domain ${domain} is not one of RelayDomain`);
    const { slowSubscribers = "gap" } = options;
    if (slowSubscribers !== "gap" && slowSubscribers !== "block") {
      throw new AlphaPulseError(
        "BAD_OPTION",
        `Relay: slowSubscribers ${String(slowSubscribers)} is neither gap nor block`,
      );
    }
    this.domain = domain;
    this.#checksum = checksumOf(checksum);
    this.#membersMax = options.membersMax ?? MEMBERS_MAX_DEFAULT;
    this.#blocks = options.slowSubscribers === "block";
    this.#schedule = options.schedule ?? fairSchedule();
    this.#log = new RelayLog(options.logBytes ?? LOG_BYTES_DEFAULT, (position) => {
      for (const member of this.#members) member.drop(position);
    });
    this.#host = {
      log: this.#log,
      builder: new TLVBuilder({
        domain: RelayDomain.System,
        source,
        clock,
        checksum: checksum === "none" ? "crc32c" : checksum,
      }),
      nowUs: () => clock.nowUs(),
      lost: (member, from, first, last) =>
        this.emit("lost", { name: member.name, source: from, from: first, to: last }),
    };
  }

  /**
   * Takes links at an address, beside those it already listens at.
   * @throws AlphaPulseError ADDRESS_IN_USE, BAD_ADDRESS or LISTEN_FAILED
   */
  async listen(address: Address): Promise<Listener> {
    const { transport, address: place, options } = await Transport.of(address);
    const listener = await transport.listen(place, (link) => this.attach(link), options);
    this.#listeners.add(listener);
    return listener;
  }

  /** Takes the server's end of a link, however it was made. */
  attach(link: Link): void {
    const member = new Member(++this.#ids, link, this.#host);
    if (this.#closed || this.#members.size >= this.#membersMax) {
      link.start({ message() {}, broken() {}, closed() {} });
      const [code, why] = this.#closed
        ? ([GoodbyeCode.ShuttingDown, "the relay is shutting down"] as const)
        : ([GoodbyeCode.TooManyConnections, `the relay has its ${this.#membersMax} members`] as const);
      void member.goodbye(code, why);
      return;
    }
    this.#members.add(member);
    if (this.#paused) link.pause();
    const timer = setTimeout(() => {
      if (member.standing !== "new") return;
      member.becomeReader();
      this.#wake();
    }, READER_AFTER_MS);
    let wrongChecksums = 0;
    link.start({
      message: (buffer, offset, byteLength) => {
        const taken = this.#take(member, buffer, offset, byteLength);
        wrongChecksums = taken === "checksum" ? wrongChecksums + 1 : 0;
        if (wrongChecksums === WRONG_CHECKSUMS_MAX) {
          void member.goodbye(
            GoodbyeCode.ProtocolError,
            `${WRONG_CHECKSUMS_MAX} wrong checksums in a row: crc32c or crc32?`,
          );
        }
      },
      ready: () => {
        member.ready();
        this.#wake();
      },
      broken: (error) => {
        this.#refuse(member, 0, "malformed", error.message);
        void member.goodbye(GoodbyeCode.ProtocolError, error.message);
      },
      closed: (error) => {
        clearTimeout(timer);
        this.#leave(member, error);
      },
    });
    this.emit("joined", link.peer);
  }

  /** What it has done so far. */
  stats(): RelayStats {
    const members = [...this.#members];
    return {
      received: this.#received,
      sent: members.reduce((sum, { sent }) => sum + sent, this.#sentBefore),
      lost: members.reduce((sum, { losses }) => sum + losses.count, this.#lostBefore),
      refused: { ...this.#refused },
      isIdle: !this.#scheduled && this.#isIdle(),
      members: members.map(({ name, link, received, sent, losses, lagBytes }) => ({
        name: name === "" ? link.peer : name,
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
    await Promise.all([...this.#listeners].map((listener) => listener.close()));
    for (const { link } of this.#members) link.pause();
    const giveUpAt = performance.now() + CLOSE_MS_MAX;
    this.#deliver();
    while (!this.#isIdle() && performance.now() < giveUpAt) {
      await new Promise((resolve) => setTimeout(resolve, 1));
      this.#deliver();
    }
    for (const member of this.#members) member.abandon();
    const reason = "the relay is shutting down";
    await Promise.all([...this.#members].map((member) => member.goodbye(GoodbyeCode.ShuttingDown, reason)));
  }

  /** Closes it: `await using relay = new Relay(…)`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Takes a message of a member; says why where it does not. */
  #take(member: Member, buffer: MessageBuffer, offset: number, byteLength: number): RefusalCause | undefined {
    const { view } = buffer;
    const domain = view.getUint8(offset + DOMAIN_OFFSET);
    const source = view.getUint16(offset + SOURCE_OFFSET, true);
    if (domain === RelayDomain.System && isControlType(firstTypeOf(view, offset, byteLength))) {
      return this.#control(member, buffer, offset, byteLength);
    }
    if (domain !== this.domain && domain !== RelayDomain.System) {
      const detail = `a message of domain ${domainName(domain)} does not belong to this ${domainName(this.domain)} relay`;
      return this.#refuse(member, source, "domain", detail);
    }
    if (this.#checksum !== undefined && !member.link.isSameMemory) {
      try {
        verifyChecksum(this.#checksum, view, offset, byteLength);
      } catch (error) {
        return this.#refuse(member, source, "checksum", (error as Error).message);
      }
    }
    if (byteLength > this.#log.messageBytesMax) {
      return this.#refuse(
        member,
        source,
        "tooLarge",
        `${byteLength} bytes pass the log's limit of ${this.#log.messageBytesMax}`,
      );
    }
    member.becomeProducer();
    if (!this.#bind(source, member)) {
      const detail = `source ${source} is bound to another live connection`;
      this.#refuse(member, source, "sourceInUse", detail);
      void member.goodbye(GoodbyeCode.SourceInUse, detail);
      return "sourceInUse";
    }
    this.#log.append(buffer, offset, byteLength, member.id);
    member.received++;
    this.#received++;
    this.#uncheckedBytes += byteLength;
    if (this.#blocks && this.#uncheckedBytes > this.#log.capacityBytes * LAG_CHECK_SHARE) this.#holdProducers();
    this.#wake();
    return undefined;
  }

  #control(member: Member, buffer: MessageBuffer, offset: number, byteLength: number): RefusalCause | undefined {
    let wrong: string | undefined;
    try {
      const checksum = this.#checksum ?? (checksumOf("crc32c") as Checksum);
      if (!member.link.isSameMemory) verifyChecksum(checksum, buffer.view, offset, byteLength);
      checkTlvs(buffer.view, offset, byteLength);
      const type = firstTypeOf(buffer.view, offset, byteLength);
      wrong = member.control(this.#view.wrap(buffer, offset, byteLength), type);
    } catch (error) {
      const detail = (error as Error).message;
      return this.#refuse(
        member,
        0,
        (error as AlphaPulseError).code === "CHECKSUM_MISMATCH" ? "checksum" : "malformed",
        detail,
      );
    } finally {
      this.#view.release();
    }
    if (wrong === undefined) return undefined;
    void member.goodbye(GoodbyeCode.ProtocolError, wrong);
    return this.#refuse(member, 0, "malformed", wrong);
  }

  /** Binds a source to the connection that first uses it, as long as that lives. */
  #bind(source: number, member: Member): boolean {
    const bound = this.#sources.get(source);
    if (bound === undefined) {
      this.#sources.set(source, member);
      member.sources.add(source);
      return true;
    }
    return bound === member;
  }

  #refuse(member: Member, source: number, cause: RefusalCause, detail: string): RefusalCause {
    this.#refused[cause]++;
    // Told once per cause, so that a flood of these gets no flood back; where a Goodbye follows, that says it.
    const isTold = member.standing === "session" && cause !== "sourceInUse" && !member.toldRefusals.has(cause);
    if (isTold) member.reject(0, detail);
    member.toldRefusals.add(cause);
    this.emit("refused", { cause, source, peer: member.name === "" ? member.link.peer : member.name, detail });
    return cause;
  }

  #leave(member: Member, error: AlphaPulseError | undefined): void {
    if (!this.#members.delete(member)) return;
    for (const source of member.sources) this.#sources.delete(source);
    this.#sentBefore += member.sent;
    this.#lostBefore += member.losses.count;
    this.emit("left", member.name === "" ? member.link.peer : member.name, error);
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
    for (const member of this.#members) {
      if (member.deliver()) more = true;
    }
    if (this.#paused && !this.#closed) this.#releaseProducers();
    if (more) this.#wake();
  }

  #lag(): number {
    let lag = 0;
    for (const member of this.#members) lag = Math.max(lag, member.lagBytes);
    return lag;
  }

  #holdProducers(): void {
    this.#uncheckedBytes = 0;
    if (this.#paused || this.#lag() <= this.#log.capacityBytes * PAUSE_ABOVE) return;
    this.#paused = true;
    for (const member of this.#members) member.link.pause();
  }

  #releaseProducers(): void {
    if (this.#lag() >= this.#log.capacityBytes * RESUME_BELOW) return;
    this.#paused = false;
    for (const member of this.#members) member.link.resume();
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
