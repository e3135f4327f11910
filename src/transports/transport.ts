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
  /** The link lost messages or gave them up, and goes on. Only links that are not lossless call it. */
  lost?(loss: LinkLoss): void;
  /**
   * What comes in is no row of messages: nothing more will be read. The link still sends, so that a Goodbye can go
   * before {@link Link.close}.
   */
  broken(error: AlphaPulseError): void;
  /** The link has ended: by the other end, or by an error that says how. Called once, last. */
  closed(error?: AlphaPulseError): void;
}

/** What a link that is not lossless did not hand over, as far as it can know. */
export interface LinkLoss {
  /** Datagrams or messages that are missing, at least. */
  readonly count: number;
  /** Whose message it was, where a fragment said so. */
  readonly source?: number;
  /** The message's sequence, where a fragment said so. */
  readonly sequence?: number;
  /** What happened to them, for people. */
  readonly why: string;
}

/** What the ends of a session over datagrams do beyond what all links do (docs/protocol.md, "Datagrams"). */
export interface DatagramSession {
  /** Welcome was sent or has come: what goes out now travels in envelopes, and what comes in has to. */
  beginEnvelopes(): void;
  /**
   * The other end has shown that it gets what is sent to it, by the sessionId in a Ping. Before that the end that listens
   * answers `notConnected` to `send`, and `sendAhead` sends at most one datagram for each that came.
   */
  confirmPeer(): void;
}

/**
 * One end of a connection that carries whole messages until it ends; what it promises of them is its transport's
 * `Transport.guarantees`. It knows nothing of TLVs. Disposing of it closes it.
 */
export interface Link extends AsyncDisposable {
  /** The other end, for people. */
  readonly peer: string;
  /** Whether bytes stay in this process's memory on the way, so that nothing can change them. */
  readonly isSameMemory: boolean;
  /** Whether only processes of this machine that the system let in can read what passes, so that a token may. */
  readonly isPrivate: boolean;
  /** Present where it is made of datagrams. */
  readonly datagrams?: DatagramSession;
  /** The largest payload it carries, in bytes: more is `tooLarge`. */
  readonly payloadBytesMax: number;
  /** Bytes that were sent and have not left yet. */
  readonly pendingBytes: number;
  /** Begins to hand messages over. Called once. */
  start(handler: LinkHandler): void;
  /** Copies one message and sends it. Only `sent` took it. */
  send(buffer: MessageBuffer, offset: number, byteLength: number): SendResult;
  /**
   * As {@link Link.send}, for session control: it goes before what waits to leave, where the transport can, and takes no
   * part in `bufferBytesMax`, but has a small bound of its own.
   */
  sendAhead(buffer: MessageBuffer, offset: number, byteLength: number): SendResult;
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
  /** Gives up connecting or, where it listens, takes no more links: rejects with ABORTED where nothing came of it yet. */
  readonly signal?: AbortSignal;
}

/** What a transport guarantees of the messages that `send` answered with `sent`, as long as their link lives. */
export interface TransportGuarantees {
  /** They arrive in the order in which they were sent. */
  readonly isOrdered: boolean;
  /** They all arrive, also those that were sent just before `close`. */
  readonly isLossless: boolean;
  /** None arrives twice. */
  readonly isDeduplicated: boolean;
  /** The end of one end is told to the other, also where its process was killed. Without it, only silence tells. */
  readonly tellsOfEnd: boolean;
  /** The largest payload in bytes that any options allow; {@link Link.payloadBytesMax} is what one link carries. */
  readonly payloadBytesMax: number;
}

/** What Unix sockets can be told beyond what all transports can. */
export interface UnixOptions extends LinkOptions {
  /** How long one message may take to come whole before the link is broken as INCOMPLETE; default 10,000 ms. */
  readonly incompleteMs?: number;
  /** How many links a listener has at a time; one too many is closed at once. Default 1,024. */
  readonly linksMax?: number;
  /** Called for each link that a listener refused because it has too many: the other end's address, and how many so far. */
  readonly onRefused?: (peer: string, refusedCount: number) => void;
}

/** What TCP can be told beyond what Unix sockets can. */
export interface TcpOptions extends UnixOptions {
  /** Leaves this machine, although all on the way can read and change what passes; default false. */
  readonly insecure?: boolean;
  /** How many links a listener has at a time with one remote host; default as `linksMax`. */
  readonly linksPerPeerMax?: number;
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

/** What links of datagrams can be told beyond what all transports can. */
export interface UdpOptions extends LinkOptions {
  /** Leaves this machine, unencrypted; default false: loopback only. */
  readonly insecure?: boolean;
  /** The largest datagram that is sent, in bytes, from 256 to 65,507; default 1,400. Longer messages are sent in pieces. */
  readonly datagramBytesMax?: number;
  /** How fast one link sends, in bytes a second; default 50,000,000. Infinity: as fast as the system takes it. */
  readonly rateBytesPerSecond?: number;
  /** Bytes that may leave at once, before the rate counts; default 64 KiB. */
  readonly burstBytes?: number;
  /** What the kernel is asked to hold of what was not read yet, in bytes; default 4 MiB. */
  readonly receiveBufferBytes?: number;
  /** What the kernel is asked to hold of what has not left yet, in bytes; default 4 MiB. */
  readonly sendBufferBytes?: number;
  /** Told that the kernel gave smaller buffers, code SOCKET_BUFFER_CUT; default `process.emitWarning`, once. */
  readonly onWarning?: (warning: AlphaPulseError) => void;
  /** Addresses, each a host and a port, that a listener has links for at once; default 1,024. */
  readonly linksMax?: number;
  /** How many of them with one remote host; default as `linksMax`. */
  readonly linksPerPeerMax?: number;
  /** How long an address may be silent before a listener lets its link go, in ms; default 60,000. */
  readonly idleMs?: number;
  /** Multicast: the address of the network interface; default what the system chooses. */
  readonly interface?: string;
  /** Multicast: how many routers what is sent may pass, 0 to 255; default 1: none. */
  readonly ttl?: number;
  /** Multicast: whether listeners of this machine get what is sent here; default true. */
  readonly loopback?: boolean;
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
  | ({ readonly unix: string } & UnixOptions)
  | ({ readonly tcp: string } & TcpOptions)
  | ({ readonly udp: string } & UdpOptions)
  | ({ readonly ring: string } & RingLinkOptions)
  | ({ readonly shm: string; readonly directory?: string } & RingLinkOptions);

/** What a link can be attached to within one thread, such as a relay. */
export interface Attachable {
  /** Takes the server's end of a link. */
  attach(link: Link): void;
}
