import type { Address, Attachable, Link } from "../transports/transport.js";
import type { Connection } from "./connection.js";
import type { ConnectOptions } from "./options.js";

/**
 * Connects to a relay: by its URL, by the same as an object, within one thread to the relay itself, or over a link that
 * is there already. A link is the connection's from then on, and cannot be replaced by `reconnect`.
 *
 * @throws AlphaPulseError NOT_LISTENING, BAD_ADDRESS, CONNECT_FAILED, CONNECT_TIMEOUT, TIMEOUT, ABORTED, BAD_OPTION,
 * TOKEN_IN_CLEAR, TOKEN_FAILED or what the relay's Goodbye said, such as NOT_AUTHORIZED
 */
export async function connect(target: Address | Attachable | Link, options: ConnectOptions = {}): Promise<Connection> {
  // Loaded when it is needed: importing the library stays cheap.
  const { Connection } = await import("./connection.js");
  if (typeof target === "object" && target !== null && "sendAhead" in target) return Connection.open(target, options);
  return Connection.to(target, options);
}
