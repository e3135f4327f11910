import type { Latency, Span } from "../links/measured.js";
import type { PlacedEnd, Placement } from "../links/placed-end.js";
import type { EndSpec, Order } from "./link.js";
import { placeEnd } from "./place-end.js";

/** What is measured: a way to move messages from one thread or process to another. */
export interface Subject {
  readonly name: string;
  /** Sends so many messages, `batch` at a time, and checks their sequence at the other end. @returns ns a message */
  throughput(count: number, batch: number): Promise<number>;
  /** Half the time of so many round trips, one after the other. */
  latency(count: number): Promise<Latency>;
  stop(): Promise<void>;
}

/** Two ends, each in a thread or process of its own, that do nothing between two measurements. */
export class LinkSubject implements Subject {
  readonly name: string;
  readonly #sender: PlacedEnd<Order>;
  readonly #receiver: PlacedEnd<Order>;

  private constructor(name: string, sender: PlacedEnd<Order>, receiver: PlacedEnd<Order>) {
    this.name = name;
    this.#sender = sender;
    this.#receiver = receiver;
  }

  static async place(
    name: string,
    root: string,
    placement: Placement,
    specs: readonly EndSpec[],
  ): Promise<LinkSubject> {
    const placing = specs.map((spec) => placeEnd(root, placement, spec));
    const placed = await Promise.allSettled(placing);
    const ends = placed.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
    const [sender, receiver] = ends;
    if (ends.length === 2) return new LinkSubject(name, sender!, receiver!);
    await Promise.all(ends.map((end) => end.stop()));
    throw placed.find((one) => one.status === "rejected")?.reason;
  }

  async throughput(count: number, batch: number): Promise<number> {
    const [sent, received] = await this.#both<Span, Span>({ do: "receive", count }, { do: "send", count, batch });
    return (received.end - sent.start) / count;
  }

  async latency(count: number): Promise<Latency> {
    const [asked] = await this.#both<Latency, void>({ do: "answer", count }, { do: "ask", count });
    return asked;
  }

  async stop(): Promise<void> {
    await Promise.all([this.#sender.stop(), this.#receiver.stop()]);
  }

  /** The sender begins once the receiver did. Both have to end well. */
  async #both<Sent, Received>(receiving: Order, sending: Order): Promise<[Sent, Received]> {
    const receiver = this.#receiver.order<Received>(receiving);
    await receiver.begun;
    return Promise.all([this.#sender.order<Sent>(sending).done, receiver.done]);
  }
}
