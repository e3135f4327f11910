import { type Infer, RelayDomain } from "alphapulse";
import { defineTLV, i32, instrument, price, timestamp, u8, zero } from "alphapulse/schema";

/** A price moves away from its average. Example 05 says more about messages of one's own. */
export const MomentumSignalTLV = defineTLV(
  201,
  "MomentumSignal",
  { instrument, price, seenAt: timestamp, strengthBps: i32, side: u8.doc("1 buy, 2 sell"), reserved: zero(3) },
  { domain: RelayDomain.Signal },
);
export type MomentumSignalTLV = Infer<typeof MomentumSignalTLV>;
