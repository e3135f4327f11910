/** One end of a link, as a process of its own: does what it is ordered to, until it is ended. */
import { type OpenEnd, serveEnd } from "../links/served-end.js";
import type { ZeroMqModule } from "../links/zeromq.js";
import { DgramWire } from "./ends/dgram-wire.js";
import { MeasuredEnd } from "./ends/measured-end.js";
import { NetWire } from "./ends/net-wire.js";
import { OurWire } from "./ends/our-wire.js";
import { ZeroMqWire } from "./ends/zeromq-wire.js";
import type { EndSpec, Order, Way, Wire } from "./link.js";

const PEERS = `${new URL("../../../bench/peers.mjs", import.meta.url)}`; // from build/bench/transports/

interface OpeningWire extends Wire {
  listen(address: string): Promise<string>;
  connect(address: string): Promise<void>;
}

async function open({ side, address, way }: EndSpec): Promise<OpenEnd<Order>> {
  const wire = await makeWire(way);
  const end = new MeasuredEnd(wire);
  const obey = (order: Order): unknown => obeyed(end, order);
  if (side === 1) return { obey, address: await wire.listen(address) };
  await wire.connect(address);
  return { obey };
}

async function makeWire(way: Way): Promise<OpeningWire> {
  if (way.kind === "ours") return new OurWire(way.verifies);
  if (way.kind === "net") return new NetWire(way.corks);
  if (way.kind === "dgram") return new DgramWire();
  const { load }: { load(name: string): Promise<ZeroMqModule> } = await import(PEERS);
  return new ZeroMqWire(await load("zeromq"));
}

function obeyed(end: MeasuredEnd, order: Order): unknown {
  if (order.do === "send") return end.send(order.count, order.perSecond);
  if (order.do === "receive") return end.receive(order.count, order.isLossless);
  if (order.do === "ask") return end.ask(order.count, order.loops);
  if (order.do === "answer") return end.answer(order.count, order.loops);
  return end.close();
}

await serveEnd(open);
