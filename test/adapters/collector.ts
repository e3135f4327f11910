import { type AdapterEvent, BinanceAdapter, type BinanceAdapterOptions } from "../../src/adapters.js";
import type { MessageView } from "../../src/protocol/message-view.js";
import type { AnyTLV, Infer } from "../../src/protocol/schema/tlv.js";
import { VenueReferenceTLV } from "../../src/tlvs/extension.js";
import {
  InstrumentDiscoveredTLV,
  InstrumentStatusTLV,
  OrderBookDeltaTLV,
  OrderBookTLV,
  QuoteTLV,
  TradeTLV,
} from "../../src/tlvs/market-data.js";
import { TestPublisher } from "./test-publisher.js";

const TLVS: readonly AnyTLV[] = [
  InstrumentDiscoveredTLV,
  InstrumentStatusTLV,
  OrderBookDeltaTLV,
  OrderBookTLV,
  QuoteTLV,
  TradeTLV,
];

/** A message as it was published. */
export interface Published {
  readonly name: string;
  readonly value: Readonly<Record<string, unknown>>;
  readonly reference: string | undefined;
}

/** The one TLV of a message that is no extension. */
function publishedOf(message: MessageView): Published {
  for (const tlv of TLVS) {
    const value = message.get(tlv);
    if (value !== undefined) return { name: tlv.name, value, reference: message.get(VenueReferenceTLV)?.reference };
  }
  throw new Error("a message of no known type");
}

/** An adapter whose messages and events are kept. */
export class Bench {
  readonly messages: Published[] = [];
  readonly events: AdapterEvent[] = [];
  readonly publisher = new TestPublisher((message) => this.messages.push(publishedOf(message)));
  readonly adapter: BinanceAdapter;

  constructor(options: Partial<BinanceAdapterOptions> = {}) {
    this.adapter = new BinanceAdapter({
      market: "spot",
      output: this.publisher,
      onEvent: (event) => this.events.push(event),
      ...options,
    });
  }

  /** Gives a frame, as JSON. */
  frame(event: unknown, atUs = 1_000): ReturnType<BinanceAdapter["frame"]> {
    return this.adapter.frame(json(event), atUs);
  }

  /** Gives a snapshot, as JSON. */
  snapshot(body: unknown, symbol?: string, atUs = 1_000): ReturnType<BinanceAdapter["snapshot"]> {
    return this.adapter.snapshot(json(body), atUs, symbol);
  }

  /** What was published of a type. */
  of<T extends AnyTLV>(tlv: T): Infer<T>[] {
    return this.messages.filter(({ name }) => name === tlv.name).map(({ value }) => value as Infer<T>);
  }

  /** Status and reason of each InstrumentStatus. */
  get statuses(): readonly (readonly [status: number, reason: number])[] {
    return this.of(InstrumentStatusTLV).map(({ status, reason }) => [status, reason]);
  }

  /** The names of all messages, in order. */
  get names(): readonly string[] {
    return this.messages.map(({ name }) => name);
  }

  /** The counters of the only book. */
  get book(): ReturnType<BinanceAdapter["stats"]>["books"][number] {
    const [only] = this.adapter.stats().books;
    if (only === undefined) throw new Error("no book yet");
    return only;
  }
}

/** The bytes of a value as JSON. */
export function json(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}

type Side = readonly (readonly [price: string, size: string])[];

/** A depth update of spot. */
export function depth(U: number, u: number, b: Side = [], a: Side = [], s = "BTCUSDT"): object {
  return { e: "depthUpdate", E: 1_672_515_782_136, s, U, u, b, a };
}

/** A depth update of futures. */
export function futuresDepth(U: number, u: number, pu: number, b: Side = [], a: Side = []): object {
  return { ...depth(U, u, b, a), T: 1_672_515_782_100, pu };
}

/** A snapshot. */
export function snapshotBody(lastUpdateId: number, bids: Side = [["9", "1"]], asks: Side = [["11", "1"]]): object {
  return { lastUpdateId, bids, asks };
}

/** A spot ticker. */
export function ticker(u: number, b: string, B: string, a: string, A: string, s = "BTCUSDT"): object {
  return { u, s, b, B, a, A };
}
