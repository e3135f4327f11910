import { parentPort, workerData } from "node:worker_threads";
import type { Reply } from "./placed-end.js";

/** An end that is open: it does what it is ordered to. */
export interface OpenEnd<Order> {
  /** Where the other end finds it, if that is not known before. */
  readonly address?: string;
  obey(order: Order): unknown;
}

/** Makes this thread or process an end of a link, which takes orders until it is ended. */
export async function serveEnd<Spec, Order>(open: (spec: Spec) => Promise<OpenEnd<Order>>): Promise<void> {
  const spec = (parentPort === null ? JSON.parse(process.argv[2] ?? "") : workerData) as Spec;
  process.on("disconnect", () => process.exit());
  let end: OpenEnd<Order>;
  try {
    end = await open(spec);
  } catch (error) {
    return tell({ is: "failed", why: whyOf(error) });
  }
  const take = (order: Order): void => void run(end, order);
  if (parentPort === null) process.on("message", take);
  else parentPort.on("message", take);
  await tell({ is: "ready", ...(end.address === undefined ? {} : { address: end.address }) });
}

async function run<Order>(end: OpenEnd<Order>, order: Order): Promise<void> {
  try {
    await tell({ is: "begun" });
    await tell({ is: "done", value: await end.obey(order) });
  } catch (error) {
    await tell({ is: "failed", why: whyOf(error) });
  }
}

/** Resolves once the other side can read it: after it this thread may block. */
function tell(reply: Reply): Promise<void> {
  if (parentPort !== null) {
    parentPort.postMessage(reply);
    return Promise.resolve();
  }
  return new Promise((resolve) => process.send?.(reply, () => resolve()));
}

function whyOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
