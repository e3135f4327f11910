import { join } from "node:path";
import type { BenchContext } from "../harness.js";
import type { ZeroMqModule } from "../links/zeromq.js";
import { limitSubject } from "./limit.js";
import type { TransportName, Way } from "./link.js";
import { type LinkPlan, LinkSubject, type Subject } from "./subject.js";
import type { Surroundings } from "./surroundings.js";

export const OURS = "alphapulse";
const OURS_VERIFYING = "alphapulse: checksums verified";
const LIMIT = "the C limit";
const RAW = {
  unix: "a Unix socket of node:net",
  tcp: "a TCP socket of node:net",
  udp: "a socket of node:dgram",
} as const;
const ZEROMQ = { unix: "zeromq ipc", tcp: "zeromq tcp" } as const;

/** Whom ours are divided by, as far as they are there: Node's own sockets, zeromq, and what the machine can. */
export const RIVALS: Readonly<Record<TransportName, readonly string[]>> = {
  unix: [RAW.unix, ZEROMQ.unix, LIMIT],
  tcp: [RAW.tcp, ZEROMQ.tcp, LIMIT],
  udp: [RAW.udp, LIMIT],
};

/** All ways from one process to another by a transport, ours first. What cannot be is noted and left out. */
export async function transportSubjects(
  context: BenchContext,
  transport: TransportName,
  { folder, program, canPin }: Surroundings,
): Promise<Subject[]> {
  const plans = [...ourPlans(transport, folder), ...rawPlans(transport, folder)];
  const subjects = [
    ...(await placeAll(context, plans, canPin)),
    // With threads of its own, which one core would not do justice to.
    ...(await placeAll(context, await zeroMqPlans(context, transport, folder), false)),
  ];
  if (program !== undefined) subjects.push(limitSubject(LIMIT, program, transport));
  return subjects;
}

/** Those that can be told a pace, over UDP. */
export function pacedSubjects(context: BenchContext, { folder, canPin }: Surroundings): Promise<Subject[]> {
  const plans = [...ourPlans("udp", folder), ...rawPlans("udp", folder)];
  return placeAll(context, plans, canPin);
}

async function placeAll(context: BenchContext, plans: readonly Plan[], isPinned: boolean): Promise<Subject[]> {
  const subjects: Subject[] = [];
  for (const plan of plans) {
    try {
      subjects.push(await LinkSubject.place(context.root, { ...plan, isPinned }));
    } catch (error) {
      context.note(`skipped: ${error instanceof Error ? error.message : error}`);
    }
  }
  return subjects;
}

type Plan = Omit<LinkPlan, "isPinned">;

function ourPlans(transport: TransportName, folder: string): Plan[] {
  return [OURS, OURS_VERIFYING].map((name) => {
    const verifies = name === OURS_VERIFYING;
    const path = join(folder, verifies ? "verified.sock" : "ours.sock");
    return {
      name,
      way: { kind: "ours", verifies },
      address: transport === "unix" ? `unix://${path}` : `${transport}://127.0.0.1:0`,
      isLossless: transport !== "udp",
      hasLatency: !verifies,
    };
  });
}

function rawPlans(transport: TransportName, folder: string): Plan[] {
  const name = RAW[transport];
  const isLossless = transport !== "udp";
  if (!isLossless) return [{ name, way: { kind: "dgram" }, address: "", isLossless, hasLatency: true }];
  const at = (file: string): string => (transport === "unix" ? join(folder, file) : "0");
  const plan = (corks: boolean): { way: Way; isLossless: boolean; hasLatency: boolean } => ({
    way: { kind: "net", corks },
    isLossless,
    hasLatency: !corks,
  });
  return [
    { name, address: at("raw.sock"), ...plan(false) },
    { name: `${name}, corked each turn`, address: at("corked.sock"), ...plan(true) },
  ];
}

/** Between processes only: between threads it corrupts the heap as they end. */
async function zeroMqPlans(context: BenchContext, transport: TransportName, folder: string): Promise<Plan[]> {
  if (transport === "udp" || (await context.peer<ZeroMqModule>("zeromq")) === undefined) return [];
  const address = transport === "unix" ? `ipc://${join(folder, "zeromq.sock")}` : "tcp://127.0.0.1:*";
  return [{ name: ZEROMQ[transport], way: { kind: "zeromq" }, address, isLossless: true, hasLatency: true }];
}
