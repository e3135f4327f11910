import { execFile } from "node:child_process";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { TLVBuilder } from "../../src/protocol/builder.js";
import { messageBuffer } from "../../src/protocol/message-buffer.js";
import { RelayDomain } from "../../src/protocol/tables.js";
import { type TransportUnderTest, transportConformance } from "../../src/testing/transport-conformance.js";
import { PingTLV } from "../../src/tlvs/session-control.js";
import type { Link, TransportGuarantees } from "../../src/transports/transport.js";
import { bundled } from "../support/bundle.js";
import { FAULTS, type Fault, memoryTransport } from "./memory-transport.js";

/** What each test of the suite must catch, by the test's name. Other tests may catch it too. */
const CATCHES: Readonly<Record<string, readonly Fault[]>> = {
  "a transport says as data what it guarantees": [
    "guarantees nothing in particular",
    "names another scheme in its address",
  ],
  "a transport refuses a bad address with BAD_ADDRESS, at both ends": ["takes any address", "refuses without a code"],
  "a transport refuses an address where somebody listens with ADDRESS_IN_USE, and leaves that one alone": [
    "shares an address",
    "throws away who listened before",
  ],
  "a transport gives an address to one of two who ask at once": ["shares an address"],
  "a transport says NOT_LISTENING where nobody listens, in the time that it was given": [
    "connects to nobody",
    "answers a connect never",
  ],
  "a transport closed takes no more links, and keeps those that are there": [
    "keeps taking links after a close",
    "ends its links with the listener",
    "fails at a second close of the listener",
  ],
  "a transport can be listened at again after a close, also while links of before are there": [
    "never gives an address back",
  ],
  "a transport keeps links at once apart, and ends one without the others": ["mixes its links"],
  "a transport refuses with ABORTED to listen or connect for a signal that has aborted already": [
    "takes no notice of an aborted signal",
  ],
  "a transport gives up with ABORTED what its signal ends while it goes on": [
    "gives nothing up for a signal",
    "listens on after it gave up",
  ],
  "a transport lets a signal close its listener, and leaves alone links that are there": [
    "gives nothing up for a signal",
    "ends links by the signal that they were connected with",
  ],
  "a transport leaves nothing on a signal once it has connected, or no longer listens": ["stays on a signal"],
  "a transport leaves no handle behind, after a hundred links that were opened and ended": ["leaves a timer behind"],

  "a link hands over every message once and in order, to the server": [
    "loses a message now and then",
    "delivers a message twice",
    "swaps two messages",
    "changes a byte",
    "never says ready",
    "counts no pending bytes back",
    "throws where it should push back",
  ],
  "a link hands over every message once and in order, to the client": ["loses a message now and then"],
  "a link carries both directions at once, and lets a handler answer": ["swaps two messages"],
  "a link carries messages of every size up to its limit": ["shortens large messages", "refuses its largest message"],
  "a link answers what it cannot carry with tooLarge, and goes on": [
    "answers sent to what is too large",
    "guarantees less than it carries",
  ],
  "a link sends a message from anywhere within a larger memory, and copies it": [
    "sends the memory and not a copy",
    "reads at offset 0",
  ],
  "a link delivers what is sent ahead, once and whole, and the others as if nothing were between": [
    "loses what is sent ahead",
    "cuts what is sent ahead",
    "delivers twice what is sent ahead",
    "refuses all that is sent ahead",
  ],
  "a link carries messages without a payload": ["drops empty messages"],
  "a link carries its largest messages one behind the other, through back pressure": ["refuses its largest message"],
  "a link carries both directions through back pressure at once: neither waits for the other": [
    "waits for the other direction",
  ],
  "a link keeps, or does not take, what is sent before the other end has started": ["loses what came before the start"],

  "a link pushes back when nobody reads, takes a bounded amount, and says when there is room": [
    "takes without a bound",
    "delivers while paused",
    "never says ready",
  ],
  "a link takes a bounded amount that is sent ahead when nobody reads, and delivers what it took": [
    "takes ahead without a bound",
  ],
  "a link says there is room to one who had none for what goes ahead": ["never says ready to what goes ahead"],
  "a link says there is room only to one who asked in vain": ["says ready unasked"],
  "a link says there is room once for each time that it pushed back": ["says ready twice"],
  "a link lets ready send on, until there is no room again": ["never says ready"],
  "a link paused and resumed again and again loses nothing": ["forgets to go on after resume"],
  "a link paused by its handler hands over only what was read, and the rest when it goes on": [
    "delivers while paused",
    "forgets to go on after resume",
  ],
  "a link paused before it is started hands nothing over until it goes on": ["delivers while paused before the start"],

  "a link closed delivers first what was sent, then ends both, once and without an error": [
    "loses what was sent before a close",
    "tells of a close as an error",
    "tells of the end twice",
    "never tells of the end",
    "tells the other end nothing",
    "answers sent after the end",
    "never finishes a close",
  ],
  "a link closed in the turn in which many small messages were sent delivers them all": [
    "loses what was sent before a close",
  ],
  "a link closed loses nothing that it still takes meanwhile": ["takes messages while it closes, and loses them"],
  "a link closed while the other end is paused delivers all when it goes on": ["loses what was sent before a close"],
  "a link closed delivers its last message even to an end that keeps sending": ["loses what was sent before a close"],
  "a link disposed of delivers first what was sent, as one that is closed does": ["does nothing when disposed of"],
  "a link closed by both at once ends both, once": ["tells of the end twice"],
  "a link destroyed by its handler ends both, once, and hands over nothing more": ["keeps delivering after destroy"],
  "a link whose handler throws ends both, and tells the error to that end alone": [
    "lets a handler's error through",
    "swallows a handler's error",
  ],
  "a link answers closed to what is sent from within closed": ["answers sent after the end"],
  "a link tells its end to one who starts only afterwards": ["tells nobody who starts late"],
  "a link destroyed with room still wanted says no more that there is room": ["says ready after the end"],
};

