import {
  backOff,
  blocking,
  busySpin,
  SpscConsumer,
  SpscProducer,
  spinThenBlock,
  spinThenYield,
  type WaitStrategy,
} from "../../../src/rings.js";
import { outOfSequence } from "../../links/measured.js";
import { type End, MESSAGE_BYTES, type Memory, type Strategy } from "../link.js";
import { openMemory } from "./memory.js";
import { allocateMessage } from "./message.js";

/** Event loops never block: they have no strategy of their own. */
const WAITS: Record<Strategy, () => WaitStrategy> = {
  busySpin,
  spinThenYield,
  backOff,
  blocking,
  spinThenBlock,
  loopPolled: busySpin,
  loopAsleep: busySpin,
};

const POLL_LIMIT = 64;
/** How often a sender that may spin tries again before it waits for room. */
const SPINS = 2_000;

/** An end that blocks its thread, or spins. */
export class BlockingEnd implements End {
  protected readonly producer: SpscProducer;
  protected readonly consumer: SpscConsumer;
  protected readonly message = allocateMessage();
  protected expected = 0;
  readonly #spins: number;
  protected readonly check = (buffer: { readonly view: DataView }, offset: number): void => {
    const found = buffer.view.getUint32(offset, true);
    if (found !== this.expected) throw outOfSequence(this.expected, found);
    this.expected++;
  };

  constructor(strategy: Strategy, out: Memory, incoming: Memory) {
    this.producer = new SpscProducer(openMemory(out, "spsc"));
    this.consumer = new SpscConsumer(openMemory(incoming, "spsc"), { wait: WAITS[strategy]() });
    this.#spins = strategy === "busySpin" ? Number.POSITIVE_INFINITY : strategy === "blocking" ? 0 : SPINS;
  }

  send(count: number, batch: number): void | Promise<void> {
    let refused = 0;
    for (let sequence = 0; sequence < count; ) {
      sequence = this.sendSome(sequence, count, batch);
      if (sequence < count && ++refused > this.#spins) {
        this.producer.waitForRoom();
        refused = 0;
      }
    }
  }

  receive(count: number): void | Promise<void> {
    this.expected = 0;
    while (this.expected < count) if (this.consumer.poll(this.check, POLL_LIMIT) === 0) this.consumer.wait();
  }

  ask(count: number): Float64Array | Promise<Float64Array> {
    const times = new Float64Array(count);
    this.expected = 0;
    for (let i = 0; i < count; i++) {
      const start = performance.now();
      this.put(i);
      while (this.consumer.poll(this.check, 1) === 0) this.consumer.wait();
      times[i] = (performance.now() - start) * 1e6;
    }
    return times;
  }

  answer(count: number): void | Promise<void> {
    this.expected = 0;
    for (let i = 0; i < count; i++) {
      while (this.consumer.poll(this.check, 1) === 0) this.consumer.wait();
      this.put(i);
    }
  }

  stamp(count: number, intervalNs: number): void {
    const interval = BigInt(intervalNs);
    let next = process.hrtime.bigint();
    for (let i = 0; i < count; i++) {
      next += interval;
      let now = process.hrtime.bigint();
      while (now < next) now = process.hrtime.bigint();
      this.message.view.setBigUint64(8, now, true);
      this.put(i);
    }
  }

  /** Sends until it is done or refused. @returns the sequence to go on from */
  protected sendSome(from: number, count: number, batch: number): number {
    const { producer, message } = this;
    for (let sequence = from; sequence < count; sequence++) {
      message.view.setUint32(0, sequence, true);
      const result =
        batch === 1 ? producer.offer(message, 0, MESSAGE_BYTES) : producer.stage(message, 0, MESSAGE_BYTES);
      if (result !== "sent") return sequence;
      if (batch > 1 && (sequence + 1) % batch === 0) producer.publish();
    }
    producer.publish();
    return count;
  }

  protected put(sequence: number): void {
    this.message.view.setUint32(0, sequence, true);
    if (this.producer.offer(this.message, 0, MESSAGE_BYTES) !== "sent") throw new Error("a ring without room");
  }
}

/** An end on an event loop: it polls once a turn, or sleeps until it is woken. */
export class LoopEnd extends BlockingEnd {
  readonly #isPolled: boolean;

  constructor(strategy: Strategy, out: Memory, incoming: Memory) {
    super(strategy, out, incoming);
    this.#isPolled = strategy === "loopPolled";
  }

  override async send(count: number, batch: number): Promise<void> {
    for (let sequence = 0; sequence < count; ) {
      sequence = this.sendSome(sequence, count, batch);
      if (sequence < count) await (this.#isPolled ? nextTurn() : this.producer.room());
    }
  }

  override receive(count: number): Promise<void> {
    return this.#poll(count, () => {});
  }

  override async ask(count: number): Promise<Float64Array> {
    const times = new Float64Array(count);
    let start = performance.now();
    this.put(0);
    await this.#poll(count, () => {
      const now = performance.now();
      times[this.expected - 1] = (now - start) * 1e6;
      start = now;
      if (this.expected < count) this.put(this.expected);
    });
    return times;
  }

  override async answer(count: number): Promise<void> {
    await this.#poll(count, () => this.put(this.expected - 1));
  }

  /** Polls until so many came. `came` is called after each poll that brought some. */
  async #poll(count: number, came: () => void): Promise<void> {
    this.expected = 0;
    if (this.#isPolled) return this.#pollEachTurn(count, came);
    while (this.expected < count) {
      if (this.consumer.poll(this.check, POLL_LIMIT) > 0) came();
      else await this.consumer.ready();
    }
  }

  #pollEachTurn(count: number, came: () => void): Promise<void> {
    return new Promise((resolve, reject) => {
      const turn = (): void => {
        try {
          while (this.consumer.poll(this.check, POLL_LIMIT) > 0) came();
        } catch (error) {
          reject(error);
          return;
        }
        if (this.expected < count) setImmediate(turn);
        else resolve();
      };
      turn();
    });
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
