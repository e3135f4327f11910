import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Account } from "../../examples/demo/accounts.js";

const BUY = 1;
const SELL = 2;
const FEE_SCALE = 10n ** 8n;

interface Execution {
  readonly side: number;
  readonly price: bigint;
  readonly quantity: bigint;
  readonly fee: bigint;
}

/** Few prices and quantities, so that positions are closed, passed through zero and opened again. */
const execution: fc.Arbitrary<Execution> = fc.record({
  side: fc.constantFrom(BUY, SELL),
  price: fc.oneof(fc.bigInt(1n, 50n), fc.bigInt(2n ** 53n, 2n ** 62n)),
  quantity: fc.oneof(fc.bigInt(1n, 20n), fc.bigInt(1n, 2n ** 40n)),
  fee: fc.bigInt(-5n, 2n ** 40n),
});

/** The same by another way: what is open is a row of lots of one unit price each, spread anew after every change. */
class NaiveAccount {
  position = 0n;
  cost = 0n;
  realised = 0n;
  cash = 0n;
  fees = 0n;

  fill({ side, price, quantity, fee }: Execution): void {
    this.fees += fee;
    this.cash -= fee * FEE_SCALE;
    this.cash += side === BUY ? -(price * quantity) : price * quantity;
    const isLong = this.position > 0n;
    const held = isLong ? this.position : -this.position;
    if (held === 0n || isLong === (side === BUY)) {
      this.cost += price * quantity;
      this.position += side === BUY ? quantity : -quantity;
    } else if (quantity <= held) {
      this.#close(price, quantity, held, isLong);
    } else {
      this.#close(price, held, held, isLong);
      this.fill({ side, price, quantity: quantity - held, fee: 0n });
      this.cash -= side === BUY ? -(price * (quantity - held)) : price * (quantity - held); // counted above
    }
  }

  #close(price: bigint, quantity: bigint, held: bigint, isLong: boolean): void {
    const released = (this.cost * quantity) / held;
    this.cost -= released;
    this.realised += isLong ? price * quantity - released : released - price * quantity;
    this.position += isLong ? -quantity : quantity;
  }
}

describe("an account", () => {
  test("gives what a naive one gives, to the last unit", () => {
    let passedZero = 0;
    fc.assert(
      fc.property(fc.array(execution, { maxLength: 40 }), (executions) => {
        const account = new Account();
        const naive = new NaiveAccount();
        for (const one of executions) {
          const before = account.position;
          account.fill(one.side, one.price, one.quantity, one.fee);
          naive.fill(one);
          if (before > 0n !== account.position > 0n && before !== 0n && account.position !== 0n) passedZero++;
          expect(account).toMatchObject({
            position: naive.position,
            costBasis: naive.cost,
            realised: naive.realised,
            cash: naive.cash,
            fees: naive.fees,
          });
        }
        expect(account.fillCount).toBe(executions.length);
      }),
    );
    expect(passedZero).toBeGreaterThan(20);
  });

  test("loses nothing: cash is profit less what the open position cost", () => {
    fc.assert(
      fc.property(fc.array(execution, { maxLength: 60 }), (executions) => {
        const account = new Account();
        for (const { side, price, quantity, fee } of executions) account.fill(side, price, quantity, fee);
        const tiedUp = account.position > 0n ? account.costBasis : -account.costBasis;
        expect(account.cash).toBe(account.profit - tiedUp);
        if (account.position === 0n) expect(account.costBasis).toBe(0n);
        expect(account.costBasis).toBeGreaterThanOrEqual(0n);
      }),
    );
  });

  test("says all of it as decimal text", () => {
    const account = new Account();
    account.fill(BUY, 6_000_000_000_001n, 1_500_000n, 7n);
    account.fill(SELL, 6_000_000_000_002n, 500_000n, 7n);
    expect(account.state()).toEqual({
      position: "0.01",
      cash: "-600.00000014005",
      fees: "0.00000014",
      realised: "0.00000000005",
      fills: 2,
    });
  });
});
