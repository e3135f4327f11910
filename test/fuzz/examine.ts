import { isDeepStrictEqual } from "node:util";
import { type Random, seededRandom } from "../../src/actor/random.js";
import { TLVBuilder } from "../../src/protocol/builder.js";
import { ProtocolError } from "../../src/protocol/errors.js";
import { type Message, parseMessage } from "../../src/protocol/message.js";
import { messageBuffer } from "../../src/protocol/message-buffer.js";
import { MessageView } from "../../src/protocol/message-view.js";
import type { AnyTLV } from "../../src/protocol/schema/tlv.js";
import { StreamFramer } from "../../src/protocol/stream-framer.js";
import { TradeTLV } from "../../src/tlvs/market-data.js";
import type { AnyObject } from "../protocol/schemas.js";
import { shownBy } from "../protocol/shown.js";
import { tradeOf } from "../samples.js";
import { ALL_TLVS, INTERPRETED_TLVS } from "../tlv-table.js";

const INTERPRETED = new Map(INTERPRETED_TLVS.map((tlv) => [tlv.type, tlv]));
const GENERATED = new Map(ALL_TLVS.map((tlv) => [tlv.type, tlv]));
/** Above this, the accessors of one value in eight are read: there are thousands of entries. */
const SHOWN_BYTES_MAX = 4_096;

/** Something that must not happen, whatever the bytes. */
export class Fault extends Error {}

/** Counts what an input came to, such as `message: BAD_TLV`. */
export type Count = (outcome: string) => void;

/** What a call gives, or the ProtocolError that it fails with. Any other error comes through: that is a find. */
function attempt<T>(call: () => T): { readonly value: T } | { readonly code: string; readonly text: string } {
  try {
    return { value: call() };
  } catch (error) {
    if (error instanceof ProtocolError) return { code: error.code, text: error.message };
    throw error;
  }
}

function same(a: unknown, b: unknown, what: string): void {
  if (!isDeepStrictEqual(a, b)) throw new Fault(`${what} differ`);
}

const GOOD = new TLVBuilder({ domain: 1, source: 7 })
  .add(TradeTLV, tradeOf(42))
  .build({ sequence: 5n, timestamp: 9_000n });
const GOOD_VALUE = TradeTLV.encode(tradeOf(42));

/** What is used for all inputs, one after the other, as a program does. */
const view = new MessageView();
const flyweight = TradeTLV.flyweight();
const builder = new TLVBuilder({ domain: 1, source: 7 });

/**
 * Feeds bytes to all that reads bytes: as a message, as the value of every type, as a stream. What is told to one input
 * follows from its bytes alone, so that a find is found again.
 * @throws Fault where two ways of reading disagree, or a reader is spoilt for the next input; whatever else is no ProtocolError
 */
export function examine(bytes: Uint8Array, count: Count): void {
  const random = seededRandom(String(bytes.reduce((sum, byte) => (Math.imul(sum, 31) + byte) | 0, bytes.byteLength)));
  const verified = attempt(() => parseMessage(bytes));
  const parsed = attempt(() => parseMessage(bytes, { checksum: "none" }));
  if ("value" in verified && !("value" in parsed))
    throw new Fault("a message is refused only where its checksum is skipped");
  const seen = attempt(() => view.read(messageBuffer(bytes)).source);
  same(seen, "value" in verified ? { value: verified.value.header.source } : verified, "view and message");
  count(`message: ${"value" in verified ? "read" : verified.code}`);
  if ("value" in parsed) examineMessage(parsed.value, bytes, random, count);
  examineValue(ALL_TLVS[random.int(ALL_TLVS.length)] as AnyTLV, bytes.subarray(32), random, count);
  examineStream(bytes, random, count);
  checkUnspoilt();
}

function examineMessage(message: Message, bytes: Uint8Array, random: Random, count: Count): void {
  const { relayDomain, source, sequence, timestamp } = message.header;
  const again = new TLVBuilder({ domain: relayDomain, source });
  const values: unknown[] = [];
  let isWhole = true;
  view.wrap(messageBuffer(bytes), 0, bytes.byteLength);
  for (const { type, value } of message) {
    const tlv = GENERATED.get(type);
    const decoded = tlv === undefined ? undefined : examineValue(tlv, value, random, count);
    isWhole &&= tlv === undefined || decoded !== undefined;
    if (isWhole && tlv === undefined) again.addRaw(type, value);
    else if (isWhole && tlv !== undefined) again.add(tlv, decoded as AnyObject);
    values.push(decoded ?? value);
    if (tlv === undefined) continue;
    // The first of its type, of a message that is borrowed.
    const found = attempt(() => view.get(tlv));
    const got = attempt(() => message.get(tlv));
    if ("value" in found && "value" in got) same(found.value, got.value, `${tlv.name}: view and message`);
    else if ("value" in found !== "value" in got) throw new Fault(`${tlv.name}: view or message refuses it alone`);
  }
  view.release();
  if (!isWhole) return;
  // What was read is written again, and read again as the same.
  const built = again.build({ sequence, timestamp });
  const rebuilt = parseMessage(built);
  const reread = [...rebuilt].map(({ type, value }) => GENERATED.get(type)?.decode(value) ?? value);
  same(reread, values, "a message and what is built from it");
  same(
    { ...rebuilt.header, payloadSize: 0, checksum: 0 },
    { ...message.header, payloadSize: 0, checksum: 0 },
    "headers",
  );
  count(Buffer.from(built).equals(bytes) ? "written: the same bytes" : "written: other bytes");
}

