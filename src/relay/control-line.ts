import type { TLVBuilder } from "../protocol/builder.js";
import type { AnyTLV, InputFor } from "../protocol/schema/tlv.js";
import type { Link } from "../transports/transport.js";

/** Control messages that may wait for a link with no room. */
const WAITING_MAX = 1_024;

/** Builds a relay's control messages, stamped by it. */
export interface ControlStamp {
  readonly builder: TLVBuilder;
  nowUs(): number;
}

/** Says control messages over one link, bounded. */
export class ControlLine {
  readonly #link: Link;
  readonly #stamp: ControlStamp;
  readonly #overflowed: (waiting: number) => void;
  readonly #waiting: (() => boolean)[] = [];

  /** @param overflowed called where more would have to wait than may: the link is to be let go */
  constructor(link: Link, stamp: ControlStamp, overflowed: (waiting: number) => void) {
    this.#link = link;
    this.#stamp = stamp;
    this.#overflowed = overflowed;
  }

  /** Whether something waits for room. */
  get isWaiting(): boolean {
    return this.#waiting.length > 0;
  }

  /** Says something that belongs where it stands among the data. @returns whether it has left */
  say<T extends AnyTLV>(tlv: T, value: InputFor<T>): boolean {
    const trySend = (): boolean => this.#send(tlv, value, false);
    return (!this.isWaiting && trySend()) || this.#hold(trySend);
  }

  /** Says something that must not wait behind data. @returns whether it has left */
  sayAhead<T extends AnyTLV>(tlv: T, value: InputFor<T>): boolean {
    const trySend = (): boolean => this.#send(tlv, value, true);
    return trySend() || this.#hold(trySend);
  }

  /** The link has room. @returns whether all that waited has left */
  flush(): boolean {
    while (this.#waiting.length > 0) {
      if (!(this.#waiting[0] as () => boolean)()) return false;
      this.#waiting.shift();
    }
    return true;
  }

  #hold(trySend: () => boolean): false {
    if (this.#waiting.length >= WAITING_MAX) this.#overflowed(WAITING_MAX);
    else this.#waiting.push(trySend);
    return false;
  }

  #send<T extends AnyTLV>(tlv: T, value: InputFor<T>, ahead: boolean): boolean {
    const { builder } = this.#stamp;
    builder.reset();
    const byteLength = builder.add(tlv, value).seal(0, this.#stamp.nowUs());
    const { buffer } = builder;
    const result = ahead ? this.#link.sendAhead(buffer, 0, byteLength) : this.#link.send(buffer, 0, byteLength);
    // Not connected: over datagrams, it has not shown yet where it is.
    return result !== "backPressured" && result !== "notConnected";
  }
}
