import type { AnyTLV, CountsFor, FlyweightOf, InputFor } from "./schema/tlv.js";

/** What became of a message that was offered. Only `sent` took it; after any other it can be offered again. */
export type SendResult = "sent" | "backPressured" | "notConnected" | "closed" | "tooLarge";

/** Sends one message of one to four TLVs from objects: `(TradeTLV, trade)`, or several TLVs and objects in turn. */
export interface Publish {
  <A extends AnyTLV>(tlv: A, value: InputFor<A>): SendResult;
  <A extends AnyTLV, B extends AnyTLV>(tlv: A, value: InputFor<A>, tlvB: B, valueB: InputFor<B>): SendResult;
  <A extends AnyTLV, B extends AnyTLV, C extends AnyTLV>(
    tlv: A,
    value: InputFor<A>,
    tlvB: B,
    valueB: InputFor<B>,
    tlvC: C,
    valueC: InputFor<C>,
  ): SendResult;
  <A extends AnyTLV, B extends AnyTLV, C extends AnyTLV, D extends AnyTLV>(
    tlv: A,
    value: InputFor<A>,
    tlvB: B,
    valueB: InputFor<B>,
    tlvC: C,
    valueC: InputFor<C>,
    tlvD: D,
    valueD: InputFor<D>,
  ): SendResult;
}

/** Where messages are made and sent: a connection's publishing side, or one output of an actor. */
export interface Publisher {
  /**
   * Sends one message made of these TLVs.
   * @throws ProtocolError VALUE_RANGE, BAD_TLV or DOMAIN_MISMATCH where they make no valid message: nothing was sent
   */
  readonly publish: Publish;
  /**
   * Begins a message with this TLV and returns a flyweight over its zeroed bytes: fill it, then {@link Publisher.commit}.
   * Allocates nothing. A message begun before and not committed is dropped.
   *
   * @param counts entries of the groups and bytes of the texts it is to have
   */
  claim<T extends AnyTLV>(tlv: T, counts?: CountsFor<T>): FlyweightOf<T>;
  /** Adds a TLV to the claimed message: an extension, or one more of the same domain. */
  append<T extends AnyTLV>(tlv: T, counts?: CountsFor<T>): FlyweightOf<T>;
  /** Sends the claimed message. What was not `sent` stays claimed: commit again, or claim anew to drop it. */
  commit(): SendResult;
}
