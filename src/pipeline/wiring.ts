import type { AnyActor, Outputs } from "../actor/actor.js";
import type { Wire } from "../actor/runtime.js";
import { AlphaPulseError } from "../protocol/errors.js";
import type { AnyTLV } from "../protocol/schema/tlv.js";
import { domainName } from "../protocol/tables.js";
import { isExtensionType } from "../protocol/walk.js";

/** An actor as it was added to a pipeline. */
export interface ActorEntry {
  readonly name: string;
  readonly actor: AnyActor;
  readonly sourceId: number;
  readonly config: Readonly<Record<string, unknown>>;
  readonly inputs: Readonly<Record<string, string>>;
  readonly outputs: Readonly<Record<string, string>>;
}

/** A relay as it was added. */
export interface RelayEntry {
  readonly name: string;
  readonly domain: number;
}

/** Holds a pipeline against what its actors say of themselves. @throws AlphaPulseError that names actor, port and relay */
export function checkWiring(relays: ReadonlyMap<string, RelayEntry>, actors: readonly ActorEntry[]): void {
  for (const entry of actors) {
    checkPorts(entry, relays);
    checkConfig(entry);
    checkDomains(entry, relays);
  }
  checkSources(actors);
  checkWriters(actors);
}

/** The ports of one side of an actor as wires. */
export function wiresOf(ports: Readonly<Record<string, string>>, relays: ReadonlyMap<string, RelayEntry>): Wire[] {
  return Object.entries(ports).map(([port, relay]) => ({
    port,
    relay,
    domain: (relays.get(relay) as RelayEntry).domain,
  }));
}

function checkPorts({ name, actor, inputs, outputs }: ActorEntry, relays: ReadonlyMap<string, RelayEntry>): void {
  const { definition } = actor;
  for (const [side, given, declared] of [
    ["input", inputs, definition.inputs ?? {}],
    ["output", outputs, definition.outputs ?? {}],
  ] as const) {
    for (const port of Object.keys(declared)) {
      if (given[port] === undefined) throw wrong("UNWIRED", `actor ${name}: its ${side} ${port} leads to no relay`);
    }
    for (const [port, relay] of Object.entries(given)) {
      if (!(port in declared))
        throw wrong("UNKNOWN_PORT", `actor ${name} has no ${side} ${port}: it has ${list(declared)}`);
      if (!relays.has(relay)) {
        throw wrong(
          "UNKNOWN_RELAY",
          `actor ${name}, ${side} ${port}: there is no relay ${relay}, there is ${[...relays.keys()].join(", ")}`,
        );
      }
    }
  }
}

function checkConfig({ name, actor, config }: ActorEntry): void {
  const defaults = (actor.definition.config ?? {}) as Readonly<Record<string, unknown>>;
  for (const [key, value] of Object.entries(config)) {
    if (!(key in defaults)) throw wrong("BAD_CONFIG", `actor ${name} has no config ${key}: it has ${list(defaults)}`);
    const expected = defaults[key];
    if (expected !== undefined && expected !== null && typeof value !== typeof expected) {
      throw wrong(
        "BAD_CONFIG",
        `actor ${name}: config ${key} is a ${typeof value}, its default is a ${typeof expected}`,
      );
    }
  }
}

function checkDomains({ name, actor, inputs, outputs }: ActorEntry, relays: ReadonlyMap<string, RelayEntry>): void {
  const check = (side: string, port: string, relay: string, types: readonly AnyTLV[]): void => {
    const { domain } = relays.get(relay) as RelayEntry;
    for (const tlv of types) {
      if (isExtensionType(tlv.type)) continue;
      const isService = tlv.type >= 80 && tlv.type < 90;
      if (tlv.domain === 0 || tlv.domain === domain || isService) continue;
      const belongs = `${tlv.name} belongs to ${domainName(tlv.domain)}, relay ${relay} carries ${domainName(domain)}`;
      throw wrong("WRONG_DOMAIN", `actor ${name}, ${side} ${port}: ${belongs}`);
    }
  };
  for (const [port, relay] of Object.entries(inputs)) check("input", port, relay, actor.definition.inputs[port]);
  for (const [port, relay] of Object.entries(outputs))
    check("output", port, relay, actor.definition.outputs[port].types);
}

function checkSources(actors: readonly ActorEntry[]): void {
  const bySource = new Map<number, string>();
  for (const { name, sourceId, outputs } of actors) {
    if (Object.keys(outputs).length === 0) continue;
    const other = bySource.get(sourceId);
    if (other !== undefined) {
      throw wrong(
        "SOURCE_IN_USE",
        `actors ${other} and ${name} both send as source ${sourceId}: give one another source`,
      );
    }
    bySource.set(sourceId, name);
  }
}

function checkWriters(actors: readonly ActorEntry[]): void {
  const written = new Map<string, Set<number>>();
  for (const { actor, outputs } of actors) {
    for (const [port, relay] of Object.entries(outputs)) {
      const types = written.get(relay) ?? new Set();
      for (const tlv of (actor.definition.outputs as Outputs)[port]?.types ?? []) types.add(tlv.type);
      written.set(relay, types);
    }
  }
  for (const { name, actor, inputs } of actors) {
    for (const [port, relay] of Object.entries(inputs)) {
      const types: readonly AnyTLV[] = actor.definition.inputs[port];
      const isWritten = types.length === 0 || types.some((tlv) => written.get(relay)?.has(tlv.type));
      if (isWritten) continue;
      const wanted = types.map((tlv) => tlv.name).join(", ");
      throw wrong("NOTHING_WRITES", `actor ${name}, input ${port}: nothing writes ${wanted} to relay ${relay}`);
    }
  }
}

function list(table: object): string {
  const names = Object.keys(table);
  return names.length === 0 ? "none" : names.join(", ");
}

function wrong(code: string, message: string): AlphaPulseError {
  return new AlphaPulseError(code, message);
}
