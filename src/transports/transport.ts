import type { AlphaPulseError } from "../protocol/errors.js";
import type { MessageBuffer } from "../protocol/message-buffer.js";
import type { SendResult } from "../protocol/publisher.js";

/** Who uses a link: what it is told. Only {@link LinkHandler.message} may throw. */
export interface LinkHandler {
  /**
   * One whole message: its header was checked, its checksum and TLVs were not. Borrowed until this returns. It may send,
   * pause and end the link. What it throws ends the link: `closed` is told HANDLER_FAILED, and the other end a plain end.
   */
  message(buffer: MessageBuffer, offset: number, byteLength: number): void;
  /** The last of the messages that came together was handed over. */
  idle?(): void;
  /** There is room again after a send that was back-pressured. */
  ready?(): void;
  /**
   * What comes in is no row of messages: nothing more will be read. The link still sends, so that a Goodbye can go
   * before {@link Link.close}.
   */
  broken(error: AlphaPulseError): void;
  /** The link has ended: by the other end, or by an error that says how. Called once, last. */
  closed(error?: AlphaPulseError): void;
}

/** One end of a connection that carries whole messages, in order, each once, until it ends. It knows nothing of TLVs. */
export interface Link {
  /** The other end, for people. */
  readonly peer: string;
  /** Whether bytes stay in this process's memory on the way, so that nothing can change them. */
  readonly isSameMemory: boolean;
  /** The largest payload it carries, in bytes: more is `tooLarge`. */
  readonly payloadBytesMax: number;
  /** Bytes that were sent and have not left yet. */
  readonly pendingBytes: number;
  /** Begins to hand messages over. Called once. */
  start(handler: LinkHandler): void;
  /** Copies one message and sends it. Only `sent` took it. */
  send(buffer: MessageBuffer, offset: number, byteLength: number): SendResult;
  /** Hands no more over, soon: what was read already may still come. */
  pause(): void;
  /** Goes on. */
  resume(): void;
  /** Ends it once what was sent has left, or after a bounded time. */
  close(): Promise<void>;
  /** Ends it at once; what was sent may be lost. */
  destroy(): void;
}

/** A place where links arrive. */
export interface Listener extends AsyncDisposable {
  /** Its address, as `connect` takes it. */
  readonly address: string;
  /** Takes no more links; those that are there stay. */
  close(): Promise<void>;
}

/** What all transports can be told. */
export interface LinkOptions {
  /** The largest payload that is taken, in bytes; default 1 MiB. */
  readonly payloadBytesMax?: number;
  /** How many bytes may wait to leave before a send is back-pressured; default 1 MiB. */
  readonly bufferBytesMax?: number;
  /** How long connecting may take; default 5,000 ms. */
  readonly connectTimeoutMs?: number;
}

/** What a transport guarantees of the messages that `send` answered with `sent`, as long as their link lives. */
export interface TransportGuarantees {
  /** They arrive in the order in which they were sent. */
  readonly isOrdered: boolean;
  /** They all arrive, also those that were sent just before `close`. */
  readonly isLossless: boolean;
  /** None arrives twice. */
  readonly isDeduplicated: boolean;
  /** The largest payload in bytes that any options allow; {@link Link.payloadBytesMax} is what one link carries. */
  readonly payloadBytesMax: number;
}

/** What a pair of rings can be told beyond what all transports can. */
export interface RingLinkOptions extends LinkOptions {
  /** Bytes of each direction's ring, a power of two, chosen by the end that connects; default 4 MiB. A message takes at most an eighth of it. */
  readonly capacityBytes?: number;
  /**
   * Turns of the event loop without a message after which a reader sleeps; default 2. Infinity never sleeps: the loop
   * stays responsive and takes a core.
   */
  readonly idleTurnsMax?: number;
}

/** A way to move messages. Its scheme is the first part of its URLs. */
export interface Transport {
  /** As in `unix` of `unix:///run/market.sock`. */
  readonly scheme: string;
  /** What it promises of messages. */
  readonly guarantees: TransportGuarantees;
  /**
   * Takes links at an address.
   * @throws AlphaPulseError ADDRESS_IN_USE, BAD_ADDRESS or the system's word as LISTEN_FAILED
   */
  listen(address: string, onLink: (link: Link) => void, options?: LinkOptions): Promise<Listener>;
  /** @throws AlphaPulseError NOT_LISTENING, BAD_ADDRESS, CONNECT_TIMEOUT or the system's word as CONNECT_FAILED */
  connect(address: string, options?: LinkOptions): Promise<Link>;
}

/** Where to listen or connect: a URL, or the same as an object. */
export type Address =
  | string
  | ({ readonly unix: string } & LinkOptions)
  | ({ readonly ring: string } & RingLinkOptions)
  | ({ readonly shm: string; readonly directory?: string } & RingLinkOptions);

/** What a link can be attached to within one thread, such as a relay. */
export interface Attachable {
  /** Takes the server's end of a link. */
  attach(link: Link): void;
}
