import { BroadcastProducer, BroadcastReader } from "../../../src/rings.js";
import { MESSAGE_BYTES, type Memory } from "../link.js";
import { openMemory } from "./memory.js";
import { allocateMessage } from "./message.js";

/** The sequence of the last message. What comes last is never overrun. */
const LAST = 0xffff_ffff;
const SENT_BETWEEN_LOOKS = 8;
const POLL_LIMIT = 64;

export interface Offered {
  readonly perSecond: number;
}

export interface Received {
  readonly received: number;
  readonly lost: number;
}

/** The producer of a broadcast ring, who never waits for anybody. */
export class BroadcastSender {
  readonly #producer: BroadcastProducer;
  readonly #message = allocateMessage();

  constructor(ring: Memory) {
    this.#producer = new BroadcastProducer(openMemory(ring, "broadcast"));
  }

  /** Offers so many messages, at this pace or (Infinity) as fast as it can. */
  send(count: number, perSecond: number): Offered {
    const start = performance.now();
    const msPerMessage = 1_000 / perSecond;
    for (let sequence = 0; sequence < count; ) {
      if (msPerMessage > 0) while (performance.now() < start + sequence * msPerMessage);
      const end = Math.min(count, sequence + SENT_BETWEEN_LOOKS);
      for (; sequence < end; sequence++) this.#offer(sequence);
    }
    const ms = performance.now() - start;
    this.#offer(LAST);
    return { perSecond: (count / ms) * 1_000 };
  }

  #offer(sequence: number): void {
    this.#message.view.setUint32(0, sequence, true);
    this.#producer.offer(this.#message, 0, MESSAGE_BYTES);
  }
}

/** A reader that spins, and counts what it got and what it was told it lost. */
export class BroadcastReceiver {
  readonly #reader: BroadcastReader;
  #received = 0;
  #lost = 0;
  #next = 0;
  readonly #check = (buffer: { readonly view: DataView }, offset: number): void => {
    const sequence = buffer.view.getUint32(offset, true);
    if (sequence === LAST) {
      this.#next = LAST;
      return;
    }
    if (sequence !== this.#next) throw new Error(`broadcast: message ${this.#next} is ${sequence}`);
    this.#next = sequence + 1;
    this.#received++;
  };

  constructor(ring: Memory) {
    this.#reader = new BroadcastReader(openMemory(ring, "broadcast"), {
      lost: ({ records }) => {
        this.#lost += Number(records);
        this.#next += Number(records);
      },
    });
  }

  /** Reads up to the last message of a round. */
  read(): Received {
    this.#received = 0;
    this.#lost = 0;
    this.#next = 0;
    while (this.#next !== LAST) this.#reader.poll(this.#check, POLL_LIMIT);
    return { received: this.#received, lost: this.#lost };
  }
}
