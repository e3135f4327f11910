import { TLVBuilder } from "../../src/protocol/builder.js";
import type { AlphaPulseError } from "../../src/protocol/errors.js";
import { type Message, parseMessage } from "../../src/protocol/message.js";
import { messageBuffer } from "../../src/protocol/message-buffer.js";
import type { AnyTLV, InputFor } from "../../src/protocol/schema/tlv.js";
import { RelayDomain, Source } from "../../src/protocol/tables.js";
import { Connection } from "../../src/session/connection.js";
import type { ConnectOptions } from "../../src/session/options.js";
import { ControlOpcode } from "../../src/tlvs/codes.js";
import { ControlTLV, HelloTLV, PingTLV, PongTLV, SubscribeTLV, WelcomeTLV } from "../../src/tlvs/session-control.js";
import { localLinks } from "../../src/transports/local.js";
import type { Link } from "../../src/transports/transport.js";

/** What a scripted relay answers by itself. */
export interface ScriptOptions {
  readonly welcome?: boolean;
  readonly acknowledge?: boolean;
  readonly pong?: boolean;
}

/** The relay's end of a link, played by a test: it notes what comes and says what it is told to. */
export class Script {
  readonly messages: Message[] = [];
  readonly link: Link;
  closings = 0;
  /** Called with each message that came. */
  onMessage: (message: Message) => void = () => {};
  readonly #options: Required<ScriptOptions>;
  readonly #builder = new TLVBuilder({ domain: RelayDomain.MarketData, source: Source.MarketDataRelay });

  constructor(link: Link, options: ScriptOptions) {
    this.link = link;
    this.#options = { welcome: true, acknowledge: true, pong: true, ...options };
    link.start({
      message: ({ bytes }, offset, byteLength) => this.#message(bytes.slice(offset, offset + byteLength)),
      broken() {},
      closed: () => {
        this.closings++;
      },
    });
  }

  /** Messages of this type that came, decoded. */
  got<T extends AnyTLV>(tlv: T): ReturnType<T["decode"]>[] {
    return this.messages.flatMap((message) => (message.get(tlv) ?? []) as ReturnType<T["decode"]>[]);
  }

  /** The counters of the data messages that came, in their order. */
  get counters(): number[] {
    const numbered = this.messages.filter(({ header }) => header.sequence > 0n);
    return numbered.map(({ header }) => Number(header.sequence % 2n ** 40n));
  }

  /** Sends one message with this TLV. */
  say<T extends AnyTLV>(tlv: T, value: InputFor<T>, sequence = 0): void {
    this.send(this.#builder.add(tlv, value).build({ sequence }));
  }

  /** Sends these bytes, whatever they are. */
  send(bytes: Uint8Array): string {
    return this.link.send(messageBuffer(bytes), 0, bytes.byteLength);
  }

  #message(bytes: Uint8Array): void {
    const message = parseMessage(bytes);
    this.messages.push(message);
    const { welcome, acknowledge, pong } = this.#options;
    const hello = message.get(HelloTLV);
    const sessionNonce = new Uint8Array(16);
    const plain = { sessionId: 1n, protocolVersion: 1, compression: 0, cipher: 0, keyId: 0, sessionNonce };
    if (hello !== undefined && welcome) this.say(WelcomeTLV, plain);
    const subscribe = message.get(SubscribeTLV);
    if (subscribe !== undefined && acknowledge) {
      const body = new Uint8Array(0);
      this.say(ControlTLV, { opcode: ControlOpcode.SubscribeAck, requestId: subscribe.subscriptionId, body });
    }
    const ping = message.get(PingTLV);
    if (ping !== undefined && pong) this.say(PongTLV, ping);
    this.onMessage(message);
  }
}

/** A connection to a scripted relay. */
export async function scripted(
  options: ConnectOptions = {},
  scriptOptions: ScriptOptions = {},
): Promise<{ script: Script; connection: Connection }> {
  const [client, server] = localLinks("script");
  const opening = Connection.open(client, options);
  const script = new Script(server, scriptOptions);
  return { script, connection: await opening };
}

/** A connection to a scripted relay whose failures are noted. */
export async function opened(options: ConnectOptions = {}, scriptOptions: ScriptOptions = {}) {
  const failures: AlphaPulseError[] = [];
  const all = await scripted({ onFailure: (error) => failures.push(error), ...options }, scriptOptions);
  return { ...all, failures };
}
