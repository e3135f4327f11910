import { mkdtempSync, rmSync } from "node:fs";
import { createConnection, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RelayDomain } from "../../src/protocol/tables.js";
import type { RelayOptions } from "../../src/relay/options.js";
import { Relay } from "../../src/relay/relay.js";
import { connect } from "../../src/session/connect.js";
import type { Connection } from "../../src/session/connection.js";
import type { ConnectOptions } from "../../src/session/options.js";
import type { GapNotice } from "../../src/session/subscription.js";
import { TradeTLV } from "../../src/tlvs/market-data.js";
import type { Address, LinkOptions } from "../../src/transports/transport.js";
import { type Place, StreamProxy } from "../support/fault-proxy.js";

const COUNTER_LIMIT = 2 ** 40;

/** Transports that are streams of the system, so that a proxy and hostile bytes can reach them. */
export const STREAMS = ["unix", "tcp"] as const;
export type Stream = (typeof STREAMS)[number];

/** What a test has opened, to be closed behind it, last first. */
export class Bed {
  readonly #cleanups: (() => unknown)[] = [];

  onEnd(cleanup: () => unknown): void {
    this.#cleanups.push(cleanup);
  }

  async clear(): Promise<void> {
    for (const cleanup of this.#cleanups.splice(0).reverse()) await cleanup();
  }

  /** A relay that listens, and where. */
  async relay(
    stream: Stream,
    options: Partial<RelayOptions> = {},
    linkOptions: LinkOptions = {},
  ): Promise<{ relay: Relay; place: Place; address: Address }> {
    const relay = new Relay({ domain: RelayDomain.MarketData, ...options });
    this.onEnd(() => relay.close());
    const asked = stream === "unix" ? { path: join(this.directory(), "relay.sock") } : { host: "127.0.0.1", port: 0 };
    const listener = await relay.listen(addressOf(asked, linkOptions));
    const place = "path" in asked ? asked : { ...asked, port: Number(new URL(listener.address).port) };
    return { relay, place, address: addressOf(place, linkOptions) };
  }

  /** A proxy before a relay. */
  async proxy(place: Place, seed?: string): Promise<StreamProxy> {
    const at = "path" in place ? { path: join(this.directory(), "proxy.sock") } : { host: place.host, port: 0 };
    const proxy = await StreamProxy.start(at, place, seed);
    this.onEnd(() => proxy.close());
    return proxy;
  }

  async connect(target: Address | Relay, options: ConnectOptions = {}): Promise<Connection> {
    const connection = await connect(target, { onFailure: () => {}, ...options });
    this.onEnd(() => connection.close());
    return connection;
  }

  /** A connection that notes the trades that it gets. */
  async reader(target: Address | Relay, options: ConnectOptions = {}): Promise<Reader> {
    const connection = await this.connect(target, { name: "reader", ...options });
    const reader: Reader = { connection, prices: [], gaps: [] };
    // All types are asked for: so every hole in a source's sequences is a loss, and told as one.
    await connection.subscribe(
      { types: [TradeTLV], wanted: [] },
      {
        Trade: (trade) => void reader.prices.push(trade.priceUnits),
        gap: (gap) => void reader.gaps.push(gap),
      },
    );
    return reader;
  }

  /** A plain socket, so that bytes can be sent that are no messages. */
  socket(place: Place): Socket {
    const socket = createConnection({ ...place });
    socket.on("error", () => {});
    this.onEnd(() => socket.destroy());
    return socket;
  }

  directory(): string {
    const directory = mkdtempSync(join(tmpdir(), "alphapulse-faults-"));
    this.onEnd(() => rmSync(directory, { recursive: true, force: true }));
    return directory;
  }
}

/** A subscriber and what it was told. */
export interface Reader {
  readonly connection: Connection;
  /** The price of each trade tells which one it is. */
  readonly prices: number[];
  readonly gaps: GapNotice[];
}

/** A place as `connect` takes it. */
export function addressOf(place: Place, options: LinkOptions = {}): Address {
  if ("path" in place) return { unix: place.path, ...options };
  return { tcp: `${place.host}:${place.port}`, ...options };
}

/** The counters of a source that a reader was told will not come; the notices that name no source left out. */
export function toldAsLost({ gaps }: Reader): number[] {
  const named = gaps.filter(({ from }) => from > 0);
  return named.flatMap(({ from, to }) => range(from % COUNTER_LIMIT, to % COUNTER_LIMIT));
}

/** The numbers from one to another, both included. */
export function range(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, n) => from + n);
}
