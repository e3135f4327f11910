import { AlphaPulseError } from "../protocol/errors.js";
import type { SendResult } from "../protocol/publisher.js";
import type { AnyTLV, CountsFor } from "../protocol/schema/tlv.js";
import { isExtensionType, isUserType } from "../protocol/walk.js";
import { connect } from "../session/connect.js";
import type { Connection } from "../session/connection.js";
import { type Handlers, refusePromise } from "../session/subscription.js";
import type { Address, Attachable } from "../transports/transport.js";
import type { ActorHandlers, AnyActor, BackPressurePolicy, Inputs, Output } from "./actor.js";
import type { Host } from "./host.js";
import { type LogLine, makeLog } from "./log.js";
import { seededRandom } from "./random.js";

/** Where one port of an actor leads. */
export interface Wire {
  /** The port's name in the actor's definition. */
  readonly port: string;
  /** The relay's name: ports of one relay share a connection. */
  readonly relay: string;
  /** The relay's domain. */
  readonly domain: number;
}

/** What a runtime is made of. */
export interface RuntimeOptions {
  readonly name: string;
  readonly sourceId: number;
  /** Overrides of the definition's config. */
  readonly config: object;
  readonly seed: string;
  readonly inputs: readonly Wire[];
  readonly outputs: readonly Wire[];
  /** Where each relay is reached from here. */
  readonly relays: Readonly<Record<string, Address | Attachable>>;
}

/** What a runtime tells whoever runs it. */
export interface RuntimeEvents {
  log(line: LogLine): void;
  /** The actor failed: once, and nothing is handed to it afterwards. */
  failed(error: AlphaPulseError): void;
  /** Its feed has ended. */
  finished(): void;
}

/** Messages that an actor has sent and got so far, and whether it waits for room. */
export interface RuntimeStats {
  readonly published: number;
  readonly received: number;
  readonly dropped: number;
  readonly isWaiting: boolean;
}

/** Bytes that an output with policy `wait` may keep before the actor fails: it reads nothing while it keeps any. */
const HOLD_BYTES_MAX = 64 << 20;
const DROPS_PER_WARNING = 1_000;

/** Runs one actor in this thread: connections, subscriptions, life cycle, failure. */
export class ActorRuntime {
  readonly name: string;
  readonly #actor: AnyActor;
  readonly #options: RuntimeOptions;
  readonly #host: Host;
  readonly #events: RuntimeEvents;
  readonly #connections = new Map<string, Connection>();
  readonly #timers;
  #handlers: ActorHandlers<Inputs> | undefined;
  #waiting: Promise<void> | undefined;
  #dropped = 0;
  #state: "made" | "running" | "failed" | "stopped" = "made";

  constructor(actor: AnyActor, options: RuntimeOptions, host: Host, events: RuntimeEvents) {
    this.name = options.name;
    this.#actor = actor;
    this.#options = options;
    this.#host = host;
    this.#events = events;
    this.#timers = host.timersFor((error) => this.fail(error, "a timer"));
  }

  /** Whether the actor brings events of its own. Known once it is prepared. */
  get isSource(): boolean {
    return this.#handlers?.feed !== undefined;
  }

