import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Pool } from "../../src/pool/pool.js";
import type { PoolEvent, PoolOptions } from "../../src/pool/pool-options.js";
import { RelayDomain } from "../../src/protocol/tables.js";
import type { RelayOptions } from "../../src/relay/options.js";
import { Relay } from "../../src/relay/relay.js";

/** Relays on Unix sockets, all of which are taken away at the end. */
export class Relays {
  readonly directory = mkdtempSync(join(tmpdir(), "alphapulse-"));
  readonly events: PoolEvent[] = [];
  readonly #cleanups: (() => unknown)[] = [];

  async relay(name: string, options: Partial<RelayOptions> = {}): Promise<Relay> {
    const relay = new Relay({ domain: RelayDomain.MarketData, ...options });
    this.#cleanups.push(() => relay.close());
    await relay.listen(this.url(name));
    return relay;
  }

  url(name: string): string {
    return `unix://${this.directory}/${name}.sock`;
  }

  /** Quick to try again, and noted what happens. */
  options(options: PoolOptions = {}): PoolOptions {
    const onEvent = (event: PoolEvent): void => void this.events.push(event);
    return { connect: { source: 9 }, breaker: { openMs: 20 }, healthyMs: 1, onEvent, ...options };
  }

  opened(pool: Pool): Pool {
    this.defer(() => pool.drain());
    return pool;
  }

  defer(cleanup: () => unknown): void {
    this.#cleanups.push(cleanup);
  }

  async cleanUp(): Promise<void> {
    for (const cleanup of this.#cleanups.splice(0).reverse()) await cleanup();
    rmSync(this.directory, { recursive: true, force: true });
  }
}
