import { TLVBuilder } from "../protocol/builder.js";
import type { WrittenChecksum } from "../protocol/checksum.js";
import type { Clock } from "../protocol/clock.js";
import { AlphaPulseError } from "../protocol/errors.js";
import { PAYLOAD_BYTES_MAX } from "../protocol/header.js";
import { type MessageBuffer, messageBuffer } from "../protocol/message-buffer.js";
import type { Publish, Publisher, SendResult } from "../protocol/publisher.js";
import type { AnyTLV, CountsFor, FlyweightOf, InputFor } from "../protocol/schema/tlv.js";
import { RelayDomain, Source } from "../protocol/tables.js";
import type { Link } from "../transports/transport.js";

/** How an {@link Outbox} sends. */
export interface OutboxOptions {
  readonly source: number | undefined;
  readonly domain: number | undefined;
  readonly checksum: WrittenChecksum;
  readonly incarnation: number | undefined;
  readonly holdBytesMax: number;
}

const INCARNATION_MAX = 8_191;
const COUNTER_LIMIT = 2 ** 40;

/** The sending side of a connection: builds, numbers, stamps and, where it may, keeps messages until there is room. */
export class Outbox implements Publisher {
  readonly publish: Publish;
  /** Why nothing can be sent now; undefined where it can. */
  refusal: "notConnected" | "closed" | undefined = "notConnected";
  /** Data messages that were taken. */
  published = 0;
  /** Data messages that were taken and could not be sent any more. */
  lost = 0;
  readonly #link: Link;
  readonly #options: OutboxOptions;
  readonly #clock: Clock;
  readonly #builders: (TLVBuilder | undefined)[] = [];
  readonly #firstSequence: number;
  /** Sealed messages that wait for room, oldest first. */
  readonly #held: MessageBuffer[] = [];
  readonly #waiters: (() => void)[] = [];
  #heldBytes = 0;
  /** Whether a message did not go for want of room, and none has been told of since. */
  #isBlocked = false;
  #claimed: TLVBuilder | undefined;
  #lastUs = 0;

