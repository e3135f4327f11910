import { TLVBuilder } from "../../src/protocol/builder.js";
import { type Message, parseMessage } from "../../src/protocol/message.js";
import { messageBuffer } from "../../src/protocol/message-buffer.js";
import type { AnyTLV, InputFor } from "../../src/protocol/schema/tlv.js";
import { RelayDomain } from "../../src/protocol/tables.js";
import type { Relay } from "../../src/relay/relay.js";
import { TradeTLV } from "../../src/tlvs/market-data.js";
import { ControlTLV, GapTLV, GoodbyeTLV, HelloTLV, PongTLV, SubscribeTLV } from "../../src/tlvs/session-control.js";
import { localLinks } from "../../src/transports/local.js";
import type { Link } from "../../src/transports/transport.js";
import { tradeOf } from "../samples.js";

/** What a client was sent, in short: `7:3` is message 3 of source 7, `gap 7:1-2 r0 #9` a Gap with its reason and request. */
export type Line = string;

/** The client's end of a link, played by a test: it says what it is told to and notes what comes. */
export class RawClient {
  readonly link: Link;
  readonly messages: Message[] = [];
  readonly lines: Line[] = [];
  /** Each message that came, as it came. */
  readonly bytes: Uint8Array[] = [];
  isClosed = false;
  /** Called with each message that came. */
  onMessage: (message: Message) => void = () => {};
  readonly #builder = new TLVBuilder({ domain: RelayDomain.MarketData, source: 100 });

  constructor(link: Link) {
    this.link = link;
    link.start({
      message: ({ bytes }, offset, byteLength) => this.#message(bytes.slice(offset, offset + byteLength)),
      broken() {},
      closed: () => {
        this.isClosed = true;
      },
    });
  }

  /** One within this thread. */
  static at(relay: Relay, peer = "client"): RawClient {
    const [client, server] = localLinks(peer);
    const raw = new RawClient(client);
    relay.attach(server);
    return raw;
  }

  say<T extends AnyTLV>(tlv: T, value: InputFor<T>): void {
    const bytes = this.#builder.add(tlv, value).build();
    this.link.send(messageBuffer(bytes), 0, bytes.byteLength);
  }

  hello(value: Partial<HelloTLV> = {}): void {
    this.say(HelloTLV, {
      protocolVersion: 1,
      role: 3,
      compressionMask: 1,
      cipherMask: 1,
      sessionNonce: new Uint8Array(16),
      keyId: 0,
      name: "raw",
      token: new Uint8Array(0),
      ...value,
    });
  }

  subscribe(value: Partial<InputFor<typeof SubscribeTLV>> = {}): void {
    this.say(SubscribeTLV, { subscriptionId: 1, flags: 0, types: [], instruments: [], ...value });
  }

  /** Publishes a trade whose price is its sequence. */
  publish(
    source: number,
    sequence: number,
    options: { timestamp?: bigint; instrument?: TradeTLV["instrument"] } = {},
  ): void {
    const builder = new TLVBuilder({ domain: RelayDomain.MarketData, source });
    const { timestamp = 0n, instrument } = options;
    const bytes = builder.add(TradeTLV, tradeOf(sequence % 2 ** 40, instrument)).build({ sequence, timestamp });
    this.link.send(messageBuffer(bytes), 0, bytes.byteLength);
  }

  got<T extends AnyTLV>(tlv: T): ReturnType<T["decode"]>[] {
    return this.messages.flatMap((message) => (message.get(tlv) ?? []) as ReturnType<T["decode"]>[]);
  }

  #message(bytes: Uint8Array): void {
    const message = parseMessage(bytes);
    this.bytes.push(bytes);
    this.messages.push(message);
    const line = lineOf(message);
    if (line !== undefined) this.lines.push(line);
    this.onMessage(message);
  }
}

function lineOf(message: Message): Line | undefined {
  const gap = message.get(GapTLV);
  if (gap !== undefined) {
    const { source, fromSequence, toSequence, reason, requestId } = gap;
    return `gap ${source}:${fromSequence}-${toSequence} r${reason} #${requestId}`;
  }
  const control = message.get(ControlTLV);
  if (control !== undefined) {
    const { opcode, requestId } = control;
    return opcode === 2 ? `reject #${requestId}` : `ack #${requestId}`;
  }
  const goodbye = message.get(GoodbyeTLV);
  if (goodbye !== undefined) return `goodbye ${goodbye.code}`;
  if (message.get(PongTLV) !== undefined) return "pong";
  const { source, sequence } = message.header;
  return message.get(TradeTLV) === undefined ? undefined : `${source}:${sequence}`;
}
