import { deepStrictEqual } from "node:assert";
import type { Subject } from "alphapulse/bench";
import { BOOK_COUNT, type Book, books, MESSAGE_COUNT, type Quote, quotes, type Trade, trades } from "./samples.js";

/** How a peer writes and reads one kind of message. */
export interface Coder<Plain, Held = Plain> {
  /** What it encodes from, made beforehand; default: the plain object. */
  prepare?(plain: Plain): Held;
  /** The bytes; they may be borrowed until the next call. */
  encode(held: Held): Uint8Array;
  /** Another way that hands out no bytes of its own, for a peer that has one: bytes written. */
  encodeInto?(held: Held): number;
  /** An object with all fields; it may be the same one each time. */
  decode(bytes: Uint8Array): object;
  /** A decoded object as plain values; default: itself. */
  plain?(decoded: object): Plain;
}

// biome-ignore lint/suspicious/noExplicitAny: what a coder encodes from is its own business
type AnyCoder<Plain> = Coder<Plain, any>;

/** A peer, by the name of its package. */
export interface Peer {
  readonly name: string;
  readonly trade: AnyCoder<Trade>;
  readonly quote: AnyCoder<Quote>;
  readonly book: AnyCoder<Book>;
}

/** The subjects of one kind of message, by direction. */
export interface Subjects {
  readonly encode: Record<string, Subject>;
  readonly decode: Record<string, Subject>;
  /** Bytes of a message, by subject. */
  readonly bytes: Record<string, number>;
}

export function tradeSubjects(peers: readonly Peer[]): Subjects {
  return subjectsOf(peers, "trade", trades, MESSAGE_COUNT - 1);
}

export function quoteSubjects(peers: readonly Peer[]): Subjects {
  return subjectsOf(peers, "quote", quotes, MESSAGE_COUNT - 1);
}

export function bookSubjects(peers: readonly Peer[]): Subjects {
  return subjectsOf(peers, "book", books, BOOK_COUNT - 1);
}

function subjectsOf<Plain>(
  peers: readonly Peer[],
  kind: "trade" | "quote" | "book",
  plain: readonly Plain[],
  mask: number,
): Subjects {
  const subjects: Subjects = { encode: {}, decode: {}, bytes: {} };
  for (const peer of peers) {
    const coder = peer[kind] as unknown as AnyCoder<Plain>;
    const held: unknown[] = plain.map((one) => coder.prepare?.(one) ?? one);
    const packed = pack(held.map((one) => Uint8Array.from(coder.encode(one))));
    for (const [i, bytes] of packed.entries()) {
      const decoded = coder.decode(bytes);
      deepStrictEqual({ ...(coder.plain?.(decoded) ?? decoded) }, plain[i], `${peer.name} lost something of a ${kind}`);
    }
    subjects.bytes[peer.name] = packed[0]!.byteLength;
    subjects.encode[peer.name] = encoding(coder, held, mask);
    const { encodeInto } = coder;
    if (encodeInto !== undefined)
      subjects.encode[`${peer.name}: no bytes handed out`] = encodingInto(coder, held, mask);
    subjects.decode[peer.name] = decoding(coder, packed, mask);
  }
  return subjects;
}

// A closure of its own for each coder would not do: the engine learns by the text of a function. These are made from text.

function encoding<Plain>(coder: AnyCoder<Plain>, held: readonly unknown[], mask: number): Subject {
  return fresh("return (i) => coder.encode(list[i & mask]);", coder, held, mask);
}

function encodingInto<Plain>(coder: AnyCoder<Plain>, held: readonly unknown[], mask: number): Subject {
  return fresh("return (i) => coder.encodeInto(list[i & mask]);", coder, held, mask);
}

function decoding<Plain>(coder: AnyCoder<Plain>, packed: readonly Uint8Array[], mask: number): Subject {
  return fresh("return (i) => coder.decode(list[i & mask]);", coder, packed, mask);
}

let made = 0;

function fresh(text: string, coder: object, list: readonly unknown[], mask: number): Subject {
  return new Function("coder", "list", "mask", `"use strict";\n${text}\n// ${made++}`)(coder, list, mask) as Subject;
}

/** The same messages in one piece of memory, one behind the other: so ours lie too. */
function pack(messages: readonly Uint8Array[]): Uint8Array[] {
  const aligned = messages.map(({ byteLength }) => (byteLength + 7) & ~7);
  const memory = new Uint8Array(aligned.reduce((sum, bytes) => sum + bytes, 0));
  let at = 0;
  return messages.map((message, i) => {
    memory.set(message, at);
    const packed = memory.subarray(at, at + message.byteLength);
    at += aligned[i]!;
    return packed;
  });
}
