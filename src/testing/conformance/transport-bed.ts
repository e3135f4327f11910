import type { Link, LinkOptions, Listener, Transport } from "../../transports/transport.js";
import { fail, until, within } from "./checks.js";
import type { Ends, LinksUnderTest } from "./link-bed.js";
import { Recorder } from "./recorder.js";

/** A transport that is to be held against what `Transport`, `Listener` and `Link` promise. Made anew for each test. */
export interface TransportUnderTest {
  /** The transport itself: it needs no place in the library. */
  readonly transport: Transport;
  /** An address at which nobody listens: another one at each call. */
  address(): string;
  /** Addresses that it must refuse with `BAD_ADDRESS`, beside the empty one. */
  readonly badAddresses?: readonly string[];
  /** What both ends are told. The less they buffer, the sooner back pressure shows. */
  readonly options?: LinkOptions;
  /** How many bytes of messages a link may take while the other end does not read, all buffers together; default 8 MiB. */
  readonly takenBytesMax?: number;
  /** The largest payload that its links are to carry, in bytes; default what they say themselves. */
  readonly payloadBytesMax?: number;
  /**
   * Called with each link before it is started. Where links are made of datagrams: confirms the peer, and may send a first
   * message of RelayDomain.System by the client's end, so that a link arrives at the listener; the suite does not look at it.
   */
  prepare?(link: Link, side: "client" | "server"): unknown;
  /** Takes away what it needed, such as a directory. Called after each test, also after one that failed. */
  cleanUp?(): unknown;
}

/** Tests of a whole transport, by what they protect. */
export type TransportTests = Readonly<Record<string, (bed: TransportBed) => Promise<void>>>;

/** A listener, and the links that came, each started with a recorder. */
export interface Listening {
  readonly listener: Listener;
  readonly arrived: readonly { readonly link: Link; readonly recorder: Recorder }[];
}

const TAKEN_BYTES_MAX_DEFAULT = 8 << 20;

/** What a test of a transport lies in: it listens, connects, waits with a deadline, and takes all away. */
export class TransportBed {
  readonly transport: Transport;
  readonly timeoutMs: number;
  readonly #under: TransportUnderTest;
  readonly #listeners: Listener[] = [];
  readonly #links: Link[] = [];

  constructor(under: TransportUnderTest, timeoutMs: number) {
    this.#under = under;
    this.transport = under.transport;
    this.timeoutMs = timeoutMs;
  }

  get badAddresses(): readonly string[] {
    return ["", ...(this.#under.badAddresses ?? [])];
  }

  address(): string {
    return this.#under.address();
  }

  /** Listens, and hands links on as they come. */
  async accept(address: string, onLink: (link: Link) => void, options?: LinkOptions): Promise<Listener> {
    const take = (link: Link): void => {
      this.#links.push(link);
      this.#under.prepare?.(link, "server");
      onLink(link);
    };
    const listening = this.transport.listen(address, take, { ...this.#options(), ...options });
    const listener = await this.within(`listen at ${address}`, listening);
    this.#listeners.push(listener);
    return listener;
  }

  async listen(address: string, options?: LinkOptions): Promise<Listening> {
    const arrived: { link: Link; recorder: Recorder }[] = [];
    const start = (link: Link): void => {
      const recorder = new Recorder();
      arrived.push({ link, recorder });
      link.start(recorder);
    };
    const listener = await this.accept(address, start, options);
    return { listener, arrived };
  }

  /** Connects; the link is not started yet. */
  async connect(address: string, options?: LinkOptions): Promise<Link> {
    const connecting = this.transport.connect(address, { ...this.#options(), ...options });
    const link = await this.within(`connect to ${address}`, connecting);
    this.#links.push(link);
    await this.#under.prepare?.(link, "client");
    return link;
  }

  until(what: string, isSo: () => boolean): Promise<void> {
    return until(what, isSo, this.timeoutMs);
  }

  within<T>(what: string, promise: Promise<T>): Promise<T> {
    return within(what, promise, this.timeoutMs);
  }

  async cleanUp(): Promise<void> {
    for (const link of this.#links.splice(0)) link.destroy();
    try {
      const closing = Promise.all(this.#listeners.splice(0).map((listener) => listener.close()));
      await this.within("close of the listeners", closing);
    } finally {
      await this.#under.cleanUp?.();
    }
  }

  /** Its links, for the tests that only know links. They come from one listener, one after the other. */
  asLinks(): LinksUnderTest {
    let listening: Promise<string> | undefined;
    const arrived: Link[] = [];
    const open = async (): Promise<Ends> => {
      listening ??= this.#acceptInto(arrived);
      const client = await this.connect(await listening);
      await this.until("the other end of a link", () => arrived.length > 0);
      return { client, server: arrived.shift() ?? fail("no link arrived") };
    };
    const { takenBytesMax = TAKEN_BYTES_MAX_DEFAULT, payloadBytesMax } = this.#under;
    const { guarantees } = this.transport;
    return { open, guarantees, takenBytesMax, payloadBytesMax, cleanUp: () => this.cleanUp() };
  }

  async #acceptInto(arrived: Link[]): Promise<string> {
    const address = this.address();
    await this.accept(address, (link) => arrived.push(link));
    return address;
  }

  #options(): LinkOptions {
    return this.#under.options ?? {};
  }
}
