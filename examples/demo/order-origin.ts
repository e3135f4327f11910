import { defineTLV, u16, u64 } from "alphapulse/schema";

/** Of an order that was refused before it was sent: which signal it would have answered. Stands behind its OrderAck. */
export const OrderOriginTLV = defineTLV(201, "OrderOrigin", { signalId: u64, strategyId: u16 });
