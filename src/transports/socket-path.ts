import { lstatSync, renameSync, unlinkSync } from "node:fs";
import { lstat, mkdir } from "node:fs/promises";
import { connect, createServer, type Server, type Socket } from "node:net";
import { dirname, isAbsolute } from "node:path";
import { threadId } from "node:worker_threads";
import { AlphaPulseError } from "../protocol/errors.js";

/** The kernel's limit of a socket's path on Linux, less its final 0. */
const PATH_BYTES_MAX = 107;

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
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      reject(error.code === "EADDRINUSE" ? inUseError(address) : listenError(address, error));
    });
    server.listen(path, resolve);
  });
  server.on("error", () => {});
  return { close: () => closeServer(server) };
}

/** Connects to a path. @throws AlphaPulseError BAD_ADDRESS, NOT_LISTENING, CONNECT_TIMEOUT, CONNECT_FAILED */
export function connectToPath(path: string, address: string, timeoutMs: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    checkPath(path, address);
    const socket = connect(path);
    const timer = setTimeout(() => {
      socket.destroy();
      reject(new AlphaPulseError("CONNECT_TIMEOUT", `${address} did not answer within ${timeoutMs} ms`));
    }, timeoutMs);
    const failed = (error: NodeJS.ErrnoException): void => {
      clearTimeout(timer);
      const nobody = error.code === "ENOENT" || error.code === "ECONNREFUSED";
      const code = nobody ? "NOT_LISTENING" : "CONNECT_FAILED";
      const advice = nobody ? "nobody listens there; start the relay first" : error.message;
      reject(new AlphaPulseError(code, `cannot connect to ${address}: ${advice}`, { cause: error }));
    };
    socket.once("error", failed);
    socket.once("connect", () => {
      clearTimeout(timer);
      socket.off("error", failed);
      resolve(socket);
    });
  });
}

function listenError(address: string, error: Error): AlphaPulseError {
  return new AlphaPulseError("LISTEN_FAILED", `cannot listen on ${address}: ${error.message}`, { cause: error });
}

function inUseError(address: string): AlphaPulseError {
  return new AlphaPulseError(
    "ADDRESS_IN_USE",
    `${address} is in use: another process listens there; stop it or choose another address`,
  );
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

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    // Waits for no connection: each has its owner. Closing the server also removes the socket's file.
    server.close(() => {});
    setImmediate(resolve);
  });
}

function checkPath(path: string, address: string): void {
  if (!isAbsolute(path) || Buffer.byteLength(path) > PATH_BYTES_MAX || path.includes("\0")) {
    throw new AlphaPulseError(
      "BAD_ADDRESS",
      `${address}: a socket's path is absolute and has at most ${PATH_BYTES_MAX} bytes: unix:///run/name.sock`,
    );
  }
}
