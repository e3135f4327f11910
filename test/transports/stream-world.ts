import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseMessage } from "../../src/protocol/message.js";
import { StreamFramer } from "../../src/protocol/stream-framer.js";
import { Recorder } from "../../src/testing/conformance/recorder.js";
import { tcpTransport } from "../../src/transports/tcp.js";
import type { Link, Listener, TcpOptions, Transport } from "../../src/transports/transport.js";
import { unixTransport } from "../../src/transports/unix.js";

/** A listener, its links with what they were told, and plain sockets at their other ends. */
export class StreamWorld {
  readonly links: Link[] = [];
  readonly recorders: Recorder[] = [];
  readonly #transport: Transport;
  readonly #directory = mkdtempSync(join(tmpdir(), "alphapulse-"));
  readonly #cleanups: (() => unknown)[] = [];
  #address = "";

  constructor(scheme: "unix" | "tcp") {
    this.#transport = scheme === "unix" ? unixTransport : tcpTransport;
  }

  async listen(options: TcpOptions = {}): Promise<Listener> {
    const place = this.#transport === unixTransport ? join(this.#directory, "link.sock") : "127.0.0.1:0";
    const onLink = (link: Link): void => {
      const recorder = new Recorder();
      this.links.push(link);
      this.recorders.push(recorder);
      this.#cleanups.push(() => link.destroy());
      link.start(recorder);
    };
    const listener = await this.#transport.listen(place, onLink, options);
    this.#address = listener.address.slice(listener.address.indexOf("://") + 3);
    this.#cleanups.push(() => listener.close());
    return listener;
  }

  connect(options?: TcpOptions): Promise<Link> {
    return this.#transport.connect(this.#address, options);
  }

  /** A plain socket to the listener, so that bytes can be sent that are no messages. It reads when it is told to. */
  async plain(localAddress?: string): Promise<Socket> {
    const [host, port] = this.#address.split(":");
    const isUnix = port === undefined;
    const at = isUnix ? { path: this.#address } : { host, port: Number(port), ...(localAddress && { localAddress }) };
    const socket = connect({ ...at, allowHalfOpen: true });
    socket.on("error", () => {});
    this.#cleanups.push(() => socket.destroy());
    await once(socket, "connect");
    return socket;
  }

  async takeAway(): Promise<void> {
    for (const cleanup of this.#cleanups.splice(0).reverse()) await cleanup();
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

/** The sequences of all messages that a socket reads from now on, in order of arrival. */
export function sequencesOf(socket: Socket): number[] {
  const sequences: number[] = [];
  const framer = new StreamFramer(({ bytes }, offset, byteLength) => {
    sequences.push(Number(parseMessage(bytes.slice(offset, offset + byteLength)).header.sequence));
  });
  socket.on("data", (chunk: Buffer) => framer.push(chunk));
  return sequences;
}

/** A port of loopback that nobody listens at. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