/** Long enough for what is right, short enough for what never comes. */
const TIMEOUT_MS = 150;

let addresses = 0;

function underTest(fault?: Fault, promised?: Partial<TransportGuarantees>): TransportUnderTest {
  const transport = memoryTransport(fault, promised);
  return {
    transport,
    address: () => `name-${++addresses}`,
    badAddresses: ["!"],
    takenBytesMax: 128 << 10,
    payloadBytesMax: 16 << 10,
    cleanUp: () => transport.cleanUp(),
  };
}

/** The tests that a runner is given, by name. */
function suiteOf(make: () => TransportUnderTest, timeoutMs?: number): Map<string, () => Promise<void>> {
  const tests = new Map<string, () => Promise<void>>();
  const limits = timeoutMs === undefined ? {} : { timeoutMs };
  transportConformance("memory://", make, {
    test: (name, run) => tests.set(name.replace("memory://: ", ""), run),
    ...limits,
  });
  return tests;
}

describe("the conformance suite passes a transport that is right:", () => {
  test.each([...suiteOf(() => underTest())])("%s", (_, run) => run());
});

describe("the conformance suite catches", () => {
  const pairs = Object.entries(CATCHES).flatMap(([name, faults]) => faults.map((fault) => [fault, name] as const));

  test.each(pairs)("a transport that %s: %s", async (fault, name) => {
    const run = suiteOf(() => underTest(fault), TIMEOUT_MS).get(name) as () => Promise<void>;
    const error = await run().then(
      () => "passed",
      (caught: unknown) => caught,
    );
    expect(error).toBeInstanceOf(Error);
  });

  test("every fault there is, and something with each of its tests", () => {
    expect(new Set(pairs.map(([fault]) => fault))).toEqual(new Set(FAULTS));
    expect(Object.keys(CATCHES)).toEqual([...suiteOf(() => underTest()).keys()]);
  });

  test("what comes too late, and says what it waited for", async () => {
    const name = "a link tells its end to one who starts only afterwards";
    const run = suiteOf(() => underTest("never tells of the end"), 100).get(name) as () => Promise<void>;
    const text = "waited 100 ms in vain: closed at the end that was destroyed";
    await expect(run()).rejects.toThrow(expect.objectContaining({ code: "NOT_CONFORMING", message: text }));
  });
});

describe("what a transport does not guarantee is not asked of it:", () => {
  test.each<[Fault, Partial<TransportGuarantees>]>([
    ["loses a message now and then", { isLossless: false }],
    ["takes without a bound", { isLossless: false }],
    ["delivers a message twice", { isDeduplicated: false }],
    ["swaps two messages", { isOrdered: false }],
    ["tells the other end nothing", { tellsOfEnd: false }],
    ["tells the other end nothing", { tellsOfEnd: false, isLossless: false, isOrdered: false, isDeduplicated: false }],
  ])("one that %s passes with %j", async (fault, promised) => {
    for (const run of suiteOf(() => underTest(fault, promised)).values()) await run();
  });
});

test("what prepares a link at each of its ends, before it is started, may send what the suite does not look at", async () => {
  const sides = new Set<string>();
  const ping = new TLVBuilder({ domain: RelayDomain.System, source: 0 }).add(PingTLV, { nonce: 1n, timestamp: 0n });
  const bytes = ping.build();
  const prepare = (link: Link, side: "client" | "server"): void => {
    sides.add(side);
    link.send(messageBuffer(bytes), 0, bytes.byteLength);
  };
  const suite = suiteOf(() => ({ ...underTest(), prepare }));
  await suite.get("a link hands over every message once and in order, to the server")?.();
  await suite.get("a transport keeps links at once apart, and ends one without the others")?.();
  expect(sides).toEqual(new Set(["client", "server"]));
});

describe("under another runner", () => {
  let program: Awaited<ReturnType<typeof bundled>>;
  beforeAll(async () => {
    program = await bundled(new URL("./conformance-program.ts", import.meta.url));
  });
  afterAll(() => program.remove());

  /** The report of node:test, and how the process ended. */
  const report = (...args: string[]) =>
    new Promise<{ code: unknown; tap: string }>((resolve) => {
      execFile(process.execPath, ["--test-reporter=tap", program.file, ...args], (error, tap) => {
        resolve({ code: error?.code ?? 0, tap });
      });
    });

  test("node:test, ring:// passes it", async () => {
    const { code, tap } = await report();
    expect(tap).toContain(`# pass ${Object.keys(CATCHES).length}\n# fail 0\n`);
    expect(code).toBe(0);
  });

  test("node:test, a fault fails the run", async () => {
    const { code, tap } = await report("tells nobody who starts late");
    expect(tap).toContain("# fail 1\n");
    expect(tap).toContain("closed at the end that starts after the other was destroyed");
    expect(code).toBe(1);
  });

  test("one with globals needs to be told nothing, and one without is asked for", () => {
    expect(() => transportConformance("x", () => underTest())).toThrow(expect.objectContaining({ code: "BAD_OPTION" }));
    const names: string[] = [];
    const globals = globalThis as { it?: unknown; describe?: unknown };
    try {
      globals.it = (name: string) => names.push(name);
      globals.describe = (name: string, register: () => void) => {
        names.push(`in ${name}:`);
        register();
      };
      transportConformance("x", () => underTest());
    } finally {
      delete globals.it;
      delete globals.describe;
    }
    expect(names).toEqual(["in x:", ...Object.keys(CATCHES)]);
  });
});
