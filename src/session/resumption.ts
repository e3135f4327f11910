import type { SequenceTracker } from "../protocol/sequence-tracker.js";
import { GapReason } from "../tlvs/codes.js";
import { type GapTLV, RetransmitRequestTLV } from "../tlvs/session-control.js";
import type { Session } from "./session.js";

/** What became of one source while its messages could not come. */
export type SourceOutcome =
  /** Nothing is missing. */
  | { readonly source: number; readonly kind: "resumed" }
  /** Some are lost: the first and the last sequence of those that are. The `gap` handlers were told of each run. */
  | { readonly source: number; readonly kind: "gap"; readonly from: number; readonly to: number }
  /** The relay cannot say: it, or the source, has started anew. The `gap` handlers were told, from 0 to 0. */
  | { readonly source: number; readonly kind: "reset" };

/** What became of each source that had been heard before. */
export interface ReconnectOutcome {
  readonly sources: readonly SourceOutcome[];
}

const COUNTER_LIMIT = 2 ** 40;
const NO_REQUEST = 0;

/** Goes on where another link ended: asks for what each source sent since, and notes what became of it. */
export class Resumption {
  readonly #outcomes = new Map<number, SourceOutcome>();
  /** Sources by the request that has no end yet. */
  readonly #open = new Map<number, number>();
  #resolve: () => void = () => {};
  /** Resolves when each request has its answer. */
  readonly answered: Promise<void>;

  /** @param unfinished one that was cut off: what it found still holds */
  constructor(unfinished?: Resumption) {
    for (const outcome of unfinished?.outcome.sources ?? []) this.#outcomes.set(outcome.source, outcome);
    this.answered = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  /** What became of each source, as far as it is known. */
  get outcome(): ReconnectOutcome {
    return { sources: [...this.#outcomes.values()] };
  }

  /** Sends its requests. @param nextId numbers of requests, unique in the connection */
  ask(session: Session, tracker: SequenceTracker, nextId: () => number): void {
    for (const source of tracker.sources()) {
      const last = tracker.lastOf(source);
      const requestId = nextId();
      this.#open.set(requestId, source);
      if (!this.#outcomes.has(source)) this.#outcomes.set(source, { source, kind: "resumed" });
      session.control(RetransmitRequestTLV, {
        fromSequence: BigInt(last + 1),
        toSequence: BigInt((Math.floor(last / COUNTER_LIMIT) + 1) * COUNTER_LIMIT - 1),
        requestId,
        source,
      });
    }
    this.#look();
  }

  /** Takes a Gap message. @returns whether it tells of a loss, and not only that a request is done */
  takeGap({ requestId, reason, source, fromSequence, toSequence }: GapTLV): boolean {
    const isMine = requestId !== NO_REQUEST && this.#open.get(requestId) === source;
    if (reason === GapReason.Complete) {
      if (isMine) this.#open.delete(requestId);
      this.#look();
      return false;
    }
    if (isMine) this.#lost(source, Number(fromSequence), Number(toSequence));
    return true;
  }

  /** The relay refused a request. @returns the source that it was for; undefined where it is none of these */
  takeReject(requestId: number): number | undefined {
    const source = this.#open.get(requestId);
    if (source === undefined) return undefined;
    this.#open.delete(requestId);
    this.#outcomes.set(source, { source, kind: "reset" });
    this.#look();
    return source;
  }

  /** The relay does not answer: the sources whose requests are open count as reset. @returns these */
  giveUp(): readonly number[] {
    return [...this.#open.keys()].map((requestId) => this.takeReject(requestId) as number);
  }

  #lost(source: number, from: number, to: number): void {
    const known = this.#outcomes.get(source);
    if (known?.kind === "reset") return;
    const isGap = known?.kind === "gap";
    this.#outcomes.set(source, {
      source,
      kind: "gap",
      from: isGap ? Math.min(known.from, from) : from,
      to: isGap ? Math.max(known.to, to) : to,
    });
  }

  #look(): void {
    if (this.#open.size === 0) this.#resolve();
  }
}
