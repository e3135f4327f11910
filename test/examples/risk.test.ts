import { InstrumentId } from "alphapulse";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { RejectReason } from "../../examples/demo/orders.js";
import { type OrderIntent, OrderRate, RiskGate } from "../../examples/demo/risk.js";

const BUY = 1;
const SELL = 2;
const MONEY = 10n ** 16n;
const LIMITS = { maxPositionNotional: 1_000, maxGrossNotional: 2_200 };
const ORDERS_PER_SECOND = 4;

const instruments = ["BTCUSDT", "ETHUSDT", "XRPUSDT"].map((symbol) => InstrumentId.of(100, 13, symbol));

const intent: fc.Arbitrary<OrderIntent> = fc.record({
  instrument: fc.constantFrom(...instruments),
  side: fc.constantFrom(BUY, SELL),
  price: fc.bigInt(80n, 120n).map((price) => price * 10n ** 8n),
  quantity: fc.bigInt(1n, 12n).map((quantity) => quantity * 10n ** 8n),
});

type Step =
  | { readonly kind: "signal"; readonly intents: readonly OrderIntent[]; readonly afterUs: number }
  /** Of the open order at this place, one after the other: so much of 100 is executed, and whether it then ends. */
  | { readonly kind: "fill"; readonly place: number; readonly percent: bigint; readonly ends: boolean };

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    kind: fc.constant("signal" as const),
    intents: fc.array(intent, { minLength: 1, maxLength: 3 }),
    afterUs: fc.constantFrom(1_000, 300_000, 1_500_000),
  }),
  fc.record({
    kind: fc.constant("fill" as const),
    place: fc.nat(20),
    percent: fc.constantFrom(0n, 30n, 100n),
    ends: fc.boolean(),
  }),
);

/** What a bystander knows: every order that passed, and what became of it. */
class Bystander {
  readonly open: { intent: OrderIntent; leaves: bigint }[] = [];
  readonly held = new Map<InstrumentId, bigint>();
  readonly marks = new Map<InstrumentId, bigint>();
  readonly sentAtUs: number[] = [];

  heldOf(id: InstrumentId): bigint {
    return this.held.get(id) ?? 0n;
  }

  inFlight(id: InstrumentId, side: number): bigint {
    return this.open.reduce(
      (sum, { intent, leaves }) => sum + (intent.instrument === id && intent.side === side ? leaves : 0n),
      0n,
    );
  }

  /** The most that the position can be worth, whichever of the open orders are filled. */
  worst(id: InstrumentId): bigint {
    const long = this.heldOf(id) + this.inFlight(id, BUY);
    const short = this.inFlight(id, SELL) - this.heldOf(id);
    return (long > short ? long : short) * (this.marks.get(id) ?? 0n);
  }

  isReducing({ instrument, side, quantity }: OrderIntent): boolean {
    const held = this.heldOf(instrument);
    const against = side === BUY ? -held : held;
    return against > 0n && quantity <= against - this.inFlight(instrument, side);
  }
}

