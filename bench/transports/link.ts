/** The transports that are compared here; rings and shared memory have a suite of their own. */
export const TRANSPORTS = ["unix", "tcp", "udp"] as const;
export type TransportName = (typeof TRANSPORTS)[number];

/** What event loops do between two messages: wait in the kernel, or go round (kept going by setImmediate). */
export const LOOPS = ["idle", "hot"] as const;
export type Loops = (typeof LOOPS)[number];

/** What an end needs to take its side of a link. Side 0 connects, sends and asks; side 1 listens, receives and answers. */
export interface EndSpec {
  readonly side: 0 | 1;
  /** Where side 1 listens, then where side 0 connects: what side 1 told. */
  readonly address: string;
  readonly way: Way;
}

/** By what messages travel. */
export type Way =
  /** A link of ours. `verifies`: the handler verifies each message's checksum and TLVs. */
  | { readonly kind: "ours"; readonly verifies: boolean }
  /** A stream socket of node:net. `corks`: what is written in one turn of the loop leaves at once. */
  | { readonly kind: "net"; readonly corks: boolean }
  | { readonly kind: "dgram" }
  | { readonly kind: "zeromq" };

/** What an end is told to do. */
export type Order =
  | { readonly do: "send"; readonly count: number; readonly perSecond: number }
  | { readonly do: "receive"; readonly count: number; readonly isLossless: boolean }
  | { readonly do: "ask" | "answer"; readonly count: number; readonly loops: Loops }
  | { readonly do: "close" };

/** What a receiver tells. */
export interface Received {
  /** When the last one came, on the clock that all processes share, in ns. */
  readonly end: number;
  readonly count: number;
}

/** A way to the other end that carries messages by their ordinals. */
export interface Wire {
  /** Is given the low bits of the ordinal of each message that came: as many as messages.ts says. */
  onMessage: (found: number) => void;
  /** Is told what ended it. */
  onFailed: (error: Error) => void;
  /** Sends the message of this ordinal. A promise where the next one has to wait for it. */
  send(ordinal: number): Promise<unknown> | undefined;
  close?(): unknown;
}
