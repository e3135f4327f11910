import type { AnyTLV } from "../protocol/schema/tlv.js";
import { ExecutionReportTLV, FillTLV, OrderAckTLV, OrderRequestTLV } from "./execution.js";
import { DecimalsTLV, VenueReferenceTLV } from "./extension.js";
import {
  InstrumentDiscoveredTLV,
  InstrumentStatusTLV,
  OrderBookDeltaTLV,
  OrderBookTLV,
  QuoteTLV,
  TradeTLV,
} from "./market-data.js";
import { ArbitrageSignalTLV, SignalIdentityTLV } from "./signal.js";
import {
  ControlTLV,
  GapTLV,
  GoodbyeTLV,
  HeartbeatTLV,
  HelloTLV,
  PingTLV,
  PongTLV,
  SubscribeTLV,
  WelcomeTLV,
} from "./system.js";

/** Every TLV that the library defines. */
export const ALL_TLVS: readonly AnyTLV[] = [
  TradeTLV,
  QuoteTLV,
  OrderBookTLV,
  OrderBookDeltaTLV,
  InstrumentDiscoveredTLV,
  InstrumentStatusTLV,
  SignalIdentityTLV,
  ArbitrageSignalTLV,
  OrderRequestTLV,
  OrderAckTLV,
  FillTLV,
  ExecutionReportTLV,
  HeartbeatTLV,
  HelloTLV,
  WelcomeTLV,
  SubscribeTLV,
  GapTLV,
  PingTLV,
  PongTLV,
  GoodbyeTLV,
  ControlTLV,
  VenueReferenceTLV,
  DecimalsTLV,
];
