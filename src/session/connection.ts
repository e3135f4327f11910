import { type Clock, LiveClock } from "../protocol/clock.js";
import { AlphaPulseError } from "../protocol/errors.js";
import type { Publish, Publisher, SendResult } from "../protocol/publisher.js";
import type { AnyTLV, CountsFor, FlyweightOf } from "../protocol/schema/tlv.js";
import { ControlTLV, GapTLV } from "../tlvs/session-control.js";
import type { Address, Attachable, Link } from "../transports/transport.js";
import { Consumer } from "./consumer.js";
import { lossError, tellFailure } from "./failure.js";
import { isOfToken, isWorthRetrying } from "./goodbye.js";
import { abortedError } from "./greeting.js";
import { handlerError, Inbox } from "./inbox.js";
import { type Dial, dialOf, dialTo, openSession } from "./opening.js";
import { type CheckedOptions, type ConnectionStats, type ConnectOptions, checkedOptions } from "./options.js";
import { Outbox } from "./outbox.js";
import { Reconnector } from "./reconnector.js";
import { Requests } from "./requests.js";
import type { ReconnectOutcome } from "./resumption.js";
import type { Session, SessionHost, SessionOptions } from "./session.js";
import { Stamps } from "./stamps.js";
import { type Handlers, refusePromise, type SubscriptionRequest } from "./subscription.js";

/** Another link that a connection goes over to. */
interface Move {
  readonly dial: Dial;
  session: Session | undefined;
  /** Whether the new link brings messages already, so that it can take over where the old one ends. */
  hasJoined: boolean;
}

/** A session with a relay: publishes in order, subscribes, and fails loudly. Made by {@link connect}. */
export class Connection implements Publisher, AsyncDisposable {
  readonly publish: Publish;
  readonly #outbox: Outbox;
  readonly #inbox: Inbox;
  readonly #options: CheckedOptions;
  readonly #sessionOptions: SessionOptions;
  readonly #host: SessionHost;
  readonly #requests: Requests;
  readonly #consumer: Consumer;
  readonly #reconnector: Reconnector | undefined;
  readonly #ended: Promise<AlphaPulseError | undefined>;
  #resolveEnded: (error?: AlphaPulseError) => void = () => {};
  #dial: Dial;
  /** The link that is used; the last one where there is none. */
  #session: Session | undefined;
  #move: Move | undefined;
  /** Settles when it is known what became of each source after the last reconnect. */
  #resumed: Promise<unknown> = Promise.resolve();
  /** Ends attempts to get a link that are under way. */
  readonly #over = new AbortController();
  #flushes = 0;
  #reconnects = 0;
  #isPaused = false;
  #state: "opening" | "open" | "away" | "closing" | "ended" = "opening";
  #failure: AlphaPulseError | undefined;
  #closing: Promise<void> | undefined;