  /** Connects, sets the actor up and subscribes. Nothing is handed to it yet that it could answer. */
  async prepare(): Promise<void> {
    const { inputs, outputs } = this.#options;
    for (const wire of [...inputs, ...outputs]) await this.#connect(wire);
    const { definition } = this.#actor;
    const log = makeLog(
      this.name,
      () => this.#host.clock.nowUs(),
      (line) => this.#events.log(line),
    );
    const context = {
      name: this.name,
      sourceId: this.#options.sourceId,
      config: { ...definition.config, ...this.#options.config },
      clock: this.#host.clock,
      timers: this.#timers,
      random: seededRandom(`${this.#options.seed}:${this.name}`),
      log,
      send: Object.fromEntries(outputs.map((wire) => [wire.port, this.#output(wire)])),
      fail: (error: Error) => this.fail(error, "it"),
    };
    try {
      this.#handlers = definition.setup(context);
      refusePromise(this.#handlers);
    } catch (error) {
      throw this.#errorOf(error, "setup");
    }
    for (const { port, relay } of inputs) {
      const types = (definition.inputs as Inputs)[port] as readonly AnyTLV[];
      const handlers = this.#handlers?.[port] as Handlers<readonly AnyTLV[]> | undefined;
      if (handlers === undefined) {
        throw new AlphaPulseError(
          "BAD_ACTOR",
          `actor ${this.name}: setup() returned no handlers for its input ${port}`,
        );
      }
      const wanted = handlers.message === undefined ? types : [];
      const label = `actor ${this.name}, input ${port}`;
      await this.#connectionOf(relay).subscribe({ types, wanted, label }, handlers);
    }
  }

  /** Starts the actor; its feed runs with its host. */
  async start(): Promise<void> {
    this.#state = "running";
    await this.#guard("start", () => this.#handlers?.start?.());
    const feed = this.#handlers?.feed;
    if (feed === undefined || this.#state !== "running") return;
    this.#host.addSource({
      events: feed.events,
      on: (event) => {
        if (this.#state !== "running") return;
        try {
          refusePromise(feed.on(event));
        } catch (error) {
          this.fail(error, "its feed's handler");
        }
      },
      waiting: () => this.#waiting,
      finished: () => this.#events.finished(),
      failed: (error) => this.fail(error, "its feed"),
    });
  }

  /** Calls the actor's stop, once. What it sends has left when this resolves. */
  async stop(): Promise<void> {
    if (this.#state !== "running") return;
    await this.#guard("stop", () => this.#handlers?.stop?.());
    if (this.#state === "running") this.#state = "stopped";
    this.#timers.clear();
    this.#host.drain();
    await Promise.all([...this.#connections.values()].map((connection) => connection.flush().catch(() => {})));
  }

  /** Closes its connections. */
  async close(): Promise<void> {
    this.#timers.clear();
    await Promise.all([...this.#connections.values()].map((connection) => connection.close()));
  }

  /** The actor's state, by its own `snapshot`. */
  snapshot(): unknown {
    return this.#handlers?.snapshot?.();
  }

  stats(): RuntimeStats {
    const all = [...this.#connections.values()].map((connection) => connection.stats());
    return {
      published: all.reduce((sum, { published }) => sum + published, 0),
      received: all.reduce((sum, { received }) => sum + received, 0),
      dropped: this.#dropped,
      isWaiting: this.#waiting !== undefined,
    };
  }

  /** Ends the actor: nothing more is handed to it, and whoever runs it is told. */
  fail(error: unknown, where: string): void {
    if (this.#state === "failed" || this.#state === "stopped") return;
    this.#state = "failed";
    this.#timers.clear();
    this.#events.failed(this.#errorOf(error, where));
    for (const connection of this.#connections.values()) connection.close().catch(() => {});
  }

  async #connect({ relay, domain }: Wire): Promise<void> {
    if (this.#connections.has(relay)) return;
    const target = this.#options.relays[relay] as Address | Attachable;
    const isReplay = this.#host.time.clock === "replay";
    const keeps = this.#options.outputs.some((wire) => wire.relay === relay && this.#policyOf(wire.port) === "wait");
    const connection = await connect(target, {
      source: this.#options.sourceId,
      name: this.name,
      domain,
      clock: this.#host.clock,
      holdBytesMax: keeps ? HOLD_BYTES_MAX : 0,
      ...(isReplay ? { beforeMessage: (us: number) => this.#host.advanceTo(us) } : {}),
      onFailure: (error) => this.fail(error, "a connection"),
    });
    this.#connections.set(relay, connection);
  }

  #connectionOf(relay: string): Connection {
    return this.#connections.get(relay) as Connection;
  }

  #policyOf(port: string): BackPressurePolicy {
    return this.#actor.definition.outputs[port].onBackPressure;
  }

  /** The function that an actor sends with: checks the type, and does what its policy says when there is no room. */
  #output({ port, relay }: Wire): Output<AnyTLV> {
    const connection = this.#connectionOf(relay);
    const policy = this.#policyOf(port);
    const allowed = new Set<number>(this.#actor.definition.outputs[port].types.map((tlv: AnyTLV) => tlv.type));
    const check = (tlv: AnyTLV): void => {
      if (allowed.has(tlv.type)) return;
      throw new AlphaPulseError("UNDECLARED_TYPE", `output ${port} does not declare ${tlv.name}: add it to its types`);
    };
    const settle = (result: SendResult): SendResult => {
      if (result === "sent") {
        if (policy === "wait" && connection.isHolding) this.#wait(connection);
        return result;
      }
      if (result === "backPressured" && policy === "dropNewest") {
        if (this.#dropped++ % DROPS_PER_WARNING === 0) {
          const message = `output ${port}: no room, messages are dropped`;
          this.#events.log({
            level: "warn",
            actor: this.name,
            message,
            fields: { dropped: this.#dropped },
            atUs: this.#host.clock.nowUs(),
          });
        }
        return result;
      }
      if (this.#state !== "running" && result === "closed") return result;
      throw new AlphaPulseError("OUTPUT_BLOCKED", `output ${port} to relay ${relay} could not send: ${result}`);
    };
    const publish = (...parts: unknown[]): SendResult => {
      check(parts[0] as AnyTLV);
      return settle((connection.publish as (...given: unknown[]) => SendResult)(...parts));
    };
    return Object.assign(publish as Output<AnyTLV>, {
      publish: publish as Output<AnyTLV>["publish"],
      claim<T extends AnyTLV>(tlv: T, counts?: CountsFor<T>) {
        check(tlv);
        return connection.claim(tlv, counts);
      },
      append<T extends AnyTLV>(tlv: T, counts?: CountsFor<T>) {
        if (!isExtensionType(tlv.type) && !isUserType(tlv.type)) check(tlv);
        return connection.append(tlv, counts);
      },
      commit: () => settle(connection.commit()),
    });
  }

  /** Reads nothing more until what an output keeps has gone. */
  #wait(connection: Connection): void {
    if (this.#waiting !== undefined) return;
    for (const other of this.#connections.values()) other.pause();
    this.#waiting = connection.ready().then(() => {
      this.#waiting = undefined;
      for (const other of this.#connections.values()) other.resume();
    });
  }

  /** What failed, with the actor's name and where; a coded error keeps its code. */
  #errorOf(error: unknown, where: string): AlphaPulseError {
    const code = error instanceof AlphaPulseError ? error.code : "ACTOR_FAILED";
    const said = error instanceof Error ? error.message : String(error);
    const isNamed = error instanceof AlphaPulseError && said.startsWith(`actor ${this.name}`);
    const text = isNamed ? said : `actor ${this.name}: ${where} failed: ${said}`;
    return new AlphaPulseError(code, text, { cause: error });
  }

  async #guard(where: string, call: () => unknown): Promise<void> {
    try {
      await call();
    } catch (error) {
      this.fail(error, where);
    }
  }
}
