import { type ChildProcess, fork } from "node:child_process";
import { type Transferable, Worker } from "node:worker_threads";
import { onCore } from "./cores.js";

/** Where the ends of a link are. */
export type Placement = "threads" | "processes";

/** What an end says: that it is there and where, that it is about to begin, and what came of it. */
export type Reply =
  | { readonly is: "ready"; readonly address?: string }
  | { readonly is: "begun" }
  | { readonly is: "done"; readonly value: unknown }
  | { readonly is: "failed"; readonly why: string };

/** What every end may be told, beside its own orders. */
type Close = { readonly do: "close" };

/** An end that is to be placed. */
export interface EndPlan {
  /** In messages. */
  readonly name: string;
  /** The path of the program that serves it. */
  readonly program: string;
  readonly placement: Placement;
  /** What the program is told. */
  readonly spec: unknown;
  /** The core that a process runs on; default: any. */
  readonly core?: number | undefined;
  /** What of it moves to a thread. */
  readonly transferList?: readonly Transferable[];
}

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
export class PlacedEnd<Order> {
  readonly #host: Worker | ChildProcess;
  readonly #name: string;
  #address: string | undefined;
  #pending: Pending | undefined;
  #failure: Error | undefined;

  private constructor(host: Worker | ChildProcess, name: string) {
    this.#host = host;
    this.#name = name;
    host.on("message", (reply: Reply) => this.#pending?.heard(reply));
    host.on("error", (error: Error) => this.#fail(error.message));
    host.on("exit", (code: number | null) => this.#fail(`ended with code ${code}`));
  }

  /** Resolves once it is ready. An end that is ready once it is connected has to be placed together with the other one. */
  static async place<Order>(plan: EndPlan): Promise<PlacedEnd<Order>> {
    const end = new PlacedEnd<Order>(plan.placement === "threads" ? thread(plan) : process(plan), plan.name);
    try {
      end.#address = await end.#expect<string | undefined>("ready", START_MS_MAX).done;
      return end;
    } catch (error) {
      await end.stop();
      throw error;
    }
  }

  /** Where it said it is found. */
  get address(): string | undefined {
    return this.#address;
  }

  /** Gives an order. */
  order<Result>(order: Order): Ordered<Result> {
    return this.#order(order, ORDER_MS_MAX);
  }

  #order<Result>(order: Order | Close, ms: number): Ordered<Result> {
    const ordered = this.#expect<Result>("done", ms);
    if (this.#host instanceof Worker) this.#host.postMessage(order);
    else if (this.#host.connected) this.#host.send(order as object);
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
            resolve((reply.is === "done" ? reply.value : reply.address) as Result);
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

function thread({ program, spec, transferList = [] }: EndPlan): Worker {
  return new Worker(program, { workerData: spec, transferList: [...transferList] });
}

function process({ program, spec, core }: EndPlan): ChildProcess {
  const args = [JSON.stringify(spec)];
  if (core === undefined) return fork(program, args, { serialization: "advanced" });
  const [execPath, ...before] = onCore(core);
  return fork(program, args, {
    serialization: "advanced",
    execPath,
    execArgv: [...before, globalThis.process.execPath],
  });
}
