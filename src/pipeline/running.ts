import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Host } from "../actor/host.js";
import type { LogLine } from "../actor/log.js";
import type { RuntimeEvents } from "../actor/runtime.js";
import { AlphaPulseError } from "../protocol/errors.js";
import { Relay } from "../relay/relay.js";
import type { RelayStats } from "../relay/reports.js";
import { type ActorHandle, LocalHandle } from "./handle.js";
import type { ActorSetup, Placement, RelaySetup, StartOptions } from "./pipeline.js";
import { IN_RUNNER } from "./protocol.js";
import { RemoteHandle } from "./remote.js";
import { checkWiring, wiresOf } from "./wiring.js";

/** What a running pipeline has done so far. */
export interface PipelineStats {
  /** By the relay's name. */
  readonly relays: Readonly<Record<string, RelayStats>>;
}

const SETTLE_MS_DEFAULT = 5_000;
/** In how many steps time goes on after the last source, so that what timers cause elsewhere comes back in time. */
const SETTLE_STEPS = 20;
/** How long a pipeline may take to come to rest, in real time. */
const QUIET_MS_MAX = 60_000;
const STOP_QUIET_MS_MAX = 2_000;

let started = 0;

/** Checks the wiring; starts relays, then actors, then feeds; stops all again where one of them cannot start. */
export async function startPipeline(
  relays: readonly RelaySetup[],
  actors: readonly ActorSetup[],
  options: StartOptions,
): Promise<RunningPipeline> {
  if ((globalThis as Record<symbol, unknown>)[IN_RUNNER] === true) {
    const advice = "keep each actor in a module of its own, apart from the one that starts the pipeline";
    throw new AlphaPulseError(
      "NESTED_PIPELINE",
      `the module of an actor starts a pipeline when it is imported: ${advice}`,
    );
  }
  checkWiring(new Map(relays.map((relay) => [relay.name, relay])), actors);
  const running = new RunningPipeline(relays, actors, options);
  try {
    await running.prepare();
  } catch (error) {
    await running.abort(wrap(error)).catch(() => {});
    throw error;
  }
  return running;
}

/** A pipeline that runs: until its feeds end, an actor fails, or it is stopped. */
export class RunningPipeline implements AsyncDisposable {
  /**
   * Resolves when every feed has ended and everything that it caused is done; stays pending where there is none.
   * Rejects when an actor fails: all others were stopped before, in good order.
   */
  readonly finished: Promise<void>;
  readonly #relaySetups: ReadonlyMap<string, RelaySetup>;
  readonly #actorSetups: readonly ActorSetup[];
  readonly #options: StartOptions;
  readonly #host: Host;
  readonly #relays = new Map<string, Relay>();
  readonly #handles: ActorHandle[] = [];
  readonly #addresses = new Map<string, Partial<Record<Placement, string>>>();
  readonly #id = `${process.pid}-${++started}`;
  #directory: string | undefined;
  #sources = 0;
  #failure: AlphaPulseError | undefined;
  #stopping: Promise<void> | undefined;
  #resolve: () => void = () => {};
  #reject: (error: AlphaPulseError) => void = () => {};

  constructor(relays: readonly RelaySetup[], actors: readonly ActorSetup[], options: StartOptions) {
    this.#relaySetups = new Map(relays.map((relay) => [relay.name, relay]));
    this.#actorSetups = actors;
    this.#options = options;
    this.#host = new Host({ clock: options.clock ?? "live", speed: options.speed ?? "max" });
    this.finished = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    // A failure is told to whoever waits; the log tells it in any case.
    this.finished.catch(() => {});
  }

