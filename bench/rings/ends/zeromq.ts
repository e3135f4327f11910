import { ZeroMqPair } from "../../links/zeromq.js";
import type { Wire } from "./wire-end.js";

/** A socket of zeromq whose sender writes over what it has sent. */
export class ZeroMqWire extends ZeroMqPair implements Wire {
  override send(bytes: Uint8Array): Promise<void> {
    return super.send(Buffer.from(bytes)); // a copy
  }
}
