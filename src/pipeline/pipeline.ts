import type { Actor, AnyActor, Inputs, Outputs } from "../actor/actor.js";
import type { LogLine } from "../actor/log.js";
import { AlphaPulseError } from "../protocol/errors.js";
import type { RelayOptions } from "../relay/options.js";
import type { RunningPipeline } from "./running.js";
import type { ActorEntry, RelayEntry } from "./wiring.js";

/** Where an actor runs: in the pipeline's thread, in a worker thread over rings, in a process over Unix sockets. */
export type Placement = "thread" | "worker" | "process";

/** A relay of a pipeline. Its clock and its turns are the pipeline's. */
export type PipelineRelayOptions = Omit<RelayOptions, "clock" | "schedule">;

type InputsOf<A> = A extends Actor<infer _C, infer I, infer _O> ? I : never;
type OutputsOf<A> = A extends Actor<infer _C, infer _I, infer O> ? O : never;
type ConfigOf<A> = A extends Actor<infer C, infer _I, infer _O> ? C : never;
type Ports<Declared, Side extends string, Relays extends string> = string extends keyof Declared
  ? { readonly [S in Side]?: Readonly<Record<string, Relays>> }
  : keyof Declared extends never
    ? { readonly [S in Side]?: Readonly<Record<string, never>> }
    : { readonly [S in Side]: { readonly [Port in keyof Declared]: Relays } };

/** How an actor is added: every port leads to a relay of the pipeline. */
export type ActorOptions<A, Relays extends string> = Ports<InputsOf<A>, "inputs", Relays> &
  Ports<OutputsOf<A>, "outputs", Relays> & {
    /** What differs from the actor's defaults. */
    readonly config?: Partial<ConfigOf<A>>;
    /** Who its messages say they are from: one of Source, or 1,000 and above; default 1,000 and up, by its place. */
    readonly source?: number;
    /** Default: the pipeline's. */
    readonly placement?: Placement;
  };

/** How a pipeline runs. */
export interface StartOptions {
  /** Where actors run that do not say so themselves; default `thread`. */
  readonly placement?: Placement;
  /** `live` (default): the wall clock. `replay`: the clock of the events that its feeds bring. */
  readonly clock?: "live" | "replay";
  /** How many times as fast as recorded a replay goes; default `max`. */
  readonly speed?: number | "max";
  /** What the actors' random numbers grow from; default `alphapulse`. */
  readonly seed?: string;
  /** How long, on the pipeline's clock, timers still run after the last feed of a replay has ended; default 5,000 ms. */
  readonly settleMs?: number;
  /** Every line that an actor logs, and every refusal and loss of a relay; default: warnings and errors to stderr. */
  readonly onLog?: (line: LogLine) => void;
}

/** A relay as it was added, with its options. */
export interface RelaySetup extends RelayEntry {
  readonly options: PipelineRelayOptions;
}

/** An actor as it was added, with its placement. */
export interface ActorSetup extends ActorEntry {
  readonly placement: Placement | undefined;
}

const OWN_SOURCES_FROM = 1_000;
const NAME = /^[A-Za-z][A-Za-z0-9_-]{0,63}$/;

/** Actors and the relays between them, put together in code. The same actors run in every placement. */
export class Pipeline<Relays extends string = never> {
  readonly #relays = new Map<string, RelaySetup>();
  readonly #actors: ActorSetup[] = [];

  /** Adds a relay. @throws AlphaPulseError BAD_NAME */
  relay<const Name extends string>(name: Name, options: PipelineRelayOptions): Pipeline<Relays | Name> {
    this.#checkName("relay", name, this.#relays.has(name));
    this.#relays.set(name, { name, domain: options.domain, options });
    return this as unknown as Pipeline<Relays | Name>;
  }

  /** Adds an actor and wires its ports to relays. @throws AlphaPulseError BAD_NAME */
  actor<A extends AnyActor>(name: string, actor: A, options: ActorOptions<A, Relays>): this {
    this.#checkName(
      "actor",
      name,
      this.#actors.some((other) => other.name === name),
    );
    const {
      config = {},
      source,
      placement,
      inputs = {},
      outputs = {},
    } = options as {
      config?: Record<string, unknown>;
      source?: number;
      placement?: Placement;
      inputs?: Record<string, string>;
      outputs?: Record<string, string>;
    };
    const sourceId = source ?? OWN_SOURCES_FROM + this.#actors.length;
    this.#actors.push({ name, actor, sourceId, config, inputs, outputs, placement });
    return this;
  }

  /**
   * Checks the wiring, starts relays and actors, and runs the feeds.
   * @throws AlphaPulseError UNWIRED, UNKNOWN_PORT, UNKNOWN_RELAY, WRONG_DOMAIN, NOTHING_WRITES, SOURCE_IN_USE or
   * BAD_CONFIG before anything starts; or what an actor's setup threw, after all is stopped again
   */
  async start(options: StartOptions = {}): Promise<RunningPipeline> {
    const { speed = "max" } = options;
    if (speed !== "max" && !(speed > 0 && Number.isFinite(speed))) {
      throw new AlphaPulseError("BAD_OPTION", `start: speed ${speed} is neither "max" nor above 0`);
    }
    const placements = [options.placement ?? "thread", ...this.#actors.map(({ placement }) => placement ?? "thread")];
    const unknown = placements.find((placement) => !["thread", "worker", "process"].includes(placement));
    if (unknown !== undefined)
      throw new AlphaPulseError("BAD_OPTION", `placement ${unknown} is none of thread, worker and process`);
    if (!["live", "replay"].includes(options.clock ?? "live")) {
      throw new AlphaPulseError("BAD_OPTION", `start: clock ${options.clock} is neither live nor replay`);
    }
    // Loaded when it is needed: importing the library stays cheap.
    const { startPipeline } = await import("./running.js");
    return startPipeline([...this.#relays.values()], this.#actors, options);
  }

  /** The pipeline as a Mermaid flow chart. */
  toMermaid(): string {
    const lines = ["flowchart LR"];
    for (const { name } of this.#relays.values()) lines.push(`  relay_${name}([${name} relay])`);
    for (const { name, actor, inputs, outputs } of this.#actors) {
      lines.push(`  ${name}[${name}]`);
      for (const [port, relay] of Object.entries(inputs)) {
        lines.push(`  relay_${relay} -- ${typeNames((actor.definition.inputs as Inputs)[port] ?? [])} --> ${name}`);
      }
      for (const [port, relay] of Object.entries(outputs)) {
        lines.push(
          `  ${name} -- ${typeNames((actor.definition.outputs as Outputs)[port]?.types ?? [])} --> relay_${relay}`,
        );
      }
    }
    return `${lines.join("\n")}\n`;
  }

  #checkName(what: string, name: string, isTaken: boolean): void {
    if (isTaken) throw new AlphaPulseError("BAD_NAME", `there is a ${what} ${name} already`);
    if (NAME.test(name)) return;
    throw new AlphaPulseError(
      "BAD_NAME",
      `${what} ${JSON.stringify(name)}: a name is a letter, then up to 63 letters, figures, _ or -`,
    );
  }
}

function typeNames(types: readonly { readonly name: string }[]): string {
  return types.length === 0 ? "all" : types.map(({ name }) => name).join(", ");
}
