// The core that a user needs every day. What brings a dependency or serves fewer stands behind a subpath of its own.

export {
  Actor,
  type ActorContext,
  type ActorDefinition,
  type ActorFeed,
  type ActorHandlers,
  type AnyActor,
  type BackPressurePolicy,
  type FeedEvent,
  type Inputs,
  type Output,
  type OutputDefinition,
  type Outputs,
} from "./actor/actor.js";
export type { Log, LogFields, LogLevel, LogLine } from "./actor/log.js";
export type { Random } from "./actor/random.js";
export type { Timer, Timers } from "./actor/timers.js";
export {
  type ActorOptions,
  Pipeline,
  type PipelineRelayOptions,
  type Placement,
  type StartOptions,
} from "./pipeline/pipeline.js";
export type { PipelineStats, RunningPipeline } from "./pipeline/running.js";
export { type BuildOptions, TLVBuilder, type TLVBuilderOptions } from "./protocol/builder.js";
export {
  type Checksum,
  type ChecksumChoice,
  type ChecksumKind,
  crc32,
  crc32c,
  type WrittenChecksum,
} from "./protocol/checksum.js";
export { type Clock, LiveClock, ReplayClock } from "./protocol/clock.js";
export { AlphaPulseError, ProtocolError, type ProtocolErrorCode, ValueRangeError } from "./protocol/errors.js";
export { fixed8, formatFixed, formatFixed8, parseFixed } from "./protocol/fixed-point.js";
export type { MessageHeader } from "./protocol/header.js";
export { type InstrumentFields, InstrumentId } from "./protocol/instrument-id.js";
export { InstrumentMap } from "./protocol/instrument-map.js";
export { Message, type ParseOptions, parseMessage, type RawTLV } from "./protocol/message.js";
export { type MessageBuffer, messageBuffer } from "./protocol/message-buffer.js";
export { MessageView } from "./protocol/message-view.js";
export type { Publish, Publisher, SendResult } from "./protocol/publisher.js";
export { restamp } from "./protocol/restamp.js";
export type { AnyTLV, CountsFor, Flyweight, FlyweightOf, Infer, InputFor, TLV } from "./protocol/schema/tlv.js";
export { type MessageHandler, StreamFramer, type StreamFramerOptions } from "./protocol/stream-framer.js";
export { AssetType, RelayDomain, Side, Source, Venue } from "./protocol/tables.js";
export type { TlvCursor } from "./protocol/walk.js";
export { type AccessToken, AccessTokens } from "./relay/access-tokens.js";
export type { RelayOptions } from "./relay/options.js";
export { Relay } from "./relay/relay.js";
export type { MemberStats, RefusalCause, RelayEvents, RelayStats } from "./relay/reports.js";
export { connect } from "./session/connect.js";
export type { Connection } from "./session/connection.js";
export type { ConnectionStats, ConnectOptions, ReconnectOptions } from "./session/options.js";
export type { ReconnectOutcome, SourceOutcome } from "./session/resumption.js";
export type { GapNotice, Handlers, Nothing, SubscriptionRequest } from "./session/subscription.js";
export type { TokenSource } from "./session/token.js";
export {
  DeFiSignalTLV,
  FlashLoanSignalTLV,
  GasOptimizationSignalTLV,
  ImpermanentLossAlertTLV,
  LiquidityImbalanceTLV,
  MevOpportunityTLV,
  PoolArbitrageSignalTLV,
  YieldFarmingUpdateTLV,
} from "./tlvs/defi.js";
export {
  CancelAllTLV,
  CancelTLV,
  ExecutionReportTLV,
  FillTLV,
  GasPriceTLV,
  OrderAckTLV,
  OrderModifyTLV,
  OrderRequestTLV,
} from "./tlvs/execution.js";
export {
  CrossChainTLV,
  DecimalsTLV,
  FeeAssetTLV,
  FlashLoanParamsTLV,
  GasHintsTLV,
  Layer2ParamsTLV,
  LiquidationTargetTLV,
  MevBundleTLV,
  PoolAddressesTLV,
  ReceiveTimestampTLV,
  SandwichParamsTLV,
  SlippageModelTLV,
  TertiaryVenueTLV,
  TraceContextTLV,
  VenueReferenceTLV,
} from "./tlvs/extension.js";
export {
  ChainReorgTLV,
  InstrumentDiscoveredTLV,
  InstrumentStatusTLV,
  OrderBookDeltaTLV,
  OrderBookTLV,
  PoolBurnTLV,
  PoolDiscoveredTLV,
  PoolMintTLV,
  PoolSwapTLV,
  PoolSyncTLV,
  QuoteTLV,
  TradeTLV,
  VenueUpdateTLV,
} from "./tlvs/market-data.js";
export {
  ControlTLV,
  GapTLV,
  GoodbyeTLV,
  HelloTLV,
  PingTLV,
  PongTLV,
  RetransmitRequestTLV,
  SubscribeTLV,
  UnsubscribeTLV,
  WelcomeTLV,
} from "./tlvs/session-control.js";
export {
  ArbitrageSignalTLV,
  LiquidationAlertTLV,
  MomentumSignalTLV,
  PerformanceUpdateTLV,
  PositionUpdateTLV,
  RebalanceSignalTLV,
  RiskMetricTLV,
  SignalIdentityTLV,
  StrategyAlertTLV,
} from "./tlvs/signal.js";
export {
  ConfigUpdateTLV,
  ErrorTLV,
  HeartbeatTLV,
  SchemaAnnounceTLV,
  SnapshotTLV,
  StatusReportTLV,
} from "./tlvs/system.js";
export type {
  Address,
  Attachable,
  DatagramSession,
  Link,
  LinkHandler,
  LinkLoss,
  LinkOptions,
  Listener,
  TcpOptions,
  TransportGuarantees,
  UdpOptions,
  UnixOptions,
} from "./transports/transport.js";
export { type Resolved, Transport } from "./transports/transports.js";
