import { TLVBuilder } from "../protocol/builder.js";
import type { WrittenChecksum } from "../protocol/checksum.js";
import { AlphaPulseError } from "../protocol/errors.js";
import { HEADER_BYTES, PAYLOAD_BYTES_MAX } from "../protocol/header.js";
import type { MessageBuffer } from "../protocol/message-buffer.js";
import type { Publish, Publisher, SendResult } from "../protocol/publisher.js";
import type { AnyTLV, CountsFor, FlyweightOf, InputFor } from "../protocol/schema/tlv.js";
import { Confirmations, type Outlet } from "./confirmations.js";
import { Retention } from "./retention.js";
import type { Stamps } from "./stamps.js";

/** How an {@link Outbox} sends. */
export interface OutboxOptions {
  readonly source: number | undefined;
  readonly domain: number | undefined;
  readonly checksum: WrittenChecksum;
  readonly incarnation: number | undefined;
  readonly holdBytesMax: number;
  /** Whether messages are kept until the relay confirmed them, and sent again over the next link. */
  readonly isRetaining: boolean;
}

const INCARNATION_MAX = 8_191;
const COUNTER_LIMIT = 2 ** 40;
/** What is kept while a connection moves, at least. */
const MOVING_BYTES_MIN = 1 << 20;

/**
 * The sending side of a connection: builds, numbers, stamps and, where it may, keeps messages until there is room for
 * them or, with `isRetaining`, until they are confirmed.
 */
export class Outbox implements Publisher {
  readonly publish: Publish;
  /** Why nothing can be published now; undefined where it can. */
  refusal: "notConnected" | "closed" | undefined = "notConnected";
  /** Data messages that were taken. */
  published = 0;
  /** Data messages that were taken and could not be sent any more. */
  lost = 0;
  readonly #options: OutboxOptions;
  readonly #stamps: Stamps;
  readonly #builders: (TLVBuilder | undefined)[] = [];
  readonly #firstSequence: number;
  readonly #retention: Retention;
  readonly #confirmations: Confirmations | undefined;
  readonly #waiters: (() => void)[] = [];
  /** Where messages leave now; undefined while there is no link, or the connection moves. */
  #outlet: Outlet | undefined;
  /** Whether a message did not go for want of room, and none has been told of since. */
  #isBlocked = false;
  #isPumping = false;
  #claimed: TLVBuilder | undefined;

