import { join } from "node:path";
import { CORES } from "../links/cores.js";
import type { Latency, Span } from "../links/measured.js";
import { PlacedEnd } from "../links/placed-end.js";
import type { EndSpec, Loops, Order, Received, Way } from "./link.js";

/** What came of sending many messages one way. */
export interface Arrived {
  /** From the first send to the last receipt, for each message that came, in ns. */
  readonly ns: number;
  readonly received: number;
  /** Messages a second that were sent. */
  readonly sentPerSecond: number;
}

/** What is measured: a way to move messages from one process to another. */
export interface Subject {
  readonly name: string;
  /** Whether its latency is measured too. What differs in throughput alone would be measured twice. */
  readonly hasLatency: boolean;
  /** Sends so many messages, at a pace or as fast as it may, and checks their order at the other end. */
  throughput(count: number, perSecond?: number): Promise<Arrived>;
  /** Half the time of so many round trips, one after the other. */
  latency(count: number, loops: Loops): Promise<Latency>;
  stop(): Promise<void>;
}

/** What a link is made of. */
export interface LinkPlan {
  readonly name: string;
  readonly way: Way;
  /** Where side 1 listens. */
  readonly address: string;
  readonly isLossless: boolean;
  readonly hasLatency: boolean;
  /** Whether each end is kept on a core of its own. */
  readonly isPinned: boolean;
}

/** Two ends, each a process of its own, that do nothing between two measurements. */
export class LinkSubject implements Subject {
  readonly name: string;
  readonly hasLatency: boolean;
  readonly #isLossless: boolean;
  readonly #sender: PlacedEnd<Order>;
  readonly #receiver: PlacedEnd<Order>;

  private constructor(plan: LinkPlan, sender: PlacedEnd<Order>, receiver: PlacedEnd<Order>) {
    this.name = plan.name;
    this.hasLatency = plan.hasLatency;
    this.#isLossless = plan.isLossless;
    this.#sender = sender;
    this.#receiver = receiver;
  }

  static async place(root: string, plan: LinkPlan): Promise<LinkSubject> {
    const program = join(root, "build/bench/transports/end.js");
    const place = (side: 0 | 1, address: string): Promise<PlacedEnd<Order>> => {
      const core = plan.isPinned ? CORES[side] : undefined;
      const spec: EndSpec = { side, address, way: plan.way };
      return PlacedEnd.place({ name: plan.name, program, placement: "processes", spec, core });
    };
    const receiver = await place(1, plan.address);
    try {
      return new LinkSubject(plan, await place(0, receiver.address!), receiver);
    } catch (error) {
      await receiver.stop();
      throw error;
    }
  }

  async throughput(count: number, perSecond = Number.POSITIVE_INFINITY): Promise<Arrived> {
    const [sent, received] = await this.#both<Span, Received>(
      { do: "receive", count, isLossless: this.#isLossless },
      { do: "send", count, perSecond },
    );
    if (received.count === 0) throw new Error(`none of ${count} messages came`);
    if (received.count > count) throw new Error(`${received.count} messages came of ${count}`);
    return {
      ns: (received.end - sent.start) / received.count,
      received: received.count,
      sentPerSecond: (count * 1e9) / (sent.end - sent.start),
    };
  }

  async latency(count: number, loops: Loops): Promise<Latency> {
    const [asked] = await this.#both<Latency, void>({ do: "answer", count, loops }, { do: "ask", count, loops });
    return asked;
  }

  async stop(): Promise<void> {
    await Promise.all([this.#sender.stop(), this.#receiver.stop()]);
  }

  /** The sender begins once the receiver did. Both have to end well. */
  async #both<Sent, Got>(receiving: Order, sending: Order): Promise<[Sent, Got]> {
    const receiver = this.#receiver.order<Got>(receiving);
    await receiver.begun;
    return Promise.all([this.#sender.order<Sent>(sending).done, receiver.done]);
  }
}
