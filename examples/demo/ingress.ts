import type { AnyTLV, CountsFor, FlyweightOf, Publish, Publisher, SendResult } from "alphapulse";
import { defineTLV, u64 } from "alphapulse/schema";

/**
 * When the frame that caused a message came in: ns of this machine's monotonic clock, which all processes share. From
 * quote to signal to order it is handed on, so that whoever has the order knows how long it took.
 */
export const IngressTLV = defineTLV(200, "Ingress", { monotonic: u64.doc("ns of the machine's monotonic clock") });

const TWO_32 = 4_294_967_296;

/** What to add to `performance.now()`, which begins anew in every process and worker, to get the machine's own clock. */
const originNs = calibrate();

/** The machine's monotonic clock in ns. Allocates nothing, and is comparable across processes. */
export function monotonicNs(): number {
  return Math.round(performance.now() * 1e6 + originNs);
}

/** Writes a time into an Ingress TLV. */
export function writeIngress(ingress: FlyweightOf<typeof IngressTLV>, ns: number): void {
  const high = Math.floor(ns / TWO_32);
  ingress.monotonicHigh = high;
  ingress.monotonicLow = ns - high * TWO_32;
}

/** The time in an Ingress TLV. */
export function readIngress(ingress: FlyweightOf<typeof IngressTLV>): number {
  return ingress.monotonicHigh * TWO_32 + ingress.monotonicLow;
}

/** Hands messages on with an Ingress TLV at the end of each. */
export class StampingPublisher implements Publisher {
  readonly #inner: Publisher;
  #ingressNs = 0;
  #isStamped = false;

  constructor(inner: Publisher) {
    this.#inner = inner;
  }

  /** A frame came in, now: what it causes is stamped with this time. */
  begin(): void {
    this.#ingressNs = monotonicNs();
  }

  readonly publish: Publish = (...parts: readonly unknown[]): SendResult => {
    const publish = this.#inner.publish as (...given: readonly unknown[]) => SendResult;
    return publish.call(this.#inner, ...parts, IngressTLV, { monotonic: BigInt(this.#ingressNs) });
  };

  claim<T extends AnyTLV>(tlv: T, counts?: CountsFor<T>): FlyweightOf<T> {
    this.#isStamped = false;
    return this.#inner.claim(tlv, counts);
  }

  append<T extends AnyTLV>(tlv: T, counts?: CountsFor<T>): FlyweightOf<T> {
    return this.#inner.append(tlv, counts);
  }

  commit(): SendResult {
    if (!this.#isStamped) writeIngress(this.#inner.append(IngressTLV), this.#ingressNs);
    this.#isStamped = true; // what was not sent may be committed again
    return this.#inner.commit();
  }
}

/** The difference of the two clocks, from the tightest of a few readings. */
function calibrate(): number {
  let tightest = Number.POSITIVE_INFINITY;
  let origin = 0;
  for (let i = 0; i < 20; i++) {
    const before = performance.now() * 1e6;
    const machine = Number(process.hrtime.bigint());
    const after = performance.now() * 1e6;
    if (after - before >= tightest) continue;
    tightest = after - before;
    origin = machine - (before + after) / 2;
  }
  return origin;
}
