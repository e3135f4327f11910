import { AlphaPulseError } from "../protocol/errors.js";
import { Role } from "../tlvs/codes.js";
import { HelloTLV, PingTLV, type WelcomeTLV } from "../tlvs/session-control.js";
import { Requests } from "./requests.js";
import type { Session, SessionOptions } from "./session.js";

/** How a session begins: Hello until Welcome and, over datagrams, a Ping with the sessionId until its Pong. */
export class Greeting {
  readonly #session: Session;
  readonly #options: SessionOptions;
  readonly #requests: Requests;
  #token = new Uint8Array(0);
  #sessionId: bigint | undefined;
  #stopRepeating: () => void = () => {};
  #forget: () => void = () => {};

  constructor(session: Session, options: SessionOptions) {
    this.#session = session;
    this.#options = options;
    this.#requests = new Requests(options.timeoutMs, () => session.link.peer);
  }

  /** Resolves when it is over; rejects, with the session ended, where it does not come to that. */
  async begin(token: Uint8Array, signal?: AbortSignal): Promise<void> {
    this.#token = new Uint8Array(token);
    const aborted = (): void => this.failed(abortedError(this.#session.link.peer));
    signal?.addEventListener("abort", aborted);
    this.#forget = () => signal?.removeEventListener("abort", aborted);
    try {
      await this.#requests.expect("greeting", "Hello");
    } catch (error) {
      this.#session.destroy();
      throw error;
    } finally {
      this.stop();
    }
  }

  /** Says Hello. Over datagrams again, byte for byte, until it is answered. */
  hello(): void {
    const { source, name } = this.#options;
    const hello = this.#session.build(HelloTLV, {
      protocolVersion: 1,
      role: source === undefined ? Role.Consumer : Role.Both,
      compressionMask: 1,
      cipherMask: 1,
      sessionNonce: crypto.getRandomValues(new Uint8Array(16)),
      keyId: 0,
      name,
      token: this.#token,
    });
    this.#token = new Uint8Array(0);
    this.#repeat(() => this.#session.sayAhead(hello));
  }

  /** Takes a Welcome. @throws AlphaPulseError NOT_OFFERED */
  welcomed({ compression, cipher, protocolVersion, sessionId }: WelcomeTLV): void {
    const { link } = this.#session;
    if (compression !== 0 || cipher !== 0 || protocolVersion !== 1) {
      const picked = `compression ${compression}, cipher ${cipher}, protocol version ${protocolVersion}`;
      throw new AlphaPulseError("NOT_OFFERED", `${link.peer} picked what was not offered: ${picked}`);
    }
    if (link.datagrams === undefined) {
      this.#requests.answered("greeting");
      return;
    }
    link.datagrams.beginEnvelopes();
    link.datagrams.confirmPeer();
    this.#sessionId = sessionId;
    const { stamps } = this.#options;
    this.#repeat(() => this.#session.ahead(PingTLV, { nonce: sessionId, timestamp: stamps.nowNs() }));
  }

  /** A Pong came that nobody else waited for. */
  confirmed(nonce: bigint): void {
    if (nonce === this.#sessionId) this.#requests.answered("greeting");
  }

  /** It will not come to a session. */
  failed(error: AlphaPulseError): void {
    this.#requests.answered("greeting", error);
  }

  /** Says nothing more. */
  stop(): void {
    this.#forget();
    this.#stopRepeating();
    this.#requests.rejectAll(this.#session.disconnected());
  }

  #repeat(say: () => void): void {
    this.#stopRepeating();
    this.#stopRepeating = this.#session.repeat(say);
    say();
  }
}

/** Whoever wanted a connection does not want it any more. */
export function abortedError(peer: string): AlphaPulseError {
  return new AlphaPulseError("ABORTED", `${peer}: given up by its signal before it was connected`);
}
