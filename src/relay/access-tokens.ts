import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { AlphaPulseError } from "../protocol/errors.js";
import { Role } from "../tlvs/codes.js";

/** What one token opens. */
export interface AccessToken {
  /** The secret itself, at least 16 bytes; text counts as UTF-8. Only its hash is kept. */
  readonly token: string | Uint8Array;
  /** The sources that may be published with it; default all. */
  readonly sources?: readonly number[];
  /** Whether one may publish with it, subscribe, or both; default both. */
  readonly roles?: "producer" | "consumer" | "both";
  /** What it is called in reports, and where it is revoked. */
  readonly name?: string;
}

/** What a session may do. */
export interface Grant {
  /** What its token is called; empty where it has no name. */
  readonly name: string;
  /** Undefined: all. */
  readonly sources: ReadonlySet<number> | undefined;
  readonly mayPublish: boolean;
  readonly maySubscribe: boolean;
}

interface Entry {
  readonly hash: Buffer;
  readonly grant: Grant;
}

const TOKEN_BYTES_MIN = 16;
/** What a Hello carries at most. */
const TOKEN_BYTES_MAX = 65_535;
const ENTRIES_MAX = 10_000;
const ROLES = ["producer", "consumer", "both"];

/** Hashes are of no use outside of this process, nor in its next life. */
const key = /* @__PURE__ */ randomBytes(32);

/**
 * The tokens that a relay takes, and what each allows. They can be changed while it runs: a session whose token is gone
 * ends with Goodbye 1. Tokens themselves are not kept, only their hashes under a key of this process.
 */
export class AccessTokens {
  #entries: readonly Entry[] = [];
  readonly #listeners = new Set<() => void>();

  /** @throws AlphaPulseError BAD_OPTION */
  constructor(tokens: readonly AccessToken[] = []) {
    this.#entries = entriesOf(tokens);
  }

  /** How many there are. */
  get count(): number {
    return this.#entries.length;
  }

  /** Takes these instead of all that were there. A session whose token stays, with the same rights, goes on. @throws AlphaPulseError BAD_OPTION */
  replace(tokens: readonly AccessToken[]): void {
    const fresh = entriesOf(tokens);
    this.#change(fresh.map((entry) => this.#entries.find((old) => isSame(old, entry)) ?? entry));
  }

  /** Takes one more. @throws AlphaPulseError BAD_OPTION where it cannot be, or is there already */
  add(token: AccessToken): void {
    const [entry] = entriesOf([token]);
    if (this.#entries.length >= ENTRIES_MAX) throw badTokens(`there are ${ENTRIES_MAX} already`);
    if (this.#entries.some(({ hash }) => hash.equals((entry as Entry).hash))) throw badTokens("one is there already");
    this.#change([...this.#entries, entry as Entry]);
  }

  /** Takes one no longer: the token, or all of a name. @returns whether there was one */
  revoke(token: { readonly token: string | Uint8Array } | { readonly name: string }): boolean {
    const hash = "token" in token ? hashOf(bytesOf(token.token)) : undefined;
    const isGone = (entry: Entry): boolean =>
      hash === undefined
        ? "name" in token && token.name !== "" && entry.grant.name === token.name
        : timingSafeEqual(entry.hash, hash);
    const left = this.#entries.filter((entry) => !isGone(entry));
    const wasThere = left.length < this.#entries.length;
    if (wasThere) this.#change(left);
    return wasThere;
  }

  /** What a token allows, or undefined. Takes the same time whichever it is, and where it is none. @internal */
  grantOf(token: Uint8Array): Grant | undefined {
    const hash = hashOf(token);
    let grant: Grant | undefined;
    // All are compared, also after one has matched.
    for (const entry of this.#entries) if (timingSafeEqual(entry.hash, hash)) grant = entry.grant;
    return grant;
  }

  /** Whether what a token allowed is still allowed. @internal */
  allows(grant: Grant): boolean {
    return this.#entries.some((entry) => entry.grant === grant);
  }

  /** Calls back after each change, until the returned function is called. @internal */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  #change(entries: readonly Entry[]): void {
    this.#entries = entries;
    for (const listener of this.#listeners) listener();
  }
}

function entriesOf(tokens: readonly AccessToken[]): Entry[] {
  if (tokens.length > ENTRIES_MAX) throw badTokens(`${tokens.length} are more than ${ENTRIES_MAX}`);
  const entries = tokens.map(entryOf);
  if (new Set(entries.map(({ hash }) => hash.toString("hex"))).size < entries.length)
    throw badTokens("one is there twice");
  return entries;
}

function entryOf({ token, sources, roles = "both", name = "" }: AccessToken, index: number): Entry {
  const bytes = bytesOf(token);
  const which = name === "" ? `token ${index}` : `token ${name}`;
  if (bytes.byteLength < TOKEN_BYTES_MIN || bytes.byteLength > TOKEN_BYTES_MAX) {
    throw badTokens(`${which} has ${bytes.byteLength} bytes, not ${TOKEN_BYTES_MIN} to ${TOKEN_BYTES_MAX}`);
  }
  if (!ROLES.includes(roles)) throw badTokens(`the roles of ${which} are producer, consumer or both`);
  const strange = sources?.find((source) => !Number.isInteger(source) || source < 0 || source > 0xffff);
  if (strange !== undefined) throw badTokens(`${which} names source ${strange}, which is none of 0 to 65,535`);
  return {
    hash: hashOf(bytes),
    grant: {
      name,
      sources: sources === undefined ? undefined : new Set(sources),
      mayPublish: roles !== "consumer",
      maySubscribe: roles !== "producer",
    },
  };
}

function isSame(a: Entry, b: Entry): boolean {
  const rights = ({ grant: { name, sources, mayPublish, maySubscribe } }: Entry): string =>
    JSON.stringify([name, sources && [...sources].sort((x, y) => x - y), mayPublish, maySubscribe]);
  return a.hash.equals(b.hash) && rights(a) === rights(b);
}

function bytesOf(token: string | Uint8Array): Uint8Array {
  return typeof token === "string" ? new TextEncoder().encode(token) : token;
}

function hashOf(token: Uint8Array): Buffer {
  return createHmac("sha256", key).update(token).digest();
}

function badTokens(why: string): AlphaPulseError {
  return new AlphaPulseError("BAD_OPTION", `AccessTokens: ${why}`);
}

/** Whether a Hello's role goes with what its token allows. */
export function allowsRole({ mayPublish, maySubscribe }: Grant, role: number): boolean {
  if (role === Role.Producer) return mayPublish;
  if (role === Role.Consumer) return maySubscribe;
  return mayPublish || maySubscribe; // both, or one that is not known: each act is looked at
}
