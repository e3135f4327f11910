import { join } from "node:path";
import { PlacedEnd, type Placement } from "../links/placed-end.js";
import type { EndSpec, Order } from "./link.js";

/** Resolves once it is connected; both ends of a link have to be placed at once. */
export function placeEnd(root: string, placement: Placement, spec: EndSpec): Promise<PlacedEnd<Order>> {
  const program = join(root, "build/bench/rings/end.js");
  const transferList = spec.kind === "messagePort" ? [spec.port] : [];
  return PlacedEnd.place({ name: spec.kind, program, placement, spec, transferList });
}
