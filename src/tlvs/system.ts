import { duration, group, rest, sizeOf, text, u8, u16, u32, u64, zero } from "../protocol/schema/fields.js";
import { defineTLV, type Infer } from "../protocol/schema/tlv.js";

/** A service is alive. 16 bytes. */
export const HeartbeatTLV = /* @__PURE__ */ defineTLV(
  80,
  "Heartbeat",
  {
    status: u8.doc("1 starting, 2 healthy, 3 degraded, 4 unhealthy, 5 stopping"),
    reserved: zero(3),
    intervalMs: u32,
    lastSequence: u64.doc("the last sequence that this source sent"),
  },
  { doc: "a service is alive" },
);
export type HeartbeatTLV = Infer<typeof HeartbeatTLV>;

/** A service's health in numbers. 48 bytes. */
export const StatusReportTLV = /* @__PURE__ */ defineTLV(
  81,
  "StatusReport",
  {
    uptime: duration,
    messagesProcessed: u64,
    errors: u64,
    latencyP50: duration,
    latencyP99: duration,
    activeConnections: u32,
    status: u8.doc("as in Heartbeat"),
    reserved: zero(3),
  },
  { doc: "a service's health in numbers" },
);
export type StatusReportTLV = Infer<typeof StatusReportTLV>;

/** A chunk of a service's state. */
export const SnapshotTLV = /* @__PURE__ */ defineTLV(
  82,
  "Snapshot",
  {
    snapshotId: u64,
    chunkIndex: u32.doc("0-based"),
    chunkCount: u32.doc("at least 1"),
    positionCount: sizeOf("positions", "u16"),
    reserved: zero(6),
    positions: group({
      lastSequence: u64.doc("the state holds all of this source up to here"),
      source: u16,
      relayDomain: u8,
      reserved: zero(5),
    }).doc("in chunk 0 only"),
    data: rest,
  },
  { doc: "a chunk of a service's state" },
);
export type SnapshotTLV = Infer<typeof SnapshotTLV>;

/** What went wrong with a message. */
export const ErrorTLV = /* @__PURE__ */ defineTLV(
  83,
  "Error",
  { refSequence: u64, refSource: u16, code: u16, messageBytes: sizeOf("message", "u16"), message: text },
  { doc: "what went wrong with a message" },
);
export type ErrorTLV = Infer<typeof ErrorTLV>;

/** A new configuration. */
export const ConfigUpdateTLV = /* @__PURE__ */ defineTLV(
  84,
  "ConfigUpdate",
  { revision: u64, body: rest.doc("a MessagePack map") },
  { doc: "a new configuration" },
);
export type ConfigUpdateTLV = Infer<typeof ConfigUpdateTLV>;

/** A TLV type registered at run time. */
export const SchemaAnnounceTLV = /* @__PURE__ */ defineTLV(
  85,
  "SchemaAnnounce",
  {
    type: u8.doc("200-254"),
    version: u8,
    domain: u8,
    nameBytes: sizeOf("name", "u8"),
    name: text,
    schema: rest.doc("a MessagePack map"),
  },
  { doc: "a TLV type registered at run time" },
);
export type SchemaAnnounceTLV = Infer<typeof SchemaAnnounceTLV>;
