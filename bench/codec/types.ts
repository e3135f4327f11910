import type { Subject } from "alphapulse/bench";
import { TLVBuilder } from "../../src/protocol/builder.js";
import { MessageView } from "../../src/protocol/message-view.js";
import { price, size, timestamp, u8, zero } from "../../src/protocol/schema/fields.js";
import type { AnyTLV, FlyweightOf } from "../../src/protocol/schema/tlv.js";
import { defineTLV } from "../../src/protocol/schema/tlv.js";
import { RelayDomain } from "../../src/protocol/tables.js";
import { isExtensionType, isUserType } from "../../src/protocol/walk.js";
import { Dispatcher } from "../../src/session/subscription.js";
import { ALL_TLVS } from "../../src/tlvs/all.js";
import { TradeTLV } from "../../src/tlvs/market-data.js";
import type { BenchContext } from "../harness.js";
import { rowOf } from "./framing.js";
import { FIRST_US, MESSAGE_MASK, SOURCE, tradeInstruments } from "./samples.js";

// What one message costs a connection that handles many types. Measured is the connection's own table of handlers, which
// the package does not export: all of this comes from the sources.

const TYPE_COUNTS = [1, 10, 50, 200];

/** Types of the user's, each with a layout of its own, so that no two flyweights share a class. */
function userTypes(): AnyTLV[] {
  return Array.from({ length: 55 }, (_, i) =>
    defineTLV(200 + i, `User${i}`, { price, size, seenAt: timestamp, side: u8, reserved: zero(15 + (i & 15)) }),
  );
}

export async function compareTypeCounts(context: BenchContext): Promise<void> {
  const all: readonly AnyTLV[] = [TradeTLV, ...userTypes(), ...ALL_TLVS.filter((tlv) => tlv !== TradeTLV)];
  const counts = [...new Set(TYPE_COUNTS.map((count) => Math.min(count, all.length)))];
  if (counts.at(-1)! < 200) context.note(`the protocol and its users can have ${all.length} types, not 200`);
  const trades: Record<string, Subject> = {};
  const mixed: Record<string, Subject> = {};
  for (const count of counts) {
    const types = all.slice(0, count);
    const subject = `alphapulse: ${count} types registered`;
    trades[subject] = receiving(types, [TradeTLV]);
    mixed[subject] = receiving(types, types.filter(isSent));
  }
  await context.compare({ name: "receive Trades", subjects: trades });
  await context.compare({ name: "receive registered types in turn", subjects: mixed });
}

/** Whether a message of market data may begin with it. */
function isSent({ type, domain }: AnyTLV): boolean {
  return isUserType(type) || (domain === RelayDomain.MarketData && !isExtensionType(type));
}

/** Hands messages that hold `sent` in turn to a table of handlers for `registered`. */
function receiving(registered: readonly AnyTLV[], sent: readonly AnyTLV[]): Subject {
  let sum = 0;
  const handlers = Object.fromEntries(
    registered.map((tlv) => [tlv.name, handlerOf(tlv, (n) => (sum = (sum + n) | 0))]),
  );
  const dispatcher = new Dispatcher({ types: registered }, handlers);
  const { messages, buffer, byteLength } = rowOf(paddedMessages(sent));
  const lengths = messages.map((message) => 32 + new DataView(message.buffer, message.byteOffset).getUint32(24, true));
  const view = new MessageView();
  return (i) => {
    const n = i & MESSAGE_MASK;
    const bytes = lengths[n]!;
    view.wrap(buffer, n * byteLength, bytes);
    dispatcher.message(view, buffer, n * byteLength, bytes);
    return sum;
  };
}

let made = 0;

/** A handler of its own, made from text: as different programs' handlers are. */
function handlerOf(tlv: AnyTLV, consume: (sum: number) => void): (flyweight: FlyweightOf<AnyTLV>) => void {
  const field = tlv.layout.fixed.find(({ field: { kind } }) => kind === "i64" || kind === "u64");
  const read = field === undefined ? "1" : `flyweight.${field.name}Low`;
  return new Function("consume", `"use strict"; return (flyweight) => { consume(${read}); }; // ${made++}`)(consume);
}

/** As many messages as there are trades, all laid out at the distance of the longest. */
function paddedMessages(sent: readonly AnyTLV[]): Uint8Array[] {
  const builder = new TLVBuilder({ domain: RelayDomain.MarketData, source: SOURCE });
  const messages = Array.from({ length: MESSAGE_MASK + 1 }, (_, n) => {
    const tlv = sent[n % sent.length]!;
    const flyweight = builder.append(tlv) as unknown as Record<string, unknown>;
    if ("instrument" in flyweight) flyweight.instrument = tradeInstruments[n];
    const bytes = builder.seal(n + 1, FIRST_US + n);
    const message = builder.buffer.bytes.slice(0, bytes);
    builder.reset();
    return message;
  });
  const longest = Math.max(...messages.map(({ byteLength }) => byteLength));
  return messages.map((message) => {
    const padded = new Uint8Array(longest);
    padded.set(message);
    return padded;
  });
}
