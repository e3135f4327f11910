import {
  blob,
  bytes,
  group,
  instrument,
  rest,
  sizeOf,
  text,
  timestamp,
  u8,
  u16,
  u32,
  u64,
  zero,
} from "../protocol/schema/fields.js";
import { defineTLV, type Infer } from "../protocol/schema/tlv.js";

/** Session control: who connects, and what it can do. */
export const HelloTLV = /* @__PURE__ */ defineTLV(
  90,
  "Hello",
  {
    protocolVersion: u8,
    role: u8.doc("1 producer, 2 consumer, 3 both"),
    compressionMask: u8.doc("bit n: codec n"),
    cipherMask: u8.doc("bit n: cipher n"),
    sessionNonce: bytes(16).doc("fresh random"),
    nameBytes: sizeOf("name", "u8"),
    keyId: u8.doc("which shared secret, 0 without cipher"),
    tokenBytes: sizeOf("token", "u16"),
    name: text,
    token: blob.doc("empty where no authentication is asked"),
  },
  { doc: "session control: who connects, and what it can do" },
);
export type HelloTLV = Infer<typeof HelloTLV>;

/** Session control: what was agreed. 32 bytes. */
export const WelcomeTLV = /* @__PURE__ */ defineTLV(
  91,
  "Welcome",
  {
    sessionId: u64,
    protocolVersion: u8,
    compression: u8,
    cipher: u8,
    keyId: u8.doc("as in Hello"),
    reserved: zero(4),
    sessionNonce: bytes(16).doc("fresh random"),
  },
  { doc: "session control: what was agreed" },
);
export type WelcomeTLV = Infer<typeof WelcomeTLV>;

/** Session control: what a consumer wants. */
export const SubscribeTLV = /* @__PURE__ */ defineTLV(
  92,
  "Subscribe",
  {
    subscriptionId: u32,
    typeCount: sizeOf("types", "u8"),
    flags: u8.doc("bit 0: conflate quotes (newest per instrument)"),
    instrumentCount: sizeOf("instruments", "u16"),
    types: group({ type: u8 }).doc("none = all types"),
    instruments: group({ instrument }).doc("none = all instruments"),
  },
  { doc: "session control: what a consumer wants" },
);
export type SubscribeTLV = Infer<typeof SubscribeTLV>;

/** Session control. 4 bytes. */
export const UnsubscribeTLV = /* @__PURE__ */ defineTLV(
  93,
  "Unsubscribe",
  { subscriptionId: u32 },
  { doc: "session control" },
);
export type UnsubscribeTLV = Infer<typeof UnsubscribeTLV>;

/** Session control: send these again. 24 bytes. */
export const RetransmitRequestTLV = /* @__PURE__ */ defineTLV(
  94,
  "RetransmitRequest",
  {
    fromSequence: u64.doc("first wanted"),
    toSequence: u64.doc("last wanted, inclusive"),
    requestId: u32,
    source: u16,
    reserved: zero(2),
  },
  { doc: "session control: send these again" },
);
export type RetransmitRequestTLV = Infer<typeof RetransmitRequestTLV>;

/** Session control: these will not come. 24 bytes. */
export const GapTLV = /* @__PURE__ */ defineTLV(
  95,
  "Gap",
  {
    fromSequence: u64,
    toSequence: u64.doc("inclusive"),
    requestId: u32.doc("0 = not an answer"),
    source: u16,
    reason: u8.doc(
      "0 complete: all that was asked for was sent or filtered, 1 lost in transport, 2 dropped for a slow consumer, 3 ring overrun, 4 no longer retained, 5 conflated",
    ),
    reserved: zero(1),
  },
  { doc: "session control: these will not come" },
);
export type GapTLV = Infer<typeof GapTLV>;

/** Session control. 16 bytes. */
export const PingTLV = /* @__PURE__ */ defineTLV(96, "Ping", { nonce: u64, timestamp }, { doc: "session control" });
export type PingTLV = Infer<typeof PingTLV>;

/** Session control: both fields as in the Ping. 16 bytes. */
export const PongTLV = /* @__PURE__ */ defineTLV(
  97,
  "Pong",
  { nonce: u64, timestamp },
  { doc: "session control: both fields as in the Ping" },
);
export type PongTLV = Infer<typeof PongTLV>;

/** Session control: why the session ends. */
export const GoodbyeTLV = /* @__PURE__ */ defineTLV(
  98,
  "Goodbye",
  { code: u16.doc("see Sessions"), reasonBytes: sizeOf("reason", "u16"), reason: text },
  { doc: "session control: why the session ends" },
);
export type GoodbyeTLV = Infer<typeof GoodbyeTLV>;

/** Session control: everything else. */
export const ControlTLV = /* @__PURE__ */ defineTLV(
  99,
  "Control",
  {
    opcode: u16.doc(
      "1 SubscribeAck, 2 Reject (body: why, UTF-8), 3 SnapshotRequest (body: instruments of 12 bytes, none = all), 4 SchemaRequest (body: types, one byte each)",
    ),
    reserved: zero(2),
    requestId: u32.doc("the subscriptionId or the request that it belongs to"),
    body: rest,
  },
  { doc: "session control: everything else" },
);
export type ControlTLV = Infer<typeof ControlTLV>;