describe("the risk gate", () => {
  const counts = { passed: 0, risk: 0, rate: 0, reducing: 0, reducingOverRate: 0 };

  function playSignal(gate: RiskGate, seen: Bystander, intents: readonly OrderIntent[], nowUs: number): void {
    const openedReasons = new Set<number>();
    const reasons = gate.admit(intents, nowUs);
    const before = seen.sentAtUs.filter((at) => at > nowUs - 1e6).length;
    const take = (one: OrderIntent): void => {
      seen.open.push({ intent: one, leaves: one.quantity });
      seen.sentAtUs.push(nowUs);
      counts.passed++;
    };
    const opening = intents.filter((one, i) => {
      seen.marks.set(one.instrument, one.price);
      if (!seen.isReducing(one)) return true;
      expect(reasons[i], "an order that reduces always passes").toBe(RejectReason.None);
      take(one);
      counts.reducing++;
      if (before >= ORDERS_PER_SECOND) counts.reducingOverRate++;
      return false;
    });
    for (const one of opening) {
      const reason = reasons[intents.indexOf(one)] as number;
      openedReasons.add(reason);
      if (reason === RejectReason.None) take(one);
    }
    const opened = openedReasons.has(RejectReason.None);
    expect(openedReasons.size, "what opens passes together or not at all").toBeLessThanOrEqual(1);
    if (openedReasons.has(RejectReason.RiskLimit)) counts.risk++;
    if (openedReasons.has(RejectReason.RateLimit)) counts.rate++;
    if (!opened) return;
    const gross = instruments.reduce((sum, id) => sum + seen.worst(id), 0n);
    expect(gross <= BigInt(LIMITS.maxGrossNotional) * MONEY).toBe(true);
    for (const { instrument } of opening) {
      expect(seen.worst(instrument) <= BigInt(LIMITS.maxPositionNotional) * MONEY).toBe(true);
    }
    expect(seen.sentAtUs.filter((at) => at > nowUs - 1e6).length).toBeLessThanOrEqual(ORDERS_PER_SECOND);
  }

  function playFill(gate: RiskGate, seen: Bystander, { place, percent, ends }: Extract<Step, { kind: "fill" }>): void {
    const order = seen.open[place % Math.max(1, seen.open.length)];
    if (order === undefined) return;
    const { instrument, side } = order.intent;
    const quantity = (order.leaves * percent) / 100n;
    if (quantity > 0n) gate.filled(instrument, side, quantity);
    order.leaves -= quantity;
    seen.held.set(instrument, seen.heldOf(instrument) + (side === BUY ? quantity : -quantity));
    if (!ends && order.leaves > 0n) return;
    gate.released(instrument, side, order.leaves);
    seen.open.splice(seen.open.indexOf(order), 1);
  }

  test("lets nothing through that breaks a limit, and never refuses what reduces", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60, size: "max" }), (steps) => {
        const gate = new RiskGate(LIMITS, new OrderRate(ORDERS_PER_SECOND));
        const seen = new Bystander();
        let nowUs = 1_700_000_000_000_000;
        for (const one of steps) {
          if (one.kind === "fill") playFill(gate, seen, one);
          else {
            nowUs += one.afterUs;
            playSignal(gate, seen, one.intents, nowUs);
          }
          for (const id of instruments) expect(gate.positionNotional(id)).toBe(seen.worst(id));
        }
      }),
      { numRuns: 300 },
    );
    for (const [what, count] of Object.entries(counts)) expect(count, what).toBeGreaterThan(20);
  });

  const [bitcoin] = instruments as [InstrumentId];
  const order = (side: number, quantity: bigint): OrderIntent => ({
    instrument: bitcoin,
    side,
    price: 100n * 10n ** 8n,
    quantity: quantity * 10n ** 8n,
  });

  test("counts what is in flight", () => {
    const gate = new RiskGate(LIMITS, new OrderRate(100));
    expect(gate.admit([order(BUY, 6n)], 1)).toEqual([RejectReason.None]);
    expect(gate.admit([order(BUY, 5n)], 2)).toEqual([RejectReason.RiskLimit]);
    expect(gate.admit([order(BUY, 4n)], 3)).toEqual([RejectReason.None]);
  });

  test("takes an order for reducing only where all of it reduces, those in flight counted", () => {
    const gate = new RiskGate(LIMITS, new OrderRate(1));
    gate.admit([order(BUY, 8n)], 1);
    gate.filled(bitcoin, BUY, 8n * 10n ** 8n);
    expect(gate.admit([order(SELL, 5n)], 2)).toEqual([RejectReason.None]); // past the rate limit
    expect(gate.admit([order(SELL, 4n)], 3)).toEqual([RejectReason.RateLimit]);
    expect(gate.admit([order(SELL, 3n)], 4)).toEqual([RejectReason.None]);
  });

  test("lets only what reduces pass once it is frozen", () => {
    const gate = new RiskGate(LIMITS, new OrderRate(100));
    gate.admit([order(BUY, 2n)], 1);
    gate.filled(bitcoin, BUY, 2n * 10n ** 8n);
    gate.freeze();
    expect(gate.admit([order(BUY, 1n), order(SELL, 2n)], 2)).toEqual([RejectReason.RiskLimit, RejectReason.None]);
  });
});
