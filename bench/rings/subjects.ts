import { join } from "node:path";
import { MessageChannel } from "node:worker_threads";
import type { BenchContext } from "../harness.js";
import type { ZeroMqModule } from "../links/zeromq.js";
import type { RingBufModule } from "./ends/ringbuf.js";
import { type EndSpec, STRATEGIES, type Strategy } from "./link.js";
import { LinkSubject, type Subject } from "./subject.js";
import type { Surroundings } from "./surroundings.js";

/** Of a ring of ringbuf.js: as many as ours have. */
const CAPACITY_BYTES = 1 << 20;

const STRATEGY_NAMES: Record<Strategy, string> = {
  busySpin: "alphapulse: busy spin",
  spinThenYield: "alphapulse: spin, then yield",
  backOff: "alphapulse: back-off",
  blocking: "alphapulse: blocking",
  spinThenBlock: "alphapulse: spin, then block",
  loopPolled: "alphapulse: event loop, polled",
  loopAsleep: "alphapulse: event loop, asleep",
};

/** Those who sleep before every message; the others spin at least for a while. */
export const SLEEPING: readonly string[] = [STRATEGY_NAMES.blocking, STRATEGY_NAMES.loopAsleep];

/** All ways from one thread or process to another, those of the library first. What cannot be is noted and left out. */
export async function linkSubjects(context: BenchContext, surroundings: Surroundings): Promise<Subject[]> {
  const { placement } = surroundings;
  const subjects: Subject[] = [];
  const add = async (name: string, specs: readonly EndSpec[]): Promise<void> => {
    try {
      subjects.push(await LinkSubject.place(name, context.root, placement, specs));
    } catch (error) {
      context.note(`${name} between ${placement} was skipped: ${error instanceof Error ? error.message : error}`);
    }
  };
  for (const [name, specs] of [
    ...ourLinks(surroundings),
    ...(placement === "threads" ? await threadPeers(context) : []),
    ...(await peers(context, surroundings)),
  ]) {
    await add(name, specs);
  }
  return subjects;
}

type Link = readonly [name: string, specs: readonly EndSpec[]];

function ourLinks(surroundings: Surroundings): Link[] {
  if (!surroundings.hasMemory) return [];
  return STRATEGIES.map((strategy) => {
    const rings = [surroundings.ring("spsc"), surroundings.ring("spsc")] as const;
    return [STRATEGY_NAMES[strategy], sides({ kind: "ours", strategy, rings })];
  });
}

/** What works between the threads of one process only. */
async function threadPeers(context: BenchContext): Promise<Link[]> {
  const { port1, port2 } = new MessageChannel();
  const links: Link[] = [
    [
      "postMessage",
      [
        { kind: "messagePort", side: 0, port: port1 },
        { kind: "messagePort", side: 1, port: port2 },
      ],
    ],
  ];
  const ringbuf = await context.peer<RingBufModule>("ringbuf.js");
  if (ringbuf === undefined) return links;
  const allocate = (): SharedArrayBuffer => ringbuf.RingBuffer.getStorageForCapacity(CAPACITY_BYTES, Uint8Array);
  return [...links, ["ringbuf.js", sides({ kind: "ringbuf", rings: [allocate(), allocate()] })]];
}

async function peers(context: BenchContext, { placement, folder }: Surroundings): Promise<Link[]> {
  const links: Link[] = [
    ["a Unix socket of node:net", sides({ kind: "socket", path: join(folder, `${placement}.sock`) })],
  ];
  if ((await context.peer<ZeroMqModule>("zeromq")) === undefined) return links;
  if (placement === "threads") {
    context.note(
      "zeromq between threads is left out: as its threads end, the process's heap is corrupted and it aborts",
    );
    return links;
  }
  links.push(["zeromq ipc", sides({ kind: "zeromq", address: `ipc://${join(folder, "zeromq.sock")}` })]);
  return links;
}

type WithoutSide<Spec> = Spec extends { readonly side: 0 | 1 } ? Omit<Spec, "side"> : never;

function sides(spec: WithoutSide<EndSpec>): EndSpec[] {
  return ([0, 1] as const).map((side) => ({ ...spec, side }) as EndSpec);
}
