import type { SendResult } from "../../protocol/publisher.js";
import type { Link, TransportGuarantees } from "../../transports/transport.js";
import { fail, same, turns, until, within } from "./checks.js";
import { AHEAD_FROM, messageOf, Recorder, send, sendAhead } from "./recorder.js";

/** The two ends of one link, not started yet. */
export interface Ends {
  readonly client: Link;
  readonly server: Link;
}

/** Links that are to be held against what {@link Link} promises. */
export interface LinksUnderTest {
  /** Makes a link. */
  open(): Promise<Ends>;
  readonly guarantees: TransportGuarantees;
  /** How many bytes may be taken while the other end does not read. */
  readonly takenBytesMax: number;
  /** The largest payload that its links are to carry; undefined: what they say themselves. */
  readonly payloadBytesMax?: number | undefined;
  /** Takes away what the links needed. */
  cleanUp?(): unknown;
}

/** Tests by what they protect. Each has a bed of its own. */
export type LinkTests = Readonly<Record<string, (bed: LinkBed) => Promise<void>>>;

/** Which way messages go. */
export type Direction = "to the server" | "to the client";

/** A started link in one direction. */
export interface OneWay {
  readonly from: Link;
  readonly to: Link;
  readonly sender: Recorder;
  readonly receiver: Recorder;
}

/** What is sent ahead is as small as session control. */
export const AHEAD_PAYLOAD_BYTES = 40;
/** Of so many messages at least one arrives, whatever a transport may lose. */
const SOME_ARRIVE_FROM = 20;
/** A transport that may lose is given this long without a message before the rest counts as lost. */
const LOST_AFTER_MS = 100;
/** A link that was paused is given this long without a message before it counts as paused: soon, not at once. */
const PAUSED_AFTER_MS = 20;

/** What a test of links lies in: it makes them, waits with a deadline, and takes all away. */
export class LinkBed {
  readonly takenBytesMax: number;
  readonly guarantees: TransportGuarantees;
  readonly timeoutMs: number;
  readonly #under: LinksUnderTest;
  readonly #links: Link[] = [];

  constructor(under: LinksUnderTest, timeoutMs: number) {
    this.#under = under;
    this.guarantees = under.guarantees;
    this.takenBytesMax = under.takenBytesMax;
    this.timeoutMs = timeoutMs;
  }