  /** @throws AlphaPulseError BAD_OPTION */
  constructor(options: OutboxOptions, stamps: Stamps) {
    this.#options = options;
    this.#stamps = stamps;
    const drawn = 1 + ((crypto.getRandomValues(new Uint16Array(1))[0] as number) % INCARNATION_MAX);
    const { incarnation = drawn } = options;
    if (!Number.isInteger(incarnation) || incarnation < 1 || incarnation > INCARNATION_MAX) {
      throw new AlphaPulseError("BAD_OPTION", `connect: incarnation ${incarnation} is not 1 to ${INCARNATION_MAX}`);
    }
    this.#firstSequence = incarnation * COUNTER_LIMIT + 1;
    this.#retention = new Retention(options.holdBytesMax);
    if (options.isRetaining) this.#confirmations = new Confirmations(this.#retention, () => this.#wake());
    this.publish = ((...parts: unknown[]) => this.#publish(parts)) as Publish;
  }

  /** Whether messages are kept until there is room for them. */
  get isHolding(): boolean {
    return this.#retention.unsentCount > 0;
  }

  /** Whether messages are kept until they are confirmed. */
  get isRetaining(): boolean {
    return this.#options.isRetaining;
  }

  /** Whether any message is not known to have arrived. Only where it {@link Outbox.isRetaining}. */
  get isUnconfirmed(): boolean {
    return this.#retention.count > 0;
  }

  /** Bytes that were not sent yet. */
  get heldBytes(): number {
    return this.#retention.unsentBytes;
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

  /** Sends over this link from now on: what was not confirmed first, then what was kept. */
  attach(outlet: Outlet): void {
    this.#outlet = outlet;
    this.#retention.bytesMax = this.#options.holdBytesMax;
    this.refusal = undefined;
    this.#confirmations?.over(outlet);
    this.ready();
  }

  /** The link is lost: messages are kept, and those that were not confirmed will go again. */
  detach(): void {
    this.#outlet = undefined;
    this.#confirmations?.over(undefined);
    this.#retention.rewind();
  }

  /** Keeps what is published until the next {@link Outbox.attach}; what was sent stays sent. */
  suspend(): void {
    this.#outlet = undefined;
    this.#retention.bytesMax = Math.max(this.#options.holdBytesMax, MOVING_BYTES_MIN);
  }

  /** The link has room: sends what was kept, then tells whoever waits. */
  ready(): void {
    this.#pump();
    this.#wake();
  }

  /** Resolves when there is room and nothing is kept: at once where that is so, or at the end. */
  async whenReady(): Promise<void> {
    if (this.refusal === undefined && (this.#isBlocked || this.isHolding))
      await new Promise<void>((resolve) => this.#waiters.push(resolve));
  }

  /** Calls back when all that was published so far is confirmed. Only where it {@link Outbox.isRetaining}. */
  onConfirmed(done: () => void): void {
    this.#confirmations?.on(this.#retention.tailPosition, done);
  }

  /** Resolves when all that was published is confirmed or, where that is not asked for, has left. */
  async settled(): Promise<void> {
    if (!this.isRetaining) await (this.isHolding ? this.whenReady() : undefined);
    else if (this.isUnconfirmed) await new Promise<void>((resolve) => this.onConfirmed(resolve));
  }

  /** Sends nothing more. What is not known to have left, or arrived, is lost, and counted. @returns how many are */
  end(): number {
    this.refusal = "closed";
    this.detach();
    const { count } = this.#retention;
    this.lost += count;
    this.#retention.confirm(this.#retention.tailPosition);
    this.#retention.rewind();
    this.#wake();
    return count;
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
    const byteLength = builder.seal(this.#firstSequence + this.published, this.#stamps.nextUs());
    const outlet = this.#outlet;
    if (this.#confirmations !== undefined || outlet === undefined || this.isHolding) {
      return this.#keep(builder.buffer, byteLength);
    }
    const result = outlet.link.send(builder.buffer, 0, byteLength);
    if (result === "backPressured") return this.#keep(builder.buffer, byteLength);
    if (result === "sent") this.published++;
    return result;
  }

  /** Takes a message behind those that are kept, where there is room for it, and sends what can go. */
  #keep(buffer: MessageBuffer, byteLength: number): SendResult {
    const retention = this.#retention;
    const payloadBytesMax = this.#outlet?.link.payloadBytesMax ?? PAYLOAD_BYTES_MAX;
    if (byteLength > HEADER_BYTES + payloadBytesMax) return "tooLarge";
    // One message that is larger than the bound goes by itself: it could not be confirmed otherwise.
    const isAlone = this.#confirmations !== undefined && retention.count === 0;
    if (!isAlone && !retention.hasRoomFor(byteLength)) {
      this.#isBlocked = true;
      this.#confirmations?.ask();
      return "backPressured";
    }
    retention.append(buffer, 0, byteLength);
    this.published++;
    if (this.#confirmations === undefined)
      this.#isBlocked = true; // it is here because there was no room
    else this.#pump();
    return "sent";
  }

  /** Sends what is kept, as far as there is room. */
  #pump(): void {
    const outlet = this.#outlet;
    const retention = this.#retention;
    if (this.#isPumping || outlet === undefined) return;
    this.#isPumping = true;
    while (this.#outlet === outlet && retention.peek()) {
      const { byteLength } = retention;
      retention.advance(); // before it is sent: within one thread the other end runs now, and may end this link
      const result = outlet.link.send(retention.buffer, retention.offset, byteLength);
      if (this.#outlet !== outlet) break; // all is to be sent again, or nothing
      if (result === "tooLarge") {
        this.lost++; // of a link that carries less than the one before
      } else if (result !== "sent") {
        retention.stepBack(byteLength);
        this.#isBlocked = true;
        break;
      }
      if (this.#confirmations === undefined) retention.confirm(retention.sentPosition);
    }
    this.#isPumping = false;
    this.#confirmations?.sent();
  }

  /** Tells whoever waits, where nothing is kept for want of room, and there is some. */
  #wake(): void {
    if (this.refusal === undefined && this.isHolding) return;
    const hasRoom = this.#confirmations === undefined || this.#retention.bytes <= this.#retention.bytesMax / 2;
    if (this.refusal === undefined && !hasRoom) return;
    this.#isBlocked = false;
    for (const waiter of this.#waiters.splice(0)) waiter();
  }
}
