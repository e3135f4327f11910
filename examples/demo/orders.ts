// The numbers of docs/protocol.md, "Execution TLVs", that the demo uses, by name.

/** OrderRequest.orderType. */
export const OrderType = { Limit: 1 } as const;

/** OrderRequest.timeInForce. */
export const TimeInForce = { ImmediateOrCancel: 2 } as const;

/** OrderAck.status. */
export const AckStatus = { Accepted: 1, Rejected: 2, Cancelled: 3, Expired: 4 } as const;

/** OrderAck.rejectReason. */
export const RejectReason = {
  None: 0,
  UnknownInstrument: 1,
  Price: 2,
  Quantity: 3,
  DuplicateId: 5,
  RiskLimit: 6,
  RateLimit: 7,
  Halted: 8,
  StaleData: 11,
  Other: 255,
} as const;
export type RejectReason = (typeof RejectReason)[keyof typeof RejectReason];

/** ExecutionReport.status. */
export const ReportStatus = { New: 1, PartiallyFilled: 2, Filled: 3, Cancelled: 4, Rejected: 5, Expired: 6 } as const;
export type ReportStatus = (typeof ReportStatus)[keyof typeof ReportStatus];

/** Whether nothing more will come of an order. */
export function isFinal(status: number): boolean {
  return status >= ReportStatus.Filled && status <= ReportStatus.Expired;
}

/** Fill.liquidity. */
export const Liquidity = { Maker: 1, Taker: 2 } as const;

/** InstrumentStatus.status. */
export const InstrumentState = { Syncing: 1, Live: 2, Stale: 3, Halted: 4 } as const;

/** Heartbeat.status. */
export const ServiceStatus = { Healthy: 2 } as const;

const REASON_NAMES: Readonly<Record<number, string>> = {
  1: "unknown instrument",
  2: "price",
  3: "quantity",
  4: "insufficient funds",
  5: "duplicate id",
  6: "risk limit",
  7: "rate limit",
  8: "halted",
  9: "would take",
  10: "would increase",
  11: "stale data",
  255: "other",
};

/** A reject reason for people. */
export function reasonName(reason: number): string {
  return REASON_NAMES[reason] ?? `reason ${reason}`;
}
