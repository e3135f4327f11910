import { LatencyHistogram, median } from "alphapulse/bench";
import { SpscConsumer } from "../../src/rings.js";
import type { BenchContext } from "../harness.js";
import { type Latency, PERCENTILES } from "../links/measured.js";
import type { PlacedEnd } from "../links/placed-end.js";
import { openMemory } from "./ends/memory.js";
import type { Order } from "./link.js";
import { placeEnd } from "./place-end.js";
import type { Surroundings } from "./surroundings.js";

/** How the main event loop learns of messages, and how often one comes. */
const LOOPS = [
  ["alphapulse: polled by setImmediate", "loopPolled", 20_000],
  ["alphapulse: asleep", "loopAsleep", 100_000],
] as const;
const FULL = { rounds: 21, count: 1_000, warmUp: 4_000 };
const QUICK = { rounds: 1, count: 500, warmUp: 500 };
const POLL_LIMIT = 64;

/**
 * From a producer that is awake, by the clock that all threads and processes share, into this very event loop: the time
 * between a message's own stamp and its handler's.
 */
export async function compareIntoLoop(context: BenchContext, surroundings: Surroundings): Promise<void> {
  if (!surroundings.hasMemory) return;
  const { rounds, count, warmUp } = context.quick ? QUICK : FULL;
  const figures = LOOPS.map((): Latency[] => []);
  const producers: LoopProducer[] = [];
  try {
    for (const [, strategy] of LOOPS) {
      producers.push(await LoopProducer.place(context, surroundings, strategy));
    }
    for (let round = -1; round < rounds; round++) {
      for (const [i, [, , intervalNs]] of LOOPS.entries()) {
        const latency = await producers[i]!.latency(round < 0 ? warmUp : count, intervalNs);
        if (round >= 0) figures[i]!.push(latency);
      }
    }
  } finally {
    await Promise.all(producers.map((producer) => producer.stop()));
  }
  for (const [i, [subject]] of LOOPS.entries()) {
    for (const [key, label] of PERCENTILES) {
      const name = `into a main event loop between ${surroundings.placement}, ${label}`;
      const value = median(figures[i]!.map((latency) => latency[key])) / 1e3;
      context.report({ name, subject, value, unit: "us", better: "lower" });
    }
  }
}

/** A producer elsewhere that sends stamped messages, and this loop's end of their ring. */
class LoopProducer {
  readonly #producer: PlacedEnd<Order>;
  readonly #consumer: SpscConsumer;
  readonly #isPolled: boolean;
  #histogram = new LatencyHistogram();
  #seen = 0;
  readonly #handle = (buffer: { readonly view: DataView }, offset: number): void => {
    const now = process.hrtime.bigint();
    const sequence = buffer.view.getUint32(offset, true);
    if (sequence !== this.#seen) throw new Error(`into the loop: message ${this.#seen} is ${sequence}`);
    this.#seen++;
    this.#histogram.record(Number(now - buffer.view.getBigUint64(offset + 8, true)));
  };

  private constructor(producer: PlacedEnd<Order>, consumer: SpscConsumer, isPolled: boolean) {
    this.#producer = producer;
    this.#consumer = consumer;
    this.#isPolled = isPolled;
  }

  static async place(
    { root }: BenchContext,
    surroundings: Surroundings,
    strategy: "loopPolled" | "loopAsleep",
  ): Promise<LoopProducer> {
    const there = surroundings.ring("spsc");
    const rings = [there, surroundings.ring("spsc")] as const;
    const producer = await placeEnd(root, surroundings.placement, {
      kind: "ours",
      side: 0,
      strategy: "busySpin",
      rings,
    });
    return new LoopProducer(producer, new SpscConsumer(openMemory(there, "spsc")), strategy === "loopPolled");
  }

  async latency(count: number, intervalNs: number): Promise<Latency> {
    this.#histogram = new LatencyHistogram();
    this.#seen = 0;
    const { done } = this.#producer.order({ do: "stamp", count, intervalNs });
    while (this.#seen < count) {
      if (this.#consumer.poll(this.#handle, POLL_LIMIT) > 0) continue;
      await (this.#isPolled ? this.#turns(count) : this.#consumer.ready());
    }
    await done;
    const { p50, p99, p999 } = this.#histogram.summary();
    return { p50, p99, p999 };
  }

  stop(): Promise<void> {
    this.#consumer.vacate();
    return this.#producer.stop();
  }

  /** Polls once a turn until all came. */
  #turns(count: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const turn = (): void => {
        try {
          this.#consumer.poll(this.#handle, POLL_LIMIT);
        } catch (error) {
          reject(error);
          return;
        }
        if (this.#seen < count) setImmediate(turn);
        else resolve();
      };
      setImmediate(turn);
    });
  }
}
