import { type ChildProcess, fork } from "node:child_process";
import { Worker } from "node:worker_threads";
import type { RuntimeEvents } from "../actor/runtime.js";
import { AlphaPulseError } from "../protocol/errors.js";
import type { ActorHandle } from "./handle.js";
import type { PlainError, RunnerEvent, RunnerInit, RunnerRequest, RunnerStats } from "./protocol.js";

/** The program that runs an actor in a thread or process of its own. */
const RUNNER = /* @__PURE__ */ new URL("./runner.js", import.meta.url);
/** How long a runner may take to answer. */
const REPLY_MS_MAX = 30_000;
/** How long a runner that was told to close may take before it is killed. */
const EXIT_MS_MAX = 5_000;

type WithoutId<T> = T extends unknown ? Omit<T, "id"> : never;

interface Pending {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: AlphaPulseError) => void;
  readonly timer: NodeJS.Timeout | undefined;
}

/** The thread or process behind a handle. */
interface Vehicle {
  send(request: RunnerRequest): void;
  kill(): void;
  readonly exited: Promise<string>;
}

/** An actor in a worker thread or a process of its own. */
export class RemoteHandle implements ActorHandle {
  readonly name: string;
  readonly #init: RunnerInit;
  readonly #events: RuntimeEvents;
  readonly #vehicle: Vehicle;
  readonly #pending = new Map<number, Pending>();
  #requests = 0;
  #closing = false;
  #gone: AlphaPulseError | undefined;

  constructor(placement: "worker" | "process", init: RunnerInit, events: RuntimeEvents) {
    this.name = init.options.name;
    this.#init = init;
    this.#events = events;
    const receive = (event: RunnerEvent): void => this.#receive(event);
    this.#vehicle = placement === "worker" ? startWorker(this.name, receive) : startProcess(receive);
    void this.#vehicle.exited.then((how) => this.#exited(placement, how));
  }

  async prepare(): Promise<{ isSource: boolean }> {
    return (await this.#ask({ kind: "prepare", init: this.#init })) as { isSource: boolean };
  }

  async start(): Promise<void> {
    await this.#ask({ kind: "start" });
  }

  async run(): Promise<void> {
    await this.#ask({ kind: "run" }, false);
  }

  async stats(): Promise<RunnerStats> {
    return (await this.#ask({ kind: "stats" })) as RunnerStats;
  }

  async advance(us: number): Promise<void> {
    await this.#ask({ kind: "advance", us });
  }

  async stopSources(): Promise<void> {
    await this.#ask({ kind: "stopSources" });
  }

  snapshot(): Promise<unknown> {
    return this.#ask({ kind: "snapshot" });
  }

  async stop(): Promise<void> {
    if (this.#gone === undefined) await this.#ask({ kind: "stop" });
  }

  async close(): Promise<void> {
    this.#closing = true;
    if (this.#gone !== undefined) return;
    const timer = setTimeout(() => this.#vehicle.kill(), EXIT_MS_MAX);
    await this.#ask({ kind: "close" }).catch(() => {});
    await this.#vehicle.exited;
    clearTimeout(timer);
  }

  #ask(request: WithoutId<RunnerRequest>, isBounded = true): Promise<unknown> {
    if (this.#gone !== undefined) return Promise.reject(this.#gone);
    const id = ++this.#requests;
    return new Promise((resolve, reject) => {
      const late = (): void => {
        this.#pending.delete(id);
        reject(
          new AlphaPulseError("TIMEOUT", `actor ${this.name} did not answer ${request.kind} within ${REPLY_MS_MAX} ms`),
        );
      };
      const timer = isBounded ? setTimeout(late, REPLY_MS_MAX) : undefined;
      this.#pending.set(id, { resolve, reject, timer });
      this.#vehicle.send({ ...request, id });
    });
  }

  #receive(event: RunnerEvent): void {
    if (event.kind === "log") this.#events.log(event.line);
    else if (event.kind === "finished") this.#events.finished();
    else if (event.kind === "failed") this.#events.failed(errorOf(event.error));
    else {
      const pending = this.#pending.get(event.id);
      if (pending === undefined) return;
      this.#pending.delete(event.id);
      clearTimeout(pending.timer);
      if (event.error === undefined) pending.resolve(event.value);
      else pending.reject(errorOf(event.error));
    }
  }

  #exited(placement: string, how: string): void {
    this.#gone = new AlphaPulseError("ACTOR_DIED", `actor ${this.name}: its ${placement} ended: ${how}`);
    for (const { reject, timer } of this.#pending.values()) {
      clearTimeout(timer);
      reject(this.#gone);
    }
    this.#pending.clear();
    if (!this.#closing) this.#events.failed(this.#gone);
  }
}

function errorOf({ code, message }: PlainError): AlphaPulseError {
  return new AlphaPulseError(code, message);
}

function startWorker(name: string, receive: (event: RunnerEvent) => void): Vehicle {
  const worker = new Worker(RUNNER, { name });
  let thrown: string | undefined;
  worker.on("message", receive);
  worker.on("error", (error) => {
    thrown = (error as Error).message;
  });
  return {
    send: (request) => worker.postMessage(request),
    kill: () => void worker.terminate(),
    exited: new Promise((resolve) => worker.on("exit", (code) => resolve(thrown ?? `exit code ${code}`))),
  };
}

function startProcess(receive: (event: RunnerEvent) => void): Vehicle {
  const child: ChildProcess = fork(RUNNER, {
    serialization: "advanced",
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  child.on("message", (event) => receive(event as RunnerEvent));
  // A request to a process that has just died: its exit says so.
  child.on("error", () => {});
  return {
    send: (request) => void child.send(request, () => {}),
    kill: () => void child.kill("SIGKILL"),
    exited: new Promise((resolve) =>
      child.on("exit", (code, signal) => resolve(signal === null ? `exit code ${code}` : `killed by ${signal}`)),
    ),
  };
}
