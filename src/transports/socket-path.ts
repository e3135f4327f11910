import { lstatSync, renameSync, unlinkSync } from "node:fs";
import { lstat, mkdir } from "node:fs/promises";
import { connect, createServer, type OnReadOpts, type Socket } from "node:net";
import { dirname, isAbsolute } from "node:path";
import { threadId } from "node:worker_threads";
import { AlphaPulseError } from "../protocol/errors.js";
import { closed, connected, inUseError, listenError, listening } from "./sockets.js";

/** The kernel's limit of a socket's path on Linux, less its final 0. */
const PATH_BYTES_MAX = 107;

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
  await mkdir(dirname(path), { recursive: true }).catch((error: Error) => {
    throw listenError(address, error);
  });
  await removeStaleSocket(path, address);
  const server = createServer(onSocket);
  await listening(server, { path }, address);
  return { close: () => closed(server) };
}

/**
 * Connects to a path.
 * @param onread what it reads into, if not chunks of its own; it is paused then
 * @throws AlphaPulseError BAD_ADDRESS, NOT_LISTENING, CONNECT_TIMEOUT, CONNECT_FAILED, ABORTED
 */
export async function connectToPath(
  path: string,
  address: string,
  { connectTimeoutMs, signal, onread }: PathConnecting,
): Promise<Socket> {
  checkPath(path, address);
  const socket = onread === undefined ? connect(path) : connect({ path, onread }).pause();
  await connected(socket, address, connectTimeoutMs, signal);
  return socket;
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