  private constructor(dial: Dial, options: CheckedOptions) {
    this.#dial = dial;
    this.#options = options;
    const { source, domain, incarnation, checksum, timeoutMs, holdBytesMax, reconnecting } = options;
    const clock: Clock = options.clock ?? new LiveClock();
    const stamps = new Stamps(clock);
    const { name = "", pingIntervalMs, hasSession } = options;
    this.#sessionOptions = { source, name, checksum, stamps, timeoutMs, pingIntervalMs, hasSession };
    const written = checksum === undefined || checksum === "none" ? "crc32c" : checksum;
    const isRetaining = reconnecting !== undefined;
    this.#outbox = new Outbox({ source, domain, incarnation, checksum: written, holdBytesMax, isRetaining }, stamps);
    this.publish = this.#outbox.publish;
    const { beforeMessage } = options;
    this.#inbox = new Inbox({ beforeMessage, failed: (error) => this.#fail(error) });
    this.#requests = new Requests(
      timeoutMs,
      () => this.#peer(),
      () => this.#isPaused || this.#state === "away",
    );
    this.#consumer = new Consumer(this.#inbox, this.#requests, (error) => this.#fail(error));
    if (reconnecting !== undefined) this.#reconnector = new Reconnector(reconnecting);
    this.#ended = new Promise((resolve) => {
      this.#resolveEnded = resolve;
    });
    this.#host = this.#makeHost();
  }

  /** A connection over this link alone. */
  static async open(link: Link, options: ConnectOptions): Promise<Connection> {
    const checked = checkedOptions(options, false);
    return new Connection(dialOf(link), checked).#opened();
  }

  /** A connection to this address. */
  static async to(target: Address | Attachable, options: ConnectOptions): Promise<Connection> {
    return new Connection(dialTo(target), checkedOptions(options, true)).#opened();
  }

  async #opened(): Promise<Connection> {
    const { signal, reconnecting } = this.#options;
    const attempt = async (): Promise<void> => this.#adopt(await this.#openSession(this.#dial, signal));
    const stop = (): void => this.#reconnector?.stop();
    signal?.addEventListener("abort", stop, { once: true });
    try {
      if (reconnecting?.initial !== true) await attempt();
      else if (!(await this.#reconnector?.run(attempt, undefined, false))) throw abortedError("connect");
    } catch (error) {
      this.#state = "ended";
      throw error;
    } finally {
      signal?.removeEventListener("abort", stop);
    }
    return this;
  }

  /** Resolves when the connection has ended: with the error that ended it, or with nothing where it was closed. */
  get ended(): Promise<AlphaPulseError | undefined> {
    return this.#ended;
  }

  /** Whether it has a link now; not while it reconnects. */
  get isConnected(): boolean {
    return this.#state === "open";
  }

  /** What it has done so far. */
  stats(): ConnectionStats {
    const { received, duplicates, malformed, lost } = this.#inbox;
    return {
      published: this.#outbox.published,
      received,
      duplicates,
      malformed,
      lost: lost + this.#outbox.lost,
      reconnects: this.#reconnects,
      pendingBytes: (this.#session?.link.pendingBytes ?? 0) + this.#outbox.heldBytes,
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
    this.#isPaused = true;
    for (const session of this.#sessions()) session.pause();
  }

  /** Goes on. */
  resume(): void {
    this.#isPaused = false;
    for (const session of this.#sessions()) session.resume();
  }

  /** Resolves when there is room again after a back-pressured send, or the connection has ended. */
  async ready(): Promise<void> {
    await this.#outbox.whenReady();
  }

  /**
   * Subscribes; messages come from when the relay has agreed. Several subscriptions of a connection are a union, each
   * with handlers of its own.
   * @throws AlphaPulseError REJECTED, TIMEOUT, DISCONNECTED, NO_SESSION or BAD_HANDLERS
   */
  async subscribe<const Types extends readonly AnyTLV[]>(
    request: SubscriptionRequest<Types>,
    handlers: Handlers<NoInfer<Types>>,
  ): Promise<void> {
    this.#checkAsking("subscribe");
    await this.#consumer.subscribe(request, handlers, this.#sessions());
  }

  /** Resolves when the relay has taken all that was published before. @throws AlphaPulseError TIMEOUT, NO_SESSION or DISCONNECTED */
  async flush(): Promise<void> {
    this.#checkAsking("flush");
    if (!this.#outbox.isRetaining && this.isHolding) await this.ready();
    this.#checkAsking("flush");
    const key = `flush:${++this.#flushes}`;
    const answered = this.#requests.expect(key, "Ping");
    const done = (): void => void this.#requests.answered(key);
    if (this.#outbox.isRetaining) this.#outbox.onConfirmed(done);
    else this.#session?.ping(done);
    await answered;
  }

  /**
   * Goes over to another address of the same relay, while messages flow: each comes once and in its source's order, and
   * what is published meanwhile goes over the new link, behind what went over the old one. Where it does not succeed the
   * connection stays where it is. Unsequenced messages that come meanwhile are taken from the old link.
   * @returns what became of each source, as after a reconnect
   * @throws AlphaPulseError MOVING where it does already, NO_SESSION, DISCONNECTED, or why the new link cannot be used
   */
  async moveTo(address: Address): Promise<ReconnectOutcome> {
    this.#checkAsking("moveTo");
    if (this.#move !== undefined) throw new AlphaPulseError("MOVING", "moveTo: the last move is not over");
    const leaving = this.#dial;
    const move: Move = { dial: dialTo(address), session: undefined, hasJoined: false };
    this.#move = move;
    try {
      move.session = await this.#openSession(move.dial);
      return await this.#moveOver(move, move.session);
    } catch (error) {
      this.#dial = leaving;
      if (move.session !== this.#session) {
        move.session?.destroy();
        if (this.#state === "open") this.#consumer.forget();
      } else move.session?.end(error as AlphaPulseError); // the old link is gone, and this one is of no use
      throw error;
    } finally {
      this.#move = undefined;
    }
  }

  /**
   * Ends the connection once what was sent has left and, with `reconnect`, is confirmed. Bounded in time.
   * @throws AlphaPulseError UNSENT where that did not come to pass: it has ended all the same, and messages are lost
   */
  close(): Promise<void> {
    if (this.#hasEnded()) return Promise.resolve();
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const { timeoutMs } = this.#options;
    const tooLate = new Promise((resolve) => setTimeout(resolve, timeoutMs).unref());
    await Promise.race([this.#outbox.settled(), this.#ended, tooLate]);
    if (this.#hasEnded()) return;
    this.#state = "closing";
    this.#stopTrying();
    this.#outbox.refusal = "closed";
    const session = this.#session as Session;
    if (!session.hasEnded) {
      session.goodbye();
      await session.close();
    }
    if (this.#hasEnded()) return;
    this.#end();
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** As {@link Connection.close}: for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #makeHost(): SessionHost {
    return {
      data: (session, view, buffer, offset, byteLength) => {
        // Only sequences tell that a message has come twice.
        if (view.sequence === 0 && session !== this.#session) return;
        this.#inbox.take(view, buffer, offset, byteLength);
      },
      control: ({ link }, type, view) => {
        if (type === ControlTLV.type) this.#consumer.control(view.get(ControlTLV) as ControlTLV, link.peer);
        else if (type === GapTLV.type) this.#consumer.gap(view.get(GapTLV) as GapTLV);
      },
      ready: (session) => {
        if (session === this.#session) this.#outbox.ready();
      },
      malformed: () => this.#inbox.drop(),
      lost: (loss) => this.#inbox.lostOnLink(loss),
      failed: (error) => this.#fail(error),
      ended: (session, error) => this.#sessionEnded(session, error),
    };
  }

  #openSession(dial: Dial, signal: AbortSignal = this.#over.signal): Promise<Session> {
    return openSession(dial, this.#host, this.#options.token, this.#sessionOptions, signal);
  }

  /** Uses this session from now on. @throws AlphaPulseError what ended it already */
  #adopt(session: Session): void {
    if (session.hasEnded) throw session.disconnected();
    if (this.#state !== "opening" && this.#state !== "away") {
      session.destroy();
      return;
    }
    const isFirst = this.#state === "opening";
    this.#session = session;
    this.#inbox.isLossy = session.isLossy;
    this.#state = "open";
    this.#reconnector?.up();
    if (this.#isPaused) session.pause();
    if (!isFirst) {
      this.#reconnects++;
      this.#resumed = this.#consumer.resume(session);
      this.#resumed.then(
        (outcome) => this.#call(this.#options.onReconnect, outcome as ReconnectOutcome, "onReconnect"),
        (error) => session.end(error),
      );
    }
    this.#outbox.attach(session);
  }

  #sessionEnded(session: Session, error: AlphaPulseError): void {
    if (session !== this.#session || this.#state !== "open") return;
    const move = this.#move;
    // What was sent and not confirmed can only be sent again where it is kept.
    const canTakeOver = this.#outbox.isRetaining || this.#options.source === undefined;
    if (move?.session !== undefined && move.hasJoined && !move.session.hasEnded && canTakeOver) {
      this.#outbox.detach();
      this.#switchTo(move);
      this.#outbox.attach(move.session);
    } else if (this.#reconnector !== undefined && this.#mayComeBack(session, error)) this.#away(error);
    else if (error.code !== "SHUTTING_DOWN") this.#fail(error);
    else {
      this.#end();
      if (this.#failure !== undefined) tellFailure(this.#failure, this.#options.onFailure);
    }
  }

  /** Whether another link may do better: always than one that a move tried, and than one whose token may have changed. */
  #mayComeBack(session: Session, error: AlphaPulseError): boolean {
    const mayRenew = typeof this.#options.token === "function" && this.#reconnector?.isSteady === true;
    return session === this.#move?.session || isWorthRetrying(error, true) || (mayRenew && isOfToken(error));
  }

  #away(error: AlphaPulseError): void {
    const reconnector = this.#reconnector as Reconnector;
    this.#state = "away";
    this.#outbox.detach();
    reconnector.down();
    this.#call(this.#options.onDisconnect, error, "onDisconnect");
    const attempt = async (): Promise<void> => this.#adopt(await this.#openSession(this.#dial));
    reconnector.run(attempt, error, true).catch((why) => this.#fail(why));
  }

  /** Joins what comes over both links, then lets the old one go. */
  async #moveOver(move: Move, arriving: Session): Promise<ReconnectOutcome> {
    await this.#resumed.catch(() => {});
    if (this.#state === "away") return this.#comeBack(move.dial, arriving);
    this.#checkAsking("moveTo");
    const leaving = this.#session as Session;
    if (this.#isPaused) arriving.pause();
    move.hasJoined = true;
    this.#inbox.isLossy = leaving.isLossy || arriving.isLossy;
    const outcome = await this.#consumer.resume(arriving);
    if (this.#session === leaving) await this.#leave(leaving, move, arriving);
    this.#checkAsking("moveTo");
    return outcome;
  }

  /** Where there is no link to leave, the new one is the next. */
  async #comeBack(dial: Dial, arriving: Session): Promise<ReconnectOutcome> {
    if (arriving.hasEnded) throw arriving.disconnected();
    this.#reconnector?.stop();
    this.#dial = dial;
    this.#adopt(arriving);
    return (await this.#resumed) as ReconnectOutcome;
  }

  /** What is published waits until the relay has taken all that went over the old link, and let go of its source. */
  async #leave(leaving: Session, move: Move, arriving: Session): Promise<void> {
    this.#outbox.suspend();
    try {
      await this.#requests.pong(leaving);
    } catch (error) {
      if (this.#session !== leaving) return; // it ended, and the new one has taken over
      if (this.#state === "open") this.#outbox.attach(leaving);
      throw error;
    }
    if (arriving.hasEnded) {
      this.#outbox.attach(leaving);
      throw arriving.disconnected();
    }
    this.#switchTo(move);
    leaving.goodbye();
    await this.#requests.pong(leaving).catch(() => {});
    await leaving.close();
    if (this.#session === arriving && this.#state === "open") this.#outbox.attach(arriving);
  }

  #switchTo({ dial, session }: Move): void {
    this.#dial = dial;
    this.#session = session;
    this.#inbox.isLossy = session?.isLossy === true;
    this.#reconnector?.up();
  }

  /** Those over which messages come. */
  #sessions(): Session[] {
    const arriving = this.#move?.hasJoined ? this.#move.session : undefined;
    return [this.#session, arriving].filter((session) => session !== undefined && !session.hasEnded) as Session[];
  }

  /** @throws AlphaPulseError NO_SESSION where nothing can be asked, or what ended it */
  #checkAsking(what: string): void {
    if (!this.#options.hasSession) {
      throw new AlphaPulseError("NO_SESSION", `${what}: with session: false a connection only publishes`);
    }
    if (this.#state === "ended" || this.#state === "closing") throw this.#failure ?? this.#gone();
  }

  #peer(): string {
    return this.#session?.link.peer ?? "the relay";
  }

  #hasEnded(): boolean {
    return this.#state === "ended";
  }

  #gone(): AlphaPulseError {
    return this.#session?.disconnected() ?? new AlphaPulseError("DISCONNECTED", "the connection has ended");
  }

  #call<T>(handler: ((value: T) => unknown) | undefined, value: T, name: string): void {
    try {
      refusePromise(handler?.(value));
    } catch (error) {
      this.#fail(handlerError(error, name));
    }
  }

  #fail(error: AlphaPulseError): void {
    if (this.#state === "ended" || this.#state === "opening") return;
    this.#failure = error;
    this.#session?.destroy();
    this.#end();
    tellFailure(this.#failure, this.#options.onFailure);
  }

  #stopTrying(): void {
    this.#reconnector?.stop();
    this.#over.abort();
    this.#move?.session?.destroy();
  }

  #end(): void {
    if (this.#state === "ended") return;
    this.#state = "ended";
    this.#stopTrying();
    const kept = this.#outbox.end();
    if (kept > 0) this.#failure = lossError(this.#failure, kept, this.#peer());
    this.#requests.rejectAll(this.#failure ?? this.#gone());
    this.#resolveEnded(this.#failure);
  }
}
