/** The reasons of a Gap message (docs/protocol.md, "Gap"). */
export const GapReason = {
  Complete: 0,
  LostInTransport: 1,
  SlowConsumer: 2,
  RingOverrun: 3,
  NoLongerRetained: 4,
  Conflated: 5,
} as const;

/** The codes of a Goodbye message (docs/protocol.md, "Goodbye codes"). */
export const GoodbyeCode = {
  NotAuthorized: 1,
  ProtocolError: 2,
  SlowConsumer: 3,
  ShuttingDown: 4,
  IdleTooLong: 5,
  TooManyConnections: 6,
  SourceInUse: 7,
  NothingInCommon: 8,
} as const;

/** The opcodes of a Control message (docs/protocol.md, "Control"). */
export const ControlOpcode = { SubscribeAck: 1, Reject: 2, SnapshotRequest: 3, SchemaRequest: 4 } as const;

/** What a client says it is in its Hello. */
export const Role = { Producer: 1, Consumer: 2, Both: 3 } as const;

/** The codes of an Error message that this library sends; the protocol leaves them to the sender. */
export const ErrorCode = { SchemaDiffers: 1, SchemaRefused: 2 } as const;
