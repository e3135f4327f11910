import { rmSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import type { Wire } from "./wire-end.js";

/** A Unix socket of node:net, one write for each message or batch. Side 1 listens; side 0 connects once it does. */
export class SocketWire implements Wire {
  onBytes: (bytes: Uint8Array) => void = () => {};
  readonly #socket: Promise<Socket>;
  #open: Socket | undefined;

  constructor(path: string, side: 0 | 1) {
    this.#socket = side === 1 ? this.#listen(path) : this.#connect(path);
  }

  send(bytes: Uint8Array): Promise<unknown> | undefined {
    // A copy: what does not go at once is kept by the socket.
    const isFull = this.#open?.write(Buffer.from(bytes)) === false;
    return isFull ? new Promise((resolve) => this.#open?.once("drain", resolve)) : undefined;
  }

  async opened(): Promise<void> {
    this.#open = await this.#socket;
    this.#open.on("data", (chunk) => this.onBytes(chunk));
  }

  #listen(path: string): Promise<Socket> {
    return new Promise((resolve, reject) => {
      const server = createServer((socket) => {
        server.close();
        resolve(socket);
      });
      server.on("error", reject).on("close", () => rmSync(path, { force: true }));
      server.listen(path);
    });
  }

  async #connect(path: string): Promise<Socket> {
    for (let attempts = 0; ; attempts++) {
      const socket = await new Promise<Socket | undefined>((resolve, reject) => {
        const trying = connect(path, () => resolve(trying));
        trying.once("error", (error) => (attempts < 500 ? resolve(undefined) : reject(error)));
      });
      if (socket !== undefined) return socket;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
}
