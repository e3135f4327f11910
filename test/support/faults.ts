import { type Random, seededRandom } from "../../src/actor/random.js";

/** Which bytes a fault meets: those on the way to where the proxy leads, those on the way back, or all. */
export type Way = "toServer" | "toClient" | "both";

/** What happens to bytes while nobody hears of them: they wait until it is over, or are gone for ever. */
export type Silence = "hold" | "swallow";

/** The faults of one way. All are off at first. */
export class Faults {
  /** Everything comes this much later. */
  delayMs = 0;
  /** How many of 1 come twice: chunks of a stream, or datagrams. */
  duplicateRate = 0;
  /** How many bytes of 1 get one bit flipped. */
  corruptRate = 0;
  bytesPerSecond = Number.POSITIVE_INFINITY;
  silence: Silence | undefined;
  /** Datagrams only: how many of 1 are lost. */
  loseRate = 0;
  /** Datagrams only: how many of 1 come later than those behind them. */
  reorderRate = 0;
}

/** What the faults of a proxy did so far. */
export interface FaultCounts {
  /** Bytes that left the proxy, both ways. */
  forwardedBytes: number;
  /** Bytes that left with a bit flipped. */
  corruptedBytes: number;
  /** Chunks or datagrams that left twice. */
  duplicated: number;
  /** Bytes that were read and are gone. */
  swallowedBytes: number;
  /** Datagrams that are gone. */
  lost: number;
  /** Datagrams that were held back behind later ones. */
  reordered: number;
  /** Connections that were cut. */
  cuts: number;
}

/** What both proxies can be told. The same seed draws the same faults for the same bytes. */
export abstract class FaultSwitches {
  readonly counts: FaultCounts = {
    forwardedBytes: 0,
    corruptedBytes: 0,
    duplicated: 0,
    swallowedBytes: 0,
    lost: 0,
    reordered: 0,
    cuts: 0,
  };
  protected readonly random: Random;
  protected readonly toServer = new Faults();
  protected readonly toClient = new Faults();

  constructor(seed: string) {
    this.random = seededRandom(seed);
  }

  /** All that comes from now on comes so much later. */
  delay(ms: number, way: Way = "both"): void {
    this.#set({ delayMs: ms }, way);
  }

  /** So many of 1 come twice: chunks of a stream as the system hands them over, or datagrams. */
  duplicate(rate: number, way: Way = "both"): void {
    this.#set({ duplicateRate: rate }, way);
  }

  /** Flips one bit in so many bytes of 1. */
  corrupt(rate: number, way: Way = "both"): void {
    this.#set({ corruptRate: rate }, way);
  }

  /** Lets no more through; what is too much waits, and is not read. */
  limit(bytesPerSecond: number, way: Way = "both"): void {
    this.#set({ bytesPerSecond }, way);
  }

  /** Nothing passes any more, and nobody is told: what comes is kept (as far as there is room), or is gone. */
  goSilent(how: Silence = "hold", way: Way = "both"): void {
    this.#set({ silence: how }, way);
  }

  /** Ends the silence. */
  resume(way: Way = "both"): void {
    this.#set({ silence: undefined }, way);
  }

  /** Ends all faults. */
  heal(): void {
    this.#set(new Faults(), "both");
  }

  protected set(faults: Partial<Faults>, way: Way): void {
    this.#set(faults, way);
  }

  /** Called when a fault began or ended: what waits may go now. */
  protected abstract changed(): void;

  #set(faults: Partial<Faults>, way: Way): void {
    if (way !== "toClient") Object.assign(this.toServer, faults);
    if (way !== "toServer") Object.assign(this.toClient, faults);
    this.changed();
  }
}

/** The bytes with a bit flipped here and there: a copy where there is one. */
export function corrupted(bytes: Buffer, rate: number, random: Random, counts: FaultCounts): Buffer {
  if (rate <= 0) return bytes;
  let copy: Buffer | undefined;
  // The distance to the next such byte is drawn, so that a low rate costs nothing per byte.
  for (let at = distance(rate, random); at < bytes.byteLength; at += 1 + distance(rate, random)) {
    copy ??= Buffer.from(bytes);
    copy[at] = (copy[at] as number) ^ (1 << random.int(8));
    counts.corruptedBytes++;
  }
  return copy ?? bytes;
}

function distance(rate: number, random: Random): number {
  return rate >= 1 ? 0 : Math.floor(Math.log(1 - random.next()) / Math.log(1 - rate));
}
