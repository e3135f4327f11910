import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import type { Wire } from "../link.js";
import { MESSAGE_MASK, messageList, ordinalAt } from "../messages.js";

const HOST = "127.0.0.1";
/** A sender waits for the kernel to have taken what it sent after so many. */
const SENT_AT_ONCE = 64;

/** A socket of node:dgram as one uses it: a datagram for each message, to a peer that it is connected to. */
export class DgramWire implements Wire {
  onMessage: (found: number) => void = () => {};
  onFailed: (error: Error) => void = () => {};
  readonly #messages = messageList();
  readonly #socket: Socket;
  #connecting: Promise<void> | undefined;

  constructor() {
    this.#socket = createSocket("udp4");
    this.#socket.on("error", (error) => this.onFailed(error));
    this.#socket.on("message", (bytes) =>
      this.onMessage(ordinalAt(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), 0)),
    );
  }

  /** Takes who sends first for its peer. @returns the port to connect to */
  async listen(): Promise<string> {
    this.#socket.bind(0, HOST);
    await once(this.#socket, "listening");
    // Before the message is handed over, and answered.
    this.#socket.prependOnceListener("message", (_bytes, { port }) => (this.#connecting = this.#connectTo(port)));
    return String(this.#socket.address().port);
  }

  connect(port: string): Promise<void> {
    return this.#connectTo(Number(port));
  }

  send(ordinal: number): Promise<unknown> | undefined {
    if (this.#connecting !== undefined) return this.#connecting.then(() => this.send(ordinal));
    const bytes = this.#messages[ordinal & MESSAGE_MASK]!;
    if (ordinal % SENT_AT_ONCE !== SENT_AT_ONCE - 1) {
      this.#socket.send(bytes);
      return undefined;
    }
    return new Promise((resolve) => this.#socket.send(bytes, resolve));
  }

  async #connectTo(port: number): Promise<void> {
    await new Promise<void>((resolve) => this.#socket.connect(port, HOST, resolve));
    this.#connecting = undefined;
  }
}
