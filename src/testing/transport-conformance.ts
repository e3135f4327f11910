import { AlphaPulseError } from "../protocol/errors.js";
import { ADDRESSES } from "./conformance/addresses.js";
import { BACK_PRESSURE } from "./conformance/back-pressure.js";
import { DELIVERY } from "./conformance/delivery.js";
import { ENDINGS } from "./conformance/endings.js";
import { LinkBed, type LinksUnderTest, type LinkTests } from "./conformance/link-bed.js";
import { TransportBed, type TransportTests, type TransportUnderTest } from "./conformance/transport-bed.js";

export type { TransportUnderTest } from "./conformance/transport-bed.js";

/** What runs the tests of {@link transportConformance}: vitest, `node:test`, jest, mocha, or a function of one's own. */
export interface ConformanceRunner {
  /** Takes a test: `test` of the runner; default the global `test` or `it`. A test fails by its rejection. */
  readonly test?: (name: string, run: () => Promise<void>) => unknown;
  /** Takes what belongs together; default the global `describe`, and without one the names say it. */
  readonly describe?: (name: string, register: () => void) => unknown;
  /** How long a test may wait for any one thing; default 5,000 ms. A test waits for several. */
  readonly timeoutMs?: number;
}

const TIMEOUT_MS_DEFAULT = 5_000;

const LINK_TESTS: LinkTests = { ...DELIVERY, ...BACK_PRESSURE, ...ENDINGS };
const TRANSPORT_TESTS: TransportTests = ADDRESSES;

/**
 * Registers the tests that every transport of this library passes: what arrives, what happens where one end is slower,
 * how links end, what addresses promise. What a transport does not guarantee (`transport.guarantees`) is not asked of it. A test that fails throws an
 * `AlphaPulseError` with code `NOT_CONFORMING` that says what was expected; no wait is longer than `timeoutMs`.
 *
 * @param name the transport's, as in `unix`
 * @param make called for each test
 * @param runner default: the globals `test` and `describe`
 * @throws AlphaPulseError BAD_OPTION where there is no `test`
 */
export function transportConformance(
  name: string,
  make: () => TransportUnderTest | Promise<TransportUnderTest>,
  runner: ConformanceRunner = {},
): void {
  register(name, runner, (add, timeoutMs) => {
    const bedOf = async (): Promise<TransportBed> => new TransportBed(await make(), timeoutMs);
    for (const [what, run] of Object.entries(TRANSPORT_TESTS)) {
      add(`a transport ${what}`, async () => finished(await bedOf(), run));
    }
    addLinkTests(add, timeoutMs, async () => (await bedOf()).asLinks());
  });
}

/** The tests of links alone, for links that no address leads to. */
export function linkConformance(
  name: string,
  make: () => LinksUnderTest | Promise<LinksUnderTest>,
  runner: ConformanceRunner = {},
): void {
  register(name, runner, (add, timeoutMs) => addLinkTests(add, timeoutMs, make));
}

type Add = (name: string, run: () => Promise<void>) => void;

function addLinkTests(add: Add, timeoutMs: number, make: () => LinksUnderTest | Promise<LinksUnderTest>): void {
  for (const [what, run] of Object.entries(LINK_TESTS)) {
    add(`a link ${what}`, async () => finished(new LinkBed(await make(), timeoutMs), run));
  }
}

/** Runs a test in its bed, and takes the bed away; what the test itself says comes first. */
async function finished<Bed extends { cleanUp(): Promise<void> }>(bed: Bed, run: (bed: Bed) => Promise<void>) {
  try {
    await run(bed);
  } catch (error) {
    await bed.cleanUp().catch(() => {});
    throw error;
  }
  await bed.cleanUp();
}

function register(name: string, runner: ConformanceRunner, addAll: (add: Add, timeoutMs: number) => void): void {
  const globals = globalThis as Pick<ConformanceRunner, "test" | "describe"> & { it?: ConformanceRunner["test"] };
  const test = runner.test ?? globals.test ?? globals.it;
  const describe = runner.describe ?? (runner.test === undefined ? globals.describe : undefined);
  const { timeoutMs = TIMEOUT_MS_DEFAULT } = runner;
  if (test === undefined) {
    throw new AlphaPulseError(
      "BAD_OPTION",
      "transportConformance: there is no global test; give it one: import { describe, test } from your runner, then { describe, test }",
    );
  }
  if (describe === undefined) addAll((what, run) => test(`${name}: ${what}`, run), timeoutMs);
  else describe(name, () => addAll((what, run) => test(what, run), timeoutMs));
}
