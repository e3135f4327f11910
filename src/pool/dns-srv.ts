import type { SrvRecord } from "node:dns";
import { Resolver } from "node:dns/promises";
import { AlphaPulseError } from "../protocol/errors.js";
import type { Address } from "../transports/transport.js";
import type { Endpoint, EndpointSource } from "./endpoints.js";

/** How {@link dnsSrv} asks. */
export interface DnsSrvOptions {
  /** The transport of the addresses; default `tcp`. */
  readonly scheme?: string;
  /** Makes an address of a record, where more than host and port is to be said, such as `insecure`. */
  readonly address?: (host: string, port: number) => Address;
  /** How often it asks again; default 30,000 ms. Node does not tell the records' own time to live. */
  readonly refreshMs?: number;
  /** Who is asked; default a Resolver of Node's with the system's servers. */
  readonly resolver?: Pick<Resolver, "resolveSrv">;
  /** 0 to below 1; default Math.random. */
  readonly random?: () => number;
}

const REFRESH_MS_DEFAULT = 30_000;
/** "A very small chance" (RFC 2782) for records of weight 0 beside others. */
const LEAST_WEIGHT = 0.01;

/**
 * Endpoints from the SRV records of a name such as `_market._tcp.example.com`. Those of the lowest priority come first;
 * within one, the order is drawn by weight (RFC 2782), once for each record and not anew each time that it is asked.
 */
export function dnsSrv(name: string, options: DnsSrvOptions = {}): EndpointSource {
  const { scheme = "tcp", refreshMs = REFRESH_MS_DEFAULT, random = Math.random } = options;
  const addressOf = options.address ?? ((host: string, port: number): Address => `${scheme}://${host}:${port}`);
  const resolver = options.resolver ?? new Resolver();
  let drawn = new Map<string, number>();

  async function endpoints(signal: AbortSignal): Promise<readonly Endpoint[]> {
    const cancel = (): void => (resolver as Partial<Resolver>).cancel?.();
    // Only a resolver of its own: another's queries are not to be cancelled.
    if (options.resolver === undefined) signal.addEventListener("abort", cancel, { once: true });
    try {
      const records = distinct(await resolver.resolveSrv(name));
      if (records.size === 0) throw new AlphaPulseError("LOOKUP_FAILED", `${name} says that there is no such service`);
      drawn = new Map([...records].map(([key, { weight }]) => [key, drawn.get(key) ?? placeOf(weight)]));
      const inOrder = [...records].sort(
        ([a, recordA], [b, recordB]) =>
          recordA.priority - recordB.priority || (drawn.get(a) as number) - (drawn.get(b) as number),
      );
      return inOrder.map(([, { name: host, port, priority, weight }]) => {
        return { address: addressOf(host, port), priority, weight: Math.max(1, weight) };
      });
    } finally {
      signal.removeEventListener("abort", cancel);
    }
  }

  /** The order of these is the one of drawing by weight again and again. */
  function placeOf(weight: number): number {
    return -Math.log(1 - random()) / Math.max(weight, LEAST_WEIGHT);
  }

  return { endpoints, refreshMs };
}

/** Records by what tells them apart. A target of `.` says that there is none. */
function distinct(records: readonly SrvRecord[]): Map<string, SrvRecord> {
  const found = new Map<string, SrvRecord>();
  for (const record of records) {
    const host = record.name.replace(/\.$/, "").toLowerCase();
    const key = `${host}:${record.port} ${record.weight}`;
    if (host === "" || [...found.keys()].some((other) => other.startsWith(`${host}:${record.port} `))) continue;
    found.set(key, { ...record, name: host });
  }
  return found;
}
