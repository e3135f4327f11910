import { createSocket, type RemoteInfo, type Socket } from "node:dgram";
import { once } from "node:events";
import { corrupted, FaultSwitches, type Faults, type Way } from "./faults.js";

/** How much later a datagram comes that is reordered. */
const REORDER_MS = 5;
/** What may wait for a limited way: more is lost, as at a router. */
const WAITING_MS_MAX = 200;
/** Datagrams that are kept through a silence: more are lost. */
const HELD_MAX = 1_000;
const SOCKET_BUFFER_BYTES = 4 << 20;

/** One client's way through the proxy: a socket of its own, so that the server sees another address per client. */
interface Flow {
  readonly socket: Socket;
  readonly port: number;
  readonly address: string;
}

/** UDP between real sockets on 127.0.0.1, on which things go wrong when they are told to. */
export class DatagramProxy extends FaultSwitches implements AsyncDisposable {
  /** Where it listens. */
  readonly port: number;
  readonly #socket: Socket;
  readonly #serverPort: number;
  readonly #flows = new Map<string, Flow>();
  /** What leaves later, soonest first. */
  readonly #waiting: { readonly send: () => void; readonly dueAt: number }[] = [];
  #timer: NodeJS.Timeout | undefined;
  /** What came in a silence. */
  readonly #held: (() => void)[] = [];
  readonly #freeAt = new Map<Faults, number>();

  private constructor(socket: Socket, serverPort: number, seed: string) {
    super(seed);
    this.#socket = socket;
    this.port = socket.address().port;
    this.#serverPort = serverPort;
    socket.on("message", (bytes, from) => this.#toServer(bytes, from));
    socket.on("error", () => {});
  }

  /** Listens at a free port and leads to another one. */
  static async start(serverPort: number, seed = "faults"): Promise<DatagramProxy> {
    const socket = createSocket({ type: "udp4", recvBufferSize: SOCKET_BUFFER_BYTES });
    socket.bind(0, "127.0.0.1");
    await once(socket, "listening");
    return new DatagramProxy(socket, serverPort, seed);
  }

  /** Its place as the URL that `connect` takes. */
  get url(): string {
    return `udp://127.0.0.1:${this.port}`;
  }

  /** Clients that sent anything since the last cut. */
  get connectionCount(): number {
    return this.#flows.size;
  }

  /** Loses so many datagrams of 1. */
  lose(rate: number, way: Way = "both"): void {
    this.set({ loseRate: rate }, way);
  }

  /** Lets so many datagrams of 1 come later than those behind them. */
  reorder(rate: number, way: Way = "both"): void {
    this.set({ reorderRate: rate }, way);
  }

  /** Every client comes from another port from now on; what is on the way back to the old ones is gone. */
  cut(): number {
    const count = this.#flows.size;
    for (const { socket } of this.#flows.values()) socket.close();
    this.#flows.clear();
    this.counts.cuts += count;
    return count;
  }

  async close(): Promise<void> {
    clearTimeout(this.#timer);
    this.#waiting.length = 0;
    this.cut();
    const closed = once(this.#socket, "close");
    this.#socket.close();
    await closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  protected changed(): void {
    for (const again of this.#held.splice(0)) again();
  }

  #toServer(bytes: Buffer, { address, port }: RemoteInfo): void {
    const key = `${address}:${port}`;
    let flow = this.#flows.get(key);
    if (flow === undefined) {
      const socket = createSocket({ type: "udp4", recvBufferSize: SOCKET_BUFFER_BYTES });
      flow = { socket, address, port };
      this.#flows.set(key, flow);
      socket.on("error", () => {});
      const { port: clientPort } = flow;
      socket.on("message", (answer) => {
        this.#pass(answer, this.toClient, (out) => this.#socket.send(out, clientPort, address));
      });
    }
    const { socket } = flow;
    this.#pass(bytes, this.toServer, (out) => {
      // A flow that was cut meanwhile has no socket any more.
      if (this.#flows.get(key)?.socket === socket) socket.send(out, this.#serverPort, "127.0.0.1");
    });
  }

  #pass(bytes: Buffer, faults: Faults, send: (out: Buffer) => void): void {
    const { counts, random } = this;
    if (faults.silence === "hold" && this.#held.length < HELD_MAX) {
      this.#held.push(() => this.#pass(bytes, faults, send));
      return;
    }
    if (faults.silence !== undefined) {
      counts.swallowedBytes += bytes.byteLength;
      counts.lost++;
      return;
    }
    const queuedMs = Math.max(0, (this.#freeAt.get(faults) ?? 0) - performance.now());
    if ((faults.loseRate > 0 && random.next() < faults.loseRate) || queuedMs > WAITING_MS_MAX) {
      counts.lost++;
      return;
    }
    const transferMs = (bytes.byteLength * 1_000) / faults.bytesPerSecond;
    if (transferMs > 0) this.#freeAt.set(faults, performance.now() + queuedMs + transferMs);
    const times = faults.duplicateRate > 0 && random.next() < faults.duplicateRate ? 2 : 1;
    if (times === 2) counts.duplicated++;
    for (let time = 0; time < times; time++) {
      const isLate = faults.reorderRate > 0 && random.next() < faults.reorderRate;
      if (isLate) counts.reordered++;
      const out = corrupted(bytes, faults.corruptRate, random, counts);
      counts.forwardedBytes += out.byteLength;
      this.#after(faults.delayMs + queuedMs + transferMs + (isLate ? REORDER_MS : 0), () => send(out));
    }
  }

  #after(ms: number, send: () => void): void {
    if (ms <= 0 && this.#waiting.length === 0) {
      send();
      return;
    }
    const dueAt = performance.now() + ms;
    const behind = this.#waiting.findLastIndex((other) => other.dueAt <= dueAt);
    this.#waiting.splice(behind + 1, 0, { send, dueAt });
    this.#sendDue();
  }

  #sendDue(): void {
    clearTimeout(this.#timer);
    const now = performance.now();
    while (this.#waiting.length > 0 && (this.#waiting[0]?.dueAt as number) <= now) this.#waiting.shift()?.send();
    const next = this.#waiting[0];
    if (next !== undefined) this.#timer = setTimeout(() => this.#sendDue(), Math.max(1, next.dueAt - now));
  }
}
