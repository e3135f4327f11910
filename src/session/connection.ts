import { type Checksum, type ChecksumChoice, checksumOf } from "../protocol/checksum.js";
import { type Clock, LiveClock } from "../protocol/clock.js";
import { AlphaPulseError, ProtocolError } from "../protocol/errors.js";
import { DOMAIN_OFFSET, PAYLOAD_BYTES_MAX } from "../protocol/header.js";
import type { MessageBuffer } from "../protocol/message-buffer.js";
import { MessageView } from "../protocol/message-view.js";
import type { Publish, Publisher, SendResult } from "../protocol/publisher.js";
import type { AnyTLV, CountsFor, FlyweightOf } from "../protocol/schema/tlv.js";
import { RelayDomain } from "../protocol/tables.js";
import { checkMessage, firstTypeOf, isControlType, type MessageChecks } from "../protocol/walk.js";
import { ControlOpcode, GoodbyeCode, Role } from "../tlvs/codes.js";
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
import { Outbox } from "./outbox.js";
import { Dispatcher, type GapNotice, type Handlers, type SubscriptionRequest } from "./subscription.js";

/** How {@link connect} connects. */
export interface ConnectOptions {
  /** Who publishes over this connection, one of Source or the user's own; without it the connection only reads. */
  readonly source?: number;
  /** What it calls itself; for the relay's statistics. */
  readonly name?: string;
  /** Where messages of a user's type belong when the type names no domain: one of RelayDomain. */
  readonly domain?: number;
  /** Stamps what is published; default the wall clock. */
  readonly clock?: Clock;
  /** The source's incarnation, 1 to 8,191; default random. */
  readonly incarnation?: number;
  /**
   * Which checksum it writes and verifies, by name or an implementation; `none` verifies nothing and writes `crc32c`. Default `crc32c`, verified where
   * messages come from outside of this process's memory.
   */
  readonly checksum?: ChecksumChoice;
  /**
   * How many bytes are kept while the link is back-pressured, to go before what is published later; default 0: a
   * message that cannot go at once is answered with `backPressured`.
   */
  readonly holdBytesMax?: number;
  /** Called with the time stamp of each data message, in whole microseconds, before its handlers. */
  readonly beforeMessage?: (timestampUs: number) => void;
  /** How long the relay may take to answer a request; default 5,000 ms. */
  readonly timeoutMs?: number;
  /**
   * Called once when the connection fails: a handler threw, a gap had no handler, the other end was lost or broke the
   * protocol. Without it a failure is thrown as an uncaught exception: it is never silent.
   */
  readonly onFailure?: (error: AlphaPulseError) => void;
}

/** What a connection has done so far. */
export interface ConnectionStats {
  /** Data messages that were sent. */
  readonly published: number;
  /** Data messages that came in. */
  readonly received: number;
  /** Messages that came in and were dropped because they break the protocol. */
  readonly malformed: number;
  /** Messages that were lost on the way here, as the relay told, where their number is known. */
  readonly lost: number;
  /** Bytes that wait to leave. */
  readonly pendingBytes: number;
}

const TIMEOUT_MS_DEFAULT = 5_000;
const WRONG_CHECKSUMS_MAX = 16;

interface Pending {
  readonly resolve: () => void;
  readonly reject: (error: AlphaPulseError) => void;
}

/** A session with a relay: publishes in order, subscribes, and fails loudly. Made by {@link connect}. */
export class Connection implements Publisher, AsyncDisposable {
  readonly publish: Publish;
  readonly #link: Link;
  readonly #outbox: Outbox;
  readonly #options: ConnectOptions;
  readonly #clock: Clock;
  readonly #checks: MessageChecks;
  readonly #dispatchers: Dispatcher[] = [];
  readonly #pending = new Map<string, Pending>();
  readonly #view = new MessageView();
  readonly #ended: Promise<AlphaPulseError | undefined>;
  #resolveEnded: (error?: AlphaPulseError) => void = () => {};
  #requests = 0;
  #received = 0;
  #malformed = 0;
  #lost = 0;
  #wrongChecksums = 0;
  #state: "greeting" | "open" | "closing" | "ended" = "greeting";
  #failure: AlphaPulseError | undefined;
  #goodbye: { readonly code: number; readonly reason: string } | undefined;

