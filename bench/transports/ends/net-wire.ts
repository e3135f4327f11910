import { connect, createServer, type Socket } from "node:net";
import type { Wire } from "../link.js";
import { HEADER_BYTES, MESSAGE_MASK, messageList, ordinalAt, PAYLOAD_SIZE_OFFSET } from "../messages.js";

/** A socket of node:net as one uses it: a write for each message; what comes is cut by the sizes in the headers. */
export class NetWire implements Wire {
  onMessage: (found: number) => void = () => {};
  onFailed: (error: Error) => void = () => {};
  readonly #messages = messageList();
  readonly #corks: boolean;
  readonly #uncork = (): void => this.#socket!.uncork();
  #socket: Socket | undefined;
  /** What came of a message that is not whole yet. */
  #rest: Buffer = Buffer.alloc(0);

  /** @param corks whether what is written in one turn of the loop leaves at once */
  constructor(corks: boolean) {
    this.#corks = corks;
  }

  /** Takes the first connection. @param address a path, or a port of this machine. @returns the same, to connect to */
  listen(address: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const server = createServer({ noDelay: true }, (socket) => {
        this.#begin(socket);
        server.close();
      });
      server.on("error", reject).listen(placeOf(address), () => {
        const bound = server.address();
        resolve(typeof bound === "object" && bound !== null ? String(bound.port) : address);
      });
    });
  }

  connect(address: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const socket = connect({ ...placeOf(address), noDelay: true }, () => resolve());
      socket.once("error", reject);
      this.#begin(socket);
    });
  }

  send(ordinal: number): Promise<unknown> | undefined {
    const socket = this.#socket!;
    if (this.#corks && socket.writableCorked === 0) {
      socket.cork();
      process.nextTick(this.#uncork);
    }
    const hasRoom = socket.write(this.#messages[ordinal & MESSAGE_MASK]!);
    return hasRoom ? undefined : new Promise((resolve) => socket.once("drain", resolve));
  }

  #begin(socket: Socket): void {
    this.#socket = socket;
    socket.on("data", (chunk: Buffer) => this.#take(chunk));
    socket.on("error", (error) => this.onFailed(error));
    socket.on("close", () => this.onFailed(new Error("the socket was closed")));
  }

  #take(chunk: Buffer): void {
    const bytes = this.#rest.byteLength === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    let at = 0;
    while (bytes.byteLength - at >= HEADER_BYTES) {
      const end = at + HEADER_BYTES + view.getUint32(at + PAYLOAD_SIZE_OFFSET, true);
      if (end > bytes.byteLength) break;
      this.onMessage(ordinalAt(view, at));
      at = end;
    }
    this.#rest = bytes.subarray(at);
  }
}

function placeOf(address: string): { host: string; port: number } | { path: string } {
  return /^\d+$/.test(address) ? { host: "127.0.0.1", port: Number(address) } : { path: address };
}
