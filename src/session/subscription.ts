import { AlphaPulseError } from "../protocol/errors.js";
import { INSTRUMENT_BYTES, type InstrumentId } from "../protocol/instrument-id.js";
import { InstrumentMap } from "../protocol/instrument-map.js";
import type { MessageBuffer } from "../protocol/message-buffer.js";
import type { MessageView } from "../protocol/message-view.js";
import type { AnyTLV, FlyweightOf } from "../protocol/schema/tlv.js";
import { TlvCursor } from "../protocol/walk.js";

/** Messages of one source that will not come. */
export interface GapNotice {
  /** Whose messages. */
  readonly source: number;
  /** The first sequence that is missing; 0 where unsequenced messages were lost. */
  readonly from: number;
  /** The last one. */
  readonly to: number;
  /** Why, as in the Gap message: 1 lost in transport, 2 slow consumer, 3 ring overrun, 4 no longer retained, 5 conflated. */
  readonly reason: number;
}

/** What a handler returns: nothing. An async handler would go on after its bytes were let go, so its type is refused. */
export type Nothing = undefined | void;

/** The handlers of a row of TLVs, named after them. Each gets a flyweight that is borrowed until it returns. */
export type Handlers<Types extends readonly AnyTLV[]> = {
  readonly [Name in Types[number]["name"]]?: (
    tlv: FlyweightOf<Extract<Types[number], { readonly name: Name }>>,
    message: MessageView,
  ) => Nothing;
} & {
  /** Messages that will not come. Without this handler a gap is a failure: nobody overlooks a loss. */
  gap?(gap: GapNotice): Nothing;
  /** Every message, before the handlers of its TLVs. */
  message?(message: MessageView): Nothing;
};

/** What a consumer wants. */
export interface SubscriptionRequest<Types extends readonly AnyTLV[]> {
  /** The TLVs that there are handlers for; none, with a `message` handler, = all messages. */
  readonly types: Types;
  /** Default: all instruments. */
  readonly instruments?: readonly InstrumentId[];
  /** What the relay is asked for, where that is more than {@link SubscriptionRequest.types}; none = all types. */
  readonly wanted?: readonly AnyTLV[];
  /** What errors of its handlers call it. */
  readonly label?: string | undefined;
}

interface Entry {
  /** Where the instrument stands that the subscription may ask for; -1 where there is none. */
  readonly instrumentOffset: number;
  readonly deliver: (view: DataView, offset: number, byteLength: number, message: MessageView) => void;
}

type AnyHandlers = Readonly<Record<string, ((first: unknown, second?: unknown) => unknown) | undefined>>;

/** Hands a message's TLVs to the handlers of one subscription: a table by type, nothing allocated. */
export class Dispatcher {
  readonly label: string | undefined;
  /** Whether it asked for every message there is. */
  readonly isUnfiltered: boolean;
  readonly #entries: (Entry | undefined)[] = new Array(256).fill(undefined);
  /** What the subscription asked for; empty = all. */
  readonly #instruments = new InstrumentMap<true>();
  readonly #cursor = new TlvCursor();
  readonly #onMessage: ((message: MessageView) => unknown) | undefined;
  readonly #onGap: ((gap: GapNotice) => unknown) | undefined;

  /** @throws AlphaPulseError BAD_HANDLERS where a handler is named after none of the types */
  constructor(request: SubscriptionRequest<readonly AnyTLV[]>, handlers: object) {
    const { types, instruments = [], wanted = types, label } = request;
    for (const id of instruments) this.#instruments.set(id, true);
    this.label = label;
    this.isUnfiltered = wanted.length === 0 && instruments.length === 0;
    const given = handlers as AnyHandlers;
    for (const name of Object.keys(given)) {
      if (name === "gap" || name === "message" || types.some((tlv) => tlv.name === name)) continue;
      const known = types.map((tlv) => tlv.name).join(", ");
      throw new AlphaPulseError(
        "BAD_HANDLERS",
        `a handler is named ${name}, but what is subscribed to is ${known}, gap, message`,
      );
    }
    for (const tlv of types) {
      const call = given[tlv.name];
      if (call === undefined) continue;
      const deliver = tlv.deliveryTo<MessageView>(call, handlers, refusePromise);
      this.#entries[tlv.type] = { instrumentOffset: tlv.layout.instrumentOffset ?? -1, deliver };
    }
    this.#onMessage = given.message?.bind(handlers);
    this.#onGap = given.gap?.bind(handlers);
  }

  /** Calls the handlers of a message that was checked. Whatever they throw comes through. */
  message(message: MessageView, buffer: MessageBuffer, offset: number, byteLength: number): void {
    if (this.#onMessage !== undefined) refusePromise(this.#onMessage(message));
    const cursor = this.#cursor.begin(buffer.view, offset, byteLength);
    while (cursor.next()) {
      const entry = this.#entries[cursor.type];
      if (entry === undefined || !this.#isAskedFor(entry, buffer.view, cursor)) continue;
      entry.deliver(buffer.view, cursor.valueOffset, cursor.valueBytes, message);
    }
  }

  /** Several subscriptions of a connection come as one stream: each takes what is its own. */
  #isAskedFor(entry: Entry, view: DataView, { valueOffset, valueBytes }: TlvCursor): boolean {
    const offset = entry.instrumentOffset;
    if (this.#instruments.size === 0 || offset < 0 || offset + INSTRUMENT_BYTES > valueBytes) return true;
    return this.#instruments.getAt(view, valueOffset + offset) === true;
  }

  /** Calls the gap handler. @throws AlphaPulseError UNHANDLED_GAP where there is none */
  gap(gap: GapNotice): void {
    if (this.#onGap === undefined) {
      const { source, from, to, reason } = gap;
      throw new AlphaPulseError(
        "UNHANDLED_GAP",
        `messages ${from} to ${to} of source ${source} are lost (reason ${reason}), and there is no gap handler`,
      );
    }
    refusePromise(this.#onGap(gap));
  }
}

/** Refuses what an async handler returns. @throws AlphaPulseError ASYNC_HANDLER */
export function refusePromise(result: unknown): void {
  if (result === undefined || typeof (result as { then?: unknown } | null)?.then !== "function") return;
  // Its own failure is not ours to swallow, but this error says more.
  (result as Promise<unknown>).then(undefined, () => {});
  throw new AlphaPulseError(
    "ASYNC_HANDLER",
    "a handler returned a promise: its bytes are let go when it returns; copy with toObject() first",
  );
}
