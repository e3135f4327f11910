// `alphapulse/registry`: schemas that are known, registered or learned from announcements, and what stands behind ids.

export { type AnnouncementOptions, announcementOf } from "./registry/announcement.js";
export { differencesOf } from "./registry/difference.js";
export { fingerprintOf } from "./registry/fingerprint.js";
export {
  type CustomKind,
  type CustomObjects,
  type KnownInstrument,
  type KnownPool,
  type KnownToken,
  ObjectCache,
  type ObjectCacheOptions,
} from "./registry/object-cache.js";
export type {
  AddResult,
  Change,
  Collision,
  Eviction,
  ObjectEvents,
  ObjectKey,
  ObjectStats,
} from "./registry/object-table.js";
export { SchemaReader } from "./registry/schema-reader.js";
export {
  type Found,
  type LearnResult,
  type RegisterOptions,
  SchemaRegistry,
  type SchemaRegistryOptions,
  type SchemaRegistryStats,
} from "./registry/schema-registry.js";
