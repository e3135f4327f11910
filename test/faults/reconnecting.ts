import { type Random, seededRandom } from "../../src/actor/random.js";

import type { Relay } from "../../src/relay/relay.js";
import type { Connection } from "../../src/session/connection.js";
import type { ConnectOptions } from "../../src/session/options.js";
import { TradeTLV } from "../../src/tlvs/market-data.js";
import type { Address } from "../../src/transports/transport.js";
import { tradeOf } from "../samples.js";
import type { StreamProxy } from "../support/fault-proxy.js";
import type { Bed } from "./bed.js";

/** Comes back at once, and finds out soon that the other end is silent. */
export const QUICK: ConnectOptions = {
  reconnect: { firstDelayMs: 2, delayMsMax: 20 },
  pingIntervalMs: 50,
  timeoutMs: 2_000,
};

/** Publishes numbers from 1 on, as many as it is asked for, and notes what was taken. */
export class NumberedProducer {
  readonly connection: Connection;
  /** What `publish` answered `sent` for. */
  taken = 0;
  /** Answers that said there is no room. */
  refusals = 0;
  pendingBytesMost = 0;
  #hasEnded = false;

  private constructor(connection: Connection) {
    this.connection = connection;
    void connection.ended.then(() => {
      this.#hasEnded = true;
    });
  }

  static async start(bed: Bed, target: Address | Relay, options: ConnectOptions): Promise<NumberedProducer> {
    return new NumberedProducer(await bed.connect(target, { ...QUICK, name: "producer", source: 1_000, ...options }));
  }

  /** One attempt for each: what does not go now is published with the next number's turn. */
  publish(count: number): void {
    for (let n = 0; n < count; n++) {
      const result = this.connection.publish(TradeTLV, tradeOf(this.taken + 1));
      if (result === "sent") this.taken++;
      else this.refusals++;
    }
    this.pendingBytesMost = Math.max(this.pendingBytesMost, this.connection.stats().pendingBytes);
  }

  /** Publishes all of so many, however long it takes, unless the connection ends. */
  async publishAll(count: number): Promise<void> {
    for (const upTo = this.taken + count; this.taken < upTo && !this.#hasEnded; ) {
      this.publish(Math.min(50, upTo - this.taken));
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }
}

type Mishap = (proxy: StreamProxy, random: Random) => Promise<void>;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** What can happen to a connection that does not change its bytes. Each is over when it resolves. */
export const MISHAPS: Readonly<Record<string, Mishap>> = {
  cut: async (proxy) => void proxy.cut(),
  "cut within a message on the way in": async (proxy, random) => {
    proxy.cutAfter(1 + random.int(2_000), "toServer");
    await pause(20);
  },
  "cut within a message on the way out": async (proxy, random) => {
    proxy.cutAfter(1 + random.int(2_000), "toClient");
    await pause(20);
  },
  "cut, and refuse to come back": async (proxy) => {
    proxy.refuse();
    proxy.cut();
    await pause(30);
    await proxy.accept();
  },
  "cut, and drop who comes back": async (proxy) => {
    proxy.dropNew();
    proxy.cut();
    await pause(30);
    await proxy.accept();
  },
  "go silent, and cut": async (proxy, random) => {
    proxy.goSilent(random.int(2) === 0 ? "swallow" : "hold");
    await pause(20);
    proxy.cut();
    proxy.heal();
  },
  "delay, and cut": async (proxy) => {
    proxy.delay(10);
    await pause(20);
    proxy.cut();
    proxy.heal();
  },
  "limit, and cut": async (proxy) => {
    proxy.limit(200_000);
    await pause(20);
    proxy.cut();
    proxy.heal();
  },
};

/** So many mishaps, drawn from a seed, each at one of the proxies. @returns how often each happened */
export async function mishaps(
  proxies: readonly StreamProxy[],
  count: number,
  seed: string,
): Promise<Map<string, number>> {
  const random = seededRandom(seed);
  const names = Object.keys(MISHAPS);
  const happened = new Map<string, number>();
  for (let n = 0; n < count; n++) {
    const name = names[random.int(names.length)] as string;
    await (MISHAPS[name] as Mishap)(proxies[random.int(proxies.length)] as StreamProxy, random);
    happened.set(name, (happened.get(name) ?? 0) + 1);
    await pause(5 + random.int(40));
  }
  for (const proxy of proxies) proxy.heal();
  return happened;
}
