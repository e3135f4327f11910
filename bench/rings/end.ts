/** One end of a link, as a worker thread or a process of its own: does what it is ordered to, until it is ended. */
import { latencyOf, spanOf } from "../links/measured.js";
import { type OpenEnd, serveEnd } from "../links/served-end.js";
import type { ZeroMqModule } from "../links/zeromq.js";
import { BroadcastReceiver, BroadcastSender } from "./ends/broadcast-end.js";
import { MessagePortWire } from "./ends/message-port.js";
import { BlockingEnd, LoopEnd } from "./ends/our-end.js";
import { RingBufEnd, type RingBufModule } from "./ends/ringbuf.js";
import { SocketWire } from "./ends/socket.js";
import { WireEnd } from "./ends/wire-end.js";
import { ZeroMqWire } from "./ends/zeromq.js";
import type { End, EndSpec, Order } from "./link.js";

const PEERS = `${new URL("../../../bench/peers.mjs", import.meta.url)}`; // from build/bench/rings/

async function open(spec: EndSpec): Promise<OpenEnd<Order>> {
  if (spec.kind === "broadcast") return broadcastEnd(spec.ring, spec.side);
  const end = await openEnd(spec);
  return { obey: (order) => obey(end, order) };
}

function broadcastEnd(ring: Extract<EndSpec, { kind: "broadcast" }>["ring"], side: 0 | 1): OpenEnd<Order> {
  if (side === 1) {
    const receiver = new BroadcastReceiver(ring);
    return { obey: (order) => (order.do === "read" ? receiver.read() : undefined) };
  }
  const sender = new BroadcastSender(ring);
  return { obey: (order) => (order.do === "broadcast" ? sender.send(order.count, order.perSecond) : undefined) };
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

await serveEnd(open);
