import { TLVBuilder } from "../protocol/builder.js";
import { type Checksum, type ChecksumChoice, checksumOf, type WrittenChecksum } from "../protocol/checksum.js";
import { AlphaPulseError } from "../protocol/errors.js";
import { DOMAIN_OFFSET, PAYLOAD_BYTES_MAX } from "../protocol/header.js";
import type { MessageBuffer } from "../protocol/message-buffer.js";
import { MessageView } from "../protocol/message-view.js";
import type { SendResult } from "../protocol/publisher.js";
import type { AnyTLV, InputFor } from "../protocol/schema/tlv.js";
import { RelayDomain, Source } from "../protocol/tables.js";
import { checkMessage, firstTypeOf, isControlType, type MessageChecks } from "../protocol/walk.js";
import { GoodbyeCode } from "../tlvs/codes.js";
import { GoodbyeTLV, PingTLV, PongTLV, WelcomeTLV } from "../tlvs/session-control.js";
import type { Link, LinkLoss } from "../transports/transport.js";
import type { Outlet } from "./confirmations.js";
import { goodbyeError } from "./goodbye.js";
import { Greeting } from "./greeting.js";
import { everyInterval, Heartbeat } from "./heartbeat.js";
import type { Stamps } from "./stamps.js";

/** What a session tells the connection it is part of. */
export interface SessionHost {
  /** A data message that was checked; borrowed. */
  data(session: Session, view: MessageView, buffer: MessageBuffer, offset: number, byteLength: number): void;
  /** Control that is no affair of the session itself. */
  control(session: Session, type: number, view: MessageView): void;
  /** There is room again. */
  ready(session: Session): void;
  /** A message breaks the protocol, and is dropped. */
  malformed(error: AlphaPulseError): void;
  /** A link that is not lossless lost messages. */
  lost(loss: LinkLoss): void;
  /** The session cannot go on, and another one would not go better. */
  failed(error: AlphaPulseError): void;
  /** It has ended after it was open, by the other end or its link. */
  ended(session: Session, error: AlphaPulseError): void;
}

/** A control message, from the start of its memory. */
export interface ControlMessage {
  readonly buffer: MessageBuffer;
  readonly byteLength: number;
}

/** How sessions of one connection speak. */
export interface SessionOptions {
  readonly source: number | undefined;
  readonly name: string;
  readonly checksum: ChecksumChoice | undefined;
  readonly stamps: Stamps;
  readonly timeoutMs: number;
  readonly pingIntervalMs: number;
  /** False: no Hello and no other control. */
  readonly hasSession: boolean;
}

const WRONG_CHECKSUMS_MAX = 16;
/** On links that lose messages, what has no answer is said again this often. */
const REPEAT_MS = 250;
/** Control messages that may wait for room: more, and the session ends. */
const CONTROLS_MAX = 65_536 + 1_024;

/** One link, from Hello to Goodbye: control, pings, and the checks of what comes. */
export class Session implements Outlet {
  readonly link: Link;
  readonly #host: SessionHost;
  readonly #options: SessionOptions;
  readonly #checks: MessageChecks;
  readonly #view = new MessageView();
  readonly #greeting: Greeting;
  /** Who waits for which Pong. */
  readonly #pongs = new Map<bigint, () => void>();
  /** Control that waits for room, oldest first. */
  readonly #controls: ControlMessage[] = [];
  #heartbeat: Heartbeat | undefined;
  #nonces = 0n;
  #wrongChecksums = 0;
  #isPaused = false;
  #state: "greeting" | "open" | "ended" = "greeting";
  #goodbye: { readonly code: number; readonly reason: string } | undefined;
  readonly #ended: Promise<void>;
  #resolveEnded: () => void = () => {};

