import type { MessagePort } from "node:worker_threads";

/** Bytes of a message. Its first four are its sequence, which every receiver checks; the rest travels along. */
export const MESSAGE_BYTES = 72;

/** What an event loop's reader or a blocking one does while there is nothing. */
export const STRATEGIES = [
  "busySpin",
  "spinThenYield",
  "backOff",
  "blocking",
  "spinThenBlock",
  "loopPolled",
  "loopAsleep",
] as const;
export type Strategy = (typeof STRATEGIES)[number];

/** Memory of a ring: between threads as it is, between processes the name of its file. */
export type Memory = SharedArrayBuffer | { readonly name: string; readonly directory: string };

/** What an end needs to take its side of a link. Side 0 sends and asks, side 1 receives and answers. */
export type EndSpec = { readonly side: 0 | 1 } & (
  | { readonly kind: "ours"; readonly strategy: Strategy; readonly rings: readonly [Memory, Memory] }
  | { readonly kind: "ringbuf"; readonly rings: readonly [SharedArrayBuffer, SharedArrayBuffer] }
  | { readonly kind: "messagePort"; readonly port: MessagePort }
  | { readonly kind: "socket"; readonly path: string }
  | { readonly kind: "zeromq"; readonly address: string }
  | { readonly kind: "broadcast"; readonly ring: Memory }
);

/** One end of a link, in a thread or process of its own: the four parts of a measurement. */
export interface End {
  /** Sends so many messages, `batch` at a time. */
  send(count: number, batch: number): void | Promise<void>;
  /** Receives and checks them. */
  receive(count: number): void | Promise<void>;
  /** Sends one message at a time and awaits its answer. @returns ns of each round trip */
  ask(count: number): Float64Array | Promise<Float64Array>;
  /** Answers them. */
  answer(count: number): void | Promise<void>;
  /** Sends messages at a pace, each with the time in it, for a receiver elsewhere. */
  stamp?(count: number, intervalNs: number): void;
  /** Lets go of what would not survive the end of its thread. */
  close?(): void;
}

/** What an end is told to do. */
export type Order =
  | { readonly do: "send"; readonly count: number; readonly batch: number }
  | { readonly do: "receive" | "ask" | "answer"; readonly count: number }
  | { readonly do: "stamp"; readonly count: number; readonly intervalNs: number }
  | { readonly do: "broadcast"; readonly count: number; readonly perSecond: number }
  | { readonly do: "read" | "close" };
