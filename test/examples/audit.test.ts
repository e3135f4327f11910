import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { FillTLV, InstrumentId, OrderAckTLV, OrderRequestTLV, RelayDomain, TLVBuilder } from "alphapulse";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { Ledger } from "../../examples/demo/accounts.js";

const AUDIT = fileURLToPath(new URL("../../examples/books-of-account.mjs", import.meta.url));
const PORTFOLIO = 60;
const VENUE = 80;
const folder = mkdtempSync(join(tmpdir(), "alphapulse-audit-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function audit(bytes: Uint8Array, ...args: string[]) {
  const file = join(folder, "execution.bin");
  writeFileSync(file, bytes);
  return spawnSync(process.execPath, [AUDIT, file, ...args], { encoding: "utf8" });
}

const instruments = ["BTCUSDT", "DOGEUSDT"].map((symbol) => InstrumentId.of(100, 12, symbol));
const execution = fc.record({
  instrument: fc.constantFrom(...instruments),
  strategyId: fc.constantFrom(1, 2),
  side: fc.constantFrom(1, 2),
  price: fc.oneof(fc.bigInt(1n, 100n), fc.bigInt(2n ** 53n, 2n ** 62n)),
  quantity: fc.oneof(fc.bigInt(1n, 20n), fc.bigInt(1n, 2n ** 63n)),
  fee: fc.bigInt(-10n, 2n ** 50n),
  rejectReason: fc.constantFrom(0, 0, 6, 11),
});

/** The relay's messages and, by the demo's own accounts, what they say: portfolio and venue. */
function play(executions: readonly (typeof execution extends fc.Arbitrary<infer T> ? T : never)[]) {
  const requests = new TLVBuilder({ domain: RelayDomain.Execution, source: PORTFOLIO });
  const answers = new TLVBuilder({ domain: RelayDomain.Execution, source: VENUE });
  const portfolio = new Ledger({ knowsStrategies: true });
  const venue = new Ledger();
  const messages: Uint8Array[] = [];
  executions.forEach(({ instrument, strategyId, side, price, quantity, fee, rejectReason }, i) => {
    const clientOrderId = BigInt(i + 1);
    const order = {
      instrument,
      clientOrderId,
      price,
      quantity,
      stopPrice: 0n,
      expiresAt: 0n,
      signalId: 1n,
      strategyId,
    };
    const terms = { side, orderType: 1, timeInForce: 2, flags: 0, account: "demo" };
    messages.push(requests.add(OrderRequestTLV, { ...order, ...terms }).build());
    portfolio.order();
    venue.order();
    const ack = {
      clientOrderId,
      venueOrderId: 1n,
      exchangeTimestamp: 0n,
      venue: 100,
      status: rejectReason === 0 ? 1 : 2,
      rejectReason,
    };
    answers.add(OrderAckTLV, ack);
    if (rejectReason === 0) {
      answers.add(FillTLV, { instrument, clientOrderId, fillId: 1n, price, quantity, fee, side, liquidity: 2 });
      portfolio.fill(instrument, side, price, quantity, fee, strategyId);
      venue.fill(instrument, side, price, quantity, fee);
    } else {
      portfolio.reject(VENUE, rejectReason);
      venue.reject(VENUE, rejectReason);
    }
    messages.push(answers.build());
  });
  return { bytes: Buffer.concat(messages), portfolio, venue };
}

const [first] = fc.sample(fc.array(execution, { minLength: 30, maxLength: 30 }), { numRuns: 1, seed: 7 });

describe("the audit", () => {
  test("finds from the messages alone what the demo's accounts say, to the last unit", { timeout: 60_000 }, () => {
    fc.assert(
      fc.property(fc.array(execution, { maxLength: 60, size: "max" }), (executions) => {
        const { bytes, portfolio, venue } = play(executions);
        const summary = join(folder, "summary.json");
        const books = { portfolio: portfolio.books(), venue: venue.books(), venueSource: VENUE };
        writeFileSync(summary, JSON.stringify({ books }));
        const { status, stderr, stdout } = audit(bytes, "--against", summary);
        expect(stderr).toBe("");
        expect(status).toBe(0);
        expect(JSON.parse(stdout)).toEqual(portfolio.books());
      }),
      { numRuns: 15 },
    );
  });

  test("names the figure that differs", () => {
    const { bytes, portfolio, venue } = play(first ?? []);
    const other = instruments[0] as InstrumentId;
    venue.fill(other, 1, 1n, 1n, 0n);
    const summary = join(folder, "summary.json");
    const books = { portfolio: portfolio.books(), venue: venue.books(), venueSource: VENUE };
    writeFileSync(summary, JSON.stringify({ books }));
    const { status, stderr } = audit(bytes, "--against", summary);
    expect(status).toBe(1);
    expect(stderr).toMatch(/^books of account: venue fills: the messages give \d+, it says \d+$/m);
    expect(stderr).not.toContain("portfolio");
  });

  test("refuses a file that is not whole or not right, saying where", () => {
    const { bytes } = play(first ?? []);
    const cases: [Uint8Array, RegExp][] = [
      [bytes.subarray(0, bytes.length - 1), /message at byte \d+: the file ends within it/],
      [bytes.subarray(0, 20), /message at byte 0: the file ends within its header/],
      [Buffer.concat([Buffer.from("no"), bytes]), /message at byte 0: does not begin with the magic number/],
    ];
    const changed = Buffer.from(bytes);
    changed[50] = (changed[50] as number) ^ 1;
    cases.push([changed, /message at byte 0: its checksum is wrong/]);
    for (const [broken, what] of cases) {
      const { status, stderr, stdout } = audit(broken);
      expect(status).toBe(1);
      expect(stderr).toMatch(what);
      expect(stderr).not.toContain("    at ");
      expect(stdout).toBe("");
    }
  });

  test("says how it is used", () => {
    const { status, stderr } = spawnSync(process.execPath, [AUDIT], { encoding: "utf8" });
    expect(status).toBe(2);
    expect(stderr).toContain("usage:");
  });
});