  constructor(link: Link, host: SessionHost, options: SessionOptions) {
    this.link = link;
    this.#host = host;
    this.#options = options;
    const checksum: Checksum | undefined = checksumOf(options.checksum ?? (link.isSameMemory ? "none" : "crc32c"));
    this.#checks = { checksum, payloadBytesMax: PAYLOAD_BYTES_MAX };
    this.#greeting = new Greeting(this, options);
    this.#ended = new Promise((resolve) => {
      this.#resolveEnded = resolve;
    });
  }

  /** Whether messages can be lost on its link. */
  get isLossy(): boolean {
    return this.link.datagrams !== undefined;
  }

  /** Whether nothing comes of it any more. */
  get hasEnded(): boolean {
    return this.#state === "ended";
  }

  /**
   * Begins: says Hello, and resolves when the other end has welcomed it.
   * @throws AlphaPulseError TIMEOUT, NOT_OFFERED, what a Goodbye said, or what ended the link; which is destroyed then
   */
  async greet(token: Uint8Array, signal?: AbortSignal): Promise<void> {
    const over = this.#options.hasSession ? this.#greeting.begin(token, signal) : undefined;
    this.link.start({
      message: (buffer, offset, byteLength) => this.#message(buffer, offset, byteLength),
      ready: () => this.#ready(),
      lost: (loss) => this.#host.lost(loss),
      broken: (error) => this.end(error),
      closed: (error) => this.#closed(error),
    });
    if (over === undefined) this.#state = "open";
    else {
      try {
        this.#greeting.hello();
      } catch (error) {
        this.end(error as AlphaPulseError); // that is what it rejects with
      }
      await over;
    }
  }

  /**
   * Sends control behind what was sent before. Where there is no room it waits for it.
   * @throws AlphaPulseError TOO_LARGE where the link can never carry it
   */
  control<T extends AnyTLV>(tlv: T, value: InputFor<T>): void {
    const control = this.build(tlv, value);
    const isQueued = this.#controls.length > 0;
    this.#left(control, isQueued ? "backPressured" : this.link.send(control.buffer, 0, control.byteLength));
  }

  /** Sends control before what waits to leave. */
  ahead<T extends AnyTLV>(tlv: T, value: InputFor<T>): void {
    this.sayAhead(this.build(tlv, value));
  }

  /** As {@link Session.ahead}, of what is built already. @throws AlphaPulseError TOO_LARGE */
  sayAhead(control: ControlMessage): void {
    this.#left(control, this.link.sendAhead(control.buffer, 0, control.byteLength));
  }

  /** A control message as it leaves. */
  build<T extends AnyTLV>(tlv: T, value: InputFor<T>): ControlMessage {
    const { source = Source.External, checksum, stamps } = this.#options;
    const written: WrittenChecksum = checksum === undefined || checksum === "none" ? "crc32c" : checksum;
    const builder = new TLVBuilder({ domain: RelayDomain.System, source, checksum: written });
    const byteLength = builder.add(tlv, value).seal(0, stamps.nextUs());
    return { buffer: builder.buffer, byteLength };
  }

  ping(answered: () => void): void {
    if (!this.#options.hasSession || this.#state === "ended") return;
    const nonce = ++this.#nonces;
    const ask = (): void => this.control(PingTLV, { nonce, timestamp: this.#options.stamps.nowNs() });
    const stop = this.repeat(ask);
    this.#pongs.set(nonce, () => {
      stop();
      answered();
    });
    ask();
  }

  /** Where messages can be lost, says something again and again until the session ends or the answer is called. */
  repeat(say: () => void): () => void {
    if (!this.isLossy) return () => {};
    const stop = everyInterval(REPEAT_MS, say);
    void this.#ended.then(stop);
    return stop;
  }

  pause(): void {
    this.#isPaused = true;
    if (this.#heartbeat !== undefined) this.#heartbeat.isPaused = true;
    this.link.pause();
  }

  resume(): void {
    this.#isPaused = false;
    if (this.#heartbeat !== undefined) this.#heartbeat.isPaused = false;
    this.link.resume();
  }

  /** Says Goodbye behind all that was sent. */
  goodbye(): void {
    if (this.#options.hasSession && this.#state === "open")
      this.control(GoodbyeTLV, { code: GoodbyeCode.ShuttingDown, reason: "closed" });
  }

  /** Ends it once what was sent has left. Bounded in time by its link. Its host is told nothing. */
  async close(): Promise<void> {
    this.#finish();
    await this.link.close();
  }

  /** Ends it at once. Its host is told nothing. */
  destroy(): void {
    this.#finish();
    this.link.destroy();
  }

  /** Ends it at once, for this reason. */
  end(error: AlphaPulseError): void {
    if (this.#state === "ended") return;
    const wasGreeting = this.#state === "greeting";
    if (wasGreeting) this.#greeting.failed(error);
    this.#finish();
    this.link.destroy();
    if (!wasGreeting) this.#host.ended(this, error);
  }

  /** Resolves when it has ended. */
  whenEnded(): Promise<void> {
    return this.#ended;
  }

  /** What its end means. */
  disconnected(): AlphaPulseError {
    const { peer } = this.link;
    if (this.#goodbye === undefined) return new AlphaPulseError("DISCONNECTED", `${peer} is gone: it closed or died`);
    return goodbyeError(peer, this.#goodbye.code, this.#goodbye.reason);
  }

  #finish(): void {
    if (this.#state === "ended") return;
    this.#state = "ended";
    this.#heartbeat?.stop();
    this.#greeting.stop();
    this.#pongs.clear();
    this.#controls.length = 0;
    this.#resolveEnded();
  }

  #message(buffer: MessageBuffer, offset: number, byteLength: number): void {
    if (this.#state === "ended") return;
    if (this.#heartbeat !== undefined) this.#heartbeat.hasHeard = true;
    try {
      checkMessage(buffer.view, offset, byteLength, this.#checks);
      this.#wrongChecksums = 0;
    } catch (error) {
      this.#malformed(error as AlphaPulseError);
      return;
    }
    const view = this.#view.wrap(buffer, offset, byteLength);
    const type = firstTypeOf(buffer.view, offset, byteLength);
    const isControl = buffer.view.getUint8(offset + DOMAIN_OFFSET) === RelayDomain.System && isControlType(type);
    try {
      if (isControl) this.#control(type, view);
      else if (this.#state === "open") this.#host.data(this, view, buffer, offset, byteLength);
    } catch (error) {
      this.#refused(error as AlphaPulseError);
    } finally {
      view.release();
    }
  }

  /** Dropped and counted and, where the checksums keep being wrong, the end. */
  #malformed(error: AlphaPulseError): void {
    this.#wrongChecksums = error.code === "CHECKSUM_MISMATCH" ? this.#wrongChecksums + 1 : 0;
    this.#host.malformed(error);
    if (this.#wrongChecksums >= WRONG_CHECKSUMS_MAX) this.#refused(error);
  }

  /** What the other end says cannot be lived with. */
  #refused(error: AlphaPulseError): void {
    if (this.#state === "greeting") this.end(error);
    else this.#host.failed(error);
  }

  #control(type: number, view: MessageView): void {
    if (type === WelcomeTLV.type) {
      if (this.#state !== "greeting") return; // the same Welcome once more
      const welcome = view.get(WelcomeTLV) as WelcomeTLV;
      this.#greeting.welcomed(welcome);
      this.#state = "open";
      const { pingIntervalMs, stamps } = this.#options;
      const ping = (): void => this.ahead(PingTLV, { nonce: ++this.#nonces, timestamp: stamps.nowNs() });
      this.#heartbeat = new Heartbeat(pingIntervalMs, ping, () => this.end(this.#silent()));
      this.#heartbeat.isPaused = this.#isPaused;
    } else if (type === PingTLV.type) {
      this.ahead(PongTLV, view.get(PingTLV) as PingTLV);
    } else if (type === PongTLV.type) {
      const { nonce } = view.get(PongTLV) as PongTLV;
      const answered = this.#pongs.get(nonce);
      this.#pongs.delete(nonce);
      if (answered === undefined) this.#greeting.confirmed(nonce);
      answered?.();
    } else if (type === GoodbyeTLV.type) {
      const { code, reason } = view.get(GoodbyeTLV) as GoodbyeTLV;
      this.#goodbye = { code, reason };
      // A link of datagrams does not tell of its end, and has nothing more to bring.
      if (this.isLossy) this.end(this.disconnected());
    } else {
      this.#host.control(this, type, view);
    }
  }

  #ready(): void {
    while (this.#controls.length > 0) {
      const { buffer, byteLength } = this.#controls[0] as ControlMessage;
      if (this.link.send(buffer, 0, byteLength) === "backPressured") return;
      this.#controls.shift();
    }
    if (this.#state !== "ended") this.#host.ready(this);
  }

  #left(control: ControlMessage, result: SendResult): void {
    if (result === "backPressured") this.#queue(control);
    if (result !== "tooLarge") return;
    const size = `a control message of ${control.byteLength} bytes is more than the link can carry`;
    throw new AlphaPulseError("TOO_LARGE", `${this.link.peer}: ${size}: ask for less in one`);
  }

  #queue(control: ControlMessage): void {
    if (this.#controls.length < CONTROLS_MAX) this.#controls.push(control);
    else this.end(this.#silent());
  }

  #closed(error: AlphaPulseError | undefined): void {
    this.end(this.#goodbye === undefined && error !== undefined ? error : this.disconnected());
  }

  #silent(): AlphaPulseError {
    return new AlphaPulseError("DISCONNECTED", `${this.link.peer} stopped answering`);
  }
}
