/** The part of zeromq that is used. */
export interface ZeroMqModule {
  readonly Pair: new () => {
    bind(address: string): Promise<void>;
    connect(address: string): void;
    send(bytes: Uint8Array): Promise<void>;
    receive(): Promise<Buffer[]>;
    close(): void;
    readonly closed: boolean;
    readonly lastEndpoint: string | null;
  };
}

/** Two sockets of zeromq that know each other alone. Side 1 binds; the other one connects, also before it did. */
export class ZeroMqPair {
  onBytes: (bytes: Uint8Array) => void = () => {};
  readonly #pair: InstanceType<ZeroMqModule["Pair"]>;

  constructor({ Pair }: ZeroMqModule) {
    this.#pair = new Pair();
  }

  /** @returns the address, with the port that it got */
  async open(address: string, side: 0 | 1): Promise<string> {
    if (side === 1) await this.#pair.bind(address);
    else this.#pair.connect(address);
    void this.#receive();
    return this.#pair.lastEndpoint ?? address;
  }

  /** Sends bytes that must not change any more: another thread sends them. */
  send(bytes: Uint8Array): Promise<void> {
    return this.#pair.send(bytes);
  }

  /** A thread that ends with an open socket aborts the whole process. */
  close(): void {
    this.#pair.close();
  }

  async #receive(): Promise<void> {
    while (!this.#pair.closed) {
      const parts = await this.#pair.receive().catch((error: unknown) => {
        if (this.#pair.closed) return [];
        throw error;
      });
      for (const part of parts) this.onBytes(part);
    }
  }
}
