import type { Clock } from "../protocol/clock.js";
import { AlphaPulseError } from "../protocol/errors.js";
import type { Publisher, SendResult } from "../protocol/publisher.js";
import type { AnyTLV, InputFor } from "../protocol/schema/tlv.js";
import type { Handlers, Nothing } from "../session/subscription.js";
import type { Log } from "./log.js";
import type { Random } from "./random.js";
import type { Timers } from "./timers.js";

/** What an actor reads: per input the TLVs that it has handlers for. */
export type Inputs = Readonly<Record<string, readonly AnyTLV[]>>;

/** What becomes of a message that an output cannot send at once because its reader is slow. */
export type BackPressurePolicy =
  /** The actor fails. */
  | "fail"
  /** The message is kept, and the actor reads nothing more until it went. */
  | "wait"
  /** The message is dropped, counted and logged. */
  | "dropNewest";

/** One output: the TLVs that begin its messages, and what to do when they cannot go. */
export interface OutputDefinition {
  /** What may stand first in a message; extensions and user types may follow any of them. */
  readonly types: readonly AnyTLV[];
  /** What becomes of a message that its relay has no room for. */
  readonly onBackPressure: BackPressurePolicy;
}

/** What an actor writes. */
export type Outputs = Readonly<Record<string, OutputDefinition>>;

/** An event that an actor brings into the pipeline itself, such as a recorded frame. */
export interface FeedEvent {
  /** When it happened: whole microseconds since the Unix epoch; never less than the one before. */
  readonly atUs: number;
}

/** Where an actor's own events come from. When it ends, the actor has finished. */
export interface ActorFeed<Event extends FeedEvent = FeedEvent> {
  /** Batches in the order of time. */
  readonly events: AsyncIterable<readonly Event[]>;
  /** Called with each event when its time has come: in a replay the clock then shows it. */
  on(event: Event): Nothing;
}

/** What `setup` returns. */
export type ActorHandlers<I extends Inputs> = {
  readonly [Name in keyof I]: Handlers<I[Name]>;
} & {
  /** The events of an actor that starts a pipeline, such as a recording's frames. */
  // biome-ignore lint/suspicious/noExplicitAny: each actor's feed has events of its own type
  readonly feed?: ActorFeed<any>;
  /** Called once all connections stand, before the first message. */
  start?(): void | Promise<void>;
  /** Called once after the last message; what it sends still goes out. */
  stop?(): void | Promise<void>;
  /** The actor's state, as the structured clone algorithm can copy it. */
  snapshot?(): unknown;
  /** Takes the state of a snapshot, before start. */
  restore?(state: unknown): void;
};

/** One output of an actor: call it with TLVs and objects, or claim, fill and commit. */
export interface Output<T extends AnyTLV> extends Publisher {
  <A extends T>(tlv: A, value: InputFor<A>): SendResult;
  <A extends T, B extends AnyTLV>(tlv: A, value: InputFor<A>, tlvB: B, valueB: InputFor<B>): SendResult;
  <A extends T, B extends AnyTLV, C extends AnyTLV>(
    tlv: A,
    value: InputFor<A>,
    tlvB: B,
    valueB: InputFor<B>,
    tlvC: C,
    valueC: InputFor<C>,
  ): SendResult;
}

/** Everything an actor may touch: so that it runs the same live, in a simulation and in a replay, anywhere. */
export interface ActorContext<Config, O extends Outputs> {
  /** The actor's name in the pipeline. */
  readonly name: string;
  /** Who its messages say they are from. */
  readonly sourceId: number;
  /** The defaults, with what the pipeline set. */
  readonly config: Config;
  /** The wall clock, or in a replay the time of what is replayed. */
  readonly clock: Clock;
  /** Timers on that clock. */
  readonly timers: Timers;
  /** Random numbers that grow from the pipeline's seed and the actor's name. */
  readonly random: Random;
  /** Lines for whoever listens to the pipeline's log. */
  readonly log: Log;
  /** The outputs by their names. */
  readonly send: { readonly [Name in keyof O]: Output<O[Name]["types"][number]> };
  /** Ends the actor as if a handler had thrown this. */
  fail(error: Error): void;
}

/** What an actor is made of. */
export interface ActorDefinition<Config extends object, I extends Inputs, O extends Outputs> {
  /** The defaults, and with them the type: a pipeline may set any of these keys and no others. */
  readonly config?: Config;
  /** What it reads, by input: the TLVs that it has handlers for. */
  readonly inputs?: I;
  /** What it writes, by output. */
  readonly outputs?: O;
  /** Makes the actor's state and returns its handlers. Called once per run. */
  setup(context: ActorContext<NoInfer<Config>, NoInfer<O>>): ActorHandlers<NoInfer<I>>;
}

/**
 * A unit of a pipeline: it says what it reads and what it writes, keeps its state to itself and reaches the world only
 * through its context. Export it as its module's default: its module's URL is how workers and processes find it.
 */
export class Actor<
  Config extends object = Record<string, never>,
  // biome-ignore lint/complexity/noBannedTypes: an actor without inputs has none, not any
  const I extends Inputs = {},
  // biome-ignore lint/complexity/noBannedTypes: likewise
  const O extends Outputs = {},
> {
  /** The module that has this actor as its default export. */
  readonly url: string;
  readonly definition: ActorDefinition<Config, I, O>;

  /**
   * @param url `import.meta.url` of the module
   * @throws AlphaPulseError BAD_ACTOR where the definition cannot be
   */
  constructor(url: string, definition: ActorDefinition<Config, I, O>) {
    if (typeof url !== "string" || typeof definition?.setup !== "function") {
      throw new AlphaPulseError("BAD_ACTOR", "an actor is made of import.meta.url and a definition with setup()");
    }
    for (const [name, output] of Object.entries(definition.outputs ?? {})) {
      if (!["fail", "wait", "dropNewest"].includes(output.onBackPressure)) {
        throw new AlphaPulseError(
          "BAD_ACTOR",
          `${url}: output ${name} must say onBackPressure: fail, wait or dropNewest`,
        );
      }
    }
    this.url = url;
    this.definition = definition;
  }
}

/** Any actor, where its types do not matter. */
// biome-ignore lint/suspicious/noExplicitAny: an actor is contravariant in its config and handlers
export type AnyActor = Actor<any, any, any>;
