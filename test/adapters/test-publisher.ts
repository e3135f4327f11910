import { TLVBuilder } from "../../src/protocol/builder.js";
import { MessageView } from "../../src/protocol/message-view.js";
import type { Publish, Publisher, SendResult } from "../../src/protocol/publisher.js";
import type { AnyTLV, CountsFor, FlyweightOf } from "../../src/protocol/schema/tlv.js";
import { RelayDomain, Source } from "../../src/protocol/tables.js";

/** A publisher that hands each message to `take` before the next one is made, or refuses it with the result that is set. */
export class TestPublisher implements Publisher {
  readonly #builder = new TLVBuilder({ domain: RelayDomain.MarketData, source: Source.BinanceCollector });
  readonly #view = new MessageView();
  readonly #take: (message: MessageView) => void;
  /** What offers are answered with. */
  result: SendResult = "sent";
  #sequence = 0;

  constructor(take: (message: MessageView) => void) {
    this.#take = take;
  }

  readonly publish: Publish = (...parts: readonly unknown[]): SendResult => {
    this.#builder.reset();
    for (let i = 0; i < parts.length; i += 2) this.#builder.add(parts[i] as AnyTLV, parts[i + 1] as never);
    return this.commit();
  };

  claim<T extends AnyTLV>(tlv: T, counts?: CountsFor<T>): FlyweightOf<T> {
    this.#builder.reset();
    return this.#builder.append(tlv, counts);
  }

  append<T extends AnyTLV>(tlv: T, counts?: CountsFor<T>): FlyweightOf<T> {
    return this.#builder.append(tlv, counts);
  }

  commit(): SendResult {
    if (this.result !== "sent") return this.result;
    const byteLength = this.#builder.seal(++this.#sequence, 0);
    this.#take(this.#view.wrap(this.#builder.buffer, 0, byteLength));
    return "sent";
  }
}
