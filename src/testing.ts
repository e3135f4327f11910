// `alphapulse/testing`: what a user's own tests draw from the schemas. Needs fast-check, an optional peer.

export { type FakeClock, fakeClock } from "./testing/fake-clock.js";
export {
  fromGolden,
  type GoldenMessage,
  type GoldenOptions,
  type GoldenTLV,
  type GoldenValue,
  toGolden,
} from "./testing/golden.js";
export { arbitraryInstrumentId } from "./testing/instruments.js";
export { arbitraryMessage, type KnownMessage, type KnownTLV, type MessageOptions } from "./testing/messages.js";
export {
  type ConformanceRunner,
  type TransportUnderTest,
  transportConformance,
} from "./testing/transport-conformance.js";
export { arbitraryOf, type ValueOptions } from "./testing/values.js";