/** Reads a value by both codecs and through every accessor of both flyweights. Returns the object, where it is one. */
function examineValue(tlv: AnyTLV, value: Uint8Array, random: Random, count: Count): object | undefined {
  const interpreted = INTERPRETED.get(tlv.type) as AnyTLV;
  const decoded = attempt(() => tlv.decode(value));
  same(
    attempt(() => interpreted.decode(value)),
    decoded,
    `${tlv.name}: generated and interpreted`,
  );
  count(`value: ${"value" in decoded ? "read" : decoded.code}`);
  const wrapped = attempt(() => tlv.flyweight().wrapBytes(value).byteLength);
  same(
    attempt(() => interpreted.flyweight().wrapBytes(value).byteLength),
    wrapped,
    `${tlv.name}: flyweights`,
  );
  if ("value" in wrapped && (value.byteLength <= SHOWN_BYTES_MAX || random.int(8) === 0)) {
    same(shownBy(interpreted, value), shownBy(tlv, value), `${tlv.name}: accessors`);
    count("flyweight: all accessors read");
  }
  return "value" in decoded ? (decoded.value as object) : undefined;
}

/** The bytes within a stream, whole and cut anywhere: the same messages, and the same end. */
function examineStream(bytes: Uint8Array, random: Random, count: Count): void {
  const stream = new Uint8Array(GOOD.byteLength * 2 + bytes.byteLength);
  stream.set(GOOD);
  stream.set(bytes, GOOD.byteLength);
  stream.set(GOOD, GOOD.byteLength + bytes.byteLength);
  const whole = framed([stream]);
  if (whole.messages[0]?.equals(GOOD) !== true) throw new Fault("the framer lost what came before");
  const cuts = Array.from({ length: random.int(8) }, () => random.int(stream.byteLength + 1)).sort((a, b) => a - b);
  const ends = [...cuts, stream.byteLength];
  same(framed(ends.map((end, i) => stream.subarray(i === 0 ? 0 : ends[i - 1], end))), whole, "a stream whole and cut");
  count(`stream: ${whole.code ?? (whole.isWithin ? "waits for more" : "read")}`);
}

function framed(chunks: readonly Uint8Array[]): { messages: Buffer[]; code: string | undefined; isWithin: boolean } {
  const messages: Buffer[] = [];
  const framer = new StreamFramer((buffer, offset, byteLength) => {
    messages.push(Buffer.from(buffer.bytes.subarray(offset, offset + byteLength)));
  });
  const pushed = attempt(() => {
    for (const chunk of chunks) framer.push(chunk);
  });
  const code = "code" in pushed ? pushed.code : undefined;
  if (code !== undefined) {
    framer.push(GOOD);
    if (framer.isWithin || messages.pop()?.equals(GOOD) !== true) throw new Fault("a framer after a failure is spoilt");
  }
  return { messages, code, isWithin: code === undefined && framer.isWithin };
}

/** Whatever was read before, a good message is read, and written, as it always is. */
function checkUnspoilt(): void {
  same(parseMessage(GOOD).get(TradeTLV), tradeOf(42), "a good message after this one, parsed,");
  view.read(messageBuffer(GOOD));
  same([view.sequence, view.find(TradeTLV)?.price], [5, 42n], "a good message after this one, seen through the view,");
  view.release();
  same(flyweight.wrapBytes(GOOD_VALUE).toObject(), tradeOf(42), "a good value after this one");
  attempt(() => flyweight.wrapBytes(GOOD_VALUE.subarray(1)));
  attempt(() => builder.add(TradeTLV, { ...tradeOf(1), price: 2n ** 63n }));
  const built = builder.add(TradeTLV, tradeOf(42)).build({ sequence: 5n, timestamp: 9_000n });
  if (!Buffer.from(built).equals(GOOD)) throw new Fault("a builder after a failure writes other bytes");
}
