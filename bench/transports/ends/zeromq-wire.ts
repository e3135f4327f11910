import { type ZeroMqModule, ZeroMqPair } from "../../links/zeromq.js";
import type { Wire } from "../link.js";
import { MESSAGE_MASK, messageList, ordinalAt } from "../messages.js";

/** Sockets of zeromq, one message after the other. */
export class ZeroMqWire implements Wire {
  onMessage: (found: number) => void = () => {};
  onFailed: (error: Error) => void = () => {};
  readonly #messages = messageList();
  readonly #pair: ZeroMqPair;

  constructor(module: ZeroMqModule) {
    this.#pair = new ZeroMqPair(module);
    this.#pair.onBytes = ({ buffer, byteOffset, byteLength }) =>
      this.onMessage(ordinalAt(new DataView(buffer, byteOffset, byteLength), 0));
  }

  /** @returns the address to connect to */
  listen(address: string): Promise<string> {
    return this.#pair.open(address, 1);
  }

  async connect(address: string): Promise<void> {
    await this.#pair.open(address, 0);
  }

  send(ordinal: number): Promise<void> {
    return this.#pair.send(this.#messages[ordinal & MESSAGE_MASK]!);
  }

  close(): void {
    this.#pair.close();
  }
}
