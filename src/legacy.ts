// alphapulse/legacy: messages of the first protocol version, and the structs of the older shared memory.
export type { LegacyBodies, LegacyDeFiSignal, LegacyInputs } from "./legacy/bodies.js";
export { LegacyError, type LegacyErrorCode } from "./legacy/errors.js";
export type { Rounding } from "./legacy/floats.js";
export type { LegacyHeader, LegacyHeaderInput, LegacyReadOptions } from "./legacy/header.js";
export {
  encodeLegacyMessage,
  type KnownLegacyMessage,
  type LegacyMessage,
  type LegacyMessageInput,
  type LegacyParseOptions,
  parseLegacyMessage,
  type UnknownLegacyMessage,
} from "./legacy/message.js";
export type { SharedOptions, SharedReadOptions, SharedTexts, SharedWriteOptions } from "./legacy/shared.js";
export {
  readSharedOrderBookDelta,
  type SharedDeltaLayout,
  type SharedOrderBookDelta,
  writeSharedOrderBookDelta,
} from "./legacy/shared-delta.js";
export { readSharedTrade, type SharedTrade, writeSharedTrade } from "./legacy/shared-trade.js";
export { type LegacyKind, LegacyType } from "./legacy/types.js";
export {
  addLegacyMessage,
  type PoolDetails,
  type UpgradeBodyOptions,
  type UpgradedMessage,
  type UpgradeNote,
  type UpgradeOptions,
  upgradeLegacyMessage,
} from "./legacy/upgrade.js";
