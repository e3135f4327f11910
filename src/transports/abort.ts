import { AlphaPulseError } from "../protocol/errors.js";
import { checkSignal } from "./checks.js";
import type { Link, Listener } from "./transport.js";

/**
 * Connects unless the signal aborts first: then it rejects at once, and a link that comes of it later is destroyed.
 * @throws AlphaPulseError ABORTED, BAD_OPTION where the signal is none
 */
export function connectUnlessAborted(
  signal: AbortSignal | undefined,
  address: string,
  connect: () => Promise<Link>,
): Promise<Link> {
  return unlessAborted(signal, `connecting to ${address}`, connect, (link) => link.destroy());
}

/**
 * Listens unless the signal aborts first; an abort after that closes the listener.
 * @throws AlphaPulseError ABORTED, BAD_OPTION where the signal is none
 */
export async function listenUnlessAborted<L extends Listener>(
  signal: AbortSignal | undefined,
  address: string,
  listen: () => Promise<L>,
): Promise<L> {
  const what = `listening at ${address}`;
  const listener = await unlessAborted(signal, what, listen, (late) => late.close());
  if (signal === undefined) return listener;
  const closeIt = listener.close.bind(listener);
  const abort = (): void => void close();
  const close = (): Promise<void> => {
    signal.removeEventListener("abort", abort);
    return closeIt();
  };
  signal.addEventListener("abort", abort);
  return Object.assign(listener, { close, [Symbol.asyncDispose]: close }); // itself: it may have more to it
}

async function unlessAborted<T>(
  signal: AbortSignal | undefined,
  what: string,
  make: () => Promise<T>,
  letGo: (late: T) => unknown,
): Promise<T> {
  if (signal === undefined) return make();
  checkSignal(signal);
  if (signal.aborted) throw abortedError(what, signal);
  let abort = (): void => {};
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(abortedError(what, signal));
    signal.addEventListener("abort", abort);
  });
  const making = make();
  try {
    const made = await Promise.race([making, aborted]);
    if (signal.aborted) throw abortedError(what, signal); // in the same turn
    return made;
  } catch (error) {
    making.then(letGo, () => {}); // it comes too late, or never
    throw error;
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

export function abortedError(what: string, signal: AbortSignal | undefined): AlphaPulseError {
  return new AlphaPulseError("ABORTED", `${what} was given up: its signal aborted`, { cause: signal?.reason });
}
