import type { AlphaPulseError } from "../protocol/errors.js";
import { localLinks } from "../transports/local.js";
import type { Address, Attachable, Link } from "../transports/transport.js";
import { Transport } from "../transports/transports.js";
import { abortedError } from "./greeting.js";
import { Session, type SessionHost, type SessionOptions } from "./session.js";
import { type TokenSource, tokenBytes, tokenInClear } from "./token.js";

/** Opens a link to where a connection leads. @throws AlphaPulseError what the transport throws */
export type Dial = (signal?: AbortSignal) => Link | Promise<Link>;

/** How a target is reached, each time anew. */
export function dialTo(target: Address | Attachable): Dial {
  if (typeof target === "object" && target !== null && "attach" in target) {
    return () => {
      const [client, server] = localLinks("this thread");
      // Behind the client's start: one that closes says so at once, and ends the link.
      queueMicrotask(() => target.attach(server));
      return client;
    };
  }
  return async (signal) => {
    const { transport, address, options } = await Transport.of(target);
    return transport.connect(address, signal === undefined ? options : { ...options, signal });
  };
}

/** A link as the target of one connection. */
export function dialOf(link: Link): Dial {
  return () => link;
}

/**
 * A session over a link of its own, greeted. Where that fails nothing is left open.
 * @throws AlphaPulseError TOKEN_IN_CLEAR, TOKEN_FAILED, ABORTED; what the transport, or {@link Session.greet}, throws
 */
export async function openSession(
  dial: Dial,
  host: SessionHost,
  token: TokenSource | undefined,
  options: SessionOptions,
  signal?: AbortSignal,
): Promise<Session> {
  // Before there is a link: a relay takes one that says nothing for a while for a reader.
  const shown = token === undefined ? new Uint8Array(0) : await tokenBytes(token);
  if (signal?.aborted) throw abortedError("connect");
  const dialled = dial(signal);
  const link = dialled instanceof Promise ? await dialled : dialled; // one that is there may speak at once
  let refusal: AlphaPulseError | undefined;
  if (signal?.aborted) refusal = abortedError(link.peer);
  else if (shown.byteLength > 0 && !link.isPrivate) refusal = tokenInClear(link.peer);
  if (refusal !== undefined) {
    link.destroy();
    throw refusal;
  }
  try {
    const session = new Session(link, host, options);
    await session.greet(shown, signal);
    return session;
  } catch (error) {
    link.destroy();
    throw error;
  }
}
