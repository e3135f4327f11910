import type { Link } from "../transports/transport.js";
import type { Retention } from "./retention.js";

/** Where an outbox sends: a link, and Pings behind what was sent over it. */
export interface Outlet {
  readonly link: Link;
  /** Asks whether all that was sent before has been taken. @param answered called with the answer, if one comes */
  ping(answered: () => void): void;
}

/** After this many bytes the relay is asked, or after this share of what is kept where that is less. */
const ASK_BYTES = 64 << 10;
const ASK_SHARE = 1 / 4;
/** After this long, where fewer wait. */
const ASK_AFTER_MS = 20;

/**
 * Learns what the relay has taken: it answers Pings in the order in which it takes messages, so that a Pong says it of all
 * that went before its Ping. One question at a time.
 */
export class Confirmations {
  readonly #retention: Retention;
  readonly #confirmed: () => void;
  #outlet: Outlet | undefined;
  #isAsking = false;
  #timer: NodeJS.Timeout | undefined;
  #awaited: { readonly position: number; readonly done: () => void }[] = [];

  /** @param confirmed called when messages were let go of */
  constructor(retention: Retention, confirmed: () => void) {
    this.#retention = retention;
    this.#confirmed = confirmed;
  }

  /** Asks over this link from now on; undefined = there is none. Answers of the last one do not count. */
  over(outlet: Outlet | undefined): void {
    this.#outlet = outlet;
    this.#isAsking = false;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** Messages were sent: asks where enough wait, or soon. */
  sent(): void {
    const { unconfirmedBytes, bytesMax } = this.#retention;
    if (unconfirmedBytes === 0 || this.#isAsking) return;
    if (unconfirmedBytes >= Math.min(ASK_BYTES, bytesMax * ASK_SHARE) || this.#awaited.length > 0) this.ask();
    else this.#timer ??= setTimeout(() => this.ask(), ASK_AFTER_MS).unref();
  }

  /** Asks now, where anything waits. */
  ask(): void {
    const outlet = this.#outlet;
    const retention = this.#retention;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (outlet === undefined || this.#isAsking || retention.unconfirmedBytes === 0) return;
    this.#isAsking = true;
    const position = retention.sentPosition;
    outlet.ping(() => {
      if (this.#outlet !== outlet) return;
      this.#isAsking = false;
      retention.confirm(position);
      this.#tell(position);
      this.#confirmed();
      this.sent();
    });
  }

  /** Calls back when all up to a position is confirmed. */
  on(position: number, done: () => void): void {
    this.#awaited.push({ position, done });
    this.#tell(this.#retention.sentPosition - this.#retention.unconfirmedBytes);
    this.ask();
  }

  #tell(confirmed: number): void {
    const over = this.#awaited.filter(({ position }) => position <= confirmed);
    if (over.length === 0) return;
    this.#awaited = this.#awaited.filter(({ position }) => position > confirmed);
    for (const { done } of over) done();
  }
}
