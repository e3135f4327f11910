import { AlphaPulseError } from "../protocol/errors.js";
import type { AnyTLV } from "../protocol/schema/tlv.js";
import { ControlOpcode, GapReason } from "../tlvs/codes.js";
import { type ControlTLV, type GapTLV, SubscribeTLV } from "../tlvs/session-control.js";
import type { Inbox } from "./inbox.js";
import type { Requests } from "./requests.js";
import { type ReconnectOutcome, Resumption } from "./resumption.js";
import type { Session } from "./session.js";
import { Dispatcher, type SubscriptionRequest } from "./subscription.js";

interface Subscription {
  readonly id: number;
  readonly request: SubscriptionRequest<readonly AnyTLV[]>;
}

/** What a connection asked to be sent, and how it asks for it again over another link. */
export class Consumer {
  readonly #inbox: Inbox;
  readonly #requests: Requests;
  /** What the relay did not agree to and nobody waits for. */
  readonly #failed: (error: AlphaPulseError) => void;
  readonly #subscriptions: Subscription[] = [];
  #resumption: Resumption | undefined;
  #ids = 0;

  constructor(inbox: Inbox, requests: Requests, failed: (error: AlphaPulseError) => void) {
    this.#inbox = inbox;
    this.#requests = requests;
    this.#failed = failed;
  }

  /**
   * Subscribes over these sessions, and over those that {@link Consumer.resume} is given later.
   * @throws AlphaPulseError REJECTED, TIMEOUT, BAD_HANDLERS, VALUE_RANGE, TOO_LARGE, or what ended the connection
   */
  async subscribe(
    request: SubscriptionRequest<readonly AnyTLV[]>,
    handlers: object,
    sessions: readonly Session[],
  ): Promise<void> {
    const dispatcher = new Dispatcher(request, handlers);
    const subscription = { id: ++this.#ids, request };
    const agreed = this.#expectAgreement(subscription);
    this.#inbox.add(dispatcher);
    this.#subscriptions.push(subscription);
    try {
      for (const session of sessions) say(session, subscription, agreed);
      await agreed;
    } catch (error) {
      this.#requests.answered(keyOf(subscription.id), error as AlphaPulseError);
      this.#inbox.remove(dispatcher);
      this.#subscriptions.splice(this.#subscriptions.indexOf(subscription), 1);
      throw error;
    }
  }

  /**
   * Goes on over this session where another one ended, or is going to.
   * @returns what became of each source, once it is known
   * @throws AlphaPulseError what ended the session, REJECTED or TIMEOUT: it is of no use
   */
  async resume(session: Session): Promise<ReconnectOutcome> {
    const resumption = new Resumption(this.#resumption);
    this.#resumption = resumption;
    this.#inbox.expectRepeats();
    resumption.ask(session, this.#inbox.tracker, () => ++this.#ids);
    const key = `resumption:${++this.#ids}`;
    const over = this.#requests.expect(key, "RetransmitRequest");
    const agreed = this.#subscriptions.map((subscription) => {
      const agreement = this.#expectAgreement(subscription);
      say(session, subscription, agreement);
      return agreement;
    });
    void resumption.answered.then(() => this.#requests.answered(key));
    void session.whenEnded().then(() => this.#requests.answered(key, session.disconnected()));
    await Promise.all([...agreed, over.catch((error) => this.#unanswered(error, resumption))]);
    if (session.hasEnded) throw session.disconnected();
    this.#resumption = undefined;
    return resumption.outcome;
  }

  /** What a move that failed found out does not hold for the link that stays. */
  forget(): void {
    this.#resumption = undefined;
  }

  /** A Control message came. */
  control({ opcode, requestId, body }: ControlTLV, peer: string): void {
    const key = keyOf(requestId);
    if (opcode === ControlOpcode.SubscribeAck) this.#requests.answered(key);
    if (opcode !== ControlOpcode.Reject) return;
    const source = this.#resumption?.takeReject(requestId);
    if (source !== undefined) {
      this.#inbox.reset(source);
      return;
    }
    const error = new AlphaPulseError("REJECTED", `${peer} refused: ${new TextDecoder().decode(body)}`);
    if (!this.#requests.answered(key, error)) this.#failed(error);
  }

  /** A Gap message came. */
  gap(gap: GapTLV): void {
    const isLoss = this.#resumption?.takeGap(gap) ?? gap.reason !== GapReason.Complete;
    if (!isLoss) return;
    const { source, reason, requestId } = gap;
    const notice = { source, from: Number(gap.fromSequence), to: Number(gap.toSequence), reason };
    this.#inbox.gap(notice, requestId !== 0);
  }

  /** A relay that does not say what became of a source: nobody knows. */
  #unanswered(error: AlphaPulseError, resumption: Resumption): void {
    if (error.code !== "TIMEOUT") throw error;
    for (const source of resumption.giveUp()) this.#inbox.reset(source);
  }

  #expectAgreement({ id }: Subscription): Promise<void> {
    return this.#requests.expect(keyOf(id), "Subscribe");
  }
}

function keyOf(subscriptionId: number): string {
  return `subscribe:${subscriptionId}`;
}

/** Asks, and where that can be lost again until it is agreed to: the same id replaces. */
function say(session: Session, { id, request }: Subscription, agreed: Promise<void>): void {
  const ask = (): void =>
    session.control(SubscribeTLV, {
      subscriptionId: id,
      flags: 0,
      types: (request.wanted ?? request.types).map(({ type }) => ({ type })),
      instruments: (request.instruments ?? []).map((instrument) => ({ instrument })),
    });
  ask(); // throws where it cannot be said
  const stop = session.repeat(ask);
  agreed.then(stop, stop);
}