  async ends(): Promise<Ends> {
    const ends = await within("a link between two ends", this.#under.open(), this.timeoutMs);
    this.#links.push(ends.client, ends.server);
    return ends;
  }

  async started(direction: Direction = "to the server"): Promise<OneWay> {
    const { client, server } = await this.ends();
    const [from, to] = direction === "to the server" ? [client, server] : [server, client];
    const [sender, receiver] = [new Recorder(), new Recorder()];
    from.start(sender);
    to.start(receiver);
    return { from, to, sender, receiver };
  }

  /** The largest payload that its links carry: both ends say the same, and no more than the transport does. */
  payloadBytesMaxOf({ from, to }: OneWay): number {
    const expected = this.#under.payloadBytesMax ?? from.payloadBytesMax;
    same("payloadBytesMax of both ends", [from.payloadBytesMax, to.payloadBytesMax], [expected, expected]);
    if (expected > this.guarantees.payloadBytesMax) {
      fail(`a link carries payloads of ${expected} bytes, more than guarantees.payloadBytesMax says`);
    }
    return expected;
  }

  /** Sends message `n`, of so many bytes of payload or as many as the link carries. */
  send(link: Link, n: number, payloadBytes: number): SendResult {
    return send(link, messageOf(n, Math.min(payloadBytes, link.payloadBytesMax)));
  }

  /** Sends message `n` of those that go ahead: small, as session control is. */
  sendAhead(link: Link, n: number): SendResult {
    return sendAhead(link, messageOf(AHEAD_FROM + n, AHEAD_PAYLOAD_BYTES));
  }

  /** Sends messages 0 to count - 1 in turn, waiting for room where there is none. */
  async sendAll({ from, sender }: OneWay, count: number, payloadBytesOf: (n: number) => number, first = 0) {
    for (let n = first; n < first + count; ) {
      const before = sender.readies;
      const result = this.send(from, n, payloadBytesOf(n));
      if (result === "backPressured") await this.until("ready after back pressure", () => sender.readies > before);
      else {
        same(`the answer to message ${n}`, result, "sent");
        n++;
      }
    }
  }

  /** Sends until there is no room, or so many. @returns how many went */
  sendSome(link: Link, payloadBytes: number, countMax: number, first = 0): number {
    let n = 0;
    while (n < countMax && this.send(link, first + n, payloadBytes) === "sent") n++;
    return n;
  }

  /** Sends until there is no room at the end of a link that nobody reads. @returns how many went */
  fill(link: Link, payloadBytes: number, first = 0): number {
    const countMax = Math.ceil(this.takenBytesMax / Math.min(payloadBytes, link.payloadBytesMax));
    const sent = this.sendSome(link, payloadBytes, countMax, first);
    if (sent === countMax && this.guarantees.isLossless) {
      fail(`took ${sent} messages, ${this.takenBytesMax} bytes, that nobody reads`);
    }
    return sent;
  }

  /** Waits for messages 0 to count - 1, and holds what came against the guarantees. */
  async arrival(receiver: Recorder, count: number): Promise<void> {
    if (this.guarantees.isLossless) {
      const { isDeduplicated } = this.guarantees;
      const came = ({ numbers }: Recorder): number => (isDeduplicated ? numbers.length : new Set(numbers).size);
      await this.until(`all ${count} messages`, () => came(receiver) >= count);
    } else await this.#quiet(receiver, LOST_AFTER_MS, count);
    if (count >= SOME_ARRIVE_FROM && receiver.numbers.length === 0) fail(`none of ${count} messages came`);
    await turns(2); // what comes twice may come last
    this.#holdAgainstGuarantees(receiver.numbers, count);
    same("what went wrong", receiver.problems, []);
  }

  /** Waits for the first `count` messages that were sent ahead, and holds what came against the guarantees. */
  async aheadArrival(receiver: Recorder, count: number): Promise<void> {
    const { isLossless, isDeduplicated } = this.guarantees;
    if (isLossless)
      await this.until(`${count} messages that were sent ahead`, () => new Set(receiver.ahead).size >= count);
    else await turns(2);
    if (isDeduplicated)
      same("those sent ahead that came twice", receiver.ahead.length - new Set(receiver.ahead).size, 0);
    same(
      "those sent ahead that nobody sent",
      receiver.ahead.filter((n) => n >= count),
      [],
    );
    same("what went wrong", receiver.problems, []);
  }

  /** Waits until a link that was paused hands nothing over any more. @returns how many messages it has handed over */
  async paused(receiver: Recorder): Promise<number> {
    await this.#quiet(receiver, PAUSED_AFTER_MS);
    return receiver.numbers.length;
  }

  until(what: string, isSo: () => boolean): Promise<void> {
    return until(what, isSo, this.timeoutMs);
  }

  within<T>(what: string, promise: Promise<T>): Promise<T> {
    return within(what, promise, this.timeoutMs);
  }

  /** Both ends were told of the end, once; where the transport does not tell of it, the one that ended itself. */
  async ended({ sender, receiver }: OneWay): Promise<void> {
    const countMin = this.guarantees.tellsOfEnd ? 2 : 1;
    const toldCount = (): number => Math.min(1, sender.closings) + Math.min(1, receiver.closings);
    await this.until("closed at both ends", () => toldCount() >= countMin);
    await turns(2);
    if (sender.closings > 1 || receiver.closings > 1) {
      fail(`the two ends were told of the end ${sender.closings} and ${receiver.closings} times, not once`);
    }
    same("what went wrong", [...sender.problems, ...receiver.problems], []);
  }

  /** Lets everything go. */
  async cleanUp(): Promise<void> {
    try {
      for (const link of this.#links.splice(0)) link.destroy();
    } finally {
      await this.#under.cleanUp?.();
    }
  }

  /** Resolves when so many messages have come, or none for so long. */
  async #quiet({ numbers }: Recorder, forMs: number, count = Number.POSITIVE_INFINITY): Promise<void> {
    let seen = -1;
    let since = 0;
    await this.until("an end of messages", () => {
      if (numbers.length !== seen) {
        seen = numbers.length;
        since = performance.now();
      }
      return seen >= count || performance.now() - since > forMs;
    });
  }

  #holdAgainstGuarantees(received: readonly number[], count: number): void {
    const { isLossless, isOrdered, isDeduplicated } = this.guarantees;
    const distinct = new Set(received);
    const foreign = received.find((n) => n < 0 || n >= count);
    if (foreign !== undefined) fail(`message ${foreign} came, which was not sent`);
    if (isLossless && distinct.size < count) fail(`${count - distinct.size} of ${count} messages were lost`);
    if (isDeduplicated && distinct.size < received.length) {
      fail(`${received.length - distinct.size} messages came twice`);
    }
    const firsts = [...distinct];
    const late = firsts.find((n, i) => i > 0 && n < (firsts[i - 1] as number));
    if (isOrdered && late !== undefined) fail(`message ${late} came after a later one`);
  }
}
