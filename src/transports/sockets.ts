import type { ListenOptions, Server, Socket } from "node:net";
import { AlphaPulseError } from "../protocol/errors.js";
import { abortedError } from "./abort.js";

/**
 * Resolves when a server listens.
 * @param address what errors call it: `unix:///run/market.sock`
 * @throws AlphaPulseError ADDRESS_IN_USE, LISTEN_FAILED
 */
export async function listening(server: Server, at: ListenOptions, address: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      reject(error.code === "EADDRINUSE" ? inUseError(address) : listenError(address, error));
    });
    server.listen(at, resolve);
  });
  server.on("error", () => {});
}

/** Takes no more sockets; waits for none: each has its owner. Removes the file of a Unix socket. */
export function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => {});
    setImmediate(resolve);
  });
}

/**
 * Resolves when a socket is connected.
 * @param address what errors call it
 * @throws AlphaPulseError NOT_LISTENING, CONNECT_TIMEOUT, CONNECT_FAILED, ABORTED
 */
export async function connected(
  socket: Socket,
  address: string,
  timeoutMs: number,
  signal?: AbortSignal,
): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  let abort = (): void => {};
  try {
    await new Promise<void>((resolve, reject) => {
      timer = setTimeout(() => reject(timeoutError(address, timeoutMs)), timeoutMs);
      abort = () => reject(abortedError(`connecting to ${address}`, signal));
      signal?.addEventListener("abort", abort);
      socket.once("error", (error: NodeJS.ErrnoException) => reject(connectError(address, error)));
      socket.once("connect", resolve);
    });
  } catch (error) {
    socket.on("error", () => {}); // of what was given up
    socket.destroy();
    throw error;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", abort);
  }
}

function connectError(address: string, error: NodeJS.ErrnoException): AlphaPulseError {
  if (error instanceof AlphaPulseError) return error;
  const nobody = error.code === "ENOENT" || error.code === "ECONNREFUSED";
  const code = nobody ? "NOT_LISTENING" : "CONNECT_FAILED";
  // Where several addresses of a name were tried, the first says why.
  const [first = error] = error instanceof AggregateError ? (error.errors as Error[]) : [];
  const advice = nobody ? "nobody listens there; start the relay first" : first.message;
  return new AlphaPulseError(code, `cannot connect to ${address}: ${advice}`, { cause: error });
}

export function timeoutError(address: string, timeoutMs: number): AlphaPulseError {
  return new AlphaPulseError("CONNECT_TIMEOUT", `${address} did not answer within ${timeoutMs} ms`);
}

export function listenError(address: string, error: Error): AlphaPulseError {
  return new AlphaPulseError("LISTEN_FAILED", `cannot listen on ${address}: ${error.message}`, { cause: error });
}

export function inUseError(address: string): AlphaPulseError {
  return new AlphaPulseError(
    "ADDRESS_IN_USE",
    `${address} is in use: another process listens there; stop it or choose another address`,
  );
}