  /** @throws AlphaPulseError BAD_OPTION */
  constructor(link: Link, options: OutboxOptions, clock: Clock) {
    this.#link = link;
    this.#options = options;
    this.#clock = clock;
    const drawn = 1 + ((crypto.getRandomValues(new Uint16Array(1))[0] as number) % INCARNATION_MAX);
    const { incarnation = drawn } = options;
    if (!Number.isInteger(incarnation) || incarnation < 1 || incarnation > INCARNATION_MAX) {
      throw new AlphaPulseError("BAD_OPTION", `connect: incarnation ${incarnation} is not 1 to ${INCARNATION_MAX}`);
    }
    this.#firstSequence = incarnation * COUNTER_LIMIT + 1;
    this.publish = ((...parts: unknown[]) => this.#publish(parts)) as Publish;
  }

  /** Whether messages are kept until there is room for them. */
  get isHolding(): boolean {
    return this.#held.length > 0;
  }

  claim<T extends AnyTLV>(tlv: T, counts?: CountsFor<T>): FlyweightOf<T> {
    this.#claimed = undefined;
    const builder = this.#builderOf(tlv);
    builder.reset();
    const flyweight = builder.append(tlv, counts);
    this.#claimed = builder;
    return flyweight;
  }

  append<T extends AnyTLV>(tlv: T, counts?: CountsFor<T>): FlyweightOf<T> {
    if (this.#claimed === undefined) throw new AlphaPulseError("NOTHING_CLAIMED", "append: claim a message first");
    const builder = this.#claimed;
    this.#claimed = undefined; // what throws drops the message
    const flyweight = builder.append(tlv, counts);
    this.#claimed = builder;
    return flyweight;
  }

  commit(): SendResult {
    if (this.#claimed === undefined) throw new AlphaPulseError("NOTHING_CLAIMED", "commit: claim a message first");
    const result = this.#send(this.#claimed);
    if (result === "sent") this.#claimed = undefined;
    return result;
  }

  /** Sends session control, which is neither numbered nor kept. Where there is no room it tries again when there is. */
  control<T extends AnyTLV>(tlv: T, value: InputFor<T>): void {
    const { source = Source.External, checksum } = this.#options;
    const builder = new TLVBuilder({ domain: RelayDomain.System, source, checksum });
    const byteLength = builder.add(tlv, value).seal(0, this.#stamp());
    const trySend = (): void => {
      if (this.#link.send(builder.buffer, 0, byteLength) === "backPressured") this.#waiters.push(trySend);
    };
    trySend();
  }

  /** The link has room: sends what was kept, then tells whoever waits. */
  ready(): void {
    while (this.#held.length > 0 && this.refusal === undefined) {
      const next = this.#held[0] as MessageBuffer;
      const result = this.#link.send(next, 0, next.bytes.byteLength);
      if (result === "backPressured") return;
      this.#held.shift();
      this.#heldBytes -= next.bytes.byteLength;
      if (result !== "sent") this.lost++;
    }
    this.#isBlocked = false;
    for (const waiter of this.#waiters.splice(0)) waiter();
  }

  /** Resolves when there is room and nothing is kept: at once where that is so, or at the end. */
  async whenReady(): Promise<void> {
    if (this.refusal === undefined && (this.#isBlocked || this.isHolding))
      await new Promise<void>((resolve) => this.#waiters.push(resolve));
  }

  /** Sends nothing more. What was kept is lost, and counted. */
  end(): void {
    this.refusal = "closed";
    this.lost += this.#held.length;
    this.#held.length = 0;
    this.ready();
  }

  #publish(parts: unknown[]): SendResult {
    const builder = this.#builderOf(parts[0] as AnyTLV);
    this.#claimed = undefined;
    builder.reset();
    for (let i = 0; i < parts.length; i += 2) builder.add(parts[i] as AnyTLV, parts[i + 1] as InputFor<AnyTLV>);
    const result = this.#send(builder);
    builder.reset();
    return result;
  }

  /** Messages of one connection may be of its relay's domain and of System: a builder each. */
  #builderOf(tlv: AnyTLV): TLVBuilder {
    const domain = tlv.domain === 0 ? (this.#options.domain ?? 0) : tlv.domain;
    const known = this.#builders[domain];
    if (known !== undefined) return known;
    const { source, checksum } = this.#options;
    if (source === undefined) {
      throw new AlphaPulseError("NO_SOURCE", "this connection only reads: connect(…, { source }) to publish");
    }
    if (domain === 0) {
      throw new AlphaPulseError("NO_DOMAIN", `${tlv.name} names no domain: give it one, or connect(…, { domain })`);
    }
    const made = new TLVBuilder({ domain, source, checksum, payloadBytesMax: PAYLOAD_BYTES_MAX });
    this.#builders[domain] = made;
    return made;
  }

  #send(builder: TLVBuilder): SendResult {
    if (this.refusal !== undefined) return this.refusal;
    const byteLength = builder.seal(this.#firstSequence + this.published, this.#stamp());
    const result = this.#held.length > 0 ? "backPressured" : this.#link.send(builder.buffer, 0, byteLength);
    const isTaken = result === "sent" || (result === "backPressured" && this.#hold(builder.buffer, byteLength));
    this.#isBlocked ||= result === "backPressured";
    if (!isTaken) return result;
    this.published++;
    return "sent";
  }

  #hold(buffer: MessageBuffer, byteLength: number): boolean {
    if (this.#heldBytes + byteLength > this.#options.holdBytesMax) return false;
    this.#held.push(messageBuffer(buffer.bytes.slice(0, byteLength)));
    this.#heldBytes += byteLength;
    return true;
  }

  #stamp(): number {
    const us = this.#clock.nowUs();
    if (us > this.#lastUs) this.#lastUs = us;
    return this.#lastUs;
  }
}
