import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { TLVBuilder } from "../../src/protocol/builder.js";
import { ENVELOPE_HEADER_BYTES, writeEnvelopeHeader } from "../../src/protocol/envelope.js";
import { type MessageBuffer, messageBuffer } from "../../src/protocol/message-buffer.js";
import { RelayDomain } from "../../src/protocol/tables.js";
import { firstTypeOf, isControlType } from "../../src/protocol/walk.js";
import { Recorder } from "../../src/testing/conformance/recorder.js";
import { GoodbyeTLV, HelloTLV, WelcomeTLV } from "../../src/tlvs/session-control.js";
import type { Link, LinkLoss, UdpOptions } from "../../src/transports/transport.js";
import { udpTransport } from "../../src/transports/udp.js";
import type { UdpListener } from "../../src/transports/udp-endpoint.js";
import type { UdpLink } from "../../src/transports/udp-link.js";

const builder = new TLVBuilder({ domain: RelayDomain.System, source: 1 });
const opening = { keyId: 0, sessionNonce: new Uint8Array(16) };

const helloOf = (sessionNonce: Uint8Array): Uint8Array =>
  builder
    .add(HelloTLV, {
      keyId: 0,
      sessionNonce,
      protocolVersion: 1,
      role: 3,
      compressionMask: 1,
      cipherMask: 1,
      name: "",
      token: new Uint8Array(0),
    })
    .build();
export const HELLO = helloOf(opening.sessionNonce);
/** As if somebody else sent it. */
export const OTHER_HELLO = helloOf(new Uint8Array(16).fill(9));
export const WELCOME = builder
  .add(WelcomeTLV, { ...opening, sessionId: 5n, protocolVersion: 1, compression: 0, cipher: 0 })
  .build();
export const OTHER_WELCOME = builder
  .add(WelcomeTLV, { ...opening, sessionId: 6n, protocolVersion: 1, compression: 0, cipher: 0 })
  .build();
/** Session control of any length up to that of a value. */
export const goodbye = (reasonBytes = 3): Uint8Array =>
  builder.add(GoodbyeTLV, { code: 4, reason: "x".repeat(reasonBytes) }).build();

/** Whole messages in an envelope. */
export function enveloped(counter: number, ...messages: readonly Uint8Array[]): Uint8Array {
  const body = Buffer.concat(messages);
  const datagram = new Uint8Array(ENVELOPE_HEADER_BYTES + body.byteLength);
  datagram.set(body, ENVELOPE_HEADER_BYTES);
  writeEnvelopeHeader(messageBuffer(datagram).view, 0, counter, body.byteLength, body.byteLength);
  return datagram;
}

/** Notes what a link is told, losses too, and the types of control messages. */
export class UdpRecorder extends Recorder {
  readonly losses: LinkLoss[] = [];
  /** The types of session control that came. */
  readonly controls: number[] = [];

  override message(buffer: MessageBuffer, offset: number, byteLength: number): void {
    const type = firstTypeOf(buffer.view, offset, byteLength);
    if (isControlType(type)) this.controls.push(type);
    super.message(buffer, offset, byteLength);
  }

  lost(loss: LinkLoss): void {
    this.losses.push(loss);
  }

  get lostCount(): number {
    return this.losses.reduce((sum, { count }) => sum + count, 0);
  }
}

export interface Accepted {
  readonly link: UdpLink;
  readonly recorder: UdpRecorder;
}

/** Listeners, links and plain sockets on loopback, all taken away at the end. */
export class UdpBed {
  readonly accepted: Accepted[] = [];
  readonly #letGo: (() => unknown)[] = [];

  async listen(options: UdpOptions = {}, address = "127.0.0.1:0", onLink?: (link: Link) => void): Promise<UdpListener> {
    const accept = (link: Link): void => {
      this.#letGo.push(() => link.destroy());
      if (onLink !== undefined) return onLink(link);
      const recorder = new UdpRecorder();
      this.accepted.push({ link: link as UdpLink, recorder });
      link.start(recorder);
    };
    const listener = (await udpTransport.listen(address, accept, options)) as UdpListener;
    this.#letGo.push(() => listener.close());
    return listener;
  }

  async connect(address: string, options: UdpOptions = {}): Promise<Accepted> {
    const link = (await udpTransport.connect(address.replace("udp://", ""), options)) as UdpLink;
    this.#letGo.push(() => link.destroy());
    const recorder = new UdpRecorder();
    link.start(recorder);
    return { link, recorder };
  }

  /** A session between a client and a listener, as it is once both ends know each other. */
  async session(options: UdpOptions = {}): Promise<[Accepted, Accepted]> {
    const listener = await this.listen(options);
    const client = await this.connect(listener.address, options);
    client.link.send(messageBuffer(HELLO), 0, HELLO.byteLength);
    const server = await this.next();
    for (const { link } of [client, server]) {
      link.datagrams?.beginEnvelopes();
      link.datagrams?.confirmPeer();
    }
    return [client, server];
  }

  /** The newest link, once there are so many. */
  async next(count = this.accepted.length + 1): Promise<Accepted> {
    await until(() => this.accepted.length >= count);
    return this.accepted[count - 1] as Accepted;
  }

  /** A socket that is no link, and what came to it. */
  async raw(host = "127.0.0.1"): Promise<RawEnd> {
    const socket = createSocket("udp4");
    socket.bind(0, host);
    await once(socket, "listening");
    const end = new RawEnd(socket);
    this.#letGo.push(() => end.close());
    return end;
  }

  /** Lets something else go with all of this. */
  atEnd(letGo: () => unknown): void {
    this.#letGo.push(letGo);
  }

  async cleanUp(): Promise<void> {
    for (const letGo of this.#letGo.splice(0).reverse()) await letGo();
  }
}

export class RawEnd {
  readonly came: Buffer[] = [];
  readonly port: number;
  readonly #socket: Socket;
  #lastPort = 0;
  #isClosed = false;

  constructor(socket: Socket) {
    this.#socket = socket;
    this.port = socket.address().port;
    socket.on("message", (datagram, from) => {
      this.#lastPort = from.port;
      this.came.push(datagram);
    });
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** Sends to a listener's address. */
  send(datagram: Uint8Array, to: string): Promise<void> {
    return this.#send(datagram, Number(to.slice(to.lastIndexOf(":") + 1)));
  }

  close(): void {
    if (!this.#isClosed) this.#socket.close();
    this.#isClosed = true;
  }

  /** Answers whoever sent last. */
  answer(datagram: Uint8Array): Promise<void> {
    return this.#send(datagram, this.#lastPort);
  }

  #send(datagram: Uint8Array, port: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#socket.send(datagram, port, "127.0.0.1", (error) => (error === null ? resolve() : reject(error)));
    });
  }
}

/** Resolves when it is so. */
export async function until(isSo: () => boolean, timeoutMs = 5_000): Promise<void> {
  const endMs = performance.now() + timeoutMs;
  while (!isSo()) {
    if (performance.now() > endMs) throw new Error(`waited ${timeoutMs} ms in vain for ${isSo}`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}
