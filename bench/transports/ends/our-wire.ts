import { type Link, type LinkHandler, type MessageBuffer, MessageView, Transport } from "alphapulse";
import type { Wire } from "../link.js";
import { buildMessages, MESSAGE_BYTES, MESSAGE_MASK, ordinalAt } from "../messages.js";

/** A link of ours: `send` for each message. */
export class OurWire implements Wire {
  onMessage: (found: number) => void = () => {};
  onFailed: (error: Error) => void = () => {};
  readonly #messages = buildMessages();
  readonly #handler: LinkHandler;
  #link: Link | undefined;
  #roomCame: () => void = () => {};

  /** @param verifies whether the handler verifies what it is given, as a relay does */
  constructor(verifies: boolean) {
    const view = new MessageView();
    this.#handler = {
      message: verifies
        ? (buffer, offset, byteLength) => {
            view.read(buffer, offset, byteLength);
            this.onMessage(ordinalAt(buffer.view, offset));
          }
        : (buffer: MessageBuffer, offset: number) => this.onMessage(ordinalAt(buffer.view, offset)),
      ready: () => this.#roomCame(),
      broken: (error) => this.onFailed(error),
      closed: (error) => this.onFailed(error ?? new Error("the link was closed")),
    };
  }

  /** Takes the first link that comes. @returns the address to connect to */
  async listen(url: string): Promise<string> {
    const { transport, address, options } = await Transport.of(url);
    const listener = await transport.listen(address, (link) => this.#begin(link), options);
    return listener.address;
  }

  async connect(url: string): Promise<void> {
    const { transport, address, options } = await Transport.of(url);
    this.#begin(await transport.connect(address, options));
  }

  send(ordinal: number): Promise<void> | undefined {
    const offset = (ordinal & MESSAGE_MASK) * MESSAGE_BYTES;
    const result = this.#link!.send(this.#messages, offset, MESSAGE_BYTES);
    if (result === "sent") return undefined;
    if (result === "backPressured") return this.#sendLater(ordinal);
    throw new Error(`message ${ordinal} was not sent: ${result}`);
  }

  async close(): Promise<void> {
    await this.#link?.close();
  }

  async #sendLater(ordinal: number): Promise<void> {
    await new Promise<void>((resolve) => (this.#roomCame = resolve));
    await this.send(ordinal);
  }

  #begin(link: Link): void {
    this.#link = link;
    link.datagrams?.confirmPeer(); // there is no session here that would
    link.start(this.#handler);
  }
}
