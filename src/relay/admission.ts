import { DOMAIN_OFFSET } from "../protocol/header.js";
import type { MessageBuffer } from "../protocol/message-buffer.js";
import { RelayDomain } from "../protocol/tables.js";
import { firstTypeOf } from "../protocol/walk.js";
import { GoodbyeCode } from "../tlvs/codes.js";
import { HelloTLV } from "../tlvs/session-control.js";
import { type AccessTokens, allowsRole } from "./access-tokens.js";
import type { Member } from "./member.js";
import type { RefusalCause } from "./reports.js";

/** What of a relay its admission works with. */
export interface AdmissionHost {
  readonly auth: AccessTokens;
  readonly unauthenticatedMax: number;
  readonly helloTimeoutMs: number;
  readonly helloBytesMax: number;
  readonly refusalDelayMs: number;
  /** Takes a Hello, which comes back to {@link Admission.check}. */
  take(guest: Member, buffer: MessageBuffer, offset: number, byteLength: number): void;
  /** The guest has shown its token. @returns whether there is room for it */
  join(guest: Member): boolean;
  refuse(guest: Member, source: number, cause: RefusalCause, detail: string): RefusalCause;
}

/**
 * Keeps those who have not shown a token apart from the members: nothing but a Hello is read of them, nothing is sent to
 * them, and they have limits of their own, so that a flood of them locks nobody out.
 */
export class Admission {
  readonly #host: AdmissionHost;
  /** Those that are not refused yet, oldest first. */
  readonly #guests = new Map<Member, NodeJS.Timeout>();
  /** Those that will be told so. */
  readonly #refused = new Map<Member, NodeJS.Timeout>();

  constructor(host: AdmissionHost) {
    this.#host = host;
  }

  /** Somebody comes. Where there are too many, the one that has been here longest goes. */
  receive(guest: Member): void {
    const { unauthenticatedMax, helloTimeoutMs } = this.#host;
    const oldest = this.#refused.keys().next().value ?? this.#guests.keys().next().value;
    if (oldest !== undefined && this.#guests.size + this.#refused.size >= unauthenticatedMax) {
      this.leave(oldest); // its link may end later
      oldest.link.destroy();
    }
    const timer = setTimeout(() => {
      this.#host.refuse(guest, 0, "notAllowed", `no Hello within ${helloTimeoutMs} ms`);
      guest.link.destroy();
    }, helloTimeoutMs).unref();
    this.#guests.set(guest, timer);
  }

  /** Whether it has not been let in. */
  has(guest: Member): boolean {
    return this.#guests.has(guest) || this.#refused.has(guest);
  }

  /** A guest sends something. */
  message(guest: Member, buffer: MessageBuffer, offset: number, byteLength: number): void {
    if (!this.#guests.has(guest)) return; // refused: it is not read any more
    const { view } = buffer;
    const isHello =
      view.getUint8(offset + DOMAIN_OFFSET) === RelayDomain.System &&
      firstTypeOf(view, offset, byteLength) === HelloTLV.type;
    if (!isHello) return this.refuse(guest, "something else came before a Hello");
    const { helloBytesMax } = this.#host;
    if (byteLength > helloBytesMax) return this.refuse(guest, `a Hello of ${byteLength} bytes passes ${helloBytesMax}`);
    this.#host.take(guest, buffer, offset, byteLength);
    // One that could not be read was not checked either.
    if (this.#guests.has(guest) && guest.standing === "new") this.refuse(guest, "a Hello that cannot be read");
  }

  /** Holds a Hello against the tokens, and lets its sender in or not. */
  check(guest: Member, { token, role }: HelloTLV): boolean {
    // Over a link that others can read, a token is nobody's secret any more.
    const grant = guest.link.isPrivate ? this.#host.auth.grantOf(token) : undefined;
    if (grant === undefined || !allowsRole(grant, role)) {
      this.refuse(guest, grant === undefined ? "no token that is known" : "its token does not allow its role");
      return false;
    }
    guest.grant = grant;
    this.leave(guest);
    return this.#host.join(guest);
  }

  /** Sends it away, after a time that does not depend on what was wrong. Nothing more is read of it. */
  refuse(guest: Member, why: string): void {
    if (this.#refused.has(guest)) return;
    clearTimeout(this.#guests.get(guest));
    this.#guests.delete(guest);
    guest.link.pause();
    this.#host.refuse(guest, 0, "notAllowed", why);
    const sendAway = (): void => void guest.goodbye(GoodbyeCode.NotAuthorized, "not authorized");
    this.#refused.set(guest, setTimeout(sendAway, this.#host.refusalDelayMs).unref());
  }

  /** It is no guest any more: let in, or gone. */
  leave(guest: Member): void {
    clearTimeout(this.#guests.get(guest));
    clearTimeout(this.#refused.get(guest));
    this.#guests.delete(guest);
    this.#refused.delete(guest);
  }

  /** Lets all of them go. */
  close(): void {
    for (const guest of [...this.#guests.keys(), ...this.#refused.keys()]) guest.link.destroy();
  }
}
