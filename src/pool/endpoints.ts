import { AlphaPulseError } from "../protocol/errors.js";
import type { Address } from "../transports/transport.js";

/** A relay that a pool may connect to. */
export interface Endpoint {
  readonly address: Address;
  /** Those of a higher number are used only while none of a lower one is there; default 0. */
  readonly priority?: number;
  /** Its share of what those of its priority are given, 1 to 65,535; default 1. */
  readonly weight?: number;
}

/** Where endpoints are found: service discovery. */
export interface EndpointSource {
  /** All endpoints that there are now, the preferred ones first. */
  endpoints(signal: AbortSignal): Promise<readonly Endpoint[]>;
  /** How often a pool asks again; without it, once. */
  readonly refreshMs?: number;
}

type Listed = readonly (Address | Endpoint)[];

/** A list, a function that finds one each time that it is asked, or a source. */
export type Endpoints = Listed | ((signal: AbortSignal) => Listed | Promise<Listed>) | EndpointSource;

/** An endpoint with its defaults, and the text that tells it from others. */
export interface KnownEndpoint extends Required<Endpoint> {
  readonly key: string;
}

const PRIORITY_MAX = 65_535;
const WEIGHT_MAX = 65_535;
const REFRESH_MS_MIN = 10;

/** Asks for endpoints, within a bounded time. */
export class Lookup {
  readonly refreshMs: number | undefined;
  readonly #find: (signal: AbortSignal) => unknown;
  readonly #countMax: number;
  readonly #timeoutMs: number;

  /** @throws AlphaPulseError BAD_OPTION */
  constructor(from: Endpoints, countMax: number, timeoutMs: number, refreshMs: number | undefined) {
    this.#countMax = countMax;
    this.#timeoutMs = timeoutMs;
    if (isList(from)) this.#find = () => from;
    else if (typeof from === "function") this.#find = from;
    else if (typeof from?.endpoints === "function") this.#find = (signal) => from.endpoints(signal);
    else throw new AlphaPulseError("BAD_OPTION", "Pool: endpoints are a list, a function or an EndpointSource");
    const ownMs = isList(from) || typeof from === "function" ? undefined : from.refreshMs;
    this.refreshMs = checkedRefreshMs(refreshMs ?? ownMs);
  }

  /**
   * @param keepsProcess whether a process that has nothing else to do waits for it
   * @throws AlphaPulseError LOOKUP_FAILED, BAD_ENDPOINTS, or ABORTED where the signal says so
   */
  async endpoints(signal: AbortSignal, keepsProcess: boolean): Promise<readonly KnownEndpoint[]> {
    const limit = new AbortController();
    const timer = setTimeout(() => limit.abort(), this.#timeoutMs);
    if (!keepsProcess) timer.unref();
    const either = AbortSignal.any([signal, limit.signal]);
    let refuse: () => void = () => {};
    const given = new Promise<never>((_, reject) => {
      refuse = () => reject(either.reason);
    });
    either.addEventListener("abort", refuse);
    try {
      either.throwIfAborted();
      return checked(await Promise.race([this.#ask(either), given]), this.#countMax);
    } catch (error) {
      if (signal.aborted) throw new AlphaPulseError("ABORTED", "Pool: closed while it looked for endpoints");
      if (error instanceof AlphaPulseError && error.code === "BAD_ENDPOINTS") throw error;
      const said = limit.signal.aborted ? `no answer within ${this.#timeoutMs} ms` : String(error);
      throw new AlphaPulseError("LOOKUP_FAILED", `Pool: endpoints were not found: ${said}`, { cause: error });
    } finally {
      clearTimeout(timer);
      either.removeEventListener("abort", refuse);
    }
  }

  async #ask(signal: AbortSignal): Promise<unknown> {
    return this.#find(signal);
  }
}

function isList(from: Endpoints): from is Listed {
  return Array.isArray(from);
}

function checkedRefreshMs(refreshMs: number | undefined): number | undefined {
  if (refreshMs === undefined || (refreshMs >= REFRESH_MS_MIN && refreshMs < 2 ** 31)) return refreshMs;
  throw new AlphaPulseError(
    "BAD_OPTION",
    `Pool: refreshMs ${String(refreshMs)} is not ${REFRESH_MS_MIN} ms to 24 days`,
  );
}

/** What somebody found, as it should be. @throws AlphaPulseError BAD_ENDPOINTS */
function checked(found: unknown, countMax: number): readonly KnownEndpoint[] {
  if (!Array.isArray(found)) throw bad(`${typeof found} is no list of endpoints`);
  if (found.length === 0) throw bad("the list is empty");
  if (found.length > countMax) throw bad(`${found.length} endpoints, more than endpointsMax ${countMax}`);
  const known = found.map(endpointOf);
  const keys = new Set<string>();
  for (const { key } of known) {
    if (keys.has(key)) throw bad(`${key} is there twice: a relay takes a source from one connection only`);
    keys.add(key);
  }
  return known;
}

function endpointOf(found: unknown): KnownEndpoint {
  const isEndpoint = typeof found === "object" && found !== null && "address" in found;
  const { address, priority = 0, weight = 1 } = (isEndpoint ? found : { address: found }) as Endpoint;
  const key = keyOf(address);
  if (!Number.isInteger(priority) || priority < 0 || priority > PRIORITY_MAX) {
    throw bad(`${key}: priority ${String(priority)} is not 0 to ${PRIORITY_MAX}`);
  }
  if (!Number.isInteger(weight) || weight < 1 || weight > WEIGHT_MAX) {
    throw bad(`${key}: weight ${String(weight)} is not 1 to ${WEIGHT_MAX}`);
  }
  return { address, priority, weight, key };
}

/** What two endpoints have in common that are one. Which transport there is, `connect` finds out. */
function keyOf(address: unknown): string {
  if (typeof address === "string" && /^[a-z][a-z0-9+]*:\/\/./s.test(address)) return address;
  if (typeof address === "object" && address !== null) {
    const texts = Object.entries(address).filter(([, value]) => typeof value === "string" && value !== "");
    if (texts.length > 0) return texts.map(([name, value]) => `${name}://${value}`).join(" ");
  }
  throw bad(`${typeof address === "string" ? JSON.stringify(address) : typeof address} is no address`);
}

function bad(what: string): AlphaPulseError {
  return new AlphaPulseError("BAD_ENDPOINTS", `Pool: ${what}`);
}
