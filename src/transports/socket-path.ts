import { lstatSync, renameSync, unlinkSync } from "node:fs";
import { lstat, mkdir, stat } from "node:fs/promises";
import { connect, createServer, type OnReadOpts, type Socket } from "node:net";
import { dirname, isAbsolute } from "node:path";
import { setTimeout } from "node:timers/promises";
import { threadId } from "node:worker_threads";
import { AlphaPulseError } from "../protocol/errors.js";
import { abortedError } from "./abort.js";
import { closed, connected, inUseError, listenError, listening, timeoutError } from "./sockets.js";

/** The kernel's limit of a socket's path on Linux, less its final 0. */
const PATH_BYTES_MAX = 107;
/** The longest pause before a listener is asked again whose queue is full. */
const RETRY_MS_MAX = 50;

/** How a socket connects to a path. */
interface PathConnecting {
  readonly connectTimeoutMs: number;
  readonly signal?: AbortSignal | undefined;
  readonly onread?: OnReadOpts;
}

/**
 * Takes sockets at a path of the file system. Directories that are missing are made; the file that a killed process left
 * behind is taken over.
 *
 * @param address what errors call it: `unix:///run/market.sock`
 * @throws AlphaPulseError BAD_ADDRESS, ADDRESS_IN_USE, LISTEN_FAILED
 */
export async function listenAtPath(
  path: string,
  address: string,
  onSocket: (socket: Socket) => void,
): Promise<{ close(): Promise<void> }> {
  checkPath(path, address);
  await makeDirectory(dirname(path)).catch((error: Error) => {
    throw listenError(address, error);
  });
  await removeStaleSocket(path, address);
  const server = createServer(onSocket);
  await listening(server, { path }, address);
  return { close: () => closed(server) };
}

/** With those above it. Node's own way never returns where a directory lets nothing be made in it, as /proc does. */
async function makeDirectory(path: string): Promise<void> {
  try {
    await mkdir(path);
  } catch (error) {
    const found = await stat(path).catch(() => undefined);
    if (found?.isDirectory()) return;
    if ((error as NodeJS.ErrnoException).code !== "ENOENT" || found !== undefined) throw error;
    await makeDirectory(dirname(path));
    await mkdir(path).catch((again: NodeJS.ErrnoException) => {
      if (again.code !== "EEXIST") throw again; // somebody else was faster
    });
  }
}

/**
 * Connects to a path. Where more ask at once than the system lets wait for the listener, it asks again until its time
 * is over.
 * @param onread what it reads into, if not chunks of its own; it is paused then
 * @throws AlphaPulseError BAD_ADDRESS, NOT_LISTENING, CONNECT_TIMEOUT, CONNECT_FAILED, ABORTED
 */
export async function connectToPath(
  path: string,
  address: string,
  { connectTimeoutMs, signal, onread }: PathConnecting,
): Promise<Socket> {
  checkPath(path, address);
  const endMs = performance.now() + connectTimeoutMs;
  for (let waitMs = 1; ; waitMs = Math.min(2 * waitMs, RETRY_MS_MAX)) {
    const leftMs = Math.max(1, Math.ceil(endMs - performance.now()));
    const socket = onread === undefined ? connect(path) : connect({ path, onread }).pause();
    try {
      await connected(socket, address, leftMs, signal);
      return socket;
    } catch (error) {
      const { cause } = error as { readonly cause?: NodeJS.ErrnoException };
      if (cause?.code !== "EAGAIN") throw error;
      if (leftMs <= waitMs) throw timeoutError(address, connectTimeoutMs);
    }
    await setTimeout(waitMs, undefined, { signal }).catch(() => {
      throw abortedError(`connecting to ${address}`, signal);
    });
  }
}

/** Takes away the file that a killed process left behind: nobody answers there. Anything else stays. */
async function removeStaleSocket(path: string, address: string): Promise<void> {
  const found = await lstat(path).catch(() => undefined);
  if (found === undefined) return;
  if (!found.isSocket()) {
    throw new AlphaPulseError("ADDRESS_IN_USE", `${address} cannot be listened on: a file that is no socket is there`);
  }
  const answered = await new Promise<boolean>((resolve) => {
    const probe = connect(path, () => {
      probe.destroy();
      resolve(true);
    });
    probe.once("error", (error: NodeJS.ErrnoException) => resolve(error.code !== "ECONNREFUSED"));
  });
  if (answered) throw inUseError(address);
  takeAway(path, found.ino, address);
}

/** Takes a dead socket's file away; one that somebody has made there meanwhile gets its name back. */
function takeAway(path: string, inode: number, address: string): void {
  const aside = `${path}.${process.pid}.${threadId}`;
  try {
    renameSync(path, aside);
  } catch {
    return; // somebody else was faster
  }
  if (lstatSync(aside).ino === inode) {
    unlinkSync(aside);
    return;
  }
  renameSync(aside, path);
  throw inUseError(address);
}

function checkPath(path: string, address: string): void {
  if (!isAbsolute(path) || Buffer.byteLength(path) > PATH_BYTES_MAX || path.includes("\0")) {
    throw new AlphaPulseError(
      "BAD_ADDRESS",
      `${address}: a socket's path is absolute and has at most ${PATH_BYTES_MAX} bytes: unix:///run/name.sock`,
    );
  }
}
