import { type ChildProcess, fork } from "node:child_process";
import { join } from "node:path";
import { type Transferable, Worker } from "node:worker_threads";
import type { EndSpec, Order, Reply } from "./link.js";

/** Where the ends of a link are. */
export type Placement = "threads" | "processes";

const START_MS_MAX = 20_000;
const ORDER_MS_MAX = 60_000;
const CLOSE_MS_MAX = 1_000;

/** What is being waited for. */
interface Pending {
  heard(reply: Reply): void;
  fail(error: Error): void;
}

/** An order on its way: `begun` resolves when it begins, `done` with what came of it. */
interface Ordered<Result> {
  readonly begun: Promise<void>;
  readonly done: Promise<Result>;
}

/** An end that was placed in a worker thread or a process, and takes orders. One order at a time. */
export class PlacedEnd {
  readonly #host: Worker | ChildProcess;
  readonly #name: string;
  #pending: Pending | undefined;
  #failure: Error | undefined;

  private constructor(host: Worker | ChildProcess, name: string) {
    this.#host = host;
    this.#name = name;
    host.on("message", (reply: Reply) => this.#pending?.heard(reply));
    host.on("error", (error: Error) => this.#fail(error.message));
    host.on("exit", (code: number | null) => this.#fail(`ended with code ${code}`));
  }

  /** Resolves once it is connected; both ends of a link have to be placed at once. */
  static async place(root: string, placement: Placement, spec: EndSpec): Promise<PlacedEnd> {
    const path = join(root, "build/bench/rings/end.js");
    const end = new PlacedEnd(placement === "threads" ? thread(path, spec) : process(path, spec), spec.kind);
    try {
      await end.#expect("ready", START_MS_MAX).done;
      return end;
    } catch (error) {
      await end.stop();
      throw error;
    }
  }

  /** Gives an order. */
  order<Result>(order: Order): Ordered<Result> {
    return this.#order(order, ORDER_MS_MAX);
  }

  #order<Result>(order: Order, ms: number): Ordered<Result> {
    const ordered = this.#expect<Result>("done", ms);
    if (this.#host instanceof Worker) this.#host.postMessage(order);
    else if (this.#host.connected) this.#host.send(order);
    return ordered;
  }

  /** Ends it, also while it spins or sleeps; one that does neither may close first. */
  async stop(): Promise<void> {
    const isIdle = this.#pending === undefined && this.#failure === undefined;
    if (isIdle) await this.#order({ do: "close" }, CLOSE_MS_MAX).done.catch(() => {});
    this.#fail("was stopped");
    if (this.#host instanceof Worker) await this.#host.terminate();
    else this.#host.kill("SIGKILL");
  }

  #expect<Result>(last: "ready" | "done", ms: number): Ordered<Result> {
    let begin = (): void => {};
    let settle = (): void => {};
    const begun = new Promise<void>((resolve) => (begin = resolve));
    const done = new Promise<Result>((resolve, reject) => {
      const timer = setTimeout(() => this.#fail(`gave no answer for ${ms / 1_000} s`), ms);
      settle = () => {
        clearTimeout(timer);
        this.#pending = undefined;
        begin(); // who waits for the beginning goes on to the end, and learns there what was wrong
      };
      this.#pending = {
        heard: (reply) => {
          if (reply.is === "begun") begin();
          else if (reply.is === "failed") this.#fail(reply.why);
          else if (reply.is === last) {
            settle();
            resolve((reply.is === "done" ? reply.value : undefined) as Result);
          }
        },
        fail: (error) => {
          settle();
          reject(error);
        },
      };
    });
    done.catch(() => {}); // the other end may fail first
    if (this.#failure !== undefined) this.#fail("");
    return { begun, done };
  }

  #fail(why: string): void {
    this.#failure ??= new Error(`${this.#name} ${why}`);
    this.#pending?.fail(this.#failure);
  }
}

function thread(path: string, spec: EndSpec): Worker {
  const transferList: Transferable[] = spec.kind === "messagePort" ? [spec.port] : [];
  return new Worker(path, { workerData: spec, transferList });
}

function process(path: string, spec: EndSpec): ChildProcess {
  return fork(path, [JSON.stringify(spec)], { serialization: "advanced" });
}
