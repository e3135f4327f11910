import type { AnyActor } from "../actor/actor.js";
import type { Host } from "../actor/host.js";
import { ActorRuntime, type RuntimeEvents, type RuntimeOptions } from "../actor/runtime.js";
import type { RunnerStats } from "./protocol.js";

/** One actor of a running pipeline, wherever it runs. */
export interface ActorHandle {
  readonly name: string;
  /** Connects, sets up and subscribes; says whether the actor is a source. */
  prepare(): Promise<{ isSource: boolean }>;
  start(): Promise<void>;
  /** Runs its feed to the end; returns at once where it has none, or where its host runs it. */
  run(): Promise<void>;
  stats(): Promise<RunnerStats>;
  /** In a replay: lets time come to here. */
  advance(us: number): Promise<void>;
  stopSources(): Promise<void>;
  snapshot(): Promise<unknown>;
  stop(): Promise<void>;
  close(): Promise<void>;
}

/** An actor in the pipeline's own thread. */
export class LocalHandle implements ActorHandle {
  readonly name: string;
  readonly #runtime: ActorRuntime;
  readonly #host: Host;

  constructor(actor: AnyActor, options: RuntimeOptions, host: Host, events: RuntimeEvents) {
    this.name = options.name;
    this.#host = host;
    this.#runtime = new ActorRuntime(actor, options, host, events);
  }

  async prepare(): Promise<{ isSource: boolean }> {
    await this.#runtime.prepare();
    return { isSource: this.#runtime.isSource };
  }

  start(): Promise<void> {
    return this.#runtime.start();
  }

  /** The host runs the sources of all actors of its thread together. */
  async run(): Promise<void> {}

  async stats(): Promise<RunnerStats> {
    return { ...this.#runtime.stats(), nowUs: this.#host.clock.nowUs() };
  }

  /** The host's time is everybody's here: the pipeline advances it once. */
  async advance(): Promise<void> {}

  async stopSources(): Promise<void> {}

  /** A copy, as it would be from anywhere else. */
  async snapshot(): Promise<unknown> {
    return structuredClone(this.#runtime.snapshot());
  }

  stop(): Promise<void> {
    return this.#runtime.stop();
  }

  close(): Promise<void> {
    return this.#runtime.close();
  }
}
