// alphapulse/adapters: what turns a venue's frames, live or recorded, into market data messages.
export { BinanceAdapter, type BinanceAdapterOptions } from "./adapters/binance/adapter.js";
export type { AdapterEvent, BinanceStats, BookStats } from "./adapters/binance/events.js";
export type { StatusReason } from "./adapters/binance/instrument.js";
export type { BinanceMarket } from "./adapters/binance/sync.js";
export { detectMarket, type RecordedMarket } from "./adapters/detect-market.js";
export { AdapterError, type AdapterErrorCode, RecordingError, type RecordingErrorCode } from "./adapters/errors.js";
export { mergeRecordings, readRecordings } from "./adapters/merge.js";
export { type ReadRecordingOptions, type RecordedEvent, readRecording } from "./adapters/recordings.js";
