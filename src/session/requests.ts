import { AlphaPulseError } from "../protocol/errors.js";
import type { Session } from "./session.js";

interface Pending {
  readonly answer: Promise<void>;
  readonly settle: (error?: AlphaPulseError) => void;
}

/** Questions that wait for their answers, each bounded in time. */
export class Requests {
  readonly #pending = new Map<string, Pending>();
  readonly #timeoutMs: number;
  readonly #peer: () => string;
  readonly #isHeldUp: () => boolean;
  #pongs = 0;

  /**
   * @param peer who is asked, for people
   * @param isHeldUp whether answers are not read at the moment, so that their time does not run out
   */
  constructor(timeoutMs: number, peer: () => string, isHeldUp: () => boolean = () => false) {
    this.#timeoutMs = timeoutMs;
    this.#peer = peer;
    this.#isHeldUp = isHeldUp;
  }

  /** A promise of an answer; the same one where it is awaited already. @returns rejects with TIMEOUT or what ended it */
  expect(key: string, what: string): Promise<void> {
    const known = this.#pending.get(key);
    if (known !== undefined) return known.answer;
    let settle: (error?: AlphaPulseError) => void = () => {};
    const answer = new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => {
        if (this.#isHeldUp()) timer.refresh();
        else
          settle(new AlphaPulseError("TIMEOUT", `${this.#peer()} did not answer ${what} within ${this.#timeoutMs} ms`));
      }, this.#timeoutMs);
      settle = (error) => {
        clearTimeout(timer);
        this.#pending.delete(key);
        if (error === undefined) resolve();
        else reject(error);
      };
    });
    // Whoever waits sees the error; an answer that nobody waits for any more must not be one of its own.
    answer.catch(() => {});
    this.#pending.set(key, { answer, settle });
    return answer;
  }

  /** Resolves when the other end has taken all that was sent over a session; rejects with TIMEOUT or what ended it. */
  async pong(session: Session): Promise<void> {
    const key = `pong:${++this.#pongs}`;
    const answer = this.expect(key, "Ping");
    session.ping(() => this.answered(key));
    void session.whenEnded().then(() => this.answered(key, session.disconnected()));
    await answer;
  }

  /** The answer has come: whether somebody waited for it. */
  answered(key: string, error?: AlphaPulseError): boolean {
    const known = this.#pending.get(key);
    known?.settle(error);
    return known !== undefined;
  }

  /** No answer will come any more. */
  rejectAll(error: AlphaPulseError): void {
    for (const { settle } of [...this.#pending.values()]) settle(error);
  }
}
