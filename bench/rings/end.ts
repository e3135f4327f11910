/** One end of a link, as a worker thread or a process of its own: does what it is ordered to, until it is ended. */
import { parentPort, workerData } from "node:worker_threads";
import { BroadcastReceiver, BroadcastSender } from "./ends/broadcast-end.js";
import { MessagePortWire } from "./ends/message-port.js";
import { BlockingEnd, LoopEnd } from "./ends/our-end.js";
import { RingBufEnd, type RingBufModule } from "./ends/ringbuf.js";
import { SocketWire } from "./ends/socket.js";
import { WireEnd } from "./ends/wire-end.js";
import { type ZeroMqModule, ZeroMqWire } from "./ends/zeromq.js";
import { type End, type EndSpec, latencyOf, type Order, type Reply, spanOf } from "./link.js";

const PEERS = `${new URL("../../../bench/peers.mjs", import.meta.url)}`; // from build/bench/rings/

const spec = (parentPort === null ? JSON.parse(process.argv[2] ?? "") : workerData) as EndSpec;

type Doer = (order: Order) => unknown;

async function open(): Promise<Doer> {
  if (spec.kind === "broadcast") return broadcastDoer(spec.ring, spec.side);
  const end = await openEnd(spec);
  return (order) => obey(end, order);
}

function broadcastDoer(ring: Extract<EndSpec, { kind: "broadcast" }>["ring"], side: 0 | 1): Doer {
  if (side === 1) {
    const receiver = new BroadcastReceiver(ring);
    return (order) => (order.do === "read" ? receiver.read() : undefined);
  }
  const sender = new BroadcastSender(ring);
  return (order) => (order.do === "broadcast" ? sender.send(order.count, order.perSecond) : undefined);
}

async function openEnd(of: Exclude<EndSpec, { kind: "broadcast" }>): Promise<End> {
  if (of.kind === "ours") {
    const [out, incoming] = inAndOut(of.rings, of.side);
    const isLoop = of.strategy === "loopPolled" || of.strategy === "loopAsleep";
    return isLoop ? new LoopEnd(of.strategy, out, incoming) : new BlockingEnd(of.strategy, out, incoming);
  }
  if (of.kind === "ringbuf") {
    const module = await peer<RingBufModule>("ringbuf.js");
    return new RingBufEnd(module, ...inAndOut(of.rings, of.side));
  }
  if (of.kind === "messagePort") return new WireEnd(new MessagePortWire(of.port));
  if (of.kind === "socket") {
    const wire = new SocketWire(of.path, of.side);
    await wire.opened();
    return new WireEnd(wire);
  }
  const wire = new ZeroMqWire(await peer<ZeroMqModule>("zeromq"));
  await wire.open(of.address, of.side);
  return new WireEnd(wire);
}

/** The first ring leads from side 0 to side 1. */
function inAndOut<Ring>([there, back]: readonly [Ring, Ring], side: 0 | 1): [out: Ring, incoming: Ring] {
  return side === 0 ? [there, back] : [back, there];
}

async function peer<Module>(name: string): Promise<Module> {
  const { load }: { load(name: string): Promise<Module> } = await import(PEERS);
  return load(name);
}

async function obey(end: End, order: Order): Promise<unknown> {
  if (order.do === "send") return spanOf(() => end.send(order.count, order.batch));
  if (order.do === "receive") return spanOf(() => end.receive(order.count));
  if (order.do === "ask") return latencyOf(await end.ask(order.count));
  if (order.do === "answer") return end.answer(order.count);
  if (order.do === "close") return end.close?.();
  if (order.do === "stamp") return end.stamp?.(order.count, order.intervalNs);
  throw new Error(`this end cannot ${order.do}`);
}

/** Resolves once the other side can read it: after it this thread may block. */
function tell(reply: Reply): Promise<void> {
  if (parentPort !== null) {
    parentPort.postMessage(reply);
    return Promise.resolve();
  }
  return new Promise((resolve) => process.send?.(reply, () => resolve()));
}

async function run(doer: Doer, order: Order): Promise<void> {
  try {
    await tell({ is: "begun" });
    await tell({ is: "done", value: await doer(order) });
  } catch (error) {
    await tell({ is: "failed", why: error instanceof Error ? error.message : String(error) });
  }
}

const doer = await open();
if (parentPort === null) process.on("message", (order: Order) => void run(doer, order));
else parentPort.on("message", (order: Order) => void run(doer, order));
process.on("disconnect", () => process.exit());
await tell({ is: "ready" });
