import { localLinks } from "../transports/local.js";
import type { Address, Attachable } from "../transports/transport.js";
import { Transport } from "../transports/transports.js";
import type { Connection, ConnectOptions } from "./connection.js";

/**
 * Connects to a relay: by its URL, by the same as an object, or, within one thread, to the relay itself.
 *
 * @throws AlphaPulseError NOT_LISTENING, BAD_ADDRESS, CONNECT_FAILED, CONNECT_TIMEOUT, TIMEOUT or GOODBYE
 */
export async function connect(target: Address | Attachable, options: ConnectOptions = {}): Promise<Connection> {
  // Loaded when it is needed: importing the library stays cheap.
  const { Connection } = await import("./connection.js");
  if (typeof target === "object" && "attach" in target) {
    const [client, server] = localLinks("this thread");
    const opened = Connection.open(client, options);
    target.attach(server);
    return opened;
  }
  const { transport, address, options: linkOptions } = await Transport.of(target);
  return Connection.open(await transport.connect(address, linkOptions), options);
}