  private constructor(link: Link, options: ConnectOptions) {
    this.#link = link;
    this.#options = options;
    this.#clock = options.clock ?? new LiveClock();
    const checksum: Checksum | undefined = checksumOf(options.checksum ?? (link.isSameMemory ? "none" : "crc32c"));
    this.#checks = { checksum, payloadBytesMax: PAYLOAD_BYTES_MAX };
    const { source, domain, incarnation, checksum: choice = "crc32c", holdBytesMax = 0 } = options;
    const outgoing = {
      source,
      domain,
      incarnation,
      checksum: choice === "none" ? "crc32c" : choice,
      holdBytesMax,
    } as const;
    this.#outbox = new Outbox(link, outgoing, this.#clock);
    this.publish = this.#outbox.publish;
    this.#ended = new Promise((resolve) => {
      this.#resolveEnded = resolve;
    });
  }

  /** Says Hello over a fresh link and waits for Welcome. */
  static async open(link: Link, options: ConnectOptions): Promise<Connection> {
    const connection = new Connection(link, options);
    const welcomed = connection.#expect("welcome", "Hello");
    link.start({
      message: (buffer, offset, byteLength) => connection.#message(buffer, offset, byteLength),
      ready: () => connection.#outbox.ready(),
      broken: (error) => connection.#fail(error),
      closed: (error) => connection.#closed(error),
    });
    const hello = {
      protocolVersion: 1,
      role: options.source === undefined ? Role.Consumer : Role.Both,
      compressionMask: 1,
      cipherMask: 1,
      sessionNonce: crypto.getRandomValues(new Uint8Array(16)),
      keyId: 0,
      name: options.name ?? "",
      token: new Uint8Array(0),
    };
    connection.#outbox.control(HelloTLV, hello);
    try {
      await welcomed;
    } catch (error) {
      connection.#state = "ended";
      link.destroy();
      throw error;
    }
    return connection;
  }

  /** Resolves when the connection has ended: with the error that ended it, or with nothing where it was closed. */
  get ended(): Promise<AlphaPulseError | undefined> {
    return this.#ended;
  }

  /** What it has done so far. */
  stats(): ConnectionStats {
    return {
      published: this.#outbox.published,
      received: this.#received,
      malformed: this.#malformed,
      lost: this.#lost + this.#outbox.lost,
      pendingBytes: this.#link.pendingBytes,
    };
  }

  claim<T extends AnyTLV>(tlv: T, counts?: CountsFor<T>): FlyweightOf<T> {
    return this.#outbox.claim(tlv, counts);
  }

  append<T extends AnyTLV>(tlv: T, counts?: CountsFor<T>): FlyweightOf<T> {
    return this.#outbox.append(tlv, counts);
  }

  commit(): SendResult {
    return this.#outbox.commit();
  }

  /** Whether messages are kept until there is room for them. */
  get isHolding(): boolean {
    return this.#outbox.isHolding;
  }

  /** Takes no more messages in, soon; they wait at the relay. */
  pause(): void {
    this.#link.pause();
  }

  /** Goes on. */
  resume(): void {
    this.#link.resume();
  }

  /** Resolves when there is room again after a back-pressured send, or the connection has ended. */
  async ready(): Promise<void> {
    await this.#outbox.whenReady();
  }

  /**
   * Subscribes; messages come from when the relay has agreed. Several subscriptions of a connection are a union, each
   * with handlers of its own.
   * @throws AlphaPulseError REJECTED, TIMEOUT, DISCONNECTED or BAD_HANDLERS
   */
  async subscribe<const Types extends readonly AnyTLV[]>(
    request: SubscriptionRequest<Types>,
    handlers: Handlers<NoInfer<Types>>,
  ): Promise<void> {
    const dispatcher = new Dispatcher(request.types, handlers, request.label, request.instruments);
    const subscriptionId = ++this.#requests;
    const agreed = this.#expect(`subscribe:${subscriptionId}`, "Subscribe");
    this.#dispatchers.push(dispatcher);
    this.#outbox.control(SubscribeTLV, {
      subscriptionId,
      flags: 0,
      types: (request.wanted ?? request.types).map(({ type }) => ({ type })),
      instruments: (request.instruments ?? []).map((instrument) => ({ instrument })),
    });
    try {
      await agreed;
    } catch (error) {
      this.#dispatchers.splice(this.#dispatchers.indexOf(dispatcher), 1);
      throw error;
    }
  }

  /** Resolves when the relay has taken all that was published before. @throws AlphaPulseError TIMEOUT or DISCONNECTED */
  async flush(): Promise<void> {
    if (this.isHolding) await this.ready();
    const nonce = ++this.#requests;
    const answered = this.#expect(`ping:${nonce}`, "Ping");
    this.#outbox.control(PingTLV, { nonce: BigInt(nonce), timestamp: this.#clock.nowNs() });
    await answered;
  }

  /** Ends the connection once what was sent has left. Bounded in time. */
  async close(): Promise<void> {
    if (this.#state === "ended") return;
    const timeoutMs = this.#options.timeoutMs ?? TIMEOUT_MS_DEFAULT;
    if (this.isHolding)
      await Promise.race([this.ready(), new Promise((resolve) => setTimeout(resolve, timeoutMs).unref())]);
    this.#state = "closing";
    this.#outbox.refusal = "closed";
    this.#outbox.control(GoodbyeTLV, { code: GoodbyeCode.ShuttingDown, reason: "closed" });
    await this.#link.close();
    this.#end();
  }

  /** As {@link Connection.close}: for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** A promise of an answer, bounded in time. */
  #expect(key: string, what: string): Promise<void> {
    const timeoutMs = this.#options.timeoutMs ?? TIMEOUT_MS_DEFAULT;
    const answer = new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#pending.delete(key);
        reject(new AlphaPulseError("TIMEOUT", `${this.#link.peer} did not answer ${what} within ${timeoutMs} ms`));
      }, timeoutMs);
      const done = (): void => {
        clearTimeout(timer);
        this.#pending.delete(key);
      };
      this.#pending.set(key, {
        resolve: () => {
          done();
          resolve();
        },
        reject: (error) => {
          done();
          reject(error);
        },
      });
    });
    // Whoever waits sees the error; an answer that nobody waits for any more must not be one of its own.
    answer.catch(() => {});
    if (this.#state === "ended") this.#pending.get(key)?.reject(this.#disconnected());
    return answer;
  }

  #message(buffer: MessageBuffer, offset: number, byteLength: number): void {
    if (this.#state === "ended") return;
    try {
      checkMessage(buffer.view, offset, byteLength, this.#checks);
      this.#wrongChecksums = 0;
    } catch (error) {
      this.#drop(error as AlphaPulseError);
      return;
    }
    this.#view.wrap(buffer, offset, byteLength);
    let label: string | undefined;
    let isDelivering = false;
    try {
      const type = firstTypeOf(buffer.view, offset, byteLength);
      if (buffer.view.getUint8(offset + DOMAIN_OFFSET) === RelayDomain.System && isControlType(type)) {
        this.#answer(type);
        return;
      }
      if (this.#state === "greeting") return;
      this.#received++;
      this.#options.beforeMessage?.(this.#view.timestampUs);
      isDelivering = true;
      for (const dispatcher of this.#dispatchers) {
        label = dispatcher.label;
        dispatcher.message(this.#view, buffer, offset, byteLength);
      }
    } catch (error) {
      // A value that cannot be decoded is its sender's fault, and not a reason to end the session.
      if (isDelivering && isValueFault(error)) this.#drop(error);
      else this.#fail(handlerError(error, label));
    } finally {
      this.#view.release();
    }
  }

  /** A message that breaks the protocol is dropped, counted and, where the checksums keep being wrong, the end. */
  #drop(error: AlphaPulseError): void {
    this.#malformed++;
    this.#wrongChecksums = error.code === "CHECKSUM_MISMATCH" ? this.#wrongChecksums + 1 : 0;
    if (this.#wrongChecksums >= WRONG_CHECKSUMS_MAX) this.#fail(error);
    else this.#tellGap({ source: 0, from: 0, to: 0, reason: 1 });
  }

  #answer(type: number): void {
    const view = this.#view;
    if (type === WelcomeTLV.type) {
      const { compression, cipher, protocolVersion } = view.get(WelcomeTLV) as WelcomeTLV;
      if (compression !== 0 || cipher !== 0 || protocolVersion !== 1) {
        const picked = `compression ${compression}, cipher ${cipher}, protocol version ${protocolVersion}`;
        throw new AlphaPulseError("NOT_OFFERED", `${this.#link.peer} picked what was not offered: ${picked}`);
      }
      this.#state = "open";
      this.#outbox.refusal = undefined;
      this.#pending.get("welcome")?.resolve();
    } else if (type === ControlTLV.type) {
      const control = view.get(ControlTLV) as ControlTLV;
      const pending = this.#pending.get(`subscribe:${control.requestId}`);
      if (control.opcode === ControlOpcode.SubscribeAck) pending?.resolve();
      else if (control.opcode === ControlOpcode.Reject) this.#rejected(new TextDecoder().decode(control.body), pending);
    } else if (type === GapTLV.type) {
      const gap = view.get(GapTLV) as GapTLV;
      const from = Number(gap.fromSequence);
      const to = Number(gap.toSequence);
      this.#lost += to - from + 1;
      this.#tellGap({ source: gap.source, from, to, reason: gap.reason });
    } else if (type === PingTLV.type) {
      this.#outbox.control(PongTLV, view.get(PingTLV) as PingTLV);
    } else if (type === PongTLV.type) {
      this.#pending.get(`ping:${(view.get(PongTLV) as PongTLV).nonce}`)?.resolve();
    } else if (type === GoodbyeTLV.type) {
      const { code, reason } = view.get(GoodbyeTLV) as GoodbyeTLV;
      this.#goodbye = { code, reason };
    }
  }

  #rejected(why: string, pending: Pending | undefined): void {
    const error = new AlphaPulseError("REJECTED", `${this.#link.peer} refused: ${why}`);
    if (pending === undefined) this.#fail(error);
    else pending.reject(error);
  }

  #tellGap(gap: GapNotice): void {
    let label: string | undefined;
    try {
      for (const dispatcher of this.#dispatchers) {
        label = dispatcher.label;
        dispatcher.gap(gap);
      }
    } catch (error) {
      this.#fail(handlerError(error, label));
    }
  }

  #closed(error: AlphaPulseError | undefined): void {
    if (this.#state === "ended") return;
    const wasClosing = this.#state === "closing" || this.#goodbye?.code === GoodbyeCode.ShuttingDown;
    if (wasClosing) this.#end();
    else this.#fail(error ?? this.#disconnected());
  }

  #disconnected(): AlphaPulseError {
    const { peer } = this.#link;
    if (this.#goodbye === undefined) return new AlphaPulseError("DISCONNECTED", `${peer} is gone: it closed or died`);
    const { code, reason } = this.#goodbye;
    return new AlphaPulseError("GOODBYE", `${peer} ended the session: ${reason} (Goodbye ${code})`);
  }

  #fail(error: AlphaPulseError): void {
    if (this.#state === "ended") return;
    const wasGreeting = this.#state === "greeting";
    this.#failure = error;
    this.#end();
    this.#link.destroy();
    if (wasGreeting) return;
    if (this.#options.onFailure !== undefined) this.#options.onFailure(error);
    else {
      queueMicrotask(() => {
        throw error;
      });
    }
  }

  #end(): void {
    if (this.#state === "ended") return;
    this.#state = "ended";
    const error = this.#failure ?? this.#disconnected();
    for (const pending of [...this.#pending.values()]) pending.reject(error);
    this.#outbox.end();
    this.#resolveEnded(this.#failure);
  }
}

/** An error of a handler, with what it is called. */
function handlerError(error: unknown, label: string | undefined): AlphaPulseError {
  const where = label === undefined ? "" : `${label}: `;
  if (error instanceof AlphaPulseError) {
    return where === "" ? error : new AlphaPulseError(error.code, where + error.message, { cause: error });
  }
  const said = error instanceof Error ? error.message : String(error);
  return new AlphaPulseError("HANDLER_FAILED", `${where}a handler threw: ${said}`, { cause: error });
}

function isValueFault(error: unknown): error is ProtocolError {
  return error instanceof ProtocolError && (error.code === "BAD_LENGTH" || error.code === "BAD_TEXT");
}
