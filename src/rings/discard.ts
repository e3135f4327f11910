import { KIND_WORD, RING_KINDS } from "./layout.js";
import { type RingMemory, ThreadMemory } from "./memory.js";
import { MpscConsumer } from "./mpsc-consumer.js";
import type { RingEndOptions } from "./ring-end.js";
import { pendingBytesOf } from "./room.js";
import { SpscConsumer } from "./spsc.js";
import { spinThenBlock } from "./wait-strategy.js";

/** What was thrown away unread. */
export interface Discarded {
  /** Records that were published and that no consumer had consumed. */
  readonly records: number;
  /** Bytes of the ring that are free again: those records with their headers, and padding. */
  readonly bytes: number;
}

const POLL_LIMIT = 256;
/** A claim is asked about at the second look. */
const LOOKS = 4;

/**
 * Frees what a consumer that died left unread in an SPSC or MPSC ring, up to what is published now, and wakes producers
 * that wait for room. For who would rather lose records than wait for the next consumer. Meanwhile it has the consumer's
 * place. It ends early at a claim of a producer that lives.
 *
 * @throws AlphaPulseError RING_IN_USE where a consumer that lives has the ring, BAD_RING, BAD_RECORD
 */
export function discardUnread(memory: SharedArrayBuffer | RingMemory, options: RingEndOptions = {}): Discarded {
  const ring = memory instanceof SharedArrayBuffer ? new ThreadMemory(memory) : memory;
  const words = new Int32Array(ring.buffer);
  const isMpsc = RING_KINDS[(words[KIND_WORD] as number) - 1] === "mpsc";
  const wait = spinThenBlock(LOOKS);
  const consumer = isMpsc
    ? new MpscConsumer(ring, { ...options, wait, claimMsMax: 0 })
    : new SpscConsumer(ring, { ...options, wait });
  try {
    const from = consumer.position;
    const until = from + BigInt(pendingBytesOf(words));
    let records = 0;
    while (consumer.position < until && consumer.wait(0)) records += consumer.poll(skip, POLL_LIMIT);
    return { records, bytes: Number(consumer.position - from) };
  } finally {
    consumer.vacate();
  }
}

function skip(): void {}
