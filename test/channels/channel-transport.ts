import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Multiplexer, type MultiplexerOptions } from "../../src/channels/multiplexer.js";
import { AlphaPulseError } from "../../src/protocol/errors.js";
import { connectUnlessAborted, listenUnlessAborted } from "../../src/transports/abort.js";
import type { Link, LinkOptions, Listener, Transport } from "../../src/transports/transport.js";
import { unixTransport } from "../../src/transports/unix.js";

/** Both ends of one Unix socket. */
export interface Carrier {
  readonly near: Link;
  readonly far: Link;
  cleanUp(): Promise<void>;
}

export async function unixCarrier(options: LinkOptions = {}): Promise<Carrier> {
  const directory = mkdtempSync(join(tmpdir(), "alphapulse-"));
  const path = join(directory, "carrier.sock");
  let arrive: (link: Link) => void = () => {};
  const arrived = new Promise<Link>((resolve) => {
    arrive = resolve;
  });
  const listener = await unixTransport.listen(path, arrive, options);
  const near = await unixTransport.connect(path, options);
  const far = await arrived;
  const cleanUp = async (): Promise<void> => {
    near.destroy();
    far.destroy();
    await listener.close();
    rmSync(directory, { recursive: true, force: true });
  };
  return { near, far, cleanUp };
}

/** A transport whose addresses are the names of channels over one carrier. */
export function channelTransport({ near, far }: Carrier, options: MultiplexerOptions): Transport {
  const listeners = new Map<string, (link: Link) => void>();
  const client = new Multiplexer(near, options);
  // The far end takes what there is a listener for.
  new Multiplexer(far, {
    ...options,
    accepts: (name) => listeners.has(name),
    onChannel: (name, channel) => listeners.get(name)?.(channel),
  });
  const check = (name: string): void => {
    if (!/^[a-z0-9-]{1,40}$/.test(name)) throw new AlphaPulseError("BAD_ADDRESS", name);
  };
  const listen = async (name: string, onLink: (link: Link) => void): Promise<Listener> => {
    if (listeners.has(name)) throw new AlphaPulseError("ADDRESS_IN_USE", name);
    listeners.set(name, onLink);
    const close = async (): Promise<void> => {
      if (listeners.get(name) === onLink) listeners.delete(name);
    };
    return { address: `channel://${name}`, close, [Symbol.asyncDispose]: close };
  };
  const connect = (name: string): Promise<Link> =>
    client.open(name).catch((error: AlphaPulseError) => {
      throw error.code === "CHANNEL_REFUSED" ? new AlphaPulseError("NOT_LISTENING", name) : error;
    });
  return {
    scheme: "channel",
    guarantees: unixTransport.guarantees,
    async listen(name, onLink, { signal } = {}): Promise<Listener> {
      check(name);
      return listenUnlessAborted(signal, name, () => listen(name, onLink));
    },
    async connect(name, { signal } = {}): Promise<Link> {
      check(name);
      return connectUnlessAborted(signal, name, () => connect(name));
    },
  };
}
