// Rings by themselves: between threads, and with the memory of alphapulse/shm between processes.

export { BroadcastProducer, BroadcastReader, type BroadcastReaderOptions, type Loss } from "./rings/broadcast.js";
export { type Discarded, discardUnread } from "./rings/discard.js";
export type { RingKind } from "./rings/layout.js";
export { allocateRing, type RingMemory, type RingOptions, ThreadMemory } from "./rings/memory.js";
export { MpscConsumer, type MpscConsumerOptions } from "./rings/mpsc-consumer.js";
export { MpscProducer } from "./rings/mpsc-producer.js";
export type { ReaderOptions, RingReader } from "./rings/reader.js";
export type { OfferResult, RecordHandler, RingEnd, RingEndOptions } from "./rings/ring-end.js";
export type { SingleProducer } from "./rings/single-producer.js";
export { SpscConsumer, SpscProducer } from "./rings/spsc.js";
export {
  backOff,
  blocking,
  busySpin,
  spinThenBlock,
  spinThenYield,
  type Waiting,
  type WaitStrategy,
  waitStrategyFor,
} from "./rings/wait-strategy.js";
