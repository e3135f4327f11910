import { median } from "alphapulse/bench";
import type { BenchContext } from "../harness.js";
import type { PlacedEnd } from "../links/placed-end.js";
import type { Offered, Received } from "./ends/broadcast-end.js";
import type { Order } from "./link.js";
import { placeEnd } from "./place-end.js";
import type { Surroundings } from "./surroundings.js";

const CAPACITY_BYTES = 1 << 22;
const PACES = [Number.POSITIVE_INFINITY, 9_000_000, 1_000_000];
const FULL = { rounds: 7, ms: 250 };
const QUICK = { rounds: 1, ms: 30 };
const WARM_UP_COUNT = 1_000_000;
/** Of the fastest pace, to know how many messages fill the time. */
const PER_SECOND_MAX = 12_000_000;

/** One producer that waits for nobody, and one reader: how much it offers, and how much of it arrives. */
export async function compareBroadcast(context: BenchContext, surroundings: Surroundings): Promise<void> {
  if (!surroundings.hasMemory) return;
  const { placement } = surroundings;
  const ring = surroundings.ring("broadcast", CAPACITY_BYTES);
  const { rounds, ms } = context.quick ? QUICK : FULL;
  const [sender, reader] = await Promise.all(
    ([0, 1] as const).map((side) => placeEnd(context.root, placement, { kind: "broadcast", side, ring })),
  );
  const offered = PACES.map((): number[] => []);
  const shares = PACES.map((): number[] => []);
  const lost = PACES.map(() => 0);
  try {
    await runOnce(sender!, reader!, WARM_UP_COUNT, Number.POSITIVE_INFINITY);
    for (let round = 0; round < rounds; round++) {
      for (const [i, perSecond] of PACES.entries()) {
        const count = Math.round((Math.min(perSecond, PER_SECOND_MAX) * ms) / 1e3);
        const result = await runOnce(sender!, reader!, count, perSecond);
        offered[i]!.push(result.perSecond);
        shares[i]!.push(result.received / count);
        lost[i] = lost[i]! + result.lost;
      }
    }
  } finally {
    await Promise.all([sender!.stop(), reader!.stop()]);
  }
  for (const [i, perSecond] of PACES.entries()) {
    const pace = perSecond === Number.POSITIVE_INFINITY ? "unpaced" : `paced at ${perSecond / 1e6} M/s`;
    const name = `broadcast between ${placement}, ${pace}`;
    const subject = "alphapulse: one reader";
    const report = (what: string, value: number, unit: string, better: "higher" | "lower"): void =>
      context.report({ name: `${name}: ${what}`, subject, value, unit, better });
    report("offered", median(offered[i]!) / 1e6, "M messages/s", "higher");
    report("received", median(shares[i]!) * 100, "%", "higher");
    report("lost in all rounds", lost[i]!, "messages", "lower");
  }
}

async function runOnce(
  sender: PlacedEnd<Order>,
  reader: PlacedEnd<Order>,
  count: number,
  perSecond: number,
): Promise<Offered & Received> {
  const reading = reader.order<Received>({ do: "read" });
  await reading.begun;
  const sending = sender.order<Offered>({ do: "broadcast", count, perSecond });
  const [offered, received] = await Promise.all([sending.done, reading.done]);
  if (received.received + received.lost !== count) {
    throw new Error(`broadcast: of ${count} messages ${received.received} came and ${received.lost} were lost`);
  }
  return { ...offered, ...received };
}
