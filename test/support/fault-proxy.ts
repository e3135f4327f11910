import { once } from "node:events";
import { type AddressInfo, createConnection, createServer, type Server, type Socket } from "node:net";
import type { Random } from "../../src/actor/random.js";
import { corrupted, type FaultCounts, FaultSwitches, type Faults, type Way } from "./faults.js";

/** Where a proxy listens or leads to: a Unix socket, or a TCP port (0: any). */
export type Place = { readonly path: string } | { readonly host: string; readonly port: number };

/** What waits within the proxy per way: more is left in the sender's socket. */
const WAITING_BYTES_MAX = 256 << 10;
/** A limited way lets bytes out in pieces of this many milliseconds. */
const PIECE_MS = 10;

/** How many of so many bytes pass, and whether that is the end. */
type Passing = (byteCount: number) => { readonly passes: number; readonly isLast: boolean } | undefined;

/** A stream between real sockets on which things go wrong when they are told to. */
export class StreamProxy extends FaultSwitches implements AsyncDisposable {
  /** Where it listens, with its real port. */
  readonly place: Place;
  readonly #to: Place;
  readonly #pairs = new Set<Pair>();
  /** Asked where a cut was ordered. */
  readonly #passes: Record<Exclude<Way, "both">, Passing | undefined> = {
    toServer: undefined,
    toClient: undefined,
  };
  #server: Server | undefined;
  #dropsNew = false;

  private constructor(place: Place, to: Place, seed: string, server: Server) {
    super(seed);
    this.place = place;
    this.#to = to;
    this.#server = this.#serving(server);
  }

  /** Listens at a place and leads each connection to the other one. */
  static async start(at: Place, to: Place, seed = "faults"): Promise<StreamProxy> {
    const server = await listening(at);
    const place = "path" in at ? at : { host: at.host, port: (server.address() as AddressInfo).port };
    return new StreamProxy(place, to, seed, server);
  }

  /** Its place as the URL that `connect` takes. */
  get url(): string {
    return "path" in this.place ? `unix://${this.place.path}` : `tcp://${this.place.host}:${this.place.port}`;
  }

  /** Connections that are there now. */
  get connectionCount(): number {
    return this.#pairs.size;
  }

  /** Resets all connections, on both sides. New ones are taken. @returns how many there were */
  cut(): number {
    const count = this.#pairs.size;
    for (const pair of this.#pairs) pair.reset();
    this.counts.cuts += count;
    return count;
  }

  /**
   * Cuts the connection on which so many bytes more have passed this way, over all connections; once. Who was to get them
   * gets exactly these and then an end; who sent them is told of a reset.
   */
  cutAfter(byteCount: number, way: Exclude<Way, "both">): void {
    let left = byteCount;
    this.#passes[way] = (wantedBytes) => {
      const passes = Math.min(left, wantedBytes);
      left -= passes;
      if (left === 0) {
        this.#passes[way] = undefined;
        this.counts.cuts++;
      }
      return { passes, isLast: left === 0 };
    };
  }

  /** New connections are refused by the system; those that are there stay. */
  refuse(): void {
    this.#server?.close();
    this.#server = undefined;
  }

  /** New connections are taken and reset at once. */
  dropNew(): void {
    this.#dropsNew = true;
  }

  /** New connections are taken again, at the same place. */
  async accept(): Promise<void> {
    this.#dropsNew = false;
    this.#server ??= this.#serving(await listening(this.place));
  }

  /** Takes no more connections, and resets those that are there. */
  async close(): Promise<void> {
    const closed = this.#server === undefined ? undefined : once(this.#server, "close");
    this.refuse();
    this.cut();
    await closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  protected changed(): void {
    for (const pair of this.#pairs) pair.pump();
  }

  #serving(server: Server): Server {
    server.on("connection", (client: Socket) => {
      if (this.#dropsNew) {
        client.on("error", () => {});
        reset(client);
        return;
      }
      const target = createConnection({ ...this.#to, allowHalfOpen: true });
      const { random, counts } = this;
      const pair = new Pair(
        new Pipe(client, target, this.toServer, random, counts, (n) => this.#passes.toServer?.(n)),
        new Pipe(target, client, this.toClient, random, counts, (n) => this.#passes.toClient?.(n)),
        () => this.#pairs.delete(pair),
      );
      this.#pairs.add(pair);
    });
    return server;
  }
}

/** One connection: its two ways. While a way is silent, nor is the end of its sender told. */
class Pair {
  readonly #pipes: readonly [Pipe, Pipe];

  constructor(there: Pipe, back: Pipe, onGone: () => void) {
    this.#pipes = [there, back];
    let open = 2;
    for (const { source } of this.#pipes) {
      source.on("error", () => {});
      source.on("close", () => {
        if (--open === 0) onGone();
        this.pump();
      });
    }
  }

  pump(): void {
    for (const pipe of this.#pipes) pipe.pump();
  }

  reset(): void {
    for (const { source } of this.#pipes) reset(source);
  }
}

/** One way of one connection. It reads no more than it may keep. */
class Pipe {
  readonly source: Socket;
  readonly #target: Socket;
  readonly #faults: Faults;
  readonly #random: Random;
  readonly #counts: FaultCounts;
  readonly #passes: Passing;
  /** What was read, and when it may leave; no bytes at the end. */
  readonly #waiting: { bytes: Buffer | undefined; dueAt: number }[] = [];
  #waitingBytes = 0;
  /** When a limited way is free again. */
  #freeAt = 0;
  #timer: NodeJS.Timeout | undefined;
  #isFull = false;
  #isCut = false;

  constructor(source: Socket, target: Socket, faults: Faults, random: Random, counts: FaultCounts, passes: Passing) {
    this.source = source;
    this.#target = target;
    this.#faults = faults;
    this.#random = random;
    this.#counts = counts;
    this.#passes = passes;
    source.on("data", (bytes: Buffer) => this.#take(bytes));
    source.on("end", () => this.#take(undefined));
    target.on("close", () => clearTimeout(this.#timer));
    target.on("drain", () => {
      this.#isFull = false;
      this.pump();
    });
  }

  /** Lets out what may go now. */
  pump(): void {
    clearTimeout(this.#timer);
    if (this.#faults.silence !== undefined || this.#target.destroyed || this.#isCut) return;
    const { destroyed, readableEnded, writableFinished } = this.source;
    if (destroyed && !(readableEnded && writableFinished)) {
      reset(this.#target);
      return;
    }
    while (this.#waiting.length > 0 && !this.#isFull && !this.#isCut) {
      const next = this.#waiting[0] as { bytes: Buffer | undefined; dueAt: number };
      const waitMs = Math.max(next.dueAt, this.#freeAt) - performance.now();
      if (waitMs > 0) {
        this.#timer = setTimeout(() => this.pump(), waitMs);
        return;
      }
      this.#waiting.shift();
      if (next.bytes === undefined) this.#target.end();
      else this.#write(next.bytes, next.dueAt);
    }
  }

  #take(bytes: Buffer | undefined): void {
    const { silence, delayMs } = this.#faults;
    if (silence === "swallow" && bytes !== undefined) {
      this.#counts.swallowedBytes += bytes.byteLength;
      return;
    }
    this.#waiting.push({ bytes, dueAt: performance.now() + delayMs });
    this.#waitingBytes += bytes?.byteLength ?? 0;
    if (this.#waitingBytes >= WAITING_BYTES_MAX) this.source.pause();
    this.pump();
  }

  #write(bytes: Buffer, dueAt: number): void {
    const { bytesPerSecond, corruptRate, duplicateRate } = this.#faults;
    const pieceBytes = Math.max(1, Math.floor((bytesPerSecond * PIECE_MS) / 1_000));
    const now = bytes.subarray(0, pieceBytes);
    if (now.byteLength < bytes.byteLength) this.#waiting.unshift({ bytes: bytes.subarray(pieceBytes), dueAt });
    this.#waitingBytes -= now.byteLength;
    this.#freeAt = Math.max(this.#freeAt, performance.now()) + (now.byteLength * 1_000) / bytesPerSecond;
    const { passes, isLast } = this.#passes(now.byteLength) ?? { passes: now.byteLength, isLast: false };
    const out = corrupted(now.subarray(0, passes), corruptRate, this.#random, this.#counts);
    const times = duplicateRate > 0 && this.#random.next() < duplicateRate ? 2 : 1;
    if (times === 2) this.#counts.duplicated++;
    for (let time = 0; time < times; time++) {
      this.#counts.forwardedBytes += out.byteLength;
      if (!this.#target.write(out)) this.#isFull = true;
    }
    if (isLast) {
      this.#isCut = true;
      this.#target.destroySoon();
      reset(this.source);
    } else if (this.#waitingBytes < WAITING_BYTES_MAX) this.source.resume();
  }
}

/** Ends a socket so that the other end is told of a reset where the system has such a thing. */
function reset(socket: Socket): void {
  if (socket.destroyed) return;
  if (socket.remoteAddress === undefined)
    socket.destroy(); // a Unix socket, or not connected yet
  else socket.resetAndDestroy();
}

async function listening(at: Place): Promise<Server> {
  const server = createServer({ allowHalfOpen: true });
  server.listen("path" in at ? { path: at.path } : { host: at.host, port: at.port });
  await once(server, "listening");
  return server;
}