  /** Starts everything. */
  async prepare(): Promise<void> {
    if (this.#placements().has("process")) this.#directory = await mkdtemp(join(tmpdir(), "alphapulse-"));
    await Promise.all([...this.#relaySetups.values()].map((setup) => this.#startRelay(setup)));
    for (const setup of this.#actorSetups) this.#handles.push(this.#handleOf(setup));
    for (const handle of this.#handles) {
      const { isSource } = await handle.prepare();
      if (isSource) this.#sources++;
      this.#host.drain();
    }
    for (const handle of this.#handles) await handle.start();
    if (this.#failure !== undefined) throw this.#failure;
    const runs = [this.#host.run(), ...this.#handles.map((handle) => handle.run())];
    void Promise.all(runs).then(
      () => this.#ended(),
      (error: unknown) => this.#fail(wrap(error)),
    );
  }

  /** What the actor's `snapshot` returns, from wherever it runs. @throws AlphaPulseError UNKNOWN_ACTOR or ACTOR_DIED */
  async snapshot(actor: string): Promise<unknown> {
    const handle = this.#handles.find(({ name }) => name === actor);
    if (handle === undefined) throw new AlphaPulseError("UNKNOWN_ACTOR", `there is no actor ${actor}`);
    return handle.snapshot();
  }

  /** What its relays have done so far. */
  stats(): PipelineStats {
    return { relays: Object.fromEntries([...this.#relays].map(([name, relay]) => [name, relay.stats()])) };
  }

  /** Ends the feeds, lets what is under way arrive, stops the actors in their order, then the relays. Bounded in time. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  /** As {@link RunningPipeline.stop}: for `await using`. */
  /** Stops what has started of a pipeline that cannot start. */
  abort(error: AlphaPulseError): Promise<void> {
    this.#failure ??= error;
    return this.stop();
  }

  /** Stops it: `await using running = await pipeline.start()`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  /** Where actors run that are wired to this relay, or to any. */
  #placements(relay?: string): Set<Placement> {
    const placements = new Set<Placement>();
    for (const { inputs, outputs, placement } of this.#actorSetups) {
      const used = [...Object.values(inputs), ...Object.values(outputs)];
      if (relay === undefined || used.includes(relay)) placements.add(placement ?? this.#options.placement ?? "thread");
    }
    return placements;
  }

  async #startRelay({ name, options }: RelaySetup): Promise<void> {
    const relay = new Relay({ ...options, clock: this.#host.clock, schedule: this.#host.schedule });
    this.#relays.set(name, relay);
    relay.on("refused", ({ cause, source, peer, detail }) =>
      this.#log("warn", name, `refused: ${detail}`, { cause, source, peer }),
    );
    relay.on("lost", ({ name: who, source, from, to }) =>
      this.#log("warn", name, "a subscriber fell behind", { who, source, from, to }),
    );
    const placements = this.#placements(name);
    const addresses: Partial<Record<Placement, string>> = {};
    if (placements.has("worker")) addresses.worker = `ring://${this.#id}-${name}`;
    if (placements.has("process")) addresses.process = `unix://${join(this.#directory as string, `${name}.sock`)}`;
    for (const address of Object.values(addresses)) await relay.listen(address);
    this.#addresses.set(name, addresses);
  }

  #handleOf(setup: ActorSetup): ActorHandle {
    const { name, actor, sourceId, config, inputs, outputs } = setup;
    const placement = setup.placement ?? this.#options.placement ?? "thread";
    const options = {
      name,
      sourceId,
      config,
      seed: this.#options.seed ?? "alphapulse",
      inputs: wiresOf(inputs, this.#relaySetups),
      outputs: wiresOf(outputs, this.#relaySetups),
    };
    const events: RuntimeEvents = {
      log: (line) => this.#write(line),
      failed: (error) => this.#fail(error),
      finished: () => {},
    };
    const used = [...new Set([...Object.values(inputs), ...Object.values(outputs)])];
    if (placement === "thread") {
      const relays = Object.fromEntries(used.map((relay) => [relay, this.#relays.get(relay) as Relay]));
      return new LocalHandle(actor, { ...options, relays }, this.#host, events);
    }
    const relays = Object.fromEntries(used.map((relay) => [relay, this.#addresses.get(relay)?.[placement] as string]));
    return new RemoteHandle(
      placement,
      { url: actor.url, options: { ...options, relays }, time: this.#host.time },
      events,
    );
  }

  /** The feeds have ended: what they caused is still under way. */
  async #ended(): Promise<void> {
    if (this.#sources === 0 || this.#stopping !== undefined) return;
    try {
      await this.#quiet(QUIET_MS_MAX);
      if (this.#options.clock === "replay") await this.#settle();
      this.#resolve();
    } catch (error) {
      this.#fail(wrap(error));
    }
  }

  /** Lets the time of a replay go on after its last event, so that timers that are set still fire. */
  async #settle(): Promise<void> {
    const all = await Promise.all(this.#handles.map((handle) => handle.stats()));
    const fromUs = Math.max(this.#host.clock.nowUs(), ...all.map(({ nowUs }) => nowUs));
    const stepUs = ((this.#options.settleMs ?? SETTLE_MS_DEFAULT) * 1000) / SETTLE_STEPS;
    for (let step = 1; step <= SETTLE_STEPS; step++) {
      const us = Math.round(fromUs + step * stepUs);
      this.#host.advanceTo(us);
      this.#host.drain();
      await Promise.all(this.#handles.map((handle) => handle.advance(us)));
      await this.#quiet(QUIET_MS_MAX);
    }
  }

  /**
   * Waits until nothing is under way: twice in a row every actor has got all that was sent to it, every relay all that
   * was published to it, and the counts have not moved in between.
   */
  async #quiet(withinMs: number): Promise<void> {
    const giveUpAt = performance.now() + withinMs;
    let before = "";
    for (;;) {
      this.#host.drain();
      const actors = await Promise.all(this.#handles.map((handle) => handle.stats()));
      const relays = [...this.#relays.values()].map((relay) => relay.stats());
      const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
      const published = sum(actors.map((actor) => actor.published));
      const received = sum(actors.map((actor) => actor.received));
      const taken = sum(relays.map((relay) => relay.received + relay.duplicates + sum(Object.values(relay.refused))));
      const sent = sum(relays.map((relay) => relay.sent));
      const isQuiet =
        published === taken &&
        received === sent &&
        relays.every(({ isIdle }) => isIdle) &&
        actors.every(({ isWaiting }) => !isWaiting);
      const now = `${published}:${received}`;
      if (isQuiet && now === before) return;
      before = isQuiet ? now : "";
      if (performance.now() > giveUpAt) {
        const counts = `published ${published}, taken ${taken}, sent ${sent}, received ${received}`;
        throw new AlphaPulseError("NOT_QUIET", `the pipeline did not come to rest within ${withinMs} ms: ${counts}`);
      }
      if (!isQuiet) await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }

  #fail(error: AlphaPulseError): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    this.#log("error", "pipeline", error.message, { code: error.code });
    void this.stop().then(
      () => this.#reject(error),
      () => this.#reject(error),
    );
  }

  async #stop(): Promise<void> {
    const failedBefore = this.#failure !== undefined;
    await this.#host.stopSources();
    await Promise.allSettled(this.#handles.map((handle) => handle.stopSources()));
    for (const handle of this.#handles) {
      // After a failure the counts of the one that failed are gone: nothing to wait for.
      if (this.#failure === undefined) await this.#quiet(STOP_QUIET_MS_MAX).catch(() => {});
      await handle.stop().catch(() => {});
    }
    if (this.#failure === undefined) await this.#quiet(STOP_QUIET_MS_MAX).catch(() => {});
    await Promise.allSettled(this.#handles.map((handle) => handle.close()));
    await Promise.allSettled([...this.#relays.values()].map((relay) => relay.close()));
    this.#host.close();
    if (this.#directory !== undefined) await rm(this.#directory, { recursive: true, force: true });
    // A run that is stopped has finished, unless an actor failed: when it stopped at the latest.
    if (this.#failure === undefined) this.#resolve();
    else if (!failedBefore) throw this.#failure;
  }

  #log(level: LogLine["level"], actor: string, message: string, fields: LogLine["fields"]): void {
    this.#write({ level, actor, message, fields, atUs: this.#host.clock.nowUs() });
  }

  #write(line: LogLine): void {
    if (this.#options.onLog !== undefined) {
      this.#options.onLog(line);
      return;
    }
    if (line.level !== "warn" && line.level !== "error") return;
    const fields = Object.entries(line.fields).map(([key, value]) => ` ${key}=${value}`);
    process.stderr.write(`${line.level} ${line.actor}: ${line.message}${fields.join("")}\n`);
  }
}

function wrap(error: unknown): AlphaPulseError {
  if (error instanceof AlphaPulseError) return error;
  return new AlphaPulseError("PIPELINE_FAILED", error instanceof Error ? error.message : String(error), {
    cause: error,
  });
}
